// What shows in times: beaconing, long-connection; what the logs lack: logging-gap, data-loss.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "lib/insight/judge.h"
#include "lib/insight/ports.h"
#include "lib/query/columns.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {
namespace {

// How many contacts there are of a client, server and service, or of one connection of theirs: about, never too few; more than
// all if one of them lasts for `seconds`.
class ContactCounts {
 public:
  enum class Of { kService, kConnection };
  ContactCounts(Of what, const std::vector<Contact>& contacts, double seconds) : what_(what) {
    for (const Contact& c : contacts) {
      const size_t at = PlaceOf(c);
      c.end - c.start >= seconds ? counts_.Fill(at) : counts_.Add(at);
    }
  }
  bool HasSoMany(const Contact& c, size_t least) const { return counts_[PlaceOf(c)] >= std::min<size_t>(least, ByteCounts::kMost); }

 private:
  static constexpr int kBits = 22;
  size_t PlaceOf(const Contact& c) const {
    const uint64_t service = uint64_t{c.protocol} << 32 | uint64_t{c.port} << 16 | (what_ == Of::kConnection ? c.client_port : 0);
    return MixWord(MixWord(0, uint64_t{c.client} << 32 | c.server), service) >> (64 - kBits);
  }
  Of what_;
  ByteCounts counts_{size_t{1} << kBits};
};

}  // namespace

void Judge::DataLoss(const std::map<std::string, InterfaceLog>& all) {
  // Interfaces that lost much are told each; those that lost little, of which there may be hundreds, are told together.
  constexpr double kMuch = 0.05;
  struct Loss {
    uint64_t records = 0, skipdata = 0;
    int64_t first = 0, last = 0;
    double share() const { return static_cast<double>(skipdata) / static_cast<double>(std::max<uint64_t>(1, records)); }
  };
  auto tell = [&](const std::vector<std::string>& names, const Loss& loss) {
    Finding f;
    f.kind = "data-loss";
    f.actor = f.interface = names[0];
    f.severity = loss.share() >= kMuch ? Severity::kMedium : Severity::kLow;
    f.records = loss.skipdata;
    f.first_seen = loss.first;
    f.last_seen = loss.last;
    f.evidence.emplace_back("skipdata", static_cast<int64_t>(loss.skipdata));
    f.evidence.emplace_back("records", static_cast<int64_t>(loss.records));
    f.evidence.emplace_back("interfaces", static_cast<int64_t>(names.size()));
    const bool one = names.size() == 1;
    if (!one) f.targets.assign(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kMaxTargets)));
    f.why = (one ? names[0] + " has " : Count(names.size(), "interface") + " have ") + Count(loss.skipdata, "SKIPDATA record") +
            " among " + std::to_string(loss.records) + ": AWS skipped flows there, and each may stand for many";
    f.where = (one ? "interface-id = '" + names[0] + "' and " : std::string()) + "log-status = 'SKIPDATA'" +
              Between(f.first_seen, f.last_seen);
    f.show = one ? "--agg 'records=count(), first=min(start), last=max(end)'"
                 : "--group-by interface-id --agg 'records=count(), first=min(start), last=max(end)'";
    f.next_step = "do not take what is not in these logs for what did not happen";
    Keep(std::move(f), 1 + 100 * loss.share());
  };
  std::vector<std::string> few_lost;
  Loss little;
  for (const auto& [name, seen] : all) {
    if (seen.skipdata == 0) continue;
    Loss loss;
    loss.skipdata = seen.skipdata;
    for (const auto& [bin, sums] : seen.bins) {
      loss.records += sums.records;
      if (sums.skipdata == 0) continue;
      if (loss.first == 0) loss.first = sums.first;
      loss.last = sums.last;
    }
    if (loss.share() >= kMuch) {
      tell({name}, loss);
      continue;
    }
    little.first = few_lost.empty() ? loss.first : std::min(little.first, loss.first);
    little.last = std::max(little.last, loss.last);
    little.records += loss.records;
    little.skipdata += loss.skipdata;
    few_lost.push_back(name);
  }
  if (!few_lost.empty()) tell(few_lost, little);
}

