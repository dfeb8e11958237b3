// port-scan, host-sweep, brute-force, answered-probe, and the noise that is none of them.
#include <algorithm>
#include <future>
#include <span>
#include <tuple>

#include "lib/insight/judge.h"
#include "lib/insight/ports.h"
#include "lib/query/columns.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {
namespace {

// "21 seconds", "3 minutes": never shorter than it was.
std::string Lasted(int64_t seconds) {
  seconds = std::max<int64_t>(seconds, 1);
  if (seconds < 120) return Count(static_cast<uint64_t>(seconds), "second");
  if (seconds < 7200) return Count(static_cast<uint64_t>((seconds + 59) / 60), "minute");
  return Count(static_cast<uint64_t>((seconds + 3599) / 3600), "hour");
}

std::string Became(const FlowSpan& span, uint64_t answered, uint64_t with_payload) {
  if (with_payload > 0) return Count(with_payload, "target") + " answered with data";
  if (answered > 0) return std::to_string(answered) + " refused, none answered with data";
  return span.rejected >= span.records ? "all were rejected, none was answered" : "none was answered";
}

std::vector<int64_t> Some(const std::set<uint16_t>& ports) {
  std::vector<int64_t> some;
  for (uint16_t port : ports) {
    if (some.size() == 100) break;
    some.push_back(port);
  }
  return some;
}

// The hour of a flow; none of one that went on for longer.
std::optional<uint32_t> HourOf(const Flow& flow) {
  if (flow.last() - flow.first() > 3600) return std::nullopt;
  return static_cast<uint32_t>(flow.first() / 3600);
}

// The most members that an hour has and the one behind it: what takes an hour seldom begins with one of the clock. Sorts.
size_t MostInAnHour(std::vector<std::pair<uint32_t, uint32_t>>* members_of_hours) {  // hour, member
  std::vector<std::pair<uint32_t, uint32_t>>& all = *members_of_hours;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  size_t most = 0;
  auto end_of = [&](size_t begin) {
    size_t end = begin;
    while (end < all.size() && all[end].first == all[begin].first) ++end;
    return end;
  };
  for (size_t begin = 0, end = end_of(0); begin < all.size(); begin = end, end = end_of(begin)) {
    size_t members = end - begin;
    if (end < all.size() && all[end].first == all[begin].first + 1) {
      // Those of the next hour that are not of this one: both are in order.
      size_t mine = begin;
      for (size_t next = end; next < all.size() && all[next].first == all[end].first; ++next) {
        while (mine < end && all[mine].second < all[next].second) ++mine;
        members += mine < end && all[mine].second == all[next].second ? 0 : 1;
      }
    }
    most = std::max(most, members);
  }
  return most;
}

// Flows sorted by two words that are made of each key once, for the flows themselves stand far from one another.
struct InPlace {
  std::pair<uint64_t, uint64_t> words;
  Flow flow;
};
template <typename F>
std::vector<InPlace> SortedBy(const std::vector<Flow>& flows, F words_of) {
  std::vector<InPlace> sorted;
  sorted.reserve(flows.size());
  for (const Flow& flow : flows) sorted.push_back({words_of(*flow), flow});
  std::sort(sorted.begin(), sorted.end(), [](const InPlace& a, const InPlace& b) { return a.words < b.words; });
  return sorted;
}
// f(flows whose first word is the same).
template <typename F>
void ForEachGroup(std::span<const InPlace> sorted, F f) {
  for (size_t begin = 0, end; begin < sorted.size(); begin = end) {
    for (end = begin + 1; end < sorted.size() && sorted[end].words.first == sorted[begin].words.first;) ++end;
    f(sorted.subspan(begin, end - begin));
  }
}

uint64_t Joined(uint32_t high, uint32_t low) { return uint64_t{high} << 32 | low; }
// REQUIRES: FlowKey::hour < 2^24, which it is until the year 3884.
uint32_t HourAndBits(const FlowKey& key) { return key.hour << 8 | key.bits; }
uint32_t PortOf(const FlowKey& key) { return HasPorts(key.protocol) ? key.port : 0; }

}  // namespace

