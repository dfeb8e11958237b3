#include "lib/query/run_stats.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace flowlogs {
inline namespace v1 {

void RunStats::AddFormat(int format_id, uint64_t count, LinePlace place) {
  auto [it, is_new] = formats_.try_emplace(format_id, FormatUse{0, place});
  it->second.records += count;
  it->second.first = std::min(it->second.first, place);
}

void RunStats::AddProblem(ParseError error, LinePlace place, std::string_view text) {
  std::string reason(ParseErrorName(error));
  ++problems_[reason];
  AddSample(place, std::move(reason), text);
}

void RunStats::AddBadValue(const FormatColumn& column, LinePlace place, std::string_view text) {
  std::string name = column.column_name();
  AddSample(place, "bad-value: " + name, text);
  ++bad_values_[std::move(name)];
}

void RunStats::AddSample(LinePlace place, std::string reason, std::string_view text) {
  if (limit_ && *limit_ < place) return;
  if (samples_.size() >= 2 * Stats::kMaxSamples) TrimSamples();
  samples_.push_back({place, std::move(reason), std::string(text.substr(0, Stats::kMaxSampleText))});
}

void RunStats::TrimSamples() {
  std::sort(samples_.begin(), samples_.end(), [](const Sample& a, const Sample& b) {
    return std::tie(a.place, a.reason) < std::tie(b.place, b.reason);
  });
  if (samples_.size() < Stats::kMaxSamples) return;
  samples_.resize(Stats::kMaxSamples);
  limit_ = samples_.back().place;
}

uint64_t RunStats::records() const {
  uint64_t records = 0;
  for (const auto& [id, use] : formats_) records += use.records;
  return records;
}

void RunStats::Merge(RunStats&& other) {
  bytes += other.bytes;
  lines += other.lines;
  headers += other.headers;
  blank += other.blank;
  nodata += other.nodata;
  skipdata += other.skipdata;
  skipped += other.skipped;
  for (const auto& [id, use] : other.formats_) AddFormat(id, use.records, use.first);
  for (const auto& [reason, count] : other.problems_) problems_[reason] += count;
  for (const auto& [name, count] : other.bad_values_) bad_values_[name] += count;
  for (Sample& sample : other.samples_) samples_.push_back(std::move(sample));
  TrimSamples();
}

std::optional<RunStats::First> RunStats::first() const {
  const auto least = std::min_element(samples_.begin(), samples_.end(), [](const Sample& a, const Sample& b) {
    return std::tie(a.place, a.reason) < std::tie(b.place, b.reason);
  });
  if (least == samples_.end()) return std::nullopt;
  return First{least->place, least->reason, least->text};
}

Stats RunStats::Finish(const FormatTable& formats, const std::vector<std::string>& names) const {
  Stats stats;
  stats.bytes = bytes;
  stats.lines = lines;
  stats.headers = headers;
  stats.blank = blank;
  stats.nodata = nodata;
  stats.skipdata = skipdata;
  stats.skipped = skipped;
  stats.problems.insert(problems_.begin(), problems_.end());
  stats.bad_values.insert(bad_values_.begin(), bad_values_.end());

  // The same columns can be several formats of the table (commas, a leading time): they are one here.
  std::vector<std::pair<LinePlace, int>> order;
  for (const auto& [id, use] : formats_) order.emplace_back(use.first, id);
  std::sort(order.begin(), order.end());
  for (const auto& [place, id] : order) {
    std::vector<std::string> fields;
    for (const FormatColumn& column : formats.at(id).columns()) fields.push_back(column.name);
    const uint64_t records = formats_.at(id).records;
    stats.records += records;
    const auto same = std::find_if(stats.formats.begin(), stats.formats.end(),
                                   [&](const Stats::FormatCount& f) { return f.fields == fields; });
    if (same != stats.formats.end()) {
      same->records += records;
    } else {
      stats.formats.push_back({std::move(fields), records});
    }
  }

  RunStats trimmed;
  trimmed.samples_ = samples_;
  trimmed.TrimSamples();
  for (Sample& sample : trimmed.samples_) {
    stats.samples.push_back({names[sample.place.input], sample.place.line, std::move(sample.reason), std::move(sample.text)});
  }
  return stats;
}

void AddNewFields(const std::vector<FormatColumn>& columns, Stats* stats) {
  std::unordered_set<std::string> known;
  for (const FormatColumn& column : columns) known.insert(column.column_name());
  for (const Stats::FormatCount& format : stats->formats) {
    for (const std::string& field : format.fields) {
      std::string name = FormatColumn{field, FindField(field)}.column_name();
      if (known.insert(name).second) stats->new_fields.push_back(std::move(name));
    }
  }
}

}  // namespace v1
}  // namespace flowlogs
