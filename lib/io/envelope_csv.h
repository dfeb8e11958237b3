// Messages in CSV: what the CloudWatch console and Logs Insights export.
#ifndef FLOWLOGS_LIB_IO_ENVELOPE_CSV_H_
#define FLOWLOGS_LIB_IO_ENVELOPE_CSV_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flowlogs {
inline namespace v1 {

// Places of cells; -1: there is no such column.
struct CsvColumns {
  int message = -1, time = -1, log_stream = -1, log = -1, id = -1;
  bool is_known = false;  // the header was read
};

// The columns of a header with messages (`timestamp,message`, `@timestamp,@message`); nullopt if it is no such header.
std::optional<CsvColumns> CsvColumnsOf(std::string_view header);

// Cuts a row at the front of `text`: the cells without quotes, doubled quotes as one. Returns how many bytes the row
// has, its line end included; 0 if it does not end in `text` (`is_all`: nothing follows, its end is the end of the
// text, unless a quote is open).
size_t CutCsvRow(std::string_view text, bool is_all, std::vector<std::string>* cells);
// The first line of `text` as a row, for one whose quote is never closed: it ends where the line does.
size_t CutOpenCsvRow(std::string_view text, std::vector<std::string>* cells);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_ENVELOPE_CSV_H_
