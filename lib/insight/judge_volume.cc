// How much: exfiltration, traffic-spike, new-talker, denial-of-service, and the baseline that the first three compare with.
#include <algorithm>
#include <tuple>

#include "lib/insight/judge.h"
#include "lib/insight/ports.h"
#include "lib/query/columns.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {
namespace {

// 1234567 -> "1.2 MB"
std::string Bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit < 4) {
    value /= 1000;
    ++unit;
  }
  std::string text = std::to_string(static_cast<uint64_t>(value));
  if (unit > 0 && value < 100) text += "." + std::to_string(static_cast<uint64_t>(value * 10) % 10);
  return text + " " + kUnits[unit];
}

constexpr uint32_t kDay = 24;  // hours

}  // namespace

void Judge::Exfiltration() {
  const double least = limit("exfiltration.bytes"), factor = limit("exfiltration.factor");
  if (!options_.baseline && !has_own_past()) return;
  struct Sent {
    FlowSpan span;
    uint64_t bytes = 0;
    std::set<std::string> services;
  };
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, Sent> all;  // host, party, day
  for (const Flow& flow : picked_.bulky) {
    const FlowKey& key = *flow;
    const bool by_client = key.is(FlowKey::kClientInside);
    Sent& sent = all[{by_client ? key.client : key.server, by_client ? key.server : key.client, key.hour / kDay}];
    Add(&sent.span, flow);
    sent.bytes += by_client ? flow.sums()->up_bytes : flow.sums()->down_bytes;
    sent.services.insert(ServiceText(key.port, key.protocol));
  }
  for (const auto& [place, sent] : all) {
    const auto& [host, party, day] = place;
    if (static_cast<double>(sent.bytes) < least) continue;
    std::optional<uint64_t> most;  // in a day before
    if (options_.baseline) {
      const auto known = options_.baseline->hosts.find(text(host));
      if (known != options_.baseline->hosts.end()) most = known->second.max_out_bytes;
    }
    if (!most && has_own_past()) {
      // Days before this one; the first, if it is half a day at least.
      const uint32_t first = picked_.first_hour / kDay + (picked_.first_hour % kDay > kDay / 2 ? 1 : 0);
      for (uint32_t before = first; before < day; ++before) {
        const auto sent_then = picked_.most_out.find(uint64_t{host} << 32 | before);
        const std::optional<uint32_t> begin = host_hours_.FirstOf(host);
        const bool was_there = begin && *begin / kDay <= before;
        if (was_there) most = std::max(most.value_or(0), sent_then == picked_.most_out.end() ? 0 : sent_then->second);
      }
    }
    const uint32_t at = sent.span.interface;
    if (!most && at != 0) {  // a new address of an interface that is known
      if (options_.baseline) {
        const auto known = options_.baseline->interfaces.find(interface(at));
        if (known != options_.baseline->interfaces.end()) most = known->second;
      }
      for (uint32_t before = picked_.first_hour / kDay; !options_.baseline && before < day; ++before) {
        const auto sent_then = picked_.most_out_at.find(uint64_t{at} << 32 | before);
        if (sent_then != picked_.most_out_at.end()) most = std::max(most.value_or(0), sent_then->second);
      }
    }
    if (!most) continue;  // nobody knows what is normal for it
    if (static_cast<double>(sent.bytes) < factor * static_cast<double>(*most)) continue;
    Finding f = Begin("exfiltration", "outbound", Outcome::kPayload, text(host), {party}, sent.span);
    f.severity = Severity::kHigh;
    f.technique = "T1048";
    f.evidence.emplace_back("bytes_out", static_cast<int64_t>(sent.bytes));
    f.evidence.emplace_back("most_in_a_day_before", static_cast<int64_t>(*most));
    f.evidence.emplace_back("services", std::vector<std::string>(sent.services.begin(), sent.services.end()));
    f.baseline = Past();
    f.why = f.actor + " sent " + Bytes(sent.bytes) + " to " + f.targets[0] + " (" + *sent.services.begin() +
            "); before, it never sent more than " + Bytes(*most) + " to one outside party in a day";
    f.where = "srcaddr = " + f.actor + " and dstaddr = " + f.targets[0] + " and accepted" + Between(f.first_seen, f.last_seen);
    f.show = "--agg 'bytes=sum(bytes), records=count(), first=min(start), last=max(end)'";
    f.next_step = "find out what was sent and by whom; block the address until it is known";
    for (int64_t hour = sent.span.first / 3600; hour <= sent.span.last / 3600; ++hour) loud_.emplace(host, static_cast<uint32_t>(hour));
    Keep(std::move(f), static_cast<double>(sent.bytes) / least, f.targets[0]);
  }
}

