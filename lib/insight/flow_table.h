// FlowTable: what the records of a pass add up to, for all workers together, in bounded memory. See flowlogs/insight/detect.h.
//
//   worker   FlowBox, one a part: the flows of some records, each alone; full, they are added to the part
//   shared   parts of the hash, each with its own lock
//
// What is kept is a function of the records alone: a flow stays if the hash of its outside address is below the limit, and the
// limit is the largest power of two for which the flows fit.
#ifndef FLOWLOGS_LIB_INSIGHT_FLOW_TABLE_H_
#define FLOWLOGS_LIB_INSIGHT_FLOW_TABLE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "flowlogs/schema/address.h"
#include "lib/query/group_table.h"
#include "lib/query/interner.h"
#include "lib/query/memory.h"
#include "lib/query/observations.h"
#include "lib/query/sink.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {

// A flow: all packets between a client and a server's port that began in one hour, or, where the packets were let through and
// nobody logs in at the port (kDaily), in one day. Addresses are codes of AddressBook.
struct FlowKey {
  uint32_t server;
  uint32_t client;
  uint8_t bits;  // kTold, ...: functions of the record's addresses
  uint8_t protocol;
  uint16_t port;
  uint32_t hour;  // since 1970; of a day the first

  bool is(uint8_t bit) const { return (bits & bit) != 0; }
  uint32_t service() const { return uint32_t{port} << 8 | protocol; }
  static constexpr uint8_t kTold = 1;  // the client is told by ports or flags; else it is the sender
  static constexpr uint8_t kClientInside = 2, kServerInside = 4, kClientOutside = 8, kServerOutside = 16;
  static constexpr uint8_t kClientListed = 32, kServerListed = 64, kDaily = 128;
};
static_assert(sizeof(FlowKey) == 16);

// Sums of a flow. All zeros is nothing; Add() is commutative and associative, for sums stop at the greatest number. `up` is
// from the client.
struct FlowSums {
  uint32_t up_records, up_rejected, down_records, down_rejected;
  uint32_t up_packets, down_packets;  // that were let through
  uint32_t rejected_packets;          // of the client; of a flow without any of its records, of the server
  uint32_t interface;                 // 1 + code, 0: none
  uint64_t up_bytes, down_bytes;      // that were let through
  uint64_t client_ports;              // one bit a port, by a hash
  uint32_t first_inverted, last;            // ~seconds, seconds
  uint16_t least_port_inverted, most_port;  // of the client
  uint8_t up_flags, down_flags;             // of TCP
  uint8_t has_flags;
  uint8_t longest;  // packets of the client's largest record, at most 255

  void Add(const FlowSums& other);  // but the interface
};
static_assert(sizeof(FlowSums) == 72);
inline constexpr size_t kFlowWords = sizeof(FlowSums) / 8;

// Flows of one part of a FlowTable, each of one record, until there are enough of them.
struct FlowBox {
  static constexpr size_t kMost = 256;
  std::vector<FlowKey> keys;
  std::vector<FlowSums> sums;
  uint32_t level = 0;  // at which all of them are kept
};

// Rejected records of noise that one inside address got in one hour.
struct NoiseHour {
  uint64_t records = 0, packets = 0;
  uint32_t first = ~uint32_t{0}, last = 0;
  void Add(const NoiseHour& other) {
    records += other.records;
    packets += other.packets;
    first = std::min(first, other.first);
    last = std::max(last, other.last);
  }
};

// A record of a connection between inside and outside that was let through, from the client.
struct Contact {
  uint32_t client, server;
  uint32_t start, end;
  uint32_t bytes;  // at most 2^32 - 1
  uint16_t port, client_port;
  uint32_t protocol : 8, interface : 24;  // interface: 1 + code, 0: none

  static uint32_t InterfaceOf(uint32_t interface) { return interface >> 24 == 0 ? interface : 0; }
};
static_assert(sizeof(Contact) == 28);

// What an address sent and got in an hour, of what was let through and counts.
struct HourSums {
  uint64_t bytes = 0, records = 0;
  void Add(const HourSums& other) {
    bytes += other.bytes;
    records += other.records;
  }
};

// What an interface logged in ten minutes.
struct InterfaceBin {
  uint32_t records = 0, skipdata = 0;
  uint32_t first = ~uint32_t{0}, last = 0;
  bool is_empty() const { return last == 0; }
  void Add(const InterfaceBin& other) {
    records += other.records;
    skipdata += other.skipdata;
    first = std::min(first, other.first);
    last = std::max(last, other.last);
  }
};
inline constexpr uint32_t kInterfaceBinSeconds = 600;

// What an address is: bits.
inline constexpr uint8_t kInside = 1, kOwn = 2, kPublic = 4, kListed = 8;

