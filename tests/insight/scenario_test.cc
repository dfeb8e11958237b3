// A made-up day with incidents (flowlogs/synth/generator.h) beside what its truth says was planted: every kind is found by
// whom it was done and to whom, and nothing depends on threads and blocks (CONTRACT I1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/insight/detect.h"
#include "flowlogs/synth/generator.h"
#include "tests/golden_case.h"

namespace flowlogs {
namespace {

using flowlogs_test::Json;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Make(Scenario scenario, Json* truth = nullptr) {
  absl::StatusOr<Generator> generator = Generator::Create(
      {.seed = 3, .format = *GeneratorFormat("v5"), .hosts = 50, .scenario = scenario, .days = 1});
  EXPECT_TRUE(generator.ok()) << generator.status();
  std::string log;
  std::string_view block;
  while (generator->Next(&block)) log += block;
  if (truth != nullptr) {
    const auto read = flowlogs_test::JsonReader::Read(generator->truth());
    EXPECT_TRUE(read.has_value());
    if (read) *truth = *read;
  }
  return log;
}

std::vector<std::string> Texts(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& item : list.items) texts.push_back(item.text);
  return texts;
}

// "web -> app tcp/8080,udp/33434-33534,icmp", as the truth says it: an edge for each of the ports.
void AddEdges(const std::string& text, Policy* policy) {
  std::istringstream words(text);
  std::string from, arrow, to, port;
  words >> from >> arrow >> to;
  while (std::getline(words >> std::ws, port, ',')) {
    Policy::Edge edge{.from = from, .to = to, .text = text};
    edge.protocol = port.starts_with("tcp") ? 6 : port.starts_with("udp") ? 17 : 1;
    if (const size_t slash = port.find('/'); slash != std::string::npos) {
      edge.first_port = edge.last_port = std::stoi(port.substr(slash + 1));
      if (const size_t hyphen = port.find('-'); hyphen != std::string::npos) edge.last_port = std::stoi(port.substr(hyphen + 1));
    }
    policy->edges.push_back(std::move(edge));
  }
}

DetectOptions OptionsOf(const Json& truth, const std::string& past) {
  DetectOptions options;
  for (const auto& [name, addresses] : truth["lists"].members) options.lists[name] = Texts(addresses);
  Policy& policy = options.policy.emplace();
  for (const auto& [name, prefixes] : truth["policy"]["zones"].members) policy.zones.push_back({name, Texts(prefixes)});
  for (const std::string& edge : Texts(truth["policy"]["allow"])) AddEdges(edge, &policy);
  const absl::StatusOr<Detections> before = Detect(Scan({Source::Bytes(past)}));
  EXPECT_TRUE(before.ok()) << before.status();
  if (before.ok()) options.baseline = before->seen;
  return options;
}

bool HasAny(const std::vector<std::string>& texts, const std::vector<std::string>& others) {
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
    return !text.empty() && std::find(others.begin(), others.end(), text) != others.end();
  });
}

// The finding tells of what was planted: at times that differ by an hour at most, by who did it or to whom it was done.
bool Tells(const Finding& finding, const Json& planted) {
  constexpr int64_t kSlack = 3600;
  if (finding.kind != planted["kind"].text || finding.first_seen > planted["end"].integer + kSlack ||
      finding.last_seen < planted["start"].integer - kSlack) {
    return false;
  }
  std::vector<std::string> actors = Texts(planted["aliases"]), parties = finding.targets;
  actors.push_back(planted["actor"].text);
  parties.push_back(finding.actor);
  return HasAny({finding.actor}, actors) || HasAny(parties, Texts(planted["targets"])) ||
         HasAny({finding.interface}, {planted["interface"].text});
}

TEST(DetectScenario, FindsWhatWasPlantedOfEveryKind) {
  Json truth;
  const std::string log = Make(Scenario::kIncidents, &truth);
  const DetectOptions options = OptionsOf(truth, Make(Scenario::kPast));
  std::vector<std::string> told;  // of the first run
  for (const int threads : {1, 3}) {
    const ScanOptions scan = {.threads = threads, .block_bytes = threads == 1 ? size_t{128} << 10 : 5000};
    const absl::StatusOr<Detections> detections = Detect(Scan({Source::Bytes(log)}, scan), options);
    ASSERT_TRUE(detections.ok()) << detections.status();
    std::vector<std::string> findings;
    for (const Finding& finding : detections->findings) findings.push_back(finding.id + " " + finding.why);
    if (threads > 1) {
      EXPECT_EQ(findings, told) << "they depend on threads or blocks";
      continue;
    }
    told = findings;
    std::set<std::string> kinds, found;
    for (const Json& planted : truth["incidents"].items) {
      kinds.insert(planted["kind"].text);
      if (std::any_of(detections->findings.begin(), detections->findings.end(),
                      [&](const Finding& finding) { return Tells(finding, planted); })) {
        found.insert(planted["kind"].text);
      }
    }
    EXPECT_EQ(kinds.size(), AllKinds().size());
    EXPECT_EQ(found, kinds);
    for (const Finding& finding : detections->findings) {
      EXPECT_THAT(finding.why, Not(IsEmpty())) << finding.id;
      EXPECT_THAT(finding.where, Not(IsEmpty())) << finding.id;
      EXPECT_GE(finding.score, 0) << finding.id;
      EXPECT_LE(finding.score, 100) << finding.id;
      EXPECT_LE(finding.first_seen, finding.last_seen) << finding.id;
      EXPECT_LE(finding.targets.size(), kMaxTargets) << finding.id;
    }
    ASSERT_TRUE(detections->policy.has_value());
    EXPECT_GT(detections->policy->violations, 0u);
    EXPECT_THAT(detections->policy->used, Not(IsEmpty()));
  }
}

TEST(DetectScenario, OnlyTheKindsThatAreAskedForAreJudged) {
  const std::string log = Make(Scenario::kIncidents);
  DetectOptions options;
  options.kinds = {"host-sweep", "logging-gap"};
  const absl::StatusOr<Detections> detections = Detect(Scan({Source::Bytes(log)}), options);
  ASSERT_TRUE(detections.ok()) << detections.status();
  std::set<std::string> kinds;
  for (const Finding& finding : detections->findings) kinds.emplace(finding.kind);
  EXPECT_EQ(kinds, (std::set<std::string>{"host-sweep", "logging-gap"}));
}

}  // namespace
}  // namespace flowlogs
