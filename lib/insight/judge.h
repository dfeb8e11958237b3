// Judge: what the kinds of findings have in common. Each family of kinds is a file: judge_*.cc.
#ifndef FLOWLOGS_LIB_INSIGHT_JUDGE_H_
#define FLOWLOGS_LIB_INSIGHT_JUDGE_H_

#include <compare>
#include <cstdint>
#include <future>
#include <initializer_list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "flowlogs/insight/detect.h"
#include "lib/insight/flow_table.h"
#include "lib/query/expression.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {

enum class Outcome : uint8_t { kRejected, kUnanswered, kAnswered, kPayload };
std::string_view OutcomeText(Outcome outcome);
// "1 host", "2 hosts".
std::string Count(uint64_t number, std::string_view what);

// A row of the FlowTable.
struct Flow {
  const FlowKey* key;

  const FlowKey& operator*() const { return *key; }
  const FlowSums* sums() const { return reinterpret_cast<const FlowSums*>(key + 1); }
  uint32_t accepted() const {
    const uint32_t rejected = sums()->up_rejected;
    return sums()->up_records > rejected ? sums()->up_records - rejected : 0;
  }
  // Rejected attempts also where the sender's interface, which is the one that counts, let them through.
  uint32_t attempts() const { return std::max(sums()->up_records, sums()->up_rejected); }
  int64_t first() const { return static_cast<uint32_t>(~sums()->first_inverted); }
  int64_t last() const { return sums()->last; }
  uint32_t first_hour() const { return static_cast<uint32_t>(first() / 3600); }
  uint16_t least_port() const { return static_cast<uint16_t>(~sums()->least_port_inverted); }
  uint64_t pair() const { return uint64_t{key->client} << 32 | key->server; }
  Outcome outcome() const;
  // Connections, about: client ports as one of 64 bits each; at least what one bit each would be, never more than records.
  uint32_t sessions() const;
};

// A service that gave a client data.
struct ServedEnd {
  uint32_t client, server;
  uint32_t service;  // FlowKey::service()
  friend auto operator<=>(const ServedEnd&, const ServedEnd&) = default;
};

// Sums of several flows.
struct FlowSpan {
  int64_t first = -1, last = 0;
  uint64_t records = 0, rejected = 0, up_bytes = 0, down_bytes = 0, up_packets = 0, down_packets = 0;
  uint32_t interface = 0;
  Outcome best = Outcome::kRejected;
};

// Sums of inside addresses, both ways, in each hour that has some bytes.
class HostHours {
 public:
  struct Hour {
    uint32_t host, hour;
    HourSums sums;
    uint64_t place() const { return uint64_t{host} << 32 | hour; }
  };
  HostHours() = default;
  // By code << 32 | hour.
  explicit HostHours(const absl::flat_hash_map<uint64_t, HourSums>& hours);

  size_t num_hosts() const { return num_hosts_; }
  // f(host, its hours in order), hosts by their codes.
  template <typename F>
  void ForEach(F f) const {
    for (size_t begin = 0, end; begin < hours_.size(); begin = end) {
      for (end = begin + 1; end < hours_.size() && hours_[end].host == hours_[begin].host;) ++end;
      f(hours_[begin].host, std::span(hours_).subspan(begin, end - begin));
    }
  }
  // The first hour of a host; nullopt of one that has none.
  std::optional<uint32_t> FirstOf(uint32_t host) const;
  // `hours`: of one host. nullptr: it has none at that hour.
  static const Hour* Find(std::span<const Hour> hours, uint32_t hour);

 private:
  std::vector<Hour> hours_;
  size_t num_hosts_ = 0;
};

// A few codes of addresses, of which is asked for very many.
class CodeSet {
 public:
  void insert(uint32_t code) {
    codes_.insert(code);
    bits_[PlaceOf(code)] = true;
  }
  bool contains(uint32_t code) const { return bits_[PlaceOf(code)] && codes_.contains(code); }
  bool empty() const { return codes_.empty(); }
  size_t size() const { return codes_.size(); }

