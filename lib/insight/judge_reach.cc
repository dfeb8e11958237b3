// Who reaches whom and should not: exposed-admin-port, lateral-movement, blocked-egress, listed-address, dns-bypass,
// unusual-protocol, policy-violation.
#include <algorithm>
#include <span>
#include <tuple>

#include "lib/insight/judge.h"
#include "lib/insight/ports.h"
#include "lib/query/address_sets.h"
#include "lib/query/columns.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {
namespace {

template <typename T>
std::string FirstOf(const T& items, size_t most = 3) {
  std::string text;
  size_t i = 0;
  for (const std::string& item : items) {
    if (i++ == most) return text + ", ...";
    text += (text.empty() ? "" : ", ") + item;
  }
  return text;
}

constexpr const char kShow[] =
    "--group-by 'srcaddr, dstaddr, dstport, action' --agg 'records=count(), bytes=sum(bytes), first=min(start), last=max(end)'";

}  // namespace

void Judge::ExposedAdmin() {
  const double least = limit("exposed-admin-port.packets");
  struct Exposed {
    FlowSpan span;
    std::vector<uint32_t> clients;
    uint8_t bits = 0;
  };
  std::map<std::pair<uint32_t, uint16_t>, Exposed> all;
  for (const Flow& flow : picked_.admin) {
    const FlowKey& key = *flow;
    if (!IsAdminPort(key.port) || !key.is(FlowKey::kClientOutside) || !key.is(FlowKey::kServerInside)) continue;
    const FlowSums& s = *flow.sums();
    const bool refused = s.has_flags != 0 ? flow.outcome() == Outcome::kAnswered && (s.down_flags & 2) == 0
                                          : s.down_bytes <= 42 * uint64_t{s.down_packets};
    if (s.down_packets == 0 || (refused && flow.outcome() != Outcome::kPayload && s.up_packets < least)) continue;
    Exposed& exposed = all[{key.server, key.port}];
    Add(&exposed.span, flow);
    exposed.clients.push_back(key.client);
    exposed.bits |= key.bits;
  }
  for (auto& [place, exposed] : all) {
    const auto& [server, port] = place;
    const std::vector<uint32_t> clients = Sorted(exposed.clients);
    Finding f = Begin("exposed-admin-port", "inbound", exposed.span.best, text(server), clients, exposed.span);
    f.technique = "T1133";
    const std::string service = ServiceText(port, 6);
    f.evidence.emplace_back("service", service);
    f.evidence.emplace_back("port", int64_t{port});
    f.evidence.emplace_back("bytes_to_clients", static_cast<int64_t>(exposed.span.down_bytes));
    f.why = f.actor + " answered " + std::to_string(clients.size()) + (clients.size() == 1 ? " public address" : " public addresses") + " on " +
            service + " (port " + std::to_string(port) + "), with " + std::to_string(exposed.span.down_bytes) + " bytes";
    f.where = "((srcaddr = " + f.actor + " and srcport = " + std::to_string(port) + " and dstaddr in public) or (dstaddr = " +
              f.actor + " and dstport = " + std::to_string(port) + " and srcaddr in public)) and accepted" +
              Between(f.first_seen, f.last_seen);
    f.show = "--group-by 'client, server' --agg 'records=count(), bytes=sum(bytes), first=min(start), last=max(end)'";
    f.next_step = "close the port to the internet; reach the host through a VPN, a bastion or Session Manager";
    Keep(std::move(f), static_cast<double>(clients.size()), service);
  }
}