void Judge::Scans() {
  const auto least_ports = static_cast<size_t>(limit("port-scan.ports"));
  const auto slow_ports = static_cast<size_t>(limit("port-scan.slow-ports"));
  const auto least_hosts = static_cast<size_t>(limit("host-sweep.hosts"));

  auto by_pair_of = [](const FlowKey& key) {
    return std::pair(Joined(key.client, key.server), Joined(uint32_t{key.protocol} << 16 | key.port, HourAndBits(key)));
  };
  // By client, protocol and port.
  auto by_service_of = [](const FlowKey& key) {
    return std::pair(Joined(key.client, uint32_t{key.protocol} << 16 | PortOf(key)), Joined(key.server, HourAndBits(key)));
  };
  std::vector<InPlace> by_pair, by_service;
  std::future<void> sorting = std::async(launch_, [&] {
    by_pair = SortedBy(scanning_, by_pair_of);
    by_service = SortedBy(sweeping_, by_service_of);
  });
  // What a candidate got data from: there it is a client like others.
  std::vector<ServedEnd> served = std::move(served_);
  std::sort(served.begin(), served.end());
  served.erase(std::unique(served.begin(), served.end()), served.end());
  auto served_by = [&](uint32_t client, uint32_t server) {
    const auto [begin, end] = std::equal_range(served.begin(), served.end(), ServedEnd{client, server, 0}, [](const ServedEnd& x, const ServedEnd& y) {
      return std::pair(x.client, x.server) < std::pair(y.client, y.server);
    });
    return std::span(begin, end);
  };
  std::vector<uint64_t> served_ports;  // by client << 32 | service, once for each server
  for (const ServedEnd& end : served) served_ports.push_back(Joined(end.client, end.service));
  std::sort(served_ports.begin(), served_ports.end());

  sorting.get();
  struct Scan {
    std::vector<uint32_t> targets;
    FlowSpan span;
    size_t most_ports = 0;
    int64_t seconds = 0;  // that the target with most ports was tried for
    uint32_t most_target = 0;
    uint64_t answered = 0;
    std::set<uint16_t> ports;
    uint8_t bits = 0;
    bool udp = false, tcp = false;
  };
  std::map<uint32_t, Scan> scans;
  std::vector<std::pair<uint32_t, uint32_t>> by_hour;  // of one group: hour, and port or server
  std::vector<uint32_t> all;                           // the same without the hour
  ForEachGroup(by_pair, [&](std::span<const InPlace> group) {
    if (group.size() < std::min(least_ports, slow_ports)) return;
    const uint64_t pair = group[0].words.first;
    const auto client = static_cast<uint32_t>(pair >> 32), target = static_cast<uint32_t>(pair);
    by_hour.clear();
    all.clear();
    for (const auto& [words, flow] : group) {
      const FlowKey& key = *flow;
      if (!HasPorts(key.protocol)) continue;
      const uint32_t port = uint32_t{key.protocol} << 16 | key.port;  // in order
      if (const auto hour = HourOf(flow)) by_hour.emplace_back(*hour, port);
      if (all.empty() || all.back() != port) all.push_back(port);
    }
    const size_t most = MostInAnHour(&by_hour);
    if (most < least_ports && all.size() < slow_ports) return;
    if (served_by(client, target).size() * 2 > all.size()) return;
    Scan& scan = scans[client];
    scan.targets.push_back(target);
    FlowSpan span;
    for (const auto& [words, flow] : group) {
      const FlowKey& key = *flow;
      if (!HasPorts(key.protocol)) continue;
      Add(&span, flow);
      Add(&scan.span, flow);
      scan.ports.insert(key.port);
      scan.bits |= key.bits;
      scan.answered += flow.outcome() == Outcome::kAnswered ? 1 : 0;
      (key.protocol == 17 ? scan.udp : scan.tcp) = true;
    }
    if (all.size() > scan.most_ports || (all.size() == scan.most_ports && address(target) < address(scan.most_target))) {
      scan.most_ports = all.size();
      scan.seconds = span.last - span.first;
      scan.most_target = target;
    }
    told_pairs_.insert(pair);
  });
  for (auto& [actor, scan] : scans) {
    const std::vector<uint32_t> targets = Sorted(scan.targets);
    uint64_t with_payload = 0;
    for (uint32_t target : targets) with_payload += served_by(actor, target).empty() ? 0 : 1;
    Outcome outcome = scan.answered > 0 ? Outcome::kAnswered : scan.span.best;
    if (with_payload > 0) outcome = Outcome::kPayload;
    const FlowKey key{0, 0, scan.bits, 0, 0, 0};
    Finding f = Begin("port-scan", Direction(key), outcome, text(actor), targets, scan.span);
    if (f.direction == "inbound") f.severity = with_payload > 0 ? Severity::kMedium : Severity::kLow;
    f.technique = "T1046";
    f.evidence.emplace_back("ports", static_cast<int64_t>(scan.most_ports));
    f.evidence.emplace_back("seconds", scan.seconds);
    f.evidence.emplace_back("rejected", static_cast<int64_t>(scan.span.rejected));
    f.evidence.emplace_back("port_list", Some(scan.ports));
    f.why = f.actor + " tried " + Count(scan.most_ports, "port") + " of " + text(scan.most_target) + " in " +
            Lasted(scan.seconds) +
            (targets.size() > 1 ? ", and " + Count(targets.size() - 1, "more host") + " in the same way" : "") + "; " +
            Became(scan.span, scan.answered, with_payload);
    f.where = "srcaddr = " + f.actor + " and " + AnyOf("dstaddr", f.targets) + Between(f.first_seen, f.last_seen);
    f.show = "--group-by dstaddr --agg 'records=count(), ports=distinct(dstport), first=min(start), last=max(end)'";
    f.next_step = with_payload > 0 ? "look at what answered: is it meant to be reachable from there?"
                  : f.direction == "inbound" ? "nothing has to be done; the address can be put on a block list"
                                             : "find out what runs on the source: a scanner of your own, or an intruder";
    scanners_.push_back(actor);
    Keep(std::move(f), static_cast<double>(scan.most_ports) / static_cast<double>(least_ports));
  }

  struct Sweep {
    std::vector<uint32_t> targets;
    std::set<std::pair<uint8_t, uint16_t>> services;
    FlowSpan span;
    size_t most = 0;
    std::pair<uint8_t, uint16_t> most_service;
    int64_t seconds = 0;
    uint64_t answered = 0;
    uint8_t bits = 0;
  };
  std::map<uint32_t, Sweep> sweeps;
  ForEachGroup(by_service, [&](std::span<const InPlace> group) {
    if (group.size() < least_hosts) return;
    by_hour.clear();
    all.clear();
    for (const auto& [words, flow] : group) {
      const uint32_t server = flow.key->server;  // in order
      if (const auto hour = HourOf(flow)) by_hour.emplace_back(*hour, server);
      if (all.empty() || all.back() != server) all.push_back(server);
    }
    const uint32_t actor = group[0].flow.key->client;
    const size_t most = MostInAnHour(&by_hour);
    if (most < least_hosts) return;
    if (std::all_of(all.begin(), all.end(), [&](uint32_t t) { return told_pairs_.contains(uint64_t{actor} << 32 | t); })) {
      return;  // of a port scan
    }
    // Hosts that serve it: most of them, and it is a client that some do not answer.
    const FlowKey& key = *group[0].flow;
    const auto [first, last] = std::equal_range(served_ports.begin(), served_ports.end(), Joined(actor, key.service()));
    const auto fine = static_cast<size_t>(last - first);
    if (fine > 2 * all.size()) return;
    Sweep& sweep = sweeps[actor];
    const std::pair<uint8_t, uint16_t> service(key.protocol, key.port);
    FlowSpan span;
    for (const auto& [words, flow] : group) {
      Add(&span, flow);
      Add(&sweep.span, flow);
      sweep.bits |= flow.key->bits;
      sweep.answered += flow.outcome() == Outcome::kAnswered ? 1 : 0;
    }
    sweep.targets.insert(sweep.targets.end(), all.begin(), all.end());
    sweep.services.insert(service);
    if (most > sweep.most) {
      sweep.most = most;
      sweep.most_service = service;
      sweep.seconds = span.last - span.first;
    }
  });
  for (auto& [actor, sweep] : sweeps) {
    const std::vector<uint32_t> targets = Sorted(sweep.targets);
    uint64_t with_payload = 0;
    for (uint32_t target : targets) {
      const auto fine = served_by(actor, target);
      with_payload += std::any_of(fine.begin(), fine.end(), [&](const ServedEnd& end) {
        return std::any_of(sweep.services.begin(), sweep.services.end(),
                           [&](const auto& s) { return s.second == end.service >> 8; });
      });
    }
    Outcome outcome = sweep.answered > 0 ? Outcome::kAnswered : sweep.span.best;
    if (with_payload > 0) outcome = Outcome::kPayload;
    const FlowKey key{0, 0, sweep.bits, 0, 0, 0};
    Finding f = Begin("host-sweep", Direction(key), outcome, text(actor), targets, sweep.span);
    if (f.direction == "inbound") f.severity = with_payload > 0 ? Severity::kMedium : Severity::kLow;
    f.technique = f.direction == "inbound" ? "T1595.001" : "T1018";
    std::vector<std::string> services;
    std::vector<std::string> ports;
    bool with_ports = true;
    for (const auto& [protocol, port] : sweep.services) {
      if (services.size() < 100) services.push_back(ServiceText(port, protocol));
      ports.push_back(std::to_string(port));
      with_ports &= HasPorts(protocol);
    }
    f.evidence.emplace_back("hosts", static_cast<int64_t>(sweep.most));
    f.evidence.emplace_back("seconds", sweep.seconds);
    f.evidence.emplace_back("rejected", static_cast<int64_t>(sweep.span.rejected));
    f.evidence.emplace_back("services", services);
    f.why = f.actor + " tried " + ServiceText(sweep.most_service.second, sweep.most_service.first) + " of " +
            Count(sweep.most, "host") + " in " + Lasted(sweep.seconds) +
            (sweep.services.size() > 1 ? ", and " + Count(sweep.services.size() - 1, "more service") : "") + "; " +
            Became(sweep.span, sweep.answered, with_payload);
    f.where = "srcaddr = " + f.actor + (with_ports ? " and " + AnyOf("dstport", ports) : " and protocol in (1, 58)") +
              Between(f.first_seen, f.last_seen);
    f.show = "--group-by 'dstport, action' --agg 'records=count(), hosts=distinct(dstaddr), first=min(start), last=max(end)'";
    f.next_step = with_payload > 0 ? "look at what answered: is it meant to be reachable from there?"
                  : f.direction == "inbound" ? "nothing has to be done; the address can be put on a block list"
                                             : "find out what runs on the source: a scanner of your own, or an intruder";
    scanners_.push_back(actor);
    Keep(std::move(f), static_cast<double>(sweep.most) / static_cast<double>(least_hosts), "sweep");
  }
  std::sort(scanners_.begin(), scanners_.end());
  scanners_.erase(std::unique(scanners_.begin(), scanners_.end()), scanners_.end());
}

