#include "lib/io/envelope_input.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "lib/io/block_access.h"
#include "lib/io/file.h"

namespace flowlogs {
inline namespace v1 {

using State = ByteStream::State;

namespace {

constexpr size_t kStep = 1 << 20;
// The first step is larger: most envelopes come whole, and what is known to be whole is read in one go.
constexpr size_t kFirstStep = 4 << 20;
constexpr size_t kFirstRemoteStep = 2 * Input::kPrefixBytes;

}  // namespace

EnvelopeInput::EnvelopeInput(Facts facts, ContentForm form, std::string_view head, std::unique_ptr<ByteStream> stream,
                             const InputOptions& options)
    : StreamInput(std::move(facts), std::move(stream), options),
      max_event_bytes_(std::min<uint64_t>(options.max_event_bytes, uint64_t{1} << 40)),
      lines_(LineLimits(WithBigBlocks(options)), options.events || !facts_.can_be_reopened),
      reader_(form, options, &lines_),
      wanted_(facts_.is_remote ? kFirstRemoteStep
              : facts_.stored_bytes_total > 0 && facts_.compression == Compression::kNone
                  ? std::clamp<size_t>(facts_.stored_bytes_total + 1, head.size(), kFirstStep)
                  : kFirstStep) {
  std::memcpy(buffer_.Reserve(wanted_), head.data(), head.size());
  have_ = head.size();
}

void EnvelopeInput::End() {
  is_ended_ = true;
  lines_.Flush();
  buffer_.Free();
  have_ = 0;
}

void EnvelopeInput::Advance() {
  using ReadEnd = EnvelopeReader::End;
  const auto read = [this](char* to, size_t size) { return ReadStream(to, size); };
  const State state = Fill(read, buffer_.Reserve(wanted_), wanted_, &have_);
  const ReadEnd end = state != State::kEnd ? ReadEnd::kMore : damage() ? ReadEnd::kDamaged : ReadEnd::kWhole;
  const size_t done = reader_.Read(buffer_.data(), have_, end);
  if (!reader_.limit().empty()) {
    lines_.AddUnfinished({buffer_.data() + done, have_ - done});
    SetDamage(InputDamage{stored_bytes_read(), reader_.limit(), /*is_limit=*/true});
    End();
    return;
  }
  if (state == State::kEnd) {
    End();
    return;
  }
  have_ -= done;
  std::memmove(buffer_.data(), buffer_.data() + done, have_);
  // What is left is the beginning of something larger, if nothing of it was done with: up to the limit and a step.
  const size_t most = std::max<size_t>(have_, max_event_bytes_) + kStep;
  wanted_ = have_ == wanted_ ? std::min(2 * wanted_, most) : std::max(have_ + kStep / 2, kStep);
  if (state == State::kNothingYet) lines_.Flush();
}

std::optional<uint64_t> EnvelopeInput::text_bytes() const {
  if (!is_ended_) return std::nullopt;
  return lines_.ready_bytes();
}

bool EnvelopeInput::Claim(Block* block) {
  if (stop_.stop_requested()) return false;
  if (lines_.ready().empty() && !is_ended_) Advance();
  if (!lines_.ready().empty()) {
    lines_.Recycle(std::move(*block));
    *block = std::move(lines_.ready().front());
    lines_.ready().pop_front();
    BlockAccess::SetSequence(block, sequence_++);
    return true;
  }
  if (is_ended_) return false;
  BlockAccess::Begin(block, sequence_++, 0);
  return true;
}

absl::Status EnvelopeInput::ReadPrefix(const InputOptions& options) {
  while (!is_ended_ && lines_.ready_bytes() < kPrefixBytes) {
    if (IsStopped(options)) return StoppedWhileOpening(name_, !facts_.can_be_reopened && have_ > 0);
    Advance();
    if (!reader_.refusal().empty()) {
      return absl::InvalidArgumentError(absl::StrCat("cannot read ", Quoted(name_), ": it is ", reader_.refusal()));
    }
    lines_.Flush();
  }
  prefix_is_all_ = is_ended_;
  bool is_over = false;  // the prefix: what follows are its next parts
  size_t next_bytes = 0;
  for (const Block& block : lines_.ready()) {
    const bool is_message = !(block.last_line_broken() || block.last_line_too_long() || block.last_line_unfinished());
    std::string_view text = block.text();
    if (!is_message) text = text.substr(0, text.substr(0, text.size() - 1).rfind('\n') + 1);
    if (text.empty()) continue;
    if (is_over || block.header() != prefix_header_) {
      prefix_is_all_ &= prefix_.empty();
      is_over = !prefix_.empty();
      if (is_over) {
        if (next_bytes >= kPrefixBytes) break;
        next_parts_.push_back({std::string(block.header()), std::string(text)});
        next_bytes += block.header().size() + text.size();
        continue;
      }
      prefix_header_ = block.header();
    }
    prefix_ += text.substr(0, kPrefixBytes - prefix_.size());
    if (prefix_.size() == kPrefixBytes) break;
  }
  prefix_is_all_ &= prefix_.size() < kPrefixBytes;
  return absl::OkStatus();
}

}  // namespace v1
}  // namespace flowlogs
