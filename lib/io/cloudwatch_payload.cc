#include "lib/io/cloudwatch_payload.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#ifdef __SSE2__  // part of x86-64
#include <emmintrin.h>
#endif

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
// What a string of JSON says by itself.
constexpr bool IsPlain(char c) { return c >= 0x20 && static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\'; }

// The first character from `p` on that is not plain; `end` or up to 63 bytes behind it if there is none before, and up to
// so many are read.
#ifdef __SSE2__
const char* EndOfPlain(const char* p, const char* end) {
  const __m128i space = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  for (; p < end; p += 64) {
    const auto part = [&](size_t i) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i));
      const __m128i odd = _mm_cmplt_epi8(bytes, space);  // signed: above 0x7f, too
      const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
      return uint64_t{static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(odd, marks)))} << i;
    };
    const uint64_t found = part(0) | part(16) | part(32) | part(48);
    if (found != 0) return p + std::countr_zero(found);
  }
  return p;
}
#else
const char* EndOfPlain(const char* p, const char* end) {
  if constexpr (std::endian::native == std::endian::little) {
    constexpr uint64_t kOnes = 0x0101010101010101, kHighBits = kOnes << 7;
    for (; p < end; p += 8) {
      uint64_t bytes;
      std::memcpy(&bytes, p, 8);
      // The lowest high bit that is set is right.
      const uint64_t quote = (bytes ^ '"' * kOnes) - kOnes, backslash = (bytes ^ '\\' * kOnes) - kOnes;
      const uint64_t found = (bytes | (bytes - 0x20 * kOnes) | quote | backslash) & kHighBits;
      if (found != 0) return p + std::countr_zero(found) / 8;
    }
    return p;
  }
  while (p < end && IsPlain(*p)) ++p;
  return p;
}
#endif

// The first character from `p` on that is no digit, or p + 16.
const char* EndOfDigits(const char* p) {
#ifdef __SSE2__
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i digits = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('0' - 1)),
                                       _mm_cmplt_epi8(bytes, _mm_set1_epi8('9' + 1)));
  return p + std::countr_one(static_cast<uint32_t>(_mm_movemask_epi8(digits)));
#else
  return std::find_if_not(p, p + 16, IsDigit);
#endif
}

// Makes the compiler forget what it knows of the number.
inline void Forget(size_t* number) {
#ifdef __GNUC__
  asm("" : "+r"(*number));
#endif
}

// A place in a document.
class Cursor {
 public:
  Cursor(const char* p, const char* end) : p_(p), end_(end) {}

  const char* at() const { return p_; }
  void MoveTo(const char* p) { p_ = p; }
  bool is_at_end() const { return p_ >= end_; }

  void SkipSpace() {
    while (p_ < end_ && IsSpace(*p_)) ++p_;
  }
  // c, with white space before and behind.
  bool Take(char c) {
    SkipSpace();
    if (p_ >= end_ || *p_ != c) return false;
    ++p_;
    SkipSpace();
    return true;
  }
  // A string with its quotes.
  bool TakeString(std::string_view* text) {
    if (p_ >= end_ || *p_ != '"') return false;
    const char* const begin = p_ + 1;
    p_ = EndOfPlain(begin, end_);
    if (p_ >= end_ || *p_ != '"') return false;
    *text = {begin, static_cast<size_t>(p_ - begin)};
    ++p_;
    return true;
  }
  bool TakeNumber(std::string_view* digits) {
    const char* const begin = p_;
    p_ = EndOfDigits(begin);
    *digits = {begin, static_cast<size_t>(p_ - begin)};
    return p_ > begin;
  }

 private:
  const char* p_;
  const char* end_;
};

}  // namespace

bool CloudWatchPayload::Glue::Set(std::string_view glue) {
  size = glue.size();
  if (size > kMost) return false;
  std::copy(glue.begin(), glue.end(), text.begin());
  return true;
}

inline bool CloudWatchPayload::Glue::IsAt(const char* p) const {
#ifdef __SSE2__
  const auto same = [&](size_t i) {
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(a, b))) << i;
  };
  return static_cast<size_t>(std::countr_one(same(0) | same(16))) >= size;
#else
  return std::memcmp(p, text.data(), size) == 0;
#endif
}

