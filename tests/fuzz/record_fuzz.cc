// One record at a time against the engine: ParseRecord() splits as the reference splitter does, its typed values are
// those of a scan's columns, and what Format::Write() writes reads back. The first line is the format, the others are
// records of it.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/parse/record.h"
#include "flowlogs/query/query.h"
#include "tests/fuzz/fuzzing.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::FuzzInput;
using flowlogs_test::ReferenceSplitter;
using flowlogs_test::Require;

// The value of a column as Column::ToText() has it; nullopt: null.
std::optional<std::string> ValueText(const fl::Record& record, int column) {
  if (record.state(column) != fl::ValueState::kPresent) return std::nullopt;
  const std::string_view token = record.raw(column);
  const fl::ValueType type = record.format().columns()[static_cast<size_t>(column)].type();
  switch (type) {
    case fl::ValueType::kInt32:
    case fl::ValueType::kInt64:
    case fl::ValueType::kTime: {
      const std::optional<int64_t> value = fl::ParseIntegerOf(type, token);
      Require(value.has_value(), "present and no integer", token);
      return std::to_string(*value);
    }
    case fl::ValueType::kAddress: {
      const std::optional<fl::IpAddress> address = fl::IpAddress::Parse(token);
      Require(address.has_value(), "present and no address", token);
      return address->ToString();
    }
    case fl::ValueType::kTag:
      return fl::DecodeTag(token);
    case fl::ValueType::kText:
      break;
  }
  return std::string(token);
}

// Getters of fields, one of each type.
void RequireGetters(const fl::Record& r) {
  const auto present = [&](fl::Field field) { return r.state(field) == fl::ValueState::kPresent; };
  Require(r.srcaddr().has_value() == present(fl::Field::kSrcaddr), "srcaddr()", r.line());
  Require(r.dstport().has_value() == present(fl::Field::kDstport), "dstport()", r.line());
  Require(r.bytes().has_value() == present(fl::Field::kBytes), "bytes()", r.line());
  Require(r.start().has_value() == present(fl::Field::kStart), "start()", r.line());
  Require(r.action().has_value() == present(fl::Field::kAction), "action()", r.line());
}

// Writes the record in `format` and reads it again.
void RequireRoundTrip(const fl::Record& record, const fl::Format& format) {
  std::string out = "before", error;
  if (!format.Write(record, &out, &error)) {
    Require(out == "before" && !error.empty(), "a line that was not written", error);
    return;
  }
  const std::string_view line = std::string_view(out).substr(6);
  fl::Record again;
  Require(fl::ParseRecord(line, format, &again) == fl::ParseError::kOk, "a written line does not read back", line);
  for (size_t i = 0; i < format.size(); ++i) {
    const int from = record.format().IndexOf(format.columns()[i].name), to = static_cast<int>(i);
    Require(ValueText(again, to) == ValueText(record, from), "a written value", line);
    Require(again.state(to) == record.state(from), "the state of a written value", line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 20000) return 0;
  FuzzInput input(data, size);
  const size_t choice = input.Byte();
  std::optional<fl::Format> format = fl::Format::FromHeader(input.Line());
  if (!format) format = choice & 1 ? fl::Format::All() : fl::Format::Default();
  if (format->separator() == fl::Separator::kBlank && (choice & 2)) format = format->WithLeadingTime();
  const std::string text(input.rest());

  std::vector<std::vector<std::optional<std::string>>> expected;  // the rows that a scan must find
  std::vector<size_t> bad(format->size());
  for (const std::string_view line : ReferenceSplitter::LinesOf(text)) {
    const std::vector<std::string> values = ReferenceSplitter::Values(line, format->separator() == fl::Separator::kComma);
    fl::Record record;
    const fl::ParseError error = fl::ParseRecord(line, *format, &record);
    if (error == fl::ParseError::kOk) {
      Require(values.size() == format->values_per_line(), "a record", line);
      std::vector<std::optional<std::string>> row;
      for (size_t i = 0; i < record.size(); ++i) {
        Require(record.raw(static_cast<int>(i)) == values[i + (format->leading_time() ? 1 : 0)], "a value", line);
        bad[i] += record.state(static_cast<int>(i)) == fl::ValueState::kBad;
        row.push_back(ValueText(record, static_cast<int>(i)));
      }
      RequireGetters(record);
      RequireRoundTrip(record, *format);
      RequireRoundTrip(record, fl::Format::Default());
      RequireRoundTrip(record, format->WithSeparator(fl::Separator::kComma));
      if (!fl::Format::FromHeader(line)) expected.push_back(row);
    } else {
      Require(record.size() == 0, "values of no record", line);
      const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
      const fl::ParseError wanted = blank ? fl::ParseError::kBlank
                                    : values.size() < format->values_per_line() ? fl::ParseError::kTooFewValues
                                                                                : fl::ParseError::kTooManyValues;
      Require(error == wanted, "why a line is no record", line);
    }
  }

  // A scan under a header in the text has that header's format for every line; a leading time has no header.
  if (format->leading_time() || format->separator() == fl::Separator::kComma || expected.empty()) return 0;
  const std::string log = format->Header() + "\n" + text;
  for (const std::string_view line : ReferenceSplitter::LinesOf(text)) {
    if (ReferenceSplitter::HeaderOf(line, false)) return 0;  // sets another format
  }
  if (!fl::Format::FromHeader(format->Header()) || flowlogs_test::IsForIo(log)) return 0;
  const fl::ScanOptions options = {.threads = 1, .block_bytes = 1 + (choice >> 2) * 40};
  const absl::StatusOr<fl::Table> table = fl::Scan({fl::Source::Bytes(log)}, options).Collect();
  Require(table.ok(), "Collect()", std::string(table.status().message()));
  Require(table->num_rows() == expected.size() && table->num_columns() == format->size(), "rows of a scan", log);
  for (size_t i = 0; i < format->size(); ++i) {
    const fl::Column& column = table->columns()[i];
    Require(column.name() == format->columns()[i].column_name(), "the name of a column", column.name());
    for (size_t row = 0; row < expected.size(); ++row) {
      Require(column.is_null(row) == !expected[row][i].has_value(), "null in a scan", column.name());
      if (expected[row][i]) Require(column.ToText(row) == *expected[row][i], "a value of a scan", *expected[row][i]);
    }
    const auto counted = table->stats().bad_values.find(column.name());
    Require((counted == table->stats().bad_values.end() ? 0 : counted->second) == bad[i], "bad values", column.name());
  }
  return 0;
}
