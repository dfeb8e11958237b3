// RunStats: the counts of one worker, with the places that put samples and formats of all workers into input order.
#ifndef FLOWLOGS_LIB_QUERY_RUN_STATS_H_
#define FLOWLOGS_LIB_QUERY_RUN_STATS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/parse/record.h"
#include "flowlogs/parse/stats.h"
#include "lib/query/format_table.h"

namespace flowlogs {
inline namespace v1 {

// A line of a run: inputs in their order, lines from 1.
struct LinePlace {
  uint32_t input = 0;
  uint64_t line = 0;
  friend auto operator<=>(const LinePlace&, const LinePlace&) = default;
};

class RunStats {
 public:
  uint64_t bytes = 0;
  uint64_t lines = 0;
  uint64_t headers = 0;
  uint64_t blank = 0;
  uint64_t nodata = 0;
  uint64_t skipdata = 0;
  uint64_t skipped = 0;

  // `count` records of a format, the first of them at `place`; 0 records: its header.
  void AddFormat(int format_id, uint64_t count, LinePlace place);
  // `text` is cut for the sample. `reason`: a problem's name.
  void AddProblem(ParseError error, LinePlace place, std::string_view text);
  // A value of a record that is not of its field's type.
  void AddBadValue(const FormatColumn& column, LinePlace place, std::string_view text);
  void Merge(RunStats&& other);
  uint64_t records() const;

  // The first problem or bad value in input order, if there is one.
  struct First {
    LinePlace place;
    std::string reason;
    std::string text;
  };
  std::optional<First> first() const;

  // Everything but inputs, errors, new_fields and complete. `names[i]` is the name of input i.
  Stats Finish(const FormatTable& formats, const std::vector<std::string>& names) const;

 private:
  struct Sample {
    LinePlace place;
    std::string reason;
    std::string text;
  };
  struct FormatUse {
    uint64_t records = 0;
    LinePlace first;
  };
  void AddSample(LinePlace place, std::string reason, std::string_view text);
  void TrimSamples();
  std::map<std::string, uint64_t, std::less<>> problems_;
  std::map<std::string, uint64_t, std::less<>> bad_values_;
  std::map<int, FormatUse> formats_;
  std::vector<Sample> samples_;      // at most twice as many as are kept
  std::optional<LinePlace> limit_;   // once there are enough: a later line is not among the first
};

// Adds to stats->new_fields the columns of its formats that are not among `columns`, those of the scan (CONTRACT L12).
void AddNewFields(const std::vector<FormatColumn>& columns, Stats* stats);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_RUN_STATS_H_
