// How io/ fills a Block: the only code that writes into one.
#ifndef FLOWLOGS_LIB_IO_BLOCK_ACCESS_H_
#define FLOWLOGS_LIB_IO_BLOCK_ACCESS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "flowlogs/io/input.h"

namespace flowlogs {
inline namespace v1 {

// Begin(), then any number of Reserve(), then one of the Deliver...() calls, which make text() valid.
struct BlockAccess {
  static void Begin(Block* block, uint64_t sequence, uint64_t file_offset) {
    block->sequence_ = sequence;
    block->file_offset_ = file_offset;
    block->last_line_too_long_ = false;
    block->last_line_unfinished_ = false;
    block->last_line_broken_ = false;
    block->ends_input_ = false;
    block->arrow_ = {};
    block->events_.reset();
    block->header_.clear();
    block->skipped_ = 0;
    Reserve(block, 0, 0);
    Deliver(block, 0, 0);
  }

  // Of envelopes. To be called after Begin().
  static BlockEvents* Events(Block* block) {
    if (block->events_ == nullptr) block->events_ = std::make_unique<BlockEvents>();
    return block->events_.get();
  }
  static std::string* Header(Block* block) { return &block->header_; }
  static uint32_t* Skipped(Block* block) { return &block->skipped_; }
  static void SetSequence(Block* block, uint64_t sequence) { block->sequence_ = sequence; }
  static void SetLastLineBroken(Block* block) { block->last_line_broken_ = true; }
  static void SetLastLineTooLong(Block* block) { block->last_line_too_long_ = true; }
  static void SetLastLineUnfinished(Block* block) { block->last_line_unfinished_ = true; }

  static void SetArrow(Block* block, ArrowPiece piece) { block->arrow_ = std::move(piece); }

  static uint64_t file_offset(const Block& block) { return block.file_offset_; }

  // Room for `size` bytes between the margins, of which the first `keep` are kept. The buffer grows, and never shrinks.
  static char* Reserve(Block* block, size_t size, size_t keep) {
    // A block that was moved from has a capacity and no buffer.
    if (block->buffer_ == nullptr || block->capacity_ < size) {
      const size_t grown = block->buffer_ == nullptr ? 0 : block->capacity_ + block->capacity_ / 2;
      const size_t capacity = std::max(size, grown);
      auto buffer = std::make_unique_for_overwrite<char[]>(capacity + 2 * Block::kMargin);
      if (keep > 0) std::memcpy(buffer.get() + Block::kMargin, block->buffer_.get() + Block::kMargin, keep);
      block->buffer_ = std::move(buffer);
      block->capacity_ = capacity;
    }
    return block->buffer_.get() + Block::kMargin;
  }

  // The text is bytes [begin, end) of what Reserve() returned. Both margins get defined content, so that a kernel that
  // reads them reads no uninitialised byte.
  static void Deliver(Block* block, size_t begin, size_t end) {
    char* data = block->buffer_.get() + Block::kMargin;
    block->text_ = data + begin;
    block->size_ = end - begin;
    block->mapping_.reset();
    std::memset(data + begin - Block::kMargin, 0, Block::kMargin);
    std::memset(data + end, 0, Block::kMargin);
  }

  // The text stands in `mapping`, with margins.
  static void DeliverMapped(Block* block, std::string_view text, std::shared_ptr<const void> mapping) {
    block->text_ = text.data();
    block->size_ = text.size();
    block->mapping_ = std::move(mapping);
  }

  static void DeliverUnfinished(Block* block, size_t begin, size_t end) {
    Deliver(block, begin, end);
    block->last_line_unfinished_ = true;
  }

  // All that a block says beside its text and events.
  struct Marks {
    bool too_long = false, unfinished = false, broken = false, ends_input = false;
    uint32_t skipped = 0;
    std::string header;
  };
  static Marks MarksOf(const Block& block) {
    return {block.last_line_too_long_, block.last_line_unfinished_, block.last_line_broken_, block.ends_input_,
            block.skipped_, block.header_};
  }
  static void SetMarks(Block* block, const Marks& marks) {
    block->last_line_too_long_ = marks.too_long;
    block->last_line_unfinished_ = marks.unfinished;
    block->last_line_broken_ = marks.broken;
    block->ends_input_ = marks.ends_input;
    block->skipped_ = marks.skipped;
    block->header_ = marks.header;
  }

  static void SetEndsInput(Block* block) { block->ends_input_ = true; }

  // As Deliver() of [begin, line + kept) and a LF: the last line begins at `line` and is longer than allowed.
  static void DeliverTooLong(Block* block, size_t begin, size_t line, size_t kept) {
    char* data = Reserve(block, line + kept + 1, line + kept);
    data[line + kept] = '\n';
    Deliver(block, begin, line + kept + 1);
    block->last_line_too_long_ = true;
  }
};

// InputOptions, brought into the range in which no sum overflows, and into the shape both ways of reading rely on:
// a block is aimed at no more than one longest line, so only the last line of a block can be too long.
struct LineLimits {
  explicit LineLimits(const InputOptions& options)
      : max_line_bytes(std::clamp<size_t>(options.max_line_bytes, 1, size_t{1} << 30)),
        block_bytes(std::clamp<size_t>(options.block_bytes, 1, max_line_bytes)),
        kept_bytes(std::min<size_t>(256, max_line_bytes)) {}

  size_t max_line_bytes;  // without the LF
  size_t block_bytes;
  size_t kept_bytes;  // what is kept of a longer line
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_BLOCK_ACCESS_H_
