// Lines over block borders: the same text in one block, cut after any of its lines, and fed in pieces that end anywhere
// gives the same headers, records, problems and blanks, and they are the reference splitter's. The first byte chooses a
// given format, the second the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/query/query.h"
#include "lib/parse/lines.h"
#include "tests/fuzz/fuzzing.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::FuzzInput;
using flowlogs_test::GivenFormat;
using flowlogs_test::ReferenceLine;
using flowlogs_test::ReferenceResult;
using flowlogs_test::ReferenceSplitter;
using flowlogs_test::Require;

// Judges blocks one behind the other, as a run does, and compares each line with the reference.
class Blocks {
 public:
  Blocks(const ReferenceResult& expected, const std::optional<fl::Format>& format) : expected_(expected), format_(format) {}

  void Add(std::string_view text) {
    // In a heap block of exactly its size.
    const std::unique_ptr<char[]> exact(new char[text.size()]);
    if (!text.empty()) std::memcpy(exact.get(), text.data(), text.size());
    lines_.Look({exact.get(), text.size()}, next_ == 0, {});
    lines_.Judge(format_ ? &*format_ : nullptr);
    uint32_t line = 0;
    for (const fl::LineSegment& segment : lines_.segments()) {
      Require(segment.first_line == line && segment.num_lines > 0, "segments");
      for (uint32_t i = 0; i < segment.num_lines; ++i, ++line) RequireLine(segment, line);
    }
    Require(line == lines_.num_lines(), "lines of a block");
    if (!lines_.headers().empty()) format_ = lines_.headers().back().format;
  }

  void End() const { Require(next_ == expected_.lines.size(), "lines of all blocks"); }

 private:
  void RequireLine(const fl::LineSegment& segment, uint32_t line) {
    Require(next_ < expected_.lines.size(), "a line too many");
    const ReferenceLine& expected = expected_.lines[next_++];
    Require(lines_.line(line) == expected.text, "the text of a line", expected.text);
    using Kind = fl::LineSegment::Kind;
    const fl::Format* format =
        segment.header >= 0 ? &lines_.headers()[static_cast<size_t>(segment.header)].format : format_ ? &*format_ : nullptr;
    switch (segment.kind) {
      case Kind::kBlank:
        return Require(expected.kind == ReferenceLine::Kind::kBlank, "blank", expected.text);
      case Kind::kHeader:
        Require(expected.kind == ReferenceLine::Kind::kHeader, "a header", expected.text);
        return RequireFormat(*format, expected);
      case Kind::kProblem:
        Require(expected.kind == ReferenceLine::Kind::kProblem, "a problem", expected.text);
        return Require(fl::ParseErrorName(segment.error) == expected.reason, "a reason", expected.text);
      case Kind::kRegular:
      case Kind::kTolerated:
        break;
    }
    Require(expected.kind == ReferenceLine::Kind::kRecord, "a record", expected.text);
    RequireFormat(*format, expected);
    if (segment.kind == Kind::kTolerated) return;
    // The values are where the index says.
    fl::LineIndex& index = lines_.index();
    const size_t skip = format->leading_time() ? 1 : 0;
    const uint32_t* const places = index.offsets() + index.first_separator(line) + skip;
    for (size_t i = 0; i < expected.values.size(); ++i) {
      const uint32_t begin = places[static_cast<ptrdiff_t>(i) - 1] + 1;
      Require(index.text().substr(begin, places[i] - begin) == expected.values[i], "a value", expected.text);
    }
  }

  static void RequireFormat(const fl::Format& format, const ReferenceLine& expected) {
    Require(format.size() == expected.format.names.size(), "columns", expected.text);
    Require(format.leading_time() == expected.format.leading_time, "a leading time", expected.text);
    for (size_t i = 0; i < format.size(); ++i) {
      Require(format.columns()[i].name == expected.format.names[i], "a column", expected.text);
    }
  }

  const ReferenceResult& expected_;
  std::optional<fl::Format> format_;
  fl::Lines lines_;
  size_t next_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > (64 << 10)) return 0;  // the format is decided by the first 64 KiB
  FuzzInput input(data, size);
  const size_t choice = input.Byte(), piece = 1 + input.Byte();
  const std::string_view text = input.rest();
  const GivenFormat given(choice);
  const ReferenceResult expected = ReferenceSplitter::Split(text, given.reference);
  if (expected.is_unsettled || expected.is_error) return 0;
  const fl::DetectedFormat found = fl::DetectFormat(text, true, given.format);
  Require(found.error.empty(), "the format cannot be told", found.error);

  Blocks whole(expected, found.format);
  whole.Add(text);
  whole.End();
  // Cut behind a line: every one of a short text, a few of a long one.
  const size_t step = 1 + text.size() / 400 * (1 + choice / 64);
  for (size_t cut = text.find('\n'); cut < text.size(); cut = text.find('\n', cut + step)) {
    Blocks two(expected, found.format);
    two.Add(text.substr(0, cut + 1));
    two.Add(text.substr(cut + 1));
    two.End();
  }

  // Pieces that end anywhere.
  const fl::ScanOptions options = {.format = given.format, .block_bytes = 1 + (choice >> 1) * 3};
  absl::StatusOr<fl::Run> run = fl::Scan({"-"}, options).Aggregate({"count()"}).Start();
  Require(run.ok(), "Start()");
  if (flowlogs_test::IsForIo(text)) return 0;
  for (size_t at = 0; at < text.size(); at += piece) {
    const absl::Status fed = run->Feed(text.substr(at, piece));
    Require(fed.ok(), "Feed()", std::string(fed.message()));
  }
  const absl::StatusOr<fl::Table> table = run->Finish();
  Require(table.ok(), "Finish()", std::string(table.status().message()));
  flowlogs_test::RequireStats(table->stats(), expected);
  Require(table->Int(0, "count") == static_cast<int64_t>(table->stats().records), "count()");
  return 0;
}
