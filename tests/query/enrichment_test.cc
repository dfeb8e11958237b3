// Columns that stand behind addresses and ids (CONTRACT L14). The language and the run; tests/python/test_enrichment.py
// has the files, and random tables beside Python's ipaddress.
#include "flowlogs/query/enrichment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/query/query_testing.h"

#ifdef __SANITIZE_ADDRESS__
// Debian's libmaxminddb 1.7.1 forgets what it has read of a file's metadata when the rest of it is broken.
extern "C" const char* __lsan_default_suppressions() { return "leak:libmaxminddb\n"; }  // NOLINT(bugprone-reserved-identifier)
#endif

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)
using ::testing::ElementsAre;
using ::testing::HasSubstr;

fl::EnrichmentTable Networks() {
  fl::EnrichmentTable::Builder builder;
  EXPECT_TRUE(builder.AddPrefix("10.0.0.0/8", {{"team", "all"}, {"zone", "z"}}).ok());
  EXPECT_TRUE(builder.AddPrefix("10.1.0.0/16", {{"team", "core"}}).ok());
  EXPECT_TRUE(builder.AddPrefix("10.1.2.3", {{"team", "one"}}).ok());
  EXPECT_TRUE(builder.AddPrefix("2001:db8::/32", {{"team", "six"}}).ok());
  return builder.Build();
}

// Things of interfaces: eni-1 had another name before 1000.
fl::EnrichmentTable Interfaces() {
  fl::EnrichmentTable::Builder builder;
  builder.AddText("eni-1", builder.AddRow({{"name", "new"}, {"tag.cost-center", "7"}}), 1000);
  builder.AddText("eni-1", builder.AddRow({{"name", "old"}}), 500);
  builder.AddText("eni-2", builder.AddRow({{"name", "other"}}));
  return builder.Build({"interface-id", "tgw-src-eni"});
}

constexpr std::string_view kLog =
    "interface-id srcaddr dstaddr bytes start end\n"
    "eni-1 10.1.2.3 10.1.9.9 1 100 101\n"
    "eni-1 10.9.9.9 192.0.2.1 2 500 501\n"
    "eni-1 2001:db8::9 10.1.2.3 4 999 1001\n"
    "eni-2 - 10.1.2.3 8 1000 1001\n"
    "eni-1 2001:db9::9 10.2.0.0 16 1000 1001\n"
    "eni-3 10.1.2.4 10.1.2.3 32 - -\n"
    "eni-1 10.1.2.4 10.1.2.3 64 - -\n";

fl::Query Scan(int threads = 1, std::string_view log = kLog) {
  return ScanText(log, {.threads = threads, .enrich = {Networks(), Interfaces()}});
}

// CONTRACT L14
TEST(EnrichmentTest, TheLongestPrefixThatHoldsAnAddressCounts) {
  EXPECT_EQ(Values(Scan().Select({"srcaddr.team"})), "one all six - - core core");
  EXPECT_EQ(Values(Scan().Select({"dstaddr.team"})), "core - one one all one one");
  EXPECT_EQ(Values(Scan().Select({"srcaddr.zone"})), "- z - - - - -");  // the longest one alone
}

// CONTRACT L14
TEST(EnrichmentTest, AnEntryHoldsSinceItsTimeAndTheFirstOneBefore) {
  EXPECT_EQ(Values(Scan().Select({"interface-id.name"})), "old old old other new - new");
  EXPECT_EQ(Values(ScanText("interface-id\neni-1\n", {.enrich = {Interfaces()}}).Select({"interface_id.name"})), "new");
}

