// Reads content in which messages are wrapped: JSON, base64, CSV.
#ifndef FLOWLOGS_LIB_IO_ENVELOPE_INPUT_H_
#define FLOWLOGS_LIB_IO_ENVELOPE_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

#include "flowlogs/io/input.h"
#include "lib/io/byte_stream.h"
#include "lib/io/content_kind.h"
#include "lib/io/envelope_lines.h"
#include "lib/io/envelope_reader.h"
#include "lib/io/padded_buffer.h"
#include "lib/io/stream_input.h"

namespace flowlogs {
inline namespace v1 {

// Claim() reads the stored content and rewrites what is whole of it, a step at a time. Load() does nothing.
class EnvelopeInput : public StreamInput {
 public:
  // `head`: content that was already taken from the stream.
  EnvelopeInput(Facts facts, ContentForm form, std::string_view head, std::unique_ptr<ByteStream> stream,
                const InputOptions& options);

  // Fills the prefix; waits for it. Fails if the content only names what is to be read, and as StoppedWhileOpening()
  // says. `options`: those of the constructor. To be called once, first.
  absl::Status ReadPrefix(const InputOptions& options);

  std::optional<uint64_t> text_bytes() const override;
  bool Claim(Block* block) override;

 private:
  // Reads up to a step more, and rewrites. Afterwards blocks are ready, or is_ended_, or nothing came yet.
  void Advance();
  void End();

  const size_t max_event_bytes_;
  EnvelopeLines lines_;
  EnvelopeReader reader_;
  PaddedBuffer buffer_;
  size_t have_ = 0;  // bytes in buffer_
  size_t wanted_;    // how many are read before the next look at them
  bool is_ended_ = false;
  uint64_t sequence_ = 0;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_ENVELOPE_INPUT_H_
