// LineIndex: where the values of whole lines stand, found once by a kernel.
//
//   2 123456789010 eni-1235b8ca123456789 172.31.16.139 ... ACCEPT OK LF 2 1234...
//    ^            ^                     ^             ^           ^  ^
//    separator 0  1                     2             3          12  13: the line's end
//
// Token f of a line stands between its separators f - 1 and f (the line's beginning for f = 0). This holds for a line in
// which no two separators touch and that begins with none; lib/parse/lines.h proves it before anybody relies on it.
#ifndef FLOWLOGS_LIB_PARSE_LINE_INDEX_H_
#define FLOWLOGS_LIB_PARSE_LINE_INDEX_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "lib/parse/kernel.h"

namespace flowlogs {
inline namespace v1 {

// The kernel of this process: the best that the CPU has, or the one that the environment variable FLOWLOGS_KERNEL names
// (scalar, avx2, avx512, neon; a name that is unknown, or that the CPU cannot run, is ignored). Decided at the first call.
const Kernel& ActiveKernel();
// Every kernel that this machine can run, the scalar one first.
std::span<const Kernel* const> AvailableKernels();

// The index of one text. Buffers are used again from text to text. Move only; not thread-safe.
class LineIndex {
 public:
  // Indexes `text`, which must stay valid and unchanged while the index is used. Nothing outside of it is read.
  // REQUIRES: text.size() < 2^32.
  void Build(std::string_view text, const Kernel& kernel = ActiveKernel());

  std::string_view text() const { return text_; }
  // Lines that end with LF. What stands behind the last LF is no line here.
  size_t num_lines() const { return output_.num_lines; }
  uint32_t line_begin(size_t line) const { return line_ends()[static_cast<ptrdiff_t>(line) - 1] + 1; }
  uint32_t line_end(size_t line) const { return output_.line_ends[line]; }
  // Without its LF.
  std::string_view line(size_t i) const { return text_.substr(line_begin(i), line_end(i) - line_begin(i)); }
  // The number of the line's first separator.
  uint32_t first_separator(size_t line) const {
    if (line == 0) return 0;
    const uint32_t end = output_.line_ends[line - 1];
    const uint64_t before = output_.separators[end / 64] & ((uint64_t{1} << (end % 64)) - 1);
    return output_.ranks[end / 64] + static_cast<uint32_t>(std::popcount(before)) + 1;
  }
  // Separators of the line, its LF included: the number of its values if it is regular.
  uint32_t separators_in(size_t line) const { return first_separator(line + 1) - first_separator(line); }
  // True iff all of lines [0, num_lines) have exactly `n` separators.
  bool AllLinesHave(uint32_t n) const { return kernel_->all_lines_have(output_, n); }

  bool touching() const { return output_.touching; }
  bool control() const { return output_.control; }
  bool high() const { return output_.high; }

  const uint64_t* separators() const { return output_.separators; }
  // line_ends()[-1] is ~0: what stands in front of the text.
  const uint32_t* line_ends() const { return output_.line_ends; }
  // The places of all separators in order, made at the first call. offsets()[-1] is ~0.
  const uint32_t* offsets();
  const Kernel& kernel() const { return *kernel_; }

 private:
  std::string_view text_;
  const Kernel* kernel_ = nullptr;
  std::unique_ptr<uint64_t[]> separators_;
  std::unique_ptr<uint32_t[]> line_ends_;
  std::unique_ptr<uint32_t[]> ranks_;
  std::unique_ptr<uint32_t[]> offsets_;
  size_t capacity_ = 0;
  size_t offsets_capacity_ = 0;
  bool has_offsets_ = false;
  IndexOutput output_{};
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_LINE_INDEX_H_
