// The kernel for x86-64 with AVX-512 (BW, DQ, VL, VBMI, VBMI2): 64 bytes a step, four tokens at a time.
// Compression makes the places of all separators cheap.
#include "lib/parse/kernel.h"

#ifdef FLOWLOGS_HAVE_X86_KERNELS

#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 in its own header: bug 105593
#endif
#include <immintrin.h>

#include "lib/parse/kernel_locate_bmi.h"
#include "lib/parse/kernel_v4_patterns.h"

#define FLOWLOGS_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,popcnt,lzcnt")))
#define FLOWLOGS_AVX512_INLINE FLOWLOGS_AVX512 inline __attribute__((always_inline))

namespace flowlogs {
inline namespace v1 {
namespace {

struct Progress {
  uint32_t* line_end;
  uint32_t* rank;
  uint64_t rank_so_far;
  uint64_t carry;     // 1 if the byte before was a separator
  uint64_t touching;  // any bit: two separators side by side
  uint64_t control;   // any bit: a control byte other than LF
  __m512i high;       // any byte with its high bit set: not ASCII
};

// Bytes that do not belong to the text are 'x'.
FLOWLOGS_AVX512_INLINE uint64_t Step(__m512i bytes, uint32_t base, Progress* p) {
  uint64_t line_ends = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n'));
  const uint64_t separators = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' ')) | line_ends;
  p->control |= _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)) ^ line_ends;
  p->high = _mm512_or_si512(p->high, bytes);
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

FLOWLOGS_AVX512 void Index(const char* text, size_t size, IndexOutput* out) {
  Progress p{out->line_ends, out->ranks, 0, 1, 0, 0, _mm512_setzero_si512()};
  uint64_t* word = out->separators;
  size_t at = 0;
  for (; at + 64 <= size; at += 64) *word++ = Step(_mm512_loadu_si512(text + at), static_cast<uint32_t>(at), &p);
  if (at < size) {
    const uint64_t valid = ~uint64_t{0} >> (64 - (size - at));
    const __m512i rest = _mm512_mask_loadu_epi8(_mm512_set1_epi8('x'), valid, text + at);
    *word++ = Step(rest, static_cast<uint32_t>(at), &p);
  }
  for (uint64_t* end = out->separators + size / 64 + 2; word < end; ++word) *word = 0;
  out->num_lines = static_cast<size_t>(p.line_end - out->line_ends);
  out->touching = p.touching != 0;
  out->control = p.control != 0;
  out->high = _mm512_movepi8_mask(p.high) != 0;
}

FLOWLOGS_AVX512 void Offsets(const uint64_t* separators, size_t words, uint32_t* out) {
  alignas(64) static constexpr uint8_t kBytes[64] = {
      0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
      32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
  const __m512i bytes = _mm512_load_si512(kBytes);
  for (size_t w = 0; w < words; ++w) {
    const uint64_t bits = separators[w];
    const size_t count = static_cast<size_t>(_mm_popcnt_u64(bits));
    const __m512i base = _mm512_set1_epi32(static_cast<int>(w * 64));
    __m512i places = _mm512_maskz_compress_epi8(bits, bytes);
    _mm512_storeu_si512(out, _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places))));
    for (size_t i = 16; i < count; i += 16) {  // values of three characters and less
      places = _mm512_shuffle_i64x2(places, places, 0x39);
      _mm512_storeu_si512(out + i, _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places))));
    }
    out += count;
  }
}

// ---- Values: four at a time, one in each quarter of a register ------------------------------------------------------

struct Four {
  uint32_t rows[4];
  const char* begins[4];
  const char* ends[4];
  uint32_t sizes[4];
};

// Tokens i .. i + 3; behind the last one it again.
FLOWLOGS_AVX512_INLINE void Take(const Tokens& tokens, size_t i, Four* four) {
  for (size_t k = 0; k < 4; ++k) {
    const size_t at = i + k < tokens.count ? i + k : tokens.count - 1;
    const uint32_t row = tokens.rows == nullptr ? static_cast<uint32_t>(at) : tokens.rows[at];
    const uint32_t begin = tokens.before[row * tokens.stride] + 1;
    const uint32_t end = tokens.after[row * tokens.stride];
    four->rows[k] = row;
    four->begins[k] = tokens.text + begin;
    four->ends[k] = tokens.text + end;
    four->sizes[k] = end - begin;
  }
}

FLOWLOGS_AVX512_INLINE __m512i Load4(const void* a, const void* b, const void* c, const void* d) {
  const auto load = [](const void* p) __attribute__((always_inline)) {
    return _mm_loadu_si128(static_cast<const __m128i*>(p));
  };
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load(a)), load(b), 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(load(c)), load(d), 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Writes the rows of those of the four whose bit is set, each once.
FLOWLOGS_AVX512_INLINE size_t Fail(const Four& four, size_t left, unsigned wrong, uint32_t* failed) {
  size_t count = 0;
  for (size_t k = 0; k < 4 && k < left; ++k) {
    if ((wrong >> k & 1) != 0) failed[count++] = four.rows[k];
  }
  return count;
}

// Bit k for quarter k of a mask of bytes.
FLOWLOGS_AVX512_INLINE unsigned Quarters(uint64_t bytes) {
  return static_cast<unsigned>((bytes & 0xffff) != 0) | static_cast<unsigned>((bytes >> 16 & 0xffff) != 0) << 1 |
         static_cast<unsigned>((bytes >> 32 & 0xffff) != 0) << 2 | static_cast<unsigned>((bytes >> 48) != 0) << 3;
}

