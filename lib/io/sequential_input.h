// Reads content that comes in order: standard input, a FIFO, or whatever is inflated.
#ifndef FLOWLOGS_LIB_IO_SEQUENTIAL_INPUT_H_
#define FLOWLOGS_LIB_IO_SEQUENTIAL_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "flowlogs/io/input.h"
#include "lib/io/block_access.h"
#include "lib/io/byte_stream.h"
#include "lib/io/stream_input.h"

namespace flowlogs {
inline namespace v1 {

// Claim() reads straight into the block, and keeps what follows the last LF for the next one. Load() does nothing.
// A Claim() never waits longer than about two slices for a pipe: it delivers the lines that are there, or an empty
// block.
class SequentialInput : public StreamInput {
 public:
  SequentialInput(Facts facts, std::unique_ptr<ByteStream> stream, const InputOptions& options);

  // Fills the prefix; waits for it. `head`: content that was already taken from the stream, at most kPrefixBytes. Fails as
  // StoppedWhileOpening() says. `options`: those of the constructor. To be called once, first.
  absl::Status ReadPrefix(std::string_view head, const InputOptions& options);

  std::optional<uint64_t> text_bytes() const override {
    return prefix_is_all_ ? std::optional<uint64_t>(prefix_.size()) : std::nullopt;
  }
  bool Claim(Block* block) override;

 private:
  // From carry_, then from the stream.
  ByteStream::Result Read(char* to, size_t size);
  // Reads until the block holds `target` bytes; `*have` are in it.
  ByteStream::State Fill(Block* block, size_t target, size_t* have);
  // Gives back the last bytes that Read() brought: the next Read() brings them again.
  void Unread(const char* data, size_t size);
  // Skips the rest of a line that was too long, a block at a time. Returns kMore when it is behind us.
  ByteStream::State SkipLongLine(Block* block);
  bool ClaimLines(Block* block);

  const LineLimits limits_;
  std::string carry_;  // bytes of carry_ from carry_begin_ on come next
  size_t carry_begin_ = 0;
  bool is_skipping_ = false;
  uint64_t sequence_ = 0;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_SEQUENTIAL_INPUT_H_
