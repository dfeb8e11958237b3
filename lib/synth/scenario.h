// Days in the life of a network, with the incidents that were planted and a file that tells of them.
#ifndef FLOWLOGS_LIB_SYNTH_SCENARIO_H_
#define FLOWLOGS_LIB_SYNTH_SCENARIO_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "flowlogs/synth/generator.h"
#include "lib/synth/everyday.h"
#include "lib/synth/flow.h"
#include "lib/synth/incidents.h"
#include "lib/synth/network.h"
#include "lib/synth/truth.h"
#include "lib/synth/wire.h"

namespace flowlogs {
inline namespace v1 {

// Makes the records of a quarter of an hour at a time, in the order of their ends. Needs memory for those, and for the
// connections of the incidents.
class ScenarioTraffic : public FlowSource {
 public:
  // `world` must outlive it. REQUIRES: options.scenario is one
  ScenarioTraffic(const World& world, const GeneratorOptions& options);
  // Appends nothing if the days are over.
  void Next(std::vector<Flow>* flows) override;
  const Truth& truth() const { return truth_; }

 private:
  static constexpr int64_t kSlice = 900;
  void MakeSlice();
  void AddSilentMinutes(size_t interface);
  bool IsLost(const Flow& flow) const;

  const World& world_;
  Network network_;
  Truth truth_;
  const int64_t start_;
  const int64_t end_;
  int64_t now_;
  std::vector<Flow> pending_;  // made, and not given out
  Wire wire_;
  Everyday everyday_;
  Incidents incidents_;
  size_t next_connection_ = 0;           // of the incidents
  std::vector<uint32_t> order_;          // places in pending_ by their end
  std::vector<std::vector<bool>> busy_;  // by interface: minutes of the slice that have records
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_SCENARIO_H_
