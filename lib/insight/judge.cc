#include "lib/insight/judge.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <future>
#include <tuple>

#include "lib/insight/ports.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {

std::string_view OutcomeText(Outcome outcome) {
  switch (outcome) {
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kUnanswered:
      return "unanswered";
    case Outcome::kAnswered:
      return "answered";
    case Outcome::kPayload:
      break;
  }
  return "payload";
}

std::string Count(uint64_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

Outcome Flow::outcome() const {
  constexpr uint8_t kRst = 4, kSyn = 2;
  constexpr uint64_t kBare = 64;  // bytes of a packet that carries nothing but options
  if (sums()->down_packets == 0) return accepted() == 0 || sums()->up_rejected > 0 ? Outcome::kRejected : Outcome::kUnanswered;
  if (key->protocol != 6) return Outcome::kPayload;
  if (sums()->has_flags != 0 && (sums()->down_flags & kRst) != 0 && (sums()->down_flags & kSyn) == 0 && sums()->longest <= 3) {
    return Outcome::kAnswered;
  }
  return sums()->down_bytes > kBare * sums()->down_packets ? Outcome::kPayload : Outcome::kAnswered;
}

uint32_t Flow::sessions() const {
  const int unset = 64 - std::popcount(sums()->client_ports);
  const uint32_t records = std::max(accepted(), sums()->down_records);
  if (unset == 0) return records;
  const double estimate = -64.0 * std::log(unset / 64.0);
  return std::min<uint32_t>(records, static_cast<uint32_t>(std::lround(estimate)));
}

namespace {

// Multicast, broadcast and what nobody has.
bool IsMulticast(const FlowKey& key) { return !key.is(FlowKey::kServerInside) && !key.is(FlowKey::kServerOutside); }

}  // namespace

HostHours::HostHours(const absl::flat_hash_map<uint64_t, HourSums>& hours) {
  hours_.reserve(hours.size());
  for (const auto& [place, sums] : hours) hours_.push_back({static_cast<uint32_t>(place >> 32), static_cast<uint32_t>(place), sums});
  std::sort(hours_.begin(), hours_.end(), [](const Hour& a, const Hour& b) { return a.place() < b.place(); });
  ForEach([this](uint32_t, std::span<const Hour>) { ++num_hosts_; });
}

std::optional<uint32_t> HostHours::FirstOf(uint32_t host) const {
  const auto first = std::lower_bound(hours_.begin(), hours_.end(), host, [](const Hour& h, uint32_t code) { return h.host < code; });
  if (first == hours_.end() || first->host != host) return std::nullopt;
  return first->hour;
}

const HostHours::Hour* HostHours::Find(std::span<const Hour> hours, uint32_t hour) {
  const auto found = std::lower_bound(hours.begin(), hours.end(), hour, [](const Hour& h, uint32_t at) { return h.hour < at; });
  return found == hours.end() || found->hour != hour ? nullptr : &*found;
}

Judge::Judge(FlowTable* table, const DetectOptions& options, const Stats& stats, Detections* out)
    : table_(*table), contacts_(table->contacts()), options_(options), stats_(stats), out_(out),
      wanted_kinds_(options.kinds.begin(), options.kinds.end()) {}

double Judge::limit(std::string_view name) const {
  const auto given = options_.thresholds.find(name);
  if (given != options_.thresholds.end()) return given->second;
  for (const Threshold& threshold : AllThresholds()) {
    if (threshold.name == name) return threshold.value;
  }
  return 0;
}

bool Judge::wants(std::string_view kind) const {
  return wanted_kinds_.empty() || wanted_kinds_.contains(std::string(kind));
}

void Judge::Add(FlowSpan* span, const Flow& flow) const {
  span->first = span->first < 0 ? flow.first() : std::min(span->first, flow.first());
  span->last = std::max(span->last, flow.last());
  span->records += flow.attempts();
  span->rejected += flow.sums()->up_rejected;
  span->up_bytes += flow.sums()->up_bytes;
  span->down_bytes += flow.sums()->down_bytes;
  span->up_packets += flow.sums()->up_packets;
  span->down_packets += flow.sums()->down_packets;
  span->interface = LesserInterface(span->interface, flow.sums()->interface);
  span->best = std::max(span->best, flow.outcome());
}

std::string_view Judge::Direction(const FlowKey& key) {
  if (key.is(FlowKey::kClientInside)) return key.is(FlowKey::kServerOutside) ? "outbound" : "internal";
  return "inbound";
}

Severity Judge::SeverityOf(std::string_view direction, Outcome outcome) {
  if (direction == "inbound") {
    return outcome == Outcome::kPayload ? Severity::kHigh : outcome == Outcome::kAnswered ? Severity::kMedium : Severity::kLow;
  }
  return outcome == Outcome::kRejected ? Severity::kMedium : Severity::kHigh;
}

std::vector<uint32_t> Judge::Sorted(std::vector<uint32_t> codes) const {
  std::sort(codes.begin(), codes.end());
  codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
  std::sort(codes.begin(), codes.end(), [&](uint32_t a, uint32_t b) { return address(a) < address(b); });
  return codes;
}

Finding Judge::Begin(std::string_view kind, std::string_view direction, Outcome outcome, std::string actor,
                     const std::vector<uint32_t>& targets, const FlowSpan& span) const {
  Finding f;
  f.kind = kind;
  f.direction = direction;
  f.outcome = OutcomeText(outcome);
  f.severity = SeverityOf(direction, outcome);
  f.actor = std::move(actor);
  for (uint32_t code : targets) {
    if (f.targets.size() == kMaxTargets) break;
    f.targets.push_back(text(code));
  }
  f.interface = interface(span.interface);
  f.first_seen = std::max<int64_t>(span.first, 0);
  f.last_seen = std::max(span.last, f.first_seen);
  f.records = span.records;
  f.evidence.emplace_back("targets", static_cast<int64_t>(targets.size()));
  return f;
}

void Judge::Keep(Finding f, double much, std::string_view identity) {
  if (!wants(f.kind)) return;
  uint64_t hash = MixWord(0x6a09e667f3bcc908, static_cast<uint64_t>(f.first_seen / 86400));
  const std::string target = f.targets.size() == 1 ? f.targets[0] : std::string();
  for (std::string_view part : {std::string_view(f.kind), std::string_view(f.actor), std::string_view(target), identity}) {
    hash = MixWord(hash, part.size());
    for (char c : part) hash = MixWord(hash, static_cast<unsigned char>(c));
  }
  static constexpr char kHex[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) f.id += kHex[hash >> shift & 15];
  const double base = f.severity == Severity::kHigh ? 60 : f.severity == Severity::kMedium ? 35 : 10;
  f.score = std::round(std::min(base + 40, base + 10 * std::log2(std::max(1.0, much))));
  const std::lock_guard lock(mutex_);
  out_->findings.push_back(std::move(f));
}

std::string Judge::AnyOf(std::string_view field, const std::vector<std::string>& values) {
  if (values.size() == 1) return std::string(field) + " = " + values[0];
  std::string text = std::string(field) + " in (";
  for (size_t i = 0; i < values.size(); ++i) text += (i > 0 ? ", " : "") + values[i];
  return text + ")";
}

std::string Judge::Between(int64_t first, int64_t last) {
  return " and start between " + std::to_string(first) + " and " + std::to_string(last);
}

std::string Judge::Past() const {
  if (options_.baseline) return options_.baseline->name.empty() ? "given" : options_.baseline->name;
  return "earlier days of these logs";
}

void Judge::NoteTop(uint32_t source, uint64_t packets, Flood* flood) const {
  if (packets < flood->top_packets || (packets == flood->top_packets && !(address(source) < address(flood->top)))) return;
  flood->top_packets = packets;
  flood->top = source;
}

void Judge::Pick(size_t first_part, size_t last_part, Picked* out) const {
  constexpr uint32_t kMostUnanswered = 200;  // packets of one TCP connection; a SYN is sent seven times or so
  const bool with_policy = options_.policy.has_value();
  const double bulk = std::max(1.0, limit("exfiltration.bytes") / 24);  // login ports have flows by the hour
  Picked& picked = *out;
  table_.ForEach(first_part, last_part, [&](const FlowKey& key, const FlowSums& sums) {
    const Flow flow{&key};
    if (key.hour != 0) {
      picked.first_hour = std::min(picked.first_hour, static_cast<uint32_t>(flow.first() / 3600));
      picked.last_hour = std::max(picked.last_hour, static_cast<uint32_t>(flow.last() / 3600));
    }
    const bool client_inside = key.is(FlowKey::kClientInside), server_inside = key.is(FlowKey::kServerInside);
    const bool outbound = client_inside && key.is(FlowKey::kServerOutside);
    const uint32_t accepted = flow.accepted();
    if (sums.up_records + sums.up_rejected > 0 && !IsMulticast(key) && IsProbed(key)) {
      if (flow.outcome() != Outcome::kPayload) {
        picked.probes.push_back(flow);
        const uint64_t client = HashOf(key.client);
        picked.about.Add(client, HashOf(key.server), flow.first_hour());
        picked.about.AddInAll(client);
      }
    }
    if ((key.bits & (FlowKey::kClientListed | FlowKey::kServerListed)) != 0) picked.listed.push_back(flow);
    auto note_way = [&](uint32_t host, uint8_t other_outside) {
      Picked::Way& way = picked.ways[host];
      way.talks |= sums.up_records > 0 && sums.down_records > 0;
      if (key.is(other_outside)) way.interface = LesserInterface(way.interface, sums.interface);
    };
    if (client_inside && sums.up_packets > 0) note_way(key.client, FlowKey::kServerOutside);
    if (server_inside && sums.down_packets > 0) note_way(key.server, FlowKey::kClientOutside);
    if (sums.up_packets + uint64_t{sums.down_packets} > 0) {
      if (key.protocol == 6 && IsLoginPort(key.port) && accepted > 0) picked.admin.push_back(flow);
      if ((key.port == 53 || key.port == 853) && HasPorts(key.protocol)) {
        if (outbound) picked.dns.push_back(flow);
        if (server_inside && sums.down_packets > 0) picked.dns_servers.insert(key.server);
      }
      if (!HasPorts(key.protocol) && key.protocol != 1 && key.protocol != 58 && key.protocol != 2 && key.protocol != 255 &&
          !IsMulticast(key)) {
        picked.odd.push_back(flow);
      }
      if (with_policy && accepted > 0) picked.policy.push_back(flow);
      const uint64_t out = outbound ? sums.up_bytes : server_inside && key.is(FlowKey::kClientOutside) ? sums.down_bytes : 0;
      if (out > 0) {
        uint64_t& most = picked.most_out[uint64_t{outbound ? key.client : key.server} << 32 | key.hour / 24];
        most = std::max(most, out);
        uint64_t& most_at = picked.most_out_at[uint64_t{sums.interface} << 32 | key.hour / 24];
        most_at = std::max(most_at, out);
      }
      if (static_cast<double>(out) >= bulk) picked.bulky.push_back(flow);
    }
    // Many packets of which nothing comes of: bare ones, or unanswered.
    const uint64_t tried = uint64_t{sums.up_packets} + (sums.up_rejected > 0 ? sums.rejected_packets : 0);
    const uint64_t came_back = uint64_t{sums.down_packets} + (sums.up_rejected > 0 ? 0 : sums.rejected_packets);
    const bool bare = sums.up_packets > 0 && sums.up_bytes <= 64 * uint64_t{sums.up_packets} &&
                      sums.down_bytes <= 64 * uint64_t{sums.down_packets} && flow.outcome() != Outcome::kPayload;
    // A transfer is acknowledged as seldom as offloading cards like: once for some dozens of packets.
    const uint64_t least_answers = key.protocol == 6 && !bare ? 200 : 10;
    const bool unasked = sums.up_records + sums.up_rejected == 0 && client_inside && !server_inside && came_back > 0;
    // Inside, TCP that goes on was answered: its other direction was counted with another address (a gateway's).
    const bool goes_on = client_inside && server_inside && key.protocol == 6 && sums.up_rejected == 0 &&
                         sums.up_packets > uint64_t{kMostUnanswered} * flow.sessions();
    if (unasked || (!goes_on && tried > 0 && (bare || uint64_t{sums.down_packets} * least_answers < tried))) {
      const uint32_t target = unasked ? key.client : key.server, source = unasked ? key.server : key.client;
      // What lasted for less than an hour is not spread over the day that its flow is of.
      const uint32_t hour = flow.last() - flow.first() <= 3600 ? static_cast<uint32_t>(flow.first() / 3600) : key.hour;
      Flood& flood = picked.floods[uint64_t{target} << 32 | hour];
      const uint64_t packets = unasked ? came_back : tried;
      flood.packets += packets;
      flood.records += unasked ? sums.down_records : flow.attempts();
      flood.bytes += unasked ? sums.down_bytes : sums.up_bytes;
      flood.rejected += unasked ? sums.down_rejected : sums.up_rejected;
      flood.answers += unasked ? 0 : sums.down_packets;
      ++flood.sources;
      flood.Last(flow.first(), flow.last());
      NoteTop(source, packets, &flood);
      flood.interface = LesserInterface(flood.interface, sums.interface);
      flood.bits |= unasked ? FlowKey::kServerInside | FlowKey::kClientOutside : key.bits;
    }
  });
}

void Judge::Merge(Picked&& more) {
  auto append = [](std::vector<Flow>* to, const std::vector<Flow>& from) { to->insert(to->end(), from.begin(), from.end()); };
  picked_.first_hour = std::min(picked_.first_hour, more.first_hour);
  picked_.last_hour = std::max(picked_.last_hour, more.last_hour);
  append(&picked_.probes, more.probes);
  append(&picked_.admin, more.admin);
  append(&picked_.dns, more.dns);
  append(&picked_.listed, more.listed);
  append(&picked_.odd, more.odd);
  append(&picked_.bulky, more.bulky);
  append(&picked_.policy, more.policy);
  picked_.about.Merge(more.about);
  picked_.dns_servers.insert(more.dns_servers.begin(), more.dns_servers.end());
  for (const auto& [host, theirs] : more.ways) {
    Picked::Way& way = picked_.ways[host];
    way.talks |= theirs.talks;
    way.interface = LesserInterface(way.interface, theirs.interface);
  }
  auto take_most = [](auto* to, const auto& from) {
    for (const auto& [place, bytes] : from) (*to)[place] = std::max((*to)[place], bytes);
  };
  take_most(&picked_.most_out, more.most_out);
  take_most(&picked_.most_out_at, more.most_out_at);
  for (const auto& [place, theirs] : more.floods) {
    Flood& flood = picked_.floods[place];
    flood.Add(theirs);
    flood.sources += theirs.sources;
    NoteTop(theirs.top, theirs.top_packets, &flood);
    flood.interface = LesserInterface(flood.interface, theirs.interface);
  }
}

void Judge::Gather() {
  picked_.about = std::move(table_.rejected);
  picked_.about.Clear();
  std::future<Picked> half = std::async(launch_, [this] {
    Picked more;
    Pick(FlowTable::kParts / 2, FlowTable::kParts, &more);
    return more;
  });
  Pick(0, FlowTable::kParts / 2, &picked_);
  Merge(half.get());
  for (const auto& [key, hour] : table_.noise().targets) {
    Flood& flood = picked_.floods[key];
    flood.packets += hour.packets;
    flood.records += hour.records;
    flood.rejected += hour.records;
    flood.sources += static_cast<uint32_t>(std::min<uint64_t>(hour.records, 0x7fffffff));
    flood.Last(hour.first, hour.last);
    flood.bits |= FlowKey::kServerInside | FlowKey::kClientOutside;
  }
  host_hours_ = HostHours(table_.TakeHours());
  hours_ = picked_.first_hour > picked_.last_hour ? 0 : picked_.last_hour - picked_.first_hour + 1;
}

template <typename F>
size_t Judge::KeepProbes(std::span<Flow> probes, F keeps) const {
  constexpr size_t kStep = 64;  // whose places in the sketch are on their way at once
  uint64_t clients[kStep], servers[kStep];
  size_t kept = 0;
  for (size_t begin = 0; begin < probes.size(); begin += kStep) {
    const std::span<const Flow> some = probes.subspan(begin, std::min(kStep, probes.size() - begin));
    for (size_t i = 0; i < some.size(); ++i) {
      clients[i] = HashOf(some[i].key->client);
      servers[i] = HashOf(some[i].key->server);
      picked_.about.Prefetch(clients[i], servers[i], some[i].first_hour());
    }
    for (size_t i = 0; i < some.size(); ++i) {
      const Flow probe = some[i];
      if (keeps(probe, clients[i], servers[i])) probes[kept++] = probe;
    }
  }
  return kept;
}

void Judge::GatherMore() {
  // Whether the source port of a probe is one that its target reached: then it may be a late reply. And whether a rejected
  // attempt to get out was let through before: then it was late. Bits for such places: one that another place has, too, keeps
  // that one in reached_, where nobody asks for it.
  auto place = [](uint32_t client, uint32_t server, uint16_t port, uint8_t protocol) {
    return std::pair(uint64_t{client} << 32 | server, uint32_t{port} << 8 | protocol);
  };
  auto replied = [&](const Flow& flow) {
    return place(flow.key->server, flow.key->client, HasPorts(flow.key->protocol) ? flow.least_port() : uint16_t{0},
                 flow.key->protocol);
  };
  auto is_blocked = [](const Flow& flow) {
    return flow.sums()->up_rejected > 0 && flow.key->is(FlowKey::kClientInside) && flow.key->is(FlowKey::kServerOutside);
  };
  auto has_one_port = [](const Flow& flow) {
    return !HasPorts(flow.key->protocol) || flow.least_port() == flow.sums()->most_port;
  };
  constexpr int kAskedBits = 24, kServiceBits = 20;
  std::vector<bool> asked(size_t{1} << kAskedBits);
  auto bit_of = [](const std::pair<uint64_t, uint32_t>& p) { return MixWord(p.first, p.second) >> (64 - kAskedBits); };
  bool is_asked = false;
  auto ask = [&](const std::pair<uint64_t, uint32_t>& p) { asked[bit_of(p)] = is_asked = true; };

  // Who tried enough in an hour, or at one host, that it may be a scan: first about, so that only few are counted.
  const auto in_an_hour = static_cast<uint32_t>(std::min(limit("port-scan.ports"), limit("host-sweep.hosts")));
  const auto at_a_host = static_cast<uint32_t>(limit("port-scan.slow-ports"));
  const uint32_t least = std::min({in_an_hour, at_a_host, uint32_t{AttemptSketch::kMost}});  // of a candidate
  absl::flat_hash_map<uint64_t, uint32_t> in_hours, at_hosts;
  KeepProbes(picked_.probes, [&](const Flow& flow, uint64_t client, uint64_t server) {
    bool is_candidate = candidates_.contains(flow.key->client);
    if (!is_candidate) {
      // An hour alone may be enough; two of them are looked at below.
      const bool is_often = picked_.about.MayBeInAnHour(client, flow.first_hour(), in_an_hour) &&
                            ++in_hours[uint64_t{flow.key->client} << 32 | flow.first_hour()] >= in_an_hour;
      const bool is_at_one = picked_.about.MayBeAtOneHost(client, server, at_a_host) && ++at_hosts[flow.pair()] >= at_a_host;
      if (is_often || is_at_one) candidates_.insert(flow.key->client);
      is_candidate = is_often || is_at_one;
    }
    const bool blocked = is_blocked(flow);
    if (blocked) ask(place(flow.key->client, flow.key->server, flow.key->port, flow.key->protocol));
    if ((is_candidate || blocked || picked_.about.InAll(client) >= least) && has_one_port(flow)) ask(replied(flow));
    return true;
  });
  for (const auto& [key, number] : in_hours) {
    const auto next = in_hours.find(key + 1);
    if (number + (next == in_hours.end() ? 0 : next->second) >= in_an_hour) candidates_.insert(static_cast<uint32_t>(key >> 32));
  }
  if (is_asked || !candidates_.empty()) {
    table_.ForEach([&](const FlowKey& key, const FlowSums& sums) {
      if (sums.up_packets + uint64_t{sums.down_packets} > 0) {
        const auto here = place(key.client, key.server, key.port, key.protocol);
        if (asked[bit_of(here)]) reached_.insert(here);
      }
      const Flow flow{&key};
      if (flow.accepted() == 0) return;
      const bool is_from = candidates_.contains(key.client) && flow.outcome() == Outcome::kPayload;
      if (is_from) served_.push_back({key.client, key.server, key.service()});
      if (is_from || (key.is(FlowKey::kServerOutside) && candidates_.contains(key.server))) touching_.push_back(flow);
    });
  }
  // What is no late reply. Of candidates those that may have enough ports of a host, or enough hosts of a service.
  const auto ports = static_cast<uint32_t>(std::min(limit("port-scan.ports"), limit("port-scan.slow-ports")));
  const auto hosts = std::min<size_t>(static_cast<size_t>(limit("host-sweep.hosts")), AttemptSketch::kMost);
  struct Half {
    std::span<Flow> probes;
    size_t kept = 0;
    std::vector<Flow> sweeping, scanning;
    ByteCounts tries{size_t{1} << kServiceBits};  // of a client and service
  };
  auto service_of = [](const Flow& flow) {
    return MixWord(flow.key->client, uint32_t{flow.key->protocol} << 16 | flow.key->port) >> (64 - kServiceBits);
  };
  auto select = [&](Half* half) {
    half->kept = KeepProbes(half->probes, [&](const Flow& flow, uint64_t client, uint64_t server) {
      const bool is_candidate = candidates_.contains(flow.key->client);
      if ((is_candidate || is_blocked(flow)) && has_one_port(flow) && reached_.contains(replied(flow))) return false;
      if (!is_candidate) return true;
      half->tries.Add(service_of(flow));
      half->sweeping.push_back(flow);
      if (picked_.about.MayBeAtOneHost(client, server, ports)) half->scanning.push_back(flow);
      return true;
    });
  };
  const size_t middle = picked_.probes.size() / 2;
  Half first, second;
  first.probes = std::span(picked_.probes).first(middle);
  second.probes = std::span(picked_.probes).subspan(middle);
  std::future<void> selecting = std::async(launch_, [&] { select(&second); });
  select(&first);
  selecting.get();
  std::copy_n(second.probes.begin(), second.kept, first.probes.begin() + static_cast<std::ptrdiff_t>(first.kept));
  picked_.probes.resize(first.kept + second.kept);
  for (const Half* half : {&first, &second}) {
    scanning_.insert(scanning_.end(), half->scanning.begin(), half->scanning.end());
    for (const Flow& flow : half->sweeping) {
      const size_t service = service_of(flow);
      if (size_t{first.tries[service]} + second.tries[service] >= hosts) sweeping_.push_back(flow);
    }
  }
}

void Judge::Run(int threads) {
  if (threads > 1) launch_ = std::launch::async;
  std::future<void> beside_flows = std::async(launch_, [this] {
    Contacts();
    Interfaces();
  });
  Gather();
  // What scans have no part in.
  std::future<void> beside_scans = std::async(launch_, [&] {
    beside_flows.wait();
    Floods();
    BruteForce();
    ExposedAdmin();
    Lateral();
    Listed();
    DnsBypass();
    Protocols();
    Exfiltration();
    Spikes();
    NewTalkers();
    MakeBaseline();
  });
  GatherMore();
  Scans();
  std::future<void> beside_answers = std::async(launch_, [&] { Noise(); });
  AnsweredProbes();
  BlockedEgress();
  if (options_.policy) PolicyEdges();
  beside_answers.get();
  beside_scans.get();
  beside_flows.get();
  std::sort(out_->findings.begin(), out_->findings.end(), [](const Finding& a, const Finding& b) {
    if (a.severity != b.severity) return a.severity > b.severity;
    return std::tie(a.kind, a.actor, a.targets, a.first_seen, a.id) < std::tie(b.kind, b.actor, b.targets, b.first_seen, b.id);
  });
}

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs
