// Every kernel of this machine against a plain loop over bytes, and against the scalar kernel: what the fuzz target
// kernel_fuzz.cc and the program differential.cc share.
//
// A text is indexed whole, and again as two blocks: a kernel carries flags and counts from word to word, and what it
// carries must not depend on where its block begins.
#ifndef FLOWLOGS_TESTS_KERNEL_KERNEL_COMPARISON_H_
#define FLOWLOGS_TESTS_KERNEL_KERNEL_COMPARISON_H_

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

namespace flowlogs_test {

namespace fl = flowlogs;

// What the kernels are to find, one byte after the other.
struct OracleIndex {
  static constexpr size_t kNever = std::numeric_limits<size_t>::max();
  // The first and the last place of something.
  struct Places {
    size_t first = kNever;
    size_t last = 0;
    void Add(size_t place) {
      if (first == kNever) first = place;
      last = place;
    }
    bool Before(size_t end) const { return first < end; }
    bool From(size_t begin) const { return first != kNever && last >= begin; }
  };

  std::vector<uint64_t> separators;
  std::vector<uint32_t> places, line_ends, in_line;  // in_line: separators of each line
  Places touching, control, high;                    // touching: the second of two

  void Build(std::string_view text) {
    separators.assign(text.size() / 64 + 2, 0);
    places.clear();
    line_ends.clear();
    in_line.clear();
    touching = control = high = {};
    bool was_separator = false;
    uint32_t count = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const unsigned char c = static_cast<unsigned char>(text[i]);
      const bool is_separator = c == ' ' || c == '\n';
      if (is_separator) {
        separators[i / 64] |= uint64_t{1} << (i % 64);
        places.push_back(static_cast<uint32_t>(i));
        ++count;
        if (was_separator) touching.Add(i);
        if (c == '\n') {
          line_ends.push_back(static_cast<uint32_t>(i));
          in_line.push_back(count);
          count = 0;
        }
      } else if (c < 0x20) {
        control.Add(i);
      } else if (c > 0x7f) {
        high.Add(i);
      }
      was_separator = is_separator;
    }
  }
};

// Compares, and ends the process where two disagree. Used again from text to text.
class KernelComparison {
 public:
  // The whole text, which stands in memory where not a byte beside it may be read.
  void Index(std::string_view text) {
    text_ = text;
    oracle_.Build(text);
    const bool begins_with_one = !text.empty() && IsSeparator(text[0]);
    for (const fl::Kernel* kernel : fl::AvailableKernels()) {
      kernel_ = kernel;
      index_.Build(text, *kernel);
      Require(index_.num_lines() == oracle_.line_ends.size(), "the number of lines");
      Require(index_.touching() == (begins_with_one || oracle_.touching.first != OracleIndex::kNever), "touching");
      Require(index_.control() == (oracle_.control.first != OracleIndex::kNever), "control");
      Require(index_.high() == (oracle_.high.first != OracleIndex::kNever), "high");
      Require(Same(index_.separators(), oracle_.separators.data(), text.size() / 64 + 2), "the separators");
      Require(Same(index_.line_ends(), oracle_.line_ends.data(), oracle_.line_ends.size()), "the line ends");
      uint32_t count = 0;
      for (size_t line = 0; line < oracle_.in_line.size(); ++line) {
        Require(index_.first_separator(line) == count, "the ranks");
        count += oracle_.in_line[line];
      }
      bool regular = true;
      const uint32_t per_line = oracle_.in_line.empty() ? 1 : oracle_.in_line[0];
      for (const uint32_t n : oracle_.in_line) regular &= n == per_line;
      Require(index_.AllLinesHave(per_line) == regular, "whether all lines have as many");
      Require(Same(index_.offsets(), oracle_.places.data(), oracle_.places.size()), "the places of the separators");
    }
  }

  // The text of the last Index() again, as two blocks. REQUIRES: split <= text.size()
  void InTwoBlocks(size_t split) {
    const std::string_view first = text_.substr(0, split), second = text_.substr(split);
    size_t lines_before = 0;
    while (lines_before < oracle_.line_ends.size() && oracle_.line_ends[lines_before] < split) ++lines_before;
    for (const fl::Kernel* kernel : fl::AvailableKernels()) {
      kernel_ = kernel;
      index_.Build(first, *kernel);
      Require(index_.num_lines() == lines_before, "the number of lines before a block border");
      Require(Same(index_.line_ends(), oracle_.line_ends.data(), lines_before), "the line ends before a block border");
      Require(index_.control() == oracle_.control.Before(split), "control before a block border");
      Require(index_.high() == oracle_.high.Before(split), "high before a block border");
      Require(index_.touching() == ((split > 0 && IsSeparator(first[0])) || oracle_.touching.Before(split)),
              "touching before a block border");
      RequireSeparators(0, split);
      index_.Build(second, *kernel);
      Require(index_.num_lines() == oracle_.line_ends.size() - lines_before, "the number of lines behind a block border");
      for (size_t i = 0; i < index_.num_lines(); ++i) {
        Require(index_.line_end(i) + split == oracle_.line_ends[lines_before + i], "the line ends behind a block border");
      }
      Require(index_.control() == oracle_.control.From(split), "control behind a block border");
      Require(index_.high() == oracle_.high.From(split), "high behind a block border");
      Require(index_.touching() == ((!second.empty() && IsSeparator(second[0])) || oracle_.touching.From(split + 1)),
              "touching behind a block border");
      RequireSeparators(split, text_.size());
    }
  }

