// Detections: logs.detect() is made in flowlogs/detect.py of what is bound here.
#include "bindings/python/insight_bindings.h"

#include <pybind11/stl.h>

#include <memory>
#include <variant>

#include "bindings/python/bindings.h"
#include "flowlogs/insight/detect.h"

namespace flowlogs::python {
namespace {

py::str Str(std::string_view text) { return ToStr(text); }

py::object OrNone(std::string_view text) { return text.empty() ? py::object(py::none()) : py::object(Str(text)); }

py::list Strs(const std::vector<std::string>& texts) {
  py::list list;
  for (const std::string& text : texts) list.append(Str(text));
  return list;
}

py::object Value(const EvidenceValue& value) {
  return std::visit(
      [](const auto& v) -> py::object {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return Str(v);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return Strs(v);
        } else {
          return py::cast(v);
        }
      },
      value);
}

py::dict ToDict(const Finding& f) {
  py::dict d;
  d["id"] = Str(f.id);
  d["kind"] = Str(f.kind);
  d["severity"] = Str(SeverityText(f.severity));
  d["direction"] = OrNone(f.direction);
  d["outcome"] = OrNone(f.outcome);
  d["actor"] = Str(f.actor);
  d["targets"] = Strs(f.targets);
  d["interface"] = OrNone(f.interface);
  d["technique"] = OrNone(f.technique);
  d["first_seen"] = f.first_seen;
  d["last_seen"] = f.last_seen;
  d["records"] = f.records;
  d["score"] = static_cast<int>(f.score);
  py::dict evidence;
  for (const auto& [name, value] : f.evidence) evidence[Str(name)] = Value(value);
  d["evidence"] = evidence;
  d["baseline"] = Str(f.baseline);
  d["why"] = Str(f.why);
  d["where"] = Str(f.where);
  d["show"] = Str(f.show);
  d["next_step"] = Str(f.next_step);
  return d;
}

py::dict ToDict(const Baseline& baseline) {
  py::dict hosts;
  for (const auto& [address, host] : baseline.hosts) {
    py::dict by_hour;
    for (const auto& [hour, bytes] : host.by_hour) by_hour[Str(std::to_string(hour))] = bytes;
    py::dict d;
    d["hours"] = host.hours;
    d["max_out_bytes"] = host.max_out_bytes;
    d["by_hour"] = by_hour;
    hosts[Str(address)] = d;
  }
  py::dict d;
  d["start"] = baseline.start;
  d["end"] = baseline.end;
  d["hosts"] = hosts;
  py::dict interfaces;
  for (const auto& [name, bytes] : baseline.interfaces) interfaces[Str(name)] = bytes;
  d["interfaces"] = interfaces;
  d["protocols"] = Strs(baseline.protocols);
  d["admin_pairs"] = Strs(baseline.admin_pairs);
  return d;
}

Baseline ToBaseline(const py::dict& d) {
  Baseline baseline;
  baseline.name = d["name"].cast<std::string>();
  baseline.start = d["start"].cast<int64_t>();
  baseline.end = d["end"].cast<int64_t>();
  for (const auto& [address, values] : d["hosts"].cast<py::dict>()) {
    const py::dict host = values.cast<py::dict>();
    Baseline::Host& made = baseline.hosts[address.cast<std::string>()];
    made.hours = host["hours"].cast<uint64_t>();
    made.max_out_bytes = host["max_out_bytes"].cast<uint64_t>();
    for (const auto& [hour, bytes] : host["by_hour"].cast<py::dict>()) {
      made.by_hour[std::stoi(hour.cast<std::string>())] = bytes.cast<uint64_t>();
    }
  }
  if (d.contains("interfaces")) {  // files of the first version have none
    for (const auto& [name, bytes] : d["interfaces"].cast<py::dict>()) {
      baseline.interfaces[name.cast<std::string>()] = bytes.cast<uint64_t>();
    }
  }
  baseline.protocols = d["protocols"].cast<std::vector<std::string>>();
  baseline.admin_pairs = d["admin_pairs"].cast<std::vector<std::string>>();
  return baseline;
}

// {"zones": {name: [prefix]}, "edges": [(from, to, protocol, first port, last port, text)]}
Policy ToPolicy(const py::dict& d) {
  Policy policy;
  for (const auto& [name, prefixes] : d["zones"].cast<py::dict>()) {
    policy.zones.push_back({name.cast<std::string>(), prefixes.cast<std::vector<std::string>>()});
  }
  for (py::handle item : d["edges"]) {
    const py::tuple edge = item.cast<py::tuple>();
    policy.edges.push_back({edge[0].cast<std::string>(), edge[1].cast<std::string>(), edge[2].cast<int64_t>(),
                            edge[3].cast<int64_t>(), edge[4].cast<int64_t>(), edge[5].cast<std::string>()});
  }
  return policy;
}

DetectOptions ToOptions(const py::dict& d) {
  DetectOptions options;
  for (const auto& [name, value] : d["thresholds"].cast<py::dict>()) {
    options.thresholds[name.cast<std::string>()] = value.cast<double>();
  }
  options.kinds = d["kinds"].cast<std::vector<std::string>>();
  options.lists = d["lists"].cast<std::map<std::string, std::vector<std::string>>>();
  options.resolvers = d["resolvers"].cast<std::vector<std::string>>();
  if (!d["policy"].is_none()) options.policy = ToPolicy(d["policy"].cast<py::dict>());
  if (!d["baseline"].is_none()) options.baseline = ToBaseline(d["baseline"].cast<py::dict>());
  if (d.contains("max_flows")) options.max_flows = d["max_flows"].cast<size_t>();
  if (d.contains("max_contacts")) options.max_contacts = d["max_contacts"].cast<size_t>();
  return options;
}

}  // namespace

