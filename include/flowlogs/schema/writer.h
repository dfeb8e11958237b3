// Writing a line of a flow log: the way back from values to text. Standard library only.
//
//   std::string out;
//   format.Write(record, &out);                        // a record of any format; with flowlogs/parse/record.h
//
//   fl::LineWriter line(format, &out);                 // value by value, in the format's order
//   line.Integer(2);
//   line.Text("123456789010");
//   line.Address(*fl::IpAddress::Parse("10.0.0.1"));
//   line.Missing();                                    // "-"
//   line.Tag("web server");                            // "web%20server"
//   std::string error;
//   if (!line.Finish(&error)) ...                      // "account-id: a blank in 'a b'": `out` is as it was
//
// WHAT IS WRITTEN READS BACK  as the same values, or is refused: a line that would be split elsewhere, be blank, or be
// taken for a header is never written. Lines have no line end: add "\n".
#ifndef FLOWLOGS_SCHEMA_WRITER_H_
#define FLOWLOGS_SCHEMA_WRITER_H_

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"
#include "flowlogs/schema/format.h"
#include "flowlogs/schema/value.h"

namespace flowlogs {
inline namespace v1 {

// A tag value as AWS writes it: every byte but ASCII letters, digits, '.' and '_' as %XX. So "-" becomes "%2D", which
// keeps it apart from a missing value. DecodeTag(EncodeTag(x)) == x for every x.
inline std::string EncodeTag(std::string_view value);

// A time as CloudWatch writes it: "2026-09-01T00:00:00.000Z". Clamped to the years 1970 to 9999.
inline std::string IsoTime(int64_t seconds);

// Writes one line, value by value in the order of format.columns(). For one line and one thread; `format` and `out`
// must outlive it. After a fault further values are ignored, and Finish() tells it.
class LineWriter {
 public:
  // Appends to `out`. `time` is what stands before the values if format.leading_time(), as it is in a CloudWatch
  // export; DEFAULT: the beginning of 1970.
  LineWriter(const Format& format, std::string* out, std::string_view time = {});
  LineWriter(const LineWriter&) = delete;  // two writers of one line
  LineWriter& operator=(const LineWriter&) = delete;

  void Missing() { Put("-"); }
  // A fault if it is negative, over the range of the column, or, for times, 10^11 and more (it would be milliseconds).
  void Integer(int64_t value);
  void Address(IpAddress address);
  // Any text but a tag. A fault if it is empty, has a blank or a line end in it (or a comma, in a comma file), is "-",
  // or would begin a line, which may be an input's first, with a byte order mark.
  void Text(std::string_view text);
  // The decoded value of a tag; it may hold any byte. A fault if it is empty.
  void Tag(std::string_view value);
  // The text of a value as it stands in another line, "-" and bad values included; "", an empty cell, is missing.
  void Raw(std::string_view token);

  // Ends the line. Returns false after a fault, or if values are missing: then `out` is as it was, and `error`, if
  // given, says what was wrong, beginning with the field's name. Once only.
  bool Finish(std::string* error = nullptr);

 private:
  bool comma() const { return format_.separator() == Separator::kComma; }
  const FormatColumn& column() const { return format_.columns()[next_]; }
  void Put(std::string_view token);
  void PutChecked(std::string_view token);
  void Fail(std::string_view what, std::string_view text);
  bool ReadsAsHeader(bool first_line) const;
  void HideTags();

  const Format& format_;
  std::string* out_;
  const size_t begin_;
  size_t next_ = 0;            // the column of the next value
  bool may_be_header_ = true;  // no value yet that no header has
  bool blank_ = true;          // nothing yet but carriage returns
  std::string fault_;
};

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

namespace internal {

inline void AppendEscaped(char c, std::string* out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  const unsigned byte = static_cast<unsigned char>(c);
  *out += '%';
  *out += kHex[byte >> 4];
  *out += kHex[byte & 15];
}

}  // namespace internal

inline std::string EncodeTag(std::string_view value) {
  std::string token;
  for (const char c : value) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
    if (plain) {
      token += c;
    } else {
      internal::AppendEscaped(c, &token);
    }
  }
  return token;
}

inline std::string IsoTime(int64_t seconds) {
  constexpr int64_t kLast = 253'402'300'799;  // 9999-12-31T23:59:59
  seconds = std::clamp<int64_t>(seconds, 0, kLast);
  // Days to a date, in eras of 400 years that begin in March (the leap day is then the last of a year).
  const int64_t days = seconds / 86400 + 719468;
  const int64_t era = days / 146097;
  const int64_t day_of_era = days % 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  std::string text = "0000-00-00T00:00:00.000Z";
  auto put = [&text](size_t at, int width, int64_t value) {
    for (int i = width - 1; i >= 0; --i, value /= 10)
      text[at + static_cast<size_t>(i)] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, year);
  put(5, 2, month);
  put(8, 2, day);
  put(11, 2, seconds / 3600 % 24);
  put(14, 2, seconds / 60 % 60);
  put(17, 2, seconds % 60);
  return text;
}

inline LineWriter::LineWriter(const Format& format, std::string* out, std::string_view time)
    : format_(format), out_(out), begin_(out->size()) {
  if (format.leading_time()) {
    if (time.empty()) {
      *out_ += IsoTime(0);
    } else {
      *out_ += time;
    }
    blank_ = false;
  }
}

inline void LineWriter::Fail(std::string_view what, std::string_view text) {
  fault_ = next_ < format_.size() ? column().name : "line";
  fault_ += ": ";
  fault_ += what;
  fault_ += " '" + std::string(text.substr(0, 200)) + "'";
}

// REQUIRES: the token holds nothing that would end it, or it is to be refused by its caller.
inline void LineWriter::Put(std::string_view token) {
  if (!fault_.empty()) return;
  if (next_ == format_.size()) return Fail("more values than the format has, at", token);
  if (next_ > 0 || format_.leading_time()) *out_ += comma() ? ',' : ' ';
  // A cell loses one pair of quotes when it is read.
  const bool quoted = comma() && token.size() >= 2 && token.front() == '"' && token.back() == '"';
  if (quoted) *out_ += '"';
  *out_ += token;
  if (quoted) *out_ += '"';
  if (may_be_header_ && internal::IsValueToken(token)) may_be_header_ = false;
  if (blank_ && token.find_first_not_of('\r') != std::string_view::npos) blank_ = false;
  ++next_;
}

inline void LineWriter::PutChecked(std::string_view token) {
  if (!fault_.empty()) return;
  if (token.find_first_of(" \t") != std::string_view::npos) return Fail("a blank in", token);
  if (token.find('\n') != std::string_view::npos) return Fail("a line end in", token);
  if (comma() && token.find(',') != std::string_view::npos)
    return Fail("a comma, in a format separated by commas, in", token);
  Put(token);
}

inline void LineWriter::Integer(int64_t value) {
  char digits[20];
  const std::string_view token(digits, static_cast<size_t>(std::to_chars(digits, digits + 20, value).ptr - digits));
  if (!fault_.empty() || next_ == format_.size()) return Put(token);
  const ValueType type = column().type();
  if (type == ValueType::kAddress || type == ValueType::kTag) return Fail("not a number, but given", token);
  if (value < 0) return Fail("a negative number,", token);
  if (type == ValueType::kInt32 && value > std::numeric_limits<int32_t>::max())
    return Fail("over the range of int32,", token);
  if (type == ValueType::kTime && value >= 100'000'000'000)
    return Fail("seconds from 10^11 are read as milliseconds,", token);
  Put(token);
}

inline void LineWriter::Address(IpAddress address) {
  char text[IpAddress::kMaxText];
  Put(std::string_view(text, address.Format(text)));
}

inline void LineWriter::Text(std::string_view text) {
  if (!fault_.empty()) return;
  if (text.empty() || IsMissing(text)) return Fail("a value that would be read as missing,", text);
  if (text.find('\r') != std::string_view::npos) return Fail("a line end in", text);
  if (next_ == 0 && text.starts_with("\xEF\xBB\xBF")) return Fail("a byte order mark at the beginning of", text);
  PutChecked(text);
}

inline void LineWriter::Tag(std::string_view value) {
  if (!fault_.empty()) return;
  if (value.empty()) return Fail("a value that would be read as missing,", value);
  Put(EncodeTag(value));
}

inline void LineWriter::Raw(std::string_view token) {
  if (token.empty()) return Missing();
  const bool is_tag = next_ < format_.size() && column().type() == ValueType::kTag;
  if (!is_tag || token.find_first_of(comma() ? " \t\r\n," : " \t\r\n") == std::string_view::npos)
    return PutChecked(token);
  // Only what would end the token: other escapes, broken ones too, stay as they are.
  std::string escaped;
  for (const char c : token) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
      internal::AppendEscaped(c, &escaped);
    } else {
      escaped += c;
    }
  }
  Put(escaped);
}