  // Of the text of the last Index(): places of separators line by line, in lines with as many as the first one.
  void Locate() {
    const uint32_t per_line = oracle_.in_line.empty() ? 0 : oracle_.in_line[0];
    if (per_line == 0) return;
    std::vector<uint32_t> rows, first_of_line;
    uint32_t count = 0;
    for (uint32_t i = 0; i < oracle_.in_line.size(); ++i) {
      first_of_line.push_back(count);
      if (oracle_.in_line[i] == per_line) rows.push_back(i);
      count += oracle_.in_line[i];
    }
    std::vector<uint16_t> wanted;
    for (uint32_t k = 0; k + 1 < per_line && k < 300; k += 1 + k / 4) wanted.push_back(static_cast<uint16_t>(k));
    for (const fl::Kernel* kernel : fl::AvailableKernels()) {
      kernel_ = kernel;
      if (kernel->locate == nullptr) continue;
      index_.Build(text_, *kernel);
      std::vector<std::vector<uint32_t>> found(wanted.size(), std::vector<uint32_t>(index_.num_lines()));
      std::vector<uint32_t*> out;
      for (auto& column : found) out.push_back(column.data());
      kernel->locate(index_.separators(), index_.line_ends(), 0, per_line, rows.data(), rows.size(), wanted.data(),
                     wanted.size(), out.data());
      for (size_t k = 0; k < wanted.size(); ++k) {
        for (uint32_t row : rows) {
          Require(found[k][row] == oracle_.places[first_of_line[row] + wanted[k]], "the places of located separators");
        }
      }
    }
  }

  // Every `stride`-th value of the text of the last Index() as an integer and as an address; some of the rows, too.
  void Decode(size_t stride) {
    constexpr size_t kMargin = 64;  // what may be read on each side: Tokens in kernel.h
    const std::unique_ptr<char[]> block(new char[kMargin + text_.size() + kMargin]);
    std::memset(block.get(), '1', kMargin + text_.size() + kMargin);  // what would lengthen a number
    if (!text_.empty()) std::memcpy(block.get() + kMargin, text_.data(), text_.size());
    std::vector<uint32_t> separators = {~uint32_t{0}};
    separators.insert(separators.end(), oracle_.places.begin(), oracle_.places.end());
    const size_t num_rows = oracle_.places.size() / stride;
    std::vector<uint32_t> some;
    for (uint32_t row = 0; row < num_rows; ++row) {
      if (row % 3 != 1) some.push_back(row);
    }
    for (const bool all : {true, false}) {
      const fl::Tokens tokens{block.get() + kMargin,        separators.data(), separators.data() + 1, stride,
                              all ? nullptr : some.data(), all ? num_rows : some.size()};
      for (const int64_t max : {int64_t{std::numeric_limits<int32_t>::max()}, std::numeric_limits<int64_t>::max()}) {
        CompareDecoded("integers", tokens, num_rows, [&](const fl::Kernel& kernel, int64_t* out, uint32_t* failed) {
          return kernel.integers(tokens, max, out, failed);
        });
      }
      CompareDecoded("addresses", tokens, num_rows, [&](const fl::Kernel& kernel, int64_t* out, uint32_t* failed) {
        return kernel.v4_addresses(tokens, out, failed);
      });
    }
  }

  const OracleIndex& oracle() const { return oracle_; }

 private:
  static constexpr bool IsSeparator(char c) { return c == ' ' || c == '\n'; }
  template <typename T>
  static bool Same(const T* a, const T* b, size_t count) {
    return count == 0 || std::memcmp(a, b, count * sizeof(T)) == 0;
  }

  void Require(bool condition, const char* what) const {
    if (condition) return;
    std::fprintf(stderr, "kernel %s differs in %s. The input, %zu bytes:\n", kernel_->name, what, text_.size());
    for (const char c : text_) {
      if (c >= ' ' && c <= '~' && c != '\\') {
        std::fputc(c, stderr);
      } else {
        std::fprintf(stderr, "\\x%02x", static_cast<unsigned char>(c));
      }
    }
    std::fputc('\n', stderr);
    std::abort();
  }

  // index_ is of text_[begin, end).
  void RequireSeparators(size_t begin, size_t end) const {
    const uint64_t* const all = oracle_.separators.data();
    for (size_t w = 0; w <= (end - begin) / 64; ++w) {
      const size_t at = begin + 64 * w;
      uint64_t expected = all[at / 64] >> (at % 64);
      if (at % 64 != 0 && at / 64 + 1 < oracle_.separators.size()) expected |= all[at / 64 + 1] << (64 - at % 64);
      if (end - at < 64) expected &= (uint64_t{1} << (end - at)) - 1;
      Require(index_.separators()[w] == expected, "the separators of a block");
    }
  }

  template <typename DecodeWith>
  void CompareDecoded(const char* what, const fl::Tokens& tokens, size_t num_rows, DecodeWith&& decode) {
    std::vector<int64_t> expected(num_rows), got(num_rows);
    std::vector<uint32_t> expected_failed(tokens.count), failed(tokens.count);
    expected_failed.resize(decode(*fl::AvailableKernels()[0], expected.data(), expected_failed.data()));
    for (const fl::Kernel* kernel : fl::AvailableKernels()) {
      kernel_ = kernel;
      failed.assign(tokens.count, 0);
      failed.resize(decode(*kernel, got.data(), failed.data()));
      Require(failed == expected_failed, what);
      for (const uint32_t row : failed) got[row] = expected[row];  // what is left there means nothing
      Require(got == expected, what);
    }
  }

  std::string_view text_;
  OracleIndex oracle_;
  flowlogs::LineIndex index_;
  const flowlogs::Kernel* kernel_ = nullptr;  // under test
};

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_KERNEL_KERNEL_COMPARISON_H_
