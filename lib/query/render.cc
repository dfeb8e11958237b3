// Tables for programs: CSV, TSV, JSON, NDJSON (CONTRACT V2). Millions of rows go through here.
#include "lib/query/render.h"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/query/table.h"
#include "lib/parse/text_out.h"
#include "lib/query/number_text.h"
#include "lib/query/text_writer.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using internal::kNumberRoom;
using internal::MakePlainBytes;
using internal::PlainBytes;
using internal::TextWriter;
using internal::WriteBytes;
using internal::WriteText;

// Writes a value that is no text. REQUIRES: kNumberRoom bytes at p.
char* WriteScalar(const Column& column, size_t row, char* p) {
  switch (column.type()) {
    case ColumnType::kInt32:
    case ColumnType::kInt64: return internal::WriteInt(column.int_value(row), p);
    case ColumnType::kDouble: return internal::WriteDouble(column.double_value(row), p);
    case ColumnType::kAddress: return p + column.address_value(row).Format(p);
    case ColumnType::kText: break;
  }
  return p;
}

// ---- CSV ------------------------------------------------------------------------------------------------------------

// Whether a spreadsheet takes the cell for a formula. The wide forms of = + - @ are the same to some of them.
bool IsRunBySpreadsheet(std::string_view text) {
  constexpr std::string_view kWide[] = {"\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
  if (text.empty()) return false;
  if (std::string_view("=+-@\t\r\n").find(text[0]) != std::string_view::npos) return true;
  for (const std::string_view wide : kWide) {
    if (text.starts_with(wide)) return true;
  }
  return false;
}

// RFC 4180 wants quotes around comma, quote and line ends; the semicolon and the tab are what spreadsheets of other
// countries split at. The empty text is "", since nothing at all is null.
void PutCsvText(std::string_view text, TextWriter* out) {
  static constexpr PlainBytes kPlain = MakePlainBytes("\",;");
  static constexpr PlainBytes kPlainFirst = MakePlainBytes("\",;=+-@");
  char* p = out->Reserve(4 * text.size() + 3);
  if (!text.empty() && kPlainFirst[static_cast<unsigned char>(text[0])]) {
    // Most cells need nothing: they are copied while that is found out.
    size_t i = 0;
    for (; i < text.size() && kPlain[static_cast<unsigned char>(text[i])]; ++i) p[i] = text[i];
    if (i == text.size()) return out->Commit(p + i);
  }
  const bool quoted = text.empty() || text.find_first_of(",;\"\t\r\n") != std::string_view::npos;
  if (quoted) *p++ = '"';
  if (IsRunBySpreadsheet(text)) *p++ = '\'';
  p = WriteText(text, kPlain, "\\x", p, [](uint32_t c, std::string_view bytes, char* q) {
    return c == '"' ? WriteBytes("\"\"", q) : WriteBytes(bytes, q);
  });
  if (quoted) *p++ = '"';
  out->Commit(p);
}

struct Csv {
  static constexpr char kSeparator = ',';
  static void PutText(std::string_view text, TextWriter* out) { PutCsvText(text, out); }
  // An empty line would be no row to most readers.
  static void PutNull(bool only_column, TextWriter* out) {
    if (only_column) out->Put("\"\"");
  }
};

// ---- TSV ------------------------------------------------------------------------------------------------------------

void PutTsvText(std::string_view text, TextWriter* out) {
  static constexpr PlainBytes kPlain = MakePlainBytes("\\");
  char* p = out->Reserve(4 * text.size());
  out->Commit(WriteText(text, kPlain, "\\x", p, [](uint32_t c, std::string_view bytes, char* q) {
    switch (c) {
      case '\t': return WriteBytes("\\t", q);
      case '\n': return WriteBytes("\\n", q);
      case '\r': return WriteBytes("\\r", q);
      case '\\': return WriteBytes("\\\\", q);
      default: return WriteBytes(bytes, q);
    }
  }));
}

struct Tsv {
  static constexpr char kSeparator = '\t';
  static void PutText(std::string_view text, TextWriter* out) { PutTsvText(text, out); }
  static void PutNull(bool, TextWriter*) {}
};

template <typename Format>
void PutSeparatedHeader(const Table& table, TextWriter* out) {
  for (size_t k = 0; k < table.num_columns(); ++k) {
    if (k > 0) out->Put(Format::kSeparator);
    Format::PutText(table.columns()[k].name(), out);
  }
  if (table.num_columns() > 0) out->Put('\n');
}

template <typename Format>
void PutSeparatedRows(const Table& table, TextWriter* out) {
  const std::span<const Column> columns = table.columns();
  const size_t rows = table.num_rows();
  for (size_t row = 0; row < rows; ++row) {
    bool first = true;
    for (const Column& column : columns) {
      if (!first) out->Put(Format::kSeparator);
      first = false;
      if (column.is_null(row)) {
        Format::PutNull(columns.size() == 1, out);
      } else if (column.type() == ColumnType::kText) {
        Format::PutText(column.text_value(row), out);
      } else {
        out->Commit(WriteScalar(column, row, out->Reserve(kNumberRoom)));
      }
    }
    out->Put('\n');
  }
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

void PutJsonValue(const Column& column, size_t row, TextWriter* out) {
  if (column.is_null(row)) return out->Put("null");
  switch (column.type()) {
    case ColumnType::kText: {
      const std::string_view text = column.text_value(row);
      return out->Commit(internal::WriteJsonString(text, out->Reserve(internal::JsonStringRoom(text))));
    }
    case ColumnType::kAddress: {
      char* p = out->Reserve(kNumberRoom + 2);
      *p++ = '"';
      p = WriteScalar(column, row, p);
      *p++ = '"';
      return out->Commit(p);
    }
    case ColumnType::kDouble:
      if (!std::isfinite(column.double_value(row))) return out->Put("null");
      break;
    case ColumnType::kInt32:
    case ColumnType::kInt64: break;
  }
  out->Commit(WriteScalar(column, row, out->Reserve(kNumberRoom)));
}

void PutJsonRows(const Table& table, std::string_view between_rows, std::string_view after_rows, TextWriter* out) {
  const std::span<const Column> columns = table.columns();
  std::vector<std::string> keys;  // {"first": ,"second": and so on, with what precedes them
  for (const Column& column : columns) {
    std::string& key = keys.emplace_back(keys.empty() ? "{" : ",");
    AppendJsonString(column.name(), &key);
    key += ':';
  }
  const size_t rows = table.num_rows();
  for (size_t row = 0; row < rows; ++row) {
    if (row > 0) out->Put(between_rows);
    for (size_t k = 0; k < columns.size(); ++k) {
      out->Put(keys[k]);
      PutJsonValue(columns[k], row, out);
    }
    out->Put('}');
  }
  if (rows > 0) out->Put(after_rows);
}

}  // namespace

// ---- Table ----------------------------------------------------------------------------------------------------------

std::string Table::Render(TableFormat format) const {
  std::string out;
  if (format == TableFormat::kJson) out = num_rows() > 0 ? "[\n" : "[";
  AppendHeader(format, &out);
  AppendRows(format, &out);
  if (format == TableFormat::kJson) out += num_rows() > 0 ? "\n]\n" : "]\n";
  return out;
}

std::string Table::RenderHeader(TableFormat format) const {
  std::string out;
  AppendHeader(format, &out);
  return out;
}

std::string Table::RenderRows(TableFormat format) const {
  std::string out;
  AppendRows(format, &out);
  return out;
}

void Table::AppendHeader(TableFormat format, std::string* out) const {
  TextWriter writer(out);
  if (format == TableFormat::kCsv) PutSeparatedHeader<Csv>(*this, &writer);
  if (format == TableFormat::kTsv) PutSeparatedHeader<Tsv>(*this, &writer);
}

void Table::AppendRows(TableFormat format, std::string* out) const {
  if (format == TableFormat::kTable) return internal::AppendAlignedTable(*this, out);
  TextWriter writer(out);
  switch (format) {
    case TableFormat::kTable: break;
    case TableFormat::kCsv: PutSeparatedRows<Csv>(*this, &writer); break;
    case TableFormat::kTsv: PutSeparatedRows<Tsv>(*this, &writer); break;
    case TableFormat::kJson: PutJsonRows(*this, ",\n", "", &writer); break;
    case TableFormat::kNdjson: PutJsonRows(*this, "\n", "\n", &writer); break;
  }
}

}  // namespace v1
}  // namespace flowlogs
