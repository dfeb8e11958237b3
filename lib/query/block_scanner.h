// BlockScanner: one worker's way from the text of a block to the sinks.
//
//   text -> lines -> [format in force, handed over in order] -> segments -> regular runs -> batches -> sinks
//   rows of Arrow ----------------------------------------------------------------------> batch --->
#ifndef FLOWLOGS_LIB_QUERY_BLOCK_SCANNER_H_
#define FLOWLOGS_LIB_QUERY_BLOCK_SCANNER_H_

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
  // Waits until all blocks before `sequence` have passed theirs on.
  LineState Take(uint64_t sequence) {
    std::unique_lock lock(mutex_);
    passed_.wait(lock, [&] { return next_ == sequence; });
    return state_;
  }
  // The block that took the state passes on its own.
  void Pass(LineState state) {
    {
      const std::lock_guard lock(mutex_);
      state_ = state;
      ++next_;
    }
    passed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable passed_;
  uint64_t next_ = 0;
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
