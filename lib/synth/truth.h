// What was planted in a scenario: the answers that its log is judged by.
#ifndef FLOWLOGS_LIB_SYNTH_TRUTH_H_
#define FLOWLOGS_LIB_SYNTH_TRUTH_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace flowlogs {
inline namespace v1 {

struct TruthEntry {
  std::string kind;
  std::string actor;
  std::vector<std::string> targets;
  std::vector<std::string> aliases;  // other addresses under which the actor is seen: a NAT gateway's
  std::vector<std::string> also;     // kinds that the same deed may be called as well
  std::string interface;
  int64_t start = 0;
  int64_t end = 0;
  std::string why;
};

// Looks like an incident and is none.
struct Decoy {
  std::string kind;  // that it looks like
  std::string actor;
  std::string why;
};

struct Truth {
  uint64_t seed = 0;
  int64_t start = 0;
  int64_t end = 0;
  std::vector<TruthEntry> incidents;
  std::vector<Decoy> decoys;
  std::vector<std::string> list;  // of bad addresses
  std::vector<std::pair<std::string, std::vector<std::string>>> zones;
  std::vector<std::string> allow;  // edges of the policy

  // {"seed", "start", "end", "incidents": [..], "decoys": [..], "lists": {"bad": [..]}, "policy": {"zones", "allow"}}
  std::string ToJson() const;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_TRUTH_H_
