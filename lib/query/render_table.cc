// Tables for people: aligned columns (CONTRACT V2). Two passes: the widths, then the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/query/table.h"
#include "lib/parse/text_out.h"
#include "lib/query/number_text.h"
#include "lib/query/render.h"
#include "lib/query/text_writer.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using internal::PlainBytes;
using internal::TextWriter;

// The shown form of a value: bytes and the number of columns that they take on the screen (code points).
struct Shown {
  std::string_view bytes;
  size_t width;
};

// Makes shown forms; each is valid until the next call and while the column lives.
class Display {
 public:
  // Whatever would act on a terminal is shown as \xNN, byte by byte. A blank at the end too, since nobody would see it,
  // and the texts that would read as null or as nothing are in quotes.
  Shown Text(std::string_view text) {
    static constexpr PlainBytes kPlain = internal::MakePlainBytes("");
    if (text.empty()) return {"\"\"", 2};
    if (text == "-") return {"\"-\"", 3};
    if (text.back() != ' ' && internal::AllPlain(text, kPlain)) return {text, text.size()};
    scratch_.resize(4 * text.size());
    size_t continuation_bytes = 0;
    const std::string_view body = text.back() == ' ' ? text.substr(0, text.size() - 1) : text;
    char* end = internal::WriteText(body, kPlain, "\\x", scratch_.data(),
                                    [&continuation_bytes](uint32_t c, std::string_view bytes, char* p) {
                                      if (internal::IsControl(c)) return internal::WriteHexEscapes(bytes, p);
                                      continuation_bytes += bytes.size() - 1;
                                      return internal::WriteBytes(bytes, p);
                                    });
    if (body.size() < text.size()) end = internal::WriteHexEscapes(" ", end);
    const size_t size = static_cast<size_t>(end - scratch_.data());
    return {{scratch_.data(), size}, size - continuation_bytes};
  }

  Shown Cell(const Column& column, size_t row) {
    if (column.is_null(row)) return {"-", 1};
    char* end = number_;
    switch (column.type()) {
      case ColumnType::kInt32:
      case ColumnType::kInt64:
        end = column.is_time() ? internal::WriteTime(column.int_value(row), number_)
                               : internal::WriteInt(column.int_value(row), number_);
        break;
      case ColumnType::kDouble: end = internal::WriteDouble(column.double_value(row), number_); break;
      case ColumnType::kAddress: end = number_ + column.address_value(row).Format(number_); break;
      case ColumnType::kText: return Text(column.text_value(row));
    }
    const size_t size = static_cast<size_t>(end - number_);
    return {{number_, size}, size};
  }

 private:
  std::string scratch_;
  char number_[internal::kNumberRoom];
};

bool IsRightAligned(const Column& column) {
  return column.type() == ColumnType::kDouble ||
         ((column.type() == ColumnType::kInt32 || column.type() == ColumnType::kInt64) && !column.is_time());
}

// Writes one line: cell(k) is the shown form of column k. The padding of a cell waits for the next one, so that no line
// ends with blanks.
template <typename Cell>
void PutLine(std::span<const Column> columns, const std::vector<size_t>& widths, Cell&& cell, TextWriter* out) {
  size_t padding = 0;
  for (size_t k = 0; k < columns.size(); ++k) {
    const Shown shown = cell(k);
    const size_t missing = widths[k] - shown.width;
    const bool right = IsRightAligned(columns[k]);
    out->Fill(' ', padding + (right ? missing : 0));
    out->Put(shown.bytes);
    padding = 2 + (right ? 0 : missing);
  }
  if (!columns.empty()) out->Put('\n');
}

}  // namespace

void internal::AppendAlignedTable(const Table& table, std::string* out) {
  const std::span<const Column> columns = table.columns();
  const size_t rows = table.num_rows();
  Display display;
  std::vector<size_t> widths;
  for (const Column& column : columns) {
    size_t& width = widths.emplace_back(display.Text(column.name()).width);
    for (size_t row = 0; row < rows; ++row) width = std::max(width, display.Cell(column, row).width);
  }
  TextWriter writer(out);
  PutLine(columns, widths, [&](size_t k) { return display.Text(columns[k].name()); }, &writer);
  for (size_t row = 0; row < rows; ++row) {
    PutLine(columns, widths, [&](size_t k) { return display.Cell(columns[k], row); }, &writer);
  }
}

}  // namespace v1
}  // namespace flowlogs
