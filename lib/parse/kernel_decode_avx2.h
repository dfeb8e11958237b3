// Integers and IPv4 addresses, two tokens at a time, one in each half of an AVX2 register, for the kernels of x86-64 (four in
// AVX-512 registers took half as long again: gathering them costs more than it saves). Internal linkage: see kernel.h.
#ifndef FLOWLOGS_LIB_PARSE_KERNEL_DECODE_AVX2_H_
#define FLOWLOGS_LIB_PARSE_KERNEL_DECODE_AVX2_H_

#include <immintrin.h>

#include "lib/parse/kernel.h"
#include "lib/parse/kernel_v4_patterns.h"

#define FLOWLOGS_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))
#define FLOWLOGS_AVX2_INLINE FLOWLOGS_AVX2 inline __attribute__((always_inline))

namespace flowlogs {
inline namespace v1 {
namespace {

struct Token {
  const char* begin;
  const char* end;
  uint32_t size;
};

FLOWLOGS_AVX2_INLINE uint32_t RowOf(const Tokens& tokens, size_t i) {
  return tokens.rows == nullptr ? static_cast<uint32_t>(i) : tokens.rows[i];
}

FLOWLOGS_AVX2_INLINE Token TokenOf(const Tokens& tokens, uint32_t row) {
  const uint32_t begin = tokens.before[row * tokens.stride] + 1;
  const uint32_t end = tokens.after[row * tokens.stride];
  return {tokens.text + begin, tokens.text + end, end - begin};
}

FLOWLOGS_AVX2_INLINE __m128i Load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
FLOWLOGS_AVX2_INLINE __m256i Load2(const void* low, const void* high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(Load(low)), Load(high), 1);
}

alignas(16) constexpr uint8_t kNothingThenAll[32] = {0,    0,    0,    0,    0,    0,    0,    0,    0,    0,   0,
                                                     0,    0,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, 0xff,
                                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

FLOWLOGS_AVX2 size_t Integers(const Tokens& tokens, int64_t max, int64_t* out, uint32_t* failed) {
  const __m256i nine = _mm256_set1_epi8(9);
  const __m256i zero_digit = _mm256_set1_epi8('0');
  const __m256i most = _mm256_set1_epi64x(max);
  size_t num_failed = 0;
  for (size_t i = 0; i < tokens.count; i += 2) {
    const uint32_t row_a = RowOf(tokens, i);
    const uint32_t row_b = i + 1 < tokens.count ? RowOf(tokens, i + 1) : row_a;
    const Token a = TokenOf(tokens, row_a);
    const Token b = TokenOf(tokens, row_b);
    const bool short_a = a.size - 1 < 16, short_b = b.size - 1 < 16;
    const __m256i keep = Load2(kNothingThenAll + (short_a ? a.size : 0), kNothingThenAll + (short_b ? b.size : 0));
    const __m256i digits = _mm256_and_si256(_mm256_sub_epi8(Load2(a.end - 16, b.end - 16), zero_digit), keep);
    const __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
    const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00010064));
    const __m256i packed = _mm256_packus_epi32(fours, fours);
    const __m256i eights = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x00012710));
    const __m256i value = _mm256_add_epi64(_mm256_mul_epu32(eights, _mm256_set1_epi64x(100000000)),
                                           _mm256_srli_epi64(eights, 32));
    const __m256i over = _mm256_or_si256(_mm256_subs_epu8(digits, nine),
                                         _mm256_unpacklo_epi64(_mm256_cmpgt_epi64(value, most), _mm256_setzero_si256()));
    out[row_a] = _mm256_extract_epi64(value, 0);
    out[row_b] = _mm256_extract_epi64(value, 2);
    if (_mm256_testz_si256(over, over) && short_a && short_b) [[likely]] continue;
    const __m128i over_a = _mm256_castsi256_si128(over), over_b = _mm256_extracti128_si256(over, 1);
    if (!short_a || !_mm_testz_si128(over_a, over_a)) failed[num_failed++] = row_a;
    if (row_b != row_a && (!short_b || !_mm_testz_si128(over_b, over_b))) failed[num_failed++] = row_b;
  }
  return num_failed;
}

FLOWLOGS_AVX2 size_t V4Addresses(const Tokens& tokens, int64_t* out, uint32_t* failed) {
  const __m256i nine = _mm256_set1_epi8(9);
  size_t num_failed = 0;
  for (size_t i = 0; i < tokens.count; i += 2) {
    const uint32_t row_a = RowOf(tokens, i);
    const uint32_t row_b = i + 1 < tokens.count ? RowOf(tokens, i + 1) : row_a;
    const Token a = TokenOf(tokens, row_a);
    const Token b = TokenOf(tokens, row_b);
    const __m256i text = Load2(a.begin, b.begin);
    const uint32_t dots =
        static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('.'))));
    const uint32_t end_a = uint32_t{1} << (a.size & 15), end_b = uint32_t{1} << (b.size & 15);
    const uint32_t mask_a = (dots & (end_a - 1)) | end_a;
    const uint32_t mask_b = ((dots >> 16) & (end_b - 1)) | end_b;
    const size_t slot_a = V4Patterns::SlotOf(mask_a), slot_b = V4Patterns::SlotOf(mask_b);
    const bool shape_a = kV4.mask[slot_a] == mask_a && a.size < 16, shape_b = kV4.mask[slot_b] == mask_b && b.size < 16;
    const __m256i digits = _mm256_shuffle_epi8(_mm256_sub_epi8(text, _mm256_set1_epi8('0')),
                                               Load2(kV4.shuffle[slot_a], kV4.shuffle[slot_b]));
    const __m256i octets =
        _mm256_madd_epi16(_mm256_maddubs_epi16(digits, _mm256_set1_epi32(0x010a6400)), _mm256_set1_epi16(1));
    const __m256i least = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(static_cast<int>(kV4.least[slot_a])))),
        _mm_cvtepu8_epi32(_mm_cvtsi32_si128(static_cast<int>(kV4.least[slot_b]))), 1);
    const __m256i wrong = _mm256_or_si256(
        _mm256_subs_epu8(digits, nine),
        _mm256_or_si256(_mm256_cmpgt_epi32(octets, _mm256_set1_epi32(255)), _mm256_cmpgt_epi32(least, octets)));
    const __m256i bits = _mm256_shuffle_epi8(octets, _mm256_set1_epi32(0x0004080c));
    out[row_a] = static_cast<uint32_t>(_mm256_extract_epi32(bits, 0));
    out[row_b] = static_cast<uint32_t>(_mm256_extract_epi32(bits, 4));
    if (_mm256_testz_si256(wrong, wrong) && shape_a && shape_b) [[likely]] continue;
    const __m128i wrong_a = _mm256_castsi256_si128(wrong), wrong_b = _mm256_extracti128_si256(wrong, 1);
    if (!shape_a || !_mm_testz_si128(wrong_a, wrong_a)) failed[num_failed++] = row_a;
    if (row_b != row_a && (!shape_b || !_mm_testz_si128(wrong_b, wrong_b))) failed[num_failed++] = row_b;
  }
  return num_failed;
}

}  // namespace
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_KERNEL_DECODE_AVX2_H_
