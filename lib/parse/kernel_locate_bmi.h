// What needs only BMI2 and POPCNT, for the kernels of x86-64: see kernel.h. Internal linkage.
//
// A line's first values are found from its beginning, the last ones from its end, each in one window of 64 bytes: which
// word of the masks a separator stands in is not asked, for that could not be predicted.
#ifndef FLOWLOGS_LIB_PARSE_KERNEL_LOCATE_BMI_H_
#define FLOWLOGS_LIB_PARSE_KERNEL_LOCATE_BMI_H_

#include <immintrin.h>

#include "lib/parse/kernel.h"

#define FLOWLOGS_BMI __attribute__((target("bmi,bmi2,popcnt,lzcnt")))

namespace flowlogs {
inline namespace v1 {
namespace {

// Writes the places of the line ends of one word, whose first byte is at `base`; returns where the next ones go.
FLOWLOGS_BMI inline __attribute__((always_inline)) uint32_t* NoteLineEnds(uint64_t line_ends, uint32_t base,
                                                                          uint32_t* out) {
  // The first one is written whether there is one or not: which of the two cannot be predicted. More are rare.
  const size_t count = static_cast<size_t>(_mm_popcnt_u64(line_ends));
  out[0] = base + static_cast<uint32_t>(_tzcnt_u64(line_ends));
  if (count > 1) [[unlikely]] {
    for (size_t i = 1; i < count; ++i) {
      line_ends = _blsr_u64(line_ends);
      out[i] = base + static_cast<uint32_t>(_tzcnt_u64(line_ends));
    }
  }
  return out + count;
}

FLOWLOGS_BMI bool AllLinesHave(const IndexOutput& index, uint32_t per_line) {
  uint32_t wrong = 0;
  uint32_t expected = per_line - 1;  // separators before the line's end
  for (size_t i = 0; i < index.num_lines; ++i, expected += per_line) {
    const uint32_t end = index.line_ends[i];
    const uint64_t before = _bzhi_u64(index.separators[end / 64], end % 64);
    wrong |= (index.ranks[end / 64] + static_cast<uint32_t>(_mm_popcnt_u64(before))) ^ expected;
  }
  return wrong == 0;
}

// The place of separator number `number` of the line that begins at `begin`, word by word.
FLOWLOGS_BMI __attribute__((noinline)) uint32_t LocateFar(const uint64_t* separators, uint32_t begin, uint32_t number) {
  uint32_t w = begin / 64;
  uint64_t bits = separators[w] & (~uint64_t{0} << (begin % 64));
  for (uint32_t here; (here = static_cast<uint32_t>(_mm_popcnt_u64(bits))) <= number; number -= here) bits = separators[++w];
  return w * 64 + static_cast<uint32_t>(_tzcnt_u64(_pdep_u64(uint64_t{1} << number, bits)));
}

FLOWLOGS_BMI void Locate(const uint64_t* separators, const uint32_t* line_ends, uint32_t first_line, uint32_t per_line,
                         const uint32_t* rows, size_t count, const uint16_t* wanted, size_t num_wanted,
                         uint32_t* const* out) {
  size_t front = 0;  // how many are nearer to the beginning
  while (front < num_wanted && wanted[front] < per_line / 2) ++front;
  if (front > 0) {
    for (size_t i = 0; i < count; ++i) {
      const uint32_t row = rows == nullptr ? static_cast<uint32_t>(i) : rows[i];
      const uint32_t begin = line_ends[static_cast<int64_t>(first_line) + row - 1] + 1;
      const uint32_t w = begin / 64, shift = begin % 64;
      const uint64_t window = separators[w] >> shift | separators[w + 1] << 1 << (63 - shift);  // bit 0: the first byte
      if (static_cast<uint32_t>(_mm_popcnt_u64(window)) > wanted[front - 1]) [[likely]] {
        for (size_t k = 0; k < front; ++k) {
          out[k][row] = begin + static_cast<uint32_t>(_tzcnt_u64(_pdep_u64(uint64_t{1} << wanted[k], window)));
        }
      } else {
        for (size_t k = 0; k < front; ++k) out[k][row] = LocateFar(separators, begin, wanted[k]);
      }
    }
  }
  if (front < num_wanted) {
    const uint32_t farthest = per_line - 1 - wanted[front];  // separators from it to the line's end
    for (size_t i = 0; i < count; ++i) {
      const uint32_t row = rows == nullptr ? static_cast<uint32_t>(i) : rows[i];
      const uint32_t end = line_ends[static_cast<int64_t>(first_line) + row];
      const uint32_t w = end / 64, shift = end % 64;
      const uint64_t window =
          separators[w] << (63 - shift) | (w == 0 ? 0 : separators[w - 1]) >> 1 >> shift;  // bit 63: the LF
      const uint32_t here = static_cast<uint32_t>(_mm_popcnt_u64(window));
      if (here > farthest) [[likely]] {
        for (size_t k = front; k < num_wanted; ++k) {
          const uint64_t bit = uint64_t{1} << (here - per_line + wanted[k]);
          out[k][row] = end - 63 + static_cast<uint32_t>(_tzcnt_u64(_pdep_u64(bit, window)));
        }
      } else {
        const uint32_t begin = line_ends[static_cast<int64_t>(first_line) + row - 1] + 1;
        for (size_t k = front; k < num_wanted; ++k) out[k][row] = LocateFar(separators, begin, wanted[k]);
      }
    }
  }
}

}  // namespace
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_KERNEL_LOCATE_BMI_H_