void Judge::BruteForce() {
  const double least = limit("brute-force.sessions"), most_packets = limit("brute-force.packets"),
               most_bytes = limit("brute-force.bytes");
  struct Attack {
    FlowSpan span;
    uint64_t sessions = 0, most = 0;
    uint32_t hours = 0;
    uint8_t bits = 0;
    uint8_t longest = 0;
  };
  std::map<std::tuple<uint32_t, uint32_t, uint16_t>, Attack> attacks;
  for (const Flow& flow : picked_.admin) {
    const FlowKey& key = *flow;
    if (IsWindowsPort(key.port) && key.port != 445) continue;
    if (!key.is(FlowKey::kServerInside) && !key.is(FlowKey::kClientInside)) continue;
    const std::tuple place(key.client, key.server, key.port);
    const uint32_t sessions = flow.sessions();
    if (sessions < least || flow.sums()->down_packets == 0) continue;
    const double n = sessions;
    const double packets = (flow.sums()->up_packets + double(flow.sums()->down_packets)) / n;
    const double bytes = (double(flow.sums()->up_bytes) + double(flow.sums()->down_bytes)) / n;
    if (packets > most_packets || bytes > most_bytes) continue;
    if (packets <= 4 && flow.outcome() != Outcome::kPayload) continue;  // nobody talked: a scan, a health check
    Attack& attack = attacks[place];
    Add(&attack.span, flow);
    attack.sessions += sessions;
    attack.most = std::max<uint64_t>(attack.most, sessions);
    attack.bits |= key.bits;
    attack.longest = std::max(attack.longest, flow.sums()->longest);
    ++attack.hours;
  }
  std::map<std::tuple<uint32_t, uint32_t, uint16_t>, std::set<uint32_t>> active;
  for (const Flow& flow : picked_.admin) {
    const std::tuple place(flow.key->client, flow.key->server, flow.key->port);
    if (!attacks.empty() && attacks.contains(place)) active[place].insert(flow.key->hour);
  }
  // One finding for each client and port: its targets are the servers.
  std::map<std::tuple<uint32_t, uint16_t>, std::vector<uint32_t>> by_actor;
  for (const auto& [place, attack] : attacks) {
    const auto& [client, server, port] = place;
    // What inside connects all day long is an application or a monitor.
    const bool steady = hours_ >= 6 && active[place].size() * 2 > hours_;
    if ((attack.bits & FlowKey::kClientInside) != 0 && steady) continue;
    by_actor[{client, port}].push_back(server);
  }
  for (const auto& [place, servers] : by_actor) {
    const auto& [client, port] = place;
    Attack all;
    for (uint32_t server : servers) {
      const Attack& attack = attacks[{client, server, port}];
      if (all.span.first < 0 || attack.span.first < all.span.first) all.span.first = attack.span.first;
      all.span.last = std::max(all.span.last, attack.span.last);
      all.span.records += attack.span.records;
      all.span.up_bytes += attack.span.up_bytes;
      all.span.down_bytes += attack.span.down_bytes;
      all.span.up_packets += attack.span.up_packets;
      all.span.down_packets += attack.span.down_packets;
      all.span.best = std::max(all.span.best, attack.span.best);
      all.span.interface = LesserInterface(all.span.interface, attack.span.interface);
      all.sessions += attack.sessions;
      all.most = std::max(all.most, attack.most);
      all.bits |= attack.bits;
      all.longest = std::max(all.longest, attack.longest);
    }
    const FlowKey key{0, 0, all.bits, 0, 0, 0};
    Finding f = Begin("brute-force", Direction(key), all.span.best, text(client), Sorted(servers), all.span);
    f.severity = f.direction == "inbound" ? Severity::kMedium : Severity::kHigh;
    f.technique = "T1110";
    const std::string service = ServiceText(port, 6);
    f.evidence.emplace_back("service", service);
    f.evidence.emplace_back("port", int64_t{port});
    f.evidence.emplace_back("sessions", static_cast<int64_t>(all.sessions));
    f.evidence.emplace_back("most_in_an_hour", static_cast<int64_t>(all.most));
    const auto bytes = static_cast<int64_t>((all.span.up_bytes + all.span.down_bytes) / std::max<uint64_t>(1, all.sessions));
    f.evidence.emplace_back("bytes_per_session", bytes);
    f.why = f.actor + " opened about " + Count(all.sessions, "short session") + " to " + service + " of " +
            (servers.size() == 1 ? f.targets[0] : Count(servers.size(), "host")) + " in " +
            Lasted(all.span.last - all.span.first) + ", of " + std::to_string(bytes) + " bytes each";
    f.where = "((srcaddr = " + f.actor + " and " + AnyOf("dstaddr", f.targets) + " and dstport = " + std::to_string(port) +
              ") or (dstaddr = " + f.actor + " and " + AnyOf("srcaddr", f.targets) +
              " and srcport = " + std::to_string(port) + "))" + Between(f.first_seen, f.last_seen);
    f.show = "--group-by 'srcaddr, dstaddr' --agg 'records=count(), packets=sum(packets), bytes=sum(bytes), first=min(start), last=max(end)'";
    f.next_step = "look into the server's log for logins that succeeded, and close the port to that source";
    Keep(std::move(f), static_cast<double>(all.most) / least, service);
  }
}

