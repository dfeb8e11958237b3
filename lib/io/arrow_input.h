// Hands out the rows of an Arrow stream as blocks.
#ifndef FLOWLOGS_LIB_IO_ARROW_INPUT_H_
#define FLOWLOGS_LIB_IO_ARROW_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "flowlogs/io/arrow_abi.h"
#include "flowlogs/io/input.h"
#include "lib/io/arrow_type.h"

namespace flowlogs {
inline namespace v1 {

// Claim() takes batches off the stream and cuts big ones into pieces, so that threads share the work; Load() checks the
// rows of a piece. An input without rows is one block without rows.
class ArrowInput final : public Input {
 public:
  // Fails with what the stream says, or if its rows are no records. REQUIRES: source.is_arrow()
  static absl::StatusOr<std::unique_ptr<Input>> Open(const Source& source, const InputOptions& options);
  ~ArrowInput() override;

  const ArrowSchema* arrow_schema() const override { return &schema_; }
  bool can_be_reopened() const override { return can_be_repeated_; }
  bool Claim(Block* block) override;
  void Load(Block* block) override;
  std::optional<InputDamage> damage() const override;
  uint64_t stored_bytes_read() const override { return 0; }
  uint64_t stored_bytes_total() const override { return 0; }

  // Of an input that cannot be reopened: holds the batches from now on, and hands them out again after Rewind().
  void HoldBatches() { holds_ = true; }
  void Rewind();

 private:
  ArrowInput(const Source& source, const InputOptions& options);
  // The next batch; nullptr at the end and after damage.
  std::shared_ptr<const ArrowArray> NextBatch();
  absl::Status CheckBatch(const ArrowArray& batch) const;
  void SetDamage(uint64_t row, std::string message);
  std::string ColumnName(size_t column) const;

  const bool can_be_repeated_;
  const std::stop_token stop_;
  const int64_t piece_rows_;
  ArrowArrayStream stream_{};
  ArrowSchema schema_{};
  std::vector<ArrowType> types_;  // of the columns

  std::shared_ptr<const ArrowArray> batch_;  // what is cut into pieces now
  int64_t row_ = 0;                          // of the batch: of the next piece
  uint64_t rows_ = 0;                        // of the input: claimed
  uint64_t sequence_ = 0;
  bool ended_ = false;
  bool holds_ = false;
  std::vector<std::shared_ptr<const ArrowArray>> held_;
  std::optional<size_t> next_held_;  // after Rewind()

  mutable std::mutex mutex_;
  std::optional<InputDamage> damage_;  // guarded by mutex_: the first by row
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_ARROW_INPUT_H_
