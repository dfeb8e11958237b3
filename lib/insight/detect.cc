#include "flowlogs/insight/detect.h"

#include <algorithm>

#include "lib/insight/flow_table.h"
#include "lib/insight/judge.h"
#include "lib/query/address_sets.h"
#include "lib/query/plan.h"
#include "lib/query/process_limits.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr Threshold kThresholds[] = {
    {"port-scan.ports", 15, "ports of one host in an hour that gave no data"},
    {"port-scan.slow-ports", 40, "the same in all the time of the inputs"},
    {"host-sweep.hosts", 10, "hosts in an hour whose same service gave no data"},
    {"brute-force.sessions", 20, "sessions of one client to one login port of one server in an hour"},
    {"brute-force.packets", 80, "packets of a session, both ways, at most"},
    {"brute-force.bytes", 15000, "bytes of a session, both ways, at most"},
    {"exfiltration.bytes", 100e6, "bytes of one host to one outside party in a day"},
    {"exfiltration.factor", 10, "times the most that the host sent to one outside party in a day before"},
    {"beaconing.contacts", 8, "connections to one outside service"},
    {"beaconing.jitter", 0.45, "spread of the times between them: the middle half of them by their median"},
    {"beaconing.bytes", 50e3, "bytes of a connection from the host, on average, at most"},
    {"beaconing.seconds", 1800, "from the first to the last"},
    {"beaconing.shared", 0.25, "of the hosts that talk outside: a party of so many is nobody's beacon"},
    {"traffic-spike.factor", 8, "times the most bytes of the same hour of earlier days"},
    {"traffic-spike.bytes", 200e6, "bytes of one host in an hour, both ways"},
    {"exposed-admin-port.packets", 3, "packets of a client from outside, or data that it got"},
    {"denial-of-service.packets", 50e3, "packets to one host in an hour that nothing came of"},
    {"denial-of-service.rate", 25, "of them in a second"},
    {"blocked-egress.records", 10, "rejected attempts of one host to reach outside"},
    {"lateral-movement.hosts", 4, "hosts that one host logs in to in an hour and did not before"},
    {"dns-bypass.records", 2, "requests of one host to outside resolvers"},
    {"dns-bypass.shared", 0.25, "of the hosts: a resolver that so many ask is the network's own choice"},
    {"long-connection.hours", 6, "hours of one connection between inside and outside"},
    {"logging-gap.minutes", 30, "without a record of an interface that has some before and after"},
    {"logging-gap.share", 0.9, "of its ten minutes in which it has records otherwise"},
};

constexpr std::string_view kKinds[] = {
    "port-scan",       "host-sweep",      "brute-force",       "exfiltration",     "beaconing",     "traffic-spike",
    "new-talker",      "unusual-protocol", "exposed-admin-port", "denial-of-service", "listed-address", "blocked-egress",
    "lateral-movement", "answered-probe",  "dns-bypass",        "policy-violation", "long-connection", "logging-gap",
    "data-loss",
};

absl::Status CheckOptions(const DetectOptions& options) {
  for (const auto& [name, value] : options.thresholds) {
    const bool known = std::any_of(std::begin(kThresholds), std::end(kThresholds),
                                   [&name = name](const Threshold& t) { return t.name == name; });
    if (!known) return absl::InvalidArgumentError("no threshold is called " + name + "; docs/detect.md lists them, and `flowlogs detect --threshold help`");
    if (!(value > 0)) return absl::InvalidArgumentError("threshold " + name + ": it is a number above 0");
  }
  for (const std::string& kind : options.kinds) {
    if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) {
      std::string all;
      for (std::string_view known : kKinds) all += (all.empty() ? "" : ", ") + std::string(known);
      return absl::InvalidArgumentError("no kind of finding is called " + kind + "; there are " + all);
    }
  }
  return absl::OkStatus();
}

absl::Status AddPrefixes(const std::string& what, const std::vector<std::string>& texts, language::AddressSetBuilder* set) {
  for (const std::string& text : texts) {
    if (const std::optional<IpAddress> address = IpAddress::Parse(text)) {
      set->Add(*address);
      continue;
    }
    const std::string wrong = set->AddPrefix(text);
    if (!wrong.empty()) return absl::InvalidArgumentError(what + ": '" + text + "' " + wrong);
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const Threshold> AllThresholds() { return kThresholds; }
std::span<const std::string_view> AllKinds() { return kKinds; }

std::string_view SeverityText(Severity severity) {
  return severity == Severity::kLow ? "low" : severity == Severity::kMedium ? "medium" : "high";
}

absl::StatusOr<Detections> Detect(const Query& query, const DetectOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  language::AddressSetBuilder listed_builder;
  for (const auto& [name, texts] : options.lists) {
    if (absl::Status status = AddPrefixes("list " + name, texts, &listed_builder); !status.ok()) return status;
  }
  const AddressSet listed = listed_builder.Build();
  if (options.policy) {
    for (const Policy::Zone& zone : options.policy->zones) {
      language::AddressSetBuilder ignored;
      if (absl::Status status = AddPrefixes("zone " + zone.name, zone.prefixes, &ignored); !status.ok()) return status;
    }
  }
  const std::shared_ptr<ScanSpec>& spec = QueryAccess::PlanOf(query).scan;
  insight::FlowTable table(options.max_flows, options.max_contacts, spec->internal ? &*spec->internal : nullptr,
                           options.lists.empty() ? nullptr : &listed);
  auto threshold = [&](std::string_view name) {
    const auto given = options.thresholds.find(name);
    if (given != options.thresholds.end()) return given->second;
    return std::find_if(std::begin(kThresholds), std::end(kThresholds), [&](const Threshold& t) { return t.name == name; })->value;
  };
  auto small = [](double value) { return static_cast<uint8_t>(std::clamp(value, 1.0, 255.0)); };
  table.least_in_an_hour = small(std::min(threshold("port-scan.ports"), threshold("host-sweep.hosts")));
  table.least_by_a_host = small(threshold("port-scan.slow-ports"));
  Detections detections;
  SinkPass pass;
  pass.columns = {"interface_id", "flow_direction", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "tcp_flags",
                  "packets", "bytes", "start", "end", "action", "log_status", "pkt_dst_aws_service"};
  pass.survey = insight::MakeSurveySink;
  pass.surveyed = [&](std::span<LocalSink* const> sinks, const Observations& observations) {
    for (const LocalSink* sink : sinks) table.rejected.Merge(insight::SurveyOf(*sink));
    table.observations = &observations;
  };
  pass.sink = [&](const RecordFilter& filter, const RunContext& context) {
    return insight::MakeFlowSink(filter, context, &table);
  };
  pass.finish = [&](std::span<LocalSink* const> sinks, const Stats& stats) {
    for (LocalSink* sink : sinks) insight::FinishFlowSink(sink);
    table.EndFlows();
    const int threads = spec->options.threads > 0 ? spec->options.threads : UsableCpus();
    insight::Judge(&table, options, stats, &detections).Run(threads);
    return absl::OkStatus();
  };
  absl::StatusOr<Stats> stats = RunSinks(query, pass);
  if (!stats.ok()) return stats.status();
  detections.stats = *std::move(stats);
  return detections;
}

}  // namespace v1
}  // namespace flowlogs
