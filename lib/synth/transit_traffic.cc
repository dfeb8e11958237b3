#include "lib/synth/transit_traffic.h"

#include <utility>

namespace flowlogs {
inline namespace v1 {
namespace {

// tcp-flags of transit gateways have PSH and ACK as well.
constexpr uint8_t kClientWhole = 1 | 2 | 8 | 16;
constexpr uint8_t kClientBegins = 2 | 16;
constexpr uint8_t kSyn = 2;

constexpr uint16_t kPorts[] = {443, 443, 443, 80, 8080, 5432, 3306, 6379, 22, 53, 389, 445};

}  // namespace

TransitTraffic::TransitTraffic(const World& world, uint64_t seed, int64_t start_seconds)
    : world_(world),
      random_(seed ^ 0x7467772074726166),
      clock_(start_seconds, static_cast<uint32_t>(world.hosts.size())) {}

void TransitTraffic::Next(std::vector<Flow>* flows) {
  out_ = flows;
  const size_t before = flows->size();
  if (random_.OneIn(12)) {
    Lose();
  } else {
    Talk();
  }
  if (turns_.Due(flows->size() - before, random_)) {
    Flow& flow = flows->emplace_back();
    flow.from = &random_.Of(world_.attachments);
    flow.status = turns_.status();
    flow.end = clock_.seconds() - random_.Below(8);
    flow.start = flow.end - 60;
  }
  clock_.Advance(flows->size() - before, random_);
}

// The first packets of a conversation, coming in.
Flow TransitTraffic::Between(const TransitHost& from, const TransitHost& to) {
  Flow flow;
  flow.src = &from.address;
  flow.dst = &to.address;
  flow.from = &world_.attachments[from.attachment];
  flow.to = &world_.attachments[to.attachment];
  flow.from_zone = from.zone;
  flow.to_zone = to.zone;
  flow.srcport = static_cast<uint16_t>(random_.Between(32768, 60999));
  flow.dstport = random_.Of(kPorts);
  flow.protocol = flow.dstport == 53 ? 17 : 6;
  flow.end = clock_.seconds() - random_.Below(8);
  flow.start = flow.end - random_.Below(60);
  flow.packets = random_.Between(4, 40);
  flow.bytes = flow.packets * 52 + random_.Magnitude(6, 14);
  return flow;
}

void TransitTraffic::Talk() {
  const TransitHost& client = random_.Of(world_.transit_hosts);
  const TransitHost* server = &random_.Of(world_.transit_hosts);
  // Not within one attachment, and not from one version of IP to the other.
  for (int tries = 0; tries < 64; ++tries) {
    if (server->attachment != client.attachment && server->address.is_v6 == client.address.is_v6) break;
    server = &random_.Of(world_.transit_hosts);
  }
  Flow up = Between(client, *server);
  const bool whole = !random_.OneIn(6);
  const bool tcp = up.protocol == 6;
  up.tcp_flags = !tcp ? 0 : whole ? kClientWhole : kClientBegins;
  if (random_.OneIn(200)) up.lost[2] = random_.Between(1, 4);

  Flow down = up;
  std::swap(down.src, down.dst);
  std::swap(down.from, down.to);
  std::swap(down.from_zone, down.to_zone);
  std::swap(down.srcport, down.dstport);
  down.lost = {};
  down.packets = up.packets + random_.Below(30);
  down.bytes = down.packets * 52 + random_.Magnitude(8, 18);
  out_->push_back(up);
  up.egress = true;
  out_->push_back(up);
  out_->push_back(down);
  down.egress = true;
  out_->push_back(down);
}

// Packets that come in and do not go out.
void TransitTraffic::Lose() {
  const TransitHost& client = random_.Of(world_.transit_hosts);
  const TransitHost& server = random_.Of(world_.transit_hosts);
  Flow flow = Between(client, server);
  flow.packets = random_.Between(1, 3);
  flow.bytes = flow.packets * 60;
  flow.tcp_flags = flow.protocol == 6 ? kSyn : 0;
  const uint32_t why = random_.Below(8);
  const size_t counter = why < 4 ? 0 : why < 6 ? 1 : why == 6 ? 2 : 3;
  flow.lost[counter] = static_cast<uint32_t>(flow.packets);
  if (counter < 2) flow.to = nullptr;
  out_->push_back(flow);
}

}  // namespace v1
}  // namespace flowlogs