void Judge::Spikes() {
  const double factor = limit("traffic-spike.factor"), least = limit("traffic-spike.bytes");
  if (!options_.baseline && !has_own_past()) return;
  host_hours_.ForEach([&](uint32_t host, std::span<const HostHours::Hour> hours) {
    if (!talks(host)) return;
    const Baseline::Host* known = nullptr;
    if (options_.baseline) {
      const auto it = options_.baseline->hosts.find(text(host));
      if (it != options_.baseline->hosts.end()) known = &it->second;
    }
    struct Spike {
      uint32_t first = 0, last = 0;
      uint64_t bytes = 0, before = 0, records = 0;  // records: of all its hours
      double most = 0;
    };
    std::optional<Spike> spike;
    auto tell = [&] {
      if (!spike) return;
      FlowSpan span;
      span.first = int64_t{spike->first} * 3600;
      span.last = int64_t{spike->last} * 3600 + 3599;
      span.records = spike->records;
      span.interface = interface_of(host);
      Finding f = Begin("traffic-spike", "", Outcome::kPayload, text(host), {}, span);
      f.outcome = "";
      f.severity = Severity::kMedium;
      f.evidence.emplace_back("bytes", static_cast<int64_t>(spike->bytes));
      f.evidence.emplace_back("most_before", static_cast<int64_t>(spike->before));
      f.evidence.emplace_back("hours", int64_t{spike->last} - spike->first + 1);
      f.baseline = Past();
      f.why = f.actor + " exchanged " + Bytes(spike->bytes) + " in an hour; at the same hour of earlier days it was at most " +
              Bytes(spike->before);
      f.where = "(srcaddr = " + f.actor + " or dstaddr = " + f.actor + ") and accepted" + Between(f.first_seen, f.last_seen);
      f.show = "--group-by 'srcaddr, dstaddr' --agg 'bytes=sum(bytes), records=count()' --sort -bytes --limit 10 --once";
      f.next_step = "see which peer and service it was; a backup or a release explains most";
      Keep(std::move(f), spike->most, std::to_string(spike->first));
      spike.reset();
    };
    for (const auto& [its_host, hour, sums] : hours) {
      // The hour of the day and its neighbours: what runs daily does not run by the clock.
      std::optional<uint64_t> before;
      auto take = [&](uint64_t bytes) { before = std::max(before.value_or(0), bytes); };
      if (known != nullptr) {
        for (uint32_t near : {hour + 23, hour, hour + 1}) {
          const auto it = known->by_hour.find(static_cast<int>(near % kDay));
          if (it != known->by_hour.end()) take(it->second);
        }
      }
      for (uint32_t day = 1; hour >= picked_.first_hour + day * kDay; ++day) {
        for (uint32_t near : {hour - 1, hour, hour + 1}) {
          if (const HostHours::Hour* then = HostHours::Find(hours, near - day * kDay)) take(then->sums.bytes);
        }
      }
      const double bytes = static_cast<double>(sums.bytes);
      const bool is_spike = before && *before > 0 && bytes >= least && bytes >= factor * static_cast<double>(*before) &&
                            !loud_.contains({host, hour});
      if (!is_spike) continue;
      if (spike && hour != spike->last + 1) tell();
      if (!spike) spike = Spike{hour, hour, 0, 0, 0, 0};
      spike->last = hour;
      spike->records += sums.records;
      if (sums.bytes > spike->bytes) {
        spike->bytes = sums.bytes;
        spike->before = *before;
        spike->most = bytes / (factor * static_cast<double>(*before));
      }
    }
    tell();
  });
}

