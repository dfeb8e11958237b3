#include "lib/io/envelope_csv.h"

namespace flowlogs {
inline namespace v1 {

std::optional<CsvColumns> CsvColumnsOf(std::string_view header) {
  CsvColumns columns;
  std::vector<std::string> cells;
  if (CutCsvRow(header, true, &cells) != header.size()) return std::nullopt;
  for (size_t i = 0; i < cells.size(); ++i) {
    std::string_view name = cells[i];
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (name.starts_with('@')) name.remove_prefix(1);
    const int place = static_cast<int>(i);
    if (name == "message") columns.message = place;
    if (name == "timestamp") columns.time = place;
    if (name == "logStream" || name == "logStreamName") columns.log_stream = place;
    if (name == "log" || name == "logGroup" || name == "logGroupName") columns.log = place;
    if (name == "id" || name == "eventId") columns.id = place;
  }
  columns.is_known = columns.message >= 0;
  return columns.is_known ? std::optional(columns) : std::nullopt;
}

size_t CutOpenCsvRow(std::string_view text, std::vector<std::string>* cells) {
  const size_t lf = text.find('\n');
  std::string line(text.substr(0, lf));
  if (line.ends_with('\r')) line.pop_back();
  line += '"';
  if (CutCsvRow(line, true, cells) == 0) cells->assign(1, line);
  return lf == std::string_view::npos ? text.size() : lf + 1;
}

size_t CutCsvRow(std::string_view text, bool is_all, std::vector<std::string>* cells) {
  cells->assign(1, {});
  bool is_quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& cell = cells->back();
    if (is_quoted) {
      if (c != '"') {
        cell += c;
      } else if (i + 1 == text.size() && !is_all) {
        return 0;  // the quote may be doubled
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell += '"';
        ++i;
      } else if (i + 1 < text.size() && std::string_view(",\r\n").find(text[i + 1]) == std::string_view::npos &&
                 cell.find('\n') != std::string::npos) {
        return CutOpenCsvRow(text, cells);  // the quote of another row: this row's own was never closed
      } else {
        is_quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      is_quoted = true;
    } else if (c == ',') {
      cells->emplace_back();
    } else if (c == '\n') {
      if (cell.ends_with('\r')) cell.pop_back();
      return i + 1;
    } else {
      cell += c;
    }
  }
  if (cells->back().ends_with('\r')) cells->back().pop_back();
  return is_all && !is_quoted ? text.size() : 0;
}

}  // namespace v1
}  // namespace flowlogs