// Addresses and texts by codes that all workers share. An IPv4 address below 240.0.0.0 is its bits, as in Interner.
class AddressBook {
 public:
  uint32_t Code(IpAddress address);
  uint32_t TextCode(std::string_view text);
  bool IsLess(uint32_t text_a, uint32_t text_b) const;  // the texts
  IpAddress Locked(uint32_t code) const {  // address() while others add
    if (code < Interner::kFirstOdd) return IpAddress::V4(code);
    const std::lock_guard lock(mutex_);
    return interner_.address(code);
  }
  // After the pass.
  IpAddress address(uint32_t code) const { return interner_.address(code); }
  std::string_view text(uint32_t code) const { return interner_.text(code); }
  size_t bytes() const { return interner_.bytes(); }

 private:
  mutable std::mutex mutex_;
  Interner interner_;
};

// Counts of a byte each, which stop at kMost.
class ByteCounts {
 public:
  static constexpr uint8_t kMost = 255;
  explicit ByteCounts(size_t size) : memory_(size) {}

  uint8_t operator[](size_t at) const { return counts()[at]; }
  void Add(size_t at) { counts()[at] += counts()[at] != kMost ? 1 : 0; }
  void Fill(size_t at) { counts()[at] = kMost; }
  void Prefetch(size_t at) const { __builtin_prefetch(&counts()[at]); }
  void Merge(const ByteCounts& other);  // REQUIRES: as many
  void Clear() { std::memset(counts(), 0, memory_.bytes()); }

 private:
  uint8_t* counts() const { return memory_.as<uint8_t>(); }
  ZeroedMemory memory_;
};

// How much sources tried, each in an hour, and each at one host: about, never too low, at most kMost.
class AttemptSketch {
 public:
  static constexpr uint8_t kMost = ByteCounts::kMost;
  static uint64_t HashOf(IpAddress a) {
    constexpr uint64_t kSeed = 0x243f6a8885a308d3, kV4 = MixWord(kSeed, 0);
    return MixWord(a.high() == 0 ? kV4 : MixWord(kSeed, a.high()), a.low());
  }
  // `source`, `target`: hashes.
  void Add(uint64_t source, uint64_t target, uint32_t hour) {
    counts_.Add(InHour(source, hour));
    counts_.Add(ByHost(source, target));
  }
  // Beside Add(), for who asks for InAll().
  void AddInAll(uint64_t source) { counts_.Add(ByHost(source, kAnyHost)); }
  uint8_t InAll(uint64_t source) const { return counts_[ByHost(source, kAnyHost)]; }
  // Brings near what is asked of a source next.
  void Prefetch(uint64_t source, uint64_t target, uint32_t hour) const {
    counts_.Prefetch(InHour(source, hour));
    counts_.Prefetch(ByHost(source, target));
  }
  uint8_t InAnHour(uint64_t source, uint32_t hour) const { return counts_[InHour(source, hour)]; }
  uint8_t AtOneHost(uint64_t source, uint64_t target) const { return counts_[ByHost(source, target)]; }
  // Whether it may be so many, in two hours next to each other of which this is one. What takes an hour seldom begins with
  // one of the clock.
  bool MayBeInAnHour(uint64_t source, uint32_t hour, uint32_t least) const {
    const uint32_t now = InAnHour(source, hour);
    least = std::min<uint32_t>(least, kMost);
    return now + InAnHour(source, hour - 1) >= least || now + InAnHour(source, hour + 1) >= least;
  }
  bool MayBeAtOneHost(uint64_t source, uint64_t target, uint32_t least) const {
    return AtOneHost(source, target) >= std::min<uint32_t>(least, kMost);
  }
  void Merge(const AttemptSketch& other) { counts_.Merge(other.counts_); }
  void Clear() { counts_.Clear(); }

 private:
  static constexpr int kBits = 22;
  // The hours of a source stand side by side, from a place of its own on, 32 of them in one line of the cache.
  static size_t InHour(uint64_t source, uint32_t hour) {
    constexpr uint32_t kLine = 32;
    return (MixWord(source, hour / kLine) >> (64 - kBits) & ~size_t{kLine - 1}) | ((source + hour) & (kLine - 1));
  }
  static size_t ByHost(uint64_t source, uint64_t target) { return MixWord(source + 1, target) >> (64 - kBits); }
  static constexpr uint64_t kAnyHost = 0;
  ByteCounts counts_{size_t{1} << kBits};
};

// The noise that takes no flow.
struct NoiseSums {
  uint64_t records = 0;
  std::array<uint64_t, 256> protocols{};
  std::vector<uint64_t> tcp_ports = std::vector<uint64_t>(65536);
  std::vector<uint64_t> udp_ports = std::vector<uint64_t>(65536);
  std::vector<uint8_t> source_registers = std::vector<uint8_t>(1 << 12);  // of a HyperLogLog
  std::vector<uint8_t> target_registers = std::vector<uint8_t>(1 << 12);
  absl::flat_hash_map<uint64_t, NoiseHour> targets;  // by code << 32 | hour
  void Merge(const NoiseSums& other);
};
void AddToRegisters(uint64_t hash, std::vector<uint8_t>* registers);
uint64_t CountOfRegisters(const std::vector<uint8_t>& registers);

