#include "lib/io/gzip_stream.h"

#include <cstring>
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

class GzipStream : public ByteStream {
 public:
  GzipStream(std::string_view head, std::unique_ptr<ByteStream> stored)
      : stored_(std::move(stored)),
        inflater_(NewInflater()),
        buffer_(std::make_unique_for_overwrite<char[]>(kBufferBytes)),
        in_(buffer_.get(), head.size()) {
    std::memcpy(buffer_.get(), head.data(), head.size());
  }

  Result Read(char* to, size_t size) override {
    std::span<char> room(to, size);
    State state = State::kMore;
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
  static constexpr size_t kBufferBytes = 128 << 10;
  enum class Place { kBetweenMembers, kInMember, kInPadding, kEnded };

  // More compressed bytes. REQUIRES: in_ is empty.
  State Refill() {
    const Result result = stored_->Read(buffer_.get(), kBufferBytes);
    in_ = std::string_view(buffer_.get(), result.size);
    return result.state;
  }

  State End() {
    place_ = Place::kEnded;
    if (!damage_) damage_ = stored_->damage();
    return State::kEnd;
  }

  State EndDamaged(std::string message) {
    damage_ = InputDamage{stored_bytes_read() - in_.size(), std::move(message)};
    return End();
  }

  // The stored bytes ended inside a member: because they could not be read, or because there are no more.
  State EndTruncated() {
    if (stored_->damage()) return End();
    return EndDamaged(
        absl::StrCat("the gzip data stops in the middle, after ", stored_bytes_read(),
                     " bytes: the file is incomplete; fetch it again, or wait until it is written to its end"));
  }

  State BeginMember() {
    if (in_.empty()) {
      const State state = Refill();
      if (state == State::kEnd) return End();
      if (state != State::kMore) return state;
    }
    if (in_.front() == '\x1f') {
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
    const size_t in_before = in_.size();
    const size_t room_before = room->size();
    switch (inflater_->Inflate(&in_, room)) {
      case Inflater::Outcome::kMore:
        has_output_ = room->empty();  // there may be more for the next room
        if (in_.size() == in_before && room->size() == room_before && !in_.empty()) {
          return EndDamaged("the gzip data is damaged: it cannot be inflated any further; fetch the file again");
        }
        return State::kMore;
      case Inflater::Outcome::kMemberEnd:
        inflater_->Reset();
        has_output_ = false;
        place_ = Place::kBetweenMembers;
        return State::kMore;
      case Inflater::Outcome::kDamaged:
        break;
    }
    return EndDamaged(absl::StrCat("the gzip data is damaged: ", inflater_->problem(),
                                   "; fetch the file again (gzip -t checks a copy)"));
  }

  // Zeros up to the end are padding (of tapes, of disk blocks) and no damage.
  State SkipPadding() {
    const size_t skipped = in_.find_first_not_of('\0');
    if (skipped != std::string_view::npos) {
      in_.remove_prefix(skipped);
      return EndGarbage();
    }
    const State state = Refill();
    return state == State::kEnd ? End() : state;
  }

  State EndGarbage() {
    return EndDamaged(
        "bytes that are not gzip follow the end of the gzip data: something was appended; "
        "what comes before them is good");
  }

  std::unique_ptr<ByteStream> stored_;
  std::unique_ptr<Inflater> inflater_;
  std::unique_ptr<char[]> buffer_;
  std::string_view in_;  // what of buffer_ is not inflated yet
  Place place_ = Place::kBetweenMembers;
  bool has_output_ = false;  // the inflater may hold output although in_ is empty
  std::optional<InputDamage> damage_;
};

}  // namespace

std::unique_ptr<ByteStream> NewGzipStream(std::string_view head, std::unique_ptr<ByteStream> stored) {
  return std::make_unique<GzipStream>(head, std::move(stored));
}

}  // namespace v1
}  // namespace flowlogs
