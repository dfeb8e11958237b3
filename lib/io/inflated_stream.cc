#include "lib/io/inflated_stream.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/io/inflater.h"

namespace flowlogs {
inline namespace v1 {
namespace {

class InflatedStream : public ByteStream {
 public:
  InflatedStream(Compression compression, std::string_view head, std::unique_ptr<ByteStream> stored,
                 const InputOptions& options)
      : compression_(compression),
        name_(CompressionName(compression)),
        max_bytes_(options.max_inflated_bytes == 0 ? kNone : options.max_inflated_bytes),
        max_ratio_(options.max_inflate_ratio),
        checkpoint_(std::min(max_bytes_, kRatioStep)),
        stored_(std::move(stored)),
        inflater_(NewInflater(compression)),
        taken_(head.size()) {
    if (head.empty()) return;
    std::memcpy(Buffer(), head.data(), head.size());
    in_ = {buffer_.get(), head.size()};
  }

  Result Read(char* to, size_t size) override {
    std::span<char> room(to, size);
    State state = State::kMore;
    refills_ = 0;
    if (is_live()) deadline_ = Clock::now() + std::chrono::milliseconds(kSliceMilliseconds);
    while (!room.empty() && state == State::kMore) {
      switch (place_) {
        case Place::kBetweenMembers:
          state = BeginMember();
          break;
        case Place::kInMember:
          state = InflateMember(&room);
          break;
        case Place::kInPadding:
          state = SkipPadding();
          break;
        case Place::kEnded:
          state = State::kEnd;
          break;
      }
    }
    const size_t n = size - room.size();
    return n > 0 ? Result{n, State::kMore} : Result{0, state};
  }

  std::optional<InputDamage> damage() const override { return damage_; }
  uint64_t stored_bytes_read() const override { return stored_->stored_bytes_read(); }
  bool is_live() const override { return stored_->is_live(); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kBufferBytes = 128 << 10;
  static constexpr int kMaxRefills = 16;            // of one Read()
  static constexpr uint64_t kRatioStep = 64 << 20;  // of content, between two looks at the ratio
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  enum class Place { kBetweenMembers, kInMember, kInPadding, kEnded };

  char* Buffer() {
    if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
    return buffer_.get();
  }

  // More compressed bytes. REQUIRES: in_ is empty.
  State Refill() {
    // Members without content, padding without end, and somebody who writes for ever, a little at a time.
    if (++refills_ > kMaxRefills) return State::kNothingYet;
    if (refills_ > 1 && is_live() && Clock::now() >= deadline_) return State::kNothingYet;
    if (const std::string_view there = stored_->Take(kBufferBytes); !there.empty()) {
      in_ = there;
      taken_ += there.size();
      return State::kMore;
    }
    const Result result = stored_->Read(Buffer(), kBufferBytes);
    in_ = std::string_view(buffer_.get(), result.size);
    taken_ += result.size;
    return result.state;
  }

  // Bytes of this compression that were inflated.
  uint64_t used() const { return taken_ - in_.size(); }
  // Bytes of the input: where they are compressed twice, all that were taken.
  uint64_t stored_bytes_used() const { return taken_ == stored_bytes_read() ? used() : stored_bytes_read(); }

  State End() {
    place_ = Place::kEnded;
    inflater_.reset();  // its window may be large, and the input may stay open
    if (!damage_) damage_ = stored_->damage();
    return State::kEnd;
  }

  State EndDamaged(std::string message) {
    damage_ = InputDamage{stored_bytes_used(), std::move(message)};
    return End();
  }

  State EndLimited(std::string message) {
    damage_ = InputDamage{stored_bytes_used(), std::move(message), /*is_limit=*/true};
    return End();
  }

  // The stored bytes ended inside a member: because they could not be read, or because there are no more.
  State EndTruncated() {
    if (stored_->damage()) return End();
    return EndDamaged(
        absl::StrCat("the ", name_, " data stops in the middle, after ", stored_bytes_read(),
                     " bytes: the file is incomplete; fetch it again, or wait until it is written to its end"));
  }

  bool IsFirstOfMember(char c) const {
    if (compression_ == Compression::kGzip) return c == '\x1f';
    return c == '\x28' || (c >= '\x50' && c <= '\x5f');  // a frame, or one that is skipped
  }

  State BeginMember() {
    if (in_.empty()) {
      const State state = Refill();
      if (state == State::kEnd) return End();
      if (state != State::kMore) return state;
    }
    if (IsFirstOfMember(in_.front())) {
      place_ = Place::kInMember;  // the inflater looks at the rest of the header, which may not be here yet
    } else if (in_.front() == '\0') {
      place_ = Place::kInPadding;
    } else {
      return EndGarbage();
    }
    return State::kMore;
  }

  State InflateMember(std::span<char>* room) {
    if (in_.empty() && !has_output_) {
      const State state = Refill();
      if (state == State::kEnd) return EndTruncated();
      if (state != State::kMore) return state;
    }
    if (inflated_bytes_ == checkpoint_ && checkpoint_ != max_bytes_) {
      if (IsRatioExceeded()) return EndOverRatio();
      checkpoint_ = std::min(max_bytes_, checkpoint_ + kRatioStep);
    }
    // No content may come behind max_bytes_, but the end of the member may.
    char one_too_many;
    const bool is_full = inflated_bytes_ == max_bytes_;
    const std::span<char> part = is_full
                                     ? std::span(&one_too_many, 1)
                                     : room->first(std::min<uint64_t>(room->size(), checkpoint_ - inflated_bytes_));
    std::span<char> left = part;
    const size_t in_before = in_.size();
    const Inflater::Outcome outcome = inflater_->Inflate(&in_, &left);
    const size_t inflated = part.size() - left.size();
    if (is_full && inflated > 0) return EndOverBytes();
    inflated_bytes_ += inflated;
    *room = room->subspan(inflated);
    switch (outcome) {
      case Inflater::Outcome::kMore:
        has_output_ = left.empty();  // there may be more for the next room
        if (in_.size() == in_before && inflated == 0 && !in_.empty()) {
          return EndDamaged(
              absl::StrCat("the ", name_, " data is damaged: it cannot be inflated any further; ", kAgain));
        }
        return State::kMore;
      case Inflater::Outcome::kMemberEnd:
        inflater_->Reset();
        has_output_ = false;
        place_ = Place::kBetweenMembers;
        return State::kMore;
      case Inflater::Outcome::kTooLarge:
        return EndLimited(absl::StrCat("the ", name_, " data is not inflated: ", inflater_->problem(),
                                       "; if you trust it, decompress it first: zstd -dc --long=31 FILE | ... -"));
      case Inflater::Outcome::kDamaged:
        break;
    }
    return EndDamaged(absl::StrCat("the ", name_, " data is damaged: ", inflater_->problem(), "; ", kAgain, " (", name_,
                                   " -t checks a copy)"));
  }

  // Zeros up to the end are padding (of tapes, of disk blocks) and no damage.
  State SkipPadding() {
    const size_t skipped = in_.find_first_not_of('\0');
    if (skipped != std::string_view::npos) {
      in_.remove_prefix(skipped);
      return EndGarbage();
    }
    in_ = {};
    const State state = Refill();
    return state == State::kEnd ? End() : state;
  }

  State EndGarbage() {
    return EndDamaged(absl::StrCat("bytes that are not ", name_, " follow the end of the ", name_,
                                   " data: something was appended; what comes before them is good"));
  }

  bool IsRatioExceeded() const { return max_ratio_ != 0 && inflated_bytes_ / max_ratio_ > used(); }

  State EndOverRatio() {
    return EndLimited(absl::StrCat("limit: ", used(), " bytes of ", name_, " hold more than ",
                                   inflated_bytes_, " bytes, over max_inflate_ratio (", max_ratio_,
                                   "): it may be a decompression bomb; raise the limit if you trust it"));
  }

  State EndOverBytes() {
    return EndLimited(absl::StrCat("limit: the ", name_, " data holds more than max_inflated_bytes (", max_bytes_,
                                   "); raise the limit to read on"));
  }

  static constexpr const char* kAgain = "fetch the file again";

  const Compression compression_;
  const char* const name_;       // "gzip"
  const uint64_t max_bytes_;     // kNone: no limit
  const uint64_t max_ratio_;     // 0: no limit
  uint64_t checkpoint_;          // when so many bytes are inflated, the limits are looked at
  uint64_t inflated_bytes_ = 0;
  std::unique_ptr<ByteStream> stored_;
  std::unique_ptr<Inflater> inflater_;
  std::unique_ptr<char[]> buffer_;
  std::string_view in_;  // what of buffer_, or of what was taken, is not inflated yet
  uint64_t taken_;       // bytes of stored_
  Place place_ = Place::kBetweenMembers;
  bool has_output_ = false;  // the inflater may hold output although in_ is empty
  int refills_ = 0;             // of this Read()
  Clock::time_point deadline_;  // of this Read(), if the stream is live
  std::optional<InputDamage> damage_;
};

}  // namespace

std::unique_ptr<ByteStream> NewInflatedStream(Compression compression, std::string_view head,
                                              std::unique_ptr<ByteStream> stored, const InputOptions& options) {
  return std::make_unique<InflatedStream>(compression, head, std::move(stored), options);
}

}  // namespace v1
}  // namespace flowlogs
