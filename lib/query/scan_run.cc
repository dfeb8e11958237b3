#include "lib/query/scan_run.h"

#include <algorithm>
#include <new>
#include <system_error>

#include "lib/query/process_limits.h"
#include "lib/query/status.h"

namespace flowlogs {
inline namespace v1 {

ScanRun::ScanRun(InputSet* inputs, FormatTable* formats, std::vector<SinkFactory> sinks, RunOptions options)
    : inputs_(inputs),
      formats_(formats),
      factories_(std::move(sinks)),
      options_(std::move(options)),
      rows_left_(options.limit.value_or(0)) {
  if (options_.limit) options_.threads = 1;
  options_.threads = std::max(1, options_.threads);
  cut_ = options_.limit == uint64_t{0};
  inputs_->BeginReading(!options_.limit.has_value());
}

ScanRun::~ScanRun() { Stop(); }

std::unique_ptr<ScanRun::Worker> ScanRun::MakeWorker() const {
  auto worker = std::make_unique<Worker>();
  std::vector<LocalSink*> sinks;
  for (const SinkFactory& make : factories_) {
    worker->sinks.push_back(make());
    sinks.push_back(worker->sinks.back().get());
  }
  worker->scanner = std::make_unique<BlockScanner>(formats_, std::move(sinks));
  return worker;
}

std::optional<ScanRun::Claimed> ScanRun::Claim(Worker* worker) {
  // With `raise`, blocks are claimed in input order, so that the first problem that stops the run is the first of all.
  const size_t most_active = options_.ordered || options_.raise ? 1 : static_cast<size_t>(options_.threads);
  const uint64_t window = static_cast<uint64_t>(options_.threads) + 2;  // blocks in memory of an ordered run
  std::unique_lock lock(mutex_);
  for (;;) {
    if (inputs_->control()->is_ended()) stopped_ = true;
    if (stopped_ || cut_) return std::nullopt;
    InputRun* run = nullptr;
    if (!options_.ordered || next_order_ - next_out_ < window) {
      const auto idle = std::find_if(active_.begin(), active_.end(), [](const InputRun* r) { return !r->busy; });
      if (idle != active_.end()) {
        run = *idle;
      } else if (active_.size() < most_active && next_input_ < inputs_->inputs().size()) {
        run = inputs_->inputs()[next_input_++].get();
        active_.push_back(run);
      } else if (active_.empty()) {
        return std::nullopt;
      }
    }
    if (run == nullptr) {
      ++waiting_;
      changed_.wait(lock);
      --waiting_;
      continue;
    }
    if (run->input != nullptr && run->input->claims_at_once() && run->input->Claim(&worker->block)) {
      run->reading = run->input.get();
      ++run->unloaded_blocks;
      return Claimed{run, next_order_++};
    }
    run->busy = true;
    lock.unlock();
    // Opening, reading and inflating need no lock: the input is this worker's for the moment.
    const bool in_caller = options_.threads == 1;
    const bool claimed = run->source.is_stream() && !in_caller ? ClaimInCaller(run, &worker->block)
                                                               : ClaimFrom(run, &worker->block, in_caller);
    lock.lock();
    run->busy = false;
    run->reading = claimed ? run->input.get() : nullptr;
    if (claimed) {
      ++run->unloaded_blocks;
      NotifyWorkers();
      return Claimed{run, next_order_++};
    }
    // Of a Parquet file nobody tells how much of it is read.
    if (run->input != nullptr) {
      done_bytes_ += run->arrow ? run->stored_bytes.value_or(0) : run->input->stored_bytes_read();
    }
    active_.erase(std::find(active_.begin(), active_.end(), run));
    run->ended = true;
    std::unique_ptr<Input> read_input = TakeIfRead(run);
    NotifyWorkers();
    lock.unlock();
    read_input.reset();
    lock.lock();
  }
}

void ScanRun::NotifyWorkers() {
  if (waiting_ > 0) changed_.notify_all();
}

void ScanRun::NotifyAll() {
  changed_.notify_all();
  caller_changed_.notify_all();
}

std::unique_ptr<Input> ScanRun::TakeIfRead(InputRun* run) {
  if (!run->ended || run->unloaded_blocks > 0 || run->input == nullptr) return nullptr;
  if (!run->input->can_be_reopened()) return nullptr;
  run->damage = run->input->damage();
  return std::move(run->input);
}

bool ScanRun::ClaimFrom(InputRun* run, Block* block, bool in_caller) {
  RunControl* const control = inputs_->control();
  inputs_->Prepare(run, [=] { return in_caller ? control->Ask() : !control->is_ended(); });
  return run->input != nullptr && run->input->Claim(block);
}

// Source::Stream() promises its reader the calling thread. Nothing is lost by it: that thread has nothing else to do, and
// an input is claimed by one thread at a time anyway.
bool ScanRun::ClaimInCaller(InputRun* run, Block* block) {
  Errand errand;
  errand.run = run;
  errand.block = block;
  std::unique_lock lock(mutex_);
  errands_.push_back(&errand);
  caller_changed_.notify_all();
  ++waiting_;
  changed_.wait(lock, [&] {
    return errand.state == Errand::State::kDone || (stopped_ && errand.state == Errand::State::kWaiting);
  });
  --waiting_;
  std::erase(errands_, &errand);
  if (errand.failure != nullptr) std::rethrow_exception(errand.failure);
  return errand.claimed;
}

template <typename F>
void ScanRun::Wait(std::unique_lock<std::mutex>& lock, F is_done) {
  while (!is_done()) {
    if (errands_.empty()) {
      caller_changed_.wait_for(lock, RunControl::kSlice, [&] { return is_done() || !errands_.empty(); });
    } else {
      Errand* const errand = errands_.back();
      errands_.pop_back();
      errand->state = Errand::State::kTaken;
      lock.unlock();
      try {
        errand->claimed = ClaimFrom(errand->run, errand->block, true);
      } catch (...) {
        errand->failure = std::current_exception();
      }
      lock.lock();
      errand->state = Errand::State::kDone;
      NotifyWorkers();
    }
    if (is_done()) return;
    lock.unlock();
    const bool goes_on = Ask();
    if (!goes_on) Stop();
    lock.lock();
    if (!goes_on) return;
  }
}

std::vector<RowChunk> ScanRun::ScanBlock(Worker* worker, const Claimed& claimed) {
  Block& block = worker->block;
  BlockScanner& scanner = *worker->scanner;
  LineState before;
  try {
    claimed.input->input->Load(&block);
    scanner.Look({block.text(),
            block.sequence() == 0,
            {block.last_line_too_long(), block.last_line_unfinished(), block.last_line_broken()},
            claimed.input->index,
            &claimed.input->source.name(),
            claimed.input->arrow ? &*claimed.input->arrow : nullptr,
            block.arrow(),
            block.header(),
            block.skipped(),
            block.events()});
    before = claimed.input->hand_over->Take(block.sequence(), has_failed_);
    if (before.is_ended) {
      // Loaded before the damage in front of it was met: not input, so there is nothing to scan or to count.
      scanner.Look(scanner.FirstLines(0));
    }
    LineState after = scanner.After(before);
    after.is_ended = before.is_ended || block.ends_input();
    claimed.input->hand_over->Pass(after);
  } catch (const std::bad_alloc&) {
    // Whoever waits for this block must not wait for ever. The run has failed.
    claimed.input->hand_over->Pass(claimed.input->hand_over->Take(block.sequence(), has_failed_));
    throw;
  }
  if (claimed.input->spool != nullptr) {
    if (absl::Status status = claimed.input->spool->Append(block); !status.ok()) {
      const std::lock_guard lock(mutex_);
      failure_ = std::move(status);
      stopped_ = true;
    }
  }
  std::unique_ptr<Input> read_input;  // closed without the lock: an Arrow stream's release may wait for others
  {
    const std::lock_guard lock(mutex_);
    --claimed.input->unloaded_blocks;
    read_input = TakeIfRead(claimed.input);
  }
  read_input.reset();
  RunStats stats;
  scanner.Scan(before, &stats);
  std::vector<RowChunk> chunks;
  auto end_block = [&] {
    chunks.clear();
    if (!options_.ordered) return;
    for (const auto& sink : worker->sinks) chunks.push_back(sink->EndBlock());
  };
  end_block();
  if (options_.limit) {
    if (chunks[0].num_rows() >= rows_left_) {
      // The rest of the block was not needed: it is scanned again up to the last row, as if it had not been read.
      const uint32_t last_line = chunks[0].block_lines[rows_left_ - 1];
      scanner.Look(scanner.FirstLines(last_line + 1));
      stats = RunStats();
      scanner.Scan(before, &stats);
      end_block();
      const std::lock_guard lock(mutex_);
      cut_ = true;
    }
    rows_left_ -= chunks[0].num_rows();
  }
  CountState(worker);
  records_.fetch_add(stats.records(), std::memory_order_relaxed);
  const std::optional<RunStats::First> first = options_.raise ? stats.first() : std::nullopt;
  worker->stats.Merge(std::move(stats));
  if (first) {
    if (options_.ordered) {
      // Only what stands before the first problem leaves.
      scanner.Look(scanner.FirstLines(static_cast<uint32_t>(first->place.line - before.lines - 1)));
      RunStats ignored;
      scanner.Scan(before, &ignored);
      end_block();
    }
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    raised_order_ = std::min(raised_order_, claimed.order);
  }
  return chunks;
}

uint64_t ScanRun::MaxStateBytes(uint64_t bytes) {
  constexpr uint64_t kFew = 16 << 20;
  if (options_.max_state_bytes > 0) return options_.max_state_bytes;
  if (bytes <= kFew) return kFew;
  std::call_once(usable_once_, [&] { usable_bytes_ = UsableGroupBytes(); });
  return std::max(kFew, usable_bytes_);
}

void ScanRun::CountState(Worker* worker) {
  size_t bytes = 0;
  for (const auto& sink : worker->sinks) bytes += sink->state_bytes();
  const size_t grown = bytes - worker->state_bytes;  // modulo 2^64 if it shrank
  if (grown == 0) return;
  worker->state_bytes = bytes;
  const uint64_t total = state_bytes_.fetch_add(grown, std::memory_order_relaxed) + grown;
  const uint64_t most = MaxStateBytes(total);
  if (total <= most) return;
  const std::lock_guard lock(mutex_);
  failure_ = GroupLimitStatus(total, most);
  stopped_ = true;
}

void ScanRun::WorkerMain(Worker* worker) {
  try {
    while (const std::optional<Claimed> claimed = Claim(worker)) {
      std::vector<RowChunk> chunks = ScanBlock(worker, *claimed);
      if (options_.threads == 1) Ask();
      if (!options_.ordered) continue;
      const std::lock_guard lock(mutex_);
      ready_[claimed->order] = std::move(chunks);
      if (claimed->order == next_out_) caller_changed_.notify_all();
    }
  } catch (const std::bad_alloc&) {
    has_failed_ = true;
    const std::lock_guard lock(mutex_);
    failure_ = OutOfMemoryStatus();
    stopped_ = true;
  }
  {
    const std::lock_guard lock(mutex_);
    --running_;
  }
  NotifyAll();
}

void ScanRun::StartThreads() {
  for (int i = 0; i < options_.threads; ++i) workers_.push_back(MakeWorker());
  for (const auto& worker : workers_) {
    {
      const std::lock_guard lock(mutex_);
      ++running_;
    }
    try {
      threads_.emplace_back(&ScanRun::WorkerMain, this, worker.get());
    } catch (const std::system_error&) {
      // There are no more threads to be had: fewer give the same answer.
      const std::lock_guard lock(mutex_);
      --running_;
      break;
    }
  }
  if (threads_.empty()) options_.threads = 1;  // nor a single one: the calling thread does it
}

void ScanRun::RunToEnd() {
  if (options_.threads > 1) StartThreads();
  if (options_.threads == 1) {
    if (workers_.empty()) workers_.push_back(MakeWorker());
    running_ = 1;
    WorkerMain(workers_[0].get());
  } else {
    std::unique_lock lock(mutex_);
    Wait(lock, [&] { return running_ == 0; });
    lock.unlock();
    Join();
  }
  inputs_->control()->Tell(Figures());
}

bool ScanRun::Ask() {
  return inputs_->control()->Ask([this] { return Figures(); });
}

Progress ScanRun::Figures() const {
  const std::lock_guard lock(mutex_);
  Progress progress;
  progress.done_bytes = done_bytes_;
  bool is_known = true;
  for (const auto& run : inputs_->inputs()) {
    is_known &= run->stored_bytes.has_value();
    progress.total_bytes += run->stored_bytes.value_or(0);
  }
  if (!is_known) progress.total_bytes = 0;
  for (const InputRun* run : active_) {
    if (run->reading != nullptr) progress.done_bytes += run->reading->stored_bytes_read();
  }
  progress.records = records_.load(std::memory_order_relaxed);
  return progress;
}

std::optional<std::vector<RowChunk>> ScanRun::Next() {
  std::optional<std::vector<RowChunk>> chunks;
  if (Ask()) chunks = options_.threads == 1 ? NextOfCaller() : NextOfThreads();
  if (inputs_->control()->is_ended()) {
    Stop();
    return std::nullopt;
  }
  if (!chunks) inputs_->control()->Tell(Figures());
  return chunks;
}

std::optional<std::vector<RowChunk>> ScanRun::NextOfCaller() {
  if (workers_.empty()) workers_.push_back(MakeWorker());
  Worker* worker = workers_[0].get();
  try {
    const std::optional<Claimed> claimed = Claim(worker);
    if (!claimed) return std::nullopt;
    std::vector<RowChunk> chunks = ScanBlock(worker, *claimed);
    ++next_out_;
    return chunks;
  } catch (const std::bad_alloc&) {
    failure_ = OutOfMemoryStatus();
    return std::nullopt;
  }
}

std::optional<std::vector<RowChunk>> ScanRun::NextOfThreads() {
  if (threads_.empty() && workers_.empty()) StartThreads();
  if (options_.threads == 1) return NextOfCaller();
  std::unique_lock lock(mutex_);
  const auto is_ready = [&] { return next_out_ <= raised_order_ && ready_.contains(next_out_); };
  Wait(lock, [&] { return is_ready() || running_ == 0; });
  const auto next = ready_.find(next_out_);
  // Nothing leaves behind the block with the first problem of a run that raises.
  if (next == ready_.end() || next_out_ > raised_order_) return std::nullopt;
  std::vector<RowChunk> chunks = std::move(next->second);
  ready_.erase(next);
  ++next_out_;
  NotifyWorkers();
  return chunks;
}

void ScanRun::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  NotifyAll();
  Join();
}

void ScanRun::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<LocalSink*> ScanRun::sinks(size_t sink) const {
  std::vector<LocalSink*> sinks;
  for (const auto& worker : workers_) sinks.push_back(worker->sinks[sink].get());
  return sinks;
}

Stats ScanRun::FinishStats() const {
  RunStats all;
  for (const auto& worker : workers_) {
    RunStats copy = worker->stats;
    all.Merge(std::move(copy));
  }
  std::vector<std::string> names;
  for (const auto& run : inputs_->inputs()) names.push_back(run->source.name());
  Stats stats = all.Finish(*formats_, names);
  stats.inputs = names.size();
  {
    const std::lock_guard lock(mutex_);
    stats.complete = !stopped_ && !cut_ && next_input_ == inputs_->inputs().size() && active_.empty();
  }
  for (const auto& run : inputs_->inputs()) {
    if (!run->status.ok()) {
      const uint64_t offset = run->damage ? run->damage->offset : 0;
      stats.errors.push_back({run->source.name(), offset, std::string(run->status.message())});
      continue;
    }
    const std::optional<InputDamage> damage = run->input != nullptr ? run->input->damage() : run->damage;
    if (damage) stats.errors.push_back({run->source.name(), damage->offset, damage->message, damage->is_limit});
  }
  if (!stats.errors.empty()) stats.complete = false;
  AddNewFields(inputs_->columns(), &stats);
  return stats;
}

absl::Status ScanRun::status() const {
  if (!failure_.ok()) return failure_;
  if (absl::Status status = inputs_->control()->status(); !status.ok()) return status;
  if (options_.raise) {
    std::optional<RunStats::First> first;
    for (const auto& worker : workers_) {
      std::optional<RunStats::First> own = worker->stats.first();
      if (own && (!first || own->place < first->place)) first = std::move(own);
    }
    if (first) {
      const std::string& source = inputs_->inputs()[first->place.input]->source.name();
      return ParseErrorStatus(source, first->place.line, first->reason, first->text);
    }
  }
  const auto& runs = inputs_->inputs();
  const bool none = std::all_of(runs.begin(), runs.end(), [](const auto& run) { return !run->status.ok(); });
  return none && !runs.empty() ? InputErrorStatus(runs[0]->status) : absl::OkStatus();
}

}  // namespace v1
}  // namespace flowlogs