void Judge::Lateral() {
  const auto least = static_cast<size_t>(limit("lateral-movement.hosts"));
  absl::flat_hash_set<std::string> known;
  if (options_.baseline) known.insert(options_.baseline->admin_pairs.begin(), options_.baseline->admin_pairs.end());
  struct Login {
    uint32_t client, hour, server;
    uint16_t port;
    const Flow* flow;
  };
  std::vector<Login> logins;
  std::map<std::tuple<uint32_t, uint32_t, uint16_t>, uint32_t> first_hour;
  std::map<uint32_t, std::map<uint32_t, std::set<uint32_t>>> fan;  // client, hour: servers
  for (const Flow& flow : picked_.admin) {
    const FlowKey& key = *flow;
    if (IsDatabasePort(key.port) || !key.is(FlowKey::kClientInside) || !key.is(FlowKey::kServerInside)) continue;
    if (flow.outcome() != Outcome::kPayload || key.client == key.server) continue;
    logins.push_back({key.client, key.hour, key.server, key.port, &flow});
    const auto [it, is_new] = first_hour.try_emplace({key.client, key.server, key.port}, key.hour);
    if (!is_new) it->second = std::min(it->second, key.hour);
    fan[key.client][key.hour].insert(key.server);
  }
  std::stable_sort(logins.begin(), logins.end(), [](const Login& a, const Login& b) { return a.client < b.client; });
  struct Move {
    FlowSpan span;
    std::vector<uint32_t> servers;
    std::set<std::string> services;
    size_t most = 0;
  };
  std::map<uint32_t, Move> moves;
  for (const auto& [client, hours] : fan) {
    // Who logs in to many in most hours is a bastion, a monitor or a deployment.
    size_t busy = 0, all_servers = 0;
    for (const auto& [hour, servers] : hours) {
      busy += servers.size() >= least ? 1 : 0;
      all_servers += servers.size();
    }
    if (!options_.baseline && hours_ >= 12 && busy * 4 > hours_) continue;
    // Its usual number in the other hours that it logs in at all.
    auto usual = [&](size_t now) {
      return hours.size() < 4 ? 0.0 : static_cast<double>(all_servers - now) / static_cast<double>(hours.size() - 1);
    };
    std::map<uint32_t, std::set<uint32_t>> fresh;
    const auto own = std::equal_range(logins.begin(), logins.end(), Login{client, 0, 0, 0, nullptr},
                                      [](const Login& a, const Login& b) { return a.client < b.client; });
    const std::span<const Login> of_client(own.first, own.second);
    for (const Login& login : of_client) {
      if (!known.empty() &&
          known.contains(text(client) + " " + text(login.server) + " " + std::to_string(login.port))) {
        continue;
      }
      // Of a past of these inputs: what was reached in their first day, or a day before.
      const uint32_t since = first_hour[{client, login.server, login.port}];
      if (!options_.baseline && has_own_past() && (since < picked_.first_hour + 24 && login.hour >= picked_.first_hour + 24)) continue;
      if (login.hour >= since + 24) continue;
      fresh[login.hour].insert(login.server);
    }
    // Of the hour of a login and the fuller one beside it: what takes an hour seldom begins with one of the clock.
    auto in_an_hour = [](const std::map<uint32_t, std::set<uint32_t>>& by_hour, uint32_t hour) {
      size_t most = 0;
      const auto here = by_hour.find(hour);
      if (here == by_hour.end()) return most;
      for (uint32_t beside : {hour - 1, hour + 1}) {
        const auto other = by_hour.find(beside);
        size_t members = here->second.size();
        if (other != by_hour.end()) {
          for (uint32_t server : other->second) members += here->second.contains(server) ? 0 : 1;
        }
        most = std::max(most, members);
      }
      return most;
    };
    for (const Login& login : of_client) {
      const auto in = fresh.find(login.hour);
      if (in == fresh.end() || !in->second.contains(login.server)) continue;
      const size_t new_ones = in_an_hour(fresh, login.hour);
      if (new_ones < least) continue;
      const size_t now = in_an_hour(hours, login.hour);
      if (!options_.baseline && static_cast<double>(now) < 3 * usual(now)) continue;
      Move& move = moves[client];
      Add(&move.span, *login.flow);
      move.servers.push_back(login.server);
      move.services.insert(ServiceText(login.port, 6));
      move.most = std::max(move.most, new_ones);
    }
  }
  for (auto& [client, move] : moves) {
    const std::vector<uint32_t> servers = Sorted(move.servers);
    Finding f = Begin("lateral-movement", "internal", move.span.best, text(client), servers, move.span);
    f.severity = Severity::kHigh;
    f.technique = "T1021";
    f.evidence.emplace_back("hosts", static_cast<int64_t>(move.most));
    f.evidence.emplace_back("services", std::vector<std::string>(move.services.begin(), move.services.end()));
    if (options_.baseline || has_own_past()) f.baseline = Past();
    f.why = f.actor + " logged in to " + Count(move.most, "host") + " inside within an hour by " +
            FirstOf(move.services) + ", which it does not do otherwise";
    f.where = "srcaddr = " + f.actor + " and " + AnyOf("dstaddr", f.targets) + " and accepted" +
              Between(f.first_seen, f.last_seen);
    f.show = kShow;
    f.next_step = "ask who logged in there; if nobody did, isolate the source and those that it reached";
    Keep(std::move(f), static_cast<double>(move.most) / static_cast<double>(least));
  }
}

