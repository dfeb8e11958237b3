// What inputs share whose content comes in order: what is known of them, the stream, and how it ended.
#ifndef FLOWLOGS_LIB_IO_STREAM_INPUT_H_
#define FLOWLOGS_LIB_IO_STREAM_INPUT_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "flowlogs/io/input.h"
#include "lib/io/byte_stream.h"
#include "lib/io/content_kind.h"

namespace flowlogs {
inline namespace v1 {

// Bigger blocks, unless the caller has chosen: whatever inflates or rewrites is handed from thread to thread with each,
// and a thread is longer in waking up than a small one takes.
InputOptions WithBigBlocks(InputOptions options);

// Claim() reads; Load() does nothing.
class StreamInput : public Input {
 public:
  struct Facts {
    std::string name;
    Compression compression = Compression::kNone;  // what `stream` inflates
    bool can_be_reopened = false;
    bool is_remote = false;           // each byte is waited for: none is asked for before it is needed
    uint64_t stored_bytes_total = 0;  // 0: not known
  };

  bool can_be_reopened() const override { return facts_.can_be_reopened; }
  void Load(Block*) override {}
  std::optional<InputDamage> damage() const override;
  uint64_t stored_bytes_read() const override { return stored_bytes_read_.load(std::memory_order_relaxed); }
  uint64_t stored_bytes_total() const override { return facts_.stored_bytes_total; }

 protected:
  StreamInput(Facts facts, std::unique_ptr<ByteStream> stream, const InputOptions& options);

  // At the end, damage() is the stream's.
  ByteStream::Result ReadStream(char* to, size_t size);
  // Calls read(to, size), of the stream or of what comes before it, until `target` bytes are in `data`; `*have` of them
  // are there already.
  template <typename Read>
  ByteStream::State Fill(Read&& read, char* data, size_t target, size_t* have) {
    using Clock = std::chrono::steady_clock;
    std::optional<Clock::time_point> deadline;  // somebody may write for ever, a little at a time
    if (stream_->is_live()) deadline = Clock::now() + std::chrono::milliseconds(ByteStream::kSliceMilliseconds);
    while (*have < target) {
      const ByteStream::Result result = read(data + *have, target - *have);
      *have += result.size;
      if (result.state != ByteStream::State::kMore) return result.state;
      if (deadline && *have < target && Clock::now() >= *deadline) return ByteStream::State::kNothingYet;
    }
    return ByteStream::State::kMore;
  }
  void SetDamage(std::optional<InputDamage> damage);

  const Facts facts_;
  const std::stop_token stop_;

 private:
  const std::unique_ptr<ByteStream> stream_;
  std::atomic<uint64_t> stored_bytes_read_{0};
  mutable std::mutex mutex_;
  std::optional<InputDamage> damage_;  // guarded by mutex_
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_STREAM_INPUT_H_
