// The limits of what is inflated. Those of lines are tested with the inputs.
#include <string>
#include <string_view>
#include <utility>
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
using testing::ReadLines;
using testing::ReferenceLines;
using testing::ScopedEnvironment;

// The content, compressed in each way that is read.
std::vector<std::string> Compressed(std::string_view text) {
  std::vector<std::string> stored = {Gzip(text)};
#ifdef FLOWLOGS_HAVE_ZSTD
  stored.push_back(testing::Zstd(text));
#endif
  return stored;
}

// The line again and again, up to so many bytes.
std::string Repeated(const std::string& line, size_t bytes = 70 << 20) {
  std::string text;
  text.reserve(bytes + line.size());
  while (text.size() < bytes) text += line;
  return text;
}

uint64_t CountBytes(Input* input) {
  uint64_t bytes = 0;
  Block block;
  while (input->Claim(&block)) {
    input->Load(&block);
    bytes += block.text().size();
  }
  return bytes;
}

TEST(InputLimits, EndTheInputAtTheByteWhateverTheBlocks) {
  for (const char* library : {"", "zlib"}) {
    const ScopedEnvironment forced("FLOWLOGS_INFLATE", library);
    const std::string text = Repeated("a line of 18 bytes\n", 300000);
    for (const std::string& stored : Compressed(text)) {
      for (const size_t block_bytes : {100, 5000, 128 << 10, 1 << 20}) {
        for (const uint64_t limit : {1, 19, 20, 65535, 65536, 131072, 200000}) {
          auto input = OpenOrDie(ExactBytes(stored), {.block_bytes = block_bytes, .max_inflated_bytes = limit});
          EXPECT_EQ(ReadLines(input.get()), ReferenceLines(text.substr(0, limit), 1 << 20, /*is_damaged=*/true));
          ASSERT_TRUE(input->damage().has_value());
          EXPECT_TRUE(input->damage()->is_limit);
          EXPECT_NE(input->damage()->message.find("max_inflated_bytes (" + std::to_string(limit) + ")"),
                    std::string::npos)
              << input->damage()->message;
        }
      }
    }
  }
}

TEST(InputLimits, LetPassWhatJustReachesThem) {
  const std::string text = Repeated("a line of 18 bytes\n", 300000);
  for (const std::string& member : Compressed(text)) {
    auto input = OpenOrDie(ExactBytes(member), {.max_inflated_bytes = text.size()});
    EXPECT_EQ(JoinLines(ReadLines(input.get())), text);
    EXPECT_FALSE(input->damage().has_value());
  }
  for (const std::string& member : Compressed("one\n")) {
    for (const std::string& empty : Compressed("")) {
      if (empty[0] != member[0]) continue;
      auto input = OpenOrDie(ExactBytes(member + member + empty + empty), {.max_inflated_bytes = 8});
      EXPECT_EQ(JoinLines(ReadLines(input.get())), "one\none\n");
      EXPECT_FALSE(input->damage().has_value());
      auto more = OpenOrDie(ExactBytes(member + member + empty + member), {.max_inflated_bytes = 8});
      EXPECT_EQ(JoinLines(ReadLines(more.get())), "one\none\n");
      ASSERT_TRUE(more->damage().has_value());
      EXPECT_TRUE(more->damage()->is_limit);
    }
  }
}

TEST(InputLimits, AreNotForPlainContent) {
  auto input = OpenOrDie(ExactBytes("one\ntwo\n"), {.max_inflated_bytes = 1, .max_inflate_ratio = 1});
  EXPECT_EQ(JoinLines(ReadLines(input.get())), "one\ntwo\n");
  EXPECT_FALSE(input->damage().has_value());
}

TEST(InputLimits, CatchADecompressionBombByItsRatio) {
  const std::string zeros(70 << 20, '0');
  for (const std::string& stored : Compressed(zeros)) {
    auto bomb = OpenOrDie(ExactBytes(stored + stored + stored));
    EXPECT_EQ(CountBytes(bomb.get()), 257u) << "the beginning of one line that is too long, and LF";
    ASSERT_TRUE(bomb->damage().has_value());
    EXPECT_TRUE(bomb->damage()->is_limit);
    EXPECT_LE(bomb->damage()->offset, stored.size()) << "the first member was enough";
    EXPECT_NE(bomb->damage()->message.find("max_inflate_ratio (1000)"), std::string::npos) << bomb->damage()->message;

    auto trusted = OpenOrDie(ExactBytes(stored), {.max_inflate_ratio = 0});
    CountBytes(trusted.get());
    EXPECT_FALSE(trusted->damage().has_value());
    auto small = OpenOrDie(ExactBytes(Compressed(zeros.substr(0, 60 << 20))[0]), {.max_inflate_ratio = 1});
    CountBytes(small.get());
    EXPECT_FALSE(small->damage().has_value()) << "less than 64 MiB are not looked at";
  }
}

// The most that gzip can make of one line, over and over, is a ratio of 344.
TEST(InputLimits, LetOneRepeatedLinePassInGzip) {
  const std::string line = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 "
                           "1418530010 1418530070 ACCEPT OK\n";
  const std::string text = Repeated(line);
  const std::string stored = Gzip(text, 9);
  EXPECT_GT(text.size() / stored.size(), 250u);
  auto input = OpenOrDie(ExactBytes(stored));
  EXPECT_EQ(CountBytes(input.get()), text.size());
  EXPECT_FALSE(input->damage().has_value());
}

TEST(InputLimits, EndTheInputAtTheSameByteByRatioToo) {
  const std::string text = Repeated("a line of 18 bytes\n");
  const std::string stored = Gzip(text);
  for (const size_t block_bytes : {50000, 128 << 10, 1 << 20}) {
    auto input = OpenOrDie(ExactBytes(stored), {.block_bytes = block_bytes, .max_inflate_ratio = 100});
    EXPECT_EQ(CountBytes(input.get()), 64u << 20);
    ASSERT_TRUE(input->damage().has_value());
    EXPECT_TRUE(input->damage()->is_limit);
  }
}

// What holds nothing is not read on and on in one call: whoever waits can stop.
TEST(InputLimits, OfMembersWithoutContentLeaveTimeToStop) {
  const std::string empty = Gzip("");
  std::string stored = Gzip(std::string(Input::kPrefixBytes + 100, 'x') + "\n");
  while (stored.size() < 8 << 20) stored += empty;
  stored += Gzip("end\n");
  auto input = OpenOrDie(ExactBytes(stored));
  size_t blocks = 0, empty_blocks = 0;
  Block block;
  while (input->Claim(&block)) {
    ++blocks;
    if (block.text().empty()) ++empty_blocks;
  }
  EXPECT_GE(empty_blocks, 1u);
  EXPECT_LE(blocks, 10u);
  EXPECT_FALSE(input->damage().has_value());
}

}  // namespace
}  // namespace flowlogs
