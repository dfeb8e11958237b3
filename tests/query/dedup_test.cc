// Query::Dedup(): identical records count once (CONTRACT D2); and what Query::TellTwice() tells.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "flowlogs/query/query.h"
#include "lib/query/seen_lines.h"
#include "tests/query/query_testing.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

// 300 different records, each 1 to 4 times, in any order; every tenth with blanks and CRLF that say nothing.
std::string OverlappingLog(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::string> lines;
  for (int i = 0; i < 300; ++i) {
    const std::string port = std::to_string(random() % 50);
    const std::string bytes = std::to_string(i);
    for (unsigned copies = 1 + random() % 4; copies > 0; --copies) {
      const bool is_odd = random() % 10 == 0;
      lines.push_back(is_odd ? "10.0.0.1  " + port + " \t" + bytes + " \r\n" : "10.0.0.1 " + port + " " + bytes + "\n");
    }
  }
  std::shuffle(lines.begin(), lines.end(), random);
  std::string text = "srcaddr dstport bytes\n";
  for (const std::string& line : lines) text += line;
  return text;
}

fl::Query ScanBlocks(std::string_view text, int threads, size_t block_bytes) {
  return fl::Scan({fl::Source::Bytes(text)}, {.threads = threads, .block_bytes = block_bytes});
}

TEST(Dedup, OfIdenticalRecordsOneCountsWhateverThreadsAndBlocks) {  // CONTRACT D2, F10
  const std::string text = OverlappingLog(1);
  for (int threads : {1, 2, 7}) {
    for (size_t block_bytes : {64, 1000, 1 << 17}) {
      const fl::Query logs = ScanBlocks(text, threads, block_bytes);
      const auto totals = logs.Dedup().Aggregate({{"n", "count()"}, {"bytes", "sum(bytes)"}}).Collect();
      ASSERT_TRUE(totals.ok()) << totals.status();
      EXPECT_EQ(totals->Int(0, "n"), 300);
      EXPECT_EQ(totals->Int(0, "bytes"), 300 * 299 / 2);
      EXPECT_EQ(totals->stats().records, logs.Aggregate({"count()"}).Collect()->Int(0, "count")) << "stats are of all";
    }
  }
}

TEST(Dedup, RowsAreTheFirstInInputOrder) {  // CONTRACT F10
  const std::string text = OverlappingLog(2);
  // What is expected, found the plain way.
  std::vector<std::pair<std::string, int64_t>> expected;
  const auto all = ScanBlocks(text, 1, 1 << 17).Select({"bytes", "_line"}).Collect();
  ASSERT_TRUE(all.ok());
  for (size_t row = 0; row < all->num_rows(); ++row) {
    const std::string bytes(*all->Text(row, "bytes"));
    const auto same = [&](const auto& e) { return e.first == bytes; };
    if (std::none_of(expected.begin(), expected.end(), same)) expected.emplace_back(bytes, *all->Int(row, "_line"));
  }
  for (int threads : {1, 2, 7}) {
    for (size_t block_bytes : {64, 1000, 1 << 17}) {
      const fl::Query logs = ScanBlocks(text, threads, block_bytes).Dedup();
      const auto rows = logs.Select({"bytes", "_line"}).Collect();
      ASSERT_TRUE(rows.ok()) << rows.status();
      ASSERT_EQ(rows->num_rows(), expected.size());
      for (size_t row = 0; row < expected.size(); ++row) {
        EXPECT_EQ(rows->Text(row, "bytes"), expected[row].first);
        EXPECT_EQ(rows->Int(row, "_line"), expected[row].second);
      }
      const auto head = logs.Select({"_line"}).Head(123).Collect();
      ASSERT_EQ(head->num_rows(), 123u);
      EXPECT_EQ(head->Int(122, "_line"), expected[122].second);
    }
  }
}

TEST(Dedup, RecordsLeaveAsTheyStandInTheInput) {
  const std::string text = "srcaddr dstport\n10.0.0.1  1\n10.0.0.1 1\n10.0.0.2 2\r\n10.0.0.2 2\n";
  auto stream = ScanText(text).Dedup().Records();
  ASSERT_TRUE(stream.ok());
  const auto chunk = (*stream)->Next();
  ASSERT_TRUE(chunk.ok());
  ASSERT_EQ(chunk->groups.size(), 1u);
  EXPECT_EQ(chunk->groups[0].lines, "10.0.0.1 1\n10.0.0.2 2\n");
  EXPECT_EQ(chunk->groups[0].line_numbers, (std::vector<uint64_t>{2, 4}));
}

TEST(Dedup, OtherFieldsOrOrdersOfFieldsAreOtherRecords) {
  auto count = [](std::string_view text) { return ScanText(text).Dedup().Aggregate({"count()"}).Collect()->Int(0, "count"); };
  EXPECT_EQ(count("srcport dstport\n1 2\n1 2\ndstport srcport\n1 2\n1 2\nsrcport bytes\n1 2\n"), 3);
  EXPECT_EQ(count("srcport dstport\n1 2\nsrcport,dstport\n1,2\n"), 1) << "commas or blanks: the same values";
  EXPECT_EQ(count("2021-09-02T21:44:25Z 2 1 eni-a 10.0.0.1 10.0.0.2 1 2 6 1 40 1 2 ACCEPT OK\n"
                  "2021-09-02T21:44:26Z 2 1 eni-a 10.0.0.1 10.0.0.2 1 2 6 1 40 1 2 ACCEPT OK\n"),
            1)
      << "CloudWatch's time before a line is no value of it";
}

TEST(Dedup, InputsTogetherAndSeveralQueriesInOnePass) {
  const std::string text = OverlappingLog(3);
  const std::string other = "srcaddr dstport bytes\n10.0.0.9 1 7\n" + text.substr(text.find('\n') + 1);
  for (int threads : {1, 3}) {
    const fl::Query logs =
        fl::Scan({fl::Source::Bytes(text), fl::Source::Bytes(other)}, {.threads = threads, .block_bytes = 512});
    const fl::Query once = logs.Dedup();
    const auto tables = fl::CollectAll({once.Aggregate({"count()"}), once.GroupBy({"dstport"}), logs.Aggregate({"count()"}),
                                        once.Filter("dstport < 25").Aggregate({"count()"}), once.Select({"_source"}),
                                        once.Filter("_line > 2").Aggregate({"count()"})});
    ASSERT_TRUE(tables.ok()) << tables.status();
    EXPECT_EQ((*tables)[0].Int(0, "count"), 301);
    int64_t sum = 0, below = 0;
    for (size_t row = 0; row < (*tables)[1].num_rows(); ++row) {
      sum += *(*tables)[1].Int(row, "count");
      if (*(*tables)[1].Int(row, "dstport") < 25) below += *(*tables)[1].Int(row, "count");
    }
    EXPECT_EQ(sum, 301);
    EXPECT_GT((*tables)[2].Int(0, "count"), 1000);
    EXPECT_EQ((*tables)[3].Int(0, "count"), below);
    EXPECT_EQ((*tables)[4].num_rows(), 301u);
    EXPECT_EQ((*tables)[5].Int(0, "count"), 300) << "of the second input all but its own first record";
  }
}

TEST(Dedup, GroupsCannotTellThePlaceOfWhatAnyOneOfThemStandsFor) {
  const fl::Query logs = ScanText("srcport\n1\n1\n").Dedup();
  EXPECT_NE(logs.GroupBy({"_source"}).Collect().status().message().find("dedup"), absl::string_view::npos);
  EXPECT_NE(logs.Aggregate({"min(_line)"}).Collect().status().message().find("dedup"), absl::string_view::npos);
}

TEST(Dedup, WorksInARunThatIsFed) {
  auto run = ScanText("").Dedup().Aggregate({"count()"}).Start();
  ASSERT_TRUE(run.ok());
  ASSERT_TRUE(run->Feed("srcport\n1\n2\n1\n").ok());
  EXPECT_EQ(run->Snapshot()->Int(0, "count"), 2);
  ASSERT_TRUE(run->Feed("2\n3\n").ok());
  EXPECT_EQ(run->Finish()->Int(0, "count"), 3);
}

TEST(SeenLines, MoreThanTheMemoryAllowedIsAnError) {
  fl::SeenLines seen(100'000);
  bool is_new = true;
  for (uint64_t i = 0; i < 100'000; ++i) is_new &= seen.IsFirst({i * 0x9e3779b97f4a7c15, i}, i);
  EXPECT_TRUE(is_new);
  EXPECT_EQ(seen.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(seen.status().message().find("max_group_bytes (100000)"), absl::string_view::npos);
}

TEST(SeenLines, TheSamePlaceIsAskedAboutTwice) {
  fl::SeenLines seen(1 << 20);
  EXPECT_TRUE(seen.IsFirst({1, 1}, fl::SeenLines::Place(0, 7)));
  EXPECT_FALSE(seen.IsFirst({1, 1}, fl::SeenLines::Place(1, 7)));
  EXPECT_TRUE(seen.IsFirst({1, 1}, fl::SeenLines::Place(0, 7)));
  EXPECT_TRUE(seen.IsFirst({1, 2}, fl::SeenLines::Place(1, 7)));
}

// ---- What was seen twice --------------------------------------------------------------------------------------------

// Of `pairs` conversations both ends are in the input, of `single` one.
std::string TwoInterfaces(int pairs, int single) {
  std::string text = "interface-id srcaddr dstaddr bytes\n";
  for (int i = 0; i < std::max(pairs, single); ++i) {
    if (i < pairs) text += "eni-a 10.0.0.1 10.0.0.2 1\neni-b 10.0.0.1 10.0.0.2 1\n";
    if (i >= single) continue;
    const std::string outside = "198.51.100." + std::to_string(i % 250);
    text += i % 2 == 0 ? "eni-a 10.0.0.1 " + outside + " 1\n" : "eni-b " + outside + " 10.0.0.2 1\n";
  }
  return text;
}

TEST(TellTwice, TellsTheShareThatOnceLeavesOut) {  // CONTRACT D2
  for (int size : {1, 10, 100'000}) {
    const std::string text = TwoInterfaces(size, 2 * size);
    const fl::Query logs = ScanText(text);
    const auto share = logs.TellTwice().Aggregate({"count()"}).Collect()->stats().seen_twice;
    const double exact = 1 - static_cast<double>(*logs.Once().Aggregate({"count()"}).Collect()->Int(0, "count")) / (4 * size);
    ASSERT_TRUE(share.has_value());
    EXPECT_NEAR(*share, exact, size < 1000 ? 1e-9 : 0.1) << size;
    EXPECT_NEAR(exact, 0.25, 1e-9);
    EXPECT_FALSE(logs.Aggregate({"count()"}).Collect()->stats().seen_twice.has_value()) << "it was not asked for";
  }
}

TEST(TellTwice, IsOfTheRecordsThatTheFilterLeavesAndDependsOnNoThread) {
  const std::string text = TwoInterfaces(5000, 5000);
  std::optional<double> first;
  for (int threads : {1, 2, 7}) {
    const fl::Query logs = ScanBlocks(text, threads, 4096).TellTwice();
    EXPECT_EQ(logs.Filter("dstaddr in 198.51.100.0/24").Aggregate({"count()"}).Collect()->stats().seen_twice, 0.0);
    EXPECT_FALSE(logs.Filter("srcaddr = 1.1.1.1").Aggregate({"count()"}).Collect()->stats().seen_twice.has_value());
    const auto share = logs.GroupBy({"srcaddr"}).Collect()->stats().seen_twice;
    EXPECT_NEAR(*share, 1.0 / 3, 0.1);
    if (!first) first = share;
    EXPECT_EQ(share, first);
  }
}

TEST(TellTwice, OfMoreConversationsThanAreKeptASampleTells) {  // CONTRACT D2
  std::string text = "interface-id srcaddr dstaddr bytes\n";
  for (int i = 0; i < 10'000; ++i) {
    const std::string host = std::to_string(i / 200) + "." + std::to_string(i % 200);
    text += "eni-a 10.0.0.1 10.1." + host + " 1\neni-" + host + " 10.0.0.1 10.1." + host + " 1\n";
    text += "eni-a 10.0.0.1 198.18." + host + " 1\neni-a 198.19." + host + " 10.0.0.1 1\n";
  }
  const fl::Query logs = ScanText(text);
  const auto share = logs.TellTwice().Aggregate({"count()"}).Collect()->stats().seen_twice;
  ASSERT_TRUE(share.has_value());
  EXPECT_NEAR(*share, 0.25, 0.03);
  EXPECT_EQ(logs.Once().Aggregate({"count()"}).Collect()->Int(0, "count"), 30'000);
}

}  // namespace
