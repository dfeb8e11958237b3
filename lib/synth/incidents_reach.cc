// Incidents of those who want in: scans, guesses, floods, open doors, and the next host.
#include <algorithm>
#include <string>
#include <vector>

#include "lib/synth/incidents.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using Outcome = Connection::Outcome;

std::string Of(uint64_t number, const char* what) { return std::to_string(number) + " " + what; }

// So many different ports, the known ones first, as scanners have them.
std::vector<uint16_t> Ports(Random& random, uint32_t count) {
  std::vector<uint16_t> ports;
  std::vector<bool> seen(65536);
  for (uint32_t port = 1; ports.size() < std::min<uint32_t>(count / 2, 1000); port += 1 + random.Below(3)) {
    ports.push_back(static_cast<uint16_t>(port));
    seen[port] = true;
  }
  while (ports.size() < count) {
    const uint16_t port = static_cast<uint16_t>(random.Between(1, 65535));
    if (seen[port]) continue;
    seen[port] = true;
    ports.push_back(port);
  }
  for (size_t i = ports.size(); i > 1; --i) std::swap(ports[i - 1], ports[random.Below(static_cast<uint32_t>(i))]);
  return ports;
}

// To all: a bastion's SSH is behind the VPN.
bool IsOpen(const Interface& host, uint16_t port) {
  return host.role == Role::kWeb ? port == 443 || port == 80 : host.role == Role::kMail && port == 25;
}

}  // namespace

void Incidents::ScanFast() {
  const Interface& host = Take(network_.web);
  const NetworkAddress& scanner = network_.Stranger(random_);
  const uint32_t count = random_.Between(60, 1500);
  const int64_t seconds = random_.Between(20, 600);
  const int64_t start = Begin(seconds);
  const std::vector<uint16_t> ports = Ports(random_, count);
  for (size_t i = 0; i < ports.size(); ++i) {
    Connection knock = In(scanner, host, ports[i], start + seconds * static_cast<int64_t>(i) / count);
    knock.outcome = IsOpen(host, ports[i]) ? Outcome::kProbed : Outcome::kRejected;
    Add(knock);
  }
  TruthEntry& entry = Tell("port-scan", scanner.text, start, start + seconds,
                           Of(count, "ports of one host in ") + Of(static_cast<uint64_t>(seconds), "seconds"));
  entry.targets = {std::string(host.v4.text)};
  entry.interface = host.id;
}

void Incidents::ScanSlowly() {
  const Interface& host = Take(network_.web);
  const NetworkAddress& scanner = network_.Stranger(random_);
  const uint32_t count = random_.Between(80, 240);
  const int64_t room = end_ - start_ - 4 * 3600;
  const int64_t step = std::min<int64_t>(random_.Between(300, 900), room / count);
  const int64_t start = Begin(step * count);
  const std::vector<uint16_t> ports = Ports(random_, count);
  for (size_t i = 0; i < ports.size(); ++i) {
    const int64_t jitter = random_.Below(static_cast<uint32_t>(step));
    Connection knock = In(scanner, host, ports[i], start + step * static_cast<int64_t>(i) + jitter);
    knock.outcome = IsOpen(host, ports[i]) ? Outcome::kProbed : Outcome::kRejected;
    Add(knock);
  }
  TruthEntry& entry = Tell("port-scan", scanner.text, start, start + step * count,
                           Of(count, "ports of one host, one in ") + Of(static_cast<uint64_t>(step), "seconds"));
  entry.targets = {std::string(host.v4.text)};
  entry.interface = host.id;
}

void Incidents::ScanV6() {
  const Interface& host = TakeV6(network_.web);
  if (host.v6.text.empty()) return;
  const NetworkAddress& scanner = network_.Stranger(random_, true);
  const uint32_t count = random_.Between(50, 600);
  const int64_t seconds = random_.Between(60, 1800);
  const int64_t start = Begin(seconds);
  const std::vector<uint16_t> ports = Ports(random_, count);
  for (size_t i = 0; i < ports.size(); ++i) {
    Connection knock = In(scanner, host, ports[i], start + seconds * static_cast<int64_t>(i) / count);
    knock.outcome = IsOpen(host, ports[i]) ? Outcome::kProbed : Outcome::kRejected;
    Add(knock);
  }
  TruthEntry& entry = Tell("port-scan", scanner.text, start, start + seconds, Of(count, "ports of one host, by IPv6"));
  entry.targets = {std::string(host.v6.text)};
  entry.interface = host.id;
}

