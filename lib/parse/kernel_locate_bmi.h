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

// At least 57 bits of the masks, of which bit 0 is the byte at `begin`; those behind them are 0.
FLOWLOGS_BMI inline __attribute__((always_inline)) uint64_t WindowFrom(const uint64_t* separators, uint32_t begin) {
  uint64_t window;
  __builtin_memcpy(&window, reinterpret_cast<const char*>(separators) + begin / 8, sizeof(window));
  return window >> (begin % 8);
}

// At least 57 bits of the masks, of which bit 63 is the byte at `end`; those in front of them are 0.
FLOWLOGS_BMI inline __attribute__((always_inline)) uint64_t WindowTo(const uint64_t* separators, uint32_t end) {
  uint64_t window;
  __builtin_memcpy(&window, reinterpret_cast<const char*>(separators) + static_cast<ptrdiff_t>(end / 8) - 7, sizeof(window));
  return window << (7 - end % 8);
}

struct LocateTask {
  const uint64_t* separators;
  const uint32_t* line_ends;  // of row 0
  uint32_t per_line;
  const uint32_t* rows;
  size_t count;
};

// Those of one half of the line, kNum of them: known to the compiler, so that all that is not a row's stays in registers.
template <bool kFromEnd, size_t kNum>
FLOWLOGS_BMI void LocateHalf(const LocateTask& task, const uint16_t* wanted, uint32_t* const* out) {
  uint32_t* to[kNum];
  uint64_t number[kNum];
#pragma GCC unroll 4
  for (size_t k = 0; k < kNum; ++k) {
    to[k] = out[k];
    number[k] = wanted[k];
  }
  // Separators of the line that the window must show: those up to the last one wanted, or from the first one wanted on.
  const uint32_t needed = kFromEnd ? task.per_line - wanted[0] : wanted[kNum - 1] + uint32_t{1};
  const uint64_t per_line = task.per_line;
  for (size_t i = 0; i < task.count; ++i) {
    const size_t row = task.rows == nullptr ? i : task.rows[i];
    const uint32_t end = task.line_ends[row];
    const uint32_t begin = task.line_ends[static_cast<ptrdiff_t>(row) - 1] + 1;
    const uint64_t window = kFromEnd ? WindowTo(task.separators, end) : WindowFrom(task.separators, begin);
    const uint64_t here = static_cast<uint64_t>(_mm_popcnt_u64(window));
    if (here < needed) [[unlikely]] {
      for (size_t k = 0; k < kNum; ++k) to[k][row] = LocateFar(task.separators, begin, wanted[k]);
      continue;
    }
    // Of the window's bits, the line's first one (which may stand in front of it).
    const uint64_t first = kFromEnd ? here - per_line : 0;
    const uint32_t base = kFromEnd ? end - 63 : begin;
#pragma GCC unroll 4
    for (size_t k = 0; k < kNum; ++k) {
      const uint64_t bit = uint64_t{1} << ((first + number[k]) & 63);
      to[k][row] = base + static_cast<uint32_t>(_tzcnt_u64(_pdep_u64(bit, window)));
    }
  }
}

template <bool kFromEnd>
FLOWLOGS_BMI void LocateHalf(const LocateTask& task, const uint16_t* wanted, size_t num_wanted, uint32_t* const* out) {
  for (; num_wanted >= 4; num_wanted -= 4, wanted += 4, out += 4) LocateHalf<kFromEnd, 4>(task, wanted, out);
  if (num_wanted == 3) LocateHalf<kFromEnd, 3>(task, wanted, out);
  if (num_wanted == 2) LocateHalf<kFromEnd, 2>(task, wanted, out);
  if (num_wanted == 1) LocateHalf<kFromEnd, 1>(task, wanted, out);
}

FLOWLOGS_BMI void Locate(const uint64_t* separators, const uint32_t* line_ends, uint32_t first_line, uint32_t per_line,
                         const uint32_t* rows, size_t count, const uint16_t* wanted, size_t num_wanted,
                         uint32_t* const* out) {
  if (count == 0) return;
  // How many are nearer to the beginning. The first line tells: in others they stand about as far.
  size_t front = 0;
  const int64_t line = static_cast<int64_t>(first_line) + (rows == nullptr ? 0 : rows[0]);
  const uint32_t begin = line_ends[line - 1] + 1, end = line_ends[line];
  while (front < num_wanted && 2 * LocateFar(separators, begin, wanted[front]) < begin + end) ++front;
  const LocateTask task{separators, line_ends + first_line, per_line, rows, count};
  LocateHalf<false>(task, wanted, front, out);
  LocateHalf<true>(task, wanted + front, num_wanted - front, out + front);
}

}  // namespace
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_KERNEL_LOCATE_BMI_H_
