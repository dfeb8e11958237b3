#include "lib/synth/everyday.h"

#include <algorithm>
#include <string>

namespace flowlogs {
inline namespace v1 {
namespace {

using Outcome = Connection::Outcome;
constexpr int64_t kDay = 86400;
constexpr int64_t kHour = 3600;
constexpr uint64_t kMega = 1'000'000;

// What scanners look for, the favourites more than once.
constexpr uint16_t kScannedPorts[] = {22,   23,   23,   2323, 80,   443,  445,  1433, 1900, 3306,  3389,  3389, 5060,
                                      5432, 5555, 5900, 6379, 8080, 8088, 8443, 8545, 9200, 11211, 27017, 25565};
// Percent of the mean, by the hour (UTC).
constexpr uint32_t kRhythm[24] = {42,  34,  30,  29,  32,  45,  70,  100, 130, 145, 150, 152,
                                  148, 150, 152, 150, 146, 140, 134, 128, 118, 100, 78,  56};

}  // namespace

Everyday::Everyday(const Network& network, uint64_t seed, Wire* wire)
    : network_(network), seed_(seed), wire_(*wire), random_(seed) {}

void Everyday::Make(int64_t from, int64_t seconds) {
  static constexpr Activity kActivities[] = {&Everyday::Browse,
                                             &Everyday::BrowseByLoadBalancer,
                                             &Everyday::WatchFromOutside,
                                             &Everyday::Noise,
                                             &Everyday::Backscatter,
                                             &Everyday::ReceiveMail,
                                             &Everyday::Serve,
                                             &Everyday::Pool,
                                             &Everyday::AskResolver,
                                             &Everyday::Resolve,
                                             &Everyday::Poll,
                                             &Everyday::CheckHealth,
                                             &Everyday::CallPartners,
                                             &Everyday::CallAws,
                                             &Everyday::Report,
                                             &Everyday::SetClocks,
                                             &Everyday::Administer,
                                             &Everyday::TraceRoutes,
                                             &Everyday::Update,
                                             &Everyday::Backup,
                                             &Everyday::CopyOffsite,
                                             &Everyday::Build,
                                             &Everyday::Deploy,
                                             &Everyday::TestLoad,
                                             &Everyday::Restart};
  from_ = from;
  seconds_ = seconds;
  day_ = from / kDay;
  day_second_ = from % kDay;
  weekday_ = static_cast<int>((day_ + 3) % 7);  // 1970-01-01 was a Thursday
  uint64_t number = 0;
  for (const Activity activity : kActivities) {
    random_ = Random(seed_ ^ (++number << 56) ^ static_cast<uint64_t>(from) * 0x2545F4914F6CDD1D);
    (this->*activity)();
  }
}

// ---- Parts ----------------------------------------------------------------------------------------------------------

uint32_t Everyday::Count(uint32_t an_hour, bool by_rhythm) {
  uint64_t hundred_times = uint64_t{an_hour} * static_cast<uint64_t>(seconds_) / 36;
  if (by_rhythm) {
    hundred_times = hundred_times * kRhythm[day_second_ / kHour] / 100;
    if (weekend()) hundred_times = hundred_times * 6 / 10;
  }
  hundred_times = hundred_times * random_.Between(70, 130) / 100;
  const uint32_t whole = static_cast<uint32_t>(hundred_times / 100);
  return whole + (random_.Below(100) < hundred_times % 100 ? 1 : 0);
}

const NetworkAddress& Everyday::Client(const Interface& host) {
  for (;;) {
    const NetworkAddress& client = network_.world.clients[network_.world.client_place.Draw(random_)];
    if (!client.is_v6 || !host.v6.text.empty()) return client;
  }
}

Connection Everyday::Inside(const Interface& client, const Interface& server, uint16_t port) {
  const bool v6 = !client.v6.text.empty() && !server.v6.text.empty() && client.vpc_number == server.vpc_number;
  Connection made;
  made.client_at = &client;
  made.server_at = &server;
  made.client = v6 ? &client.v6 : &client.v4;
  made.server = v6 ? &server.v6 : &server.v4;
  made.client_port = Port();
  made.server_port = port;
  made.start = Any();
  return made;
}

Connection Everyday::Out(const Interface& client, const NetworkAddress& server, uint16_t port, uint8_t protocol) {
  Connection made;
  made.client_at = &client;
  made.client = server.is_v6 ? &client.v6 : &client.v4;
  made.server = &server;
  made.client_port = Port();
  made.server_port = port;
  made.protocol = protocol;
  made.start = Any();
  return made;
}

Connection Everyday::In(const NetworkAddress& client, const Interface& server, uint16_t port, uint8_t protocol) {
  Connection made;
  made.server_at = &server;
  made.client = &client;
  made.server = client.is_v6 ? &server.v6 : &server.v4;
  made.client_port = static_cast<uint16_t>(random_.Between(1024, 65535));
  made.server_port = port;
  made.protocol = protocol;
  made.start = Any();
  return made;
}

// ---- People and programs outside ------------------------------------------------------------------------------------

void Everyday::Browse() {
  for (const Interface* host : network_.web) {
    for (uint32_t left = Count(60, true); left > 0; --left) {
      const NetworkAddress& client = Client(*host);
      const uint32_t kind = random_.Below(16);
      Connection page = In(client, *host, kind == 0 ? 80 : 443, kind == 1 ? 17 : 6);
      page.seconds = random_.OneIn(20) ? random_.Between(60, 300) : random_.Below(25);
      page.up_bytes = random_.Between(400, 4000);
      page.down_bytes = random_.Magnitude(9, random_.OneIn(50) ? 23 : 17);
      // A web socket that stays open while somebody looks.
      if (page.protocol == 6 && random_.OneIn(600)) page.seconds = random_.Between(1200, 9000);
      wire_.Add(page);
      if (page.protocol != 6 || !random_.OneIn(80)) continue;
      // Harmless: a packet after the end, of which the security group knows nothing any more.
      page.start += page.seconds + random_.Between(2, 40);
      page.seconds = 0;
      page.outcome = Outcome::kRejected;
      wire_.Add(page);
    }
  }
}

void Everyday::BrowseByLoadBalancer() {
  const Interface& balancer = network_.world.load_balancer;
  for (uint32_t left = Count(700, true); left > 0; --left) {
    const NetworkAddress* client = &Client(balancer);
    Connection page = In(*client, balancer, 443);
    page.seconds = random_.Below(30);
    page.up_bytes = random_.Between(400, 3000);
    page.down_bytes = random_.Magnitude(9, 15);
    wire_.Add(page);
    // A connection of the balancer's own, to a target.
    const Interface* target = random_.Of(network_.app);
    if (target->vpc_number != balancer.vpc_number) continue;
    Connection behind = page;
    behind.client_at = &balancer;
    behind.client = &balancer.v4;
    behind.client_port = static_cast<uint16_t>(random_.Between(1024, 65535));
    behind.server_at = target;
    behind.server = &target->v4;
    behind.server_port = target->port;
    wire_.Add(behind);
  }
}

// Each of them looks at two hosts, once a minute or two.
void Everyday::WatchFromOutside() {
  for (size_t i = 0; i < network_.watchers.size(); ++i) {
    for (int64_t at = from_; at < from_ + seconds_; at += 120) {
      Connection look = In(*network_.watchers[i], *network_.web[i % network_.web.size()], 443);
      look.start = at + random_.Below(3);
      look.up_bytes = 300;
      look.down_bytes = 2400;
      wire_.Add(look);
    }
  }
}

// Each source knocks a few times: there are many.
void Everyday::Noise() {
  for (const Hosts* hosts : {&network_.web, &network_.bastion, &network_.mail}) {
    for (const Interface* host : *hosts) {
      for (uint32_t left = Count(45, false); left > 0; --left) {
        const NetworkAddress& source = random_.Of(network_.world.scanners);
        if (source.is_v6 && host->v6.text.empty()) continue;
        const uint16_t any = static_cast<uint16_t>(random_.Between(1, 65535));
        const bool favourite = random_.Below(3) > 0;
        const uint16_t port = favourite ? random_.Of(kScannedPorts) : any;
        const uint32_t kind = random_.Below(40);
        Connection knock = In(source, *host, port, kind < 4 ? 17 : kind == 4 ? (source.is_v6 ? 58 : 1) : 6);
        if (kind == 4) knock.server_port = knock.client_port = 0;
        const bool open = knock.protocol == 6 && (port == 443 || port == 80) && host->role == Role::kWeb;
        knock.outcome = open ? Outcome::kProbed : Outcome::kRejected;
        knock.packets = random_.OneIn(5) ? 2 : 1;
        wire_.Add(knock);
      }
    }
  }
}

// Answers to packets that somebody sent in our name.
void Everyday::Backscatter() {
  for (uint32_t left = Count(30, false); left > 0; --left) {
    const Interface& host = *random_.Of(network_.web);
    const NetworkAddress& source = random_.Of(network_.world.scanners);
    if (source.is_v6) continue;
    Connection knock = In(source, host, static_cast<uint16_t>(random_.Between(1024, 65535)));
    knock.client_port = random_.OneIn(2) ? 443 : 80;
    knock.outcome = Outcome::kRejected;
    wire_.Add(knock);
  }
}

void Everyday::ReceiveMail() {
  for (const Interface* host : network_.mail) {
    for (uint32_t left = Count(25, true); left > 0; --left) {
      const NetworkAddress& client = Client(*host);
      Connection mail = In(client, *host, 25);
      mail.seconds = random_.Between(1, 20);
      mail.up_bytes = random_.Magnitude(11, 18);
      mail.down_bytes = random_.Between(300, 900);
      wire_.Add(mail);
    }
  }
}

// ---- Services inside ------------------------------------------------------------------------------------------------

// Web hosts ask the applications, those the caches.
void Everyday::Serve() {
  for (size_t i = 0; i < network_.web.size(); ++i) {
    for (uint32_t left = Count(24, true); left > 0; --left) {
      const Interface& server = *network_.app[(i + random_.Below(2)) % network_.app.size()];
      Connection call = Inside(*network_.web[i], server, server.port);
      call.seconds = random_.Below(40);
      call.up_bytes = random_.Magnitude(9, 14);
      call.down_bytes = random_.Magnitude(9, 16);
      wire_.Add(call);
    }
  }
  if (network_.cache.empty()) return;
  for (size_t i = 0; i < network_.app.size(); ++i) {
    for (uint32_t left = Count(16, true); left > 0; --left) {
      Connection call = Inside(*network_.app[i], *network_.cache[i % network_.cache.size()], 6379);
      call.seconds = random_.Below(30);
      call.up_bytes = random_.Magnitude(8, 12);
      call.down_bytes = random_.Magnitude(8, 14);
      wire_.Add(call);
    }
  }
}

// Applications keep connections to their databases for hours and days: what lasts long, inside, is no incident.
void Everyday::Pool() {
  if (pool_.empty()) {
    for (size_t i = 0; i < network_.app.size(); i += 3) {
      const Interface& server = *network_.database[i % network_.database.size()];
      Kept kept{Inside(*network_.app[i], server, server.port), 0};
      kept.connection.closes = false;
      pool_.push_back(kept);
    }
  }
  for (Kept& kept : pool_) {
    Connection& connection = kept.connection;
    if (kept.until == 0) {
      kept.until = from_ + static_cast<int64_t>(random_.Between(6, 40)) * kHour;
      connection.client_port = Port();
      connection.opens = true;
    }
    connection.start = from_;
    connection.seconds = seconds_ - 1;
    connection.closes = kept.until <= from_ + seconds_;
    const uint32_t load = Count(4000, true);
    connection.up_bytes = uint64_t{load} * random_.Between(200, 400);
    connection.down_bytes = uint64_t{load} * random_.Between(800, 1600);
    wire_.Add(connection);
    connection.opens = false;
    if (connection.closes) kept.until = 0;
  }
}

// Packets to Amazon's own resolver are not logged; these are of hosts that ask ours.
void Everyday::AskResolver() {
  for (const Interface* host : network_.all) {
    if (host == network_.resolver || host->vpc_number != network_.resolver->vpc_number) continue;
    for (uint32_t left = Count(5, true); left > 0; --left) {
      Connection ask = Inside(*host, *network_.resolver, 53);
      ask.protocol = 17;
      ask.up_bytes = random_.Between(30, 60);
      ask.down_bytes = random_.Between(60, 300);
      ask.packets = 1;
      wire_.Add(ask);
    }
  }
}

void Everyday::Resolve() {
  for (uint32_t left = Count(120, true); left > 0; --left) {
    const NetworkAddress& server = *random_.Of(network_.resolvers);
    Connection ask = Out(*network_.resolver, server, 53, 17);
    ask.up_bytes = random_.Between(30, 60);
    ask.down_bytes = random_.Between(60, 300);
    ask.packets = 1;
    wire_.Add(ask);
  }
}

// Metrics of every host, every five minutes: one source, one port, many hosts.
void Everyday::Poll() {
  for (int64_t at = from_; at < from_ + seconds_; at += 300) {
    for (const Interface* host : network_.all) {
      if (host == network_.monitor) continue;
      Connection poll = Inside(*network_.monitor, *host, 9100);
      poll.start = at + random_.Below(20);
      poll.up_bytes = 180;
      poll.down_bytes = random_.Between(6000, 9000);
      wire_.Add(poll);
    }
  }
}

void Everyday::CheckHealth() {
  const Interface& balancer = network_.world.load_balancer;
  for (int64_t at = from_; at < from_ + seconds_; at += 60) {
    for (const Interface* host : network_.app) {
      if (host->vpc_number != balancer.vpc_number) continue;
      Connection check = Inside(balancer, *host, host->port);
      check.start = at + random_.Below(4);
      check.up_bytes = 120;
      check.down_bytes = 200;
      wire_.Add(check);
    }
  }
}

// Each host knows a few, and calls them when its users do something.
void Everyday::CallPartners() {
  for (const Hosts* hosts : {&network_.app, &network_.batch, &network_.node, &network_.mail}) {
    for (size_t i = 0; i < hosts->size(); ++i) {
      for (uint32_t left = Count(10, true); left > 0; --left) {
        const Interface& host = *(*hosts)[i];
        size_t which = (i * 3 + random_.Below(4)) % network_.partners.size();
        // One in four is reached by IPv6, by who has it.
        if (network_.partners[which]->is_v6 && host.v6.text.empty()) --which;
        Connection call = Out(host, *network_.partners[which], 443);
        call.seconds = random_.Below(20);
        call.up_bytes = random_.Magnitude(9, 15);
        call.down_bytes = random_.Magnitude(10, 18);
        wire_.Add(call);
      }
    }
  }
}

void Everyday::CallAws() {
  const World& world = network_.world;
  for (const Interface* host : network_.all) {
    for (uint32_t left = Count(8, false); left > 0; --left) {
      const bool at_endpoint = host->vpc_number == 0 && random_.OneIn(3);
      Connection call = at_endpoint ? Inside(*host, world.endpoint, 443) : Out(*host, random_.Of(world.services), 443);
      call.seconds = random_.Below(10);
      call.up_bytes = random_.Magnitude(10, 13);
      call.down_bytes = random_.Magnitude(10, 14);
      wire_.Add(call);
    }
    if (random_.OneIn(4)) {
      Connection object = Out(*host, random_.Of(world.buckets), 443);
      object.seconds = random_.Below(30);
      object.up_bytes = random_.Magnitude(10, 20);
      object.down_bytes = random_.Magnitude(10, 22);
      wire_.Add(object);
    }
  }
}

// The agent of a monitoring service: every host, every seven minutes or so, to the same few addresses.
void Everyday::Report() {
  for (size_t i = 0; i < network_.all.size(); ++i) {
    for (int64_t at = from_; at < from_ + seconds_; at += 450) {
      Connection report = Out(*network_.all[i], *network_.agents[i % network_.agents.size()], 443);
      report.start = at + static_cast<int64_t>(i * 37 % 200) + random_.Below(4);
      report.up_bytes = random_.Between(1200, 2600);
      report.down_bytes = 400;
      wire_.Add(report);
    }
  }
}

void Everyday::SetClocks() {
  for (size_t i = 0; i < network_.app.size(); ++i) {
    if (random_.Below(1024) >= seconds_) continue;
    Connection ask = Out(*network_.app[i], *network_.clocks[i % network_.clocks.size()], 123, 17);
    ask.client_port = 123;
    ask.up_bytes = ask.down_bytes = 48;
    ask.packets = 1;
    wire_.Add(ask);
  }
}

// ---- People inside, and jobs ----------------------------------------------------------------------------------------

// Administrators log in to the bastion through the VPN, from there to hosts: on every working day, to any.
void Everyday::Administer() {
  const int64_t hour = day_second_ / kHour;
  if (network_.bastion.empty() || hour < 7 || hour > 18) return;
  for (uint32_t left = Count(weekend() ? 1 : 5, false); left > 0; --left) {
    const Interface& bastion = *network_.bastion[0];
    const NetworkAddress& admin = *random_.Of(network_.admins);
    Connection login = In(admin, bastion, 22);
    login.client_port = Port();
    login.seconds = random_.Between(300, 3600);
    login.up_bytes = random_.Magnitude(12, 16);
    login.down_bytes = random_.Magnitude(14, 19);
    wire_.Add(login);
    const uint32_t hosts = random_.Between(1, 7);
    for (uint32_t i = 0; i < hosts; ++i) {
      const Interface& host = *random_.Of(network_.all);
      if (&host == &bastion || host.vpc_number != bastion.vpc_number) continue;
      Connection hop = Inside(bastion, host, 22);
      hop.start = login.start + random_.Below(200);
      hop.seconds = random_.Between(60, 1800);
      hop.up_bytes = random_.Magnitude(11, 15);
      hop.down_bytes = random_.Magnitude(13, 18);
      wire_.Add(hop);
    }
  }
}

// From an administrator's machine, and from a host: UDP to ports from 33434 on.
void Everyday::TraceRoutes() {
  if (!Now(9 * kHour + 1200) || random_.OneIn(3)) return;
  const Interface& host = *random_.Of(network_.web);
  const NetworkAddress* to = network_.partners[4 * random_.Below(6)];
  const NetworkAddress& from =
      network_.world.clients[random_.Below(static_cast<uint32_t>(network_.world.clients.size()))];
  const int64_t start = Any();
  for (uint16_t hop = 0; hop < 30; ++hop) {
    const uint16_t port = static_cast<uint16_t>(33434 + hop);
    Connection probe = Out(host, *to, port, 17);
    probe.start = start + hop / 3;
    probe.outcome = Outcome::kUnanswered;
    probe.up_bytes = 32;
    wire_.Add(probe);
    if (from.is_v6) continue;
    Connection reverse = In(from, host, port, 17);
    reverse.start = start + 100 + hop / 3;
    reverse.outcome = Outcome::kRejected;
    reverse.up_bytes = 32;
    wire_.Add(reverse);
  }
}

void Everyday::Update() {
  for (size_t i = 0; i < network_.all.size(); ++i) {
    if (!Now(static_cast<int64_t>(3600 * 4 + i * 397 % 7000))) continue;
    const NetworkAddress& mirror = *random_.Of(network_.mirrors);
    Connection update = Out(*network_.all[i], mirror, random_.OneIn(2) ? 80 : 443);
    update.seconds = random_.Between(5, 90);
    update.up_bytes = random_.Between(4000, 30000);
    update.down_bytes = random_.Magnitude(20, 26);
    wire_.Add(update);
  }
}

// Every night, about as much as the night before.
void Everyday::Backup() {
  for (size_t i = 0; i < network_.database.size(); ++i) {
    if (!Now(2 * kHour + static_cast<int64_t>(i) * 700)) continue;
    const uint64_t size = (2000 + i * 1700) * kMega / 100 * random_.Between(94, 106);
    const NetworkAddress& bucket = network_.world.buckets[i % network_.world.buckets.size()];
    Connection backup = Out(*network_.database[i], bucket, 443);
    backup.start = from_ + random_.Below(120);
    backup.seconds = random_.Between(600, 2400);
    backup.up_bytes = size;
    backup.down_bytes = size / 900;
    wire_.Add(backup);
  }
}

// A copy of the most important at another provider, in the same night.
void Everyday::CopyOffsite() {
  if (!Now(4 * kHour)) return;
  const uint64_t size = 3000 * kMega / 100 * random_.Between(90, 112);
  Connection copy = Out(*network_.reporter, *network_.vault, 22);
  copy.start = from_ + random_.Below(100);
  copy.seconds = random_.Between(900, 2700);
  copy.up_bytes = size;
  copy.down_bytes = size / 700;
  wire_.Add(copy);
}

void Everyday::Build() {
  if (weekend()) return;
  for (uint32_t left = Count(4, true); left > 0; --left) {
    const NetworkAddress& forge = *random_.Of(network_.forges);
    Connection fetch = Out(*network_.builder, forge, random_.OneIn(2) ? 22 : 443);
    fetch.seconds = random_.Between(2, 40);
    fetch.up_bytes = random_.Magnitude(11, 14);
    fetch.down_bytes = random_.Magnitude(18, 25);
    wire_.Add(fetch);
    const NetworkAddress& mirror = *random_.Of(network_.mirrors);
    Connection parts = Out(*network_.builder, mirror, 443);
    parts.seconds = random_.Between(5, 60);
    parts.up_bytes = random_.Magnitude(11, 15);
    parts.down_bytes = random_.Magnitude(20, 27);
    wire_.Add(parts);
  }
}

// The builder logs in to every application host: three times a week, or so, in the past as well.
void Everyday::Deploy() {
  if (weekend() || !Now(13 * kHour + 900) || day_ % 2 == 1) return;
  for (const Interface* host : network_.app) {
    Connection deploy = Inside(*network_.builder, *host, 22);
    deploy.seconds = random_.Between(20, 120);
    deploy.up_bytes = random_.Magnitude(20, 25);
    deploy.down_bytes = random_.Magnitude(14, 17);
    wire_.Add(deploy);
  }
}

// Very many connections of one host to another, on a Thursday: all are served.
void Everyday::TestLoad() {
  if (weekday_ != 3 || !Now(15 * kHour)) return;
  const Interface& target = *network_.app[0];
  for (uint32_t i = 0; i < 4000; ++i) {
    Connection call = Inside(*network_.builder, target, target.port);
    call.seconds = random_.Below(3);
    call.up_bytes = random_.Between(400, 900);
    call.down_bytes = random_.Between(2000, 9000);
    wire_.Add(call);
  }
}

// A service that restarts answers with resets for a while.
void Everyday::Restart() {
  if (!Now(10 * kHour + 1800) || random_.OneIn(2)) return;
  const Interface& server = *random_.Of(network_.app);
  for (const Interface* client : network_.web) {
    const uint32_t tries = random_.Between(5, 30);
    for (uint32_t i = 0; i < tries; ++i) {
      if (client == &server) continue;
      Connection call = Inside(*client, server, server.port);
      call.start = from_ + 300 + random_.Below(90);
      call.outcome = Outcome::kReset;
      wire_.Add(call);
    }
  }
}

}  // namespace v1
}  // namespace flowlogs
