#include "flowlogs/parse/records.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "lib/parse/lines.h"

namespace flowlogs {
inline namespace v1 {

namespace {

bool ReadV4(const char* text, const uint32_t* separators, uint32_t* bits) {
  static const Kernel& kernel = ActiveKernel();
  int64_t word = 0;
  uint32_t failed;
  if (kernel.v4_addresses({text, separators, separators + 1, 1, nullptr, 1}, &word, &failed) > 0) return false;
  *bits = static_cast<uint32_t>(word);
  return true;
}

}  // namespace

// Records of the index: no second look at the text, and nothing is copied.
struct RecordAccess {
  // REQUIRES: a line of a regular segment. Valid until the index is built again.
  // `separator`: the number of the line's first one.
  static void Point(LineIndex* index, uint32_t line, uint32_t separator, const Format& format, Record* record) {
    record->line_ = index->line(line);
    if (!record->format_.IsSame(format)) record->format_ = format;
    record->size_ = format.size();
    record->text_ = index->text().data();
    record->text_size_ = static_cast<uint32_t>(index->text().size());
    record->read_v4_ = ReadV4;
    const size_t skip = format.leading_time() ? 1 : 0;
    record->places_ = index->offsets() + separator + skip - 1;
  }
  // From a line of a regular segment to the next one, `line`.
  static void Next(const LineIndex& index, uint32_t line, size_t values, Record* record) {
    record->line_ = index.line(line);
    record->places_ += values;
  }
};

struct Records::State {
  State(std::string_view all, RecordsOptions given) : rest(all), options(std::move(given)) {
    Stats* const out = options.stats;
    if (out != nullptr) {
      *out = Stats();
      out->inputs = 1;
      out->complete = false;
    }
    constexpr size_t kPrefixBytes = 64 << 10;
    const DetectedFormat found = DetectFormat(all.substr(0, kPrefixBytes), all.size() <= kPrefixBytes, options.format);
    format = found.format;
    first = found.first;
    if (!found.error.empty() && out != nullptr) out->errors.push_back({kName, 0, found.error});
  }

  static constexpr char kName[] = "<text>";
  static constexpr size_t kWindow = 128 << 10;

  // The next lines of the text, up to a window, into `lines`. False at the end of the text.
  bool NextWindow() {
    if (rest.empty()) return false;
    const size_t window = std::min(kWindow, options.max_line_bytes);
    size_t size = rest.size();
    if (size > window) {
      const size_t last = rest.rfind('\n', window - 1);
      const size_t next = last == std::string_view::npos ? rest.find('\n', window) : last;
      size = next == std::string_view::npos ? rest.size() : next + 1;
    }
    std::string_view text = rest.substr(0, size);
    rest.remove_prefix(size);
    if (options.stats != nullptr) options.stats->bytes += size;
    BlockEnd end;
    end.too_long = size > options.max_line_bytes + 1 || (size > options.max_line_bytes && text.back() != '\n');
    if (end.too_long) text = text.substr(0, 256);  // the beginning is enough for a sample
    lines.Look(text, number == 0, end);
    lines.Judge(format ? &*format : nullptr);
    segment = 0;
    line = 0;
    return true;
  }

  const Format& FormatOf(const LineSegment& s) const {
    return s.header < 0 ? *format : lines.headers()[static_cast<size_t>(s.header)].format;
  }

  void CountRecord() {
    Stats* const out = options.stats;
    if (out == nullptr) return;
    ++out->records;
    ++counted_format->records;
    if (status_is_last && record.line().ends_with(" OK")) [[likely]] return;
    const std::string_view status = record.raw(Field::kLogStatus);
    if (status == "NODATA") ++out->nodata;
    if (status == "SKIPDATA") ++out->skipdata;
  }

  // Makes the format the one whose records are counted.
  void UseFormat(const Format& used) {
    Stats* const out = options.stats;
    if (out == nullptr || (counted_format != nullptr && used.IsSame(counted))) return;
    std::vector<std::string> fields;
    for (const FormatColumn& column : used.columns()) fields.push_back(column.name);
    auto found = std::find_if(out->formats.begin(), out->formats.end(),
                              [&](const Stats::FormatCount& f) { return f.fields == fields; });
    if (found == out->formats.end()) {
      if (known.empty()) {
        for (const FormatColumn& column : first.value_or(used).columns()) known.insert(column.column_name());
      }
      for (const FormatColumn& column : used.columns()) {
        if (known.insert(column.column_name()).second) out->new_fields.push_back(column.column_name());
      }
      found = out->formats.insert(out->formats.end(), {std::move(fields), 0});
    }
    counted_format = &*found;
    counted = used;
    status_is_last = used.IndexOf(Field::kLogStatus) == static_cast<int>(used.size()) - 1 && used.size() > 1;
  }

  void CountOthers(const LineSegment& s) {
    Stats* const out = options.stats;
    if (out == nullptr) return;
    switch (s.kind) {
      case LineSegment::Kind::kHeader:
        out->headers += s.num_lines;
        UseFormat(FormatOf(s));
        break;
      case LineSegment::Kind::kBlank:
        out->blank += s.num_lines;
        break;
      case LineSegment::Kind::kProblem: {
        const std::string reason(ParseErrorName(s.error));
        out->problems[reason] += s.num_lines;
        for (uint32_t i = 0; i < s.num_lines && out->samples.size() < Stats::kMaxSamples; ++i) {
          const std::string_view text = lines.line(s.first_line + i);
          out->samples.push_back({kName, number + s.first_line + i + 1, reason,
                                  std::string(text.substr(0, Stats::kMaxSampleText))});
        }
        break;
      }
      case LineSegment::Kind::kRegular:
      case LineSegment::Kind::kTolerated:
        break;
    }
  }

  std::string_view rest;  // not yet in a window
  RecordsOptions options;
  std::optional<Format> format;  // in force at the window's beginning
  std::optional<Format> first;   // the columns of a scan: what others have is new
  std::unordered_set<std::string> known;
  Lines lines;
  uint64_t number = 0;  // lines before the window
  size_t segment = 0;
  uint32_t line = 0;  // in the segment
  // Of the regular segment that `record` is of; 0 if it is of none.
  uint32_t regular_lines = 0;
  uint32_t first_line = 0;
  size_t values_per_line = 0;
  Record record;
  Format counted = Format::Default();
  Stats::FormatCount* counted_format = nullptr;
  bool status_is_last = false;  // of the values of `counted`
};

Records::Records(std::string_view text, RecordsOptions options)
    : state_(std::make_unique<State>(text, std::move(options))) {}
Records::Records(Records&&) noexcept = default;
Records& Records::operator=(Records&&) noexcept = default;
Records::~Records() = default;

Records::iterator Records::begin() {
  iterator it;
  it.owner_ = this;
  it.record_ = Advance();
  return it;
}

const Record* Records::Advance() {
  State& s = *state_;
  if (s.line < s.regular_lines) [[likely]] {
    RecordAccess::Next(s.lines.index(), s.first_line + s.line++, s.values_per_line, &s.record);
    s.CountRecord();
    return &s.record;
  }
  s.regular_lines = 0;
  for (;;) {
    if (s.segment == s.lines.segments().size()) {
      // The window is used up: its last header is in force from here on.
      if (!s.lines.headers().empty()) s.format = s.lines.headers().back().format;
      s.number += s.lines.num_lines();
      if (s.options.stats != nullptr) s.options.stats->lines = s.number;
      s.counted_format = nullptr;
      if (!s.NextWindow()) {
        if (s.options.stats != nullptr) s.options.stats->complete = s.options.stats->errors.empty();
        s.lines.Look({}, false, {});
        s.lines.Judge(nullptr);
        s.segment = 0;
        return nullptr;
      }
      continue;
    }
    const LineSegment& segment = s.lines.segments()[s.segment];
    const bool is_record =
        segment.kind == LineSegment::Kind::kRegular || segment.kind == LineSegment::Kind::kTolerated;
    if (!is_record) s.CountOthers(segment);
    if (!is_record || s.line == segment.num_lines) {
      ++s.segment;
      s.line = 0;
      continue;
    }
    const Format& format = s.FormatOf(segment);
    const uint32_t line = segment.first_line + s.line++;
    if (s.line == 1) s.UseFormat(format);
    if (segment.kind == LineSegment::Kind::kRegular) {
      RecordAccess::Point(&s.lines.index(), line, s.lines.index().first_separator(line), format, &s.record);
      s.regular_lines = segment.num_lines;
      s.first_line = segment.first_line;
      s.values_per_line = format.values_per_line();
    } else if (ParseRecord(s.lines.line(line), format, &s.record) != ParseError::kOk) {
      continue;  // not reached: the same tokenizer has counted the values
    }
    s.CountRecord();
    return &s.record;
  }
}

}  // namespace v1
}  // namespace flowlogs