void Judge::NewTalkers() {
  if (!options_.baseline && !has_own_past()) return;
  host_hours_.ForEach([&](uint32_t host, std::span<const HostHours::Hour> hours) {
    const uint32_t first = hours.front().hour;
    if (options_.baseline) {
      if (options_.baseline->hosts.contains(text(host))) return;
    } else if (first < picked_.first_hour + kDay) {
      return;
    }
    if (!sends(host)) return;  // it was only sent to
    HourSums all;
    for (const HostHours::Hour& hour : hours) all.Add(hour.sums);
    FlowSpan span;
    span.first = int64_t{first} * 3600;
    span.last = int64_t{hours.back().hour} * 3600 + 3599;
    span.records = all.records;
    span.interface = interface_of(host);
    Finding f = Begin("new-talker", "", Outcome::kPayload, text(host), {}, span);
    f.outcome = "";
    f.technique = "T1200";
    f.severity = Severity::kLow;
    f.evidence.emplace_back("bytes", static_cast<int64_t>(all.bytes));
    f.evidence.emplace_back("hours", static_cast<int64_t>(hours.size()));
    f.baseline = Past();
    f.why = f.actor + " exchanged " + Bytes(all.bytes) + " in " + std::to_string(hours.size()) +
            (hours.size() == 1 ? " hour" : " hours") + "; it did not talk before";
    f.where = "srcaddr = " + f.actor + " and accepted" + Between(f.first_seen, f.last_seen);
    f.show = "--group-by 'dstaddr, service' --agg 'bytes=sum(bytes), records=count(), first=min(start)' --sort -bytes --limit 10";
    f.next_step = "make sure that the host is yours and new";
    Keep(std::move(f), 1);
  });
}

void Judge::Floods() {
  // Small codes first: what is made of the hash map below must not depend on its order.
  std::map<std::pair<uint32_t, uint32_t>, Flood> floods;
  const double least = limit("denial-of-service.packets"), rate = limit("denial-of-service.rate");
  for (const auto& [key, flood] : picked_.floods) {
    if (static_cast<double>(flood.packets) >= least) {
      floods[{static_cast<uint32_t>(key >> 32), static_cast<uint32_t>(key)}] = flood;
    }
  }
  struct Attack {
    Flood sum;
    uint32_t most_sources = 0;
    double most_rate = 0;
  };
  std::map<uint32_t, Attack> attacks;
  for (const auto& [place, flood] : floods) {
    const auto& [target, hour] = place;
    const double per_second = static_cast<double>(flood.packets) / static_cast<double>(std::max<int64_t>(1, flood.last - flood.first + 1));
    if (per_second < rate && static_cast<double>(flood.packets) < 4 * least) continue;
    Attack& attack = attacks[target];
    Flood& sum = attack.sum;
    sum.Add(flood);
    if (flood.top_packets > sum.top_packets) {
      sum.top_packets = flood.top_packets;
      sum.top = flood.top;
    }
    sum.interface = LesserInterface(sum.interface, flood.interface);
    attack.most_sources = std::max(attack.most_sources, flood.sources);
    attack.most_rate = std::max(attack.most_rate, per_second);
    loud_.emplace(target, hour);
    if (flood.top != 0) loud_.emplace(flood.top, hour);
  }
  for (const auto& [target, attack] : attacks) {
    const Flood& sum = attack.sum;
    const FlowKey key{0, 0, sum.bits, 0, 0, 0};
    FlowSpan span;
    span.first = sum.first;
    span.last = sum.last;
    span.records = sum.records;
    span.interface = sum.interface;
    const Outcome outcome = sum.rejected >= sum.records ? Outcome::kRejected
                            : sum.answers > 0           ? Outcome::kAnswered
                                                        : Outcome::kUnanswered;
    const bool from_inside = (sum.bits & FlowKey::kClientInside) != 0;
    Finding f = Begin("denial-of-service", Direction(key), outcome, sum.top == 0 ? "many addresses" : text(sum.top), {target}, span);
    f.severity = outcome == Outcome::kRejected && !from_inside ? Severity::kMedium : Severity::kHigh;
    f.technique = "T1498";
    f.evidence.emplace_back("packets", static_cast<int64_t>(sum.packets));
    f.evidence.emplace_back("bytes", static_cast<int64_t>(sum.bytes));
    f.evidence.emplace_back("sources", int64_t{attack.most_sources});
    f.evidence.emplace_back("packets_per_second", static_cast<int64_t>(attack.most_rate));
    f.why = f.targets[0] + " got " + std::to_string(sum.packets) + " packets that nothing came of, from " +
            std::to_string(attack.most_sources) + (attack.most_sources == 1 ? " address" : " addresses") + ", " +
            std::to_string(static_cast<int64_t>(attack.most_rate)) + " in a second" +
            (sum.top != 0 && attack.most_sources > 1 ? "; most of them from " + f.actor : "");
    f.where = "dstaddr = " + f.targets[0] + Between(f.first_seen, f.last_seen);
    f.show = "--agg 'packets=sum(packets), sources=distinct(srcaddr), records=count(), first=min(start), last=max(end)'";
    f.next_step = from_inside ? "stop the host: it takes part in an attack" : "AWS Shield and rate limits in front of the host help; see which port it is";
    Keep(std::move(f), static_cast<double>(sum.packets) / least, f.targets[0]);
  }
}

