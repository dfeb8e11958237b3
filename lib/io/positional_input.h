// Reads plain content that can be read at any place: a regular file, or memory.
#ifndef FLOWLOGS_LIB_IO_POSITIONAL_INPUT_H_
#define FLOWLOGS_LIB_IO_POSITIONAL_INPUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "flowlogs/io/input.h"
#include "lib/io/block_access.h"
#include "lib/io/random_access.h"

namespace flowlogs {
inline namespace v1 {

// Block k holds the lines that begin in [start + k*B, start + (k+1)*B). So Claim() only counts, and every Load() is
// independent of all others:
//
//       block k-1          block k            block k+1
//   |......LF.........|.....LF....LF......|........LF...........|
//          '--- k-1 --------''------ k ------------''-- k+1 ...
//                    ^ read from one byte before (is it a LF?) to the LF at or behind the range's end
class PositionalInput : public Input {
 public:
  // `start`: where the content begins (behind a byte order mark). `size`: where it ends, taken once; what is appended
  // later is not read. `prefix`: the content's first bytes.
  PositionalInput(std::string name, std::unique_ptr<RandomAccess> stored, uint64_t start, uint64_t size,
                  std::string_view prefix, const InputOptions& options);

  bool can_be_reopened() const override { return true; }
  std::optional<uint64_t> text_bytes() const override { return size_ - start_; }
  bool Claim(Block* block) override;
  bool claims_at_once() const override { return true; }
  void Load(Block* block) override;
  std::optional<InputDamage> damage() const override;
  uint64_t stored_bytes_read() const override { return position_.load(std::memory_order_relaxed); }
  uint64_t stored_bytes_total() const override { return size_; }

 private:
  // Content bytes [from, from + have) are in the block's buffer. They end at `size_`, or early at damage.
  struct Window {
    uint64_t from = 0;
    size_t have = 0;
    bool is_damaged = false;
  };
  // Reads on until the window ends at `end` or at the end of the content, and returns the buffer.
  char* Extend(Block* block, Window* window, uint64_t end);
  void LoadLines(Block* block, Window* window, size_t begin, size_t last_byte, char* data);
  // Delivers the lines where they stand, if they are mapped. False for those at the mapping's ends, which have no margins
  // there, and for a line that is too long: they are copied.
  bool LoadMapped(Block* block) const;
  void SetDamage(uint64_t offset, std::string message);

  const std::unique_ptr<RandomAccess> stored_;
  const uint64_t start_;
  const uint64_t size_;
  const LineLimits limits_;
  const std::stop_token stop_;
  std::atomic<uint64_t> position_;  // of the next block
  uint64_t sequence_ = 0;
  // The first damage by place, not by time: what is found does not depend on the order of Load() calls.
  std::atomic<uint64_t> damage_offset_{std::numeric_limits<uint64_t>::max()};
  mutable std::mutex mutex_;
  std::optional<InputDamage> damage_;  // guarded by mutex_
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_POSITIONAL_INPUT_H_
