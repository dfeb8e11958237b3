#include "flowlogs/synth/generator.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "lib/synth/flow.h"
#include "lib/synth/line_formatter.h"
#include "lib/synth/scenario.h"
#include "lib/synth/transit_traffic.h"
#include "lib/synth/vpc_traffic.h"
#include "lib/synth/world.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr uint32_t kMaxHosts = 20'000;
constexpr uint32_t kMinScenarioHosts = 41;  // that every role has somebody: see Network

// The first column that only flow logs of this product have; "" if there is none.
std::string OwnField(const Format& format, Product product) {
  for (const FormatColumn& column : format.columns()) {
    if (column.field && Info(*column.field).product == product) return column.name;
  }
  return "";
}

std::unique_ptr<FlowSource> MakeSource(const World& world, const GeneratorOptions& options, bool transit) {
  if (transit) return std::make_unique<TransitTraffic>(world, options.seed, options.start_seconds);
  return std::make_unique<VpcTraffic>(world, options.seed, options.start_seconds);
}

}  // namespace

struct Generator::State {
  State(GeneratorOptions given, bool transit)
      : options(std::move(given)),
        world(options.seed, options.hosts),
        source(options.scenario == Scenario::kNone ? MakeSource(world, options, transit) : nullptr),
        scenario(options.scenario == Scenario::kNone ? nullptr : std::make_unique<ScenarioTraffic>(world, options)),
        formatter(options.format, world, transit),
        records_left(scenario == nullptr ? options.records : std::numeric_limits<uint64_t>::max()),
        header_left(options.header && !options.format.leading_time()),
        buffer(std::make_unique<char[]>(kBlockBytes + formatter.max_line())) {}

  const GeneratorOptions options;
  const World world;
  // One of them.
  const std::unique_ptr<FlowSource> source;
  const std::unique_ptr<ScenarioTraffic> scenario;
  LineFormatter formatter;
  uint64_t records_left;
  bool header_left;
  std::vector<Flow> flows;  // of the last event
  size_t next_flow = 0;     // the first that is not written yet
  const std::unique_ptr<char[]> buffer;
  std::string header;
};

absl::StatusOr<Generator> Generator::Create(GeneratorOptions options) {
  const std::string vpc = OwnField(options.format, Product::kVpc);
  const std::string transit = OwnField(options.format, Product::kTransitGateway);
  if (!vpc.empty() && !transit.empty()) {
    return absl::InvalidArgumentError("format: " + vpc + " is of VPC flow logs and " + transit +
                                      " of transit gateway flow logs; no flow log has both");
  }
  if (options.hosts < 1 || options.hosts > kMaxHosts) {
    return absl::InvalidArgumentError("hosts: " + std::to_string(options.hosts) + " is not between 1 and " +
                                      std::to_string(kMaxHosts));
  }
  if (options.start_seconds < 0 || options.start_seconds > 90'000'000'000) {
    return absl::InvalidArgumentError("start: " + std::to_string(options.start_seconds) +
                                      " is not between 0 and 90000000000 seconds since 1970");
  }
  if (options.scenario != Scenario::kNone) {
    if (!transit.empty()) {
      return absl::InvalidArgumentError("scenario: " + transit +
                                        " is of transit gateway flow logs; a scenario is a VPC's");
    }
    if (options.hosts < kMinScenarioHosts) {
      return absl::InvalidArgumentError("hosts: " + std::to_string(options.hosts) +
                                        " are too few for a scenario; it needs " + std::to_string(kMinScenarioHosts));
    }
    if (options.days > 366) {
      return absl::InvalidArgumentError("days: " + std::to_string(options.days) + " is not between 1 and 366");
    }
  }
  return Generator(std::make_unique<State>(std::move(options), !transit.empty()));
}

Generator::Generator(std::unique_ptr<State> state) : state_(std::move(state)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

const Format& Generator::format() const { return state_->options.format; }

std::string Generator::truth() const { return state_->scenario == nullptr ? "" : state_->scenario->truth().ToJson(); }

bool Generator::Next(std::string_view* block) {
  State& state = *state_;
  if (state.header_left) {
    state.header_left = false;
    state.header = state.options.format.Header() + "\n";
    if (state.options.format.separator() == Separator::kComma) {
      std::replace(state.header.begin(), state.header.end(), ' ', ',');
    }
    *block = state.header;
    return true;
  }
  char* out = state.buffer.get();
  char* const full = out + kBlockBytes;
  while (out < full && state.records_left > 0) {
    if (state.next_flow == state.flows.size()) {
      state.flows.clear();
      state.next_flow = 0;
      if (state.scenario == nullptr) {
        state.source->Next(&state.flows);
      } else {
        state.scenario->Next(&state.flows);
        if (state.flows.empty()) break;
      }
    }
    out = state.formatter.Write(state.flows[state.next_flow++], out);
    --state.records_left;
  }
  *block = {state.buffer.get(), static_cast<size_t>(out - state.buffer.get())};
  return !block->empty();
}

absl::StatusOr<Scenario> ScenarioOf(std::string_view name) {
  if (name.empty()) return Scenario::kNone;
  if (name == "incidents") return Scenario::kIncidents;
  if (name == "past") return Scenario::kPast;
  if (name == "quiet-week") return Scenario::kQuietWeek;
  return absl::InvalidArgumentError("scenario: '" + std::string(name) +
                                    "' is none; there are incidents, past, quiet-week");
}

absl::StatusOr<Format> GeneratorFormat(std::string_view name) {
  if (name == "default") return Format::Default();
  if (name == "tgw" || name == "transit-gateway" || name == "v6") return Format::TransitGateway();
  if (name == "all") return Format::All();
  std::string text(name);
  for (int version = 2; version <= 11; ++version) {
    if (name != "v" + std::to_string(version)) continue;
    text.clear();
    for (const FieldInfo& info : AllFields()) {
      if (info.product != Product::kTransitGateway && info.since <= version) text += std::string(info.name) + " ";
    }
  }
  std::string error;
  const std::optional<Format> format = Format::Parse(text, &error);
  if (!format) return absl::InvalidArgumentError(error);
  return *format;
}

}  // namespace v1
}  // namespace flowlogs
