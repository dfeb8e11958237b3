// ScanRun: one pass over the inputs of a scan, with any number of sinks and threads.
#ifndef FLOWLOGS_LIB_QUERY_SCAN_RUN_H_
#define FLOWLOGS_LIB_QUERY_SCAN_RUN_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "flowlogs/io/input.h"
#include "flowlogs/query/query.h"
#include "lib/io/spool.h"
#include "lib/query/block_scanner.h"
#include "lib/query/format_table.h"
#include "lib/query/run_control.h"
#include "lib/query/run_stats.h"
#include "lib/query/sink.h"

namespace flowlogs {
inline namespace v1 {

class ReadAhead;

// The sources and options that the queries of one Scan() share. Inputs that can be read only once are kept here between
// a look at their format and the run that reads them. Thread-safe.
struct ScanSpec {
  std::vector<Source> sources;
  ScanOptions options;
  std::optional<AddressSet> internal;  // of options.internal

  std::mutex mutex;
  struct Once {
    std::unique_ptr<Input> input;  // opened, not yet read
    bool read = false;
  };
  std::map<size_t, Once> once;  // by place among the resolved sources
};

// An input of a run.
struct InputRun {
  uint32_t index = 0;
  Source source{""};
  std::unique_ptr<Input> input;
  std::unique_ptr<HandOver> hand_over;
  std::shared_ptr<BlockSpool> spool;  // of an input that is read twice and can be read only once
  std::optional<Format> first_format;
  std::optional<ArrowFormat> arrow;  // of an input of Arrow
  absl::Status status;  // why the input could not be opened or understood
  bool busy = false;    // a worker opens it or claims a block from it
  bool ended = false;   // there are no more blocks to claim
  uint32_t unloaded_blocks = 0;       // that are claimed
  std::optional<InputDamage> damage;  // of an input that was read to its end, and closed
  std::optional<uint64_t> stored_bytes;  // known before it is opened: files and bytes
  std::optional<size_t> remote;          // its number in the ReadAhead
  const Input* reading = nullptr;        // what progress looks at, under the run's lock
};

// The inputs of a scan, opened far enough to know their first formats (of the first 256 of them).
class InputSet {
 public:
  // In the calling thread; `formats` and `control` outlive the set. CANCELLED once `control` is ended. `events`: see
  // InputOptions.
  static absl::StatusOr<InputSet> Open(const std::shared_ptr<ScanSpec>& spec, FormatTable* formats, size_t block_bytes,
                                       bool events, RunControl* control);

  RunControl* control() const { return control_; }

  std::vector<std::unique_ptr<InputRun>>& inputs() { return inputs_; }
  // Whether there is known to be so little in all of them that a second thread is not worth its start.
  bool is_small() const { return is_small_; }
  // The union, in order of first appearance, of the first formats (CONTRACT L12). Names with hyphens for known fields.
  const std::vector<FormatColumn>& columns() const { return columns_; }
  // Opens the input if it is not open, and tells the format at its beginning. Afterwards `input` is open or `status` says
  // why not. `keep_going`: see InputOptions; once it says no, `status` means nothing.
  void Prepare(InputRun* run, std::function<bool()> keep_going) const;
  // Before the first of two passes, in the calling thread: inputs that can be read only once will be kept, text in a
  // temporary file, batches of Arrow in memory. After it: back to the beginning.
  absl::Status KeepForSecondPass();
  void Rewind();
  // The run begins. `all`: it reads everything, not just what a few rows need.
  void BeginReading(bool all);
  // What the run will read of Parquet files: see ParquetOpener. Before the run; all columns otherwise.
  void SetNeededColumns(std::vector<std::string> columns);
  // Gives back what was opened and can be read only once: nothing was read from it.
  void ReturnUnread();

 private:
  // What the input begins with: format and state in front of its first line. An error if the format cannot be told.
  absl::Status Begin(InputRun* run) const;

  std::shared_ptr<ScanSpec> spec_;
  FormatTable* formats_ = nullptr;
  size_t block_bytes_ = 0;
  bool events_ = false;
  RunControl* control_ = nullptr;
  std::shared_ptr<ReadAhead> read_ahead_;  // of remote sources
  std::vector<std::unique_ptr<InputRun>> inputs_;
  bool is_small_ = false;
  std::vector<FormatColumn> columns_;
  std::optional<std::vector<std::string>> needed_columns_;
};

// How a run is done. `ordered`: rows leave in input order. `limit`: stop after that many rows of the only sink; such a
// run uses the calling thread alone, so that what it has read is exactly what its stats count.
struct RunOptions {
  int threads = 1;
  bool ordered = false;
  std::optional<uint64_t> limit = {};
  bool raise = false;  // stop at the first problem or bad value
  // Of all sinks together. 0: UsableGroupBytes(), but for the first 16 MiB: nobody asks how much
  // that is, which takes longer than a small run, before somebody needs as much.
  uint64_t max_state_bytes = std::numeric_limits<uint64_t>::max();
};

class ScanRun {
 public:
  using SinkFactory = std::function<std::unique_ptr<LocalSink>()>;

  // `inputs`, made with the same formats, and what the factories refer to outlive the run.
  ScanRun(InputSet* inputs, FormatTable* formats, std::vector<SinkFactory> sinks, RunOptions options);
  // Stops and joins.
  ~ScanRun();

  // Unordered: reads everything. Ordered: call Next() instead.
  void RunToEnd();
  // The rows of the next block, one chunk per sink; nullopt at the end.
  std::optional<std::vector<RowChunk>> Next();

  // After the end: OK, or why there is no answer (it was stopped, the first problem with `raise`, no input could be read).
  absl::Status status() const;
  Stats FinishStats() const;
  // The sinks of all workers for sink number `sink`.
  std::vector<LocalSink*> sinks(size_t sink) const;

 private:
  struct Worker {
    std::vector<std::unique_ptr<LocalSink>> sinks;
    std::unique_ptr<BlockScanner> scanner;
    RunStats stats;
    Block block;
    size_t state_bytes = 0;  // of its sinks
  };
  struct Claimed {
    InputRun* input = nullptr;
    uint64_t order = 0;
  };
  // A claim that a worker leaves to the calling thread.
  struct Errand {
    InputRun* run = nullptr;
    Block* block = nullptr;
    enum class State { kWaiting, kTaken, kDone } state = State::kWaiting;
    bool claimed = false;
    std::exception_ptr failure;  // out of memory
  };

  std::unique_ptr<Worker> MakeWorker() const;
  // The next block into worker->block; nullopt at the end or after a stop.
  std::optional<Claimed> Claim(Worker* worker);
  // Have them look again, if they wait. NotifyWorkers() is called with the lock.
  void NotifyWorkers();
  void NotifyAll();
  // The input, to be closed, if it is read to its end: there may be more files than can be open. With the lock.
  static std::unique_ptr<Input> TakeIfRead(InputRun* run);
  std::vector<RowChunk> ScanBlock(Worker* worker, const Claimed& claimed);
  // The limit of what the sinks hold, `bytes` by now.
  uint64_t MaxStateBytes(uint64_t bytes);
  // Ends the run if its sinks have taken too much.
  void CountState(Worker* worker);
  // Opens the input if need be, and claims its next block.
  bool ClaimFrom(InputRun* run, Block* block, bool in_caller);
  // Has the calling thread do it, while that waits in RunToEnd() or Next(). False if the run ends before.
  bool ClaimInCaller(InputRun* run, Block* block);
  // In the calling thread: what is asked of it, until `is_done` (called with the lock) or the run is ended.
  template <typename F>
  void Wait(std::unique_lock<std::mutex>& lock, F is_done);
  // Asks the control if it is time. In the calling thread, without the lock.
  bool Ask();
  Progress Figures() const;
  std::optional<std::vector<RowChunk>> NextOfCaller();
  std::optional<std::vector<RowChunk>> NextOfThreads();
  void StartThreads();
  void WorkerMain(Worker* worker);
  void Stop();
  void Join();

  InputSet* inputs_;
  FormatTable* formats_;
  std::vector<SinkFactory> factories_;
  RunOptions options_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // workers wait for it, and are counted in waiting_
  size_t waiting_ = 0;
  std::condition_variable caller_changed_;  // the calling thread waits for it
  std::vector<InputRun*> active_;
  std::vector<Errand*> errands_;  // that wait
  size_t next_input_ = 0;
  uint64_t next_order_ = 0;  // of the next block that is claimed
  uint64_t next_out_ = 0;    // of the next block that leaves
  uint64_t raised_order_ = ~uint64_t{0};  // of the block with the first problem, of a run that raises
  std::map<uint64_t, std::vector<RowChunk>> ready_;
  size_t running_ = 0;  // threads
  bool stopped_ = false;
  std::atomic<bool> has_failed_ = false;  // for want of memory
  bool cut_ = false;  // the limit was reached
  std::atomic<uint64_t> records_ = 0;
  std::atomic<uint64_t> state_bytes_ = 0;
  std::once_flag usable_once_;
  uint64_t usable_bytes_ = 0;  // UsableGroupBytes(), once somebody needs it
  uint64_t rows_left_ = 0;
  uint64_t done_bytes_ = 0;  // of inputs that are read to their end
  absl::Status failure_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_SCAN_RUN_H_
