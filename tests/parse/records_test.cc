#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "flowlogs/parse/records.h"
#include "flowlogs/query/query.h"
#include "tests/random_log.h"

namespace {

namespace fl = flowlogs;
using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

// The records must not outlive a temporary text (CONTRACT C2).
static_assert(std::is_constructible_v<fl::Records, std::string&>);
static_assert(std::is_constructible_v<fl::Records, std::string_view>);
static_assert(std::is_constructible_v<fl::Records, const char*>);
static_assert(!std::is_constructible_v<fl::Records, std::string>);
static_assert(!std::is_copy_constructible_v<fl::Records> && std::is_move_constructible_v<fl::Records>);

TEST(RecordsTest, LoopsOverTheRecordsAndCountsTheRest) {
  const std::string text =
      "srcaddr bytes\n10.0.0.1 5\n\n10.0.0.2\n10.0.0.3 7 8\nbytes srcaddr\n9 10.0.0.4\n- 10.0.0.5\r\n";
  fl::Stats stats;
  std::string seen;
  for (const fl::Record& r : fl::Records(text, {.stats = &stats})) {
    seen += r.srcaddr()->ToString() + "=" + std::to_string(r.bytes().value_or(-1)) + " ";
  }
  EXPECT_EQ(seen, "10.0.0.1=5 10.0.0.4=9 10.0.0.5=-1 ");
  EXPECT_EQ(stats.lines, 8u);
  EXPECT_EQ(stats.bytes, text.size());
  EXPECT_EQ(stats.records, 3u);
  EXPECT_EQ(stats.headers, 2u);
  EXPECT_EQ(stats.blank, 1u);
  EXPECT_EQ(stats.problems, (std::map<std::string, uint64_t>{{"too-few-values", 1}, {"too-many-values", 1}}));
  ASSERT_EQ(stats.samples.size(), 2u);
  EXPECT_EQ(stats.samples[0].line, 4u);
  EXPECT_EQ(stats.samples[0].text, "10.0.0.2");
  EXPECT_TRUE(stats.complete);
}

TEST(RecordsTest, StatsAreNotCompleteBeforeTheEnd) {
  const std::string text = "srcaddr bytes\n10.0.0.1 5\n10.0.0.2 5\n";
  fl::Stats stats;
  for (const fl::Record& r : fl::Records(text, {.stats = &stats})) {
    EXPECT_EQ(r.size(), 2u);
    EXPECT_FALSE(stats.complete);
    break;
  }
  EXPECT_FALSE(stats.complete);
}

TEST(RecordsTest, AreEmptyForEmptyText) {
  for (std::string_view text : {"", "\n", " \r\n\t\n"}) {
    fl::Stats stats;
    fl::Records records(text, {.stats = &stats});
    EXPECT_EQ(records.begin(), records.end());
    EXPECT_TRUE(stats.complete);
    EXPECT_EQ(stats.lines, stats.blank);
  }
}

TEST(RecordsTest, TextWhoseFormatCannotBeToldHasNoRecord) {
  fl::Stats stats;
  for (const fl::Record& r : fl::Records("1 2 3\n\n4 5 6\n", {.stats = &stats})) ADD_FAILURE() << r.line();
  EXPECT_EQ(stats.problems, (std::map<std::string, uint64_t>{{"no-format", 2}}));
  ASSERT_EQ(stats.errors.size(), 1u);
  EXPECT_EQ(stats.errors[0].message, "3 values in each line and no header: give the format");
  EXPECT_FALSE(stats.complete);
}

TEST(RecordsTest, ALineOverTheLimitIsAProblem) {
  for (size_t limit : {1, 10, 255, 256, 257, 1000, 200'000}) {
    const std::string longest = "a " + std::string(limit > 2 ? limit - 2 : 1, 'b');
    for (std::string_view end : {"\n", ""}) {
      const std::string text = "1 2\n" + longest + "\n3 4\n" + longest + "x" + std::string(end);
      fl::Stats stats;
      uint64_t records = 0;
      const fl::RecordsOptions options = {
          .format = fl::Format::Parse("interface-id account-id"), .stats = &stats, .max_line_bytes = limit};
      for (const fl::Record& r : fl::Records(text, options)) records += r.size() == 2;
      EXPECT_EQ(stats.lines, 4u);
      EXPECT_EQ(stats.bytes, text.size());
      EXPECT_EQ(records, limit < 3 ? 0u : 3u) << limit;
      EXPECT_EQ(stats.problems["line-too-long"], 4 - records) << limit;
    }
  }
}

TEST(RecordsTest, CanBeMovedInTheMiddle) {
  const std::string text = "srcport\n1\n2\n3\n";
  fl::Records first(text);
  EXPECT_EQ(first.begin()->srcport(), 1);
  fl::Records second = std::move(first);
  EXPECT_EQ(second.begin()->srcport(), 2);
  EXPECT_EQ(second.begin()->srcport(), 3);
  EXPECT_EQ(second.begin(), second.end());
}

TEST(RecordsTest, WindowsDoNotShow) {  // text of many windows of 128 KiB
  std::string text = "srcport interface-id\n";
  for (int i = 0; i < 40'000; ++i) {
    text += std::to_string(i) + " eni-" + std::to_string(i * 7) + "\n";
    if (i % 10'000 == 5'000) text += "interface-id srcport\nx " + std::to_string(i) + "\nsrcport interface-id\n";
  }
  fl::Stats stats;
  int next = 0, others = 0;
  for (const fl::Record& r : fl::Records(text, {.stats = &stats})) {
    if (r.interface_id() == "x") {
      ++others;
    } else {
      ASSERT_EQ(r.srcport(), next);
      ASSERT_EQ(r.interface_id(), "eni-" + std::to_string(next * 7));
      ++next;
    }
  }
  EXPECT_EQ(next, 40'000);
  EXPECT_EQ(others, 4);
  EXPECT_EQ(stats.headers, 9u);
  EXPECT_EQ(stats.formats.size(), 2u);
}

TEST(RecordsTest, AreThoseOfTheReferenceOnRandomLogs) {
  for (size_t seed = 0; seed < Cases(1500); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const RandomLog log = RandomLogMaker(&random).Make(random.Of(std::vector<size_t>{0, 1, 3, 20, 80}));
    const size_t limit = random.Chance(0.2) ? random.Of(std::vector<size_t>{10, 60, 255, 256, 257, 300}) : 1 << 20;
    const ReferenceResult expected = ReferenceSplitter::Split(log.text, log.given, limit);
    if (expected.is_unsettled) continue;
    const ExactText exact(log.text);
    fl::Stats stats;
    size_t next = 0;
    const fl::RecordsOptions options = {.format = log.GivenFormat(), .stats = &stats, .max_line_bytes = limit};
    for (const fl::Record& r : fl::Records(exact.view(), options)) {
      while (next < expected.lines.size() && expected.lines[next].kind != ReferenceLine::Kind::kRecord) ++next;
      ASSERT_LT(next, expected.lines.size());
      const ReferenceLine& line = expected.lines[next++];
      ASSERT_EQ(r.size(), line.values.size());
      for (size_t i = 0; i < r.size(); ++i) {
        ASSERT_EQ(r.raw(static_cast<int>(i)), line.values[i]) << "line " << next;
        ASSERT_EQ(r.format().columns()[i].name, line.format.names[i]) << "line " << next;
      }
    }
    ASSERT_EQ(stats.lines, stats.records + stats.headers + stats.blank + stats.problem_count());  // CONTRACT F9
    ASSERT_EQ(stats.lines, expected.lines.size());
    ASSERT_EQ(stats.records, expected.Count(ReferenceLine::Kind::kRecord));
    ASSERT_EQ(stats.headers, expected.Count(ReferenceLine::Kind::kHeader));
    ASSERT_EQ(stats.problems, expected.Problems());
    ASSERT_EQ(stats.bytes, log.text.size());
  }
}

// Of records in a text, numbers and addresses are read in another way than of a line on its own.
TEST(RecordsTest, ValuesAreThoseOfALineOnItsOwn) {  // CONTRACT F4, F6, F7
  Random random(20261125);
  const std::vector<std::string> odd = {"-",        "0",       "00000007",  "007",          "99999999",   "100000000",     "2147483647",
                                        "2147483648", "1x",    "x1",        "+1",           "1.5",        "18446744073709551615",
                                        "1.2.3.4",  "01.2.3.4", "1.2.3.256", "255.255.255.255", "1.2.3",    "1.2.3.4.5",     "::1",
                                        "::ffff:1.2.3.4", "2001:db8::1", "a", ".", "1..2.3", "\xff", "123456789012345678"};
  const fl::Format format = *fl::Format::Parse("srcaddr bytes dstaddr srcport start");
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    for (int column = 0; column < 5; ++column) {
      std::string value = std::to_string(random.Below(uint64_t{1} << random.Below(40)));
      if (column % 2 == 0) {
        value = std::to_string(random.Below(256)) + "." + std::to_string(random.Below(256)) + "." +
                std::to_string(random.Below(260)) + "." + std::to_string(random.Below(256));
      }
      if (random.Chance(0.1)) value = odd[random.Below(odd.size())];
      text += value + (column == 4 ? "\n" : " ");
    }
  }
  size_t records = 0, addresses = 0, numbers = 0;
  for (const fl::Record& r : fl::Records(text, {.format = format})) {
    fl::Record alone;
    const std::string line(r.line());
    ASSERT_EQ(fl::ParseRecord(line, format, &alone), fl::ParseError::kOk);
    ASSERT_EQ(r.srcaddr(), alone.srcaddr()) << line;
    ASSERT_EQ(r.dstaddr(), alone.dstaddr()) << line;
    ASSERT_EQ(r.bytes(), alone.bytes()) << line;
    ASSERT_EQ(r.srcport(), alone.srcport()) << line;
    ASSERT_EQ(r.start(), alone.start()) << line;
    ++records;
    addresses += r.srcaddr().has_value();
    numbers += r.bytes().has_value();
  }
  EXPECT_EQ(records, 20'000u);
  EXPECT_GT(addresses, 15'000u);
  EXPECT_GT(numbers, 15'000u);
}

// The loop in memory and the scan count the same, but for bad values, which the loop does not look for.
TEST(RecordsTest, StatsAreThoseOfAScan) {
  for (size_t seed = 0; seed < Cases(1000); ++seed) {
    Random random(seed);
    const RandomLog log = RandomLogMaker(&random).Make(random.Of(std::vector<size_t>{0, 1, 3, 20, 80}));
    fl::Stats stats;
    for (const fl::Record& r : fl::Records(log.text, {.format = log.GivenFormat(), .stats = &stats}))
      ASSERT_GT(r.size(), 0u);
    const auto scanned = fl::Scan({fl::Source::Bytes(log.text, nullptr, "<text>")}, {.format = log.GivenFormat()})
                             .Aggregate({"count()"})
                             .Collect();
    if (!scanned.ok()) {
      EXPECT_EQ(stats.records, 0u);
      continue;
    }
    ASSERT_EQ(stats.ToJson(), scanned->stats().ToJson()) << "seed " << seed << "\n" << log.text.substr(0, 1000);
  }
}

// Former bugs.

TEST(RecordsTest, FieldsThatAppearUnderALaterFormatAreNew) {  // CONTRACT L12
  const std::string text = "2\nsrcport dstport\n1 2\n";       // no record stands under the given format
  fl::Stats stats;
  const fl::RecordsOptions options = {.format = fl::Format::Parse("srcport bytes"), .stats = &stats};
  for (const fl::Record& r : fl::Records(text, options)) EXPECT_EQ(r.srcport(), 1);
  EXPECT_EQ(stats.new_fields, (std::vector<std::string>{"dstport"}));
}

}  // namespace
