// Formats: what Parse() takes can be written and read again, what it refuses it explains, and FromHeader() finds the
// headers that the reference splitter finds. The first byte chooses the format that is written in.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/schema/format.h"
#include "tests/fuzz/fuzzing.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::FuzzInput;
using flowlogs_test::ReferenceFormat;
using flowlogs_test::ReferenceSplitter;
using flowlogs_test::Require;

void RequireSound(const fl::Format& format) {
  Require(format.size() >= 1 && format.size() <= fl::Format::kMaxColumns, "size");
  Require(format.values_per_line() == format.size() + (format.leading_time() ? 1 : 0), "values_per_line()");
  size_t known = 0;
  for (size_t i = 0; i < format.size(); ++i) {
    const fl::FormatColumn& column = format.columns()[i];
    const int place = static_cast<int>(i);
    if (column.field) {
      ++known;
      Require(format.IndexOf(*column.field) == place, "IndexOf(field)", column.name);
      Require(fl::Info(*column.field).name == column.name, "the name of a field", column.name);
    }
    Require(format.IndexOf(column.name) == place, "IndexOf(name)", column.name);
    Require(format.IndexOf(column.column_name()) == place, "IndexOf(column name)", column.column_name());
  }
  Require(known >= 1, "no field");
}

void RequireSameColumns(const fl::Format& a, const fl::Format& b, std::string_view how) {
  Require(a.WithSeparator(fl::Separator::kBlank) == b.WithSeparator(fl::Separator::kBlank), "a format differs", how);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 20000) return 0;
  FuzzInput input(data, size);
  const size_t choice = input.Byte();
  const std::string_view text = input.rest();

  std::string error;
  if (const std::optional<fl::Format> format = fl::Format::Parse(text, &error)) {
    RequireSound(*format);
    Require(error.empty(), "an error beside a format", error);
    const std::string dollars = format->ToString(), plain = format->Header();
    const std::optional<fl::Format> from_dollars = fl::Format::Parse(dollars), from_plain = fl::Format::Parse(plain);
    Require(from_dollars && *from_dollars == *format, "ToString() does not read back", dollars);
    Require(from_plain && *from_plain == *format, "Header() does not read back", plain);
    // As headers go: fewer than half of the names may be fields only in a format that is given.
    if (const auto header = fl::Format::FromHeader(plain, true)) Require(*header == *format, "FromHeader(Header())", plain);
    const fl::Format other = choice & 1 ? format->WithLeadingTime() : format->WithSeparator(fl::Separator::kComma);
    RequireSound(other);
    Require(!(other == *format) && !other.IsSame(*format), "another format is the same");
  } else {
    Require(error.starts_with("format: ") && error.size() > 10, "an error that says nothing", error);
  }

  // One line, as LF ends it.
  const std::string_view line = text.substr(0, text.find('\n'));
  for (const bool first : {false, true}) {
    const std::optional<fl::Format> got = fl::Format::FromHeader(line, first);
    const std::optional<ReferenceFormat> expected = ReferenceSplitter::HeaderOf(line, first);
    Require(got.has_value() == expected.has_value(), "a header", line);
    if (!got) continue;
    RequireSound(*got);
    Require(got->size() == expected->names.size(), "columns of a header", line);
    Require((got->separator() == fl::Separator::kComma) == expected->comma, "commas", line);
    for (size_t i = 0; i < got->size(); ++i) Require(got->columns()[i].name == expected->names[i], "a name", line);
    const std::optional<fl::Format> again = fl::Format::FromHeader(got->Header(), first);
    if (got->Header().find(',') == std::string::npos) {
      Require(again.has_value(), "a header does not read back", got->Header());
      RequireSameColumns(*again, *got, got->Header());
    }
  }
  return 0;
}