inline bool LineWriter::ReadsAsHeader(bool first_line) const {
  return may_be_header_ && Format::FromHeader(std::string_view(*out_).substr(begin_), first_line).has_value();
}

// Escapes the first character of every tag: it is then no field name, and decodes to the same value.
inline void LineWriter::HideTags() {
  const std::string line = out_->substr(begin_);
  out_->resize(begin_);
  const char separator = comma() ? ',' : ' ';
  size_t column = 0;
  bool at_first = true;
  bool time = format_.leading_time();
  for (const char c : line) {
    if (c == separator) {
      if (!time) ++column;
      time = false;
      at_first = true;
      *out_ += c;
      continue;
    }
    const bool is_tag = !time && format_.columns()[column].type() == ValueType::kTag;
    if (at_first && is_tag && c != '%' && c != '"') {
      internal::AppendEscaped(c, out_);
    } else {
      *out_ += c;
    }
    at_first = false;
  }
}

inline bool LineWriter::Finish(std::string* error) {
  if (fault_.empty() && next_ < format_.size()) Fail("no value; the line ends", "");
  // Reading takes off one carriage return at the end: let it not be the value's.
  if (fault_.empty() && out_->back() == '\r') *out_ += '\r';
  // A first line of one name is a header as well, but rows under a header of their own are not first: there only tags,
  // where it costs nothing, are kept from it.
  if (fault_.empty() && ReadsAsHeader(/*first_line=*/true)) {
    HideTags();
    if (ReadsAsHeader(/*first_line=*/false))
      fault_ = "line: it would be read as a header, '" + out_->substr(begin_, 200) + "'";
  }
  if (fault_.empty() && blank_ && (!comma() || format_.size() == 1))
    fault_ = "line: nothing but carriage returns; it would be read as blank";
  if (!fault_.empty()) {
    out_->resize(begin_);
    if (error != nullptr) *error = std::move(fault_);
    return false;
  }
  return true;
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_SCHEMA_WRITER_H_
