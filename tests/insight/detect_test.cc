// CONTRACT I1: findings of the sample, options that are wrong, and that nothing depends on order and threads.
#include "flowlogs/insight/detect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace flowlogs {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char kSample[] = FLOWLOGS_TEST_DATA "/data/internet-noise-v2.log";

TEST(Detect, TheSampleOfNoiseGivesOneFindingAndOneLine) {
  const absl::StatusOr<Detections> detections = Detect(Scan({Source(kSample)}));
  ASSERT_TRUE(detections.ok()) << detections.status();
  ASSERT_EQ(detections->findings.size(), 1u);
  const Finding& finding = detections->findings[0];
  EXPECT_EQ(finding.kind, "port-scan");
  EXPECT_EQ(finding.actor, "217.12.208.8");
  EXPECT_EQ(finding.targets, std::vector<std::string>{"10.0.0.138"});
  EXPECT_EQ(finding.severity, Severity::kLow);
  EXPECT_EQ(finding.outcome, "rejected");
  EXPECT_EQ(finding.records, 47u);
  EXPECT_LT(finding.last_seen - finding.first_seen, 60);
  EXPECT_THAT(finding.why, HasSubstr("47 ports"));
  EXPECT_THAT(detections->background.text, StartsWith("background noise of the internet: 20 records"));
  EXPECT_EQ(detections->stats.records, 99u);
}

TEST(Detect, TheSameFindingsWithAnyNumberOfThreadsAndBlocks) {
  std::vector<std::string> whys;
  for (int threads : {1, 2, 7}) {
    ScanOptions options;
    options.threads = threads;
    options.block_bytes = threads == 1 ? size_t{128} << 10 : 512;
    const absl::StatusOr<Detections> detections = Detect(Scan({Source(kSample)}, options));
    ASSERT_TRUE(detections.ok()) << detections.status();
    ASSERT_EQ(detections->findings.size(), 1u);
    whys.push_back(detections->findings[0].id + detections->findings[0].why + detections->background.text);
  }
  EXPECT_EQ(whys[0], whys[1]);
  EXPECT_EQ(whys[0], whys[2]);
}

TEST(Detect, AThresholdAboveTheNumberLeavesItToTheNoise) {
  DetectOptions options;
  options.thresholds["port-scan.ports"] = 48;
  options.thresholds["port-scan.slow-ports"] = 48;
  const absl::StatusOr<Detections> detections = Detect(Scan({Source(kSample)}), options);
  ASSERT_TRUE(detections.ok()) << detections.status();
  EXPECT_TRUE(detections->findings.empty());
  EXPECT_EQ(detections->background.records, 67u);
}

TEST(Detect, WrongOptionsAreErrorsThatNameThem) {
  auto message = [](const DetectOptions& options) {
    return std::string(Detect(Scan({Source(kSample)}), options).status().message());
  };
  DetectOptions threshold, kind, list, zone;
  threshold.thresholds["port-scan.port"] = 3;
  kind.kinds = {"portscan"};
  list.lists["bad"] = {"10.0.0.1/8"};
  zone.policy.emplace().zones = {{"web", {"nowhere"}}};
  EXPECT_THAT(message(threshold), HasSubstr("port-scan.port"));
  EXPECT_THAT(message(kind), HasSubstr("portscan"));
  EXPECT_THAT(message(list), HasSubstr("list bad"));
  EXPECT_THAT(message(zone), HasSubstr("zone web"));
}

TEST(Detect, EveryThresholdBelongsToAKind) {
  for (const Threshold& threshold : AllThresholds()) {
    const std::string_view kind = threshold.name.substr(0, threshold.name.find('.'));
    EXPECT_NE(std::find(AllKinds().begin(), AllKinds().end(), kind), AllKinds().end()) << threshold.name;
    EXPECT_GT(threshold.value, 0);
  }
}

}  // namespace
}  // namespace flowlogs
