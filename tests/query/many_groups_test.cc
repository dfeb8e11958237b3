// So many groups that several threads merge them, part by part of the hashes, gives what one thread gives.
#include <gtest/gtest.h>

#include <string>

#include "flowlogs/flowlogs.h"

namespace flowlogs {
namespace {

// 60,000 sources in 90,000 records; of IPv6, every third.
const std::string& Log() {
  static const std::string log = [] {
    std::string text = "srcaddr interface-id dstport bytes start end\n";
    for (int i = 0; i < 90'000; ++i) {
      const int k = i % 60'000;
      if (k % 3 == 0) {
        text += "2001:db8::" + std::to_string(k % 10'000) + ":" + std::to_string(k / 10'000);
      } else {
        text += "10." + std::to_string(k >> 16) + "." + std::to_string(k >> 8 & 255) + "." + std::to_string(k & 255);
      }
      text += " eni-" + std::to_string(k * 7) + (k % 11 == 0 ? " - " : " " + std::to_string(i % 997) + " ") + std::to_string(i) + " " +
              std::to_string(1'700'000'000 + i) + " " + std::to_string(1'700'000'060 + i) + "\n";
    }
    return text;
  }();
  return log;
}

std::string Answer(const Query& query) {
  const absl::StatusOr<Table> table = query.Collect();
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? table->Render(TableFormat::kNdjson) : "";
}

TEST(ManyGroups, AreTheSameForAnyNumberOfThreads) {  // CONTRACT F10, L9, L10
  const auto ask = [](int threads, int question) {
    const Query scan = Scan({Source::Bytes(Log())}, {.threads = threads, .block_bytes = 64 << 10});
    switch (question) {
      case 0:
        return scan.GroupBy({"srcaddr"}).Aggregate({"sum(bytes)", "count()", "mean(bytes)", "min(dstport)", "max(start)"});
      case 1:
        return scan.GroupBy({"interface-id"}).Aggregate({"distinct(dstport)", "first(bytes)", "last(bytes)"});
      case 2:
        return scan.GroupBy({"interface-id", "srcaddr"}).Aggregate({{"b", "sum(bytes)"}}).Having("b > 1000");
      case 3:
        return scan.GroupBy({"srcaddr"}).Aggregate({{"b", "sum(bytes)"}}).Sort("b", Order::kDescending).Head(25);
      case 4:
        return scan.GroupBy({"srcaddr", "dstport"}).Aggregate({{"n", "count()"}}).Sort("n").Sort("dstport", Order::kDescending).Head(1000);
      default:
        return scan.GroupBy({"srcaddr"}).Aggregate({"count(dstport)", "quantile(bytes, 0.5)"}).Head(7);
    }
  };
  for (int question = 0; question < 6; ++question) {
    const std::string expected = Answer(ask(1, question));
    EXPECT_GT(expected.size(), 100u);
    for (const int threads : {2, 3}) EXPECT_EQ(Answer(ask(threads, question)), expected) << question << ", threads " << threads;
  }
}

TEST(ManyGroups, OverTheLimitAreRefusedByTheThreadThatFindsOut) {  // CONTRACT P4
  const absl::StatusOr<Table> table =
      Scan({Source::Bytes(Log())}, {.threads = 3, .max_group_bytes = 1 << 20}).GroupBy({"srcaddr"}).Collect();
  EXPECT_EQ(table.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace flowlogs
