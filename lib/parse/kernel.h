// What a kernel does: the innermost loops, once per instruction set, behind one contract.
//
// Each kernel_*.cc includes this header and intrinsics only, and everything in it but its one Kernel has internal linkage:
// an inline function that two files compile for different instruction sets would be merged by the linker, and the wrong
// copy is a SIGILL on another machine. tools/check_kernels.py looks at the objects.
#ifndef FLOWLOGS_LIB_PARSE_KERNEL_H_
#define FLOWLOGS_LIB_PARSE_KERNEL_H_

#include <stddef.h>
#include <stdint.h>

namespace flowlogs {
inline namespace v1 {

// Where index() writes. Separators are the blank (0x20) and LF; other bytes below 0x20 are only noted.
//
//   text        2 _ 1 2 3 _ e n i LF 2 _ ...
//   separators  0 1 0 0 0 1 0 0 0 1  0 1        bit i of word w is byte 64 * w + i
//   line_ends                     9             places of the LFs
//   ranks                         2             separators before each of them
struct IndexOutput {
  uint64_t* separators;  // room for size / 64 + 2 words; the last two are 0 behind the text
  uint32_t* line_ends;   // room for size + 64
  uint32_t* ranks;       // room for size + 64
  size_t num_lines;
  bool touching;  // two separators stand side by side, or the text begins with one
  bool control;   // a byte below 0x20 other than LF
  bool high;      // a byte above 0x7f
};

struct Kernel {
  const char* name;
  // Reads text[0 .. size), not a byte beyond. REQUIRES: size < 2^32.
  void (*index)(const char* text, size_t size, IndexOutput* out);
  // Finds separators inside of lines. For each of `count` rows (rows[i], or i where rows is null): line number
  // first_line + row; out[k][row] = place of its separator number wanted[k] (counted from 0 in the line).
  // REQUIRES: wanted ascends; every line has as many separators.
  void (*locate)(const uint64_t* separators, const uint32_t* line_ends, uint32_t first_line, const uint32_t* rows,
                 size_t count, const uint16_t* wanted, size_t num_wanted, uint32_t* const* out);
};

extern const Kernel kScalarKernel;
#if defined(__x86_64__) && defined(__GNUC__)
#define FLOWLOGS_HAVE_AVX2_KERNEL 1
extern const Kernel kAvx2Kernel;
#endif

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_KERNEL_H_