py::object Detect(const Query& query, const py::dict& options, const std::vector<std::string>& sources) {
  const DetectOptions made = ToOptions(options);
  absl::StatusOr<Detections> detections = WithoutGil([&] { return flowlogs::Detect(query, made); });
  if (!detections.ok()) RaiseStatus(detections.status(), sources);
  py::dict d;
  py::list findings;
  for (const Finding& finding : detections->findings) findings.append(ToDict(finding));
  d["findings"] = findings;
  const Background& b = detections->background;
  py::dict background;
  background["records"] = b.records;
  background["sources"] = b.sources;
  background["targets"] = b.targets;
  py::dict services;
  for (const auto& [service, records] : b.services) services[Str(service)] = records;
  background["services"] = services;
  background["share_of_flows"] = b.share_of_flows;
  background["share_of_contacts"] = b.share_of_contacts;
  background["text"] = Str(b.text);
  d["background"] = background;
  d["start"] = detections->start;
  d["end"] = detections->end;
  if (detections->policy) {
    py::dict policy;
    py::list used;
    for (const PolicyReport::Use& use : detections->policy->used) {
      py::dict edge;
      edge["edge"] = Str(use.edge);
      edge["records"] = use.records;
      edge["flows"] = use.flows;
      used.append(edge);
    }
    policy["used"] = used;
    policy["never_used"] = Strs(detections->policy->never_used);
    policy["violations"] = detections->policy->violations;
    policy["violating_records"] = detections->policy->violating_records;
    d["policy"] = policy;
  }
  d["seen"] = ToDict(detections->seen);
  return py::make_tuple(d, std::make_shared<Stats>(std::move(detections->stats)));
}

void BindInsight(py::module_& m) {
  m.def("_thresholds", [] {
    py::list all;
    for (const Threshold& t : AllThresholds()) all.append(py::make_tuple(Str(t.name), t.value, Str(t.meaning)));
    return all;
  });
  m.def("_kinds", [] {
    py::list all;
    for (std::string_view kind : AllKinds()) all.append(Str(kind));
    return all;
  });
}

}  // namespace flowlogs::python