void Judge::Contacts() {
  constexpr uint32_t kGap = 900;  // seconds between two records of one connection, at most
  const auto least = static_cast<size_t>(limit("beaconing.contacts"));
  const double jitter = limit("beaconing.jitter"), most_bytes = limit("beaconing.bytes"),
               least_seconds = limit("beaconing.seconds");
  const double long_seconds = limit("long-connection.hours") * 3600;

  // Most contacts are one of a few, and short. What they say is only how many hosts there are, and how many of them talk to a
  // party that others make interesting. Fewer records than `least` are no long connection if none of them is this long:
  const double number = static_cast<double>(std::max<size_t>(least, 1)), seconds = (long_seconds - number * kGap) / number;
  const ContactCounts counts(ContactCounts::Of::kService, contacts_, seconds);
  absl::flat_hash_map<uint32_t, uint32_t> hosts_of;
  for (const Contact& c : contacts_) {
    if (counts.HasSoMany(c, least)) hosts_of.try_emplace(c.server, 0);
  }
  absl::flat_hash_map<uint32_t, bool> is_inside;  // of clients
  absl::flat_hash_set<uint64_t> pairs;
  for (const Contact& c : contacts_) {
    const auto [host, is_new] = is_inside.try_emplace(c.client, false);
    if (is_new) host->second = (table_.ClassOf(address(c.client)) & kInside) != 0;
    if (!host->second) continue;
    const auto party = hosts_of.find(c.server);
    if (party != hosts_of.end() && pairs.insert(uint64_t{c.client} << 32 | c.server).second) ++party->second;
  }
  const auto hosts = std::count_if(is_inside.begin(), is_inside.end(), [](const auto& client) { return client.second; });
  const double shared = std::max(2.0, limit("beaconing.shared") * static_cast<double>(hosts));
  std::erase_if(contacts_, [&](const Contact& c) { return !counts.HasSoMany(c, least) || hosts_of[c.server] >= shared; });
  // What comes from outside is no beacon.
  const ContactCounts connections_of(ContactCounts::Of::kConnection, contacts_, seconds);
  std::erase_if(contacts_, [&](const Contact& c) { return !is_inside[c.client] && !connections_of.HasSoMany(c, least); });
  auto order = [](const Contact& c) {
    return std::tuple(c.client, c.server, uint32_t{c.protocol}, c.port, c.client_port, c.start, c.end, c.bytes);
  };
  std::sort(contacts_.begin(), contacts_.end(), [&](const Contact& a, const Contact& b) { return order(a) < order(b); });

  for (size_t begin = 0, end; begin < contacts_.size(); begin = end) {
    const Contact& first = contacts_[begin];
    auto same = [&](const Contact& c) {
      return c.client == first.client && c.server == first.server && c.protocol == first.protocol && c.port == first.port;
    };
    end = begin;
    while (end < contacts_.size() && same(contacts_[end])) ++end;

    // Connections: records of one client port without a gap of a quarter of an hour.
    struct Connection {
      uint32_t start, end;
      uint64_t bytes;
      uint32_t records;
      uint16_t port;
      uint32_t interface;
    };
    std::vector<Connection> connections;
    for (size_t i = begin; i < end; ++i) {
      const Contact& c = contacts_[i];
      const bool goes_on = !connections.empty() && connections.back().port == c.client_port &&
                           c.start <= connections.back().end + kGap && first.protocol == 6;
      if (goes_on) {
        connections.back().end = std::max(connections.back().end, c.end);
        connections.back().bytes += c.bytes;
        ++connections.back().records;
        connections.back().interface = LesserInterface(connections.back().interface, c.interface);
      } else {
        connections.push_back({c.start, c.end, c.bytes, 1, c.client_port, c.interface});
      }
    }
    const Connection* longest = nullptr;
    for (const Connection& c : connections) {
      if (longest == nullptr || c.end - c.start > longest->end - longest->start) longest = &c;
    }
    const bool is_long = longest->end - longest->start >= long_seconds;
    const bool outbound = is_inside[first.client];
    if (!is_long && (!outbound || connections.size() < least)) continue;
    const std::string actor = text(first.client), target = text(first.server);
    const std::string service = ServiceText(first.port, int64_t{first.protocol});
    const std::string ends = "srcaddr = " + actor + " and dstaddr = " + target + " and dstport = " + std::to_string(first.port) +
                             " and protocol = " + std::to_string(first.protocol);

    if (is_long) {
      FlowSpan span;
      span.first = longest->start;
      span.last = longest->end;
      span.records = longest->records;
      span.interface = longest->interface;
      span.best = Outcome::kPayload;
      Finding f = Begin("long-connection", outbound ? "outbound" : "inbound", Outcome::kPayload, actor, {first.server}, span);
      f.severity = outbound ? Severity::kMedium : Severity::kLow;
      f.technique = "T1571";
      const auto seconds = static_cast<int64_t>(longest->end - longest->start);
      f.evidence.emplace_back("seconds", seconds);
      f.evidence.emplace_back("service", service);
      f.evidence.emplace_back("client_port", int64_t{longest->port});
      f.evidence.emplace_back("bytes_to_server", static_cast<int64_t>(longest->bytes));
      f.why = actor + " held one connection to " + target + " (" + service + ") for " +
              std::to_string(seconds / 3600) + " hours, in " + Count(longest->records, "record");
      f.where = ends + " and srcport = " + std::to_string(longest->port) + Between(f.first_seen, f.last_seen);
      f.show = "--agg 'records=count(), bytes=sum(bytes), first=min(start), last=max(end)'";
      f.next_step = "find out which program holds it: a tunnel, a remote shell, or a service that is meant";
      Keep(std::move(f), static_cast<double>(seconds) / long_seconds, service);
    }

    if (!outbound || connections.size() < least) continue;
    std::vector<uint32_t> starts;
    FlowSpan span;
    uint64_t bytes = 0;
    uint32_t last = 0;
    for (const Connection& c : connections) {
      starts.push_back(c.start);
      bytes += c.bytes;
      last = std::max(last, c.end);
      span.interface = LesserInterface(span.interface, c.interface);
    }
    std::sort(starts.begin(), starts.end());
    const double mean = static_cast<double>(bytes) / static_cast<double>(starts.size());
    if (mean > most_bytes || starts.back() - starts.front() < least_seconds) continue;
    std::vector<uint32_t> gaps;
    for (size_t i = 1; i < starts.size(); ++i) gaps.push_back(starts[i] - starts[i - 1]);
    std::sort(gaps.begin(), gaps.end());
    const double median = gaps[gaps.size() / 2];
    const double low = gaps[gaps.size() / 4], high = gaps[gaps.size() * 3 / 4];
    // Times may be wrong by some seconds, and short ones are those of the log's own intervals.
    if (median < 15 || (high - low) / median > jitter) continue;
    // Contacts fill the time: not some regular ones and a long silence.
    const double filled = median * static_cast<double>(gaps.size()) / static_cast<double>(starts.back() - starts.front());
    if (filled < 0.6 || filled > 1.7) continue;
    span.first = starts.front();
    span.last = last;
    span.records = end - begin;
    span.best = Outcome::kPayload;
    Finding f = Begin("beaconing", "outbound", Outcome::kPayload, actor, {first.server}, span);
    f.severity = Severity::kMedium;
    f.technique = "T1071";
    f.evidence.emplace_back("contacts", static_cast<int64_t>(starts.size()));
    f.evidence.emplace_back("period_seconds", static_cast<int64_t>(median));
    f.evidence.emplace_back("jitter", std::round((high - low) / median * 1000) / 1000);
    f.evidence.emplace_back("bytes_per_contact", static_cast<int64_t>(mean));
    f.evidence.emplace_back("service", service);
    f.why = actor + " contacted " + target + " (" + service + ") " + std::to_string(starts.size()) + " times, every " +
            std::to_string(static_cast<int64_t>(median)) + " seconds (half of the times within " +
            std::to_string(static_cast<int64_t>(low)) + " and " + std::to_string(static_cast<int64_t>(high)) + "), with " +
            std::to_string(static_cast<int64_t>(mean)) + " bytes each";
    f.where = ends + Between(f.first_seen, f.last_seen);
    f.show = "--agg 'contacts=distinct(srcport), records=count(), bytes=mean(bytes), first=min(start), last=max(end)'";
    f.next_step = "look the address up and find out which program on the host calls it";
    Keep(std::move(f), static_cast<double>(starts.size()) / static_cast<double>(least), service);
  }
}

void Judge::Interfaces() {
  std::map<std::string, InterfaceLog> all;
  for (const auto& [key, bin] : table_.interfaces()) {
    InterfaceLog& seen = all[interface(static_cast<uint32_t>(key >> 32))];
    seen.bins[static_cast<uint32_t>(key)] = bin;
    seen.skipdata += bin.skipdata;
  }
  DataLoss(all);

  // Gaps: bins without a record, between bins with some.
  const auto least = static_cast<uint32_t>(limit("logging-gap.minutes") * 60 / kInterfaceBinSeconds);
  const double dense = limit("logging-gap.share");
  struct Gap {
    uint32_t begin, end;  // bins
  };
  std::map<std::pair<uint32_t, uint32_t>, std::vector<std::string>> gaps;
  for (const auto& [name, seen] : all) {
    if (seen.bins.size() < 6 || name.empty()) continue;
    std::vector<Gap> own;
    uint64_t missing = 0;
    for (auto it = seen.bins.begin(), next = std::next(it); next != seen.bins.end(); it = next++) {
      const uint32_t between = next->first - it->first - 1;
      if (between >= std::max(least, 1u)) {
        own.push_back({it->first + 1, next->first});
      } else {
        missing += between;
      }
    }
    // It records all the time but in a few gaps: one that is often silent says nothing by it.
    const double covered = static_cast<double>(seen.bins.size()) / static_cast<double>(seen.bins.size() + missing);
    if (own.empty() || own.size() > 3 || covered < dense || seen.bins.size() < 6 * own.size()) continue;
    for (const Gap& gap : own) {
      // Years between two exports are no gap of one log.
      if (gap.end - gap.begin > 4 * seen.bins.size()) continue;
      gaps[{gap.begin, gap.end}].push_back(name);
    }
  }
  for (const auto& [gap, names] : gaps) {
    auto keep = [&](const std::string& actor, std::vector<std::string> targets) {
      Finding f;
      f.kind = "logging-gap";
      f.actor = actor;
      f.interface = names[0];
      f.severity = Severity::kMedium;
      f.technique = "T1562.008";
      f.targets = std::move(targets);
      f.first_seen = int64_t{gap.first} * kInterfaceBinSeconds;
      f.last_seen = int64_t{gap.second} * kInterfaceBinSeconds;
      f.evidence.emplace_back("interfaces", static_cast<int64_t>(names.size()));
      const int64_t minutes = (f.last_seen - f.first_seen) / 60;
      f.evidence.emplace_back("minutes", minutes);
      f.why = (names.size() == 1 ? names[0] + " has" : Count(names.size(), "interface") + " have") +
              " no record for " + std::to_string(minutes) + " minutes, not even NODATA, and some before and after";
      f.where = "interface-id = '" + names[0] + "'" + Between(f.first_seen - 3600, f.last_seen + 3600);
      f.show = "--group-by 'bin(start, 10m)' --agg 'records=count()'";
      f.next_step = "look in CloudTrail for DeleteFlowLogs, and in the flow log's status for delivery errors";
      Keep(std::move(f), static_cast<double>(minutes) / limit("logging-gap.minutes"), names[0]);
    };
    if (names.size() == 1) {
      keep(names[0], {});
    } else {
      keep(names[0], std::vector<std::string>(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kMaxTargets))));
    }
  }
}

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs
