// The order of fields in the lines of a flow log. Standard library only.
//
//   fl::Format::Default()                                       the 14 fields of version 2
//   fl::Format::TransitGateway()                                the 36 fields of a transit gateway flow log
//   fl::Format::All()                                           the 54 VPC fields, in AWS's documented order
//   fl::Format::Parse("${version} ${srcaddr}", &error)          as in DescribeFlowLogs; also $${a}, or plain names
//   fl::Format::FromHeader("version account-id interface-id")   the first line of a file in S3
#ifndef FLOWLOGS_SCHEMA_FORMAT_H_
#define FLOWLOGS_SCHEMA_FORMAT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "flowlogs/schema/field.h"
#include "flowlogs/schema/value.h"

namespace flowlogs {
inline namespace v1 {

// How the values of a line are kept apart.
enum class Separator : uint8_t {
  kBlank,  // runs of blanks and tabs
  kComma,  // commas, as in files that went through a spreadsheet or a data lake
};

// One column of a format: a known field, or a name that AWS has not documented (kept as text).
struct FormatColumn {
  std::string name;           // with hyphens for known fields; as written for others
  std::optional<Field> field;

  // The name in answers: underscores for known fields; others with every hyphen as an underscore.
  std::string column_name() const;
  // kText for names that are no field.
  ValueType type() const { return field ? Info(*field).type : ValueType::kText; }
};

class Record;  // flowlogs/parse/record.h

// An immutable format: a shared handle, cheap to copy, safe in any thread. A format has at least one column, no name
// twice, and at most kMaxColumns.
class Format {
 public:
  static constexpr size_t kMaxColumns = 256;

  static const Format& Default();
  static const Format& TransitGateway();
  static const Format& All();

  // Reads `${a} ${b}`, `$${a} $${b}`, or plain names separated by blanks or commas. Names with hyphens or underscores;
  // names that are no field are kept as text columns. nullopt for a name twice, not one field, a broken string: `error`,
  // if given, then says which token it was and what was perhaps meant.
  static std::optional<Format> Parse(std::string_view text, std::string* error = nullptr);

  // The format of a line that is a header (CONTRACT F2): its tokens are distinct, at least two and at least half of them
  // are field names, and none is "-", a number or an address. With `first_line` a single field name is one as well.
  // Cells separated by commas give a format with Separator::kComma. A carriage return is blank space, as in Parse():
  // no name has one. nullopt if the line is no header.
  static std::optional<Format> FromHeader(std::string_view line, bool first_line = false);

  size_t size() const { return data_->columns.size(); }
  std::span<const FormatColumn> columns() const { return data_->columns; }
  Separator separator() const { return data_->separator; }
  // A CloudWatch export: a time and a blank stand before the values of the columns. It is no column.
  bool leading_time() const { return data_->leading_time; }
  // How many values a line has: size(), one more with a leading time.
  size_t values_per_line() const { return size() + (leading_time() ? 1 : 0); }

  // The field's place among the columns, -1 if the format lacks it.
  int IndexOf(Field field) const { return data_->index_of[static_cast<size_t>(field)]; }
  // The same by name, with hyphens or underscores, of any column; -1 if there is none.
  int IndexOf(std::string_view name) const;

  // "${version} ${account-id}": as AWS takes it.
  std::string ToString() const;
  // "version account-id": the first line of a file.
  std::string Header() const;

  // Appends `record`, of any format, to `out` as a line of this one, without a line end: values by name, as they stand in
  // the record's line; "-" for what is missing there. A leading time is the record's own, else its start. What is written
  // reads back as the same values; returns false, and leaves `out` as it was, iff a text cannot: it has a comma and the
  // format is separated by commas, or the whole line would be a header. `error`, if given, then says which and why.
  // REQUIRES: flowlogs/parse/record.h is included. Values that are no record: flowlogs/schema/writer.h.
  bool Write(const Record& record, std::string* out, std::string* error = nullptr) const;

  // The same columns after a leading time.
  Format WithLeadingTime() const;
  // The same columns with another separator.
  Format WithSeparator(Separator separator) const;

  // True iff both are handles of one and the same format object: cheap, and implies ==.
  bool IsSame(const Format& other) const { return data_ == other.data_; }
  // Same columns in the same order, same separator, same leading time.
  friend bool operator==(const Format& a, const Format& b);

 private:
  struct Data {
    std::vector<FormatColumn> columns;
    Separator separator = Separator::kBlank;
    bool leading_time = false;
    std::array<int16_t, kFieldCount> index_of{};
  };
  explicit Format(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  static Format Make(std::vector<FormatColumn> columns, Separator separator, bool leading_time);
  static Format Known(std::string_view names);
  std::shared_ptr<const Data> data_;
};

// The field name nearest to `word`, or "" if none is near: for messages.
inline std::string_view NearestFieldName(std::string_view word);

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

namespace internal {

constexpr bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// What stands between the names of a header. In any other line a carriage return is text, unless it ends the line.
inline constexpr std::string_view kHeaderBlanks = " \t\r";

constexpr std::string_view StripBlanks(std::string_view text, std::string_view blanks = " \t") {
  const size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

// Without LF or CRLF.
constexpr std::string_view StripLineEnd(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Nothing but blanks, tabs and carriage returns.
constexpr bool IsBlankLine(std::string_view line) { return line.find_first_not_of(" \t\r\n") == std::string_view::npos; }

// Calls f(token) for each run of characters outside of `separators` until f returns false.
template <typename F>
constexpr void ForEachToken(std::string_view text, std::string_view separators, F&& f) {
  size_t i = 0;
  while ((i = text.find_first_not_of(separators, i)) != std::string_view::npos) {
    size_t end = text.find_first_of(separators, i);
    if (end == std::string_view::npos) end = text.size();
    if (!f(text.substr(i, end - i))) return;
    i = end;
  }
}

// Digits, perhaps with a sign or a fraction.
constexpr bool IsNumber(std::string_view token) {
  if (!token.empty() && (token[0] == '-' || token[0] == '+')) token.remove_prefix(1);
  bool digits = false;
  bool dot = false;
  for (char c : token) {
    if (c >= '0' && c <= '9') {
      digits = true;
    } else if (c == '.' && !dot) {
      dot = true;
    } else {
      return false;
    }
  }
  return digits;
}

// What no token of a header is.
constexpr bool IsValueToken(std::string_view token) {
  if (token.empty() || IsMissing(token)) return true;
  const char c = token[0];
  const bool may_be = (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == ':' || HexDigit(c) >= 0;
  return may_be && (IsNumber(token) || IpAddress::Parse(token).has_value());
}

constexpr bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
         c == '@';
}

// Optimal string alignment distance, case and hyphens aside; gives up above `limit`.
inline size_t EditDistance(std::string_view a, std::string_view b, size_t limit) {
  if (a.size() > 64 || b.size() > 64) return limit + 1;
  auto fold = [](char c) { return c == '_' ? '-' : Lower(c); };
  size_t row[3][66];
  for (size_t j = 0; j <= b.size(); ++j) row[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t* now = row[i % 3];
    const size_t* above = row[(i - 1) % 3];
    const size_t* above2 = row[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = fold(a[i - 1]) == fold(b[j - 1]);
      now[j] = std::min({above[j] + 1, now[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1])) {
        now[j] = std::min(now[j], above2[j - 2] + 1);
      }
    }
  }
  return std::min(row[a.size() % 3][b.size()], limit + 1);
}

}  // namespace internal

inline std::string_view NearestFieldName(std::string_view word) {
  const size_t limit = word.size() <= 4 ? 1 : word.size() / 3;
  size_t best = limit + 1;
  std::string_view nearest;
  for (const FieldInfo& info : AllFields()) {
    const size_t distance = internal::EditDistance(word, info.name, limit);
    if (distance < best) {
      best = distance;
      nearest = info.name;
    }
  }
  return nearest;
}

inline std::string FormatColumn::column_name() const {
  std::string column = name;
  std::replace(column.begin(), column.end(), '-', '_');
  return column;
}

inline Format Format::Make(std::vector<FormatColumn> columns, Separator separator, bool leading_time) {
  auto data = std::make_shared<Data>();
  data->columns = std::move(columns);
  data->separator = separator;
  data->leading_time = leading_time;
  data->index_of.fill(-1);
  for (size_t i = 0; i < data->columns.size(); ++i) {
    if (data->columns[i].field) data->index_of[static_cast<size_t>(*data->columns[i].field)] = static_cast<int16_t>(i);
  }
  return Format(std::move(data));
}

inline Format Format::Known(std::string_view names) {
  std::vector<FormatColumn> columns;
  internal::ForEachToken(names, " ", [&](std::string_view token) {
    columns.push_back({std::string(token), FindField(token)});
    return true;
  });
  return Make(std::move(columns), Separator::kBlank, false);
}

inline const Format& Format::Default() {
  static const Format format = Known(
      "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status");
  return format;
}

inline const Format& Format::TransitGateway() {
  static const Format format = Known(
      "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id "
      "tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id "
      "tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status "
      "type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags "
      "region flow-direction pkt-src-aws-service pkt-dst-aws-service");
  return format;
}

inline const Format& Format::All() {
  static const Format format = [] {
    std::vector<FormatColumn> columns;
    for (const FieldInfo& info : AllFields()) {
      if (info.product != Product::kTransitGateway) columns.push_back({std::string(info.name), info.field});
    }
    return Make(std::move(columns), Separator::kBlank, false);
  }();
  return format;
}

inline std::optional<Format> Format::Parse(std::string_view text, std::string* error) {
  auto fail = [&](std::string what) {
    if (error != nullptr) *error = std::move(what);
    return std::nullopt;
  };
  const bool dollar = text.find('$') != std::string_view::npos;
  std::vector<FormatColumn> columns;
  std::unordered_set<std::string> seen;
  std::string wrong;
  internal::ForEachToken(text, dollar ? " \t\r\n" : " \t\r\n,", [&](std::string_view token) {
    std::string_view name = token;
    if (dollar) {
      if (name.starts_with("$$")) name.remove_prefix(1);
      if (!name.starts_with("${") || !name.ends_with("}")) {
        wrong = "format: '" + std::string(token) + "' is not of the form ${name}";
        const std::string_view inner = internal::StripBlanks(name.substr(name.find_first_not_of("${") ==
                                                                                 std::string_view::npos
                                                                             ? name.size()
                                                                             : name.find_first_not_of("${")));
        std::string bare(inner.substr(0, inner.find_first_of("}$")));
        if (const auto field = FindField(bare)) {
          wrong += "; did you mean ${" + std::string(Info(*field).name) + "}?";
        } else {
          wrong += "; write fields as ${srcaddr} ${dstaddr}, separated by blanks";
        }
        return false;
      }
      name = name.substr(2, name.size() - 3);
    }
    if (name.empty() || !std::all_of(name.begin(), name.end(), internal::IsNameCharacter) ||
        internal::IsValueToken(name)) {
      wrong = "format: '" + std::string(token) + "' is no field name";
      const std::string_view nearest = NearestFieldName(name);
      wrong += nearest.empty() ? "; `flowlogs fields` lists them" : "; did you mean " + std::string(nearest) + "?";
      return false;
    }
    const std::optional<Field> field = FindField(name);
    FormatColumn column{field ? std::string(Info(*field).name) : std::string(name), field};
    if (!seen.insert(column.column_name()).second) {
      wrong = "format: '" + column.name + "' stands in it twice; a field may occur once";
      return false;
    }
    if (columns.size() == kMaxColumns) {
      wrong = "format: more than " + std::to_string(kMaxColumns) + " fields, at '" + std::string(token) + "'";
      return false;
    }
    columns.push_back(std::move(column));
    return true;
  });
  if (!wrong.empty()) return fail(std::move(wrong));
  if (columns.empty()) return fail("format: no field in '" + std::string(text) + "'; name at least one, as in ${srcaddr}");
  if (std::none_of(columns.begin(), columns.end(), [](const FormatColumn& c) { return c.field.has_value(); })) {
    const std::string_view nearest = NearestFieldName(columns[0].name);
    return fail("format: '" + columns[0].name + "' is no field, nor is any other name in it" +
                (nearest.empty() ? "; `flowlogs fields` lists them" : "; did you mean " + std::string(nearest) + "?"));
  }
  return Make(std::move(columns), Separator::kBlank, false);
}

inline std::optional<Format> Format::FromHeader(std::string_view line, bool first_line) {
  line = internal::StripBlanks(internal::StripLineEnd(line), internal::kHeaderBlanks);
  if (line.empty()) return std::nullopt;
  const bool comma = line.find(',') != std::string_view::npos;
  std::vector<FormatColumn> columns;
  size_t known = 0;
  bool header = true;
  auto add = [&](std::string_view token) {
    if (internal::IsValueToken(token) || columns.size() == kMaxColumns) return header = false;
    const std::optional<Field> field = FindField(token);
    if (field) ++known;
    columns.push_back({field ? std::string(Info(*field).name) : std::string(token), field});
    return true;
  };
  if (comma) {
    for (size_t begin = 0; header && begin <= line.size();) {
      size_t end = line.find(',', begin);
      if (end == std::string_view::npos) end = line.size();
      std::string_view cell = internal::StripBlanks(line.substr(begin, end - begin), internal::kHeaderBlanks);
      if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
      if (cell.find_first_of(" \t\r\"") != std::string_view::npos) header = false;
      if (header) add(cell);
      begin = end + 1;
    }
  } else {
    internal::ForEachToken(line, internal::kHeaderBlanks, add);
  }
  if (!header || known == 0) return std::nullopt;
  const bool single = columns.size() == 1 && first_line;
  if (!single && (known < 2 || known * 2 < columns.size())) return std::nullopt;
  std::unordered_set<std::string> seen;
  for (const FormatColumn& column : columns) {
    if (!seen.insert(column.column_name()).second) return std::nullopt;
  }
  return Make(std::move(columns), comma ? Separator::kComma : Separator::kBlank, false);
}

inline int Format::IndexOf(std::string_view name) const {
  if (const std::optional<Field> field = FindField(name)) return IndexOf(*field);
  for (size_t i = 0; i < size(); ++i) {
    const std::string& own = data_->columns[i].name;
    if (!data_->columns[i].field && internal::FieldIndex::Equal(own, name)) return static_cast<int>(i);
  }
  return -1;
}

inline std::string Format::ToString() const {
  std::string text;
  for (const FormatColumn& column : columns()) {
    if (!text.empty()) text += ' ';
    text += "${" + column.name + "}";
  }
  return text;
}

inline std::string Format::Header() const {
  std::string text;
  for (const FormatColumn& column : columns()) {
    if (!text.empty()) text += ' ';
    text += column.name;
  }
  return text;
}

inline Format Format::WithLeadingTime() const { return Make(data_->columns, data_->separator, true); }

inline Format Format::WithSeparator(Separator separator) const {
  return Make(data_->columns, separator, data_->leading_time);
}

inline bool operator==(const Format& a, const Format& b) {
  if (a.data_ == b.data_) return true;
  return a.separator() == b.separator() && a.leading_time() == b.leading_time() &&
         std::equal(a.columns().begin(), a.columns().end(), b.columns().begin(), b.columns().end(),
                    [](const FormatColumn& x, const FormatColumn& y) { return x.name == y.name; });
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_SCHEMA_FORMAT_H_
