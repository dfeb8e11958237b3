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
//   ranks       0                               separators before each word
struct IndexOutput {
  uint64_t* separators;  // room for size / 64 + 2 words; the last two are 0 behind the text
  uint32_t* ranks;       // room for as many
  uint32_t* line_ends;   // room for size + 64
  size_t num_lines;
  bool touching;  // two separators stand side by side, or the text begins with one
  bool control;   // a byte below 0x20 other than LF
  bool high;      // a byte above 0x7f
};

// One column of some rows. The token of row r stands between the separators at before[r * stride] and at
// after[r * stride]; before may be -1, in front of the text's first byte. 64 bytes on each side of the text may be read.
struct Tokens {
  const char* text;
  const uint32_t* before;
  const uint32_t* after;
  size_t stride;
  const uint32_t* rows;  // those that are wanted, ascending; null: 0 .. count - 1
  size_t count;
};

struct Kernel {
  const char* name;
  // Reads text[0 .. size), not a byte beyond. REQUIRES: size < 2^32.
  void (*index)(const char* text, size_t size, IndexOutput* out);
  // Whether each line has exactly `per_line` separators, its LF included.
  bool (*all_lines_have)(const IndexOutput& index, uint32_t per_line);
  // How many thirds of a line's separators offsets() is worth: for fewer, locate() is cheaper.
  uint32_t offsets_thirds;
  // Writes the places of all separators in order. `words`: of `separators`, the two behind the text left out. Writes up
  // to 64 places more than there are.
  void (*offsets)(const uint64_t* separators, size_t words, uint32_t* out);
  // Null where offsets() is never dearer. Finds separators inside of lines, for few columns or rows. For each of `count`
  // rows (rows[i], or i where rows is null): line number first_line + row; out[k][row] = place of its separator number
  // wanted[k] (counted from 0 in the line). REQUIRES: wanted ascends and leaves out the LFs; every line has `per_line`
  // separators, its LF included; line_ends[-1] is ~0; separators[-1] may be read.
  void (*locate)(const uint64_t* separators, const uint32_t* line_ends, uint32_t first_line, uint32_t per_line,
                 const uint32_t* rows, size_t count, const uint16_t* wanted, size_t num_wanted, uint32_t* const* out);
  // Decodes decimal numbers of 1 to 16 digits and at most `max`: out[row]. Rows with any other token are written to
  // `failed`, which has room for all; returns how many.
  size_t (*integers)(const Tokens& tokens, int64_t max, int64_t* out, uint32_t* failed);
  // Decodes dotted quads to their 32 bits: no octet with a leading zero or above 255. Else as integers().
  size_t (*v4_addresses)(const Tokens& tokens, int64_t* out, uint32_t* failed);
};

extern const Kernel kScalarKernel;
#if defined(__x86_64__) && defined(__GNUC__)
#define FLOWLOGS_HAVE_X86_KERNELS 1
extern const Kernel kAvx2Kernel;
extern const Kernel kAvx512Kernel;
#endif
#if defined(__aarch64__) && defined(__GNUC__)
#define FLOWLOGS_HAVE_NEON_KERNEL 1
extern const Kernel kNeonKernel;
#endif

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_KERNEL_H_