void Judge::AnsweredProbes() {
  const absl::flat_hash_set<uint32_t> scanners(scanners_.begin(), scanners_.end());
  struct Answer {
    FlowSpan span;
    std::vector<uint32_t> targets;
    std::set<std::string> services;
    bool called_back = false;
    uint8_t bits = 0;
  };
  std::map<uint32_t, Answer> answers;
  for (const Flow& flow : touching_) {
    const FlowKey& key = *flow;
    const bool answered = scanners.contains(key.client) && key.is(FlowKey::kClientOutside) && key.is(FlowKey::kServerInside) &&
                          HasPorts(key.protocol) && flow.accepted() > 0 && flow.outcome() == Outcome::kPayload;
    const bool called = scanners.contains(key.server) && key.is(FlowKey::kServerOutside) && key.is(FlowKey::kClientInside) &&
                        HasPorts(key.protocol) && key.is(FlowKey::kTold) && flow.accepted() > 0;
    if (!answered && !called) continue;
    Answer& answer = answers[answered ? key.client : key.server];
    Add(&answer.span, flow);
    answer.targets.push_back(answered ? key.server : key.client);
    answer.services.insert(ServiceText(key.port, key.protocol));
    answer.called_back |= called;
    answer.bits |= key.bits;
  }
  for (auto& [actor, answer] : answers) {
    Finding f = Begin("answered-probe", "inbound", Outcome::kPayload, text(actor), Sorted(answer.targets), answer.span);
    f.severity = answer.called_back ? Severity::kHigh : Severity::kMedium;
    f.technique = answer.called_back ? "T1571" : "T1595";
    f.evidence.emplace_back("services", std::vector<std::string>(answer.services.begin(), answer.services.end()));
    f.evidence.emplace_back("bytes_to_scanner",
                            static_cast<int64_t>(answer.called_back ? answer.span.up_bytes : answer.span.down_bytes));
    f.evidence.emplace_back("called_back", int64_t{answer.called_back});
    f.why = f.actor + ", which scanned, " +
            (answer.called_back ? "was called back by " : "got " + std::to_string(answer.span.down_bytes) + " bytes from ") +
            Count(f.targets.size(), "host") + " (" + *answer.services.begin() +
            (answer.services.size() > 1 ? ", ..." : "") + ")";
    f.where = "((srcaddr = " + f.actor + " and " + AnyOf("dstaddr", f.targets) + ") or (dstaddr = " + f.actor + " and " +
              AnyOf("srcaddr", f.targets) + ")) and accepted" + Between(f.first_seen, f.last_seen);
    f.show = "--group-by 'srcaddr, dstaddr, service' --agg 'records=count(), bytes=sum(bytes), first=min(start), last=max(end)'";
    f.next_step = answer.called_back ? "isolate the host and find out which program called"
                                     : "make sure that what answered is meant for everybody";
    Keep(std::move(f), 1);
  }
}

