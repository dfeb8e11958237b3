// What one record of a made-up log says, before it is text.
#ifndef FLOWLOGS_LIB_SYNTH_FLOW_H_
#define FLOWLOGS_LIB_SYNTH_FLOW_H_

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "lib/synth/world.h"

namespace flowlogs {
inline namespace v1 {

// Packets of one direction at one place. Points into the World.
struct Flow {
  enum class Status : uint8_t { kOk, kNoData, kSkipData };
  enum class Reason : uint8_t { kNone, kBlockPublicAccess, kEncryptionControls };
  static constexpr uint64_t kNoBytes = std::numeric_limits<uint64_t>::max();

  // VPC flow logs: where it was recorded, and the interface at the next hop, if one is known.
  const Interface* at = nullptr;
  const Interface* hop = nullptr;
  const NetworkAddress* src = nullptr;
  const NetworkAddress* dst = nullptr;
  const NetworkAddress* pkt_src = nullptr;
  const NetworkAddress* pkt_dst = nullptr;
  // Transit gateway flow logs: null for what has no route.
  const Attachment* from = nullptr;
  const Attachment* to = nullptr;
  uint64_t packets = 0;
  uint64_t bytes = 0;
  int64_t start = 0;
  int64_t end = 0;
  uint16_t srcport = 0;
  uint16_t dstport = 0;
  uint8_t protocol = 6;
  uint8_t tcp_flags = 0;
  uint8_t traffic_path = 0;  // 0: none
  int8_t encryption = -1;    // -1: none
  bool rejected = false;
  bool egress = false;
  Status status = Status::kOk;
  Reason reason = Reason::kNone;
  uint8_t from_zone = 0;
  uint8_t to_zone = 0;
  std::array<uint32_t, 4> lost{};  // no route, black hole, MTU exceeded, TTL expired
};

// Makes what happens in the network, in the order of time.
class FlowSource {
 public:
  virtual ~FlowSource() = default;
  // Appends the flows of what happens next: at least one, at most a few.
  virtual void Next(std::vector<Flow>* flows) = 0;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_FLOW_H_
