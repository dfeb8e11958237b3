// Incidents of those who are in, and of operation: what leaves, what calls home, what is new, what is not recorded.
#include <algorithm>
#include <string>

#include "flowlogs/schema/address.h"
#include "lib/synth/incidents.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using Outcome = Connection::Outcome;
constexpr uint64_t kMega = 1'000'000;

std::string Of(uint64_t number, const char* what) { return std::to_string(number) + " " + what; }

}  // namespace

void Incidents::Exfiltrate(bool v6) {
  static constexpr uint16_t kPorts[] = {443, 443, 22, 8443};
  const Interface& actor = v6 ? TakeV6(network_.app) : TakeBehindNat(network_.database);
  if (v6 && actor.v6.text.empty()) return;
  const NetworkAddress& to = network_.Stranger(random_, v6);
  const uint16_t port = random_.Of(kPorts);
  const uint64_t bytes = random_.Between(2000, 40000) * kMega;
  const int64_t seconds = random_.Between(1200, 5 * 3600);
  const int64_t start = Begin(seconds);
  const uint32_t parts = random_.Between(1, 12);
  for (uint32_t i = 0; i < parts; ++i) {
    Connection send = Out(actor, to, port, start + seconds * static_cast<int64_t>(i) / parts);
    send.seconds = seconds / parts - 1;
    send.up_bytes = bytes / parts;
    send.down_bytes = bytes / parts / 800;
    Add(send);
  }
  TruthEntry& entry = Tell("exfiltration", v6 ? actor.v6.text : actor.v4.text, start, start + seconds,
                           Of(bytes / kMega, "MB to a party that it never sent anything to"));
  entry.targets = {std::string(to.text)};
  entry.also.emplace_back("traffic-spike");
  if (!v6) TellGateway(actor, &entry);
}

void Incidents::Beacon(bool v6) {
  static constexpr uint16_t kPorts[] = {443, 443, 80, 8443, 4444};
  const Interface& actor = v6 ? TakeV6(network_.web) : TakeBehindNat(network_.app);
  if (v6 && actor.v6.text.empty()) return;
  const NetworkAddress& home = network_.Stranger(random_, v6);
  const uint16_t port = random_.Of(kPorts);
  const uint32_t period = random_.Between(60, 1200);
  const uint32_t jitter = random_.Between(0, 30);  // percent
  const int64_t hours = random_.Between(5, 20);
  const int64_t start = Begin(hours * 3600);
  int64_t at = start;
  uint32_t contacts = 0;
  while (at < start + hours * 3600) {
    Connection call = Out(actor, home, port, at);
    call.seconds = random_.Below(3);
    call.up_bytes = random_.Between(200, 900);
    call.down_bytes = random_.OneIn(25) ? random_.Between(2000, 12000) : random_.Between(120, 500);
    Add(call);
    ++contacts;
    const uint32_t spread = period * jitter / 100;
    at += period - spread + random_.Below(2 * spread + 1);
  }
  TruthEntry& entry =
      Tell("beaconing", v6 ? actor.v6.text : actor.v4.text, start, at,
           Of(contacts, "calls, one in ") + Of(period, "seconds, jitter ") + std::to_string(jitter) + " %");
  entry.targets = {std::string(home.text)};
  if (!v6) TellGateway(actor, &entry);
}

// A copy that somebody started by day, between two hosts that exchange little.
void Incidents::Spike() {
  const Interface& from = Take(network_.database);
  const Interface& to = Take(network_.batch);
  const uint64_t bytes = random_.Between(30'000, 200'000) * kMega;
  const int64_t seconds = random_.Between(900, 3000);
  const int64_t start = Begin(seconds);
  Connection copy = Inside(to, from, from.port, start);
  copy.seconds = seconds;
  copy.up_bytes = bytes / 1000;
  copy.down_bytes = bytes;
  Add(copy);
  TruthEntry& entry = Tell("traffic-spike", from.v4.text, start, start + seconds,
                           Of(bytes / kMega, "MB in one connection, to a host inside"));
  entry.targets = {std::string(to.v4.text)};
  entry.aliases = {std::string(to.v4.text)};
  entry.interface = from.id;
}

// Instances that were started: nobody knew their addresses.
void Incidents::AddNewcomer() {
  for (const Interface* host : network_.newcomers) {
    const int64_t start = Begin(6 * 3600);
    const int64_t end = start + random_.Between(3 * 3600, 6 * 3600);
    uint32_t calls = 0;
    for (int64_t at = start; at < end; at += random_.Between(30, 900)) {
      const uint32_t kind = random_.Below(3);
      Connection call = kind == 0   ? Out(*host, *random_.Of(network_.mirrors), 443, at)
                        : kind == 1 ? Out(*host, random_.Of(world_.services), 443, at)
                                    : Inside(*network_.monitor, *host, 9100, at);
      call.seconds = random_.Below(20);
      call.up_bytes = random_.Magnitude(9, 13);
      call.down_bytes = random_.Magnitude(10, 20);
      Add(call);
      ++calls;
    }
    TruthEntry& entry =
        Tell("new-talker", host->v4.text, start, end, Of(calls, "connections of a host that was not there"));
    entry.interface = host->id;
  }
}

