#include "lib/synth/scenario.h"

#include <algorithm>

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr int64_t kDay = 86400;

int64_t Days(const GeneratorOptions& options) {
  if (options.days > 0) return options.days;
  return options.scenario == Scenario::kQuietWeek ? 7 : options.scenario == Scenario::kPast ? 5 : 2;
}

}  // namespace

// The past ends where the incidents begin.
ScenarioTraffic::ScenarioTraffic(const World& world, const GeneratorOptions& options)
    : world_(world),
      network_(world, options.seed),
      start_(options.start_seconds - (options.scenario == Scenario::kPast ? Days(options) * kDay : 0)),
      end_(start_ + Days(options) * kDay),
      now_(start_),
      wire_(world, &pending_),
      everyday_(network_, options.seed ^ 0x65766572796461, &wire_),
      incidents_(&network_, options.seed ^ 0x696e636964656e74, &truth_),
      busy_(world.hosts.size(), std::vector<bool>(static_cast<size_t>(kSlice / 60))) {
  truth_.seed = options.seed;
  truth_.start = start_;
  truth_.end = end_;
  if (options.scenario == Scenario::kIncidents) incidents_.Plan(start_, end_);
}

bool ScenarioTraffic::IsLost(const Flow& flow) const {
  for (const Incidents::Loss& loss : incidents_.losses()) {
    if (flow.at == loss.at && flow.end >= loss.start && flow.start < loss.end) {
      // Where AWS tells of the loss, some of the records are there.
      if (!loss.told || (flow.status == Flow::Status::kOk && flow.srcport % 2 == 0)) return true;
    }
  }
  return false;
}

// AWS writes a record without data for each interval of an interface in which nothing was.
void ScenarioTraffic::AddSilentMinutes(size_t interface) {
  std::vector<bool>& busy = busy_[interface];
  for (size_t minute = 0; minute < busy.size(); ++minute) {
    const int64_t start = now_ + static_cast<int64_t>(minute) * 60;
    if (!busy[minute]) wire_.AddStatus(world_.hosts[interface], Flow::Status::kNoData, start, start + 59);
    busy[minute] = false;
  }
}

void ScenarioTraffic::MakeSlice() {
  const int64_t next = now_ + kSlice;
  everyday_.Make(now_, kSlice);
  const std::vector<Connection>& planned = incidents_.connections();
  while (next_connection_ < planned.size() && planned[next_connection_].start < next) {
    wire_.Add(planned[next_connection_++]);
  }
  for (const Flow& flow : pending_) {
    const size_t interface = static_cast<size_t>(flow.at - world_.hosts.data());
    if (flow.at < world_.hosts.data() || interface >= busy_.size()) continue;
    for (int64_t at = std::max(flow.start, now_); at <= flow.end && at < next; at += 60) {
      busy_[interface][static_cast<size_t>((at - now_) / 60)] = true;
    }
  }
  const size_t hosts = world_.hosts.size();
  for (size_t i = 0; i < hosts; ++i) {
    // Before a newcomer's first packet there is no interface.
    if (i + 2 < hosts) AddSilentMinutes(i);
  }
  for (const Incidents::Loss& loss : incidents_.losses()) {
    if (!loss.told) continue;
    for (int64_t at = now_; at < next; at += 60) {
      if (at >= loss.start && at < loss.end) wire_.AddStatus(*loss.at, Flow::Status::kSkipData, at, at + 59);
    }
  }
  now_ = next;
}

void ScenarioTraffic::Next(std::vector<Flow>* flows) {
  if (now_ >= end_) return;
  const int64_t from = now_;
  MakeSlice();
  // By the second of the end, in the order in which they were made. What ends behind the slice waits; at the end of all
  // days it is cut off, as by who reads a day of a log.
  std::vector<uint32_t> first(static_cast<size_t>(kSlice) + 1);
  const auto place = [&](const Flow& flow) {
    return static_cast<size_t>(std::clamp<int64_t>(flow.end - from, 0, kSlice));
  };
  for (const Flow& flow : pending_) {
    const size_t second = place(flow);
    if (second < static_cast<size_t>(kSlice)) ++first[second + 1];
  }
  for (size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  order_.resize(first.back());
  std::vector<Flow> waiting;
  for (uint32_t i = 0; i < pending_.size(); ++i) {
    const size_t second = place(pending_[i]);
    if (second == static_cast<size_t>(kSlice)) {
      waiting.push_back(pending_[i]);
    } else {
      order_[first[second]++] = i;
    }
  }
  flows->reserve(order_.size());
  const bool lossless = incidents_.losses().empty();
  for (const uint32_t i : order_) {
    if (lossless || !IsLost(pending_[i])) flows->push_back(pending_[i]);
  }
  pending_.swap(waiting);
}

}  // namespace v1
}  // namespace flowlogs
