// Limits of a run: memory of groups, patterns. CONTRACT L7, P4.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "flowlogs/flowlogs.h"
#include "lib/query/process_limits.h"

namespace flowlogs {
namespace {

// A log whose every record has values of its own.
std::string Log(int records) {
  std::string log = "srcaddr dstaddr srcport start interface-id bytes\n";
  for (int i = 0; i < records; ++i) {
    log += "10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255) + " 2001:db8::" +
           std::to_string(i % 10'000) + ":" + std::to_string(i / 10'000) + " 443 " + std::to_string(1'600'000'000 + i) +
           " an-interface-with-a-long-name-" + std::to_string(i) + " " + std::to_string(i) + "\n";
  }
  return log;
}

TEST(GroupLimit, EndsTheRunWhateverTakesTheMemory) {
  const std::string log = Log(200'000);
  for (int threads : {1, 3}) {
    const Query scan = Scan({Source::Bytes(log)}, {.threads = threads, .max_group_bytes = 3 << 20});
    for (const Query& query :
         {scan.GroupBy({"srcaddr"}), scan.GroupBy({"interface-id"}), scan.GroupBy({"dstaddr"}), scan.GroupBy({"srcaddr", "start"}),
          scan.Aggregate({"distinct(srcaddr)"}), scan.Aggregate({"distinct(interface-id)"}), scan.Aggregate({"distinct(dstaddr)"})}) {
      const auto table = query.Collect();
      EXPECT_EQ(table.status().code(), absl::StatusCode::kResourceExhausted);
      const std::string message(table.status().message());
      EXPECT_NE(message.find("over max_group_bytes (3145728)"), std::string::npos) << message;
      EXPECT_NE(message.find("raise the limit"), std::string::npos) << message;
    }
  }
}

TEST(GroupLimit, CountsWhatEachAggregateKeeps) {
  const std::string log = Log(200'000);
  const Query groups =
      Scan({Source::Bytes(log)}, {.threads = 1, .max_group_bytes = 640 << 10}).GroupBy({"prefix(srcaddr, 27)"});
  EXPECT_TRUE(groups.Aggregate({"count()", "sum(bytes)"}).Collect().ok());
  for (const char* aggregate : {"max(interface-id)", "first(interface-id)", "approx_distinct(bytes)", "quantile(bytes, 0.5)",
                                "distinct(bytes)", "distinct(dstaddr)"}) {
    EXPECT_EQ(groups.Aggregate({aggregate}).Collect().status().code(), absl::StatusCode::kResourceExhausted) << aggregate;
  }
}

TEST(GroupLimit, IsOfTheStateAndNotOfTheInput) {
  const std::string log = Log(200'000);
  for (int threads : {1, 3}) {
    const Query scan = Scan({Source::Bytes(log)}, {.threads = threads, .max_group_bytes = 1 << 20});
    EXPECT_TRUE(scan.Aggregate({"count()", "approx_distinct(srcaddr)", "quantile(bytes, 0.5)"}).Collect().ok());
    EXPECT_TRUE(scan.GroupBy({"prefix(srcaddr, 22)"}).Collect().ok());
    EXPECT_EQ(scan.Select({"srcaddr"}).Head(5).Collect()->num_rows(), 5u);
  }
}

TEST(GroupLimit, HoldsForARunThatIsFed) {
  auto run = Scan({"-"}, {.max_group_bytes = 4 << 20}).GroupBy({"srcaddr"}).Start();
  EXPECT_EQ(run->Feed(Log(200'000)).code(), absl::StatusCode::kResourceExhausted);
}

TEST(GroupLimit, IsAPartOfTheMemoryThatTheProcessMayUse) {
  EXPECT_GT(UsableMemory(), uint64_t{64} << 20);
  EXPECT_LT(UsableMemory(), std::numeric_limits<uint64_t>::max());
}

TEST(PatternLimit, ATooLargePatternIsAnErrorThatSaysSo) {  // CONTRACT L7
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "[^a]{1000}";
  const Query large = Scan({"-"}).Filter("interface-id ~ '" + pattern + "'");
  EXPECT_NE(large.status().message().find("more than 8 MiB of memory"), std::string::npos) << large.status();
  EXPECT_EQ(ExpressionColumn(large.status()), 16u);
}

TEST(FieldLimit, AFormatWithTooManyFieldsIsAnErrorThatSaysSo) {
  std::string text = "srcaddr";
  for (int i = 0; i < 256; ++i) text += " field-" + std::to_string(i);
  std::string error;
  EXPECT_FALSE(Format::Parse(text, &error).has_value());
  EXPECT_EQ(error, "format: more than 256 fields, at 'field-255'");
}

}  // namespace
}  // namespace flowlogs