void Incidents::Tunnel() {
  static constexpr uint8_t kProtocols[] = {47, 4, 41, 50, 97};
  const Interface& actor = Take(network_.web);
  const NetworkAddress& peer = network_.Stranger(random_);
  const uint8_t protocol = random_.Of(kProtocols);
  const int64_t seconds = random_.Between(1800, 4 * 3600);
  const int64_t start = Begin(seconds);
  Connection tunnel = Out(actor, peer, 0, start);
  tunnel.client_port = 0;
  tunnel.protocol = protocol;
  const uint64_t up = random_.Between(5'000, 400'000);
  const uint64_t down = random_.Between(5'000, 400'000);
  AddLong(tunnel, seconds, up, down);
  TruthEntry& entry = Tell("unusual-protocol", actor.v4.text, start, start + seconds,
                           "IP protocol " + std::to_string(protocol) + " to a party outside");
  entry.targets = {std::string(peer.text)};
  entry.interface = actor.id;
  entry.also.emplace_back("exfiltration");
}

// One is called and answers, one knocks and is rejected; the rest of the list does not occur.
void Incidents::MeetListed() {
  const Interface& actor = Take(network_.web);
  const NetworkAddress& called = network_.Stranger(random_);
  const NetworkAddress& knocking = network_.Stranger(random_);
  const std::string net(called.text.substr(0, called.text.rfind('.')));
  truth_.list = {net + ".0/24", std::string(knocking.text) + "/32"};
  for (uint32_t i = 0; i < 30; ++i) {
    const NetworkAddress& other = network_.Stranger(random_);
    truth_.list.push_back(std::string(other.text) + "/32");
  }
  const int64_t start = Begin(7200);
  const uint32_t calls = random_.Between(1, 20);
  for (uint32_t i = 0; i < calls; ++i) {
    Connection call = Out(actor, called, 443, start + random_.Below(7200));
    call.seconds = random_.Below(30);
    call.up_bytes = random_.Magnitude(9, 14);
    call.down_bytes = random_.Magnitude(9, 18);
    Add(call);
  }
  TruthEntry& entry =
      Tell("listed-address", called.text, start, start + 7230, Of(calls, "calls to an address of a list"));
  entry.targets = {std::string(actor.v4.text)};
  entry.aliases = {std::string(actor.v4.text)};
  entry.interface = actor.id;
  const Interface& host = Take(network_.web);
  const int64_t knocks_start = Begin(3600);
  const uint32_t knocks = random_.Between(1, 8);
  for (uint32_t i = 0; i < knocks; ++i) {
    Connection knock = In(knocking, host, 22, knocks_start + random_.Below(3600));
    knock.outcome = Outcome::kRejected;
    Add(knock);
  }
  TruthEntry& tried = Tell("listed-address", knocking.text, knocks_start, knocks_start + 3600,
                           Of(knocks, "knocks of an address of a list, rejected"));
  tried.targets = {std::string(host.v4.text)};
  tried.interface = host.id;
}

void Incidents::TryForbidden() {
  static constexpr uint16_t kPorts[] = {25, 6667, 4444, 9001, 445, 1080};
  const Interface& actor = Take(network_.batch);
  const uint16_t port = random_.Of(kPorts);
  const uint32_t tries = random_.Between(25, 400);
  const int64_t seconds = random_.Between(600, 3 * 3600);
  const int64_t start = Begin(seconds);
  Addresses parties;
  for (uint32_t i = 0; i < 6; ++i) parties.push_back(&network_.Stranger(random_));
  for (uint32_t i = 0; i < tries; ++i) {
    const NetworkAddress& party = *random_.Of(parties);
    Connection attempt = Out(actor, party, port, start + random_.Below(static_cast<uint32_t>(seconds)));
    attempt.outcome = Outcome::kRejectedOut;
    attempt.packets = random_.Between(1, 4);
    Add(attempt);
  }
  TruthEntry& entry = Tell("blocked-egress", actor.v4.text, start, start + seconds,
                           Of(tries, "attempts to get out, port ") + std::to_string(port));
  entry.interface = actor.id;
}

void Incidents::BypassDns() {
  const Interface& actor = TakeBehindNat(network_.app);
  const NetworkAddress& other = network_.Make(random_.OneIn(2) ? "9.9.9.9" : "208.67.222.222");
  const int64_t seconds = random_.Between(1800, 8 * 3600);
  const int64_t start = Begin(seconds);
  const uint32_t asks = random_.Between(20, 600);
  for (uint32_t i = 0; i < asks; ++i) {
    Connection ask = Out(actor, other, 53, start + random_.Below(static_cast<uint32_t>(seconds)));
    ask.protocol = 17;
    ask.up_bytes = random_.Between(30, 60);
    ask.down_bytes = random_.Between(60, 300);
    ask.packets = 1;
    Add(ask);
  }
  TruthEntry& entry = Tell("dns-bypass", actor.v4.text, start, start + seconds,
                           Of(asks, "questions to a resolver outside that nobody else asks"));
  entry.targets = {std::string(other.text)};
  TellGateway(actor, &entry);
}

