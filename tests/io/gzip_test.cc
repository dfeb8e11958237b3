// Inflating, with each library that is there.
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/io/input.h"
#include "gtest/gtest.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::ExactBytes;
using testing::Gzip;
using testing::JoinLines;
using testing::Line;
using testing::OpenOrDie;
using testing::RandomText;
using testing::ReadLines;
using testing::ReferenceLines;
using testing::ScopedEnvironment;

// The parameter is the value of FLOWLOGS_INFLATE; "" takes the best there is.
class GzipInput : public ::testing::TestWithParam<const char*> {
 protected:
  ScopedEnvironment forced_{"FLOWLOGS_INFLATE", GetParam()};
};
INSTANTIATE_TEST_SUITE_P(EachLibrary, GzipInput, ::testing::Values("", "zlib"),
                         [](const auto& info) { return std::string(*info.param == '\0' ? "default" : info.param); });

std::string SmallText(size_t lines, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  for (size_t i = 0; i < lines; ++i) {
    text += "2 123456789010 eni-" + std::to_string(random()) + " 10.0.0." + std::to_string(random() % 256) + " OK\n";
  }
  return text;
}

TEST_P(GzipInput, NamesTheLibrary) {
  const std::string name = InflateLibrary();
  if (std::string(GetParam()) == "zlib") {
    EXPECT_TRUE(name.starts_with(std::string("zlib ") + zlibVersion())) << name;
  }
  EXPECT_TRUE(name.starts_with("zlib ") || name.starts_with("ISA-L ")) << name;
}

TEST_P(GzipInput, DeliversMembersAsOneText) {
  const std::string a = SmallText(3000, 1), b = SmallText(10, 2) + "half a li", c = "ne\n" + SmallText(2000, 3);
  const std::string stored = Gzip(a, 1, "a name.log") + Gzip("") + Gzip(b, 9) + Gzip("", 0) + Gzip(c, 0);
  auto input = OpenOrDie(ExactBytes(stored));
  EXPECT_TRUE(input->can_be_reopened());
  EXPECT_EQ(ReadLines(input.get()), ReferenceLines(a + b + c));
  EXPECT_FALSE(input->damage().has_value());
  EXPECT_EQ(input->stored_bytes_read(), stored.size());
  EXPECT_EQ(input->stored_bytes_total(), stored.size());
}

// Members so small that headers and trailers are split over input buffers in every way.
TEST_P(GzipInput, DeliversThousandsOfSmallMembers) {
  std::string stored, text;
  for (unsigned i = 0; stored.size() < 700000; ++i) {
    const std::string part = SmallText(i % 4, i);
    text += part;
    stored += Gzip(part, static_cast<int>(i % 10), i % 3 == 0 ? "name" : nullptr);
  }
  auto input = OpenOrDie(ExactBytes(stored));
  EXPECT_EQ(ReadLines(input.get()), ReferenceLines(text));
  EXPECT_FALSE(input->damage().has_value());
}

TEST_P(GzipInput, AcceptsZeroPaddingAfterTheLastMember) {
  const std::string text = SmallText(10, 1);
  for (const size_t zeros : {1, 7, 512, 300000}) {
    auto input = OpenOrDie(ExactBytes(Gzip(text) + std::string(zeros, '\0')));
    EXPECT_EQ(JoinLines(ReadLines(input.get())), text);
    EXPECT_FALSE(input->damage().has_value());
  }
}

// CONTRACT P5
TEST_P(GzipInput, FollowedByGarbageIsDamagedThere) {
  const std::string text = SmallText(10, 1), member = Gzip(text);
  const std::string zeros(300, '\0');
  for (const std::string& garbage : {std::string("garbage"), zeros + "x", std::string("\x1f\x8c and more bytes"),
                                     zeros + member}) {
    auto input = OpenOrDie(ExactBytes(member + member + garbage));
    EXPECT_EQ(JoinLines(ReadLines(input.get())), text + text);
    ASSERT_TRUE(input->damage().has_value());
    EXPECT_GE(input->damage()->offset, 2 * member.size());
    EXPECT_LE(input->damage()->offset, 2 * member.size() + garbage.size());
  }
}

// CONTRACT F3, P5
TEST_P(GzipInput, TruncatedAnywhereIsDamagedAndDeliversWhatCameBefore) {
  const std::string first = SmallText(8, 1), second = SmallText(6, 2) + "no newline at the end";
  const std::string member = Gzip(first), stored = member + Gzip(second, 6, "name"), text = first + second;
  for (size_t left = 2; left < stored.size(); ++left) {
    auto input = OpenOrDie(ExactBytes(stored.substr(0, left)), {.block_bytes = 100});
    const std::vector<Line> lines = ReadLines(input.get());
    const std::string delivered = JoinLines(lines);
    ASSERT_TRUE(text.starts_with(delivered)) << left;
    if (left == member.size()) {
      EXPECT_EQ(delivered, first);
      EXPECT_FALSE(input->damage().has_value()) << "between members a file is whole";
      continue;
    }
    ASSERT_TRUE(input->damage().has_value()) << left;
    EXPECT_EQ(input->damage()->offset, left);
    EXPECT_NE(input->damage()->message.find("incomplete"), std::string::npos);
    EXPECT_EQ(lines, ReferenceLines(delivered, 1 << 20, /*is_damaged=*/true)) << left;
    EXPECT_TRUE(left < member.size() || delivered.starts_with(first)) << left;
    EXPECT_TRUE(left + 8 < stored.size() || delivered == text) << "only the trailer is missing";
  }
}

TEST_P(GzipInput, WithOneByteChangedIsDamagedOrUnchanged) {
  const std::string text = SmallText(12, 1);
  for (const std::string& stored : {Gzip(text, 6, "name"), Gzip(text, 0), Gzip(text) + Gzip(text)}) {
    std::string whole;
    {
      auto input = OpenOrDie(ExactBytes(stored));
      whole = JoinLines(ReadLines(input.get()));
    }
    for (size_t i = 2; i < stored.size(); ++i) {  // without its magic it is not gzip
      for (const int flip : {0x01, 0x10, 0x80, 0xff}) {
        std::string changed = stored;
        changed[i] = static_cast<char>(changed[i] ^ flip);
        const auto opened = Input::Open(ExactBytes(changed));
        if (!opened.ok()) continue;  // what was inflated began like another kind of file
        const std::vector<Line> lines = ReadLines(opened->get());
        if ((*opened)->damage().has_value()) {
          EXPECT_LE((*opened)->damage()->offset, stored.size());
          continue;
        }
        EXPECT_EQ(JoinLines(lines), whole) << "byte " << i << " ^ " << flip;
      }
    }
  }
}

TEST_P(GzipInput, WithAWrongChecksumSaysSo) {
  std::string stored = Gzip(SmallText(5, 1));
  stored[stored.size() - 8] ^= 1;
  auto input = OpenOrDie(ExactBytes(stored));
  EXPECT_EQ(JoinLines(ReadLines(input.get())), SmallText(5, 1));
  ASSERT_TRUE(input->damage().has_value());
  EXPECT_NE(input->damage()->message.find("checksum is wrong"), std::string::npos) << input->damage()->message;
}

// A gigabyte of one byte is a megabyte of gzip; here 64 MiB in one line.
TEST_P(GzipInput, ThatIsOneEndlessLineNeedsLittleMemory) {
  std::string stored;
  const std::string piece = Gzip(std::string(8 << 20, 'z'));
  for (int i = 0; i < 8; ++i) stored += piece;
  stored += Gzip("\nend\n");
  auto input = OpenOrDie(ExactBytes(stored), {.max_inflate_ratio = 0});
  const std::vector<Line> lines = ReadLines(input.get());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].is_too_long);
  EXPECT_EQ(lines[1].text, "end");
}

TEST_P(GzipInput, GivesTheSameLinesForRandomTextsAndMembers) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    const InputOptions options{.block_bytes = 1 + random() % 200000, .max_line_bytes = 1 + random() % 100000};
    std::string text, stored;
    const size_t members = 1 + random() % 6;
    for (size_t i = 0; i < members; ++i) {
      const std::string part = RandomText(&random, random() % 2000, 300);
      text += part;
      stored += Gzip(part, static_cast<int>(random() % 10));
    }
    auto input = OpenOrDie(ExactBytes(stored), options);
    ASSERT_EQ(ReadLines(input.get(), options), ReferenceLines(text, options.max_line_bytes));
    EXPECT_FALSE(input->damage().has_value());
  }
}

// Former bugs.

// ISA-L's isal_inflate() forgot the header's flags where the header was split (its issue 224).
TEST_P(GzipInput, ReadsAHeaderThatIsSplitOverInputBuffers) {
  for (const char* name : {"", "n", "a name.log"}) {
    for (size_t padding = 0; padding < 40; ++padding) {  // io/ takes 16 bytes first, then 128 KiB at a time
      const std::string text = SmallText(2, 1), first = std::string((128 << 10) - 20 - padding, 'x') + "\n";
      auto input = OpenOrDie(ExactBytes(Gzip(first, 0) + Gzip(text, 6, name) + Gzip(text, 6, name)));
      EXPECT_EQ(JoinLines(ReadLines(input.get())), first + text + text) << padding;
      EXPECT_FALSE(input->damage().has_value());
    }
  }
}

}  // namespace
}  // namespace flowlogs
