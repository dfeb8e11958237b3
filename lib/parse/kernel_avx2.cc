// The kernel for x86-64 with AVX2 and BMI: 64 bytes a step, two tokens at a time.
#include "lib/parse/kernel.h"

#ifdef FLOWLOGS_HAVE_X86_KERNELS

#include <immintrin.h>

#include "lib/parse/kernel_decode_avx2.h"
#include "lib/parse/kernel_locate_bmi.h"

namespace flowlogs {
inline namespace v1 {
namespace {

struct Progress {
  uint32_t* line_end;
  uint64_t rank;      // separators so far
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
  const uint64_t line_ends = ((static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(b_lf))) << 32) |
                        static_cast<uint32_t>(_mm256_movemask_epi8(a_lf))) &
                       valid;
  p->touching |= separators & ((separators << 1) | p->carry);
  p->carry = separators >> 63;
  p->rank += static_cast<uint64_t>(_mm_popcnt_u64(separators));
  p->line_end = NoteLineEnds(line_ends, base, p->line_end);
  return separators;
}

FLOWLOGS_AVX2 void Index(const char* text, size_t size, IndexOutput* out) {
  Progress p{out->line_ends, 0, 1, 0, _mm256_setzero_si256(), _mm256_setzero_si256()};
  uint64_t* word = out->separators;
  uint32_t* rank = out->ranks;
  size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    *rank++ = static_cast<uint32_t>(p.rank);
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + at));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + at + 32));
    *word++ = Step(a, b, ~uint64_t{0}, static_cast<uint32_t>(at), &p);
  }
  if (at < size) {
    // The rest is copied: nothing behind the text is read.
    alignas(32) char rest[64];
    for (size_t i = 0; i < 64; ++i) rest[i] = at + i < size ? text[at + i] : 'x';
    *rank++ = static_cast<uint32_t>(p.rank);
    const __m256i a = _mm256_load_si256(reinterpret_cast<const __m256i*>(rest));
    const __m256i b = _mm256_load_si256(reinterpret_cast<const __m256i*>(rest + 32));
    *word++ = Step(a, b, ~uint64_t{0} >> (64 - (size - at)), static_cast<uint32_t>(at), &p);
  }
  for (uint64_t* end = out->separators + size / 64 + 2; word < end; ++word) {
    *word = 0;
    *rank++ = static_cast<uint32_t>(p.rank);
  }
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

}  // namespace

const Kernel kAvx2Kernel = {"avx2", Index, AllLinesHave, 2, Offsets, Locate, Integers, V4Addresses};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_HAVE_X86_KERNELS