// CONTRACT L14
TEST(EnrichmentTest, TheColumnsAreTextForFiltersKeysAndAggregates) {
  EXPECT_EQ(Rows(Scan().GroupBy({"srcaddr.team"}).Aggregate({"sum(bytes)"})),
            "srcaddr_team=all sum_bytes=2; srcaddr_team=core sum_bytes=96; srcaddr_team=one sum_bytes=1; "
            "srcaddr_team=six sum_bytes=4; srcaddr_team=- sum_bytes=24");
  EXPECT_EQ(Values(Scan().Filter("srcaddr.team = 'core'").Select({"bytes"})), "32 64");
  EXPECT_EQ(Values(Scan().Filter("srcaddr.team in ('core', 'six')").Select({"bytes"})), "4 32 64");
  EXPECT_EQ(Values(Scan().Filter("srcaddr.team != 'core'").Select({"bytes"})), "1 2 4");  // null is unknown
  EXPECT_EQ(Values(Scan().Filter("srcaddr.team is null").Select({"bytes"})), "8 16");
  EXPECT_EQ(Values(Scan().Filter("srcaddr.team like '%o%' and not dstaddr.team ~ '^o'").Select({"bytes"})), "1");
  EXPECT_EQ(
      Rows(Scan().Aggregate({"distinct(srcaddr.team)", {"n", "count(srcaddr.team)"}, {"m", "max(srcaddr.team)"}})),
      "distinct_srcaddr_team=4 n=5 m=six");
  EXPECT_EQ(Rows(Scan().GroupBy({{"t", "srcaddr.team"}}).Having("t = 'core'")), "t=core count=2");
  EXPECT_EQ(Values(Scan().Filter("interface-id.tag.cost-center = 7").Select({"bytes"})), "16 64");
  EXPECT_EQ(Values(Scan().Filter("interface_id.tag.cost_center = '7'").Select({"bytes"})), "16 64");
}

// CONTRACT L3, L14
TEST(EnrichmentTest, SynonymsAndDerivedAddressesHaveThemToo) {
  EXPECT_EQ(Values(Scan().Filter("addr.team = 'one'").Select({"bytes"})), "1 4 8 32 64");
  EXPECT_EQ(Values(Scan().Filter("eni.name = 'other'").Select({"bytes"})), "8");
  EXPECT_EQ(FirstLine(Values(Scan().GroupBy({"src.team"}))),
            "error: 'src.team' is for filters only: choose srcaddr.team or pkt-srcaddr.team");
  constexpr std::string_view kDirected =
      "srcaddr dstaddr srcport dstport protocol flow-direction start\n"
      "10.1.2.3 2001:db8::1 50000 443 6 egress 1\n"
      "2001:db8::1 10.1.2.3 443 50000 6 ingress 1\n";
  EXPECT_EQ(Values(Scan(1, kDirected).Select({"peer.team"})), "six six");
  EXPECT_EQ(Values(Scan(1, kDirected).Select({"own.team"})), "one one");
  EXPECT_EQ(Values(Scan(1, kDirected).Select({"client.team"})), "one one");
  EXPECT_EQ(Values(Scan(1, kDirected).Select({"server.team"})), "six six");
}

// CONTRACT L14, P4: when the expression is given.
TEST(EnrichmentTest, ANameThatNoTableHasIsAnErrorThatTellsWhatThereIs) {
  auto error = [](const fl::Query& query) { return FirstLine(Message(query.status())); };
  EXPECT_EQ(error(ScanText(kLog).Filter("srcaddr.team = 'a'")),
            "error: 'srcaddr.team' is a column of a table, and none was given: enrich=[FILE], --enrich FILE");
  EXPECT_EQ(error(Scan().GroupBy({"srcaddr.tea"})),
            "error: no table has 'tea' for srcaddr; did you mean srcaddr.team?");
  EXPECT_EQ(error(Scan().Select({"srcaddr.colour"})), "error: no table has 'colour' for srcaddr; there are team, zone");
  EXPECT_EQ(error(Scan().Select({"vpc-id.name"})), "error: no table that was given says anything of vpc-id");
  EXPECT_EQ(error(ScanText(kLog, {.enrich = {Networks(), Networks()}}).Select({"srcaddr.team"})),
            "error: two tables have 'team' for srcaddr; give one of them a name: NAME=FILE");
  const fl::Query query = Scan().Filter("bytes > 1 and srcaddr.tea = 'x'");
  EXPECT_EQ(fl::ExpressionColumn(query.status()), 15u);
  EXPECT_EQ(FirstLine(Values(Scan().Select({"bytes.team"}))),
            "error: no table says anything of bytes, only of addresses and of fields with text such as interface-id");
  EXPECT_EQ(FirstLine(Values(Scan().Select({"pkt-srcaddr.team"}))), "error: no input has pkt-srcaddr");
  EXPECT_EQ(FirstLine(Values(Scan().Select({"quantile(srcaddr.team, 0.5)"}))).substr(0, 6), "error:");
}

TEST(EnrichmentTest, AnswersDoNotDependOnThreadsAndBlocks) {
  std::string log = "interface-id srcaddr dstaddr bytes start\n";
  std::mt19937 random(7);
  std::map<std::string, uint64_t> sums;
  const fl::EnrichmentTable networks = Networks();
  for (int i = 0; i < 20000; ++i) {
    const uint32_t bits = 0x0a000000 | (random() & 0x00030303);
    const fl::IpAddress source = random() % 5 == 0
                                     ? fl::IpAddress::V6(0x20010db800000000 + (uint64_t{random() % 3} << 32), i)
                                     : fl::IpAddress::V4(bits);
    log += "eni-" + std::to_string(random() % 4) + " " + source.ToString() + " 10.1.2.3 " + std::to_string(i) + " " +
           std::to_string(random() % 2000) + "\n";
    const std::string_view team = networks.Find(source, "team");
    sums[team.data() == nullptr ? "~" : std::string(team)] += static_cast<uint64_t>(i);
  }
  std::string expected;
  for (const auto& [team, sum] : sums) {
    expected += (expected.empty() ? "k=" : "; k=") + (team == "~" ? "-" : team) + " b=" + std::to_string(sum);
  }
  std::string by_name;
  for (int threads : {1, 7}) {
    for (size_t block : {size_t{300}, size_t{128} << 10}) {
      const fl::Query scan =
          ScanText(log, {.threads = threads, .enrich = {Networks(), Interfaces()}, .block_bytes = block});
      EXPECT_EQ(Rows(scan.GroupBy({{"k", "srcaddr.team"}}).Aggregate({{"b", "sum(bytes)"}})), expected);
      const std::string named = Rows(scan.GroupBy({"interface-id.name", "dstaddr.team"}).Aggregate({"sum(bytes)"}));
      if (by_name.empty()) by_name = named;
      EXPECT_EQ(named, by_name);
    }
  }
}

TEST(EnrichmentTest, ARunThatIsFedHasThem) {
  absl::StatusOr<fl::Run> run = Scan().GroupBy({"srcaddr.team"}).Start();
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->Feed(kLog).ok());
  EXPECT_THAT(Rows(run->Finish()), HasSubstr("srcaddr_team=core count=2"));
}

// ---- Tables ---------------------------------------------------------------------------------------------------------

TEST(EnrichmentTableTest, FlattenedPrefixesGiveWhatALoopOverThemGives) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    fl::EnrichmentTable::Builder builder;
    std::vector<std::pair<fl::IpPrefix, std::string>> prefixes;
    const int count = static_cast<int>(random() % 30);
    for (int i = 0; i < count; ++i) {
      // Few bits differ, so that prefixes are in one another, and the ends of all addresses occur.
      const bool is_v4 = random() % 2 == 0;
      const uint64_t few = random() % 4 == 0 ? ~uint64_t{0} : random() & 0x8000000300000003;
      const fl::IpAddress address = is_v4 ? fl::IpAddress::V4(static_cast<uint32_t>(few ^ (few >> 32)))
                                          : fl::IpAddress::V6(few, random() % 3 == 0 ? ~uint64_t{0} : random() & 3);
      const fl::IpPrefix prefix(address, static_cast<int>(random() % (is_v4 ? 33 : 129)));
      if (!is_v4 && prefix.first().is_v4()) continue;
      builder.AddPrefix(prefix, builder.AddRow({{"n", std::to_string(i)}}));
      prefixes.emplace_back(prefix, std::to_string(i));
    }
    const fl::EnrichmentTable table = builder.Build();
    auto plain = [&](fl::IpAddress address) {
      const std::pair<fl::IpPrefix, std::string>* best = nullptr;
      for (const auto& entry : prefixes) {
        if (entry.first.first().is_v4() != address.is_v4() || !entry.first.Contains(address)) continue;
        if (best == nullptr || entry.first.length() >= best->first.length()) best = &entry;
      }
      return best == nullptr ? std::string_view() : std::string_view(best->second);
    };
    auto check = [&](fl::IpAddress address) {
      EXPECT_EQ(table.Find(address, "n"), plain(address)) << address.ToString();
    };
    for (const auto& [prefix, name] : prefixes) {
      for (fl::IpAddress address : {prefix.first(), prefix.last()}) {
        check(address);
        if (address.is_v4()) {
          check(fl::IpAddress::V4(address.v4_bits() + 1));
          check(fl::IpAddress::V4(address.v4_bits() - 1));
        } else {
          check(fl::IpAddress::V6(address.high(), address.low() + 1));
          check(fl::IpAddress::V6(address.high(), address.low() - 1));
        }
      }
    }
    check(fl::IpAddress());
    check(fl::IpAddress::V4(0));
    check(fl::IpAddress::V4(~uint32_t{0}));
    check(fl::IpAddress::V6(~uint64_t{0}, ~uint64_t{0}));
  }
}

TEST(EnrichmentTableTest, OfTwoEntriesForOnePrefixAndTimeTheLaterOneCounts) {
  fl::EnrichmentTable::Builder builder;
  ASSERT_TRUE(builder.AddPrefix("10.0.0.0/8", {{"a", "1"}}).ok());
  ASSERT_TRUE(builder.AddPrefix("10.0.0.0/8", {{"a", "2"}}).ok());
  ASSERT_TRUE(builder.AddPrefix("10.0.0.0/8", {{"a", "3"}}, 100).ok());
  ASSERT_TRUE(builder.AddPrefix("10.0.0.0/8", {{"a", ""}}, 200).ok());
  const fl::EnrichmentTable table = builder.Build();
  EXPECT_EQ(table.size(), 3u);
  const fl::IpAddress address = fl::IpAddress::V4(0x0a000001);
  EXPECT_EQ(table.Find(address, "a", -5), "2");
  EXPECT_EQ(table.Find(address, "a", 99), "2");
  EXPECT_EQ(table.Find(address, "a", 100), "3");
  EXPECT_EQ(table.Find(address, "a", 200).data(), nullptr);
  EXPECT_EQ(table.Find(address, "a").data(), nullptr);
  EXPECT_EQ(table.Find(address, "b").data(), nullptr);
}

TEST(EnrichmentTableTest, WhatIsNoPrefixIsAnErrorWithTheCorrectedOne) {
  fl::EnrichmentTable::Builder builder;
  auto error = [&](std::string_view prefix) { return std::string(builder.AddPrefix(prefix, {{"a", "1"}}).message()); };
  EXPECT_EQ(error("10.0.0.1/8"),
            "'10.0.0.1/8' is no address and no prefix: it has bits behind its length; did you mean 10.0.0.0/8?");
  EXPECT_EQ(error("10.0.0.0/33"), "'10.0.0.0/33' is no address and no prefix");
  EXPECT_EQ(error(""), "'' is no address and no prefix");
  EXPECT_EQ(error("10.1.2.3"), "");
}

TEST(EnrichmentTableTest, NamesOfColumnsAreWordsOfTheLanguage) {
  fl::EnrichmentTable::Builder builder;
  ASSERT_TRUE(builder.AddPrefix("::/0", {{"tag.aws:auto scaling/group", "x"}, {"b", "y"}}).ok());
  const fl::EnrichmentTable table = builder.Build();
  EXPECT_THAT(table.columns(), ElementsAre("b", "tag.aws_auto_scaling_group"));
  EXPECT_EQ(table.Find(fl::IpAddress::V6(1, 1), "tag.aws_auto_scaling_group"), "x");
}

// ---- .mmdb ----------------------------------------------------------------------------------------------------------

std::string DataPath(std::string_view name) {
  return std::string(FLOWLOGS_TEST_DATA) + "/query/mmdb/" + std::string(name);
}

TEST(EnrichmentMmdbTest, ShapesOfMaxMindHaveNamesOfTheirOwnAndOthersTheirLastKeys) {
  const absl::StatusOr<fl::EnrichmentTable> asn = fl::EnrichmentTable::ReadMmdb(DataPath("asn.mmdb"));
  if (absl::IsUnimplemented(asn.status())) GTEST_SKIP() << asn.status();
  ASSERT_TRUE(asn.ok()) << asn.status();
  auto find = [](const fl::EnrichmentTable& table, std::string_view address, std::string_view column) {
    return std::string(table.Find(*fl::IpAddress::Parse(address), column));
  };
  EXPECT_THAT(asn->columns(), ElementsAre("as_name", "asn"));
  EXPECT_EQ(find(*asn, "198.51.100.255", "asn"), "64496");
  EXPECT_EQ(find(*asn, "198.51.101.0", "asn"), "");
  EXPECT_EQ(find(*asn, "203.0.113.128", "as_name"), "Élan");
  EXPECT_EQ(find(*asn, "203.0.113.127", "as_name"), "");
  EXPECT_EQ(find(*asn, "2001:db8:ffff::", "asn"), "4200000000");
  EXPECT_EQ(find(*asn, "::c633:6401", "asn"), "");  // ::198.51.100.1 is no IPv4 address

  const absl::StatusOr<fl::EnrichmentTable> city = fl::EnrichmentTable::ReadMmdb(DataPath("city.mmdb"), "geo");
  ASSERT_TRUE(city.ok()) << city.status();
  EXPECT_THAT(city->columns(), ElementsAre("geo.city", "geo.continent", "geo.country", "geo.latitude", "geo.longitude",
                                           "geo.postal", "geo.subdivision", "geo.time_zone"));
  EXPECT_EQ(find(*city, "198.51.100.1", "geo.country") + find(*city, "198.51.100.1", "geo.subdivision"), "DEBY");
  EXPECT_EQ(find(*city, "198.51.100.1", "geo.city"), "Munich");
  EXPECT_EQ(find(*city, "198.51.100.1", "geo.latitude"), "48.1374");
  EXPECT_EQ(find(*city, "2001:db8:1::", "geo.country"), "US");

  const absl::StatusOr<fl::EnrichmentTable> flat = fl::EnrichmentTable::ReadMmdb(DataPath("flat.mmdb"));
  ASSERT_TRUE(flat.ok()) << flat.status();
  EXPECT_THAT(flat->columns(), ElementsAre("asn", "b.name", "country", "hosting", "name"));
  EXPECT_EQ(find(*flat, "192.0.2.9", "hosting") + find(*flat, "192.0.2.9", "b.name"), "truey");
}

TEST(EnrichmentMmdbTest, DamageIsAnErrorNeverACrash) {
  EXPECT_THAT(std::string(fl::EnrichmentTable::ReadMmdb("/nowhere.mmdb").status().message()),
              HasSubstr("/nowhere.mmdb"));
  std::ifstream file(DataPath("city.mmdb"), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  ASSERT_GT(whole.size(), 100u);
  // A name of its own: the same test runs with other kernels at the same time, and a file is mapped while it is read.
  const std::string path = ::testing::TempDir() + "/flowlogs-damaged-" + std::to_string(getpid()) + ".mmdb";
  for (size_t at = 0; at < whole.size(); at += 3) {
    for (char wrong : {'\0', '\xff', static_cast<char>(whole[at] ^ 1)}) {
      std::string damaged = whole;
      damaged[at] = wrong;
      std::ofstream(path, std::ios::binary).write(damaged.data(), static_cast<std::streamsize>(damaged.size()));
      const absl::StatusOr<fl::EnrichmentTable> table = fl::EnrichmentTable::ReadMmdb(path);
      if (!table.ok()) EXPECT_THAT(std::string(table.status().message()), HasSubstr(path));
    }
  }
}

}  // namespace
