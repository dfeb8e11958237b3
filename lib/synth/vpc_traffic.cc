#include "lib/synth/vpc_traffic.h"

#include <algorithm>

namespace flowlogs {
inline namespace v1 {
namespace {

// tcp-flags, as VPC flow logs have them.
constexpr uint8_t kFin = 1;
constexpr uint8_t kSyn = 2;
constexpr uint8_t kRst = 4;
constexpr uint8_t kSynAck = 18;

// traffic-path.
constexpr uint8_t kSameVpc = 1;
constexpr uint8_t kVirtualPrivateGateway = 3;
constexpr uint8_t kGatewayEndpoint = 7;
constexpr uint8_t kInternetGateway = 8;

constexpr int64_t kInterval = 60;
constexpr size_t kMaxLasting = 8192;

// What scanners look for, the favourites more than once. The rest are any ports.
constexpr uint16_t kScannedPorts[] = {22,   23,   23,   2323, 80,   443,  443,  445,  1433, 1900, 3306,  3389,  3389,
                                      5060, 5432, 5555, 5900, 6379, 8080, 8088, 8443, 8545, 9200, 11211, 27017, 25565};

}  // namespace

// At most one draw stands in an expression: the order of two would be the compiler's choice, and the log not the same
// everywhere. About one record in six is rejected, nearly all of them scanners'.
const VpcTraffic::Weight VpcTraffic::kEvents[] = {
    {420, &VpcTraffic::Web},
    {14, &VpcTraffic::ServeInside},
    {112, &VpcTraffic::CallOut},
    {14, &VpcTraffic::CallThroughNat},
    {6, &VpcTraffic::CallThroughRegionalNat},
    {34, &VpcTraffic::CallInside},
    {6, &VpcTraffic::CallThroughLoadBalancer},
    {6, &VpcTraffic::CallThroughTransitGateway},
    {8, &VpcTraffic::CallEndpoint},
    {12, &VpcTraffic::CallRemote},
    {4, &VpcTraffic::FromPod},
    {8, &VpcTraffic::Ping},
    {8, &VpcTraffic::BeginLasting},
    {324, &VpcTraffic::Scan},
    {5, &VpcTraffic::BlockedPublicAccess},
    {3, &VpcTraffic::RefusedByEndpoint},
    {6, &VpcTraffic::RefusedOut},
    {4, &VpcTraffic::RefusedReply},
    {6, &VpcTraffic::LatePacket},
};

VpcTraffic::VpcTraffic(const World& world, uint64_t seed, int64_t start_seconds)
    : world_(world),
      random_(seed ^ 0x7670632074726166),
      clock_(start_seconds, static_cast<uint32_t>(world.hosts.size())) {
  for (const Weight& weight : kEvents) wheel_.insert(wheel_.end(), weight.per_mille_of_events, weight.event);
}

void VpcTraffic::Next(std::vector<Flow>* flows) {
  out_ = flows;
  const size_t before = flows->size();
  if (!lasting_.empty() && lasting_.front().due <= clock_.seconds()) {
    ContinueLasting();
  } else {
    (this->*random_.Of(wheel_))();
  }
  if (turns_.Due(flows->size() - before, random_)) AddStatus();
  clock_.Advance(flows->size() - before, random_);
}

// ---- Parts ----------------------------------------------------------------------------------------------------------

const Interface& VpcTraffic::HostOf(uint32_t vpc) {
  const std::vector<uint32_t>& hosts = world_.hosts_of_vpc[vpc];
  return hosts.empty() ? world_.hosts[0] : world_.hosts[random_.Of(hosts)];
}

// A client of a public host: by IPv6 only if the host can.
const NetworkAddress& VpcTraffic::Client(const Interface& host) {
  for (;;) {
    const NetworkAddress& client = world_.clients[world_.client_place.Draw(random_)];
    if (!client.is_v6 || !host.v6.text.empty()) return client;
  }
}

uint16_t VpcTraffic::EphemeralPort() {
  const uint32_t system = random_.Below(8);
  if (system < 4) return static_cast<uint16_t>(random_.Between(32768, 60999));  // Linux
  if (system < 7) return static_cast<uint16_t>(random_.Between(49152, 65535));  // Windows, macOS
  return static_cast<uint16_t>(random_.Between(1024, 65535));                   // behind a NAT
}

// A conversation that begins and ends in the interval, of some kilobytes.
VpcTraffic::Exchange VpcTraffic::Talk(const NetworkAddress& client, const NetworkAddress& server, uint16_t port,
                                      uint8_t protocol) {
  Exchange made;
  made.client = &client;
  made.server = &server;
  made.client_port = EphemeralPort();
  made.server_port = port;
  made.protocol = protocol;
  const uint64_t bits = random_.Next();
  made.end = clock_.seconds() - static_cast<int64_t>(bits & 7);
  made.start = made.end - static_cast<int64_t>(((bits >> 3) & 63) * kInterval >> 6);
  made.up_flags = made.down_flags = 0;
  if (protocol == 6) {
    made.up_flags = (bits >> 9 & 31) == 0 ? kSyn | kFin | kRst : kSyn | kFin;
    made.down_flags = kSynAck | kFin;
  }
  Fill(&made, 8, (bits >> 14 & 63) == 0 ? 22 : 14);
  return made;
}

// Packets and bytes: what is asked in some hundred bytes, the answer between 2^down_low and 2^(down_high+1).
void VpcTraffic::Fill(Exchange* exchange, uint32_t down_low, uint32_t down_high) {
  const uint64_t answer = random_.Magnitude(down_low, down_high);
  const uint64_t bits = random_.Next();
  const uint64_t question = 60 + (bits & 1023);
  if (exchange->protocol == 17) {
    exchange->up_packets = 1 + (bits >> 20 & 1);
    exchange->down_packets = exchange->up_packets;
    exchange->up_bytes = exchange->up_packets * (48 + (bits >> 22 & 63));
    exchange->down_bytes = exchange->down_packets * (76 + (bits >> 28 & 255));
    return;
  }
  const uint64_t segments = answer / 1400 + 1;
  exchange->down_packets = segments + 2 + (bits >> 20 & 3);
  exchange->up_packets = segments / 2 + 4 + (bits >> 22 & 3);
  exchange->down_bytes = answer + exchange->down_packets * 52;
  exchange->up_bytes = question + exchange->up_packets * 52;
}

void VpcTraffic::AddUp(const Exchange& exchange, const View& view, bool at_client) {
  Flow& flow = out_->emplace_back();
  flow.at = view.at;
  flow.hop = view.hop;
  flow.src = flow.pkt_src = exchange.client;
  flow.dst = flow.pkt_dst = exchange.server;
  flow.packets = exchange.up_packets;
  flow.bytes = exchange.up_bytes;
  flow.start = exchange.start;
  flow.end = exchange.end;
  flow.srcport = exchange.client_port;
  flow.dstport = exchange.server_port;
  flow.protocol = exchange.protocol;
  flow.tcp_flags = exchange.up_flags;
  flow.egress = at_client;
  flow.traffic_path = at_client ? view.path : 0;
  flow.encryption = view.encryption;
}

void VpcTraffic::AddDown(const Exchange& exchange, const View& view, bool at_client) {
  Flow& flow = out_->emplace_back();
  flow.at = view.at;
  flow.hop = view.hop;
  flow.src = flow.pkt_src = exchange.server;
  flow.dst = flow.pkt_dst = exchange.client;
  flow.packets = exchange.down_packets;
  flow.bytes = exchange.down_bytes;
  flow.start = exchange.start;
  flow.end = exchange.end;
  flow.srcport = exchange.server_port;
  flow.dstport = exchange.client_port;
  flow.protocol = exchange.protocol;
  flow.tcp_flags = exchange.down_flags;
  flow.egress = !at_client;
  flow.traffic_path = at_client ? 0 : view.path;
  flow.encryption = view.encryption;
}

// The first packets, and no answer: rejected on their way in.
Flow& VpcTraffic::AddRefused(const Exchange& exchange, const Interface& at) {
  AddUp(exchange, {.at = &at}, /*at_client=*/false);
  Flow& flow = out_->back();
  flow.rejected = true;
  flow.packets = random_.OneIn(4) ? 3 : 1;
  flow.bytes =
      flow.packets * (exchange.protocol == 6 ? (exchange.client_port & 1 ? 40 : 60) : 32 + exchange.client_port % 90);
  flow.start = flow.end - (flow.packets == 1 ? 0 : 3);
  flow.tcp_flags = exchange.protocol == 6 ? kSyn : 0;
  return flow;
}

// ---- Accepted -------------------------------------------------------------------------------------------------------

void VpcTraffic::Web() {
  const Interface& host = PublicHost();
  const NetworkAddress& client = Client(host);
  const uint64_t bits = random_.Next();
  uint16_t port = host.port;
  uint8_t protocol = 6;
  if (port == 443) {
    if ((bits & 7) == 0) port = 80;
    if ((bits & 7) == 1) protocol = 17;  // QUIC
  }
  AddBoth(Talk(client, client.is_v6 ? host.v6 : host.v4, port, protocol),
          {.at = &host, .path = kInternetGateway, .encryption = static_cast<int8_t>(host.encrypted ? 0 : -1)}, false);
}

// From a subnet without a flow log: seen at the server only.
void VpcTraffic::ServeInside() {
  const Interface& server = PrivateHost();
  const Interface& client = HostOf(server.vpc_number);
  if (&client == &server) return Web();
  const int8_t encryption = server.encrypted ? 1 : -1;
  AddBoth(Talk(client.v4, server.v4, server.port),
          {.at = &server, .hop = &client, .path = kSameVpc, .encryption = encryption}, false);
}

void VpcTraffic::CallOut() {
  const Interface& host = PublicHost();
  const int8_t encryption = static_cast<int8_t>(host.encrypted ? 0 : -1);
  const uint32_t kind = random_.Below(16);
  View view{.at = &host, .path = kInternetGateway, .encryption = encryption};
  if (kind < 4) {
    view.path = random_.OneIn(8) ? 2 : kGatewayEndpoint;
    view.encryption = static_cast<int8_t>(host.encrypted ? 2 : -1);
    AddBoth(Talk(host.v4, random_.Of(world_.buckets), 443), view, true);
  } else if (kind < 9) {
    AddBoth(Talk(host.v4, random_.Of(world_.services), 443), view, true);
  } else {
    const uint32_t place = world_.site_place.Draw(random_);
    const NetworkAddress& site = world_.sites[place];
    if (site.is_v6 && host.v6.text.empty()) return Web();
    const NetworkAddress& own = site.is_v6 ? host.v6 : host.v4;
    // The first sites serve names and time, the others pages.
    if (place < 4) {
      AddBoth(Talk(own, site, place < 2 ? 53 : 123, 17), view, true);
    } else {
      AddBoth(Talk(own, site, place % 8 == 0 ? 80 : 443), view, true);
    }
  }
}

// At the instance: instance and site. At the gateway: instance and gateway, gateway and site, both ways.
void VpcTraffic::CallThroughNat() {
  const Interface& host = PrivateHost();
  const NetworkAddress* site = &world_.sites[world_.site_place.Draw(random_)];
  if (site->is_v6) site = &random_.Of(world_.services);
  Exchange outer = Talk(host.v4, *site, 443);
  const Interface& nat = world_.nat;
  const int8_t encryption = static_cast<int8_t>(host.encrypted ? 1 : -1);
  AddBoth(outer, {.at = &host, .hop = &nat, .path = kSameVpc, .encryption = encryption}, true);

  Exchange inner = outer;
  inner.server = &nat.v4;
  AddUp(inner, {.at = &nat, .hop = &host, .encryption = encryption}, false);
  out_->back().pkt_dst = site;
  outer.client = &nat.v4;
  outer.client_port = static_cast<uint16_t>(random_.Between(1024, 65535));
  AddBoth(outer, {.at = &nat, .path = kInternetGateway, .encryption = static_cast<int8_t>(nat.encrypted ? 0 : -1)},
          true);
  AddDown(inner, {.at = &nat, .hop = &host, .path = kSameVpc, .encryption = encryption}, false);
  out_->back().pkt_src = site;
}

// A regional NAT gateway has no interface, and its records show the addresses of the packets.
void VpcTraffic::CallThroughRegionalNat() {
  const Interface& host = PrivateHost();
  const NetworkAddress& service = random_.Of(world_.services);
  Exchange exchange = Talk(host.v4, service, 443);
  const Interface& nat = world_.regional_nat;
  const int8_t encryption = static_cast<int8_t>(host.encrypted ? 1 : -1);
  AddBoth(exchange, {.at = &host, .path = kSameVpc, .encryption = encryption}, true);
  AddUp(exchange, {.at = &nat, .hop = &host, .encryption = encryption}, false);
  Exchange outer = exchange;
  outer.client = &world_.regional_nat_public;
  outer.client_port = static_cast<uint16_t>(random_.Between(1024, 65535));
  AddBoth(outer, {.at = &nat, .path = kInternetGateway, .encryption = 0}, true);
  AddDown(exchange, {.at = &nat, .hop = &host, .path = kSameVpc, .encryption = encryption}, false);
}

// Recorded at both ends.
void VpcTraffic::CallInside() {
  const Interface& server = PrivateHost();
  const Interface& client = HostOf(server.vpc_number);
  if (&client == &server) return Web();
  const bool v6 = !server.v6.text.empty() && !client.v6.text.empty();
  const Exchange exchange = Talk(v6 ? client.v6 : client.v4, v6 ? server.v6 : server.v4, server.port);
  const int8_t encryption = static_cast<int8_t>(server.encrypted ? (server.port == 443 ? 3 : 1) : -1);
  AddBoth(exchange, {.at = &client, .hop = &server, .path = kSameVpc, .encryption = encryption}, true);
  AddBoth(exchange, {.at = &server, .hop = &client, .path = kSameVpc, .encryption = encryption}, false);
}

// The balancer talks to the client, and to a target from its own address.
void VpcTraffic::CallThroughLoadBalancer() {
  const Interface& target = HostOf(0);
  const Interface& balancer = world_.load_balancer;
  const NetworkAddress* client = &world_.clients[world_.client_place.Draw(random_)];
  if (client->is_v6) client = &random_.Of(world_.services);
  Exchange exchange = Talk(*client, balancer.v4, 443);
  AddBoth(exchange, {.at = &balancer, .path = kInternetGateway, .encryption = 0}, false);
  exchange.client = &balancer.v4;
  exchange.client_port = static_cast<uint16_t>(random_.Between(1024, 65535));
  exchange.server = &target.v4;
  exchange.server_port = target.port;
  AddBoth(exchange, {.at = &balancer, .hop = &target, .path = kSameVpc, .encryption = 1}, true);
  AddBoth(exchange, {.at = &target, .hop = &balancer, .path = kSameVpc, .encryption = 1}, false);
}

// From another VPC, by way of the transit gateway's interface in the first: it shows its own address and, as pkt-*, the
// packets'.
void VpcTraffic::CallThroughTransitGateway() {
  const Interface& server = HostOf(0);
  const Interface& client = HostOf(random_.Between(1, 2));
  const Interface& transit = world_.transit;
  const Exchange exchange = Talk(client.v4, server.v4, server.port);
  const int8_t encryption = 1;
  AddUp(exchange, {.at = &transit, .hop = &server, .path = kSameVpc, .encryption = encryption}, true);
  out_->back().src = &transit.v4;
  AddBoth(exchange, {.at = &server, .hop = &transit, .path = kSameVpc, .encryption = encryption}, false);
  AddDown(exchange, {.at = &transit, .hop = &server, .encryption = encryption}, true);
  out_->back().dst = &transit.v4;
  AddBoth(exchange, {.at = &client, .path = kSameVpc}, true);
}

void VpcTraffic::CallEndpoint() {
  const Interface& host = HostOf(0);
  const Interface& endpoint = world_.endpoint;
  const Exchange exchange = Talk(host.v4, endpoint.v4, 443);
  const int8_t encryption = host.sublocation_id == world_.missing ? 3 : 2;
  AddBoth(exchange, {.at = &host, .hop = &endpoint, .path = kSameVpc, .encryption = encryption}, true);
  AddBoth(exchange, {.at = &endpoint, .hop = &host, .path = kSameVpc, .encryption = encryption}, false);
}

// A peer's network or one behind a gateway: the next hop's interface belongs to others, or is none.
void VpcTraffic::CallRemote() {
  const Interface& host = PrivateHost();
  const uint32_t place = random_.Below(static_cast<uint32_t>(world_.remote.size()));
  AddBoth(Talk(host.v4, world_.remote[place], place % 3 == 0 ? 22 : 443),
          {.at = &host, .path = static_cast<uint8_t>(kVirtualPrivateGateway + place % 4)}, true);
}

// A pod behind a node's interface: srcaddr is the node's primary address, pkt-srcaddr the pod's.
void VpcTraffic::FromPod() {
  if (world_.nodes.empty()) return Web();
  const Interface& node = world_.hosts[random_.Of(world_.nodes)];
  const Exchange exchange = Talk(node.v4, random_.Of(world_.services), 443);
  AddBoth(exchange, {.at = &node, .path = kInternetGateway, .encryption = static_cast<int8_t>(node.encrypted ? 0 : -1)},
          true);
  (*out_)[out_->size() - 2].pkt_src = &node.pod;
  out_->back().pkt_dst = &node.pod;
}

void VpcTraffic::Ping() {
  const Interface& host = PublicHost();
  const NetworkAddress& client = Client(host);
  Exchange exchange = Talk(client, client.is_v6 ? host.v6 : host.v4, 0, client.is_v6 ? 58 : 1);
  exchange.client_port = 0;
  exchange.up_packets = exchange.down_packets = random_.Between(1, 8);
  exchange.up_bytes = exchange.down_bytes = exchange.up_packets * 84;
  AddBoth(exchange, {.at = &host, .path = kInternetGateway}, false);
}

// ---- Connections that last ------------------------------------------------------------------------------------------

void VpcTraffic::BeginLasting() {
  if (lasting_.size() >= kMaxLasting) return Web();
  Lasting made;
  if (random_.OneIn(4)) {
    const Interface& server = PrivateHost();
    const Interface& client = HostOf(server.vpc_number);
    made.exchange = Talk(client.v4, server.v4, server.port);
    made.view = {
        .at = &server, .hop = &client, .path = kSameVpc, .encryption = static_cast<int8_t>(server.encrypted ? 1 : -1)};
  } else {
    const Interface& host = PublicHost();
    const NetworkAddress& client = Client(host);
    made.exchange = Talk(client, client.is_v6 ? host.v6 : host.v4, host.port);
    made.view = {.at = &host, .path = kInternetGateway, .encryption = static_cast<int8_t>(host.encrypted ? 0 : -1)};
  }
  made.at_client = false;
  made.exchange.up_flags = kSyn;
  made.exchange.down_flags = kSynAck;
  made.intervals_left = random_.OneIn(16) ? random_.Between(10, 60) : random_.Between(1, 3);
  AddBoth(made.exchange, made.view, made.at_client);
  made.due = clock_.seconds() + kInterval;  // all wait for the same time: the queue stays in order
  lasting_.push_back(made);
}

void VpcTraffic::ContinueLasting() {
  Lasting next = lasting_.front();
  lasting_.pop_front();
  Exchange& exchange = next.exchange;
  Fill(&exchange, 8, 15);
  exchange.start = exchange.end;
  exchange.end = std::max(exchange.start, clock_.seconds() - static_cast<int64_t>(random_.Below(6)));
  const bool last = --next.intervals_left == 0;
  exchange.up_flags = exchange.down_flags = last ? kFin : 0;
  AddBoth(exchange, next.view, next.at_client);
  if (last) return;
  next.due = clock_.seconds() + kInterval;
  lasting_.push_back(next);
}

// ---- Rejected -------------------------------------------------------------------------------------------------------

void VpcTraffic::Scan() {
  const Interface& host = PublicHost();
  const NetworkAddress& scanner = world_.scanners[world_.scanner_place.Draw(random_)];
  if (scanner.is_v6 && host.v6.text.empty()) return Web();
  const uint64_t bits = random_.Next();
  uint16_t port = bits & 1 ? random_.Of(kScannedPorts) : static_cast<uint16_t>(random_.Between(1, 65535));
  const uint32_t kind = bits >> 1 & 63;
  uint8_t protocol = kind < 8 ? 17 : 6;
  if (kind == 63) {
    protocol = scanner.is_v6 ? 58 : 1;
    port = 0;
  }
  Exchange exchange = Talk(scanner, scanner.is_v6 ? host.v6 : host.v4, port, protocol);
  exchange.client_port = protocol == 1 || protocol == 58 ? 0 : static_cast<uint16_t>(random_.Between(1024, 65535));
  const bool open = protocol == 6 && (port == host.port || (host.port == 443 && port == 80));
  if (!open) {
    AddRefused(exchange, host);
    return;
  }
  // The port is open: it is answered, and the scanner goes away.
  exchange.up_flags = kSyn | kRst;
  exchange.down_flags = kSynAck;
  exchange.up_packets = 2;
  exchange.up_bytes = 80;
  exchange.down_packets = 1;
  exchange.down_bytes = 44;
  AddBoth(exchange, {.at = &host, .path = kInternetGateway, .encryption = static_cast<int8_t>(host.encrypted ? 0 : -1)},
          false);
}

// VPC Block Public Access: bytes are not known.
void VpcTraffic::BlockedPublicAccess() {
  const Interface& host = HostOf(1);
  const NetworkAddress& client = Client(host);
  Flow& flow = AddRefused(Talk(client, client.is_v6 ? host.v6 : host.v4, host.port), host);
  flow.reason = Flow::Reason::kBlockPublicAccess;
  flow.bytes = Flow::kNoBytes;
}

void VpcTraffic::RefusedByEndpoint() {
  const Interface& host = HostOf(0);
  Flow& flow = AddRefused(Talk(host.v4, world_.endpoint.v4, 443), world_.endpoint);
  flow.reason = Flow::Reason::kEncryptionControls;
  flow.encryption = 0;
  flow.hop = &host;
}

// The security group or network ACL of the sender.
void VpcTraffic::RefusedOut() {
  static constexpr uint16_t kPorts[] = {25, 25, 4444, 6667, 9001, 587};
  const Interface& host = PrivateHost();
  const NetworkAddress* site = &world_.sites[world_.site_place.Draw(random_)];
  if (site->is_v6) site = &random_.Of(world_.services);
  Flow& flow = AddRefused(Talk(host.v4, *site, random_.Of(kPorts)), host);
  flow.egress = true;
}

// A network ACL that forgot the ports of replies: in by the security group, the answer refused.
void VpcTraffic::RefusedReply() {
  const Interface& host = PublicHost();
  const NetworkAddress& client = Client(host);
  Exchange exchange = Talk(client, client.is_v6 ? host.v6 : host.v4, host.port);
  exchange.up_flags = kSyn;
  exchange.down_flags = kSynAck;
  exchange.up_packets = exchange.down_packets = 3;
  exchange.up_bytes = exchange.down_bytes = 180;
  AddBoth(exchange, {.at = &host}, false);
  out_->back().rejected = true;
}

// Harmless: a packet after the connection's end.
void VpcTraffic::LatePacket() {
  const Interface& host = PublicHost();
  const NetworkAddress& client = Client(host);
  const Exchange exchange = Talk(client, client.is_v6 ? host.v6 : host.v4, host.port);
  AddBoth(exchange, {.at = &host, .path = kInternetGateway}, false);
  Flow& flow = AddRefused(exchange, host);
  flow.packets = 1;
  flow.bytes = 40;
  flow.start = flow.end = exchange.end + 1 + random_.Below(3);
  flow.tcp_flags = random_.OneIn(2) ? kRst : kFin;
}

void VpcTraffic::AddStatus() {
  Flow& flow = out_->emplace_back();
  flow.at = &random_.Of(world_.hosts);
  flow.status = turns_.status();
  flow.end = clock_.seconds() - random_.Below(8);
  flow.start = flow.end - random_.Between(45, 59);
}

}  // namespace v1
}  // namespace flowlogs
