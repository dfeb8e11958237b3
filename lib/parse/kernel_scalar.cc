// The plain kernel: byte after byte. It is only meant to be right; the others are tested against it.
#include "lib/parse/kernel.h"

namespace flowlogs {
inline namespace v1 {
namespace {

void Index(const char* text, size_t size, IndexOutput* out) {
  const size_t words = size / 64 + 2;
  for (size_t w = 0; w < words; ++w) out->separators[w] = 0;
  size_t lines = 0;
  uint32_t rank = 0;
  bool touching = false, control = false, high = false;
  bool after_separator = true;
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const bool separator = c == ' ' || c == '\n';
    control |= c < 0x20 && c != '\n';
    high |= c > 0x7f;
    touching |= separator && after_separator;
    after_separator = separator;
    if (!separator) continue;
    out->separators[i / 64] |= uint64_t{1} << (i % 64);
    if (c == '\n') {
      out->line_ends[lines] = static_cast<uint32_t>(i);
      out->ranks[lines] = rank;
      ++lines;
    }
    ++rank;
  }
  out->num_lines = lines;
  out->touching = touching;
  out->control = control;
  out->high = high;
}

void Locate(const uint64_t* separators, const uint32_t* line_ends, uint32_t first_line, const uint32_t* rows, size_t count,
            const uint16_t* wanted, size_t num_wanted, uint32_t* const* out) {
  for (size_t i = 0; i < count; ++i) {
    const uint32_t row = rows == nullptr ? static_cast<uint32_t>(i) : rows[i];
    const uint32_t line = first_line + row;
    uint32_t at = line == 0 ? 0 : line_ends[line - 1] + 1;
    uint16_t number = 0;
    for (size_t k = 0; k < num_wanted; ++at) {
      if ((separators[at / 64] >> (at % 64) & 1) == 0) continue;
      if (number == wanted[k]) out[k++][row] = at;
      ++number;
    }
  }
}

}  // namespace

const Kernel kScalarKernel = {"scalar", Index, Locate};

}  // namespace v1
}  // namespace flowlogs