void Judge::Noise() {
  const absl::flat_hash_set<uint32_t> scanners(scanners_.begin(), scanners_.end());
  NoiseSums noise;
  noise.Merge(table_.noise());
  for (const Flow& flow : picked_.probes) {
    const FlowKey& key = *flow;
    if (!key.is(FlowKey::kClientOutside) || !key.is(FlowKey::kServerInside) || scanners.contains(key.client)) continue;
    const uint64_t records = flow.attempts();
    noise.records += records;
    AddToRegisters(AttemptSketch::HashOf(address(key.client)), &noise.source_registers);
    AddToRegisters(AttemptSketch::HashOf(address(key.server)), &noise.target_registers);
    if (key.protocol == 6) {
      noise.tcp_ports[key.port] += records;
    } else if (key.protocol == 17) {
      noise.udp_ports[key.port] += records;
    } else {
      noise.protocols[key.protocol] += records;
    }
  }
  Background& out = out_->background;
  out.records = noise.records;
  out.sources = CountOfRegisters(noise.source_registers);
  out.targets = CountOfRegisters(noise.target_registers);
  std::vector<std::tuple<uint64_t, uint8_t, uint16_t>> services;
  for (uint32_t port = 0; port < 65536; ++port) {
    if (noise.tcp_ports[port] > 0) services.emplace_back(noise.tcp_ports[port], 6, static_cast<uint16_t>(port));
    if (noise.udp_ports[port] > 0) services.emplace_back(noise.udp_ports[port], 17, static_cast<uint16_t>(port));
  }
  for (size_t p = 0; p < noise.protocols.size(); ++p) {
    if (noise.protocols[p] > 0) services.emplace_back(noise.protocols[p], static_cast<uint8_t>(p), 0);
  }
  std::sort(services.begin(), services.end(), [](const auto& a, const auto& b) {
    return std::get<0>(a) != std::get<0>(b) ? std::get<0>(a) > std::get<0>(b)
                                            : std::tie(std::get<1>(a), std::get<2>(a)) < std::tie(std::get<1>(b), std::get<2>(b));
  });
  if (services.size() > 10) services.resize(10);
  for (const auto& [records, protocol, port] : services) out.services.emplace_back(ServiceText(port, protocol), records);
  const auto share = [](uint32_t level) { return level == 0 ? 1.0 : 1.0 / static_cast<double>(uint64_t{1} << level); };
  out.share_of_flows = share(table_.level());
  out.share_of_contacts = share(table_.contact_level());
  if (out.records == 0) {
    out.text = "no background noise";
  } else {
    out.text = "background noise of the internet: " + Count(out.records, "record") + " of " + Count(out.sources, "source") +
               " to " + Count(out.targets, "host") + ", mostly " + out.services[0].first;
    for (size_t i = 1; i < std::min<size_t>(3, out.services.size()); ++i) out.text += ", " + out.services[i].first;
  }
}

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs
