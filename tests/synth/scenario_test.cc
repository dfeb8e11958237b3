// Days of a network: what its interfaces tell is what happened, once each.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "flowlogs/parse/record.h"
#include "flowlogs/synth/generator.h"

namespace flowlogs {
namespace {

constexpr int64_t kStart = 1'788'220'800;

std::string Make(Scenario scenario, uint64_t seed, const char* format = "default", std::string* truth = nullptr) {
  absl::StatusOr<Generator> generator = Generator::Create({.seed = seed,
                                                           .format = *GeneratorFormat(format),
                                                           .hosts = 50,
                                                           .scenario = scenario,
                                                           .days = 1,
                                                           .header = false});
  EXPECT_TRUE(generator.ok()) << generator.status().message();
  std::string all;
  std::string_view block;
  while (generator->Next(&block)) all += block;
  if (truth != nullptr) *truth = generator->truth();
  return all;
}

template <typename F>
void ForEachRecord(std::string_view log, const Format& format, F&& f) {
  Record record;
  while (!log.empty()) {
    const size_t end = log.find('\n');
    ASSERT_EQ(ParseRecord(log.substr(0, end), format, &record), ParseError::kOk) << log.substr(0, end);
    f(record);
    log.remove_prefix(end + 1);
  }
}

TEST(Scenario, TheSameSeedGivesTheSameBytesAndTruth) {
  for (const Scenario scenario : {Scenario::kIncidents, Scenario::kPast, Scenario::kQuietWeek}) {
    std::string once, again, other;
    const std::string log = Make(scenario, 3, "default", &once);
    EXPECT_TRUE(log == Make(scenario, 3, "default", &again));
    EXPECT_EQ(once, again);
    EXPECT_FALSE(log == Make(scenario, 4, "default", &other));
    EXPECT_NE(once, other);
  }
}

// Other machines and compilers must give these bytes too.
TEST(Scenario, GivesTheSameBytesOnEveryMachine) {
  auto hash = [](std::string_view text) {
    uint64_t h = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return h;
  };
  std::string truth;
  EXPECT_EQ(hash(Make(Scenario::kIncidents, 1, "default", &truth)), 15942874617743385258u);
  EXPECT_EQ(hash(truth), 1909710381182756203u);
}

TEST(Scenario, EndsAscendAndNoRecordIsLongerThanAMinute) {
  const Format format = Format::Default();
  for (const Scenario scenario : {Scenario::kIncidents, Scenario::kPast, Scenario::kQuietWeek}) {
    const int64_t first = scenario == Scenario::kPast ? kStart - 86400 : kStart;
    int64_t last_end = 0;
    ForEachRecord(Make(scenario, 5), format, [&](const Record& record) {
      const int64_t start = *record.start(), end = *record.end();
      EXPECT_LE(start, end);
      EXPECT_LT(end - start, 60);
      EXPECT_GE(end, last_end);
      EXPECT_GE(start, first);
      EXPECT_LT(end, first + 86400);
      last_end = end;
    });
  }
}

// What goes from one host to another in a VPC is told by both interfaces, in the same numbers.
TEST(Scenario, BothInterfacesOfAConversationTellTheSame) {
  const Format format = *GeneratorFormat(
      "interface-id srcaddr dstaddr srcport dstport packets bytes flow-direction "
      "action traffic-path log-status start end");
  using Key = std::tuple<std::string, std::string, std::string, std::string, int64_t>;
  std::map<Key, std::pair<int64_t, int64_t>> sent, got;
  std::set<std::string> hosts;
  const std::string log = Make(Scenario::kQuietWeek, 6,
                               "interface-id srcaddr dstaddr srcport dstport packets bytes "
                               "flow-direction action traffic-path log-status start end");
  const auto text = [](const Record& record, Field field) { return std::string(record.raw(field)); };
  ForEachRecord(log, format, [&](const Record& record) {
    if (text(record, Field::kLogStatus) != "OK" || text(record, Field::kAction) != "ACCEPT") return;
    const Key key{text(record, Field::kSrcaddr), text(record, Field::kDstaddr), text(record, Field::kSrcport),
                  text(record, Field::kDstport), *record.start()};
    const bool leaves = text(record, Field::kFlowDirection) == "egress";
    auto& sums = (leaves ? sent : got)[key];
    sums.first += *record.packets();
    sums.second += *record.bytes();
  });
  size_t both = 0;
  for (const auto& [key, sums] : sent) {
    const auto other = got.find(key);
    if (other == got.end()) continue;
    ++both;
    EXPECT_EQ(sums, other->second) << std::get<0>(key) << " -> " << std::get<1>(key);
  }
  EXPECT_GT(both, 50'000u);
}

TEST(Scenario, OnlyIncidentsHaveATruthAboutIncidents) {
  std::string truth;
  Make(Scenario::kQuietWeek, 1, "default", &truth);
  EXPECT_THAT(truth, testing::HasSubstr("\"incidents\": []"));
  Make(Scenario::kIncidents, 1, "default", &truth);
  for (const char* kind : {"port-scan", "host-sweep", "brute-force", "exfiltration", "beaconing", "traffic-spike",
                           "new-talker", "unusual-protocol", "exposed-admin-port", "denial-of-service",
                           "listed-address", "blocked-egress", "lateral-movement", "answered-probe", "dns-bypass",
                           "policy-violation", "long-connection", "logging-gap", "data-loss"}) {
    EXPECT_THAT(truth, testing::HasSubstr("{\"kind\": \"" + std::string(kind) + "\"")) << kind;
  }
}

TEST(Scenario, RefusesWhatIsNone) {
  EXPECT_FALSE(ScenarioOf("weekend").ok());
  EXPECT_EQ(Generator::Create({.hosts = 40, .scenario = Scenario::kPast}).status().message(),
            "hosts: 40 are too few for a scenario; it needs 41");
  EXPECT_TRUE(Generator::Create({.hosts = 41, .scenario = Scenario::kIncidents}).ok());
  EXPECT_FALSE(Generator::Create({.format = Format::TransitGateway(), .scenario = Scenario::kPast}).ok());
  EXPECT_FALSE(Generator::Create({.scenario = Scenario::kPast, .days = 367}).ok());
}

}  // namespace
}  // namespace flowlogs