void Incidents::BreakPolicy() {
  const Interface& actor = Take(network_.web);
  const Interface& target = Take(network_.cache);
  const int64_t seconds = random_.Between(600, 2 * 3600);
  const int64_t start = Begin(seconds);
  const uint32_t calls = random_.Between(2, 60);
  for (uint32_t i = 0; i < calls; ++i) {
    Connection call = Inside(actor, target, target.port, start + random_.Below(static_cast<uint32_t>(seconds)));
    call.seconds = random_.Between(1, 60);
    call.up_bytes = random_.Magnitude(9, 14);
    call.down_bytes = random_.Magnitude(9, 18);
    Add(call);
  }
  TruthEntry& entry = Tell("policy-violation", actor.v4.text, start, start + seconds + 60,
                           Of(calls, "connections of a web host to the data, past the applications"));
  entry.targets = {std::string(target.v4.text)};
  entry.interface = target.id;
}

// A reverse shell, or a tunnel that somebody forgot.
void Incidents::StayConnected() {
  static constexpr uint16_t kPorts[] = {443, 22, 8443, 4444};
  const Interface& actor = TakeBehindNat(network_.app);
  const NetworkAddress& peer = network_.Stranger(random_);
  const int64_t seconds = random_.Between(10 * 3600, 30 * 3600);
  const int64_t start = Begin(seconds);
  Connection shell = Out(actor, peer, random_.Of(kPorts), start);
  const uint64_t up = random_.Between(80, 2000);
  const uint64_t down = random_.Between(80, 1500);
  AddLong(shell, seconds, up, down);
  TruthEntry& entry = Tell("long-connection", actor.v4.text, start, start + seconds,
                           "one connection to a party outside, " + Of(static_cast<uint64_t>(seconds / 3600), "hours"));
  entry.targets = {std::string(peer.text)};
  TellGateway(actor, &entry);
}

void Incidents::GoSilent() {
  for (int i = 0; i < 2; ++i) {
    const Interface& host = Take(network_.all);
    const int64_t seconds = random_.Between(3600, 6 * 3600);
    const int64_t start = Begin(seconds);
    losses_.push_back({&host, start, start + seconds, false});
    TruthEntry& entry = Tell("logging-gap", host.v4.text, start, start + seconds,
                             "no record for " + Of(static_cast<uint64_t>(seconds / 60), "minutes, not even NODATA"));
    entry.interface = host.id;
    entry.aliases = {std::string(host.id)};
  }
}

void Incidents::SkipData() {
  const Interface& host = Take(network_.all);
  const int64_t seconds = random_.Between(600, 5400);
  const int64_t start = Begin(seconds);
  losses_.push_back({&host, start, start + seconds, true});
  TruthEntry& entry = Tell("data-loss", host.v4.text, start, start + seconds,
                           "SKIPDATA in " + Of(static_cast<uint64_t>(seconds / 60), "minutes"));
  entry.interface = host.id;
  entry.aliases = {std::string(host.id)};
}

void Incidents::AddDecoys() {
  const auto tell = [&](const char* kind, const NetworkAddress& actor, const char* why) {
    truth_.decoys.push_back({kind, std::string(actor.text), why});
  };
  tell("host-sweep", network_.monitor->v4, "polls the metrics of every host, every five minutes; all answer");
  tell("lateral-movement", network_.bastion[0]->v4, "administrators log in through it on every working day");
  tell("lateral-movement", network_.builder->v4, "deploys to all application hosts every other working day");
  tell("denial-of-service", network_.builder->v4, "tests the load on Thursdays: thousands of connections, all served");
  tell("exfiltration", network_.reporter->v4, "copies backups to a provider outside, every night about as much");
  for (const Interface* host : network_.database) tell("exfiltration", host->v4, "backs up to S3 every night");
  for (const NetworkAddress* agent : network_.agents)
    tell("beaconing", *agent, "every host reports to it every seven minutes");
  for (const NetworkAddress* clock : network_.clocks) tell("beaconing", *clock, "NTP");
  for (const NetworkAddress* watcher : network_.watchers) tell("beaconing", *watcher, "an uptime check from outside");
  tell("dns-bypass", network_.resolver->v4, "the resolver that hosts are to ask");
  tell("port-scan", network_.partners[0][0], "traceroute, to it and others: UDP to ports from 33434 on");
  tell("long-connection", network_.database[0]->v4, "applications keep connections to it for days");
}

}  // namespace v1
}  // namespace flowlogs
