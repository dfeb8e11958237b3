// Differential: every kernel against the scalar one: the index of the text at the offset that the first byte tells, then
// each of its values as an integer and as an address.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
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

// Every `stride`-th value of the text, of which all separators are given; some of the rows, too.
void CompareDecoders(std::string_view text, const uint32_t* separators, size_t count, size_t stride) {
  constexpr size_t kMargin = 64;  // what may be read on each side: Tokens in kernel.h
  const std::unique_ptr<char[]> block(new char[kMargin + text.size() + kMargin]);
  std::memset(block.get(), '1', kMargin + text.size() + kMargin);  // what would lengthen a number
  if (!text.empty()) std::memcpy(block.get() + kMargin, text.data(), text.size());
  const size_t num_rows = count / stride;
  std::vector<uint32_t> some;
  for (uint32_t row = 0; row < num_rows; ++row) {
    if (row % 3 != 1) some.push_back(row);
  }
  for (const bool all : {true, false}) {
    const fl::Tokens tokens{block.get() + kMargin,        separators - 1,          separators, stride,
                            all ? nullptr : some.data(), all ? num_rows : some.size()};
    const auto compare = [&](const char* what, auto&& decode) {
      std::vector<int64_t> expected(num_rows), got(num_rows);
      std::vector<uint32_t> expected_failed(tokens.count), failed(tokens.count);
      expected_failed.resize(decode(*fl::AvailableKernels()[0], expected.data(), expected_failed.data()));
      for (const fl::Kernel* kernel : fl::AvailableKernels()) {
        failed.assign(tokens.count, 0);
        failed.resize(decode(*kernel, got.data(), failed.data()));
        Require(failed == expected_failed, what, *kernel);
        for (const uint32_t row : failed) got[row] = expected[row];  // what is left there means nothing
        Require(got == expected, what, *kernel);
      }
    };
    for (const int64_t max : {int64_t{std::numeric_limits<int32_t>::max()}, std::numeric_limits<int64_t>::max()}) {
      compare("integers", [&](const fl::Kernel& kernel, int64_t* out, uint32_t* failed) {
        return kernel.integers(tokens, max, out, failed);
      });
    }
    compare("addresses", [&](const fl::Kernel& kernel, int64_t* out, uint32_t* failed) {
      return kernel.v4_addresses(tokens, out, failed);
    });
  }
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
  uint32_t count = 0;
  for (size_t w = 0; w < length / 64 + 1; ++w) count += static_cast<uint32_t>(std::popcount(expected.separators()[w]));
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
    Require(got.AllLinesHave(per_line) == expected.AllLinesHave(per_line), "all lines have", *kernel);
    for (size_t w = 0; w < length / 64 + 2; ++w)
      Require(got.separators()[w] == expected.separators()[w], "separators", *kernel);
    for (size_t i = 0; i < got.num_lines(); ++i) {
      Require(got.line_end(i) == expected.line_end(i), "line ends", *kernel);
      Require(got.separators_in(i) == expected.separators_in(i), "ranks", *kernel);
    }
    const uint32_t* const offsets = got.offsets();
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
  CompareDecoders(text, places, count, size == 0 ? 1 : 1 + data[0] / 64);
  return 0;
}