// What the workers share.
class FlowTable {
 public:
  FlowTable(size_t max_flows, size_t max_contacts, const AddressSet* internal, const AddressSet* listed);

  // Rejected records of an outside address in an hour, or by one host: fewer of both, and they are noise.
  uint8_t least_in_an_hour = 15, least_by_a_host = 40;

  // Between the passes.
  AttemptSketch rejected;  // of public addresses; after the pass nobody's
  const Observations* observations = nullptr;

  uint8_t ClassOf(IpAddress address) const;
  AddressBook& book() { return book_; }
  const AddressBook& book() const { return book_; }

  // Whether flows of an outside address with this hash are kept at a level. Clients from outside, of which a public service
  // has many, are left out first.
  static bool IsKept(uint64_t hash, bool is_client, uint32_t level) {
    constexpr uint32_t kClientsFirst = 6;
    if (!is_client) level = level < kClientsFirst ? 0 : level - kClientsFirst;
    return level == 0 || hash >> (64 - level) == 0;
  }
  uint32_t level() const { return level_.load(std::memory_order_relaxed); }
  uint32_t contact_level() const { return contact_level_.load(std::memory_order_relaxed); }

  static constexpr size_t kParts = 8;
  static size_t PartOf(const FlowKey& key) {
    return GroupTable::Hash(reinterpret_cast<const uint64_t*>(&key), 2) >> (32 - std::countr_zero(kParts));
  }
  // Adds a worker's flows of a part, and empties their box; and its contacts.
  void AddFlows(size_t part, FlowBox* box);
  void AddContacts(std::vector<Contact>* contacts);
  void AddInterfaces(const absl::flat_hash_map<uint64_t, InterfaceBin>& bins);
  void AddNoise(const NoiseSums& noise);
  void AddHours(const absl::flat_hash_map<uint64_t, HourSums>& hours);
  // Of inside addresses, by code << 32 | hour.
  absl::flat_hash_map<uint64_t, HourSums> TakeHours() { return std::exchange(hours_, {}); }

  // No flows are added any more.
  void EndFlows() {
    for (Part& part : parts_) part.table->EndKeys();
  }
  template <typename F>
  void ForEach(size_t first_part, size_t last_part, F&& f) const {
    for (size_t p = first_part; p < last_part; ++p) {
      const GroupTable& table = *parts_[p].table;
      for (size_t i = 0; i < table.size(); ++i) {
        const GroupRow row = table.row(i);
        f(*reinterpret_cast<const FlowKey*>(row), *reinterpret_cast<const FlowSums*>(row + 2));
      }
    }
  }
  template <typename F>
  void ForEach(F&& f) const {
    ForEach(0, kParts, f);
  }
  size_t size() const;
  std::vector<Contact>& contacts() { return contacts_; }
  const absl::flat_hash_map<uint64_t, InterfaceBin>& interfaces() const { return interfaces_; }
  const NoiseSums& noise() const { return noise_; }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kMostLevels = 40;
  struct Part {
    std::mutex mutex;
    std::unique_ptr<GroupTable> table = std::make_unique<GroupTable>(2, kFlowWords);
  };
  void AddRow(const FlowSums& from, FlowSums* to) const;
  void Thin();
  bool IsKept(const FlowKey& key, uint32_t level) const;
  bool IsKept(const Contact& contact, uint32_t level) const;

  size_t max_flows_, max_contacts_;
  const AddressSet* internal_;
  const AddressSet* listed_;
  AddressBook book_;
  std::array<Part, kParts> parts_;
  std::atomic<size_t> num_flows_ = 0;
  std::atomic<uint32_t> level_ = 0, contact_level_ = 0;
  std::atomic<size_t> bytes_ = 0;
  std::mutex thin_mutex_;
  std::mutex mutex_;  // of what follows
  std::vector<Contact> contacts_;
  absl::flat_hash_map<uint64_t, InterfaceBin> interfaces_;
  absl::flat_hash_map<uint64_t, HourSums> hours_;
  NoiseSums noise_;
};

// The sinks of the two passes. What they refer to outlives them.
std::unique_ptr<LocalSink> MakeSurveySink();
const AttemptSketch& SurveyOf(const LocalSink& sink);
std::unique_ptr<LocalSink> MakeFlowSink(const RecordFilter& filter, const RunContext& context, FlowTable* table);
// Hands what is left in the sink to the table.
void FinishFlowSink(LocalSink* sink);

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_INSIGHT_FLOW_TABLE_H_
