// SeenLines: which records of a run were met before, for Query::Dedup() (CONTRACT D2).
//
// Two records are identical if their formats have the same fields in the same order and all values are the same text:
// blanks between values, line ends and the time that CloudWatch puts before a line do not count. What is kept of a record
// is a fixed hash of 128 bits: of a thousand million different records, the chance that any two are taken for identical is
// below 1 in 10^20 (hashes are no defence against lines that were made to collide).
#ifndef FLOWLOGS_LIB_QUERY_SEEN_LINES_H_
#define FLOWLOGS_LIB_QUERY_SEEN_LINES_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "flowlogs/schema/format.h"
#include "lib/parse/record_batch.h"

namespace flowlogs {
inline namespace v1 {

// A hash of a record: of the names of its fields, and of its values.
using LineHash = std::pair<uint64_t, uint64_t>;
LineHash HashFormat(const Format& format);
// `format`: HashFormat() of the batch's.
LineHash HashRecord(LineHash format, const RecordBatch& batch, uint32_t row);

// Thread-safe; about 45 bytes a record.
class SeenLines {
 public:
  // A place of a record in the run: no other record has it.
  static uint64_t Place(uint32_t input, uint64_t line) { return uint64_t{input} << 40 | line; }

  // `max_bytes`: of memory; beyond it nothing more is kept, and status() says so.
  explicit SeenLines(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Whether the record at `place` is the first that came of those identical to it. Asked again about that place, the answer
  // is the same.
  bool IsFirst(LineHash record, uint64_t place);
  // OK, or RESOURCE_EXHAUSTED.
  absl::Status status() const;

 private:
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<LineHash, uint64_t> places;
  };
  std::array<Shard, 64> shards_;
  const size_t max_bytes_;
  std::atomic<size_t> bytes_ = 0;
  std::atomic<bool> is_full_ = false;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_SEEN_LINES_H_
