// Stop and progress of a run, sets and internal prefixes of a scan: CONTRACT C, L4, L5, P7.
#include <gtest/gtest.h>

#include <string>

#include "flowlogs/flowlogs.h"

namespace flowlogs {
namespace {

std::string Log() {
  std::string log = "srcaddr dstaddr interface-id\n";
  for (int i = 0; i < 20'000; ++i) log += "10.0.0.5 10.0.1." + std::to_string(i % 200) + " eni-1\n";
  return log;
}

TEST(ScanOptions, AStopThatIsRequestedEndsTheRunWithCancelled) {
  const std::string log = Log();
  for (int threads : {1, 2}) {
    std::stop_source stop;
    stop.request_stop();
    const auto table = Scan({Source::Bytes(log)}, {.threads = threads, .stop = stop.get_token()}).Aggregate({"count()"}).Collect();
    EXPECT_EQ(table.status().code(), absl::StatusCode::kCancelled);
  }
}

TEST(ScanOptions, AStopRequestedByProgressEndsTheRun) {
  std::stop_source stop;
  uint64_t calls = 0;
  ScanOptions options;
  options.threads = 1;
  options.block_bytes = 64;
  options.stop = stop.get_token();
  options.progress = [&](const Progress& progress) {
    ++calls;
    EXPECT_GT(progress.total_bytes, 0u);
    EXPECT_LE(progress.done_bytes, progress.total_bytes);
    stop.request_stop();
  };
  const std::string log = Log();
  const auto table = Scan({Source::Bytes(log)}, options).Aggregate({"count()"}).Collect();
  ASSERT_GE(calls, 1u);
  EXPECT_EQ(table.status().code(), absl::StatusCode::kCancelled);
}

TEST(ScanOptions, SetsAndInternalPrefixesAreThoseOfTheScan) {  // CONTRACT L4, L5
  const std::string log = Log();
  const Query scan = Scan({Source::Bytes(log)}, {.sets = {{"few", {"10.0.1.3", "10.0.1.8/31"}}}, .internal = {"10.0.1.0/29"}});
  EXPECT_EQ(scan.Filter("dstaddr in @few").Aggregate({"count()"}).Collect()->Int(0, "count"), 300);
  EXPECT_EQ(scan.Filter("dstaddr in internal").Aggregate({"count()"}).Collect()->Int(0, "count"), 800);
  EXPECT_FALSE(Scan({Source::Bytes(log)}, {.internal = {"10.0.1.1/29"}}).status().ok());
}

TEST(ScanOptions, InternalIsWhatInterfacesOwnWhereNothingIsGiven) {  // CONTRACT L4
  const std::string log = Log();
  const Query scan = Scan({Source::Bytes(log)});
  EXPECT_EQ(scan.Filter("srcaddr in internal").Aggregate({"count()"}).Collect()->Int(0, "count"), 20'000);
  EXPECT_EQ(scan.Filter("dstaddr in internal").Aggregate({"count()"}).Collect()->Int(0, "count"), 0);
  EXPECT_EQ(scan.GroupBy({"direction"}).Collect()->Text(0, "direction"), "egress");
}

}  // namespace
}  // namespace flowlogs
