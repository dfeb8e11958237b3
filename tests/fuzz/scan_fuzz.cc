// A whole scan of any bytes, plain or compressed (here: as they are, so that headers of gzip and zstd are hostile, too, or
// compressed by the target and then damaged): lines are conserved, answers do not depend on threads and blocks, and what
// is delivered of a damaged file is the beginning of the whole one. The first byte chooses the way, the second the damage.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/query/query.h"
#include "tests/compress.h"
#include "tests/fuzz/fuzzing.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::FuzzInput;
using flowlogs_test::Require;

struct Answer {
  std::string error;     // of the scan itself
  std::string rows;      // every record
  fl::Stats stats;
};

Answer Ask(std::string_view stored, fl::ScanOptions options) {
  options.max_inflated_bytes = 1 << 20;
  const absl::StatusOr<fl::Table> table = fl::Scan({fl::Source::Bytes(stored)}, options).Collect();
  if (!table.ok()) return {std::string(table.status().message()), "", {}};
  flowlogs_test::RequireConservation(table->stats());
  Require(table->stats().records == table->num_rows(), "rows");
  Require(table->complete() == table->stats().errors.empty(), "complete()", table->stats().ToJson());
  return {"", table->Render(fl::TableFormat::kNdjson), table->stats()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > (16 << 10)) return 0;
  FuzzInput input(data, size);
  const size_t way = input.Byte(), damage = input.Byte();
  const std::string_view content = input.rest();
  std::string stored(content);
  if (way % 4 == 1) stored = flowlogs_test::Gzip(content.substr(0, content.size() / 2)) + flowlogs_test::Gzip(content.substr(content.size() / 2));
#ifdef FLOWLOGS_HAVE_ZSTD
  if (way % 4 == 2) stored = flowlogs_test::Zstd(content);
#endif
  const bool is_packed = stored != content;
  const std::string whole = stored;
  if (is_packed && damage % 4 == 1) stored.resize(stored.size() * damage / 256);
  if (is_packed && damage % 4 == 2) stored[stored.size() * damage / 256] ^= static_cast<char>(1 << (way >> 5));

  const Answer one = Ask(stored, {.threads = 1});
  for (const fl::ScanOptions& options : {fl::ScanOptions{.threads = 3, .block_bytes = 1 + (way >> 2) * 16},
                                         fl::ScanOptions{.threads = 1, .block_bytes = 1 + (way >> 2)}}) {
    const Answer other = Ask(stored, options);
    Require(other.error == one.error, "an error depends on threads or blocks", other.error);
    Require(other.rows == one.rows, "rows depend on threads or blocks");
    Require(other.stats.ToJson() == one.stats.ToJson(), "stats depend on threads or blocks", other.stats.ToJson());
  }
  if (!is_packed || !one.error.empty() || flowlogs_test::IsForIo(content)) return 0;
  const Answer good = Ask(whole, {.threads = 1});
  if (!good.error.empty()) return 0;
  // Checksums see a single bit that is not where it was; where a gzip header has it, nothing changes.
  if (one.stats.errors.empty() && damage % 4 == 2) Require(one.rows == good.rows, "damage that nobody told");
  if (damage % 4 == 0 || damage % 4 == 3) Require(one.rows == good.rows && one.stats.errors.empty(), "a whole file");
  if (damage % 4 == 1) {
    // The format may be told otherwise from less of the file; with a header in front it is settled.
    const bool headed = flowlogs_test::ReferenceSplitter::HeaderOf(content.substr(0, content.find('\n')), true).has_value();
    if (headed) Require(good.rows.starts_with(one.rows), "rows of a file that was cut");
  }
  return 0;
}