void Judge::BlockedEgress() {
  const double least = limit("blocked-egress.records");
  const absl::flat_hash_set<uint32_t> scanners(scanners_.begin(), scanners_.end());
  struct Blocked {
    FlowSpan span;
    std::vector<uint32_t> targets;
    std::set<std::string> services;
  };
  std::map<uint32_t, Blocked> all;
  for (const Flow& flow : picked_.probes) {
    const FlowKey& key = *flow;
    if (!key.is(FlowKey::kClientInside) || !key.is(FlowKey::kServerOutside) || scanners.contains(key.client)) continue;
    // What was let through as well is a connection whose last packets came late.
    if (flow.sums()->up_rejected == 0 || flow.accepted() > 0 || !key.is(FlowKey::kTold)) continue;
    if (reached_.contains({flow.pair(), uint32_t{key.port} << 8 | key.protocol})) continue;
    Blocked& blocked = all[key.client];
    Add(&blocked.span, flow);
    blocked.targets.push_back(key.server);
    blocked.services.insert(ServiceText(key.port, key.protocol));
  }
  for (auto& [client, blocked] : all) {
    if (static_cast<double>(blocked.span.rejected) < least) continue;
    const std::vector<uint32_t> targets = Sorted(blocked.targets);
    Finding f = Begin("blocked-egress", "outbound", Outcome::kRejected, text(client), targets, blocked.span);
    f.technique = "T1071";
    f.evidence.emplace_back("rejected", static_cast<int64_t>(blocked.span.rejected));
    f.evidence.emplace_back("services", std::vector<std::string>(blocked.services.begin(), blocked.services.end()));
    f.why = f.actor + " tried " + std::to_string(blocked.span.rejected) + " times to reach " +
            (targets.size() == 1 ? f.targets[0] : Count(targets.size(), "outside host")) + " (" +
            FirstOf(blocked.services) + "); all were rejected";
    f.where = "srcaddr = " + f.actor + " and " + AnyOf("dstaddr", f.targets) + " and rejected" +
              Between(f.first_seen, f.last_seen);
    f.show = kShow;
    f.next_step = "find out which program tries: one that needs a rule, or one that should not be there";
    Keep(std::move(f), static_cast<double>(blocked.span.rejected) / least);
  }
}

void Judge::Listed() {
  if (options_.lists.empty()) return;
  std::vector<std::pair<std::string, AddressSet>> lists;
  for (const auto& [name, texts] : options_.lists) {
    language::AddressSetBuilder builder;
    for (const std::string& value : texts) {
      const std::optional<IpAddress> one = IpAddress::Parse(value);
      if (one) {
        builder.Add(*one);
      } else {
        builder.AddPrefix(value);
      }
    }
    lists.emplace_back(name, builder.Build());
  }
  struct Contacted {
    FlowSpan span;
    std::vector<uint32_t> targets;
    bool outbound = false;
    std::set<std::string> services;
  };
  std::map<uint32_t, Contacted> all;
  for (const Flow& flow : picked_.listed) {
    const FlowKey& key = *flow;
    const bool by_client = key.is(FlowKey::kClientListed);
    if (flow.attempts() == 0 && flow.sums()->down_packets == 0) continue;  // late packets alone
    Contacted& contacted = all[by_client ? key.client : key.server];
    Add(&contacted.span, flow);
    contacted.targets.push_back(by_client ? key.server : key.client);
    contacted.outbound |= !by_client;
    contacted.services.insert(ServiceText(key.port, key.protocol));
  }
  for (auto& [party, contacted] : all) {
    std::string list;
    for (const auto& [name, set] : lists) {
      if (list.empty() && set.Contains(address(party))) list = name;
    }
    const std::string listed = text(party);
    std::vector<uint32_t> others = Sorted(contacted.targets);
    const bool out = contacted.outbound;
    // What an own host reached is that host's doing, but it may be several.
    Finding f = Begin("listed-address", out ? "outbound" : "inbound", contacted.span.best,
                      out ? text(others[0]) : listed, out ? std::vector<uint32_t>{party} : others, contacted.span);
    if (out && contacted.span.best == Outcome::kUnanswered) f.severity = Severity::kMedium;
    f.technique = out ? "T1071" : "T1595";
    f.evidence.emplace_back("list", list);
    f.evidence.emplace_back("address", listed);
    f.evidence.emplace_back("hosts", static_cast<int64_t>(others.size()));
    f.evidence.emplace_back("services", std::vector<std::string>(contacted.services.begin(), contacted.services.end()));
    f.evidence.emplace_back("bytes_out", static_cast<int64_t>(out ? contacted.span.up_bytes : contacted.span.down_bytes));
    f.why = listed + ", of list " + list + ", " + (out ? "was reached by " : "tried ") + Count(others.size(), "host") + " (" +
            FirstOf(contacted.services) + "): " + std::string(OutcomeText(contacted.span.best)) + ", " +
            Count(contacted.span.records, "record");
    f.where = "addr = " + listed + Between(f.first_seen, f.last_seen);
    f.show = kShow;
    f.next_step = out ? "find out which program reached it, and isolate the host if nobody knows"
                      : "block the list at the network ACL or a firewall";
    Keep(std::move(f), 1, listed);
  }
}

