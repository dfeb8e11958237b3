#include "lib/io/stream_input.h"

#include <utility>

namespace flowlogs {
inline namespace v1 {

InputOptions WithBigBlocks(InputOptions options) {
  if (options.block_bytes == InputOptions().block_bytes) options.block_bytes = 1 << 20;
  return options;
}

StreamInput::StreamInput(Facts facts, std::unique_ptr<ByteStream> stream, const InputOptions& options)
    : facts_(std::move(facts)), stop_(options.stop), stream_(std::move(stream)) {
  name_ = facts_.name;
}

ByteStream::Result StreamInput::ReadStream(char* to, size_t size) {
  const ByteStream::Result result = stream_->Read(to, size);
  stored_bytes_read_.store(stream_->stored_bytes_read(), std::memory_order_relaxed);
  if (result.state == ByteStream::State::kEnd) SetDamage(stream_->damage());
  return result;
}

std::optional<InputDamage> StreamInput::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

void StreamInput::SetDamage(std::optional<InputDamage> damage) {
  const std::lock_guard lock(mutex_);
  damage_ = std::move(damage);
}

}  // namespace v1
}  // namespace flowlogs
