// What the tests of query/ share: questions to text in memory, and answers as text that a person can compare.
#ifndef FLOWLOGS_TESTS_QUERY_QUERY_TESTING_H_
#define FLOWLOGS_TESTS_QUERY_QUERY_TESTING_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/query/query.h"
#include "tests/io/io_testing.h"

namespace flowlogs_test {

namespace fl = flowlogs;

// Bytes in a heap block of exactly their size.
inline fl::Source Text(std::string_view text) { return fl::testing::ExactBytes(text); }

inline fl::Query ScanText(std::string_view text, fl::ScanOptions options = {}) {
  return fl::Scan({Text(text)}, options);
}

inline std::string Message(const absl::Status& status) { return "error: " + std::string(status.message()); }

inline void ExpectConservation(const fl::Stats& stats) {  // CONTRACT F9
  EXPECT_EQ(stats.lines, stats.records + stats.headers + stats.blank + stats.problem_count()) << stats.ToJson();
  uint64_t records = 0;
  for (const fl::Stats::FormatCount& format : stats.formats) records += format.records;
  EXPECT_EQ(stats.records, records) << stats.ToJson();
}

// The rows, "a=1 b=x" each, joined by "; "; null is "-". Or the error.
inline std::string Rows(const absl::StatusOr<fl::Table>& table) {
  if (!table.ok()) return Message(table.status());
  ExpectConservation(table->stats());
  std::string out;
  for (size_t row = 0; row < table->num_rows(); ++row) {
    if (row > 0) out += "; ";
    for (const fl::Column& column : table->columns()) {
      if (&column != &table->columns()[0]) out += " ";
      out += column.name() + "=" + (column.is_null(row) ? "-" : column.ToText(row));
    }
  }
  return out;
}
inline std::string Rows(const fl::Query& query) { return Rows(query.Collect()); }

// The values of the only column, joined by blanks; or the error.
inline std::string Values(const fl::Query& query) {
  const absl::StatusOr<fl::Table> table = query.Collect();
  if (!table.ok()) return Message(table.status());
  ExpectConservation(table->stats());
  std::string out;
  for (size_t row = 0; row < table->num_rows(); ++row) {
    const fl::Column& column = table->columns()[0];
    out += (row == 0 ? "" : " ") + (column.is_null(row) ? "-" : column.ToText(row));
  }
  return out;
}

// The first line of an error: what is wrong, without the expression and its caret.
inline std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_QUERY_QUERY_TESTING_H_
