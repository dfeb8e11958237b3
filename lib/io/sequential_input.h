// Reads content that comes in order: standard input, a FIFO, or whatever is inflated.
#ifndef FLOWLOGS_LIB_IO_SEQUENTIAL_INPUT_H_
#define FLOWLOGS_LIB_IO_SEQUENTIAL_INPUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "flowlogs/io/input.h"
#include "lib/io/block_access.h"
#include "lib/io/byte_stream.h"
#include "lib/io/content_kind.h"

namespace flowlogs {
inline namespace v1 {

// Claim() reads straight into the block, and keeps what follows the last LF for the next one. Load() does nothing.
// A Claim() never waits longer than about two slices for a pipe: it delivers the lines that are there, or an empty
// block.
class SequentialInput : public Input {
 public:
  struct Facts {
    std::string name;
    Compression compression = Compression::kNone;  // what `stream` inflates: what it brings is looked at again
    bool can_be_reopened = false;
    uint64_t stored_bytes_total = 0;  // 0: not known
  };

  SequentialInput(Facts facts, std::unique_ptr<ByteStream> stream, const InputOptions& options);

  // Fills the prefix; waits for it. `head`: content that was already taken from the stream. Fails if the content is of
  // a kind that is not read, and as StoppedWhileOpening() says. `options`: those of the constructor. To be called once,
  // first.
  absl::Status ReadPrefix(std::string_view head, const InputOptions& options);

  bool can_be_reopened() const override { return facts_.can_be_reopened; }
  bool Claim(Block* block) override;
  void Load(Block*) override {}
  std::optional<InputDamage> damage() const override;
  uint64_t stored_bytes_read() const override { return stored_bytes_read_.load(std::memory_order_relaxed); }
  uint64_t stored_bytes_total() const override { return facts_.stored_bytes_total; }

 private:
  // From carry_, then from the stream.
  ByteStream::Result Read(char* to, size_t size);
  ByteStream::Result ReadStream(char* to, size_t size);
  // Reads until the block holds `target` bytes; `*have` are in it.
  ByteStream::State Fill(Block* block, size_t target, size_t* have);
  // Gives back the last bytes that Read() brought: the next Read() brings them again.
  void Unread(const char* data, size_t size);
  // Skips the rest of a line that was too long, a block at a time. Returns kMore when it is behind us.
  ByteStream::State SkipLongLine(Block* block);
  bool ClaimLines(Block* block);

  const Facts facts_;
  const std::unique_ptr<ByteStream> stream_;
  const LineLimits limits_;
  const std::stop_token stop_;
  std::string carry_;  // bytes of carry_ from carry_begin_ on come next
  size_t carry_begin_ = 0;
  bool is_skipping_ = false;
  uint64_t sequence_ = 0;
  std::atomic<uint64_t> stored_bytes_read_{0};
  mutable std::mutex mutex_;
  std::optional<InputDamage> damage_;  // guarded by mutex_
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_SEQUENTIAL_INPUT_H_