// Whether what is there of it is right, and goes on behind the end.
bool CloudWatchPayload::Glue::IsCut(const char* p, const char* end) const {
  const size_t left = p < end ? static_cast<size_t>(end - p) : 0;
  return left < size && std::memcmp(p, text.data(), left) == 0;
}

// The way through one document, as far as it is there. Functions return false where it does not go on as it should, or
// not at all.
class CloudWatchPayload::Walk {
 public:
  explicit Walk(CloudWatchPayload* payload)
      : payload_(*payload),
        begin_(payload->document_.data()),
        end_(begin_ + payload->document_.size()),
        cursor_(begin_ + payload->at_, end_) {}

  Outcome Go() {
    if ((payload_.at_ > 0 || BeforeEvents()) && OtherEvents() && BehindEvents()) {
      payload_.at_ = static_cast<size_t>(cursor_.at() - begin_);
      return Outcome::kRead;
    }
    return cursor_.is_at_end() ? Outcome::kUnfinished : Outcome::kOther;
  }

 private:
  using Values = std::array<Span, kMembers>;

  Span SpanOf(std::string_view text) const {
    return {static_cast<uint32_t>(text.data() - begin_), static_cast<uint32_t>(text.size())};
  }
  bool TakeFact(Span* fact) {
    std::string_view text;
    if (!cursor_.TakeString(&text)) return false;
    *fact = SpanOf(text);
    return true;
  }
  // A bracket behind which nothing is looked at.
  bool TakeLast(char c) {
    cursor_.SkipSpace();
    if (cursor_.is_at_end() || *cursor_.at() != c) return false;
    cursor_.MoveTo(cursor_.at() + 1);
    return true;
  }

  // Up to the end of the first event.
  bool BeforeEvents();
  bool List();
  bool FirstEvent();
  // From behind an event to behind the last one that is there.
  bool OtherEvents();
  bool BehindEvents() { return cursor_.Take(']') && TakeLast('}'); }
  void Keep(const Values& values, const char* end) {
    payload_.at_ = static_cast<size_t>(end - begin_);
    payload_.messages_.push_back(values[static_cast<size_t>(Member::kMessage)]);
    if (!payload_.keeps_events_) return;
    payload_.events_.push_back({values[static_cast<size_t>(Member::kId)], values[static_cast<size_t>(Member::kTime)]});
  }

  CloudWatchPayload& payload_;
  const char* const begin_;
  const char* const end_;
  Cursor cursor_;
};

bool CloudWatchPayload::Walk::BeforeEvents() {
  Facts& facts = payload_.facts_;
  facts = {};
  if (!cursor_.Take('{')) return false;
  for (;;) {
    std::string_view name;
    if (!cursor_.TakeString(&name) || !cursor_.Take(':')) return false;
    if (name == "logEvents") break;
    const bool is_taken = name == "messageType"           ? TakeFact(&facts.type)
                          : name == "owner"               ? TakeFact(&facts.owner)
                          : name == "logGroup"            ? TakeFact(&facts.log_group)
                          : name == "logStream"           ? TakeFact(&facts.log_stream)
                          : name == "subscriptionFilters" ? List()
                                                          : false;
    if (!is_taken || !cursor_.Take(',')) return false;
  }
  // What EnvelopeJson wants to know before the events, too; and events of control are none.
  const bool is_known =
      facts.type.size > 0 && facts.owner.size > 0 && facts.log_group.begin > 0 && facts.log_stream.begin > 0;
  if (!is_known || payload_.text(facts.type) == "CONTROL_MESSAGE") return false;
  return cursor_.Take('[') && FirstEvent();
}

bool CloudWatchPayload::Walk::List() {
  if (!cursor_.Take('[')) return false;
  if (cursor_.Take(']')) return true;
  std::string_view text;
  do {
    if (!cursor_.TakeString(&text)) return false;
  } while (cursor_.Take(','));
  return cursor_.Take(']');
}

