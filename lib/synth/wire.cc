#include "lib/synth/wire.h"

#include <algorithm>

namespace flowlogs {
inline namespace v1 {
namespace {

using Outcome = Connection::Outcome;

constexpr uint8_t kFin = 1;
constexpr uint8_t kSyn = 2;
constexpr uint8_t kRst = 4;
constexpr uint8_t kSynAck = 18;

constexpr uint8_t kSameVpc = 1;
constexpr uint8_t kVirtualPrivateGateway = 3;
constexpr uint8_t kGatewayEndpoint = 7;
constexpr uint8_t kInternetGateway = 8;

constexpr uint64_t kSegment = 1400;
constexpr uint64_t kHeaders = 52;

bool IsS3(const NetworkAddress& address) { return address.service == "S3"; }
bool IsRemote(const NetworkAddress& address) {
  return !address.is_v6 && (address.text.starts_with("192.168.") || address.text.starts_with("172."));
}

// Packets that carry so many bytes, and those that carry none.
uint64_t PacketsFor(uint64_t own, uint64_t other, uint8_t protocol) {
  const uint64_t segments = (own + kSegment - 1) / kSegment;
  if (protocol != 6) return std::max<uint64_t>(segments, 1);
  return segments + (other / kSegment + 1) / 2 + 3;
}

// The part of a sum that falls to interval k of n.
uint64_t Part(uint64_t sum, uint64_t k, uint64_t n) { return sum / n + (k < sum % n ? 1 : 0); }

}  // namespace

Flow& Wire::AddOne(const Connection& connection, const Leg& leg, bool up) {
  Flow& flow = out_.emplace_back();
  flow.at = leg.at;
  flow.hop = leg.hop;
  flow.src = up ? leg.client : leg.server;
  flow.dst = up ? leg.server : leg.client;
  flow.pkt_src = up ? leg.pkt_client : leg.pkt_server;
  flow.pkt_dst = up ? leg.pkt_server : leg.pkt_client;
  flow.srcport = up ? leg.client_port : connection.server_port;
  flow.dstport = up ? connection.server_port : leg.client_port;
  flow.protocol = connection.protocol;
  flow.egress = up == leg.at_client;
  flow.traffic_path = flow.egress ? leg.path : 0;
  flow.encryption = leg.encryption;
  return flow;
}

void Wire::AddLeg(const Connection& connection, const Leg& leg) {
  const bool tcp = connection.protocol == 6;
  if (connection.outcome != Outcome::kServed) {
    // The first packets, which come in one interval.
    const uint64_t tries = std::max<uint64_t>(connection.packets, 1);
    Flow& up = AddOne(connection, leg, true);
    up.packets = tries;
    up.bytes = tries * (tcp ? 40 + (connection.client_port & 1) * 20 : 32 + connection.up_bytes);
    up.start = connection.start;
    up.end = connection.start + std::min<int64_t>(connection.seconds, kInterval - 1);
    up.tcp_flags = tcp ? kSyn : 0;
    const bool arrives = !leg.at_client || connection.outcome == Outcome::kRejectedOut;
    up.rejected = arrives && (connection.outcome == Outcome::kRejected || connection.outcome == Outcome::kRejectedOut);
    const int64_t end = up.end;
    const bool half_open = connection.outcome == Outcome::kHalfOpen;
    if (connection.outcome != Outcome::kReset && connection.outcome != Outcome::kProbed && !half_open) return;
    const bool probed = connection.outcome == Outcome::kProbed;
    if (probed) {
      up.packets = 2;
      up.bytes = 80;
      up.tcp_flags = kSyn | kRst;
    }
    Flow& down = AddOne(connection, leg, false);
    down.packets = probed ? 1 : tries;
    down.bytes = down.packets * (probed || half_open ? 44 : 40);
    down.start = connection.start;
    down.end = end;
    down.tcp_flags = probed || half_open ? kSynAck : kRst;
    return;
  }
  const uint64_t up_packets = connection.packets > 0
                                  ? connection.packets
                                  : PacketsFor(connection.up_bytes, connection.down_bytes, connection.protocol);
  const uint64_t down_packets = connection.packets > 0
                                    ? connection.packets
                                    : PacketsFor(connection.down_bytes, connection.up_bytes, connection.protocol);
  const uint64_t headers = tcp ? kHeaders : 28;
  // An interval in which no packet is, is no record.
  const uint64_t intervals =
      std::min<uint64_t>(static_cast<uint64_t>(connection.seconds / kInterval) + 1, std::max(up_packets, down_packets));
  for (uint64_t k = 0; k < intervals; ++k) {
    const int64_t start =
        connection.start + connection.seconds * static_cast<int64_t>(k) / static_cast<int64_t>(intervals);
    const int64_t next =
        connection.start + connection.seconds * static_cast<int64_t>(k + 1) / static_cast<int64_t>(intervals);
    const int64_t end = std::min(start + kInterval - 1, k + 1 == intervals ? next : std::max(start, next - 1));
    uint8_t up_flags = 0, down_flags = 0;
    if (tcp && k == 0 && connection.opens) {
      up_flags = kSyn;
      down_flags = kSynAck;
    }
    if (tcp && k + 1 == intervals && connection.closes) {
      up_flags |= kFin;
      down_flags |= kFin;
    }
    for (const bool up : {true, false}) {
      const uint64_t packets = Part(up ? up_packets : down_packets, k, intervals);
      if (packets == 0) continue;
      Flow& flow = AddOne(connection, leg, up);
      flow.packets = packets;
      flow.bytes = Part(up ? connection.up_bytes : connection.down_bytes, k, intervals) + packets * headers;
      flow.start = start;
      flow.end = end;
      flow.tcp_flags = up ? up_flags : down_flags;
    }
  }
}

// The client's interface, and what is behind it on the way out.
void Wire::AddClientLegs(const Connection& connection, const Leg& plain) {
  const Interface& host = *connection.client_at;
  Leg leg = plain;
  leg.at = &host;
  leg.at_client = true;
  leg.encryption = static_cast<int8_t>(host.encrypted ? 0 : -1);
  const bool inside = connection.server->text.starts_with("10.");  // an address that nobody has
  const bool through_nat = !host.is_public && !connection.server->is_v6 && !inside && !IsS3(*connection.server) &&
                           !IsRemote(*connection.server);
  leg.path = inside                         ? kSameVpc
             : IsS3(*connection.server)     ? kGatewayEndpoint
             : IsRemote(*connection.server) ? kVirtualPrivateGateway
             : through_nat                  ? kSameVpc
                                            : kInternetGateway;
  // Only the first VPC's NAT gateway is in a subnet with a flow log.
  const bool nat_is_seen = through_nat && host.vpc_number == 0 && connection.outcome != Outcome::kRejectedOut;
  if (nat_is_seen) {
    leg.hop = &world_.nat;
    leg.encryption = static_cast<int8_t>(host.encrypted ? 1 : -1);
  }
  AddLeg(connection, leg);
  if (!nat_is_seen) return;
  Leg inner = leg;
  inner.at = &world_.nat;
  inner.hop = &host;
  inner.server = &world_.nat.v4;
  inner.path = kSameVpc;
  inner.at_client = false;
  AddLeg(connection, inner);
  Leg outer = plain;
  outer.at = &world_.nat;
  outer.at_client = true;
  outer.client = outer.pkt_client = &world_.nat.v4;
  if (outer.client_port != 0) outer.client_port = static_cast<uint16_t>(1024 + outer.client_port * 7 % 64000);
  outer.path = kInternetGateway;
  outer.encryption = 0;
  AddLeg(connection, outer);
}

void Wire::Add(const Connection& connection) {
  const Interface* client = connection.client_at;
  const Interface* server = connection.server_at;
  Leg leg{.at = server,
          .client = connection.client,
          .server = connection.server,
          .pkt_client = connection.client,
          .pkt_server = connection.server,
          .client_port = connection.client_port,
          .at_client = false};
  if (client != nullptr && server == nullptr) return AddClientLegs(connection, leg);
  if (server == nullptr) return;
  const bool outside = client == nullptr;
  leg.path = !outside ? kSameVpc : IsRemote(*connection.client) ? kVirtualPrivateGateway : kInternetGateway;
  if (!outside) {
    const bool crosses = client->vpc_number != server->vpc_number;
    Leg first = leg;
    first.at = client;
    first.at_client = true;
    first.hop = crosses ? (client->vpc_number == 0 ? &world_.transit : nullptr) : server;
    first.encryption = static_cast<int8_t>(client->encrypted && !crosses ? 1 : -1);
    AddLeg(connection, first);
    if (connection.outcome == Outcome::kRejectedOut) return;
    // Seen once more at the transit gateway's interface in the first VPC, which puts its own address for the foreign
    // one in what it sends on.
    if (crosses && server->vpc_number == 0 && !connection.server->is_v6) {
      Leg middle = leg;
      middle.at = &world_.transit;
      middle.at_client = true;
      middle.hop = server;
      middle.client = &world_.transit.v4;
      middle.path = kSameVpc;
      middle.encryption = 1;
      AddLeg(connection, middle);
    }
    leg.hop = crosses ? (server->vpc_number == 0 ? &world_.transit : nullptr) : client;
  }
  leg.encryption = static_cast<int8_t>(!server->encrypted ? -1 : outside ? 0 : 1);
  AddLeg(connection, leg);
}

void Wire::AddStatus(const Interface& at, Flow::Status status, int64_t start, int64_t end) {
  Flow& flow = out_.emplace_back();
  flow.at = &at;
  flow.status = status;
  flow.start = start;
  flow.end = end;
}

}  // namespace v1
}  // namespace flowlogs