void Judge::MakeBaseline() {
  Baseline& seen = out_->seen;
  if (hours_ > 0) {
    out_->start = int64_t{picked_.first_hour} * 3600;
    out_->end = int64_t{picked_.last_hour} * 3600 + 3599;
    seen.start = *out_->start;
    seen.end = *out_->end;
  }
  host_hours_.ForEach([&](uint32_t code, std::span<const HostHours::Hour> hours) {
    if (!sends(code)) return;
    Baseline::Host& host = seen.hosts[text(code)];
    host.hours = hours.size();
    for (const HostHours::Hour& hour : hours) {
      uint64_t& most = host.by_hour[static_cast<int>(hour.hour % kDay)];
      most = std::max(most, hour.sums.bytes);
    }
  });
  for (const auto& [key, bytes] : picked_.most_out) {
    Baseline::Host& host = seen.hosts[text(static_cast<uint32_t>(key >> 32))];
    host.max_out_bytes = std::max(host.max_out_bytes, bytes);
  }
  for (const auto& [key, bytes] : picked_.most_out_at) {
    if (key >> 32 == 0) continue;
    uint64_t& most = seen.interfaces[interface(static_cast<uint32_t>(key >> 32))];
    most = std::max(most, bytes);
  }
  std::set<std::string> protocols, pairs;
  for (const Flow& flow : picked_.odd) {
    if (flow.key->is(FlowKey::kClientInside)) protocols.insert(text(flow.key->client) + " " + std::to_string(flow.key->protocol));
    if (flow.key->is(FlowKey::kServerInside)) protocols.insert(text(flow.key->server) + " " + std::to_string(flow.key->protocol));
  }
  for (const Flow& flow : picked_.admin) {
    if (flow.key->is(FlowKey::kClientInside) && flow.key->is(FlowKey::kServerInside)) {
      pairs.insert(text(flow.key->client) + " " + text(flow.key->server) + " " + std::to_string(flow.key->port));
    }
  }
  seen.protocols.assign(protocols.begin(), protocols.end());
  seen.admin_pairs.assign(pairs.begin(), pairs.end());
}

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs
