// Every kernel against the scalar one and against an oracle that looks at one byte after the other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/parse/line_index.h"
#include "tests/random_log.h"

namespace flowlogs {
namespace {

using flowlogs_test::Cases;
using flowlogs_test::Random;

// What a kernel writes, in vectors.
struct Indexed {
  std::vector<uint64_t> separators;
  std::vector<uint32_t> line_ends, ranks;
  bool touching = false, control = false, high = false;
  bool operator==(const Indexed&) const = default;
};

Indexed OracleIndex(std::string_view text) {
  Indexed out;
  out.separators.resize(text.size() / 64 + 2);
  uint32_t rank = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned c = static_cast<unsigned char>(text[i]);
    out.control |= c < 32 && c != 10;
    out.high |= c >= 128;
    if (i % 64 == 0) out.ranks.push_back(rank);
    if (c != 32 && c != 10) continue;
    out.touching |= i == 0 || text[i - 1] == ' ' || text[i - 1] == '\n';
    out.separators[i / 64] |= uint64_t{1} << (i % 64);
    if (c == 10) out.line_ends.push_back(static_cast<uint32_t>(i));
    ++rank;
  }
  out.ranks.resize(out.separators.size(), rank);
  return out;
}

Indexed RunKernel(const Kernel& kernel, std::string_view text) {
  Indexed out;
  out.separators.assign(text.size() / 64 + 2, ~uint64_t{0});  // what stood there before must not matter
  out.line_ends.assign(text.size() + 64, 7);
  out.ranks.assign(text.size() / 64 + 2, 7);
  IndexOutput raw{out.separators.data(), out.ranks.data(), out.line_ends.data(), 99, true, true, true};
  kernel.index(text.data(), text.size(), &raw);
  // Each line has as many separators as the first one, or not.
  const uint32_t per_line = raw.num_lines == 0 ? 1 : static_cast<uint32_t>(std::count_if(
      text.begin(), text.begin() + raw.line_ends[0] + 1, [](char c) { return c == ' ' || c == '\n'; }));
  bool regular = true;
  for (size_t i = 0, begin = 0; i < raw.num_lines; begin = raw.line_ends[i++] + 1) {
    regular &= std::count_if(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + raw.line_ends[i] + 1,
                             [](char c) { return c == ' ' || c == '\n'; }) == per_line;
  }
  EXPECT_EQ(kernel.all_lines_have(raw, per_line), regular) << kernel.name;
  out.line_ends.resize(raw.num_lines);
  out.touching = raw.touching;
  out.control = raw.control;
  out.high = raw.high;
  return out;
}

// Heavy in the bytes at which a comparison may go wrong.
std::string RandomBytes(Random* random, size_t size, double separators) {
  static constexpr unsigned char kEdges[] = {0x00, 0x01, 0x09, 0x0b, 0x0d, 0x1f, 0x21, 0x2a,
                                             0x4a, 0x7f, 0x80, 0x8a, 0xa0, 0xff, 'x',  '-'};
  std::string text(size, '\0');
  for (char& c : text) {
    c = random->Chance(separators) ? (random->Chance(0.4) ? '\n' : ' ') : static_cast<char>(kEdges[random->Below(16)]);
  }
  return text;
}

// Text of lines with single blanks, as regular as kernels like it.
std::string RegularBytes(Random* random, size_t lines, size_t values) {
  std::string text;
  for (size_t i = 0; i < lines * values; ++i) {
    text.append(1 + random->Below(random->Chance(0.05) ? 200 : 12), static_cast<char>('!' + random->Below(200)));
    text += (i + 1) % values == 0 ? '\n' : ' ';
  }
  return text;
}

void ExpectPlaces(const Kernel& kernel, std::string_view text, const Indexed& index, Random* random) {
  // Places of the separators: all of them, and line by line.
  std::vector<uint32_t> all_places;
  std::vector<std::vector<uint32_t>> places(index.line_ends.size() + 1);
  for (size_t i = 0, line = 0; i < text.size(); ++i) {
    if (text[i] != ' ' && text[i] != '\n') continue;
    all_places.push_back(static_cast<uint32_t>(i));
    places[line].push_back(static_cast<uint32_t>(i));
    line += text[i] == '\n';
  }
  std::vector<uint32_t> offsets(all_places.size() + 64, 7);
  kernel.offsets(index.separators.data(), text.size() / 64 + 1, offsets.data());
  offsets.resize(all_places.size());
  ASSERT_EQ(offsets, all_places) << kernel.name;
  if (index.line_ends.empty() || kernel.locate == nullptr) return;

  // Of the lines from the first one on, those with as many separators; others must be left alone.
  const uint32_t first_line = static_cast<uint32_t>(random->Below(index.line_ends.size()));
  const size_t per_line = places[first_line].size();
  const size_t num_rows = index.line_ends.size() - first_line;
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < num_rows; ++row) {
    if (places[first_line + row].size() == per_line && random->Chance(0.7)) rows.push_back(row);
  }
  const bool all = rows.size() == num_rows;
  std::vector<uint16_t> wanted;
  for (uint16_t number = 0; number + size_t{1} < per_line; ++number) {
    if (random->Chance(0.5)) wanted.push_back(number);
  }
  std::vector<uint32_t> line_ends = {~uint32_t{0}};
  line_ends.insert(line_ends.end(), index.line_ends.begin(), index.line_ends.end());
  std::vector<uint64_t> separators = {random->Chance(0.5) ? 0 : ~uint64_t{0}};  // in front of the text: may be read
  separators.insert(separators.end(), index.separators.begin(), index.separators.end());
  std::vector<std::vector<uint32_t>> found(wanted.size(), std::vector<uint32_t>(num_rows, 12345));
  std::vector<uint32_t*> out;
  for (auto& column : found) out.push_back(column.data());
  kernel.locate(separators.data() + 1, line_ends.data() + 1, first_line, static_cast<uint32_t>(per_line),
                all ? nullptr : rows.data(), rows.size(), wanted.data(), wanted.size(), out.data());
  for (size_t k = 0; k < wanted.size(); ++k) {
    size_t next = 0;
    for (uint32_t row = 0; row < num_rows; ++row) {
      const bool chosen = next < rows.size() && rows[next] == row;
      next += chosen;
      ASSERT_EQ(found[k][row], chosen ? places[first_line + row][wanted[k]] : 12345u)
          << kernel.name << " row " << row << " separator " << wanted[k] << " of " << per_line;
    }
  }
}

TEST(LineIndexTest, EveryKernelAgreesWithTheOracleAtEveryLengthAndOffset) {
  Random random(1);
  for (size_t length = 0; length <= 260; ++length) {
    for (size_t offset = 0; offset < 64; ++offset) {
      const std::string text = RandomBytes(&random, length, offset % 4 == 0 ? 0.05 : 0.4);
      const Indexed expected = OracleIndex(text);
      // The block ends where the text ends: a sanitizer sees a read of one byte too far.
      const std::unique_ptr<char[]> block(new char[offset + length]);
      std::memset(block.get(), '\n', offset);
      if (length > 0) std::memcpy(block.get() + offset, text.data(), length);
      const std::string_view exact(block.get() + offset, length);
      for (const Kernel* kernel : AvailableKernels()) {
        ASSERT_TRUE(RunKernel(*kernel, exact) == expected) << kernel->name << ", " << length << " bytes at " << offset;
        if (offset % 8 == 0) ExpectPlaces(*kernel, exact, expected, &random);
        ASSERT_FALSE(HasFatalFailure());
      }
    }
  }
}

TEST(LineIndexTest, EveryByteIsClassifiedAtEveryPlaceOfAWord) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (size_t at = 0; at < 130; at += 1 + at % 3) {
      std::string text(130, 'x');
      text[at] = static_cast<char>(byte);
      const Indexed expected = OracleIndex(text);
      for (const Kernel* kernel : AvailableKernels()) {
        ASSERT_TRUE(RunKernel(*kernel, text) == expected) << kernel->name << ", byte " << byte << " at " << at;
      }
    }
  }
}

TEST(LineIndexTest, EveryKernelAgreesOnLongText) {
  Random random(2);
  for (size_t i = 0; i < Cases(40); ++i) {
    const bool regular = i % 2 == 0;
    const std::string text = regular ? RegularBytes(&random, 500 + random.Below(500), 1 + random.Below(40))
                                     : RandomBytes(&random, 20'000 + random.Below(80'000), 0.001 + 0.3 * (i % 5));
    const flowlogs_test::ExactText exact(text);
    const Indexed expected = OracleIndex(text);
    for (const Kernel* kernel : AvailableKernels()) {
      ASSERT_TRUE(RunKernel(*kernel, exact.view()) == expected) << kernel->name << ", case " << i;
      ExpectPlaces(*kernel, exact.view(), expected, &random);
      ASSERT_FALSE(HasFatalFailure()) << "case " << i;
    }
  }
}

TEST(LineIndexTest, TellsLinesAndTheirSeparatorsWithEachKernel) {
  for (const Kernel* kernel : AvailableKernels()) {
    LineIndex index;
    index.Build("2 10 eni\n2 11 eni\nrest of it", *kernel);
    EXPECT_STREQ(index.kernel().name, kernel->name);
    ASSERT_EQ(index.num_lines(), 2u);
    EXPECT_EQ(index.line(0), "2 10 eni");
    EXPECT_EQ(index.line(1), "2 11 eni");
    EXPECT_EQ(index.line_begin(2), 18u);
    EXPECT_EQ(index.separators_in(0), 3u);
    EXPECT_EQ(index.separators_in(1), 3u);
    EXPECT_TRUE(index.AllLinesHave(3));
    EXPECT_FALSE(index.AllLinesHave(2));
    EXPECT_FALSE(index.touching());
    EXPECT_FALSE(index.control());
    EXPECT_FALSE(index.high());
  }
}

TEST(LineIndexTest, CountsPerLineEvenWhereTheSumIsRight) {
  for (const Kernel* kernel : AvailableKernels()) {
    LineIndex index;
    index.Build("1\n1 2 3\n1 2\n1 2\n", *kernel);  // eight separators on four lines
    EXPECT_FALSE(index.AllLinesHave(2));
    EXPECT_EQ(index.separators_in(0), 1u);
    EXPECT_EQ(index.separators_in(1), 3u);
    EXPECT_EQ(index.separators_in(2), 2u);
  }
}

TEST(LineIndexTest, IsUsedAgainForLongerAndShorterTexts) {
  Random random(3);
  LineIndex index;
  for (size_t size : {0, 1000, 5, 64, 63, 70'000, 0, 128, 127, 3}) {
    const std::string text = RandomBytes(&random, size, 0.3);
    const Indexed expected = OracleIndex(text);
    for (const Kernel* kernel : AvailableKernels()) {
      index.Build(text, *kernel);
      ASSERT_EQ(index.num_lines(), expected.line_ends.size());
      for (size_t w = 0; w < expected.separators.size(); ++w) ASSERT_EQ(index.separators()[w], expected.separators[w]);
      for (size_t i = 0; i < index.num_lines(); ++i) ASSERT_EQ(index.line_end(i), expected.line_ends[i]);
      EXPECT_EQ(index.line_begin(0), 0u);
      const uint32_t* const offsets = index.offsets();
      for (size_t i = 0; i < index.num_lines(); ++i) {
        ASSERT_EQ(offsets[index.first_separator(i) + index.separators_in(i) - 1], expected.line_ends[i]);
      }
      EXPECT_EQ(index.touching(), expected.touching);
    }
  }
}

TEST(LineIndexTest, TheScalarKernelIsAlwaysThereAndTheActiveOneIsTheBestOrTheOneThatWasAskedFor) {
  const std::span<const Kernel* const> kernels = AvailableKernels();
  ASSERT_FALSE(kernels.empty());
  EXPECT_STREQ(kernels[0]->name, "scalar");
  // This program also runs with the others: see tests/kernel/with_kernel.cc.
  const char* const wanted = std::getenv("FLOWLOGS_KERNEL");
  const auto named = std::find_if(kernels.begin(), kernels.end(), [wanted](const Kernel* kernel) {
    return wanted != nullptr && std::string_view(wanted) == kernel->name;
  });
  EXPECT_STREQ(ActiveKernel().name, named == kernels.end() ? kernels.back()->name : (*named)->name);
}

}  // namespace
}  // namespace flowlogs
