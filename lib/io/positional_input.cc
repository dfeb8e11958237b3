#include "lib/io/positional_input.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/io/file.h"

namespace flowlogs {
inline namespace v1 {
namespace {

// Read behind the block's range at once, so that most last lines are finished without a second call.
constexpr uint64_t kTailBytes = 1 << 10;

}  // namespace

PositionalInput::PositionalInput(std::string name, std::unique_ptr<RandomAccess> stored, uint64_t start, uint64_t size,
                                 std::string_view prefix, const InputOptions& options)
    : stored_(std::move(stored)), start_(start), size_(std::max(start, size)), limits_(options), stop_(options.stop),
      position_(start) {
  name_ = std::move(name);
  prefix_ = prefix;
  prefix_is_all_ = prefix_.size() == size_ - start_;
}

bool PositionalInput::Claim(Block* block) {
  if (stop_.stop_requested()) return false;
  const uint64_t position = position_.load(std::memory_order_relaxed);
  if (position >= std::min(size_, damage_offset_.load(std::memory_order_relaxed))) return false;
  BlockAccess::Begin(block, sequence_++, position);
  position_.store(std::min<uint64_t>(position + limits_.block_bytes, size_), std::memory_order_relaxed);
  return true;
}

char* PositionalInput::Extend(Block* block, Window* window, uint64_t end) {
  end = std::min(end, size_);
  const size_t wanted = static_cast<size_t>(end - window->from);
  char* data = BlockAccess::Reserve(block, wanted, window->have);
  if (window->is_damaged || wanted <= window->have) return data;
  const size_t missing = wanted - window->have;
  const RandomAccess::Result read = stored_->ReadAt(window->from + window->have, data + window->have, missing);
  window->have += read.size;
  if (read.size == missing) return data;
  window->is_damaged = true;
  const uint64_t offset = window->from + window->have;
  if (read.error != 0) {
    SetDamage(offset, CannotReadOn(read.error));
  } else {
    SetDamage(offset, absl::StrCat("the file became shorter while it was read: it had ", size_,
                                   " bytes; read it again when nobody writes to it"));
  }
  return data;
}

void PositionalInput::Load(Block* block) {
  const uint64_t first = BlockAccess::file_offset(*block);
  if (first >= damage_offset_.load(std::memory_order_relaxed)) {
    BlockAccess::SetEndsInput(block);  // the input ends before it; Claim() left it empty
    return;
  }
  if (LoadMapped(block)) return;
  const uint64_t limit = std::min(first + limits_.block_bytes, size_);
  Window window{.from = first == start_ ? first : first - 1};
  char* data = Extend(block, &window, limit + kTailBytes);
  // The byte at limit - 1 is the last in which a line of this block may begin.
  const size_t last_byte = static_cast<size_t>(limit - 1 - window.from);
  size_t begin = 0;
  if (first != start_) {
    const void* lf = std::memchr(data, '\n', std::min(window.have, last_byte));
    begin = lf == nullptr ? window.have : static_cast<size_t>(static_cast<const char*>(lf) - data) + 1;
  }
  if (begin < window.have) {
    LoadLines(block, &window, begin, last_byte, data);
  } else {
    BlockAccess::Deliver(block, 0, 0);  // no line begins here
  }
  // Damage that was met by reading ahead is another block's, unless no line begins between this block and it.
  const bool is_reached = window.from + window.have <= limit || block->last_line_unfinished();
  if (window.is_damaged && is_reached) BlockAccess::SetEndsInput(block);
}

bool PositionalInput::LoadMapped(Block* block) const {
  const std::string_view content = stored_->view();
  const size_t first = static_cast<size_t>(BlockAccess::file_offset(*block));
  const size_t limit = static_cast<size_t>(std::min<uint64_t>(first + limits_.block_bytes, size_));
  if (content.size() < size_) return false;
  size_t begin = first;
  if (first != start_) {
    // The last line that is here begins at limit - 1 at most, so its LF is in front of that.
    const size_t lf = content.substr(0, limit - 1).find('\n', first - 1);
    if (lf == std::string_view::npos) {
      BlockAccess::Deliver(block, 0, 0);  // no line begins here
      return true;
    }
    begin = lf + 1;
  }
  // Farther than that only a line that is too long goes on.
  const size_t lf = content.substr(0, std::min<uint64_t>(size_, limit + limits_.max_line_bytes)).find('\n', limit - 1);
  if (lf == std::string_view::npos) return false;
  const size_t end = lf + 1;
  if (begin < Block::kMargin || content.size() - end < Block::kMargin) return false;
  const std::string_view text = content.substr(begin, end - begin);
  if (lf - begin > limits_.max_line_bytes) {
    const size_t before = content.substr(begin, limit - 1 - begin).rfind('\n');
    if (lf - (before == std::string_view::npos ? begin : begin + before + 1) > limits_.max_line_bytes) return false;
  }
  BlockAccess::DeliverMapped(block, text, stored_->mapping());
  return true;
}

// Delivers [begin, end), where `end` is behind the first LF at or behind `last_byte`.
void PositionalInput::LoadLines(Block* block, Window* window, size_t begin, size_t last_byte, char* data) {
  std::optional<size_t> last_line;  // where it begins; looked for only if it may be too long
  const auto is_too_long = [&](size_t end) {
    if (end - begin <= limits_.max_line_bytes) return false;
    if (!last_line) {
      const size_t lf = std::string_view(data + begin, std::min(last_byte, window->have) - begin).rfind('\n');
      last_line = lf == std::string_view::npos ? begin : begin + lf + 1;
    }
    return end - *last_line > limits_.max_line_bytes;
  };
  size_t scan = last_byte;
  while (true) {
    const void* lf = scan < window->have ? std::memchr(data + scan, '\n', window->have - scan) : nullptr;
    const size_t end = lf == nullptr ? window->have : static_cast<size_t>(static_cast<const char*>(lf) - data);
    if (is_too_long(end)) return BlockAccess::DeliverTooLong(block, begin, *last_line, limits_.kept_bytes);
    if (lf != nullptr) return BlockAccess::Deliver(block, begin, end + 1);
    if (window->is_damaged && data[end - 1] != '\n') return BlockAccess::DeliverUnfinished(block, begin, end);
    if (window->is_damaged || window->from + window->have == size_) return BlockAccess::Deliver(block, begin, end);
    scan = window->have;
    // Twice as much each time, but no more than shows that the line is too long. It begins no later than last_byte.
    const size_t wanted = std::min(2 * window->have, last_byte + limits_.max_line_bytes + 1);
    data = Extend(block, window, window->from + wanted);
  }
}

std::optional<InputDamage> PositionalInput::damage() const {
  std::lock_guard lock(mutex_);
  return damage_;
}

void PositionalInput::SetDamage(uint64_t offset, std::string message) {
  std::lock_guard lock(mutex_);
  if (damage_ && damage_->offset <= offset) return;
  damage_ = InputDamage{offset, std::move(message)};
  damage_offset_.store(offset, std::memory_order_relaxed);
}

}  // namespace v1
}  // namespace flowlogs