void Judge::DnsBypass() {
  const double least = limit("dns-bypass.records");
  language::AddressSetBuilder builder;
  for (const std::string& value : options_.resolvers) {
    const std::optional<IpAddress> one = IpAddress::Parse(value);
    if (one) {
      builder.Add(*one);
    } else {
      builder.AddPrefix(value);
    }
  }
  const AddressSet resolvers = builder.Build();
  // A resolver that many hosts ask is the one that they are meant to.
  absl::flat_hash_map<uint32_t, absl::flat_hash_set<uint32_t>> askers;
  for (const Flow& flow : picked_.dns) askers[flow.key->server].insert(flow.key->client);
  const double shared = std::max(3.0, limit("dns-bypass.shared") * static_cast<double>(host_hours_.num_hosts()));
  struct Asked {
    FlowSpan span;
    std::vector<uint32_t> targets;
    std::set<std::string> services;
  };
  std::map<uint32_t, Asked> all;
  for (const Flow& flow : picked_.dns) {
    const FlowKey& key = *flow;
    if (flow.accepted() == 0 || picked_.dns_servers.contains(key.client) || resolvers.Contains(address(key.server))) continue;
    if (static_cast<double>(askers[key.server].size()) >= shared) continue;
    Asked& asked = all[key.client];
    Add(&asked.span, flow);
    asked.targets.push_back(key.server);
    asked.services.insert(ServiceText(key.port, key.protocol));
  }
  for (auto& [client, asked] : all) {
    if (static_cast<double>(asked.span.records) < least) continue;
    const std::vector<uint32_t> targets = Sorted(asked.targets);
    Finding f = Begin("dns-bypass", "outbound", asked.span.best, text(client), targets, asked.span);
    f.severity = Severity::kMedium;
    f.technique = "T1071.004";
    f.evidence.emplace_back("requests", static_cast<int64_t>(asked.span.records));
    f.evidence.emplace_back("bytes_out", static_cast<int64_t>(asked.span.up_bytes));
    f.evidence.emplace_back("services", std::vector<std::string>(asked.services.begin(), asked.services.end()));
    f.why = f.actor + " asked " + Count(targets.size(), "outside resolver") + " (" + FirstOf(f.targets) + ") in " +
            Count(asked.span.records, "record") + " instead of the VPC's";
    f.where = "srcaddr = " + f.actor + " and " + AnyOf("dstaddr", f.targets) + " and dstport in (53, 853) and accepted" +
              Between(f.first_seen, f.last_seen);
    f.show = kShow;
    f.next_step = "point the host to the VPC's resolver, or allow this one with --resolver";
    Keep(std::move(f), static_cast<double>(asked.span.records) / least);
  }
}

