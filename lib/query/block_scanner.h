// BlockScanner: one worker's way from the text of a block to the sinks.
//
//   text -> lines -> [format in force, handed over in order] -> segments -> regular runs -> batches -> sinks
//   rows of Arrow ----------------------------------------------------------------------> batch --->
#ifndef FLOWLOGS_LIB_QUERY_BLOCK_SCANNER_H_
#define FLOWLOGS_LIB_QUERY_BLOCK_SCANNER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/io/input.h"
#include "lib/parse/arrow_rows.h"
#include "lib/parse/lines.h"
#include "lib/parse/record_batch.h"
#include "lib/query/format_table.h"
#include "lib/query/run_stats.h"
#include "lib/query/sink.h"

namespace flowlogs {
inline namespace v1 {

namespace internal {
// Tells the CPU that this is a loop that waits.
inline void SpinPause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}
}  // namespace internal

// What a block leaves to the next one of its input: the format in force, and how many lines there were.
struct LineState {
  int format_id = -1;  // -1: none is known yet
  uint64_t lines = 0;
  bool is_ended = false;  // the input ended with damage before: see Block::ends_input()
};

// Hands LineStates from block to block of one input, whatever order the workers come in. Thread-safe.
class HandOver {
 public:
  explicit HandOver(LineState first) : state_(first) {}
  // Waits until all blocks before `sequence` have passed theirs on; or, since one of them may have been lost for want of memory
  // as it was claimed, until the run has failed: then nothing of this block counts.
  LineState Take(uint64_t sequence, const std::atomic<bool>& has_failed) {
    // The block before was claimed before, so it is nearly here: sleeping and waking up takes longer than its index.
    for (int i = 0; i < kSpins; ++i) {
      if (next_.load(std::memory_order_acquire) == sequence) return state_;
      internal::SpinPause();
    }
    std::unique_lock lock(mutex_);
    ++waiting_;
    auto is_next = [&] { return next_.load(std::memory_order_acquire) == sequence; };
    while (!passed_.wait_for(lock, std::chrono::milliseconds(50), is_next) && !has_failed.load(std::memory_order_relaxed)) {
    }
    --waiting_;
    LineState state = state_;
    state.is_ended |= !is_next();
    return state;
  }
  // The block that took the state passes on its own. Until then nobody else looks at the state.
  void Pass(LineState state) {
    bool is_waited_for;
    {
      const std::lock_guard lock(mutex_);
      state_ = state;
      next_.store(next_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
      is_waited_for = waiting_ > 0;
    }
    if (is_waited_for) passed_.notify_all();
  }

 private:
  static constexpr int kSpins = 400;  // some 10 microseconds

  std::mutex mutex_;
  std::condition_variable passed_;
  std::atomic<uint64_t> next_ = 0;
  int waiting_ = 0;
  LineState state_;
};

// One per worker; not thread-safe.
class BlockScanner {
 public:
  // `formats` and the sinks outlive the scanner.
  BlockScanner(FormatTable* formats, std::vector<LocalSink*> sinks) : formats_(formats), sinks_(std::move(sinks)) {}

  struct Text {
    std::string_view text;  // kMargin readable bytes on each side: see Block
    bool first_in_input = false;
    BlockEnd end;
    uint32_t input = 0;
    const std::string* source = nullptr;
    const ArrowFormat* arrow = nullptr;  // not null: `rows` in the place of lines of text
    ArrowPiece rows = {};
    std::string_view header = {};  // see Block::header()
    uint32_t skipped = 0;          // see Block::skipped()
    const BlockEvents* events = nullptr;  // see Block::events()
  };

  // First half: finds lines and headers. Returns the state behind the block, given the one before it.
  void Look(const Text& text);
  LineState After(LineState before) const;
  // Second half: judges the lines, feeds every record to the sinks, counts.
  void Scan(LineState before, RunStats* stats);

  // The first `lines` lines of what was looked at, as if the input ended there.
  Text FirstLines(uint32_t lines) const;

 private:
  // Lines of one format that are not regular as they stand, or too few to be a run: rewritten, and gathered.
  struct SideRun {
    std::string text;
    std::vector<uint32_t> block_lines;
    LineIndex index;
  };
  // Shorter runs are gathered instead, so that formats that alternate never make runs of one line.
  static constexpr uint32_t kMinRun = 16;

  void AddToSide(const LineSegment& segment, int format_id);
  void Feed(const RegularRun& run, LineState before, RunStats* stats);
  void CountStatus(const RegularRun& run, RunStats* stats);
  // The id of the format of text_.header, -1 if it names no field.
  int HeaderFormat() const;
  uint32_t num_lines() const { return text_.arrow != nullptr ? text_.rows.count : lines_.num_lines(); }

  FormatTable* formats_;
  std::vector<LocalSink*> sinks_;
  Text text_;
  Lines lines_;
  ArrowRows rows_;
  BlockContext block_;
  RecordBatch batch_;
  std::vector<std::unique_ptr<SideRun>> sides_;  // by format
  std::vector<int> used_sides_;
  std::string line_;  // of a bad value
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_BLOCK_SCANNER_H_
