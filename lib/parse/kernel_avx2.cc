// The kernel for x86-64 with AVX2 and BMI: 64 bytes a step, two tokens at a time.
#include "lib/parse/kernel.h"

#ifdef FLOWLOGS_HAVE_X86_KERNELS

#include <immintrin.h>

#include "lib/parse/kernel_locate_bmi.h"
#include "lib/parse/kernel_v4_patterns.h"

#define FLOWLOGS_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))
#define FLOWLOGS_AVX2_INLINE FLOWLOGS_AVX2 inline __attribute__((always_inline))

namespace flowlogs {
inline namespace v1 {
namespace {

struct Progress {
  uint32_t* line_end;
  uint32_t* rank;
  uint64_t rank_so_far;
  uint64_t carry;     // 1 if the byte before was a separator
  uint64_t touching;  // any bit: two separators side by side
  __m256i control;    // any byte not 0: a control byte other than LF
  __m256i high;       // any byte with its high bit set: not ASCII
};

// `valid` has a bit for each byte that belongs to the text.
FLOWLOGS_AVX2_INLINE uint64_t Step(__m256i a, __m256i b, uint64_t valid, uint32_t base, Progress* p) {
  const __m256i blank = _mm256_set1_epi8(' ');
  const __m256i lf = _mm256_set1_epi8('\n');
  const __m256i top = _mm256_set1_epi8(0x1f);
  const __m256i a_lf = _mm256_cmpeq_epi8(a, lf);
  const __m256i b_lf = _mm256_cmpeq_epi8(b, lf);
  const __m256i a_separator = _mm256_or_si256(_mm256_cmpeq_epi8(a, blank), a_lf);
  const __m256i b_separator = _mm256_or_si256(_mm256_cmpeq_epi8(b, blank), b_lf);
  const __m256i a_low = _mm256_cmpeq_epi8(_mm256_min_epu8(a, top), a);
  const __m256i b_low = _mm256_cmpeq_epi8(_mm256_min_epu8(b, top), b);
  p->control = _mm256_or_si256(
      p->control, _mm256_or_si256(_mm256_xor_si256(a_low, a_lf), _mm256_xor_si256(b_low, b_lf)));
  p->high = _mm256_or_si256(p->high, _mm256_or_si256(a, b));
  const uint64_t separators = ((static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(b_separator))) << 32) |
                               static_cast<uint32_t>(_mm256_movemask_epi8(a_separator))) &
                              valid;
  uint64_t line_ends = ((static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(b_lf))) << 32) |
                        static_cast<uint32_t>(_mm256_movemask_epi8(a_lf))) &
                       valid;
  p->touching |= separators & ((separators << 1) | p->carry);
  p->carry = separators >> 63;
  // The first line end is written whether there is one or not: which of the two cannot be predicted.
  const size_t count = static_cast<size_t>(_mm_popcnt_u64(line_ends));
  size_t i = 0;
  do {
    p->line_end[i] = base + static_cast<uint32_t>(_tzcnt_u64(line_ends));
    p->rank[i] = static_cast<uint32_t>(
        p->rank_so_far + static_cast<uint64_t>(_mm_popcnt_u64(separators & (_blsmsk_u64(line_ends) >> 1))));
    line_ends = _blsr_u64(line_ends);
  } while (++i < count);
  p->line_end += count;
  p->rank += count;
  p->rank_so_far += static_cast<uint64_t>(_mm_popcnt_u64(separators));
  return separators;
}

FLOWLOGS_AVX2 void Index(const char* text, size_t size, IndexOutput* out) {
  Progress p{out->line_ends, out->ranks, 0, 1, 0, _mm256_setzero_si256(), _mm256_setzero_si256()};
  uint64_t* word = out->separators;
  size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + at));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + at + 32));
    *word++ = Step(a, b, ~uint64_t{0}, static_cast<uint32_t>(at), &p);
  }
  if (at < size) {
    // The rest is copied: nothing behind the text is read.
    alignas(32) char rest[64];
    for (size_t i = 0; i < 64; ++i) rest[i] = at + i < size ? text[at + i] : 'x';
    const __m256i a = _mm256_load_si256(reinterpret_cast<const __m256i*>(rest));
    const __m256i b = _mm256_load_si256(reinterpret_cast<const __m256i*>(rest + 32));
    *word++ = Step(a, b, ~uint64_t{0} >> (64 - (size - at)), static_cast<uint32_t>(at), &p);
  }
  for (uint64_t* end = out->separators + size / 64 + 2; word < end; ++word) *word = 0;
  out->num_lines = static_cast<size_t>(p.line_end - out->line_ends);
  out->touching = p.touching != 0;
  out->control = _mm256_testz_si256(p.control, p.control) == 0;
  out->high = _mm256_movemask_epi8(p.high) != 0;
}

FLOWLOGS_AVX2 void Offsets(const uint64_t* separators, size_t words, uint32_t* out) {
  for (size_t w = 0; w < words; ++w) {
    uint64_t bits = separators[w];
    const size_t count = static_cast<size_t>(_mm_popcnt_u64(bits));
    const uint32_t base = static_cast<uint32_t>(w * 64);
    // Eight at a time, whether there are as many or not.
    for (size_t i = 0; i < count; i += 8) {
      for (size_t k = 0; k < 8; ++k) {
        out[i + k] = base + static_cast<uint32_t>(_tzcnt_u64(bits));
        bits = _blsr_u64(bits);
      }
    }
    out += count;
  }
}

// ---- Values: two at a time, one in each half of a register ----------------------------------------------------------

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

const Kernel kAvx2Kernel = {"avx2", Index, Offsets, Locate, Integers, V4Addresses};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_HAVE_X86_KERNELS