void Judge::Protocols() {
  absl::flat_hash_set<std::string> known;
  if (options_.baseline) known.insert(options_.baseline->protocols.begin(), options_.baseline->protocols.end());
  struct Spoken {
    FlowSpan span;
    std::vector<uint32_t> peers;
    std::string_view direction;
  };
  std::map<std::pair<uint32_t, uint8_t>, Spoken> all;
  for (const Flow& flow : picked_.odd) {
    const FlowKey& key = *flow;
    const bool by_client = key.is(FlowKey::kClientInside);
    if (!by_client && !key.is(FlowKey::kServerInside)) continue;
    Spoken& spoken = all[{by_client ? key.client : key.server, key.protocol}];
    Add(&spoken.span, flow);
    spoken.peers.push_back(by_client ? key.server : key.client);
    const std::string_view direction = Direction(key);
    if (spoken.direction.empty() || direction > spoken.direction) spoken.direction = direction;  // outbound if any is
  }
  for (auto& [place, spoken] : all) {
    const auto& [host, protocol] = place;
    const std::string entry = text(host) + " " + std::to_string(protocol);
    if (known.contains(entry)) continue;
    // Both directions of one conversation: the side that is told is the one with an address before the other.
    const std::vector<uint32_t> peers = Sorted(spoken.peers);
    if (peers.size() == 1) {
      const auto other = all.find({peers[0], protocol});
      if (other != all.end() && address(peers[0]) < address(host)) continue;
    }
    Finding f = Begin("unusual-protocol", spoken.direction, spoken.span.best, text(host), peers, spoken.span);
    f.severity = spoken.direction == "internal" ? Severity::kLow : Severity::kMedium;
    f.technique = "T1095";
    const std::string name = ServiceText(0, protocol);
    f.evidence.emplace_back("protocol", int64_t{protocol});
    f.evidence.emplace_back("name", name);
    f.evidence.emplace_back("bytes", static_cast<int64_t>(spoken.span.up_bytes + spoken.span.down_bytes));
    if (options_.baseline) f.baseline = Past();
    f.why = f.actor + " exchanged " + std::to_string(spoken.span.up_bytes + spoken.span.down_bytes) + " bytes of " + name +
            " (IP protocol " + std::to_string(protocol) + ") with " +
            (peers.size() == 1 ? f.targets[0] : std::to_string(peers.size()) + " addresses");
    f.where = "addr = " + f.actor + " and protocol = " + std::to_string(protocol) + Between(f.first_seen, f.last_seen);
    f.show = "--group-by 'srcaddr, dstaddr, action' --agg 'records=count(), bytes=sum(bytes), first=min(start), last=max(end)'";
    f.next_step = "if it is no tunnel or VPN of yours, find out which program speaks it";
    Keep(std::move(f), 1, name);
  }
}

