#include "lib/synth/incidents.h"

#include <algorithm>

namespace flowlogs {
inline namespace v1 {

Incidents::Incidents(Network* network, uint64_t seed, Truth* truth)
    : network_(*network), world_(network->world), seed_(seed), random_(seed), truth_(*truth) {
  WritePolicy();
}

void Incidents::Plan(int64_t start, int64_t end) {
  start_ = start;
  end_ = end;
  using Step = void (*)(Incidents&);
  static constexpr Step kSteps[] = {[](Incidents& i) { i.ScanFast(); },
                                    [](Incidents& i) { i.ScanSlowly(); },
                                    [](Incidents& i) { i.ScanV6(); },
                                    [](Incidents& i) { i.ScanInside(); },
                                    [](Incidents& i) { i.SweepFromOutside(); },
                                    [](Incidents& i) { i.SweepInside(); },
                                    [](Incidents& i) { i.GuessPasswords(); },
                                    [](Incidents& i) { i.GuessInside(); },
                                    [](Incidents& i) { i.ExposeAdminPort(); },
                                    [](Incidents& i) { i.ProbeAndGet(); },
                                    [](Incidents& i) { i.Flood(); },
                                    [](Incidents& i) { i.FloodByReflection(); },
                                    [](Incidents& i) { i.MoveLaterally(); },
                                    [](Incidents& i) { i.Exfiltrate(false); },
                                    [](Incidents& i) { i.Exfiltrate(true); },
                                    [](Incidents& i) { i.Beacon(false); },
                                    [](Incidents& i) { i.Beacon(true); },
                                    [](Incidents& i) { i.Spike(); },
                                    [](Incidents& i) { i.AddNewcomer(); },
                                    [](Incidents& i) { i.Tunnel(); },
                                    [](Incidents& i) { i.MeetListed(); },
                                    [](Incidents& i) { i.TryForbidden(); },
                                    [](Incidents& i) { i.BypassDns(); },
                                    [](Incidents& i) { i.BreakPolicy(); },
                                    [](Incidents& i) { i.StayConnected(); },
                                    [](Incidents& i) { i.GoSilent(); },
                                    [](Incidents& i) { i.SkipData(); },
                                    [](Incidents& i) { i.AddDecoys(); }};
  uint64_t number = 0;
  for (const Step step : kSteps) {
    random_ = Random(seed_ ^ (++number << 48));  // one more does not change the others
    step(*this);
  }
  for (TruthEntry& entry : truth_.incidents) entry.end = std::min(entry.end, end_);
  std::stable_sort(connections_.begin(), connections_.end(),
                   [](const Connection& a, const Connection& b) { return a.start < b.start; });
}

// What everyday traffic needs, by what hosts are for.
void Incidents::WritePolicy() {
  const auto zone = [&](const char* name, const Hosts& hosts) {
    std::vector<std::string> prefixes;
    for (const Interface* host : hosts) {
      prefixes.push_back(std::string(host->v4.text) + "/32");
      if (!host->v6.text.empty()) prefixes.push_back(std::string(host->v6.text) + "/128");
    }
    truth_.zones.emplace_back(name, std::move(prefixes));
  };
  zone("web", network_.web);
  zone("app", network_.app);
  Hosts data = network_.database;
  data.insert(data.end(), network_.cache.begin(), network_.cache.end());
  zone("data", data);
  zone("manage", {network_.monitor, network_.builder, network_.bastion[0]});
  zone("resolver", {network_.resolver});
  // Interfaces of AWS's in the first VPC show their own addresses for those behind them.
  zone("middle", {&world_.load_balancer, &world_.nat, &world_.transit, &world_.endpoint});
  truth_.allow = {"* -> web tcp/80,tcp/443,udp/443",
                  "web -> app tcp/8080",
                  "middle -> app tcp/8080",
                  "app -> data tcp/5432,tcp/3306,tcp/6379",
                  "middle -> data tcp/5432,tcp/3306,tcp/6379",
                  "manage -> * tcp/22,tcp/9100,tcp/8080",
                  "middle -> * tcp/22,tcp/9100,tcp/443,tcp/80,udp/123,udp/53",
                  "outside -> manage tcp/22",
                  "* -> middle tcp/443,tcp/80,tcp/22,udp/123,udp/53",
                  "* -> resolver udp/53,tcp/53",
                  "* -> outside tcp/443,tcp/80,tcp/22,tcp/8080,udp/123,udp/33434-33534,icmp",
                  "resolver -> outside udp/53"};
}

// ---- Parts ----------------------------------------------------------------------------------------------------------

const Interface& Incidents::Take(const Hosts& hosts) {
  for (int tries = 0; tries < 64; ++tries) {
    const Interface* host = random_.Of(hosts);
    if (taken_.insert(host).second) return *host;
  }
  return *random_.Of(hosts);
}

const Interface& Incidents::TakeV6(const Hosts& hosts) {
  Hosts able;
  for (const Interface* host : hosts) {
    if (!host->v6.text.empty()) able.push_back(host);
  }
  return Take(able.empty() ? hosts : able);
}

const Interface& Incidents::TakeBehindNat(const Hosts& hosts) {
  Hosts first;
  for (const Interface* host : hosts) {
    if (host->vpc_number == 0) first.push_back(host);
  }
  return Take(first.empty() ? hosts : first);
}

int64_t Incidents::Begin(int64_t seconds) {
  const int64_t room = end_ - start_ - seconds - 5400;
  return start_ + 3600 + random_.Below(static_cast<uint32_t>(std::max<int64_t>(room, 1)));
}

Connection Incidents::In(const NetworkAddress& client, const Interface& server, uint16_t port, int64_t start) {
  Connection made;
  made.client = &client;
  made.server = client.is_v6 ? &server.v6 : &server.v4;
  made.server_at = &server;
  made.client_port = static_cast<uint16_t>(random_.Between(1024, 65535));
  made.server_port = port;
  made.start = start;
  return made;
}

Connection Incidents::Out(const Interface& client, const NetworkAddress& server, uint16_t port, int64_t start) {
  Connection made;
  made.client = server.is_v6 ? &client.v6 : &client.v4;
  made.client_at = &client;
  made.server = &server;
  made.client_port = Port();
  made.server_port = port;
  made.start = start;
  return made;
}

Connection Incidents::Inside(const Interface& client, const Interface& server, uint16_t port, int64_t start) {
  Connection made;
  made.client = &client.v4;
  made.client_at = &client;
  made.server = &server.v4;
  made.server_at = &server;
  made.client_port = Port();
  made.server_port = port;
  made.start = start;
  return made;
}

void Incidents::AddLong(Connection connection, int64_t seconds, uint64_t up_a_minute, uint64_t down_a_minute) {
  const int64_t begin = connection.start;
  for (int64_t at = 0; at < seconds; at += 3600) {
    connection.start = begin + at;
    connection.seconds = std::min<int64_t>(3600, seconds - at) - 1;
    const uint64_t minutes = static_cast<uint64_t>(connection.seconds / 60 + 1);
    connection.opens = at == 0;
    connection.closes = at + 3600 >= seconds;
    connection.up_bytes = up_a_minute * minutes;
    connection.down_bytes = down_a_minute * minutes;
    connection.packets = std::max<uint64_t>(minutes, (connection.up_bytes + connection.down_bytes) / 1000);
    Add(connection);
  }
}

TruthEntry& Incidents::Tell(std::string_view kind, std::string_view actor, int64_t start, int64_t end,
                            std::string why) {
  TruthEntry& entry = truth_.incidents.emplace_back();
  entry.kind = kind;
  entry.actor = actor;
  entry.start = start;
  entry.end = end;
  entry.why = std::move(why);
  if (kind != "policy-violation") entry.also = {"policy-violation"};  // what is bad is seldom allowed
  return entry;
}

void Incidents::TellGateway(const Interface& host, TruthEntry* entry) const {
  entry->interface = host.id;
  if (!host.is_public && host.vpc_number == 0) entry->aliases.emplace_back(world_.nat.v4.text);
}

}  // namespace v1
}  // namespace flowlogs
