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
  out->ranks[0] = 0;
  bool touching = false, control = false, high = false;
  bool after_separator = true;
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (i % 64 == 0) out->ranks[i / 64] = rank;
    const bool separator = c == ' ' || c == '\n';
    control |= c < 0x20 && c != '\n';
    high |= c > 0x7f;
    touching |= separator && after_separator;
    after_separator = separator;
    if (!separator) continue;
    out->separators[i / 64] |= uint64_t{1} << (i % 64);
    if (c == '\n') {
      out->line_ends[lines] = static_cast<uint32_t>(i);
      ++lines;
    }
    ++rank;
  }
  for (size_t w = (size + 63) / 64; w < words; ++w) out->ranks[w] = rank;
  out->num_lines = lines;
  out->touching = touching;
  out->control = control;
  out->high = high;
}

bool AllLinesHave(const IndexOutput& index, uint32_t per_line) {
  uint32_t i = 0;
  for (size_t line = 0; line < index.num_lines; ++line) {
    uint32_t count = 0;
    for (; i <= index.line_ends[line]; ++i) count += static_cast<uint32_t>(index.separators[i / 64] >> (i % 64) & 1);
    if (count != per_line) return false;
  }
  return true;
}

void Offsets(const uint64_t* separators, size_t words, uint32_t* out) {
  for (size_t i = 0; i < words * 64; ++i) {
    if ((separators[i / 64] >> (i % 64) & 1) != 0) *out++ = static_cast<uint32_t>(i);
  }
}

// Calls decode(begin, end, &value) for each token; the rows for which it is false are written to `failed`.
template <typename Decode>
size_t ForEachToken(const Tokens& tokens, int64_t* out, uint32_t* failed, Decode decode) {
  size_t num_failed = 0;
  for (size_t i = 0; i < tokens.count; ++i) {
    const uint32_t row = tokens.rows == nullptr ? static_cast<uint32_t>(i) : tokens.rows[i];
    const char* begin = tokens.text + static_cast<uint32_t>(tokens.before[row * tokens.stride] + 1);
    const char* end = tokens.text + tokens.after[row * tokens.stride];
    if (!decode(begin, end, &out[row])) failed[num_failed++] = row;
  }
  return num_failed;
}

size_t Integers(const Tokens& tokens, int64_t max, int64_t* out, uint32_t* failed) {
  return ForEachToken(tokens, out, failed, [max](const char* begin, const char* end, int64_t* value) {
    if (begin == end || end - begin > 16) return false;
    int64_t sum = 0;
    for (const char* p = begin; p < end; ++p) {
      if (*p < '0' || *p > '9') return false;
      sum = sum * 10 + (*p - '0');
    }
    *value = sum;
    return sum <= max;
  });
}

size_t V4Addresses(const Tokens& tokens, int64_t* out, uint32_t* failed) {
  return ForEachToken(tokens, out, failed, [](const char* p, const char* end, int64_t* value) {
    int64_t bits = 0;
    for (int octet = 0; octet < 4; ++octet) {
      if (octet > 0 && (p == end || *p++ != '.')) return false;
      const char* const begin = p;
      int number = 0;
      for (; p < end && *p >= '0' && *p <= '9' && p - begin < 3; ++p) number = number * 10 + (*p - '0');
      if (p == begin || number > 255 || (*begin == '0' && p - begin > 1)) return false;
      bits = bits << 8 | number;
    }
    *value = bits;
    return p == end;
  });
}

}  // namespace

const Kernel kScalarKernel = {"scalar", Index, AllLinesHave, 0, Offsets, nullptr, Integers, V4Addresses};

}  // namespace v1
}  // namespace flowlogs
