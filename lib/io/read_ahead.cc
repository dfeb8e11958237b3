#include "lib/io/read_ahead.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"

#include "lib/io/source_access.h"

namespace flowlogs {
inline namespace v1 {

// One source. Guarded by the state's mutex, but for the reader while `is_busy`, and for the bytes of pieces.
struct ReadAhead::Entry {
  explicit Entry(Source source) : source(std::move(source)) {}

  struct Piece {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };
  const Source source;
  std::deque<Piece> pieces;
  size_t place = 0;  // the piece, and the byte in it, that the stream reads next
  size_t offset = 0;
  size_t bytes = 0;           // of all pieces
  bool has_beginning = true;  // the first piece is that of the content
  bool is_open = false;       // as a stream
  bool is_begun = false;      // there is, or was, a reader
  bool is_busy = false;       // a thread is at its reader
  bool is_dropped = false;    // while it was busy: what comes is of no use
  bool is_done = false;       // it was read, and closed
  bool is_ended = false;
  absl::Status status;  // why it ended
  std::optional<Source::Reader> reader;
  std::stop_source stop;
};

struct ReadAhead::State {
  explicit State(const Options& options) : options(options) {}

  const Options options;
  std::mutex mutex;
  std::condition_variable hungry;   // threads wait for something to bring
  std::condition_variable arrived;  // streams wait for their bytes
  std::condition_variable left;     // the last thread has ended
  std::deque<Entry> entries;
  size_t first = 0;                // all before it are done, or were passed over
  std::vector<Entry*> waited_for;  // a few
  size_t looked = 0;               // the last one that was opened
  bool is_reading = false;
  bool reads_all = false;
  bool is_stopped = false;
  size_t running = 0;
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<char[]>> spare;  // pieces that were read: their memory is used again

  void Keep(std::unique_ptr<char[]> bytes, size_t size) {
    // One that holds more than a first piece is as large as any.
    const bool is_whole = size > options.first_bytes || options.first_bytes >= options.piece_bytes;
    if (is_whole && size >= options.piece_bytes / 2 && spare.size() < options.threads) spare.push_back(std::move(bytes));
  }

  // The next source to be brought. With the lock.
  Entry* Pick() {
    for (Entry* entry : waited_for) {
      if (!entry->is_busy && !entry->is_ended && entry->place == entry->pieces.size()) return entry;
    }
    while (first < entries.size() && entries[first].is_done) ++first;
    const size_t from = is_reading ? first : looked;
    const size_t ahead = is_reading && !reads_all ? 2 : 2 * options.threads;
    const size_t end = std::min(entries.size(), from + ahead);
    size_t held = 0;
    Entry* found = nullptr;
    for (size_t i = from; i < end; ++i) {
      Entry& entry = entries[i];
      held += entry.bytes;
      if (entry.is_busy || entry.is_ended || entry.is_done) continue;
      if (found != nullptr) continue;
      if (is_reading ? entry.bytes < options.max_source_bytes : entry.pieces.empty() && entry.has_beginning) {
        found = &entry;
      }
    }
    return is_reading && held >= options.max_bytes ? nullptr : found;
  }

  // What a source leaves behind: let go without the lock, since others' code is called.
  struct Remains {
    std::optional<Source::Reader> reader;
    std::optional<std::stop_source> stop;

    void LetGo() {
      if (stop) stop->request_stop();
      reader.reset();
    }
  };
  // As if nothing had come of it. With the lock.
  [[nodiscard]] static Remains Reset(Entry* entry) {
    Remains remains;
    if (entry->is_begun) remains.stop = std::exchange(entry->stop, std::stop_source());
    if (entry->is_busy) {
      entry->is_dropped = true;
    } else {
      remains.reader = std::exchange(entry->reader, std::nullopt);
    }
    entry->pieces.clear();
    entry->place = entry->offset = entry->bytes = 0;
    entry->has_beginning = true;
    entry->is_begun = entry->is_done = entry->is_ended = false;
    entry->status = absl::OkStatus();
    return remains;
  }
};

class AheadStream : public ByteStream {
 public:
  AheadStream(std::shared_ptr<ReadAhead::State> state, ReadAhead::Entry* entry, std::unique_ptr<ReadAhead> owned)
      : owned_(std::move(owned)), state_(std::move(state)), entry_(*entry) {}
  ~AheadStream() override { Close(); }

  Result Read(char* to, size_t size) override {
    size_t have = 0;
    std::unique_lock lock(state_->mutex);
    while (have < size) {
      if (entry_.place == entry_.pieces.size()) {
        if (have > 0) break;
        if (entry_.is_ended) {
          if (!entry_.status.ok()) damage_ = InputDamage{bytes_read_, std::string(entry_.status.message())};
          return {};
        }
        if (state_->is_stopped) {
          damage_ = InputDamage{bytes_read_, "the run was stopped"};
          return {};
        }
        state_->waited_for.push_back(&entry_);
        state_->hungry.notify_one();
        state_->arrived.wait_for(lock, std::chrono::milliseconds(kSliceMilliseconds), [this] {
          return entry_.place < entry_.pieces.size() || entry_.is_ended || state_->is_stopped;
        });
        std::erase(state_->waited_for, &entry_);
        if (entry_.place == entry_.pieces.size() && !entry_.is_ended) return {0, State::kNothingYet};
        continue;
      }
      ReadAhead::Entry::Piece& piece = entry_.pieces[entry_.place];
      const char* const from = piece.bytes.get() + entry_.offset;
      const size_t n = std::min(size - have, piece.size - entry_.offset);
      lock.unlock();
      std::memcpy(to + have, from, n);  // pieces stay where they are while others are added
      lock.lock();
      have += n;
      entry_.offset += n;
      if (entry_.offset == piece.size) {
        ++entry_.place;
        entry_.offset = 0;
        Forget();
      }
    }
    bytes_read_ += have;
    return {have, State::kMore};
  }

  std::optional<InputDamage> damage() const override { return damage_; }
  uint64_t stored_bytes_read() const override { return bytes_read_; }
  bool is_live() const override { return true; }

 private:
  // Beginnings are kept as long as they are short: they will be read again.
  static constexpr size_t kKeptBytes = 1 << 20;

  // Pieces that were read, with the lock.
  void Forget() {
    if (!state_->is_reading && entry_.has_beginning && entry_.bytes <= kKeptBytes) return;
    entry_.has_beginning = false;
    for (; entry_.place > 0; --entry_.place) {
      ReadAhead::Entry::Piece& piece = entry_.pieces.front();
      entry_.bytes -= piece.size;
      state_->Keep(std::move(piece.bytes), piece.size);
      entry_.pieces.pop_front();
    }
    state_->hungry.notify_one();
  }

  void Close() {
    ReadAhead::State::Remains remains;
    {
      const std::lock_guard lock(state_->mutex);
      entry_.is_open = false;
      if (!state_->is_reading && entry_.has_beginning) {
        entry_.place = entry_.offset = 0;
      } else {
        remains = ReadAhead::State::Reset(&entry_);
        entry_.is_done = state_->is_reading;
      }
      state_->hungry.notify_one();
    }
    remains.LetGo();
  }

  std::unique_ptr<ReadAhead> owned_;
  const std::shared_ptr<ReadAhead::State> state_;
  ReadAhead::Entry& entry_;
  uint64_t bytes_read_ = 0;
  std::optional<InputDamage> damage_;
};

ReadAhead::ReadAhead(std::vector<Source> sources) : ReadAhead(std::move(sources), Options()) {}

ReadAhead::ReadAhead(std::vector<Source> sources, const Options& options) : state_(std::make_shared<State>(options)) {
  for (Source& source : sources) state_->entries.emplace_back(std::move(source));
  const size_t threads = std::min(options.threads, state_->entries.size());
  const std::lock_guard lock(state_->mutex);
  for (size_t i = 0; i < threads; ++i) {
    try {
      state_->threads.emplace_back([state = state_] { Work(state); });
      ++state_->running;
    } catch (const std::system_error&) {
      if (i == 0) {
        // Without any thread nothing comes: that is damage of each source.
        for (Entry& entry : state_->entries) {
          entry.is_ended = true;
          entry.status = absl::ResourceExhaustedError("the system gives no thread to read it in; end other programs");
        }
      }
      break;
    }
  }
}

ReadAhead::~ReadAhead() {
  std::vector<std::stop_source> stops;
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_stopped = true;
    for (const Entry& entry : state_->entries) {
      if (entry.is_begun) stops.push_back(entry.stop);
    }
  }
  state_->hungry.notify_all();
  state_->arrived.notify_all();
  for (std::stop_source& stop : stops) stop.request_stop();
  std::unique_lock lock(state_->mutex);
  const bool have_ended =
      state_->left.wait_for(lock, std::chrono::milliseconds(300), [this] { return state_->running == 0; });
  std::vector<std::thread> threads = std::move(state_->threads);
  lock.unlock();
  for (std::thread& thread : threads) {
    if (have_ended) {
      thread.join();
    } else {
      thread.detach();  // the state lives as long as the last of them
    }
  }
}

ReadAhead::Entry* ReadAhead::Take(size_t index) {
  Entry& entry = state_->entries[index];
  const std::lock_guard lock(state_->mutex);
  entry.is_done = false;
  entry.is_open = true;
  size_t& first = state_->first;
  first = std::min(first, index);
  // Those in between are not read: what is needed of them was seen when they were looked at.
  while (state_->is_reading && first < index && !state_->entries[first].is_open) ++first;
  if (!state_->is_reading) state_->looked = index;
  state_->hungry.notify_all();
  return &entry;
}

std::unique_ptr<ByteStream> ReadAhead::Open(size_t index) {
  return std::make_unique<AheadStream>(state_, Take(index), nullptr);
}

std::unique_ptr<ByteStream> ReadAhead::OpenOwned(std::unique_ptr<ReadAhead> ahead) {
  const std::shared_ptr<State> state = ahead->state_;
  Entry* const entry = ahead->Take(0);
  return std::make_unique<AheadStream>(state, entry, std::move(ahead));
}

void ReadAhead::BeginReading(bool all) {
  const std::lock_guard lock(state_->mutex);
  state_->is_reading = true;
  state_->reads_all = all;
  state_->hungry.notify_all();
}

void ReadAhead::Restart() {
  std::vector<State::Remains> all;
  {
    const std::lock_guard lock(state_->mutex);
    for (Entry& entry : state_->entries) {
      if (entry.is_begun || entry.is_done) all.push_back(State::Reset(&entry));
    }
    state_->first = 0;
  }
  for (State::Remains& remains : all) remains.LetGo();
  state_->hungry.notify_all();
}

void ReadAhead::Work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (!state->is_stopped) {
    Entry* const entry = state->Pick();
    if (entry == nullptr) {
      state->hungry.wait(lock);
      continue;
    }
    entry->is_busy = entry->is_begun = true;
    std::stop_source stop = entry->stop;
    const bool is_first = entry->has_beginning && entry->pieces.empty();
    const size_t size =
        is_first ? std::min(state->options.first_bytes, state->options.piece_bytes) : state->options.piece_bytes;
    Entry::Piece piece;
    if (!is_first && !state->spare.empty()) {
      piece.bytes = std::move(state->spare.back());
      state->spare.pop_back();
    }
    lock.unlock();
    absl::Status status;
    try {
      if (!entry->reader) {
        absl::StatusOr<Source::Reader> reader = SourceAccess::OpenRemote(entry->source, stop.get_token());
        if (reader.ok()) {
          entry->reader = *std::move(reader);
        } else {
          status = reader.status();
        }
      }
      if (status.ok()) {
        if (piece.bytes == nullptr) piece.bytes = std::make_unique_for_overwrite<char[]>(size);
        const absl::StatusOr<size_t> n = (*entry->reader)(piece.bytes.get(), size);
        if (!n.ok()) {
          status = n.status();
        } else if (*n > size) {
          status = absl::InternalError("the reader brought more bytes than were asked for; correct the reader");
        } else {
          piece.size = *n;
        }
      }
      if (piece.size > 0 && piece.size < size / 2) {
        auto shorter = std::make_unique_for_overwrite<char[]>(piece.size);
        std::memcpy(shorter.get(), piece.bytes.get(), piece.size);
        piece.bytes = std::move(shorter);
      }
    } catch (const std::bad_alloc&) {
      piece.size = 0;
      status = absl::ResourceExhaustedError("out of memory");
    }
    // What was open is closed as soon as it is read, and without the lock.
    if (piece.size == 0) entry->reader.reset();
    lock.lock();
    entry->is_busy = false;
    if (entry->is_dropped) {
      entry->is_dropped = false;
      std::optional<Source::Reader> reader = std::exchange(entry->reader, std::nullopt);
      lock.unlock();
      reader.reset();
      lock.lock();
    } else if (piece.size > 0) {
      entry->bytes += piece.size;
      entry->pieces.push_back(std::move(piece));
    } else {
      entry->is_ended = true;
      entry->status = std::move(status);
    }
    state->arrived.notify_all();
    state->hungry.notify_one();
  }
  if (--state->running == 0) state->left.notify_all();
}

std::unique_ptr<ByteStream> NewRemoteStream(const Source& source) {
  auto ahead = std::make_unique<ReadAhead>(std::vector<Source>{source});
  ahead->BeginReading(true);
  return ReadAhead::OpenOwned(std::move(ahead));
}

}  // namespace v1
}  // namespace flowlogs
