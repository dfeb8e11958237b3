// One line of a flow log, split and typed. Standard library only: include this and schema/, link nothing.
//
//   fl::Record r;
//   if (fl::ParseRecord(line, fl::Format::Default(), &r) == fl::ParseError::kOk) {
//     std::optional<fl::IpAddress> src = r.srcaddr();    // nullopt: missing ("-") or bad
//     std::optional<int64_t> bytes = r.bytes();
//   }
//
//   fl::ParseRecord(ReadLine(), format, &r);             // does not compile: the record would point into a dead string
//
// LIFETIME  A record does not own its line: it, and every view that it returns, is valid only while the line lives and is
// not changed. The record keeps its format alive.
#ifndef FLOWLOGS_PARSE_RECORD_H_
#define FLOWLOGS_PARSE_RECORD_H_

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"
#include "flowlogs/schema/format.h"
#include "flowlogs/schema/value.h"
#include "flowlogs/schema/writer.h"

namespace flowlogs {
inline namespace v1 {

// Why a line is no record. A bad value does not make a line one: see Record::state().
enum class ParseError : uint8_t {
  kOk,             // a record
  kBlank,          // nothing but blanks
  kTooFewValues,   // fewer values than the format has columns
  kTooManyValues,  // more values than the format has columns
  kLineTooLong,    // longer than the limit (1 MiB unless told otherwise)
  kUnfinished,     // the last line of a damaged input
  kNoFormat,       // stands before the first header of an input whose format cannot be told otherwise
  kBrokenEnvelope, // JSON, base64, gzip or CSV around messages that cannot be read
};

// The reason as it is written in stats: "too-few-values", "line-too-long", ... "ok" for kOk.
constexpr std::string_view ParseErrorName(ParseError error);

class Record;

// Splits `line` (with or without its line end) into the values of `format`: runs of blanks and tabs separate them, also
// at the ends; a format with Separator::kComma separates by commas. Does not allocate and does not read the values.
// After an error `record` holds no values. `line` must outlive the use of `record`.
ParseError ParseRecord(std::string_view line, const Format& format, Record* record) noexcept;

// A temporary string would be gone before the record is read.
template <typename S>
  requires std::same_as<S, std::string>
ParseError ParseRecord(S&& line, const Format& format, Record* record) = delete;

// A line and where its values stand. About 2 KiB; use one again and again. Copies point into the same line.
// Not thread-safe while ParseRecord() fills it.
class Record {
 public:
  Record() : format_(Format::Default()) {}
  // A copy stands on its own feet: it needs the line alone, also if the record was one of Records().
  Record(const Record& other) : format_(other.format_) { *this = other; }
  Record& operator=(const Record& other) {
    if (this == &other) return *this;
    format_ = other.format_;
    line_ = other.line_;
    size_ = other.size_;
    for (size_t i = 0; i < size_; ++i) {
      const std::string_view value = other.value(i);
      begin_[i] = static_cast<uint32_t>(value.data() - line_.data());
      end_[i] = begin_[i] + static_cast<uint32_t>(value.size());
    }
    places_ = nullptr;
    return *this;
  }

  const Format& format() const { return format_; }
  // The line, without its line end.
  std::string_view line() const { return line_; }
  // The number of values: format().size(), or 0 after an error.
  size_t size() const { return size_; }

  // Typed values: nullopt if the format lacks the field, the value is missing, or it is bad; state() tells which.
  //   integers   std::optional<int64_t>          addresses  std::optional<IpAddress>
  //   text       std::optional<std::string_view> tags       std::optional<std::string>, percent-decoded
#define FLOWLOGS_GETTER_kInt32(getter, enumerator) \
  std::optional<int64_t> getter() const { return Integer(Field::enumerator); }
#define FLOWLOGS_GETTER_kInt64(getter, enumerator) FLOWLOGS_GETTER_kInt32(getter, enumerator)
#define FLOWLOGS_GETTER_kTime(getter, enumerator) FLOWLOGS_GETTER_kInt32(getter, enumerator)
#define FLOWLOGS_GETTER_kAddress(getter, enumerator) \
  std::optional<IpAddress> getter() const { return Address(Field::enumerator); }
#define FLOWLOGS_GETTER_kText(getter, enumerator) \
  std::optional<std::string_view> getter() const { return Text(Field::enumerator); }
#define FLOWLOGS_GETTER_kTag(getter, enumerator) \
  std::optional<std::string> getter() const { return Tag(Field::enumerator); }
#define FLOWLOGS_X(enumerator, getter, name, since, product, type, ...) FLOWLOGS_GETTER_##type(getter, enumerator)
  FLOWLOGS_FIELDS(FLOWLOGS_X)
#undef FLOWLOGS_X
#undef FLOWLOGS_GETTER_kInt32
#undef FLOWLOGS_GETTER_kInt64
#undef FLOWLOGS_GETTER_kTime
#undef FLOWLOGS_GETTER_kAddress
#undef FLOWLOGS_GETTER_kText
#undef FLOWLOGS_GETTER_kTag

  // The text of a value as it stands in the line ("-" if it is missing there); "" if the format lacks the field.
  std::string_view raw(Field field) const { return raw(format_.IndexOf(field)); }
  // The same by the column's place in the format. "" if there is no such column.
  std::string_view raw(int column) const {
    if (column < 0 || static_cast<size_t>(column) >= size_) return {};
    return value(static_cast<size_t>(column));
  }

  // kMissing, kBad or kPresent. A field that the format lacks is missing.
  ValueState state(Field field) const { return state(format_.IndexOf(field)); }
  ValueState state(int column) const {
    if (column < 0 || static_cast<size_t>(column) >= size_) return ValueState::kMissing;
    const std::string_view token = raw(column);
    return token.empty() ? ValueState::kMissing : StateOf(format_.columns()[column].type(), token);
  }

 private:
  friend ParseError ParseRecord(std::string_view line, const Format& format, Record* record) noexcept;
  friend struct RecordAccess;  // the library's own tokenizer fills records from its index

  // REQUIRES: i < size_
  std::string_view value(size_t i) const {
    if (places_ == nullptr) return {line_.data() + begin_[i], end_[i] - begin_[i]};
    const uint32_t begin = places_[i] + 1;
    return {text_ + begin, places_[i + 1] - begin};
  }

  // The token of a field, or nullopt if the format lacks it or it is missing.
  std::optional<std::string_view> Token(Field field) const {
    const std::string_view token = raw(field);
    if (token.empty() || IsMissing(token)) return std::nullopt;
    return token;
  }
  std::optional<int64_t> Integer(Field field) const {
    if (places_ != nullptr) {
      const int column = format_.IndexOf(field);
      if (column >= 0) {
        if (const std::optional<uint32_t> value = FewDigits(static_cast<size_t>(column))) return *value;
      }
    }
    const std::optional<std::string_view> token = Token(field);
    return token ? ParseIntegerOf(Info(field).type, *token) : std::nullopt;
  }
  std::optional<IpAddress> Address(Field field) const {
    if (places_ != nullptr) {
      const int column = format_.IndexOf(field);
      uint32_t bits = 0;
      if (column >= 0 && HasMargin(static_cast<size_t>(column)) && read_v4_(text_, places_ + column, &bits)) {
        return IpAddress::V4(bits);
      }
    }
    const std::optional<std::string_view> token = Token(field);
    return token ? IpAddress::Parse(*token) : std::nullopt;
  }
  std::optional<std::string_view> Text(Field field) const { return Token(field); }
  std::optional<std::string> Tag(Field field) const {
    const std::optional<std::string_view> token = Token(field);
    return token ? std::optional<std::string>(DecodeTag(*token)) : std::nullopt;
  }

  // Of a record of Records(), whose text goes on around the value: a number of one to eight digits, without a branch that
  // depends on how many (which cannot be predicted). nullopt: it is something else, or stands at the text's beginning.
  std::optional<uint32_t> FewDigits(size_t i) const {
    const uint32_t end = places_[i + 1];
    const uint32_t size = end - places_[i] - 1;
    if (std::endian::native != std::endian::little || size - 1 >= 8 || end < 8) return std::nullopt;
    uint64_t bytes;
    std::memcpy(&bytes, text_ + end - 8, sizeof(bytes));
    const uint64_t present = ~uint64_t{0} << (64 - 8 * size);
    uint64_t digits = (bytes ^ 0x3030303030303030) & present;
    if ((((digits + 0x7676767676767676) | digits) & 0x8080808080808080) != 0) return std::nullopt;
    digits = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ff;
    digits = (digits * 100 + (digits >> 16)) & 0x0000ffff0000ffff;
    return static_cast<uint32_t>(digits * 10000 + (digits >> 32));
  }
  bool HasMargin(size_t i) const {
    constexpr uint32_t kMargin = 64;
    return places_[i] + 1 >= kMargin && places_[i + 1] + kMargin <= text_size_;  // in front of the text's first value is ~0
  }

  Format format_;
  std::string_view line_;
  size_t size_ = 0;
  // Of a record of Records(): places in text_ of the separators in front of each value and behind the last one. Else null.
  const uint32_t* places_ = nullptr;
  const char* text_ = nullptr;
  uint32_t text_size_ = 0;
  // Reads the dotted quad between two separators of a text of which 64 bytes on each side may be read; false if it is
  // something else. The library has faster instructions than this header may use.
  bool (*read_v4_)(const char* text, const uint32_t* separators, uint32_t* bits) = nullptr;
  uint32_t begin_[Format::kMaxColumns];  // of value i in line_; only the first size_ are set
  uint32_t end_[Format::kMaxColumns];
};

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

constexpr std::string_view ParseErrorName(ParseError error) {
  switch (error) {
    case ParseError::kOk:
      return "ok";
    case ParseError::kBlank:
      return "blank";
    case ParseError::kTooFewValues:
      return "too-few-values";
    case ParseError::kTooManyValues:
      return "too-many-values";
    case ParseError::kLineTooLong:
      return "line-too-long";
    case ParseError::kUnfinished:
      return "unfinished-line";
    case ParseError::kNoFormat:
      return "no-format";
    case ParseError::kBrokenEnvelope:
      return "broken-envelope";
  }
  return "unknown";
}

namespace internal {

// The tokenizer that is only meant to be right (STYLE 15): calls f(begin, end) for each value of the line. Values are
// separated by runs of blanks and tabs, or stand in cells between commas, stripped of blanks and of one pair of quotes.
// No value of a flow log has a blank in it: blanks inside a cell separate values there, too. An empty cell is a value.
template <typename F>
constexpr void ForEachValue(std::string_view line, Separator separator, F&& f) {
  size_t i = 0;
  if (separator == Separator::kBlank) {
    for (;;) {
      while (i < line.size() && IsBlank(line[i])) ++i;
      if (i == line.size()) return;
      const size_t begin = i;
      while (i < line.size() && !IsBlank(line[i])) ++i;
      f(begin, i);
    }
  }
  for (;;) {
    size_t begin = i;
    while (i < line.size() && line[i] != ',') ++i;
    size_t end = i;
    auto strip = [&] {
      while (begin < end && IsBlank(line[begin])) ++begin;
      while (begin < end && IsBlank(line[end - 1])) --end;
    };
    strip();
    if (end - begin >= 2 && line[begin] == '"' && line[end - 1] == '"') {
      ++begin;
      --end;
      strip();
    }
    for (size_t at = begin;;) {
      size_t stop = at;
      while (stop < end && !IsBlank(line[stop])) ++stop;
      f(at, stop);
      at = stop;
      while (at < end && IsBlank(line[at])) ++at;
      if (at == end) break;
    }
    if (i == line.size()) return;
    ++i;
  }
}

}  // namespace internal

inline ParseError ParseRecord(std::string_view line, const Format& format, Record* record) noexcept {
  record->size_ = 0;
  record->places_ = nullptr;
  line = internal::StripLineEnd(line);
  record->line_ = line;
  if (line.size() > 0x7fffffff) return ParseError::kLineTooLong;
  if (internal::IsBlankLine(line)) return ParseError::kBlank;
  if (!record->format_.IsSame(format)) record->format_ = format;
  const size_t skip = format.leading_time() ? 1 : 0;
  const size_t wanted = format.values_per_line();
  size_t count = 0;
  internal::ForEachValue(line, format.separator(), [&](size_t begin, size_t end) {
    if (count >= skip && count < wanted) {
      record->begin_[count - skip] = static_cast<uint32_t>(begin);
      record->end_[count - skip] = static_cast<uint32_t>(end);
    }
    ++count;
  });
  if (count != wanted) return count < wanted ? ParseError::kTooFewValues : ParseError::kTooManyValues;
  record->size_ = format.size();
  return ParseError::kOk;
}

inline bool Format::Write(const Record& record, std::string* out, std::string* error) const {
  std::string time;
  if (leading_time()) {
    const std::string_view first = record.raw(0);
    if (record.format().leading_time() && !first.empty()) {
      time = record.line().substr(0, static_cast<size_t>(first.data() - record.line().data()));
      const size_t begin = std::min(time.find_first_not_of(" \t\","), time.size());
      time = time.substr(begin, time.find_first_of(" \t\",", begin) - begin);
    } else {
      time = IsoTime(record.start().value_or(0));
    }
  }
  LineWriter line(*this, out, time);
  for (const FormatColumn& column : columns()) {
    line.Raw(record.raw(column.field ? record.format().IndexOf(*column.field) : record.format().IndexOf(column.name)));
  }
  return line.Finish(error);
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_PARSE_RECORD_H_
