// What a run saw: the counts that make an answer trustworthy (CONTRACT F3, F4, F9, P6).
#ifndef FLOWLOGS_PARSE_STATS_H_
#define FLOWLOGS_PARSE_STATS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flowlogs {
inline namespace v1 {

// Counts of one run, or of one call of Records(). A value type. Conservation, for every input and query (CONTRACT F9):
//
//   lines == records + headers + blank + (sum of problems)
//
// and nothing here depends on the number of threads or on where blocks begin.
struct Stats {
  // A format that was in force, and how many records it had (0: its header alone): names with hyphens, as in a header.
  struct FormatCount {
    std::vector<std::string> fields;
    uint64_t records = 0;
  };
  // An input that could not be read to its end.
  struct InputError {
    std::string source;
    uint64_t offset = 0;  // bytes of the input as stored
    std::string message;
    bool is_limit = false;  // a limit was met: the input may be good
  };
  // A line that is a problem, or a record with a bad value.
  struct Sample {
    std::string source;
    uint64_t line = 0;   // counted from 1
    std::string reason;  // a key of `problems`, or "bad-value: dstport"
    std::string text;    // the line, cut at kMaxSampleText bytes
  };
  static constexpr size_t kMaxSamples = 100;
  static constexpr size_t kMaxSampleText = 200;

  uint64_t bytes = 0;    // of inflated text, line ends included
  uint64_t lines = 0;
  uint64_t records = 0;
  uint64_t headers = 0;
  uint64_t blank = 0;
  std::map<std::string, uint64_t> problems;    // by reason: see ParseErrorName()
  std::map<std::string, uint64_t> bad_values;  // by column name; complete only after Check()
  uint64_t nodata = 0;
  uint64_t skipdata = 0;
  uint64_t skipped = 0;              // control messages of envelopes
  std::vector<FormatCount> formats;  // in order of first appearance
  std::vector<std::string> new_fields;  // columns that no input's first format has
  uint64_t inputs = 0;
  std::vector<InputError> errors;
  bool complete = true;  // false after damage, `head` that stopped early, a stop or a failure
  std::optional<double> seen_twice;  // see Query::TellTwice(): about; nullopt: not asked for, or there are no records
  std::vector<Sample> samples;  // the first kMaxSamples in input order

  uint64_t problem_count() const {
    uint64_t n = 0;
    for (const auto& [reason, count] : problems) n += count;
    return n;
  }
  uint64_t bad_value_count() const {
    uint64_t n = 0;
    for (const auto& [field, count] : bad_values) n += count;
    return n;
  }
  // The object of CONTRACT P6, on one line.
  std::string ToJson() const;
};

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 are written as \\xNN (a backslash, x and two
// hex digits in the decoded text), so that the result is always valid JSON.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_PARSE_STATS_H_