bool CloudWatchPayload::Walk::FirstEvent() {
  Values values{};
  std::array<bool, kMembers> is_there{};
  Shape& shape = payload_.shape_;
  shape.num_members = 0;
  const char* glue = cursor_.at();
  const auto set_glue = [&](const char* end) {
    return shape.glues[shape.num_members].Set({glue, static_cast<size_t>(end - glue)});
  };
  if (!cursor_.Take('{')) return false;
  do {
    std::string_view name, value;
    if (!cursor_.TakeString(&name) || !cursor_.Take(':')) return false;
    const Member member = name == "id" ? Member::kId : name == "timestamp" ? Member::kTime : Member::kMessage;
    if (member == Member::kMessage && name != "message") return false;
    const auto place = static_cast<size_t>(member);
    if (std::exchange(is_there[place], true)) return false;
    if (!(member == Member::kTime ? cursor_.TakeNumber(&value) : cursor_.TakeString(&value))) return false;
    if (!set_glue(value.data())) return false;
    glue = value.data() + value.size();
    values[place] = SpanOf(value);
    shape.members[shape.num_members++] = member;
  } while (cursor_.Take(','));
  if (!TakeLast('}') || !is_there[static_cast<size_t>(Member::kMessage)] || !set_glue(cursor_.at())) return false;
  Keep(values, cursor_.at());
  return true;
}

bool CloudWatchPayload::Walk::OtherEvents() {
  const Shape shape = payload_.shape_;
  Values values{};
  const char* p = cursor_.at();
  const auto stop_at = [&](const char* at) {
    cursor_.MoveTo(at);
    return false;
  };
  for (;;) {
    while (p < end_ && IsSpace(*p)) ++p;
    if (p >= end_ || *p != ',') break;
    ++p;
    while (p < end_ && IsSpace(*p)) ++p;
    for (size_t i = 0;; ++i) {
      const Glue& glue = shape.glues[i];
      if (!glue.IsAt(p)) return stop_at(glue.IsCut(p, end_) ? end_ : p);
      p += glue.size;
      if (i == shape.num_members) break;
      const char* const value = p;
      Span& span = values[static_cast<size_t>(shape.members[i])];
      p = shape.members[i] == Member::kTime ? EndOfDigits(p) : EndOfPlain(p, end_);
      if (p >= end_ || (p == value && shape.members[i] == Member::kTime)) return stop_at(p);
      size_t size = span.size;
      if (p == value + size) {
        Forget(&size);  // most values are as long as the last one: what is predicted is not waited for
        p = value + size;
      }
      span = SpanOf({value, static_cast<size_t>(p - value)});
    }
    if (p > end_) return stop_at(end_);
    Keep(values, p);
  }
  cursor_.MoveTo(p);
  return true;
}

void CloudWatchPayload::Begin(bool keeps_events) {
  keeps_events_ = keeps_events;
  outcome_ = Outcome::kUnfinished;
  document_ = {};
  at_ = 0;
  messages_.clear();
  events_.clear();
}

CloudWatchPayload::Outcome CloudWatchPayload::Read(std::string_view document) {
  document_ = document;
  if (outcome_ != Outcome::kUnfinished) return outcome_;
  const bool is_huge = document.size() >= std::numeric_limits<uint32_t>::max();
  return outcome_ = is_huge ? Outcome::kOther : Walk(this).Go();
}

bool MayBeCloudWatch(std::string_view document) {
  size_t begin = 1;
  while (begin < document.size() && IsSpace(document[begin])) ++begin;
  document.remove_prefix(std::min(begin, document.size()));
  for (const std::string_view name : {"\"messageType\"", "\"awslogs\"", "\"owner\"", "\"logGroup\"", "\"logStream\"",
                                      "\"subscriptionFilters\""}) {
    if (document.substr(0, name.size()) == name.substr(0, document.size())) return true;  // or it is cut
  }
  return false;
}

std::optional<LambdaEvent> ReadLambdaEvent(std::string_view text) {
  Cursor cursor(text.data(), text.data() + text.size());
  LambdaEvent event;
  std::string_view name;
  if (!cursor.Take('{') || !cursor.TakeString(&name) || name != "awslogs" || !cursor.Take(':')) return std::nullopt;
  if (!cursor.Take('{') || !cursor.TakeString(&name) || name != "data" || !cursor.Take(':')) return std::nullopt;
  if (!cursor.TakeString(&event.data) || !cursor.Take('}')) return std::nullopt;
  if (cursor.is_at_end() || *cursor.at() != '}') return std::nullopt;
  event.size = static_cast<size_t>(cursor.at() + 1 - text.data());
  return event;
}

}  // namespace v1
}  // namespace flowlogs
