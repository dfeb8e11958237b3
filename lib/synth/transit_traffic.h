// Traffic as transit gateway flow logs record it.
#ifndef FLOWLOGS_LIB_SYNTH_TRANSIT_TRAFFIC_H_
#define FLOWLOGS_LIB_SYNTH_TRANSIT_TRAFFIC_H_

#include <cstdint>
#include <vector>

#include "lib/synth/clock.h"
#include "lib/synth/flow.h"
#include "lib/synth/random.h"
#include "lib/synth/world.h"

namespace flowlogs {
inline namespace v1 {

// Conversations between attachments: each direction once where it comes in and once where it goes out. Some packets
// have no route, meet a black hole, are too big or too old.
class TransitTraffic : public FlowSource {
 public:
  // `world` must outlive it.
  TransitTraffic(const World& world, uint64_t seed, int64_t start_seconds);
  void Next(std::vector<Flow>* flows) override;

 private:
  void Talk();
  void Lose();
  Flow Between(const TransitHost& from, const TransitHost& to);

  const World& world_;
  Random random_;
  Clock clock_;
  StatusTurns turns_;
  std::vector<Flow>* out_ = nullptr;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_TRANSIT_TRAFFIC_H_
