// Traffic as VPC flow logs record it.
#ifndef FLOWLOGS_LIB_SYNTH_VPC_TRAFFIC_H_
#define FLOWLOGS_LIB_SYNTH_VPC_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "lib/synth/clock.h"
#include "lib/synth/flow.h"
#include "lib/synth/random.h"
#include "lib/synth/world.h"

namespace flowlogs {
inline namespace v1 {

// One kind of event after another, drawn by the weights of kEvents in the .cc file, and in between the next interval of
// connections that last. An incident that is to be planted would be one more FlowSource, merged with this by time.
class VpcTraffic : public FlowSource {
 public:
  // `world` must outlive it.
  VpcTraffic(const World& world, uint64_t seed, int64_t start_seconds);
  void Next(std::vector<Flow>* flows) override;

 private:
  // A conversation during one aggregation interval, seen from nowhere in particular.
  struct Exchange {
    const NetworkAddress* client;
    const NetworkAddress* server;
    uint16_t client_port;
    uint16_t server_port;
    uint8_t protocol;
    uint8_t up_flags;  // client to server
    uint8_t down_flags;
    uint64_t up_packets, up_bytes, down_packets, down_bytes;
    int64_t start, end;
  };
  // What an interface adds to it.
  struct View {
    const Interface* at;
    const Interface* hop = nullptr;
    uint8_t path = 0;  // of what leaves
    int8_t encryption = -1;
  };
  struct Lasting {
    Exchange exchange;
    View view;
    bool at_client;
    uint32_t intervals_left;
    int64_t due;  // seconds
  };
  using Event = void (VpcTraffic::*)();
  struct Weight {
    uint32_t per_mille_of_events;
    Event event;
  };
  static const Weight kEvents[];

  // Events.
  void Web();
  void ServeInside();
  void CallOut();
  void CallThroughNat();
  void CallThroughRegionalNat();
  void CallInside();
  void CallThroughLoadBalancer();
  void CallThroughTransitGateway();
  void CallEndpoint();
  void CallRemote();
  void FromPod();
  void Ping();
  void BeginLasting();
  void Scan();
  void BlockedPublicAccess();
  void RefusedByEndpoint();
  void RefusedOut();
  void RefusedReply();
  void LatePacket();

  void AddStatus();
  void ContinueLasting();

  // Parts.
  Exchange Talk(const NetworkAddress& client, const NetworkAddress& server, uint16_t port, uint8_t protocol = 6);
  void Fill(Exchange* exchange, uint32_t down_low, uint32_t down_high);
  void AddUp(const Exchange& exchange, const View& view, bool at_client);
  void AddDown(const Exchange& exchange, const View& view, bool at_client);
  void AddBoth(const Exchange& exchange, const View& view, bool at_client) {
    AddUp(exchange, view, at_client);
    AddDown(exchange, view, at_client);
  }
  Flow& AddRefused(const Exchange& exchange, const Interface& at);
  const Interface& PublicHost() { return world_.hosts[random_.Of(world_.public_hosts)]; }
  const Interface& PrivateHost() { return world_.hosts[random_.Of(world_.private_hosts)]; }
  const Interface& HostOf(uint32_t vpc);
  const NetworkAddress& Client(const Interface& host);
  uint16_t EphemeralPort();

  const World& world_;
  Random random_;
  Clock clock_;
  StatusTurns turns_;
  std::deque<Lasting> lasting_;  // by the time that they are due
  std::vector<Event> wheel_;     // kEvents by weight
  std::vector<Flow>* out_ = nullptr;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_VPC_TRAFFIC_H_
