#include "lib/io/json_scanner.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__  // part of x86-64
#include <emmintrin.h>
#endif

namespace flowlogs {
inline namespace v1 {
namespace {

// What ends the quick way through a string.
constexpr auto kEndsRun = [] {
  std::array<bool, 256> table{};
  for (size_t c = 0; c < 0x20; ++c) table[c] = true;
  table['"'] = table['\\'] = true;
  return table;
}();

// Where the quick way ends, from `at` on; text.size() if it does not.
size_t EndOfRun(std::string_view text, size_t at) {
#ifdef __SSE2__
  const __m128i last_control = _mm_set1_epi8(0x1f), quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  for (; text.size() - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
    const __m128i ends = _mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(ends));
    if (found != 0) return at + static_cast<size_t>(std::countr_zero(found));
  }
#endif
  if constexpr (std::endian::native == std::endian::little) {
    constexpr uint64_t kOnes = 0x0101010101010101, kHighBits = kOnes << 7;
    const auto zeros = [](uint64_t bytes) { return (bytes - kOnes) & ~bytes; };  // the lowest high bit set is right
    for (; text.size() - at >= 8; at += 8) {
      uint64_t bytes;
      std::memcpy(&bytes, text.data() + at, 8);
      const uint64_t below_space = (bytes - 0x20 * kOnes) & ~bytes;
      const uint64_t found = (below_space | zeros(bytes ^ '"' * kOnes) | zeros(bytes ^ '\\' * kOnes)) & kHighBits;
      if (found != 0) return at + static_cast<size_t>(std::countr_zero(found)) / 8;
    }
  }
  while (at < text.size() && !kEndsRun[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

}  // namespace

bool JsonScanner::Open(char c) {
  const bool fits = before_ == '\0' || before_ == ':' || before_ == '[' || (before_ == ',' && is_list(depth_));
  if (!fits || depth_ == kMaxDepth) return false;
  const uint64_t bit = uint64_t{1} << depth_;
  lists_ = c == '[' ? lists_ | bit : lists_ & ~bit;
  ++depth_;
  return true;
}

bool JsonScanner::Close(char c) {
  if (is_list(depth_) != (c == ']')) return false;
  --depth_;
  return true;
}

JsonScanner::State JsonScanner::Scan(std::string_view document) {
  const size_t size = document.size();
  if (state_ != State::kUnfinished) return state_;
  while (at_ < size) {
    if (in_string_) {
      at_ = EndOfRun(document, at_);
      if (at_ == size) break;
      const char c = document[at_];
      if (c == '\\') {
        if (at_ + 1 == size) break;  // what is escaped comes later
        if (static_cast<unsigned char>(document[at_ + 1]) < 0x20) return state_ = State::kBroken;
        at_ += 2;
        continue;
      }
      if (c != '"') return state_ = State::kBroken;  // a line end, most likely: the string was not closed
      ++at_;
      in_string_ = false;
      before_ = '"';
      continue;
    }
    const char c = document[at_];
    switch (c) {
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        ++at_;
        continue;
      case '"':
        if (before_ != '{' && before_ != '[' && before_ != ',' && before_ != ':') return state_ = State::kBroken;
        in_string_ = true;
        break;
      case '{':
      case '[':
        if (!Open(c)) return state_ = State::kBroken;
        break;
      case '}':
      case ']':
        if (!Close(c)) return state_ = State::kBroken;
        if (depth_ == 0) {
          ++at_;
          return state_ = State::kComplete;
        }
        if (c == '}' && depth_ == 2 && is_list(2)) last_element_end_ = at_ + 1;
        break;
      default:
        break;
    }
    before_ = c;
    ++at_;
  }
  return State::kUnfinished;
}

}  // namespace v1
}  // namespace flowlogs
