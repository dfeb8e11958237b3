#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/io/input.h"
#include "flowlogs/schema/value.h"
#include "lib/parse/record_batch.h"
#include "tests/random_log.h"

namespace flowlogs {
namespace {

using flowlogs_test::Cases;
using flowlogs_test::Random;

// Regular text between margins, in a block of exactly that size, and its index.
class TestRun {
 public:
  TestRun(const Format& format, std::string_view lines, const Kernel& kernel, uint32_t first_line = 0)
      : format_(format),
        block_(std::string(Block::kMargin, '5') + std::string(lines) + std::string(Block::kMargin, '5')) {
    index_.Build(block_.view().substr(Block::kMargin, lines.size()), kernel);
    run_ = {&format_, 0, &index_, first_line, static_cast<uint32_t>(index_.num_lines()) - first_line, nullptr};
  }
  const RegularRun& run() const { return run_; }

 private:
  Format format_;
  flowlogs_test::ExactText block_;
  LineIndex index_;
  RegularRun run_;
};

Format MakeFormat(std::string_view names) { return *Format::Parse(names); }

using Values = std::vector<std::optional<int64_t>>;

Values IntegersOf(std::string_view field, std::string_view tokens, const Kernel& kernel) {
  std::string lines(tokens);
  std::replace(lines.begin(), lines.end(), ' ', '\n');
  const TestRun run(MakeFormat(field), lines + "\n", kernel);
  RecordBatch batch;
  batch.Reset(run.run());
  const int64_t* words = batch.Integers(0, batch.AllRows());
  Values values;
  for (uint32_t row = 0; row < run.run().num_rows; ++row) {
    values.push_back(words[row] == kNullWord ? std::nullopt : std::optional(words[row]));
  }
  return values;
}

TEST(RecordBatchTest, DecodesIntegersWithinTheirField) {
  const auto none = std::nullopt;
  for (const Kernel* kernel : AvailableKernels()) {
    // CONTRACT F6
    EXPECT_EQ(IntegersOf("dstport", "443 0 007 2147483647 2147483648 - x -1", *kernel),
              (Values{443, 0, 7, 2147483647, none, none, none, none}));
    EXPECT_EQ(IntegersOf("bytes", "12345678 123456789 1234567890123456 12345678901234567 9223372036854775807", *kernel),
              (Values{12345678, 123456789, 1234567890123456, 12345678901234567, 9223372036854775807}));
    EXPECT_EQ(IntegersOf("bytes", "9223372036854775808 00000000000000000000000000000000000012 1_0 0x10 +5", *kernel),
              (Values{none, 12, none, none, none}));
    EXPECT_EQ(IntegersOf("start", "99999999999 100000000000 1700000000999 1700000000 - 9223372036854775807", *kernel),
              (Values{99999999999, 100000000, 1700000000, 1700000000, none, 9223372036854775}));
  }
}

TEST(RecordBatchTest, DecodesIntegersAsTheReaderOfSingleValuesDoes) {
  Random random(1);
  for (std::string_view field : {"dstport", "bytes", "start"}) {
    const ValueType type = Info(*FindField(field)).type;
    std::vector<std::string> tokens;
    std::string lines;
    for (size_t i = 0; i < Cases(4000); ++i) {
      std::string token(1 + i % 26, '0');
      for (char& c : token) c = static_cast<char>('0' + random.Below(i % 3 == 0 ? 2 : 10));
      // A byte that is no digit: those next to the digits, and those that carry into their neighbour.
      if (random.Chance(0.4)) {
        static constexpr unsigned char kNear[] = {'/',  ':',  '0' - 16, 0x7f, 0x80, 0xb0,
                                                  0xb9, 0xff, 0x21,     'A',  'a',  0x01};
        token[random.Below(token.size())] = static_cast<char>(kNear[random.Below(12)]);
        if (token.find_first_of(" \n") != std::string::npos) token = "x";
      }
      lines += token + "\n";
      tokens.push_back(std::move(token));
    }
    for (const Kernel* kernel : AvailableKernels()) {
      const TestRun run(MakeFormat(field), lines, *kernel);
      RecordBatch batch;
      batch.Reset(run.run());
      const int64_t* words = batch.Integers(0, batch.AllRows());
      size_t bad = 0;
      for (size_t row = 0; row < tokens.size(); ++row) {
        const std::optional<int64_t> expected =
            IsMissing(tokens[row]) ? std::nullopt : ParseIntegerOf(type, tokens[row]);
        ASSERT_EQ(words[row], expected.value_or(kNullWord)) << field << " '" << tokens[row] << "'";
        bad += !expected && !IsMissing(tokens[row]);
      }
      EXPECT_EQ(batch.BadValues().size(), bad);
    }
  }
}

TEST(RecordBatchTest, DecodesAddressesOfBothFamilies) {
  for (const Kernel* kernel : AvailableKernels()) {
    const TestRun run(MakeFormat("srcaddr"),
                      "10.0.0.1\n-\n2001:db8::1\n::ffff:10.0.0.2\n10.0.0.01\n255.255.255.255\nfe80::1%eth0\n::\n",
                      *kernel);
    RecordBatch batch;
    batch.Reset(run.run());
    const int64_t* words = batch.Addresses(0, batch.AllRows());
    EXPECT_EQ(words[0], 0x0a000001);
    EXPECT_EQ(words[1], kNullWord);
    EXPECT_EQ(batch.Address(words[2]).ToString(), "2001:db8::1");
    EXPECT_EQ(words[3], 0x0a000002);  // CONTRACT F7
    EXPECT_EQ(words[4], kNullWord);
    EXPECT_EQ(words[5], 0xffffffff);
    EXPECT_EQ(words[6], kNullWord);
    EXPECT_EQ(batch.Address(words[7]).ToString(), "::");
    const auto bad = batch.BadValues();
    EXPECT_EQ(std::vector(bad.begin(), bad.end()), (std::vector<RecordBatch::BadValue>{{4, 0}, {6, 0}}));
  }
}

TEST(RecordBatchTest, GivesTextsAsTheyStandAndTagsDecoded) {
  for (const Kernel* kernel : AvailableKernels()) {
    const TestRun run(MakeFormat("account-id instance-tag"), "000123 my%2Dapp\n- -\n%41 %2D\nx %zz\ny plain\n",
                      *kernel);
    RecordBatch batch;
    batch.Reset(run.run());
    const std::string_view* accounts = batch.Texts(0, batch.AllRows());
    const std::string_view* tags = batch.Texts(1, batch.AllRows());
    EXPECT_EQ(accounts[0], "000123");
    EXPECT_EQ(accounts[1].data(), nullptr);
    EXPECT_EQ(accounts[2], "%41");
    EXPECT_EQ(tags[0], "my-app");
    EXPECT_EQ(tags[1].data(), nullptr);
    EXPECT_EQ(tags[2], "-");  // CONTRACT F8: text, not missing
    EXPECT_NE(tags[2].data(), nullptr);
    EXPECT_EQ(tags[3], "%zz");
    EXPECT_EQ(tags[4], "plain");
  }
}

TEST(RecordBatchTest, DecodesASelectionAndThenMoreOfTheSameColumn) {
  for (const Kernel* kernel : AvailableKernels()) {
    const TestRun run(MakeFormat("srcport dstport bytes"), "1 10 x\n2 20 200\n3 30 x\n4 40 400\n", *kernel);
    RecordBatch batch;
    batch.Reset(run.run());
    const uint32_t odd[] = {1, 3};
    const Rows some{odd, 2, batch.NextSelectionId()};
    const int places[] = {2, 0};
    batch.Locate(places, some);
    EXPECT_EQ(batch.Integers(2, some)[1], 200);
    EXPECT_EQ(batch.Integers(2, some)[3], 400);
    EXPECT_TRUE(batch.BadValues().empty()) << "rows that were not asked for are not read";
    const uint32_t even[] = {0, 2};
    const Rows others{even, 2, batch.NextSelectionId()};
    EXPECT_EQ(batch.Integers(1, others)[2], 30);
    EXPECT_EQ(batch.Integers(2, others)[2], kNullWord);
    const int64_t* all = batch.Integers(2, batch.AllRows());
    EXPECT_EQ(all[0], kNullWord);
    EXPECT_EQ(all[1], 200);
    EXPECT_EQ(all[3], 400);
    EXPECT_EQ(batch.Integers(2, some), all) << "all rows are there already";
    EXPECT_EQ(batch.BadValues().size(), 2u) << "each bad value is told once";
  }
}

TEST(RecordBatchTest, LeavesOutTheTimeBeforeTheValues) {
  for (const Kernel* kernel : AvailableKernels()) {
    const TestRun run(MakeFormat("srcport dstport").WithLeadingTime(), "1700000000 1 10\n2023-11-14T22:13:20Z 2 20\n",
                      *kernel);
    RecordBatch batch;
    batch.Reset(run.run());
    EXPECT_EQ(batch.Integers(0, batch.AllRows())[0], 1);
    EXPECT_EQ(batch.Integers(0, batch.AllRows())[1], 2);
    EXPECT_EQ(batch.Integers(1, batch.AllRows())[1], 20);
  }
}

TEST(RecordBatchTest, ReadsARunInTheMiddleOfABlock) {
  for (const Kernel* kernel : AvailableKernels()) {
    const TestRun run(MakeFormat("srcport dstport"), "srcport dstport\n1 10\n2 20\n", *kernel, /*first_line=*/1);
    RecordBatch batch;
    batch.Reset(run.run());
    EXPECT_EQ(batch.run().text(0), "1 10");
    EXPECT_EQ(batch.run().block_line(1), 2u);
    EXPECT_EQ(batch.Integers(1, batch.AllRows())[0], 10);
    EXPECT_EQ(batch.Integers(0, batch.AllRows())[1], 2);
  }
}

TEST(RecordBatchTest, IsUsedAgainForRunsOfOtherFormats) {
  RecordBatch batch;
  for (const Kernel* kernel : AvailableKernels()) {
    for (size_t width : {1, 14, 3, 54, 2}) {
      std::string names, lines;
      for (size_t f = 0; f < width; ++f) names += std::string(AllFields()[f].name) + " ";
      for (int row = 0; row < 5; ++row) {
        for (size_t f = 0; f < width; ++f)
          lines += std::to_string(row * 100 + static_cast<int>(f)) + (f + 1 < width ? " " : "\n");
      }
      const TestRun run(MakeFormat(names), lines, *kernel);
      batch.Reset(run.run());
      EXPECT_EQ(batch.Integers(0, batch.AllRows())[4], 400);
      if (width > 8) EXPECT_EQ(batch.Integers(8, batch.AllRows())[3], 308);
    }
  }
}

}  // namespace
}  // namespace flowlogs
