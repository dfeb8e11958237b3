// Differential: Records() and a scan in small blocks against the reference splitter. The first byte chooses a given
// format, threads and the size of the blocks.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "flowlogs/parse/records.h"
#include "flowlogs/query/query.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/reference_splitter.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::GivenFormat;
using flowlogs_test::ReferenceLine;
using flowlogs_test::ReferenceResult;
using flowlogs_test::ReferenceSplitter;
using flowlogs_test::Require;
using flowlogs_test::RequireStats;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > (1 << 20)) return 0;
  const unsigned choice = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const GivenFormat given(choice);
  const ReferenceResult expected = ReferenceSplitter::Split(text, given.reference);
  if (expected.is_unsettled || expected.is_error) return 0;

  fl::Stats stats;
  size_t next = 0;
  for (const fl::Record& record : fl::Records(text, {.format = given.format, .stats = &stats})) {
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

  if (flowlogs_test::IsForIo(text)) return 0;
  const fl::ScanOptions options = {
      .format = given.format, .threads = 1 + static_cast<int>(choice >> 1 & 3), .block_bytes = 1 + (choice >> 3) * 9};
  const absl::StatusOr<fl::Stats> scanned = fl::Scan({fl::Source::Bytes(text)}, options).Check();
  Require(scanned.ok(), "scan");
  RequireStats(*scanned, expected);
  return 0;
}
