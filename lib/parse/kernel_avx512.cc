// The kernel for x86-64 with AVX-512 (BW, DQ, VL, VBMI, VBMI2): 64 bytes a step; compression makes the places
// of all separators cheap. Values are decoded as with AVX2.
#include "lib/parse/kernel.h"

#ifdef FLOWLOGS_HAVE_X86_KERNELS

#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 in its own header: bug 105593
#endif
#include <immintrin.h>

#include "lib/parse/kernel_decode_avx2.h"
#include "lib/parse/kernel_locate_bmi.h"

#define FLOWLOGS_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,popcnt,lzcnt")))
#define FLOWLOGS_AVX512_INLINE FLOWLOGS_AVX512 inline __attribute__((always_inline))

namespace flowlogs {
inline namespace v1 {
namespace {

struct Progress {
  uint32_t* line_end;
  uint64_t rank;      // separators so far
  uint64_t carry;     // 1 if the byte before was a separator
  uint64_t touching;  // any bit: two separators side by side
  __m512i least;      // of the bytes at each place: below 0x20 is a control byte other than LF
  __m512i high;       // any byte with its high bit set: not ASCII
};

// Bytes that do not belong to the text are 'x'.
FLOWLOGS_AVX512_INLINE uint64_t Step(__m512i bytes, uint32_t base, Progress* p) {
  const uint64_t line_ends = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n'));
  const uint64_t separators = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' ')) | line_ends;
  p->least = _mm512_mask_min_epu8(p->least, ~line_ends, p->least, bytes);
  p->high = _mm512_or_si512(p->high, bytes);
  p->touching |= separators & ((separators << 1) | p->carry);
  p->carry = separators >> 63;
  p->rank += static_cast<uint64_t>(_mm_popcnt_u64(separators));
  p->line_end = NoteLineEnds(line_ends, base, p->line_end);
  return separators;
}

FLOWLOGS_AVX512 void Index(const char* text, size_t size, IndexOutput* out) {
  Progress p{out->line_ends, 0, 1, 0, _mm512_set1_epi8(0x20), _mm512_setzero_si512()};
  uint64_t* word = out->separators;
  uint32_t* rank = out->ranks;
  size_t at = 0;
  for (; at + 128 <= size; at += 128) {
    *rank++ = static_cast<uint32_t>(p.rank);
    *word++ = Step(_mm512_loadu_si512(text + at), static_cast<uint32_t>(at), &p);
    *rank++ = static_cast<uint32_t>(p.rank);
    *word++ = Step(_mm512_loadu_si512(text + at + 64), static_cast<uint32_t>(at + 64), &p);
  }
  for (; at + 64 <= size; at += 64) {
    *rank++ = static_cast<uint32_t>(p.rank);
    *word++ = Step(_mm512_loadu_si512(text + at), static_cast<uint32_t>(at), &p);
  }
  if (at < size) {
    *rank++ = static_cast<uint32_t>(p.rank);
    const uint64_t valid = ~uint64_t{0} >> (64 - (size - at));
    const __m512i rest = _mm512_mask_loadu_epi8(_mm512_set1_epi8('x'), valid, text + at);
    *word++ = Step(rest, static_cast<uint32_t>(at), &p);
  }
  for (uint64_t* end = out->separators + size / 64 + 2; word < end; ++word) {
    *word = 0;
    *rank++ = static_cast<uint32_t>(p.rank);
  }
  out->num_lines = static_cast<size_t>(p.line_end - out->line_ends);
  out->touching = p.touching != 0;
  out->control = _mm512_cmplt_epu8_mask(p.least, _mm512_set1_epi8(0x20)) != 0;
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

}  // namespace

const Kernel kAvx512Kernel = {"avx512", Index, AllLinesHave, 1, Offsets, Locate, Integers, V4Addresses};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_HAVE_X86_KERNELS