 private:
  static constexpr int kBits = 17;
  static size_t PlaceOf(uint32_t code) { return MixWord(0, code) >> (64 - kBits); }
  absl::flat_hash_set<uint32_t> codes_;
  std::vector<bool> bits_ = std::vector<bool>(size_t{1} << kBits);
};

// Packets to one target in one hour that nothing came of.
struct Flood {
  uint64_t packets = 0, records = 0, bytes = 0, rejected = 0;
  uint32_t sources = 0;
  int64_t first = -1, last = 0;
  uint64_t top_packets = 0;
  uint32_t top = 0;
  uint32_t interface = 0;
  uint8_t bits = 0;
  uint64_t answers = 0;

  void Last(int64_t from, int64_t to) {
    first = first < 0 ? from : std::min(first, from);
    last = std::max(last, to);
  }
  // But sources, of which some may be the same, the top one and the interface.
  void Add(const Flood& other) {
    packets += other.packets;
    records += other.records;
    bytes += other.bytes;
    rejected += other.rejected;
    answers += other.answers;
    bits |= other.bits;
    Last(other.first, other.last);
  }
};

// What one walk over flows picks out: those that some kind may want, and sums.
struct Picked {
  uint32_t first_hour = ~uint32_t{0}, last_hour = 0;
  std::vector<Flow> probes;      // attempts without payload, with ports or ICMP's
  AttemptSketch about;           // the probes
  std::vector<Flow> admin;       // accepted, to a port where people or scripts log in
  std::vector<Flow> dns;
  std::vector<Flow> listed;
  std::vector<Flow> odd;         // of an unusual protocol
  std::vector<Flow> bulky;       // with many bytes from inside to outside
  std::vector<Flow> policy;      // all that were let through, if there is a policy
  absl::flat_hash_set<uint32_t> dns_servers;  // inside, that answer others
  // Inside addresses that sent packets that were let through. A gateway's address has no flow of both directions, for each
  // counts with another address.
  struct Way {
    bool talks = false;      // in a flow of both directions
    uint32_t interface = 0;  // of flows with outside parties; there it is the host's
  };
  absl::flat_hash_map<uint32_t, Way> ways;
  // The most that a host sent to one outside party, by code << 32 | day.
  absl::flat_hash_map<uint64_t, uint64_t> most_out;
  absl::flat_hash_map<uint64_t, uint64_t> most_out_at;  // the same of an interface
  absl::flat_hash_map<uint64_t, Flood> floods;          // by target << 32 | hour
};

class Judge {
 public:
  // Takes what it needs alone out of the table.
  Judge(FlowTable* table, const DetectOptions& options, const Stats& stats,
        Detections* out);

  // All kinds; then sorts the findings. `threads`: with more than one, two do it.
  void Run(int threads);

 private:
  // ---- What the kinds share (judge.cc) ----
  double limit(std::string_view name) const;
  bool wants(std::string_view kind) const;
  IpAddress address(uint32_t code) const { return table_.book().address(code); }
  uint64_t HashOf(uint32_t code) const { return AttemptSketch::HashOf(address(code)); }
  std::string text(uint32_t code) const { return address(code).ToString(); }
  std::string interface(uint32_t interface) const {
    return interface == 0 ? std::string() : std::string(table_.book().text(interface - 1));
  }
  // The interface of two whose text is less; any is less than none.
  uint32_t LesserInterface(uint32_t a, uint32_t b) const {
    if (a == b || b == 0) return a;
    if (a == 0) return b;
    return table_.book().text(b - 1) < table_.book().text(a - 1) ? b : a;
  }
  void Add(FlowSpan* span, const Flow& flow) const;
  static std::string_view Direction(const FlowKey& key);
  static Severity SeverityOf(std::string_view direction, Outcome outcome);
  // Sorted by address, no code twice.
  std::vector<uint32_t> Sorted(std::vector<uint32_t> codes) const;
  // A finding with the fields that are made the same way everywhere. `port` -1: none.
  Finding Begin(std::string_view kind, std::string_view direction, Outcome outcome, std::string actor,
                const std::vector<uint32_t>& targets, const FlowSpan& span) const;
  // Fills id and score, and keeps it. `much`: how many times its threshold the number that decided is.
  void Keep(Finding finding, double much, std::string_view identity = {});
  static std::string AnyOf(std::string_view field, const std::vector<std::string>& values);
  static std::string Between(int64_t first, int64_t last);
  std::string Past() const;  // of findings that compare with one
  // Whether there is a past of the inputs themselves: they are longer than a day.
  bool has_own_past() const { return hours_ >= 25; }

