#include "lib/io/sequential_input.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "lib/io/file.h"

namespace flowlogs {
inline namespace v1 {

using State = ByteStream::State;

SequentialInput::SequentialInput(Facts facts, std::unique_ptr<ByteStream> stream, const InputOptions& options)
    : StreamInput(std::move(facts), std::move(stream), options),
      limits_(facts_.compression == Compression::kNone ? options : WithBigBlocks(options)) {}

absl::Status SequentialInput::ReadPrefix(std::string_view head, const InputOptions& options) {
  constexpr size_t kWanted = kPrefixBytes + 1;  // one byte more than the prefix tells whether it is all
  carry_ = head;
  size_t have = carry_.size();
  carry_.resize(std::max(have, kWanted));
  State state = State::kMore;
  while (have < kWanted && state != State::kEnd) {
    if (IsStopped(options)) return StoppedWhileOpening(name_, !facts_.can_be_reopened && have > 0);
    const ByteStream::Result result = ReadStream(carry_.data() + have, kWanted - have);
    have += result.size;
    state = result.state;
  }
  carry_.resize(have);
  prefix_ = std::string_view(carry_).substr(0, kPrefixBytes);
  prefix_is_all_ = state == State::kEnd && prefix_.size() == carry_.size();
  return absl::OkStatus();
}

ByteStream::Result SequentialInput::Read(char* to, size_t size) {
  const size_t n = std::min(size, carry_.size() - carry_begin_);
  if (n == 0) return ReadStream(to, size);
  std::memcpy(to, carry_.data() + carry_begin_, n);
  carry_begin_ += n;
  return {n, State::kMore};
}

void SequentialInput::Unread(const char* data, size_t size) {
  if (carry_begin_ < carry_.size()) {
    carry_begin_ -= size;  // the carry was not used up, so all that was read since came out of it
    return;
  }
  carry_.assign(data, size);
  carry_begin_ = 0;
}

State SequentialInput::Fill(Block* block, size_t target, size_t* have) {
  char* const data = BlockAccess::Reserve(block, target, *have);
  return StreamInput::Fill([this](char* to, size_t size) { return Read(to, size); }, data, target, have);
}

State SequentialInput::SkipLongLine(Block* block) {
  char* data = BlockAccess::Reserve(block, limits_.block_bytes, 0);
  const ByteStream::Result result = Read(data, limits_.block_bytes);
  if (result.state != State::kMore) return result.state;
  const void* lf = std::memchr(data, '\n', result.size);
  if (lf == nullptr) return State::kNothingYet;
  const char* next = static_cast<const char*>(lf) + 1;
  Unread(next, static_cast<size_t>(data + result.size - next));
  is_skipping_ = false;
  return State::kMore;
}

bool SequentialInput::Claim(Block* block) {
  if (stop_.stop_requested()) return false;
  BlockAccess::Begin(block, sequence_, 0);
  if (is_skipping_) {
    // One step at a time, so that a run can be stopped inside a line without end.
    const State state = SkipLongLine(block);
    if (state == State::kEnd) return false;
    if (state == State::kNothingYet) {
      BlockAccess::Deliver(block, 0, 0);
      ++sequence_;
      return true;
    }
  }
  return ClaimLines(block);
}

bool SequentialInput::ClaimLines(Block* block) {
  // So much without a LF is a line that is too long. The buffer never holds more: no other line in it can be.
  const size_t enough = limits_.max_line_bytes + 1;
  size_t target = limits_.block_bytes;
  size_t have = 0;
  while (true) {
    const size_t searched = have;
    const State state = Fill(block, target, &have);
    if (have == 0 && state == State::kEnd) return false;
    char* data = BlockAccess::Reserve(block, target, have);
    const size_t lf = std::string_view(data + searched, have - searched).rfind('\n');
    const bool has_lf = lf != std::string_view::npos;
    const size_t end = has_lf ? searched + lf + 1 : 0;  // of the whole lines
    if (!has_lf && have >= enough) {
      is_skipping_ = true;  // what was read is all of this line: only its beginning is kept
      BlockAccess::DeliverTooLong(block, 0, 0, limits_.kept_bytes);
    } else if (state == State::kEnd) {
      const bool is_damaged = damage().has_value();
      if (end < have && is_damaged) {
        BlockAccess::DeliverUnfinished(block, 0, have);
      } else {
        BlockAccess::Deliver(block, 0, have);
      }
      if (is_damaged) BlockAccess::SetEndsInput(block);
    } else if (has_lf || state == State::kNothingYet) {
      Unread(data + end, have - end);
      BlockAccess::Deliver(block, 0, end);
    } else {
      target = std::min(2 * target, enough);
      continue;
    }
    ++sequence_;
    return true;
  }
}

}  // namespace v1
}  // namespace flowlogs
