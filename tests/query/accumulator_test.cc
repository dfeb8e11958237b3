// Aggregates (CONTRACT L9), end to end.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/query/query.h"
#include "tests/query/query_testing.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

// The value of one aggregate over all records.
std::string Of(std::string_view text, std::string aggregate) {
  return Values(ScanText(text).Aggregate({{"value", std::move(aggregate)}}));
}

constexpr char kRecords[] =
    "srcaddr dstport bytes start end action interface-id\n"
    "10.0.0.9 443 10 1700000000 1700000060 ACCEPT eni-2\n"
    "10.0.0.10 22 - 1700000060 1700000090 REJECT eni-10\n"
    "2001:db8::1 443 30 1700000030 - ACCEPT -\n"
    "- - x - - - eni-1\n"
    "::ffff:10.0.0.9 0443 5 1700000000 1699999990 ACCEPT eni-2\n";

TEST(AccumulatorTest, CountsRowsAndPresentValues) {
  EXPECT_EQ(Of(kRecords, "count()"), "5");
  EXPECT_EQ(Of(kRecords, "count(bytes)"), "3") << "neither missing nor bad";
  EXPECT_EQ(Of(kRecords, "count(action)"), "4");
  EXPECT_EQ(Of(kRecords, "count(srcaddr)"), "4");
}

TEST(AccumulatorTest, AddsAndAverages) {
  EXPECT_EQ(Of(kRecords, "sum(bytes)"), "45");
  EXPECT_EQ(Of(kRecords, "mean(bytes)"), "15");
  EXPECT_EQ(Of("bytes\n1\n2\n", "mean(bytes)"), "1.5");
  EXPECT_EQ(Of(kRecords, "sum(duration)"), "80") << "60 + 30 - 10";
  EXPECT_EQ(Of(kRecords, "min(duration)"), "-10");
}

TEST(AccumulatorTest, FindsTheLeastAndTheGreatestByValue) {
  EXPECT_EQ(Of(kRecords, "min(bytes)"), "5");
  EXPECT_EQ(Of(kRecords, "max(bytes)"), "30");
  EXPECT_EQ(Of(kRecords, "min(srcaddr)"), "10.0.0.9") << "as an address, not as a text";
  EXPECT_EQ(Of(kRecords, "max(srcaddr)"), "2001:db8::1");
  EXPECT_EQ(Of(kRecords, "min(interface-id)"), "eni-1");
  EXPECT_EQ(Of(kRecords, "max(interface-id)"), "eni-2") << "text bytewise";
  EXPECT_EQ(Of(kRecords, "max(start)"), "1700000060");
  EXPECT_EQ(Of(kRecords, "min(action)"), "ACCEPT");
}

TEST(AccumulatorTest, CountsDistinctValuesNotTexts) {
  EXPECT_EQ(Of(kRecords, "distinct(srcaddr)"), "3") << "a mapped address is its IPv4 address (CONTRACT F7)";
  EXPECT_EQ(Of(kRecords, "distinct(dstport)"), "2") << "0443 is 443";
  EXPECT_EQ(Of(kRecords, "distinct(interface-id)"), "3");
  EXPECT_EQ(Of(kRecords, "distinct(bytes)"), "3") << "null is no value";
}

TEST(AccumulatorTest, OfNoPresentValueIsNullOrZero) {  // CONTRACT L9
  for (std::string_view text : {"bytes srcaddr action\n", "bytes srcaddr action\n- - -\nx 10.0.0.256 -\n"}) {
    for (const char* null : {"sum(bytes)", "mean(bytes)", "min(bytes)", "max(bytes)", "min(srcaddr)", "max(action)"}) {
      EXPECT_EQ(Of(text, null), "-") << null;
    }
    for (const char* zero : {"count(bytes)", "distinct(bytes)", "distinct(srcaddr)", "distinct(action)"}) {
      EXPECT_EQ(Of(text, zero), "0") << zero;
    }
  }
}

TEST(AccumulatorTest, AFieldThatSomeFormatsLackIsMissingThere) {
  constexpr char kTwo[] = "bytes dstport\n5 1\nsrcaddr dstport\n10.0.0.1 1\n10.0.0.2 1\n";
  EXPECT_EQ(Of(kTwo, "sum(bytes)"), "5");
  EXPECT_EQ(Of(kTwo, "count(srcaddr)"), "2");
  EXPECT_EQ(Of(kTwo, "distinct(srcaddr)"), "2");
  EXPECT_EQ(Of(kTwo, "count()"), "3");
}

TEST(AccumulatorTest, SumsInAHundredAndTwentyEightBits) {  // CONTRACT L9
  constexpr char kMax[] = "9223372036854775807";
  EXPECT_EQ(Of(std::string("bytes\n") + kMax + "\n", "sum(bytes)"), kMax);
  const std::string two = std::string("srcaddr bytes\n10.0.0.2 ") + kMax + "\n10.0.0.1 5\n10.0.0.2 " + kMax + "\n";
  EXPECT_EQ(Of(two, "sum(bytes)"), "error: sum(bytes) does not fit into a 64-bit integer");
  EXPECT_EQ(Of(two, "mean(bytes)"), "6.148914691236517e+18");
  EXPECT_EQ(Rows(ScanText(two).GroupBy({"srcaddr"}).Aggregate({{"total", "sum(bytes)"}})),
            "error: sum(bytes) does not fit into a 64-bit integer (srcaddr=10.0.0.2)");
  // It only matters where it is shown.
  EXPECT_EQ(Rows(ScanText(two).GroupBy({"srcaddr"}).Aggregate({{"total", "sum(bytes)"}}).Head(1)),
            "srcaddr=10.0.0.1 total=5");
  EXPECT_EQ(Rows(ScanText(two).GroupBy({"srcaddr"}).Aggregate({{"total", "sum(bytes)"}}).Sort("total").Head(1)),
            "srcaddr=10.0.0.1 total=5");
}

TEST(AccumulatorTest, TheOverflowNamesEveryKeyOfItsGroup) {
  const std::string text = "srcaddr action bytes\n- ACCEPT 9223372036854775807\n- ACCEPT 1\n";
  for (int threads : {1, 2, 7}) {
    EXPECT_EQ(Rows(ScanText(text, {.threads = threads, .block_bytes = 1})
                       .GroupBy({"srcaddr", "action"})
                       .Aggregate({"sum(bytes)"})),
              "error: sum(bytes) does not fit into a 64-bit integer (srcaddr=null, action=ACCEPT)");
  }
}

TEST(AccumulatorTest, SumsThatMeetInTheMiddleAreExact) {
  // Partial sums of workers are beyond int64; the whole is not: durations can be negative.
  std::string text = "start end\n";
  for (int i = 0; i < 64; ++i) text += "0 99999999999\n99999999999 0\n";
  for (int threads : {1, 7}) {
    EXPECT_EQ(Values(ScanText(text, {.threads = threads, .block_bytes = 16}).Aggregate({"sum(duration)"})), "0");
  }
}

TEST(AccumulatorTest, TypesFollowTheField) {
  const absl::StatusOr<fl::Table> table = ScanText(kRecords)
                                              .Aggregate({"count()", "sum(bytes)", "mean(bytes)", "min(srcaddr)",
                                                          "max(action)", "max(start)", "distinct(bytes)"})
                                              .Collect();
  ASSERT_TRUE(table.ok()) << table.status();
  std::string types;
  for (const fl::Column& column : table->columns()) {
    types += column.name() + ":" + std::string(column.type_name()) + (column.is_time() ? ":time " : " ");
  }
  EXPECT_EQ(types,
            "count:int64 sum_bytes:int64 mean_bytes:double min_srcaddr:text max_action:text max_start:int64:time "
            "distinct_bytes:int64 ");
}

}  // namespace