FLOWLOGS_AVX512 size_t Integers(const Tokens& tokens, int64_t max, int64_t* out, uint32_t* failed) {
  const __m512i most = _mm512_set1_epi64(max);
  size_t num_failed = 0;
  for (size_t i = 0; i < tokens.count; i += 4) {
    Four four;
    Take(tokens, i, &four);
    uint64_t keep = 0;   // the bytes of the tokens, at the end of each quarter
    unsigned wrong = 0;  // by size
    for (size_t k = 0; k < 4; ++k) {
      keep |= (uint64_t{0xffff0000} >> (four.sizes[k] & 31) & 0xffff) << (16 * k);
      wrong |= static_cast<unsigned>(four.sizes[k] - 1 > 15) << k;
    }
    const __m512i text = Load4(four.ends[0] - 16, four.ends[1] - 16, four.ends[2] - 16, four.ends[3] - 16);
    const __m512i digits = _mm512_maskz_sub_epi8(keep, text, _mm512_set1_epi8('0'));
    const uint64_t no_digit = _mm512_cmpgt_epu8_mask(digits, _mm512_set1_epi8(9));
    const __m512i pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(0x010a));
    const __m512i fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00010064));
    const __m512i packed = _mm512_packus_epi32(fours, fours);
    const __m512i eights = _mm512_madd_epi16(packed, _mm512_set1_epi32(0x00012710));
    const __m512i value = _mm512_add_epi64(_mm512_mul_epu32(eights, _mm512_set1_epi64(100000000)),
                                           _mm512_srli_epi64(eights, 32));
    const __mmask8 over = _mm512_mask_cmpgt_epi64_mask(0x55, value, most);
    const __m256i values = _mm512_castsi512_si256(
        _mm512_maskz_compress_epi64(0x55, value));
    out[four.rows[0]] = _mm256_extract_epi64(values, 0);
    out[four.rows[1]] = _mm256_extract_epi64(values, 1);
    out[four.rows[2]] = _mm256_extract_epi64(values, 2);
    out[four.rows[3]] = _mm256_extract_epi64(values, 3);
    if ((no_digit | over | wrong) == 0) [[likely]] continue;
    wrong |= Quarters(no_digit) | _pext_u32(over, 0x55);
    num_failed += Fail(four, tokens.count - i, wrong, failed + num_failed);
  }
  return num_failed;
}

FLOWLOGS_AVX512 size_t V4Addresses(const Tokens& tokens, int64_t* out, uint32_t* failed) {
  size_t num_failed = 0;
  for (size_t i = 0; i < tokens.count; i += 4) {
    Four four;
    Take(tokens, i, &four);
    const __m512i text = Load4(four.begins[0], four.begins[1], four.begins[2], four.begins[3]);
    const uint64_t dots = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8('.'));
    unsigned wrong = 0;
    size_t slots[4];
    for (size_t k = 0; k < 4; ++k) {
      const uint32_t end = uint32_t{1} << (four.sizes[k] & 15);
      const uint32_t mask = (static_cast<uint32_t>(dots >> (16 * k)) & (end - 1)) | end;
      slots[k] = V4Patterns::SlotOf(mask);
      wrong |= static_cast<unsigned>(kV4.mask[slots[k]] != mask || four.sizes[k] > 15) << k;
    }
    const __m512i digits = _mm512_shuffle_epi8(
        _mm512_sub_epi8(text, _mm512_set1_epi8('0')),
        Load4(kV4.shuffle[slots[0]], kV4.shuffle[slots[1]], kV4.shuffle[slots[2]], kV4.shuffle[slots[3]]));
    const uint64_t no_digit = _mm512_cmpgt_epu8_mask(digits, _mm512_set1_epi8(9));
    const __m512i octets =
        _mm512_madd_epi16(_mm512_maddubs_epi16(digits, _mm512_set1_epi32(0x010a6400)), _mm512_set1_epi16(1));
    const auto least_of = [&](size_t k) __attribute__((always_inline)) { return static_cast<int>(kV4.least[slots[k]]); };
    const __m512i least = _mm512_cvtepu8_epi32(_mm_setr_epi32(least_of(0), least_of(1), least_of(2), least_of(3)));
    const uint32_t no_octet = static_cast<uint32_t>(_mm512_cmpgt_epi32_mask(octets, _mm512_set1_epi32(255))) |
                              static_cast<uint32_t>(_mm512_cmpgt_epi32_mask(least, octets));
    const __m512i bits = _mm512_shuffle_epi8(octets, _mm512_set1_epi32(0x0004080c));
    const __m128i words = _mm512_castsi512_si128(_mm512_maskz_compress_epi32(0x1111, bits));
    out[four.rows[0]] = static_cast<uint32_t>(_mm_extract_epi32(words, 0));
    out[four.rows[1]] = static_cast<uint32_t>(_mm_extract_epi32(words, 1));
    out[four.rows[2]] = static_cast<uint32_t>(_mm_extract_epi32(words, 2));
    out[four.rows[3]] = static_cast<uint32_t>(_mm_extract_epi32(words, 3));
    if ((no_digit | no_octet | wrong) == 0) [[likely]] continue;
    for (unsigned k = 0; k < 4; ++k) wrong |= static_cast<unsigned>((no_octet >> (4 * k) & 15) != 0) << k;
    num_failed += Fail(four, tokens.count - i, wrong | Quarters(no_digit), failed + num_failed);
  }
  return num_failed;
}

}  // namespace

const Kernel kAvx512Kernel = {"avx512", Index, Offsets, Locate, Integers, V4Addresses};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_HAVE_X86_KERNELS
