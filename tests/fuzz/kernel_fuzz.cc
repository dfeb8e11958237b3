// Differential: every kernel against the scalar one, at the offset that the first byte tells.
#include <algorithm>
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
  uint32_t least = ~uint32_t{0};  // separators that every line has
  for (size_t i = 0; i < expected.num_lines(); ++i) least = std::min(least, expected.separators_in(i));
  std::vector<uint16_t> wanted;
  for (uint32_t k = 0; k < least && k < 300 && expected.num_lines() > 0; k += 1 + k / 4)
    wanted.push_back(static_cast<uint16_t>(k));
  auto locate = [&](const fl::LineIndex& index) {
    std::vector<std::vector<uint32_t>> places(wanted.size(), std::vector<uint32_t>(index.num_lines()));
    std::vector<uint32_t*> out;
    for (auto& column : places) out.push_back(column.data());
    index.kernel().locate(index.separators(), index.line_ends(), 0, nullptr, index.num_lines(), wanted.data(),
                          wanted.size(), out.data());
    return places;
  };
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
    Require(locate(got) == locate(expected), "places", *kernel);
  }
  return 0;
}
