// Detections: what in the logs deserves a look, each with the numbers that decided.
//
//   absl::StatusOr<fl::Detections> d = fl::Detect(fl::Scan({"logs/*.gz"}), {});
//   for (const fl::Finding& f : d->findings) std::cout << f.kind << " by " << f.actor << ": " << f.why << "\n";
//
// HOW IT IS DECIDED  Two passes over the inputs, as for every answer that depends on the whole input. Records become sums of
// flows: client, server, the server's port, protocol and the hour or day that the record begins in. All kinds judge these sums, the
// contacts (records of flows between inside and outside) and what each interface logged in each ten minutes. So a finding is
// a function of the multiset of records: never of their order, of files, blocks or threads (CONTRACT I1).
//   inside   an interface's own address, a private one, or one of ScanOptions::internal; outside: every other public one.
//   Replies  belong to the flow of their client and are no attempts of the server. A rejected packet that could be a late reply
//            (its source port is one that the target reached before) is none either.
//   Packets  that several interfaces saw count once (CONTRACT D2).
//
// MEMORY  Bounded: at most DetectOptions::max_flows flows and max_contacts contacts, about 100 and 24 bytes each. What an
// outside address was rejected too rarely for any kind, in an hour and by one host, is background noise and takes no flow: a
// sketch of the first pass tells. Where there are more flows, those of half of the outside clients that were let in are left
// out, chosen by a fixed hash, then of three quarters, and so on; last the others. Background::share_of_flows says so.
#ifndef FLOWLOGS_INSIGHT_DETECT_H_
#define FLOWLOGS_INSIGHT_DETECT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "flowlogs/parse/stats.h"
#include "flowlogs/query/query.h"

namespace flowlogs {
inline namespace v1 {

// A number that decides, by name "kind.what"; docs/detect.md explains them.
struct Threshold {
  std::string_view name;
  double value;  // the default
  std::string_view meaning;
};
std::span<const Threshold> AllThresholds();

// All kinds, in the order of docs/detect.md.
std::span<const std::string_view> AllKinds();

enum class Severity : uint8_t { kLow, kMedium, kHigh };
std::string_view SeverityText(Severity severity);

// A value of Finding::evidence.
using EvidenceValue = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<std::string>>;

// What a program reads of a finding (CONTRACT I1).
struct Finding {
  std::string id;  // the same in every run that finds the same: of kind, actor, target, port and day
  std::string_view kind;
  Severity severity = Severity::kLow;
  std::string_view direction;  // inbound, outbound, internal; "" where there is none (logging-gap)
  std::string_view outcome;    // rejected, unanswered, answered, payload; "" where there is none
  std::string actor;           // the address, or interface, that did it
  std::vector<std::string> targets;  // at most kMaxTargets; evidence "targets" is their number
  std::string interface;             // that saw it: of several the first by name
  std::string_view technique;        // of ATT&CK; "" for what is none
  int64_t first_seen = 0, last_seen = 0;  // seconds
  uint64_t records = 0;
  double score = 0;  // from 0 to 100: how far beyond its thresholds
  std::vector<std::pair<std::string, EvidenceValue>> evidence;
  std::string baseline = "none";  // the past that it was compared with
  std::string why;
  std::string where;  // a filter: the records behind it
  std::string show;   // the rest of a `flowlogs query` that shows them
  std::string_view next_step;
};
inline constexpr size_t kMaxTargets = 50;

// A named part of the network, by prefix or address, and who may talk to whom: edges, as "web -> db:tcp/5432". "*" is any zone,
// port 0 any port. `zone` "outside" is every address that is in no zone.
struct Policy {
  struct Zone {
    std::string name;
    std::vector<std::string> prefixes;
  };
  struct Edge {
    std::string from, to;
    int64_t protocol = -1;  // -1: any
    int64_t first_port = 0, last_port = 65535;
    std::string text;  // as it was written
  };
  std::vector<Zone> zones;
  std::vector<Edge> edges;
};

// What was normal: the past that some kinds compare with. Saved and loaded by whoever calls.
struct Baseline {
  struct Host {
    uint64_t hours = 0;               // that it was seen in
    uint64_t max_out_bytes = 0;       // to one outside party in one day
    std::map<int, uint64_t> by_hour;  // the most bytes in an hour of the day, both directions
  };
  int64_t start = 0, end = 0;
  std::map<std::string, Host> hosts;                  // inside addresses that sent something
  std::map<std::string, uint64_t> interfaces;         // bytes, as max_out_bytes, of any address of an interface
  std::vector<std::string> protocols;                 // "address 47": unusual ones
  std::vector<std::string> admin_pairs;               // "client server port": sessions inside
  std::string name;                      // how findings call it
};

struct DetectOptions {
  std::map<std::string, double, std::less<>> thresholds;  // by name; others have their defaults
  std::vector<std::string> kinds;                         // only these; none: all
  std::map<std::string, std::vector<std::string>> lists;  // addresses and prefixes by the name of their list
  std::vector<std::string> resolvers;                     // outside resolvers that hosts may ask
  std::optional<Policy> policy;
  std::optional<Baseline> baseline;
  size_t max_flows = 1'450'000;
  size_t max_contacts = size_t{1} << 20;
};

// The noise of the internet: attempts from outside that no finding tells of.
struct Background {
  uint64_t records = 0;
  uint64_t sources = 0;  // distinct, about (error 2 %) where there are many
  uint64_t targets = 0;
  std::vector<std::pair<std::string, uint64_t>> services;  // the most tried, with records
  double share_of_flows = 1;  // of the outside addresses, which was looked at
  double share_of_contacts = 1;
  std::string text;  // one line
};

struct PolicyReport {
  struct Use {
    std::string edge;
    uint64_t records = 0, flows = 0;
  };
  std::vector<Use> used;
  std::vector<std::string> never_used;
  uint64_t violations = 0;  // flows
  uint64_t violating_records = 0;
};

struct Detections {
  std::vector<Finding> findings;  // severe first, then by kind, actor, first target
  Background background;
  std::optional<PolicyReport> policy;  // of DetectOptions::policy
  Baseline seen;                       // of these inputs, to be saved
  std::optional<int64_t> start, end;
  Stats stats;
};

// Reads the query's records and judges. REQUIRES: a scan and its filters. INVALID_ARGUMENT for an unknown threshold or kind, a
// prefix that is none, a zone that is not defined; errors otherwise as Query::Collect().
absl::StatusOr<Detections> Detect(const Query& query, const DetectOptions& options = {});

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_INSIGHT_DETECT_H_
