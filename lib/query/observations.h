// Observations: what a first pass over the inputs finds out, so that derived columns are functions of the whole input and
// not of arrival order (CONTRACT D1, D2): whose addresses the interfaces are, and who began which conversation where the
// ports would tell it wrong.
//
// EVIDENCE, IN THIS ORDER
//   own side     1. flow-direction: ingress, the destination is the interface's own; egress, the source is.
//                2. the interface's address: the one that stands in every record of the interface (for IPv4 and IPv6
//                   each). Of two, the private one; else the one that is no other interface's.
//                3. exactly one of source and destination is private: that one.
//   client       1. tcp-flags of the record: SYN without ACK, the source is the client ("syn"); SYN with ACK, the
//                   destination is ("syn-ack"). Of a transit gateway's, which have ACKs of data, SYN with ACK
//                   and nothing else.
//                2. the same of another record of the conversation ("syn").
//                3. the ports ("port"): see ServerPortRank().
//                4. nothing ("unknown"): no ports, or the same on both sides.
//
// MEMORY  One entry an interface, one an own address. Of evidence 2 only conversations are kept whose ports say something
// else, at most kMaxConversations, chosen by a fixed hash: what is kept depends on the records alone, not on their order.
#ifndef FLOWLOGS_LIB_QUERY_OBSERVATIONS_H_
#define FLOWLOGS_LIB_QUERY_OBSERVATIONS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "flowlogs/schema/address.h"
#include "flowlogs/schema/format.h"
#include "lib/io/hash_table.h"
#include "lib/parse/record_batch.h"

namespace flowlogs {
inline namespace v1 {

enum class Side : uint8_t { kNone, kSource, kDestination };
constexpr Side Other(Side side) {
  return side == Side::kNone ? side : (side == Side::kSource ? Side::kDestination : Side::kSource);
}

// How the client was told.
enum class Evidence : uint8_t { kUnknown, kSyn, kSynAck, kPort };

inline constexpr int64_t kSyn = 2;  // of tcp-flags

// How much a port looks like a server's: 3 a known service, 2 any other below the ephemeral ports (32768), 1 a known service
// among these, 0 the rest. Of two ports of one rank the lower is the server's.
int ServerPortRank(int64_t port, int64_t protocol);

// The values of one record that observations look at. Missing: nullopt, kNullWord, "".
struct ObservedRecord {
  std::string_view interface_id;
  std::string_view flow_direction;
  bool is_transit_gateway = false;  // the format has no interface-id but a tgw-id: no side is the interface's own
  std::optional<IpAddress> source, destination;
  int64_t srcport = kNullWord;
  int64_t dstport = kNullWord;
  int64_t protocol = kNullWord;
  int64_t tcp_flags = kNullWord;
};

// What is derived from a record and the observations.
struct Orientation {
  Side own = Side::kNone;
  Side client = Side::kNone;
  Evidence evidence = Evidence::kUnknown;
};

// A conversation: the five-tuple without its direction, as a fixed hash. nullopt without addresses.
std::optional<uint64_t> ConversationOf(const ObservedRecord& record);

// Gathers and answers. Not thread-safe while it gathers; Merge() those of several workers, then Resolve() once.
class Observations {
 public:
  static constexpr size_t kMaxConversations = 1 << 20;

  // Takes note of a record. In any order.
  void Observe(const ObservedRecord& record);
  // The one IPv4 address that stands in all records of the interface so far, if there is just one. Other records with it have
  // nothing to add, but for their direction and flags with kSyn.
  std::optional<IpAddress> InAllSoFar(std::string_view interface_id) const;
  void Merge(const Observations& other);
  // Settles whose addresses the interfaces are. Observe() may go on afterwards, and Resolve() be called again.
  void Resolve();

  // The addresses of an interface, as far as they are known. REQUIRES: Resolve().
  struct Own {
    std::optional<IpAddress> v4, v6;
  };
  Own OwnOf(std::string_view interface_id) const;
  // REQUIRES: Resolve(). `own`: OwnOf() the record's interface, for who asks for many records of few interfaces.
  Orientation Orient(const ObservedRecord& record) const { return Orient(record, nullptr); }
  Orientation Orient(const ObservedRecord& record, const Own* own) const;
  // Whether the address is an interface's own.
  bool IsOwn(IpAddress address) const { return own_.contains(Key(address)); }
  // Whether the record is the one that counts of all records of the same packets (CONTRACT D2): that of the sender's
  // interface; the receiver's if the sender's is not in the input; any if neither is. Of a transit gateway: ingress, if the
  // input has any.
  bool IsCounted(const ObservedRecord& record, const Orientation& orientation) const;

 private:
  using AddressKey = std::pair<uint64_t, uint64_t>;
  static AddressKey Key(IpAddress a) { return {a.high(), a.low()}; }

  // The addresses that stand in every record of an interface so far, of one family: two after the first record.
  struct Candidates {
    IpAddress first, second;
    int count = -1;  // -1: no record yet
    void Intersect(IpAddress a, IpAddress b);
    void Intersect(const Candidates& other);
  };
  struct Interface {
    Candidates v4, v6;
    Own own;
  };
  static constexpr uint8_t kFirstIsClient = 1;
  static constexpr uint8_t kSecondIsClient = 2;
  void NoteConversation(uint64_t conversation, uint8_t client);
  void TrimConversations();

  static void Add(const AddressKey& key, absl::flat_hash_set<AddressKey>* to) {
    GrowTable(*to, [&](auto& table) { table.insert(key); });
  }

  absl::flat_hash_map<std::string, Interface> interfaces_;
  absl::flat_hash_set<AddressKey> told_;  // own addresses by flow-direction
  absl::flat_hash_set<AddressKey> own_;   // all own addresses, after Resolve()
  absl::flat_hash_map<uint64_t, uint8_t> conversations_;  // those that the ports would tell wrong
  uint64_t last_kept_ = std::numeric_limits<uint64_t>::max();
  bool has_gateway_ingress_ = false;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_OBSERVATIONS_H_