void Judge::PolicyEdges() {
  const Policy& policy = *options_.policy;
  struct Range {
    AddressSet set;
    int length;
    size_t zone;
  };
  std::vector<Range> ranges;
  for (size_t z = 0; z < policy.zones.size(); ++z) {
    for (const std::string& value : policy.zones[z].prefixes) {
      language::AddressSetBuilder builder;
      int length = 128;
      if (const std::optional<IpAddress> one = IpAddress::Parse(value)) {
        builder.Add(*one);
      } else {
        builder.AddPrefix(value);
        const std::optional<IpPrefix> prefix = IpPrefix::Parse(value);
        if (prefix) length = prefix->length() + (prefix->first().is_v4() ? 96 : 0);
      }
      ranges.push_back({builder.Build(), length, z});
    }
  }
  std::stable_sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.length > b.length; });
  absl::flat_hash_map<uint32_t, size_t> zones;
  auto zone_of = [&](uint32_t code) {
    const auto [it, is_new] = zones.try_emplace(code, policy.zones.size());
    if (is_new) {
      for (const Range& range : ranges) {
        if (!range.set.Contains(address(code))) continue;
        it->second = range.zone;
        break;
      }
    }
    return it->second;
  };
  auto name_of = [&](size_t zone) { return zone < policy.zones.size() ? policy.zones[zone].name : std::string("outside"); };
  auto fits = [&](const std::string& wanted, size_t zone) { return wanted == "*" || wanted == name_of(zone); };
  auto edge_of = [&](size_t from, size_t to, const FlowKey& key) -> size_t {
    for (size_t e = 0; e < policy.edges.size(); ++e) {
      const Policy::Edge& edge = policy.edges[e];
      if (fits(edge.from, from) && fits(edge.to, to) && (edge.protocol < 0 || edge.protocol == key.protocol) &&
          (!HasPorts(key.protocol) || (edge.first_port <= key.port && key.port <= edge.last_port))) {
        return e;
      }
    }
    return policy.edges.size();
  };
  // Where ports alone tell the client, one whose port happens to be that of a service looks like a server now and then: beside
  // many flows the other way round, a few are answers.
  absl::flat_hash_map<uint64_t, uint64_t> records_of;
  for (const Flow& flow : picked_.policy) records_of[flow.pair()] += flow.attempts();
  auto is_answer = [&](const Flow& flow) {
    constexpr uint64_t kMany = 10;
    if (flow.sums()->has_flags != 0) return false;
    const auto reversed = records_of.find(uint64_t{flow.key->server} << 32 | flow.key->client);
    return reversed != records_of.end() && reversed->second >= kMany * records_of[flow.pair()];
  };
  std::vector<PolicyReport::Use> uses(policy.edges.size());
  struct Violation {
    FlowSpan span;
    std::vector<uint32_t> targets;
    std::map<std::pair<uint8_t, uint16_t>, uint64_t> services;  // protocol, port; records
    uint8_t bits = 0;
  };
  std::map<std::tuple<uint32_t, size_t, size_t>, Violation> violations;  // client, its zone, the server's
  PolicyReport& report = out_->policy.emplace();
  for (const Flow& flow : picked_.policy) {
    const FlowKey& key = *flow;
    const size_t from = zone_of(key.client), to = zone_of(key.server);
    if (from == to) continue;  // within a zone, or nobody's
    // What a scanned host sends back is no contact of its own.
    if (told_pairs_.contains(uint64_t{key.server} << 32 | key.client) || is_answer(flow)) continue;
    size_t edge = edge_of(from, to, key);
    if (edge == uses.size() && !key.is(FlowKey::kTold)) edge = edge_of(to, from, key);  // perhaps an answer
    if (edge < uses.size()) {
      uses[edge].records += flow.attempts();
      ++uses[edge].flows;
      continue;
    }
    ++report.violations;
    report.violating_records += flow.attempts();
    Violation& violation = violations[{key.client, from, to}];
    Add(&violation.span, flow);
    violation.services[{key.protocol, HasPorts(key.protocol) ? key.port : uint16_t{0}}] += flow.attempts();
    violation.targets.push_back(key.server);
    violation.bits |= key.bits;
  }
  for (size_t e = 0; e < uses.size(); ++e) {
    uses[e].edge = policy.edges[e].text;
    if (uses[e].flows > 0) {
      report.used.push_back(uses[e]);
    } else {
      report.never_used.push_back(uses[e].edge);
    }
  }
  for (auto& [place, violation] : violations) {
    const auto& [client, from, to] = place;
    const std::vector<uint32_t> targets = Sorted(violation.targets);
    const FlowKey key{0, 0, violation.bits, 0, 0, 0};
    Finding f = Begin("policy-violation", Direction(key), violation.span.best, text(client), targets, violation.span);
    f.severity = Severity::kMedium;
    // The most used first; of more than a few, their number.
    constexpr size_t kNamed = 5;
    std::vector<std::pair<uint64_t, std::string>> ranked;
    for (const auto& [service, records] : violation.services) ranked.emplace_back(records, ServiceText(service.second, service.first));
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::string> services;
    std::string named;
    for (size_t i = 0; i < std::min(ranked.size(), kMaxTargets); ++i) {
      services.push_back(ranked[i].second);
      if (i < kNamed) named += (i > 0 ? ", " : "") + ranked[i].second;
    }
    if (ranked.size() > kNamed) named += " and " + std::to_string(ranked.size() - kNamed) + " more services";
    const auto& [protocol, port] = violation.services.begin()->first;
    const bool one = violation.services.size() == 1;
    f.evidence.emplace_back("from", name_of(from));
    f.evidence.emplace_back("to", name_of(to));
    f.evidence.emplace_back("services", services);
    f.evidence.emplace_back("bytes", static_cast<int64_t>(violation.span.up_bytes + violation.span.down_bytes));
    f.why = f.actor + " (" + name_of(from) + ") reached " +
            (targets.size() == 1 ? f.targets[0] : Count(targets.size(), "host")) + " (" + name_of(to) + ") by " + named +
            " in " + Count(violation.span.records, "record") + "; no edge of the policy allows it";
    f.where = "srcaddr = " + f.actor + " and " + AnyOf("dstaddr", f.targets) +
              (one && HasPorts(protocol) ? " and dstport = " + std::to_string(port) : std::string()) +
              (one ? " and protocol = " + std::to_string(protocol) : std::string()) + " and accepted" +
              Between(f.first_seen, f.last_seen);
    f.show = one ? std::string(kShow) : "--group-by 'dstaddr, dstport, protocol' --agg 'records=count(), bytes=sum(bytes)' --sort -records";
    f.next_step = "add the edge to the policy if it is meant, else close it in the security group";
    Keep(std::move(f), 1, name_of(from) + ">" + name_of(to));
  }
}

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs
