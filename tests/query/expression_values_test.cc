// Filters: numbers, times, durations and addresses (CONTRACT L4, L6).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/query/expression.h"
#include "tests/query/expression_dump.h"

namespace flowlogs {
namespace {

using namespace testing_language;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;

// ---- Numbers, times, durations --------------------------------------------------------------------------------------

TEST(FilterTest, IntegersAreClosedIntervals) {
  EXPECT_EQ(Dump("dstport < 0"), "dstport{}");
  EXPECT_EQ(Dump("dstport <= 0"), "dstport{0}");
  EXPECT_EQ(Dump("dstport = -1"), "dstport{}");
  EXPECT_EQ(Dump("dstport > -1"), "dstport{0..max}");
  EXPECT_EQ(Dump("dstport >= - 5"), "dstport{0..max}");
  EXPECT_EQ(Dump("dstport < -5"), "dstport{}");
  EXPECT_EQ(Dump("bytes > 9223372036854775807"), "bytes{}");
  EXPECT_EQ(Dump("bytes >= 9223372036854775807"), "bytes{max}");
  EXPECT_EQ(Dump("bytes < 9223372036854775807"), "bytes{0..9223372036854775806}");
  EXPECT_EQ(Dump("dstport in (5, 1, 3, 2, 5)"), "dstport{1..3,5}");
  EXPECT_EQ(Dump("bytes in (9223372036854775807, 9223372036854775806, 0)"), "bytes{0,9223372036854775806..max}");
  EXPECT_EQ(Dump("dstport between 5 and 4"), "dstport{}");
  EXPECT_EQ(Dump("dstport between -5 and 4"), "dstport{0..4}");
  EXPECT_EQ(Dump("dstport = 000443"), "dstport{443}");
  EXPECT_THAT(Error("bytes > 9223372036854775808"), HasSubstr("too large"));
  EXPECT_THAT(Error("bytes > 99999999999999999999999999999999999999999999999"), HasSubstr("too large"));
}

// CONTRACT L6
TEST(FilterTest, UnitsOfIntegersArePowersOf1000And1024) {
  EXPECT_EQ(Dump("bytes = 1k"), "bytes{1000}");
  EXPECT_EQ(Dump("bytes = 2M"), "bytes{2000000}");
  EXPECT_EQ(Dump("bytes = 3G"), "bytes{3000000000}");
  EXPECT_EQ(Dump("bytes = 4T"), "bytes{4000000000000}");
  EXPECT_EQ(Dump("bytes = 1Ki"), "bytes{1024}");
  EXPECT_EQ(Dump("bytes = 1.5Mi"), "bytes{1572864}");
  EXPECT_EQ(Dump("bytes = 1Gi"), "bytes{1073741824}");
  EXPECT_EQ(Dump("bytes = 1Ti"), "bytes{1099511627776}");
  EXPECT_EQ(Dump("packets > 1.5k"), "packets{1501..max}");
  EXPECT_EQ(Dump("bytes = 1.0010000k"), "bytes{1001}");
  EXPECT_EQ(Dump("bytes = 0.001k"), "bytes{1}");
  EXPECT_EQ(Dump("bytes = 1.25Ki"), "bytes{1280}");
  EXPECT_THAT(Error("bytes = 1.0005k"), HasSubstr("is no whole number"));
  EXPECT_THAT(Error("bytes = 1.1Ki"), HasSubstr("is no whole number"));
  EXPECT_THAT(Error("bytes = 0.0000000000000000000000000001T"), HasSubstr("too many digits"));
  EXPECT_THAT(Error("bytes = 9223373T"), HasSubstr("too large"));
  EXPECT_EQ(Dump("bytes = 9223372T"), "bytes{9223372000000000000}");
  EXPECT_THAT(Error("bytes = 1.5"), HasSubstr("has a fraction"));
  EXPECT_THAT(Error("bytes = 1.0"), HasSubstr("has a fraction"));
}

// CONTRACT L6
TEST(FilterTest, TheWrongKindOfUnitIsAnErrorThatNamesTheRightOnes) {
  EXPECT_EQ(Error("bytes > 5m"),
            "the unit 'm' cannot stand beside bytes, whose units are k M G T (powers of 1000) or Ki Mi Gi Ti (of "
            "1024)");
  EXPECT_EQ(ErrorColumn("bytes > 5m"), 10u);
  EXPECT_EQ(Error("bytes > 5K"), "unknown unit 'K': did you mean k?");
  EXPECT_EQ(Error("bytes > 5ki"), "unknown unit 'ki': did you mean Ki?");
  EXPECT_THAT(Error("bytes > 5KB"), HasSubstr("unknown unit 'KB': the units of bytes are k M G T"));
  EXPECT_EQ(Error("start > -5k"), "the unit 'k' cannot stand beside the time start, whose units are s m h d");
  EXPECT_EQ(Error("duration > 5M"), "the unit 'M' cannot stand beside a duration, whose units are s m h d");
  EXPECT_EQ(Error("duration > 5H"), "unknown unit 'H': did you mean h?");
  EXPECT_THAT(Error("dstport = 443-445"), HasSubstr("write dstport between 443 and 445"));
  EXPECT_THAT(Error("dstport = 10.0.0.1"), HasSubstr("dstport has numbers"));
  EXPECT_THAT(Error("dstport = 1e3"), HasSubstr("dstport has numbers"));
  EXPECT_THAT(Error("dstport in (10.0.0.0/8)"), HasSubstr("a prefix is a set of addresses"));
  EXPECT_THAT(Error("dstport in private"), HasSubstr("'private' is no number"));
}

// CONTRACT L6
TEST(FilterTest, TimesAreSecondsOrBeforeNow) {
  EXPECT_EQ(Dump("start = 1700000000"), "start{1700000000}");
  EXPECT_EQ(Dump("start = 1700000000000"), "start{1700000000000}");  // an expression has no milliseconds
  EXPECT_EQ(Dump("start >= -1h"), "start{1699996400..max}");
  EXPECT_EQ(Dump("end < -90s"), "end{0..1699999909}");
  EXPECT_EQ(Dump("end between -2d and -1.5d"), "end{1699827200..1699870400}");
  EXPECT_EQ(Dump("end <= -0s"), "end{0..1700000000}");
  EXPECT_EQ(Dump("start >= -9223372036854775807s"), "start{0..max}");
  EXPECT_EQ(Error("start > 1h"), "'1h' is a duration, and start is a time: did you mean -1h, before now?");
  EXPECT_THAT(Error("start > -1.00001h"), HasSubstr("no whole number"));
  EXPECT_THAT(Error("start > now"), HasSubstr("'now' is no time"));
  EXPECT_THAT(Error("start > 10.0.0.1"), HasSubstr("is no time"));
}

// CONTRACT L6
TEST(FilterTest, TimesAreIso8601InQuotes) {
  EXPECT_EQ(Dump("start = '1970-01-01'"), "start{0}");
  EXPECT_EQ(Dump("start = '2023-11-14'"), "start{1699920000}");
  EXPECT_EQ(Dump("start = '2023-11-14T22:13'"), "start{1699999980}");
  EXPECT_EQ(Dump("start = '2023-11-14T22:13:20'"), "start{1700000000}");
  EXPECT_EQ(Dump("start = '2023-11-14T22:13:20Z'"), "start{1700000000}");
  EXPECT_EQ(Dump("start = '2023-11-14 22:13:20'"), "start{1700000000}");
  EXPECT_EQ(Dump("start = '2023-11-15T00:13:20+02:00'"), "start{1700000000}");
  EXPECT_EQ(Dump("start = '2023-11-14 17:13:20-05'"), "start{1700000000}");
  EXPECT_EQ(Dump("start = '2023-11-15T03:43:20+0530'"), "start{1700000000}");
  EXPECT_EQ(Dump("start = '2024-02-29'"), "start{1709164800}");
  EXPECT_EQ(Dump("start = '2000-02-29'"), "start{951782400}");
  EXPECT_EQ(Dump("start = '2038-01-19T03:14:08Z'"), "start{2147483648}");
  EXPECT_EQ(Dump("start = '9999-12-31T23:59:59Z'"), "start{253402300799}");
  EXPECT_EQ(Dump("start >= '0000-01-01'"), "start{0..max}");
  EXPECT_EQ(Dump("start < '1969-12-31'"), "start{}");
  EXPECT_EQ(Dump("start in ('2023-11-14', 5)"), "start{5,1699920000}");
}

TEST(FilterTest, AFractionOfASecondLiesBetweenTwoSeconds) {
  EXPECT_EQ(Dump("start < '1970-01-01T00:00:05.5'"), "start{0..5}");
  EXPECT_EQ(Dump("start <= '1970-01-01T00:00:05.5'"), "start{0..5}");
  EXPECT_EQ(Dump("start > '1970-01-01T00:00:05.5'"), "start{6..max}");
  EXPECT_EQ(Dump("start >= '1970-01-01T00:00:05.5'"), "start{6..max}");
  EXPECT_EQ(Dump("start = '1970-01-01T00:00:05.5'"), "start{}");
  EXPECT_EQ(Dump("start in ('1970-01-01T00:00:05.5', 9)"), "start{9}");
  EXPECT_EQ(Dump("start between '1970-01-01T00:00:05.5' and '1970-01-01T00:00:08.5'"), "start{6..8}");
  EXPECT_EQ(Dump("start < '1970-01-01T00:00:05.000'"), "start{0..4}");
  EXPECT_EQ(Dump("start < '1969-12-31T23:59:59.5'"), "start{}");
  EXPECT_EQ(Dump("start > '1969-12-31T23:59:59.5'"), "start{0..max}");
}

TEST(FilterTest, WhatIsNoTimeIsAnError) {
  for (std::string_view time : {"2023-02-29",
                                "2024-02-30",
                                "1900-02-29",
                                "2023-13-01",
                                "2023-00-01",
                                "2023-01-00",
                                "2023-04-31",
                                "2023-1-1",
                                "2023-11-14T24:00",
                                "2023-11-14T22:60",
                                "2016-12-31T23:59:60Z",
                                "2023-11-14T22:13:61",
                                "2023-11-14T",
                                "2023-11-14T22",
                                "2023-11-14T22:13:",
                                "2023-11-14T22:13:20.",
                                "2023-11-14T22:13:20ZZ",
                                "2023-11-14Z",
                                "2023-11-14T22:13+",
                                "2023-11-14T22:13+2",
                                "2023-11-14T22:13+02:",
                                "2023-11-14T22:13+02:0",
                                "2023-11-14T22:13+24:00",
                                "2023-11-14T22:13+02:60",
                                "2023-11-14  22:13",
                                " 2023-11-14",
                                "2023-11-14 ",
                                "",
                                "now",
                                "20231114",
                                "1700000000",
                                "-1h"}) {
    const std::string text = "start > '" + std::string(time) + "'";
    EXPECT_FALSE(Parse(text).ok()) << text;
    EXPECT_EQ(ErrorColumn(text), 9u) << text;
  }
  EXPECT_THAT(Error("start > '2023-02-29'"), HasSubstr("has no such day"));
  EXPECT_THAT(Error("start > '2016-12-31T23:59:60Z'"), HasSubstr("leap second"));
  EXPECT_EQ(Error("start > 2023-11-14"), "a time goes in quotes: '2023-11-14'");
  EXPECT_EQ(Error("start > 2023-11-14T22:13"), "a time goes in quotes: '2023-11-14T22:13'");
}

// CONTRACT L6, D1
TEST(FilterTest, DurationsAreSecondsOrHaveAUnit) {
  EXPECT_EQ(Dump("duration > 90"), "duration{91..max}");
  EXPECT_EQ(Dump("duration > 90s"), "duration{91..max}");
  EXPECT_EQ(Dump("duration = 1.5m"), "duration{90}");
  EXPECT_EQ(Dump("duration <= 1h"), "duration{min..3600}");
  EXPECT_EQ(Dump("duration in (0, 1d)"), "duration{0,86400}");
  // The end of a record may lie before its start.
  EXPECT_EQ(Dump("duration > -1s"), "duration{0..max}");
  EXPECT_EQ(Dump("duration = -5"), "duration{-5}");
  EXPECT_EQ(Dump("duration < -5"), "duration{min..-6}");
  EXPECT_EQ(Dump("duration between -1m and 10"), "duration{-60..10}");
  EXPECT_EQ(Dump("duration in (-1, 0, 1, 5)"), "duration{-1..1,5}");
  EXPECT_THAT(Error("duration > long"), HasSubstr("is no duration: write 90, 90s, 5m, 1h or 2d"));
  EXPECT_THAT(Error("duration > 1.5"), HasSubstr("has a fraction"));
}

// ---- Addresses ------------------------------------------------------------------------------------------------------

TEST(FilterTest, AddressesAreComparedIPv4First) {
  EXPECT_EQ(Dump("srcaddr = 10.0.0.1"), "srcaddr{10.0.0.1}");
  EXPECT_EQ(Dump("srcaddr != '10.0.0.1'"), "!srcaddr{10.0.0.1}");
  EXPECT_EQ(Dump("srcaddr = 2001:DB8::1"), "srcaddr{2001:db8::1}");
  EXPECT_EQ(Dump("srcaddr = ::ffff:10.0.0.1"), "srcaddr{10.0.0.1}");
  EXPECT_EQ(Dump("srcaddr = fc00::"), "srcaddr{fc00::}");
  EXPECT_EQ(Dump("srcaddr=::1"), "srcaddr{::1}");
  EXPECT_EQ(Dump("srcaddr < 10.0.0.1"), "srcaddr{0.0.0.0..10.0.0.0}");
  EXPECT_EQ(Dump("srcaddr <= 10.0.0.1"), "srcaddr{0.0.0.0..10.0.0.1}");
  EXPECT_EQ(Dump("srcaddr < 0.0.0.0"), "srcaddr{}");
  const std::string v6 = "::..::fffe:ffff:ffff,::1:0:0:0..ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  EXPECT_EQ(Dump("srcaddr > 255.255.255.254"), "srcaddr{255.255.255.255," + v6 + "}");
  EXPECT_EQ(Dump("srcaddr > 255.255.255.255"), "srcaddr{" + v6 + "}");
  EXPECT_EQ(Dump("srcaddr >= 255.255.255.255"), "srcaddr{255.255.255.255," + v6 + "}");
  EXPECT_EQ(Dump("srcaddr < ::"), "srcaddr{0.0.0.0..255.255.255.255}");
  EXPECT_EQ(Dump("srcaddr <= ::"), "srcaddr{0.0.0.0..255.255.255.255,::}");
  EXPECT_EQ(Dump("srcaddr < ::2"), "srcaddr{0.0.0.0..255.255.255.255,::..::1}");
  EXPECT_EQ(Dump("srcaddr >= ::"), "srcaddr{" + v6 + "}");
  EXPECT_EQ(Dump("srcaddr > ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"),
            "srcaddr{ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff}");
  EXPECT_EQ(Dump("srcaddr > ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "srcaddr{}");
  // The neighbours of the IPv4-mapped addresses.
  EXPECT_EQ(Dump("srcaddr between ::fffe:ffff:ffff and ::1:0:0:0"), "srcaddr{::fffe:ffff:ffff,::1:0:0:0}");
  EXPECT_THAT(Dump("srcaddr > ::fffe:ffff:ffff"), HasSubstr("srcaddr{::1:0:0:0..ffff"));
  EXPECT_THAT(Dump("srcaddr < ::1:0:0:0"), HasSubstr(",::..::fffe:ffff:ffff}"));
  EXPECT_EQ(Dump("srcaddr between 10.0.0.1 and 10.0.0.9"), "srcaddr{10.0.0.1..10.0.0.9}");
  EXPECT_EQ(Dump("srcaddr between 10.0.0.9 and 10.0.0.1"), "srcaddr{}");
  EXPECT_EQ(Dump("srcaddr between 255.255.255.255 and ::1"), "srcaddr{255.255.255.255,::..::1}");
  EXPECT_EQ(Dump("srcaddr between ::1 and 10.0.0.1"), "srcaddr{}");
}

// CONTRACT L4
TEST(FilterTest, SetsOfAddressesMixAddressesPrefixesAndScopes) {
  EXPECT_EQ(Dump("srcaddr in 10.0.0.0/8"), "srcaddr{10.0.0.0..10.255.255.255}");
  EXPECT_EQ(Dump("srcaddr in fc00::/7"), "srcaddr{fc00::..fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff}");
  EXPECT_EQ(Dump("srcaddr in (10.0.0.2, 10.0.0.0/31, '10.0.0.3', ::1, '2001:db8::/127', 192.168.0.0/16)"),
            "srcaddr{10.0.0.0..10.0.0.3,192.168.0.0..192.168.255.255,::1,2001:db8::..2001:db8::1}");
  EXPECT_EQ(Dump("srcaddr in 0.0.0.0/0"), "srcaddr{0.0.0.0..255.255.255.255}");
  EXPECT_EQ(Dump("srcaddr in ::/0"), Dump("srcaddr >= ::"));
  EXPECT_EQ(Dump("srcaddr in (::/0, 0.0.0.0/0)"), Dump("srcaddr >= 0.0.0.0"));
  EXPECT_EQ(Dump("srcaddr in ::ffff:10.0.0.0/104"), "srcaddr{10.0.0.0..10.255.255.255}");
  EXPECT_EQ(Dump("srcaddr in ::fffe:0:0/95"), "srcaddr{::fffe:0:0..::fffe:ffff:ffff}");
  EXPECT_EQ(Dump("srcaddr in 10.0.0.1/32"), "srcaddr{10.0.0.1}");
  EXPECT_EQ(Dump("srcaddr in ::1/128"), "srcaddr{::1}");
  EXPECT_EQ(Dump("srcaddr in PRIVATE"), Dump("srcaddr in (private)"));
  EXPECT_EQ(Dump("srcaddr in 'private'"), Dump("srcaddr in private"));
  EXPECT_EQ(Dump("srcaddr not in (private, multicast)"), "!" + Dump("srcaddr in (multicast, private)"));
  EXPECT_EQ(Dump("srcaddr in multicast"),
            "srcaddr{224.0.0.0..239.255.255.255,ff00::..ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff}");
  EXPECT_EQ(Dump("srcaddr in private"),
            "srcaddr{10.0.0.0..10.255.255.255,100.64.0.0..100.127.255.255,127.0.0.0..127.255.255.255,"
            "169.254.0.0..169.254.255.255,172.16.0.0..172.31.255.255,192.168.0.0..192.168.255.255,::1,"
            "fc00::..fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,fe80::..febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff}");
}

// CONTRACT L4
TEST(FilterTest, ScopeSetsAgreeWithScopeOf) {
  const absl::StatusOr<Expression> parsed[] = {Parse("srcaddr in private"), Parse("srcaddr in multicast"),
                                               Parse("srcaddr in public")};
  const AddressScope scopes[] = {AddressScope::kPrivate, AddressScope::kMulticast, AddressScope::kPublic};
  std::vector<IpAddress> addresses;
  for (const auto& e : parsed) {
    ASSERT_TRUE(e.ok());
    for (const auto& [first, last] : e->test.addresses.v4) {
      for (uint32_t a : {first - 1, first, first + 1, last - 1, last, last + 1}) addresses.push_back(IpAddress::V4(a));
    }
    for (const auto& [first, last] : e->test.addresses.v6) {
      for (IpAddress a : {first, last}) {
        addresses.push_back(a);
        addresses.push_back(IpAddress::V6(a.high(), a.low() + 1));
        addresses.push_back(IpAddress::V6(a.high(), a.low() - 1));
        addresses.push_back(IpAddress::V6(a.high() + 1, 0));
        addresses.push_back(IpAddress::V6(a.high() - 1, UINT64_MAX));
      }
    }
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    addresses.push_back(IpAddress::V4(static_cast<uint32_t>(random())));
    addresses.push_back(IpAddress::V6(random(), random()));
  }
  for (IpAddress address : addresses) {
    for (size_t i = 0; i < std::size(scopes); ++i) {
      ASSERT_EQ(parsed[i]->test.addresses.Contains(address), ScopeOf(address) == scopes[i]) << address.ToString();
    }
  }
}

// CONTRACT L4
TEST(FilterTest, HostBitsInAPrefixAreAnErrorWithTheCorrectedOne) {
  EXPECT_EQ(Error("srcaddr in 10.1.2.3/8"), "'10.1.2.3/8' has host bits set: did you mean 10.0.0.0/8?");
  EXPECT_EQ(Error("srcaddr in fc01::/7"), "'fc01::/7' has host bits set: did you mean fc00::/7?");
  EXPECT_EQ(Error("srcaddr in '2001:db8::1/64'"), "'2001:db8::1/64' has host bits set: did you mean 2001:db8::/64?");
  EXPECT_EQ(Error("srcaddr in ::ffff:10.1.2.3/104"),
            "'::ffff:10.1.2.3/104' has host bits set: did you mean 10.0.0.0/8?");
  EXPECT_THAT(Error("srcaddr in ::ffff:0:0/8"), HasSubstr("did you mean ::/8?"));
  EXPECT_THAT(Error("srcaddr in 10.0.0.0/33"), HasSubstr("an IPv4 prefix has 0 to 32"));
  EXPECT_THAT(Error("srcaddr in 10.0.0.0/08"), HasSubstr("an IPv4 prefix has 0 to 32"));
  EXPECT_THAT(Error("srcaddr in ::/129"), HasSubstr("an IPv6 prefix has 0 to 128"));
  EXPECT_THAT(Error("srcaddr in ::/99999999999999999999"), HasSubstr("an IPv6 prefix has 0 to 128"));
  EXPECT_EQ(ErrorColumn("dstport = 1 and srcaddr in (10.0.0.1, 10.1.2.3/8)"), 39u);
}

TEST(FilterTest, WhatIsNoAddressIsAnError) {
  EXPECT_EQ(Error("srcaddr = 10.0.0.0/8"), "a prefix is a set of addresses: write srcaddr in 10.0.0.0/8");
  EXPECT_EQ(Error("srcaddr = '10.0.0.0/8'"), "a prefix is a set of addresses: write srcaddr in 10.0.0.0/8");
  EXPECT_EQ(Error("addr != private"), "'private' is a set of addresses: write addr in private");
  EXPECT_EQ(Error("srcaddr = 10.0.0.256"), "'10.0.0.256' is no address, and srcaddr has addresses");
  for (std::string_view text :
       {"srcaddr = 010.0.0.1", "srcaddr = 10.0.0", "srcaddr = 10", "srcaddr = -1", "srcaddr = 'x'", "srcaddr = x",
        "srcaddr = fe80::1%eth0", "srcaddr = 'fe80::1%eth0'", "srcaddr = 1::2::3", "srcaddr in (10/8)",
        "srcaddr in 10.0.0.0/", "srcaddr in 10.0.0.0/x", "srcaddr in 'x/8'", "srcaddr in privat", "srcaddr in tcp",
        "srcaddr between 10.0.0.0/8 and 10.0.0.1", "srcaddr in 10.0.0.0-10.0.0.9"}) {
    EXPECT_FALSE(Parse(text).ok()) << text;
  }
  EXPECT_THAT(Error("srcaddr in privat"), HasSubstr("did you mean private?"));
}

}  // namespace
}  // namespace flowlogs
