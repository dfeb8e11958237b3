// Sets that are given with the query, and `internal` (CONTRACT L4, L5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/query/address_sets.h"
#include "lib/query/expression.h"
#include "tests/query/expression_dump.h"

namespace flowlogs {
namespace {

using namespace testing_language;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;

using Sets = std::map<std::string, std::vector<std::string>>;

class SetTest : public ::testing::Test {
 protected:
  std::string With(const Sets& sets, std::string_view text) { return Dump(text, {.sets = &sets, .internal = {}}); }
  std::string ErrorWith(const Sets& sets, std::string_view text) {
    return Error(text, {.sets = &sets, .internal = {}});
  }
  size_t ColumnWith(const Sets& sets, std::string_view text) {
    return ErrorColumn(text, {.sets = &sets, .internal = {}});
  }
};

// CONTRACT L5
TEST_F(SetTest, EachValueIsReadAsTheTypeOfTheColumn) {
  const Sets sets = {{"bad", {"10.0.0.1", "192.168.0.0/16", "2001:db8::/127", "multicast"}},
                     {"ports", {"443", "22", "1.5k", " 80 "}},
                     {"protocols", {"tcp", "17", "ICMP"}},
                     {"enis", {"eni-1", "eni-2", "it's", "", "00123"}},
                     {"actions", {"accept", "Reject"}},
                     {"times", {"2023-11-14", "-1h", "1700000000"}},
                     {"empty", {}}};
  EXPECT_EQ(With(sets, "srcaddr in @bad"),
            "srcaddr{10.0.0.1,192.168.0.0..192.168.255.255,224.0.0.0..239.255.255.255,2001:db8::..2001:db8::1,"
            "ff00::..ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff}");
  EXPECT_EQ(With(sets, "srcaddr not in @bad"), "!" + With(sets, "srcaddr in @bad"));
  EXPECT_EQ(With(sets, "not srcaddr in (@bad)"), "!" + With(sets, "srcaddr in @bad"));
  EXPECT_EQ(With(sets, "dstport in @ports"), "dstport{22,80,443,1500}");
  EXPECT_EQ(With(sets, "port in @ports"), "srcport|dstport*{22,80,443,1500}");
  EXPECT_EQ(With(sets, "protocol in @protocols"), "protocol{1,6,17}");
  EXPECT_EQ(With(sets, "interface-id in @enis"), "interface_id{'','00123','eni-1','eni-2','it's'}");
  EXPECT_EQ(With(sets, "action in @actions"), "action{'ACCEPT','REJECT'}");
  EXPECT_EQ(With(sets, "start in @times"), "start{1699920000,1699996400,1700000000}");
  EXPECT_EQ(With(sets, "duration in @ports"),
            "error: in the set @ports: the unit 'k' cannot stand beside a duration, "
            "whose units are s m h d\nduration in @ports\n            ^");
  EXPECT_EQ(With(sets, "srcaddr in @empty"), "srcaddr{}");
  EXPECT_EQ(With(sets, "srcaddr not in @empty"), "!srcaddr{}");
  EXPECT_EQ(With(sets, "vpc-id in @empty"), "vpc_id{}");
}

// CONTRACT L5
TEST_F(SetTest, SetsMixWithOtherItems) {
  const Sets sets = {{"bad", {"10.0.0.1"}}, {"worse", {"10.0.0.2"}}, {"ports", {"443"}}};
  EXPECT_EQ(With(sets, "srcaddr in (@bad, 10.0.0.2/31,@worse)"), "srcaddr{10.0.0.1..10.0.0.3}");
  EXPECT_EQ(With(sets, "srcaddr in(@bad)"), "srcaddr{10.0.0.1}");
  EXPECT_EQ(With(sets, "dstport in (22, @ports)"), "dstport{22,443}");
  EXPECT_EQ(With(sets, "dstport in @ports and srcaddr in @bad"), "and(dstport{443} srcaddr{10.0.0.1})");
}

TEST_F(SetTest, PathsAreNamesToo) {
  const Sets sets = {{"./bad/list-1.txt", {"1"}}, {"~/x_y", {"2"}}, {"/etc/a.b", {"3"}}, {"..", {"4"}}, {"7", {"5"}}};
  EXPECT_EQ(With(sets, "dstport in @./bad/list-1.txt"), "dstport{1}");
  EXPECT_EQ(With(sets, "dstport in (@~/x_y,@/etc/a.b)"), "dstport{2..3}");
  EXPECT_EQ(With(sets, "dstport in @.. or dstport in @7"), "or(dstport{4} dstport{5})");
}

// CONTRACT L5
TEST_F(SetTest, ABadValueIsAnErrorThatNamesSetAndValue) {
  const Sets sets = {{"bad", {"10.0.0.1", "10.1.2.3/8"}},
                     {"words", {"tpc"}},
                     {"mixed", {"443", "https", "-1"}},
                     {"blank", {""}},
                     {"ports", {"443"}},
                     {"nets", {"10.0.0.0/8"}},
                     {"time", {"2023-02-30"}}};
  EXPECT_EQ(ErrorWith(sets, "srcaddr in @bad"),
            "in the set @bad: '10.1.2.3/8' has host bits set: did you mean 10.0.0.0/8?");
  EXPECT_EQ(ColumnWith(sets, "dstport = 1 and srcaddr in (10.0.0.1, @bad)"), 39u);
  EXPECT_THAT(ErrorWith(sets, "protocol in @words"), HasSubstr("in the set @words: 'tpc' is no word of protocol"));
  EXPECT_THAT(ErrorWith(sets, "dstport in @mixed"), HasSubstr("in the set @mixed: 'https' is no number"));
  EXPECT_THAT(ErrorWith(sets, "srcaddr in @ports"), HasSubstr("in the set @ports: '443' is no address"));
  EXPECT_THAT(ErrorWith(sets, "dstport in @nets"), HasSubstr("in the set @nets: '10.0.0.0/8' is no number"));
  EXPECT_THAT(ErrorWith(sets, "srcaddr in @blank"), HasSubstr("in the set @blank: '' is no address"));
  EXPECT_THAT(ErrorWith(sets, "dstport in @blank"), HasSubstr("in the set @blank: '' is no number"));
  EXPECT_THAT(ErrorWith(sets, "start in @time"), HasSubstr("in the set @time: '2023-02-30' has no such day"));
  // An error behind a good set stands at its own place.
  EXPECT_EQ(ErrorWith(sets, "dstport in (@ports, x)"), "'x' is no number, and dstport has numbers");
  EXPECT_EQ(ColumnWith(sets, "dstport in (@ports, x)"), 21u);
}

// CONTRACT L5
TEST_F(SetTest, AnUnknownSetIsAnErrorWithTheKnownNames) {
  EXPECT_EQ(ErrorWith({}, "srcaddr in @bad"), "there is no set @bad: no sets were given with the query");
  EXPECT_EQ(Error("srcaddr in @bad"), "there is no set @bad: no sets were given with the query");
  EXPECT_EQ(ErrorWith({{"abc", {}}, {"xyz", {}}}, "srcaddr in @bad"), "there is no set @bad; there are @abc, @xyz");
  EXPECT_EQ(ErrorWith({{"scanners", {}}, {"xyz", {}}}, "srcaddr in @scaners"),
            "there is no set @scaners: did you mean @scanners?");
  EXPECT_EQ(ColumnWith({}, "srcaddr in (10.0.0.1, @bad)"), 23u);
  EXPECT_THAT(ErrorWith({{"a", {}}}, "srcaddr in @"), HasSubstr("a set has a name"));
  EXPECT_EQ(ErrorWith({{"a", {}}}, "srcaddr = @a"), "'@a' is a set: write srcaddr in @a");
  EXPECT_THAT(ErrorWith({{"a", {}}}, "srcaddr between @a and 10.0.0.1"), HasSubstr("a set stands after 'in'"));
  EXPECT_THAT(ErrorWith({{"a", {}}}, "@a = 1"), HasSubstr("a set stands after 'in'"));
  EXPECT_THAT(ErrorWith({{"a", {}}}, "srcaddr in -@a"), HasSubstr("expected a number after '-'"));
}

// CONTRACT L4
TEST_F(SetTest, InternalIsWhatTheContextSaysOrLeftToTheRun) {
  EXPECT_EQ(Dump("srcaddr in internal"), "srcaddr{internal}");
  EXPECT_EQ(Dump("addr not in Internal"), "!srcaddr|dstaddr|pkt_srcaddr|pkt_dstaddr*{internal}");
  EXPECT_EQ(Dump("srcaddr in (10.0.0.1, 'internal', 10.0.0.0)"), "srcaddr{10.0.0.0..10.0.0.1,internal}");
  EXPECT_THAT(Error("srcaddr = internal"), HasSubstr("'internal' is a set of addresses: write srcaddr in internal"));
  EXPECT_THAT(Error("srcaddr in intenal"), HasSubstr("did you mean internal?"));

  language::AddressSetBuilder own;
  EXPECT_EQ(own.AddPrefix("10.0.0.0/8"), "");
  EXPECT_EQ(own.AddPrefix("fc00::/16"), "");
  const Sets sets = {{"home", {"internal", "192.168.0.1"}}};
  const LanguageContext context = {.sets = &sets, .internal = own.Build()};
  EXPECT_EQ(Dump("srcaddr in internal", context), Dump("srcaddr in (10.0.0.0/8, fc00::/16)"));
  EXPECT_EQ(Dump("srcaddr not in (9.255.255.255, internal)", context),
            "!" + Dump("srcaddr in (9.255.255.255, 10.0.0.0/8, fc00::/16)"));
  EXPECT_EQ(Dump("srcaddr in @home", context), Dump("srcaddr in (192.168.0.1, 10.0.0.0/8, fc00::/16)"));
  EXPECT_EQ(Dump("srcaddr in @home", {.sets = &sets, .internal = {}}), "srcaddr{192.168.0.1,internal}");
}

// A set is the list of its values.
TEST_F(SetTest, RandomSetsMeanTheListsOfTheirValues) {
  std::mt19937 random(3);
  auto number = [&random](size_t below) { return std::to_string(random() % below); };
  for (int i = 0; i < 3000; ++i) {
    const bool addresses = random() % 2 == 0;
    Sets sets = {{"s", {}}, {"t", {}}};
    std::string list;
    for (size_t n = 1 + random() % 20; n > 0; --n) {
      std::string value;
      if (!addresses) {
        value = number(30) + (random() % 4 == 0 ? "k" : "");
      } else {
        switch (random() % 4) {
          case 0:
            value = "10." + number(4) + ".0.0/16";
            break;
          case 1:
            value = random() % 8 == 0 ? "private" : "fc00::" + number(9);
            break;
          case 2:
            value = random() % 8 == 0 ? "internal" : "::" + number(9);
            break;
          default:
            value = "10.0.0." + number(256);
            break;
        }
      }
      sets[random() % 2 == 0 ? "s" : "t"].push_back(value);
      list += (list.empty() ? "" : ", ") + value;
    }
    const std::string field = addresses ? "srcaddr" : "bytes";
    ASSERT_EQ(With(sets, field + " in (@s, @t)"), Dump(field + " in (" + list + ")")) << list;
  }
}

}  // namespace
}  // namespace flowlogs
