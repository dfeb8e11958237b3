// Differential: Records() and a scan in small blocks against the reference splitter. The first byte chooses a given
// format, threads and the size of the blocks.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/parse/records.h"
#include "flowlogs/query/query.h"
#include "tests/reference_splitter.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::ReferenceFormat;
using flowlogs_test::ReferenceLine;
using flowlogs_test::ReferenceResult;
using flowlogs_test::ReferenceSplitter;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void RequireStats(const fl::Stats& stats, const ReferenceResult& expected) {
  Require(stats.lines == stats.records + stats.headers + stats.blank + stats.problem_count(), "conservation");
  Require(stats.lines == expected.lines.size(), "lines");
  Require(stats.records == expected.Count(ReferenceLine::Kind::kRecord), "records");
  Require(stats.headers == expected.Count(ReferenceLine::Kind::kHeader), "headers");
  Require(stats.blank == expected.Count(ReferenceLine::Kind::kBlank), "blank");
  Require(stats.problems == expected.Problems(), "problems");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > (1 << 20)) return 0;
  const unsigned choice = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::optional<ReferenceFormat> given;
  std::optional<fl::Format> format;
  if (choice & 1) {
    given = ReferenceFormat{{"srcaddr", "dstport", "bytes"}, false, false};
    format = fl::Format::Parse("srcaddr dstport bytes");
  }
  const ReferenceResult expected = ReferenceSplitter::Split(text, given);
  if (expected.is_unsettled || expected.is_error) return 0;

  fl::Stats stats;
  size_t next = 0;
  for (const fl::Record& record : fl::Records(text, {.format = format, .stats = &stats})) {
    while (next < expected.lines.size() && expected.lines[next].kind != ReferenceLine::Kind::kRecord) ++next;
    Require(next < expected.lines.size(), "a record too many");
    const ReferenceLine& line = expected.lines[next++];
    Require(record.size() == line.values.size(), "number of values");
    for (size_t i = 0; i < record.size(); ++i) {
      Require(record.raw(static_cast<int>(i)) == line.values[i], "value");
      Require(record.format().columns()[i].name == line.format.names[i], "name");
    }
  }
  RequireStats(stats, expected);

  // What io/ makes of the first bytes (gzip, a byte order mark, Parquet, ...) is not the matter here.
  if (!text.empty() && (static_cast<unsigned char>(text[0]) >= 0x80 || text[0] == '\x1f' || text[0] == '\x04'))
    return 0;
  if (text.starts_with("PAR1") || text.starts_with("PK") || text.starts_with("BZh") || text.starts_with("(\xb5"))
    return 0;
  const fl::ScanOptions options = {
      .format = format, .threads = 1 + static_cast<int>(choice >> 1 & 3), .block_bytes = 1 + (choice >> 3) * 9};
  const absl::StatusOr<fl::Stats> scanned = fl::Scan({fl::Source::Bytes(text)}, options).Check();
  Require(scanned.ok(), "scan");
  RequireStats(*scanned, expected);
  return 0;
}
