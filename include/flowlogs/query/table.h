// The answer of a query: named, typed columns of equal length, and the Stats of the run that made them.
#ifndef FLOWLOGS_QUERY_TABLE_H_
#define FLOWLOGS_QUERY_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/parse/stats.h"
#include "flowlogs/schema/address.h"

struct ArrowArrayStream;  // of the Arrow C stream interface: flowlogs/query/arrow.h

namespace flowlogs {
inline namespace v1 {

enum class ColumnType : uint8_t {
  kInt32,
  kInt64,
  kDouble,   // mean(...)
  kText,     // UTF-8 as it stood in the log, percent-decoded for tags; invalid bytes are kept
  kAddress,  // read as text from outside; sorted as an address (CONTRACT F7)
};

// A column: values and which of them are present. A value type. Columns are filled by Append*() in row order.
class Column {
 public:
  Column(std::string name, ColumnType type, bool is_time = false)
      : name_(std::move(name)), type_(type), is_time_(is_time) {}

  const std::string& name() const { return name_; }
  ColumnType type() const { return type_; }
  // Whether the integers are seconds since 1970 UTC: tables for people then show ISO 8601.
  bool is_time() const { return is_time_; }
  // "int32", "int64", "double" or "text": what a program sees.
  std::string_view type_name() const;
  size_t size() const { return present_.size(); }

  bool is_null(size_t row) const { return present_[row] == 0; }
  // REQUIRES: row < size(), the type's accessor. 0 or "" where the value is null.
  int64_t int_value(size_t row) const { return ints_[row]; }
  double double_value(size_t row) const { return doubles_[row]; }
  IpAddress address_value(size_t row) const { return addresses_[row]; }
  // kText only: a view that is valid while the column lives and is not changed.
  std::string_view text_value(size_t row) const {
    return {chars_.data() + ends_[row], ends_[row + 1] - ends_[row]};
  }
  // The value of a row of any type as text: "" for null. Integers (times too) in decimal, addresses canonical, doubles
  // with the fewest digits that read back the same, with an exponent only below 1e-5 and from 1e16 on.
  std::string ToText(size_t row) const;

  // REQUIRES: a value of the column's type. A value of another type is appended as null.
  void AppendNull();
  void AppendInt(int64_t value);
  void AppendDouble(double value);
  void AppendText(std::string_view value);
  void AppendAddress(IpAddress value);
  // Appends row `row` of a column of the same type, perhaps of this one. REQUIRES: row < other.size()
  void AppendFrom(const Column& other, size_t row);

  // -1, 0, 1: by value; text bytewise; IPv4 before IPv6; NaN after every number; null after everything (the caller
  // handles descending order). A strict weak order: fit for std::sort.
  int Compare(size_t a, size_t b) const;

 private:
  std::string name_;
  ColumnType type_;
  bool is_time_;
  std::vector<uint8_t> present_;
  std::vector<int64_t> ints_;         // kInt32, kInt64
  std::vector<double> doubles_;       // kDouble
  std::vector<IpAddress> addresses_;  // kAddress
  std::string chars_;                 // kText: the texts, one after the other
  std::vector<uint64_t> ends_ = {0};  // kText: text of row i is chars_[ends_[i] .. ends_[i + 1])
};

// How a table is written (CONTRACT V2). Text from a log is never trusted: bytes that are not UTF-8 are written as \xNN
// in every format (in JSON source as \\xNN), in column names too.
enum class TableFormat : uint8_t {
  // For people: aligned columns, thousands kept plain, ISO 8601 times with Z, "-" for null. Characters that would act
  // on a terminal (ESC and all other controls, bidirectional marks) are shown as \xNN; the texts - and "" in quotes.
  kTable,
  // RFC 4180 with header, LF. Null is empty, the empty text "". Text that a spreadsheet would run (it begins with
  // = + - @, tab or a line end) is made inert with a leading ': the decoded tag value - is '- here.
  kCsv,
  kTsv,     // header; "" for null; tab, newline, carriage return and backslash as \t \n \r \\ .
  kJson,    // an array of objects, a line each; numbers, null (also for NaN), times as integers; controls as \u00NN
  kNdjson,  // one object a line
};

// The answer of a query. A value type (copies are deep); const use from any thread.
//
//   absl::StatusOr<fl::Table> t = query.Collect();
//   for (size_t row = 0; row < t->num_rows(); ++row) Use(t->Text(row, "srcaddr"), t->Int(row, "bytes"));
class Table {
 public:
  Table() = default;
  Table(std::vector<Column> columns, Stats stats) : columns_(std::move(columns)), stats_(std::move(stats)) {}

  size_t num_rows() const { return columns_.empty() ? num_rows_ : columns_[0].size(); }
  size_t num_columns() const { return columns_.size(); }
  std::span<const Column> columns() const { return columns_; }
  std::vector<Column>& mutable_columns() { return columns_; }
  // nullptr if there is no column of that name. A hyphen finds an underscore and the other way round.
  const Column* column(std::string_view name) const;

  // The value, or nullopt if it is null, if the column is of another type, or if row or column do not exist.
  std::optional<int64_t> Int(size_t row, std::string_view column) const;
  std::optional<double> Double(size_t row, std::string_view column) const;
  // Of a column of any type.
  std::optional<std::string> Text(size_t row, std::string_view column) const;

  // ToText() is Render(TableFormat::kTable), ToJson() is Render(TableFormat::kJson).
  std::string ToText() const { return Render(TableFormat::kTable); }
  std::string ToJson() const { return Render(TableFormat::kJson); }
  std::string Render(TableFormat format) const;
  // The header alone ("" for the JSON formats), and the rows alone, for output that is written piece by piece: header,
  // then rows, is what Render() gives, but for two formats. Of kJson the brackets and the ",\n" between two pieces that
  // have rows are the caller's. kTable cannot be split, since widths depend on all rows: its header is "" and its rows
  // are the whole table.
  std::string RenderHeader(TableFormat format) const;
  std::string RenderRows(TableFormat format) const;
  // The same at the end of `out`: a buffer that is cleared and used again saves the allocation.
  void AppendHeader(TableFormat format, std::string* out) const;
  void AppendRows(TableFormat format, std::string* out) const;

  // The rows as an Arrow stream, which owns a copy of them: flowlogs/query/arrow.h has the struct, the types, and ways
  // without the copy. The caller is responsible for the release of *out.
  void ExportStream(ArrowArrayStream* out) const;

  const Stats& stats() const { return stats_; }
  Stats& mutable_stats() { return stats_; }
  // Whether every input was read to its end without damage: see Stats::complete and Stats::errors.
  bool complete() const { return stats_.complete; }

 private:
  std::vector<Column> columns_;
  size_t num_rows_ = 0;
  Stats stats_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_QUERY_TABLE_H_