  // One walk over all flows, of some parts of the table each.
  void Gather();
  void Pick(size_t first_part, size_t last_part, Picked* out) const;
  void Merge(Picked&& more);
  // Takes the source with most packets.
  void NoteTop(uint32_t source, uint64_t packets, Flood* flood) const;
  // A second one: flows that say more of those.
  void GatherMore();
  // Moves the probes for which keeps(probe, hash of its client, hash of its server) to the front, and returns their number. What
  // about_ says of them is near when it is asked.
  template <typename F>
  size_t KeepProbes(std::span<Flow> probes, F keeps) const;

  // ---- Kinds ----
  void Scans();          // port-scan, host-sweep (judge_scans.cc)
  void BruteForce();     // brute-force
  void AnsweredProbes(); // answered-probe
  void Noise();          // the background line
  void ExposedAdmin();   // exposed-admin-port (judge_reach.cc)
  void Lateral();        // lateral-movement
  void BlockedEgress();  // blocked-egress
  void Listed();         // listed-address
  void DnsBypass();      // dns-bypass
  void Protocols();      // unusual-protocol
  void PolicyEdges();    // policy-violation
  void Exfiltration();   // exfiltration (judge_volume.cc)
  void Spikes();         // traffic-spike
  void NewTalkers();     // new-talker
  void Floods();         // denial-of-service
  void MakeBaseline();
  void Contacts();       // beaconing, long-connection (judge_time.cc)
  void Interfaces();     // logging-gap, data-loss
  struct InterfaceLog {
    std::map<uint32_t, InterfaceBin> bins;
    uint64_t skipdata = 0;
  };
  void DataLoss(const std::map<std::string, InterfaceLog>& all);

  FlowTable& table_;
  std::vector<Contact>& contacts_;
  const DetectOptions& options_;
  const Stats& stats_;
  Detections* out_;
  std::mutex mutex_;  // of out_->findings
  std::launch launch_ = std::launch::deferred;  // of what can be done beside something else
  absl::flat_hash_set<std::string> wanted_kinds_;

  uint32_t hours_ = 0;
  Picked picked_;
  HostHours host_hours_;
  CodeSet candidates_;            // for a scanner
  std::vector<Flow> scanning_;    // probes of candidates that are no late replies, and may have enough ports of a host
  std::vector<Flow> sweeping_;    // the same, that may have enough hosts of a service
  std::vector<ServedEnd> served_; // that gave a candidate data
  std::vector<Flow> touching_;    // let through: with data from a candidate, or to one outside
  absl::flat_hash_set<std::pair<uint64_t, uint32_t>> reached_;  // (client, server), port << 8 | protocol: of interest, answered
  bool sends(uint32_t host) const { return picked_.ways.contains(host); }
  uint32_t interface_of(uint32_t host) const {
    const auto found = picked_.ways.find(host);
    return found == picked_.ways.end() ? 0 : found->second.interface;
  }
  bool talks(uint32_t host) const {
    const auto found = picked_.ways.find(host);
    return found != picked_.ways.end() && found->second.talks;
  }
  std::vector<uint32_t> scanners_;               // actors of Scans()
  absl::flat_hash_set<uint64_t> told_pairs_;     // actor << 32 | target of a scan
  std::set<std::pair<uint32_t, uint32_t>> loud_; // host, hour: told by exfiltration or a flood
};

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_INSIGHT_JUDGE_H_
