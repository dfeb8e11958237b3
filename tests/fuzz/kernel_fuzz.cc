// Differential: every kernel against the scalar one, at the offset that the first byte tells.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "lib/parse/line_index.h"

namespace {

namespace fl = flowlogs;

void Require(bool condition, const char* what, const fl::Kernel& kernel) {
  if (condition) return;
  std::fprintf(stderr, "kernel %s: %s\n", kernel.name, what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const size_t offset = size == 0 ? 0 : data[0] % 64;
  const size_t length = size == 0 ? 0 : size - 1;
  const std::unique_ptr<char[]> block(new char[offset + length]);
  if (length > 0) std::memcpy(block.get() + offset, data + 1, length);
  const std::string_view text(block.get() + offset, length);
  fl::LineIndex expected, got;
  expected.Build(text, *fl::AvailableKernels()[0]);
  const uint32_t* const places = expected.offsets();
  // Lines with as many separators as the first one: their places one by one.
  std::vector<uint32_t> rows;
  const uint32_t per_line = expected.num_lines() == 0 ? 0 : expected.separators_in(0);
  for (uint32_t i = 0; i < expected.num_lines(); ++i) {
    if (expected.separators_in(i) == per_line) rows.push_back(i);
  }
  std::vector<uint16_t> wanted;
  for (uint32_t k = 0; k + 1 < per_line && k < 300; k += 1 + k / 4) wanted.push_back(static_cast<uint16_t>(k));
  for (const fl::Kernel* kernel : fl::AvailableKernels()) {
    got.Build(text, *kernel);
    Require(got.num_lines() == expected.num_lines(), "number of lines", *kernel);
    Require(got.touching() == expected.touching(), "touching", *kernel);
    Require(got.control() == expected.control(), "control", *kernel);
    Require(got.high() == expected.high(), "high", *kernel);
    for (size_t w = 0; w < length / 64 + 2; ++w)
      Require(got.separators()[w] == expected.separators()[w], "separators", *kernel);
    for (size_t i = 0; i < got.num_lines(); ++i) {
      Require(got.line_end(i) == expected.line_end(i), "line ends", *kernel);
      Require(got.separators_in(i) == expected.separators_in(i), "ranks", *kernel);
    }
    const uint32_t* const offsets = got.offsets();
    const uint32_t count = expected.num_lines() == 0 ? 0 : expected.first_separator(expected.num_lines());
    for (uint32_t i = 0; i < count; ++i) Require(offsets[i] == places[i], "offsets", *kernel);
    if (kernel->locate == nullptr) continue;
    std::vector<std::vector<uint32_t>> found(wanted.size(), std::vector<uint32_t>(got.num_lines()));
    std::vector<uint32_t*> out;
    for (auto& column : found) out.push_back(column.data());
    kernel->locate(got.separators(), got.line_ends(), 0, per_line, rows.data(), rows.size(), wanted.data(), wanted.size(),
                   out.data());
    for (size_t k = 0; k < wanted.size(); ++k) {
      for (uint32_t row : rows) {
        Require(found[k][row] == places[expected.first_separator(row) + wanted[k]], "places", *kernel);
      }
    }
  }
  return 0;
}