// A host that was taken over looks what its neighbour serves: some ports are let through, and closed.
void Incidents::ScanInside() {
  const Interface& actor = Take(network_.app);
  const Interface& target = Take(network_.database);
  const uint32_t count = random_.Between(100, 1000);
  const int64_t seconds = random_.Between(30, 900);
  const int64_t start = Begin(seconds);
  const std::vector<uint16_t> ports = Ports(random_, count);
  const bool open_group = random_.OneIn(2);
  for (size_t i = 0; i < ports.size(); ++i) {
    Connection knock = Inside(actor, target, ports[i], start + seconds * static_cast<int64_t>(i) / count);
    knock.outcome = ports[i] == target.port ? Outcome::kProbed : open_group ? Outcome::kReset : Outcome::kRejected;
    Add(knock);
  }
  TruthEntry& entry = Tell("port-scan", actor.v4.text, start, start + seconds,
                           Of(count, "ports of a host inside, ") + (open_group ? "which resets" : "rejected"));
  entry.targets = {std::string(target.v4.text)};
  entry.interface = target.id;
}

void Incidents::SweepFromOutside() {
  static constexpr uint16_t kPorts[] = {22, 445, 3389, 6379, 8080, 9200, 5900};
  const NetworkAddress& scanner = network_.Stranger(random_);
  const uint16_t port = random_.Of(kPorts);
  const int64_t seconds = random_.Between(30, 1500);
  const int64_t start = Begin(seconds);
  uint32_t count = 0;
  TruthEntry entry;
  for (const Interface* host : network_.all) {
    if (!host->is_public || random_.OneIn(8)) continue;
    Connection knock = In(scanner, *host, port, start + random_.Below(static_cast<uint32_t>(seconds)));
    knock.outcome = IsOpen(*host, port) ? Outcome::kProbed : Outcome::kRejected;
    Add(knock);
    entry.targets.emplace_back(host->v4.text);
    ++count;
  }
  TruthEntry& told = Tell("host-sweep", scanner.text, start, start + seconds,
                          Of(count, "public hosts, one port: ") + std::to_string(port));
  told.targets = entry.targets;
}

// A worm: addresses of the subnet in turn, most of which nobody has.
void Incidents::SweepInside() {
  static constexpr uint16_t kPorts[] = {445, 22, 3389, 5985, 6379};
  const Interface& actor = TakeBehindNat(network_.app);
  const uint16_t port = random_.Of(kPorts);
  const uint32_t count = random_.Between(60, 250);
  const int64_t seconds = random_.Between(60, 2400);
  const int64_t start = Begin(seconds);
  const std::string net = "10.0." + std::to_string(random_.Between(49, 63)) + ".";
  for (uint32_t i = 0; i < count; ++i) {
    Connection knock =
        Out(actor, network_.Make(net + std::to_string(i + 2)), port, start + seconds * static_cast<int64_t>(i) / count);
    Connection in_vpc = knock;  // nobody answers, and no gateway is on the way
    in_vpc.outcome = Outcome::kUnanswered;
    Add(in_vpc);
  }
  TruthEntry& entry = Tell("host-sweep", actor.v4.text, start, start + seconds,
                           Of(count, "addresses inside, one port: ") + std::to_string(port));
  entry.interface = actor.id;
}

void Incidents::GuessPasswords() {
  static constexpr uint16_t kPorts[] = {22, 22, 3389};
  const Interface& host = Take(network_.web);
  const NetworkAddress& actor = network_.Stranger(random_);
  const uint16_t port = random_.Of(kPorts);
  const uint32_t count = random_.Between(150, 3000);
  const int64_t seconds = random_.Between(1200, 4 * 3600);
  const int64_t start = Begin(seconds);
  for (uint32_t i = 0; i < count; ++i) {
    Connection guess = In(actor, host, port, start + seconds * static_cast<int64_t>(i) / count);
    guess.seconds = random_.Between(1, 7);
    guess.up_bytes = random_.Between(1300, 2600);
    guess.down_bytes = random_.Between(1700, 3200);
    guess.packets = random_.Between(11, 24);
    Add(guess);
  }
  TruthEntry& entry = Tell("brute-force", actor.text, start, start + seconds,
                           Of(count, "logins that failed, at port ") + std::to_string(port));
  entry.targets = {std::string(host.v4.text)};
  entry.interface = host.id;
  // The port is open to the internet: true as well.
  TruthEntry& door =
      Tell("exposed-admin-port", host.v4.text, start, start + seconds, "who guesses is let in and answered");
  door.targets = {std::string(actor.text)};
  door.interface = host.id;
}

// By one that is no client of a database: of an application's own, many short sessions say nothing.
void Incidents::GuessInside() {
  Hosts strangers = network_.node;
  for (size_t i = 0; i < network_.app.size(); ++i) {
    if (i % 3 != 0) strangers.push_back(network_.app[i]);  // see Everyday::Pool
  }
  const Interface& actor = Take(strangers);
  const Interface& host = Take(network_.database);
  const uint32_t count = random_.Between(200, 2000);
  const int64_t seconds = random_.Between(900, 2 * 3600);
  const int64_t start = Begin(seconds);
  for (uint32_t i = 0; i < count; ++i) {
    Connection guess = Inside(actor, host, host.port, start + seconds * static_cast<int64_t>(i) / count);
    guess.seconds = random_.Below(3);
    guess.up_bytes = random_.Between(200, 700);
    guess.down_bytes = random_.Between(300, 900);
    guess.packets = random_.Between(6, 12);
    Add(guess);
  }
  TruthEntry& entry =
      Tell("brute-force", actor.v4.text, start, start + seconds, Of(count, "logins that failed, at a database inside"));
  entry.targets = {std::string(host.v4.text)};
  entry.interface = host.id;
}

// Somebody opened the group to all; administrators use it from home.
void Incidents::ExposeAdminPort() {
  static constexpr uint16_t kPorts[] = {22, 3389, 23, 5900, 2375, 5985};
  const Interface& host = Take(network_.web);
  const uint16_t port = random_.Of(kPorts);
  const int64_t seconds = random_.Between(2 * 3600, 12 * 3600);
  const int64_t start = Begin(seconds);
  const uint32_t people = random_.Between(1, 4);
  TruthEntry entry;
  for (uint32_t i = 0; i < people; ++i) {
    const NetworkAddress& home = network_.Stranger(random_);
    entry.targets.emplace_back(home.text);
    const uint32_t sessions = random_.Between(1, 5);
    for (uint32_t k = 0; k < sessions; ++k) {
      Connection login = In(home, host, port, start + random_.Below(static_cast<uint32_t>(seconds)));
      login.seconds = random_.Between(60, 1500);
      login.up_bytes = random_.Magnitude(12, 15);
      login.down_bytes = random_.Magnitude(14, 19);
      Add(login);
    }
  }
  TruthEntry& told = Tell("exposed-admin-port", host.v4.text, start, start + seconds + 1500,
                          Of(people, "addresses outside work at port ") + std::to_string(port));
  told.targets = entry.targets;
  told.interface = host.id;
}

// A scanner finds a service that is open by mistake, and takes what it gives.
void Incidents::ProbeAndGet() {
  static constexpr uint16_t kPorts[] = {9200, 8080, 27017, 2375, 8888, 5000};
  const Interface& host = Take(network_.web);
  const NetworkAddress& actor = network_.Stranger(random_);
  const uint16_t open = random_.Of(kPorts);
  const uint32_t count = random_.Between(60, 800);
  const int64_t seconds = random_.Between(60, 900);
  const int64_t start = Begin(seconds + 2400);
  for (const uint16_t port : Ports(random_, count)) {
    if (port == open) continue;
    Connection knock = In(actor, host, port, start + random_.Below(static_cast<uint32_t>(seconds)));
    knock.outcome = IsOpen(host, port) ? Outcome::kProbed : Outcome::kRejected;
    Add(knock);
  }
  const uint32_t times = random_.Between(1, 6);
  for (uint32_t i = 0; i < times; ++i) {
    Connection get = In(actor, host, open, start + seconds + 20 + random_.Below(2000));
    get.seconds = random_.Between(1, 90);
    get.up_bytes = random_.Between(300, 4000);
    get.down_bytes = random_.Magnitude(13, 24);
    Add(get);
  }
  for (const char* kind : {"port-scan", "answered-probe"}) {
    TruthEntry& entry = Tell(kind, actor.text, start, start + seconds + 2400,
                             Of(count, "ports, then data from port ") + std::to_string(open));
    entry.targets = {std::string(host.v4.text)};
    entry.interface = host.id;
    if (open == 2375) entry.also.emplace_back("exposed-admin-port");
  }
}

// SYNs from addresses that are made up: nothing comes of it, whether the host still answers or not.
void Incidents::Flood() {
  const Interface& host = Take(network_.web);
  const int64_t seconds = random_.Between(300, 1800);
  const int64_t start = Begin(seconds);
  const uint32_t sources = random_.Between(1500, 12000);
  const uint64_t rate = random_.Magnitude(10, 15);  // packets a second
  const bool answers = random_.OneIn(2);
  Addresses from;
  for (uint32_t i = 0; i < sources; ++i) from.push_back(&network_.Stranger(random_));
  uint64_t packets = 0;
  for (uint32_t i = 0; i < sources; ++i) {
    Connection syn = In(*from[i], host, 443, start + random_.Below(static_cast<uint32_t>(seconds)));
    syn.seconds = random_.Below(50);
    syn.outcome = answers ? Outcome::kHalfOpen : Outcome::kUnanswered;
    syn.packets = rate * static_cast<uint64_t>(seconds) / sources * random_.Between(50, 150) / 100 + 1;
    packets += syn.packets;
    Add(syn);
  }
  TruthEntry& entry = Tell("denial-of-service", "", start, start + seconds,
                           Of(packets, "SYNs of ") + Of(sources, "sources, none of them goes on"));
  entry.targets = {std::string(host.v4.text)};
  entry.interface = host.id;
  entry.also.emplace_back("traffic-spike");
}

// Answers of resolvers and clocks that nobody asked: big, and many.
void Incidents::FloodByReflection() {
  static constexpr uint16_t kPorts[] = {53, 123, 11211, 1900, 389};
  const Interface& host = Take(network_.web);
  const uint16_t port = random_.Of(kPorts);
  const int64_t seconds = random_.Between(300, 1800);
  const int64_t start = Begin(seconds);
  const uint32_t sources = random_.Between(300, 3000);
  const bool rejected = random_.OneIn(2);
  uint64_t packets = 0;
  for (uint32_t i = 0; i < sources; ++i) {
    const NetworkAddress& from = network_.Stranger(random_);
    const uint16_t to_port = static_cast<uint16_t>(random_.Between(1024, 65535));
    Connection answer = In(from, host, to_port, start + random_.Below(static_cast<uint32_t>(seconds)));
    answer.protocol = 17;
    answer.client_port = port;
    answer.seconds = random_.Below(55);
    answer.packets = random_.Between(100, 900);
    answer.up_bytes = random_.Between(400, 1300);
    answer.outcome = rejected ? Outcome::kRejected : Outcome::kUnanswered;
    packets += answer.packets;
    Add(answer);
  }
  TruthEntry& entry =
      Tell("denial-of-service", "", start, start + seconds,
           Of(packets, "packets from port ") + std::to_string(port) + " of " + Of(sources, "reflectors"));
  entry.targets = {std::string(host.v4.text)};
  entry.interface = host.id;
  entry.also.emplace_back("traffic-spike");
}

void Incidents::MoveLaterally() {
  static constexpr uint16_t kPorts[] = {22, 3389, 445, 5985};
  const Interface& actor = TakeBehindNat(network_.app);
  const uint16_t port = random_.Of(kPorts);
  const uint32_t count = random_.Between(5, 14);
  const int64_t seconds = random_.Between(900, 5400);
  const int64_t start = Begin(seconds + 900);
  TruthEntry entry;
  std::set<const Interface*> seen = {&actor};
  while (seen.size() <= count) {
    const Interface* host = random_.Of(network_.all);
    if (!seen.insert(host).second) continue;
    Connection login = Inside(actor, *host, port, start + seconds * static_cast<int64_t>(seen.size() - 2) / count);
    login.seconds = random_.Between(20, 900);
    login.up_bytes = random_.Magnitude(12, 20);
    login.down_bytes = random_.Magnitude(12, 18);
    Add(login);
    entry.targets.emplace_back(host->v4.text);
  }
  TruthEntry& told =
      Tell("lateral-movement", actor.v4.text, start, start + seconds + 900,
           Of(count, "hosts inside, logged in to from one that never did, port ") + std::to_string(port));
  told.targets = entry.targets;
  told.interface = actor.id;
}

}  // namespace v1
}  // namespace flowlogs
