#include "flowlogs/schema/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flowlogs {
namespace {

// Parses a copy on a heap block of exactly its size, so that a sanitizer sees one byte too far.
std::optional<IpAddress> Parse(std::string_view text) {
  const std::unique_ptr<char[]> block(new char[text.size()]);
  std::copy(text.begin(), text.end(), block.get());
  return IpAddress::Parse({block.get(), text.size()});
}

std::optional<IpPrefix> ParsePrefix(std::string_view text, std::optional<IpPrefix>* corrected = nullptr) {
  const std::unique_ptr<char[]> block(new char[text.size()]);
  std::copy(text.begin(), text.end(), block.get());
  return IpPrefix::Parse({block.get(), text.size()}, corrected);
}

// The canonical form, or "bad".
std::string Canonical(std::string_view text) {
  const std::optional<IpAddress> address = Parse(text);
  return address ? address->ToString() : "bad";
}

IpAddress Address(std::string_view text) { return Parse(text).value(); }

// ---- IPv4 -----------------------------------------------------------------------------------------------------------

TEST(IpAddressTest, ADottedQuadReadsAsItsNumberAndPrintsAsItself) {
  for (const auto& [text, bits] : std::vector<std::pair<std::string, uint32_t>>{
           {"0.0.0.0", 0}, {"10.0.0.62", 0x0A00003E}, {"1.2.3.4", 0x01020304}, {"52.213.180.42", 0x34D5B42A},
           {"100.99.10.9", 0x64630A09}, {"255.255.255.255", 0xFFFFFFFF}}) {
    ASSERT_TRUE(Parse(text)) << text;
    EXPECT_TRUE(Parse(text)->is_v4()) << text;
    EXPECT_FALSE(Parse(text)->is_v6()) << text;
    EXPECT_EQ(Parse(text)->v4_bits(), bits) << text;
    EXPECT_EQ(*Parse(text), IpAddress::V4(bits)) << text;
    EXPECT_EQ(Canonical(text), text);
  }
}

TEST(IpAddressTest, AnOctetWithALeadingZeroIsBad) {  // CONTRACT F7
  for (const char* text : {"01.2.3.4", "1.02.3.4", "1.2.003.4", "1.2.3.04", "1.2.3.00", "010.0.0.1", "1.2.3.0004"}) {
    EXPECT_EQ(Canonical(text), "bad") << text;
  }
}

TEST(IpAddressTest, AnOctetAbove255IsBad) {  // CONTRACT F7
  for (const char* text : {"256.0.0.0", "0.256.0.0", "0.0.256.0", "0.0.0.256", "1.2.3.999", "1.2.3.1000",
                           "1.2.3.4294967297"}) {
    EXPECT_EQ(Canonical(text), "bad") << text;
  }
}

TEST(IpAddressTest, TooFewTooManyAndEmptyOctetsAreBad) {
  for (const char* text : {"", "1", "1.2", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4.5", "....", ".",
                           "16909060"}) {
    EXPECT_EQ(Canonical(text), "bad") << text;
  }
}

TEST(IpAddressTest, BlanksSignsHexAndTrailingTextAreBad) {
  for (const char* text : {" 1.2.3.4", "1.2.3.4 ", "1. 2.3.4", "1.2.3.4\n", "\t1.2.3.4", "+1.2.3.4", "1.2.3.-4",
                           "0x1.2.3.4", "1.2.3.a", "1.2.3.4/32", "1.2.3.4:80", "1,2,3,4", "-", "unknown"}) {
    EXPECT_EQ(Canonical(text), "bad") << text;
  }
  EXPECT_EQ(Canonical(std::string_view("1.2.3.4\0", 8)), "bad");
  EXPECT_EQ(Canonical("1.2.3.\xD9\xA4"), "bad");  // ARABIC-INDIC DIGIT FOUR
}

// ---- IPv6 -----------------------------------------------------------------------------------------------------------

TEST(IpAddressTest, TheFormsOfRfc4291AreRead) {  // CONTRACT F7
  EXPECT_EQ(Address("2001:db8:1:2:3:4:5:6"), IpAddress::V6(0x20010db800010002, 0x0003000400050006));
  EXPECT_EQ(Address("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789"), IpAddress::V6(0xABCDEF0123456789, 0xABCDEF0123456789));
  EXPECT_EQ(Address("2001:DB8:0:0:8:800:200C:417A"), IpAddress::V6(0x20010db800000000, 0x00080800200C417A));
  EXPECT_EQ(Address("2001:0db8:0000:0000:0008:0800:200c:417a"), Address("2001:DB8::8:800:200C:417A"));
  EXPECT_EQ(Address("FF01::101"), IpAddress::V6(0xFF01000000000000, 0x101));
  EXPECT_EQ(Address("::1"), IpAddress::V6(0, 1));
  EXPECT_EQ(Address("::"), IpAddress());
  EXPECT_EQ(Address("1::"), IpAddress::V6(0x0001000000000000, 0));
  EXPECT_EQ(Address("0:0:0:0:0:0:13.1.68.3"), IpAddress::V6(0, 0x0D014403));
  EXPECT_EQ(Address("::13.1.68.3"), IpAddress::V6(0, 0x0D014403));
  EXPECT_EQ(Address("64:ff9b::192.0.2.33"), IpAddress::V6(0x0064ff9b00000000, 0xC0000221));
  EXPECT_EQ(Address("1:2:3:4:5:6:1.2.3.4"), IpAddress::V6(0x0001000200030004, 0x0005000601020304));
}

TEST(IpAddressTest, TwoColonsMayStandForASingleGroupAtAnyPlace) {
  EXPECT_EQ(Address("::2:3:4:5:6:7:8"), Address("0:2:3:4:5:6:7:8"));
  EXPECT_EQ(Address("1:2:3::5:6:7:8"), Address("1:2:3:0:5:6:7:8"));
  EXPECT_EQ(Address("1:2:3:4:5:6:7::"), Address("1:2:3:4:5:6:7:0"));
}

TEST(IpAddressTest, WhatRfc4291DoesNotAllowIsBad) {
  for (const char* text :
       {":", ":::", "1", "1:", ":1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", ":2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "1::2::3", "::1::", "1:::2",
        "12345::", "::00001", "::g", "::-1", "::+1", "::1 ", " ::1", ":: 1", "::1\n", "::1.2.3", "::1.2.3.4.5",
        "::1.2.3.256", "::1.2.3.04", "::1.2.3.4:5", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "::ab.2.3.4", "::.1.2.3",
        "1:2:3:4:5:1.2.3.4", "[::1]", "::1/128", "2001:db8::1.", "::0x1", "1:2:3:4:5:6:7:8 "}) {
    EXPECT_EQ(Canonical(text), "bad") << text;
  }
  EXPECT_EQ(Canonical(std::string_view("::1\0", 4)), "bad");
  EXPECT_EQ(Canonical(std::string(1000, ':')), "bad");
  EXPECT_EQ(Canonical("::" + std::string(1000, '0')), "bad");
}

TEST(IpAddressTest, AZoneIdIsBad) {  // CONTRACT F7
  for (const char* text : {"fe80::1%eth0", "fe80::1%1", "fe80::1%", "fe80::1%25en0", "::%", "::ffff:1.2.3.4%1"}) {
    EXPECT_EQ(Canonical(text), "bad") << text;
  }
}

TEST(IpAddressTest, ShortensTheLongestRunOfZerosAsRfc5952) {  // CONTRACT F7
  for (const auto& [text, canonical] : std::vector<std::pair<std::string, std::string>>{
           {"2001:0db8::0001", "2001:db8::1"},                            // 4.1: no leading zeros
           {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},                     // 4.2.1: as short as can be
           {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},              // 4.2.2: never a single group
           {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           {"0:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
           {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
           {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},                       // 4.2.3: the longest run
           {"1:0:0:0:2:0:0:0", "1::2:0:0:0"},                             // of equals the first
           {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
           {"0:0:1:0:0:0:0:1", "0:0:1::1"},
           {"2001:DB8::ABCD", "2001:db8::abcd"},                          // 4.3: lower case
           {"0:0:0:0:0:0:0:0", "::"},
           {"0:0:0:0:0:0:0:1", "::1"},
           {"1:0:0:0:0:0:0:0", "1::"},
           {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
           {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
           {"1:2:0:0:5:6:7:8", "1:2::5:6:7:8"},
           {"::13.1.68.3", "::d01:4403"},                                 // not a well-known prefix: no dotted quad
           {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}) {
    EXPECT_EQ(Canonical(text), canonical) << text;
    EXPECT_EQ(Canonical(canonical), canonical);
  }
}

TEST(IpAddressTest, AnIpv4MappedAddressIsItsIpv4Address) {  // CONTRACT F7
  for (const char* text : {"::ffff:10.0.0.1", "::FFFF:a00:1", "0:0:0:0:0:ffff:10.0.0.1", "::ffff:0a00:0001"}) {
    EXPECT_EQ(Address(text), Address("10.0.0.1")) << text;
    EXPECT_TRUE(Address(text).is_v4()) << text;
    EXPECT_EQ(Canonical(text), "10.0.0.1") << text;
  }
  EXPECT_EQ(IpAddress::V6(0, 0xffff'0a00'0001), IpAddress::V4(0x0a000001));
  EXPECT_TRUE(Address("::ffff:0:10.0.0.1").is_v6());  // translated, not mapped
  EXPECT_TRUE(Address("::fffe:10.0.0.1").is_v6());
  EXPECT_TRUE(Address("::10.0.0.1").is_v6());
}

TEST(IpAddressTest, FormatWritesAtMostTheDocumentedLengthAndNothingMore) {
  char text[IpAddress::kMaxText + 1];
  std::memset(text, '#', sizeof(text));
  EXPECT_EQ(IpAddress::V6(~uint64_t{0}, ~uint64_t{0}).Format(text), IpAddress::kMaxText);
  EXPECT_EQ(text[IpAddress::kMaxText], '#');
  std::memset(text, '#', sizeof(text));
  EXPECT_EQ(IpAddress::V4(0x01020304).Format(text), 7u);
  EXPECT_EQ(std::string_view(text, 8), "1.2.3.4#");
}

TEST(IpAddressTest, ParseCanBeUsedInConstants) {
  static_assert(IpAddress::Parse("10.0.0.1") == IpAddress::V4(0x0a000001));
  static_assert(IpAddress::Parse("2001:db8::1") == IpAddress::V6(0x20010db800000000, 1));
  static_assert(!IpAddress::Parse("10.0.0.01"));
  static_assert(IpPrefix::Parse("10.0.0.0/8")->Contains(IpAddress::V4(0x0aFFFFFF)));
  static_assert(ScopeOf(IpAddress::V4(0x0a000001)) == AddressScope::kPrivate);
}

// ---- Order ----------------------------------------------------------------------------------------------------------

TEST(IpAddressTest, Ipv4SortsBeforeIpv6AndEachByItsNumber) {  // CONTRACT F7
  const std::vector<std::string> sorted = {
      "0.0.0.0", "9.255.255.255", "10.0.0.2", "10.0.0.10", "192.168.0.1", "255.255.255.255",
      "::", "::1", "::fffe:ffff:ffff", "::1:0:0:0", "::9:0:0:0", "::1:0:0:0:0", "64:ff9b::1",
      "2001:db8::9", "2001:db8::10", "fe80::", "ff02::1"};
  for (size_t a = 0; a < sorted.size(); ++a) {
    for (size_t b = 0; b < sorted.size(); ++b) {
      EXPECT_EQ(Address(sorted[a]) <=> Address(sorted[b]), a <=> b) << sorted[a] << " " << sorted[b];
      EXPECT_EQ(Address(sorted[a]) == Address(sorted[b]), a == b) << sorted[a] << " " << sorted[b];
    }
  }
}

// ---- The C library as a second opinion ------------------------------------------------------------------------------

// What inet_pton and inet_ntop make of a text: "bad", or the canonical form. Three points are ours: an IPv4-mapped
// address prints as IPv4; an IPv4-compatible one (::1.2.3.4) without a dotted quad; bytes after a NUL count.
std::string Reference(const std::string& text) {
  if (text.find('\0') != std::string::npos) return "bad";
  char out[INET6_ADDRSTRLEN];
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return inet_ntop(AF_INET, bytes, out, sizeof(out));
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return "bad";
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr unsigned char kZero[12] = {};
  if (std::memcmp(bytes, kMapped, 12) == 0) return inet_ntop(AF_INET, bytes + 12, out, sizeof(out));
  if (std::memcmp(bytes, kZero, 12) == 0 && (bytes[12] != 0 || bytes[13] != 0)) {
    std::snprintf(out, sizeof(out), "::%x:%x", bytes[12] * 256 + bytes[13], bytes[14] * 256 + bytes[15]);
    return out;
  }
  return inet_ntop(AF_INET6, bytes, out, sizeof(out));
}

TEST(IpAddressTest, AgreesWithInetPtonAndInetNtopOn200000Texts) {
  std::mt19937_64 random(20210903);
  const auto below = [&random](uint64_t n) { return static_cast<size_t>(random() % n); };
  constexpr std::string_view kAlphabet("0123456789abcdefABCDEF::::....  %/gx-\n\0", 39);
  size_t good = 0;
  size_t bad = 0;
  for (int i = 0; i < 200'000; ++i) {
    // An address as text: IPv4, or groups of which many are 0, in either case, sometimes with leading zeros, with "::"
    // at a random place (perhaps for no group at all), with a dotted quad at the end.
    std::string text;
    const auto quad = [&] {
      for (int k = 0; k < 4; ++k) text += (k > 0 ? "." : "") + std::to_string(below(4) == 0 ? below(300) : below(256));
    };
    if (below(4) == 0) {
      quad();
    } else {
      const size_t groups = below(4) == 0 ? below(10) : below(3) == 0 ? 8 : below(8);
      const size_t gap = groups == 8 ? 99 : below(groups + 1);
      for (size_t k = 0; k < groups; ++k) {
        if (k == gap) text += "::";
        if (k > 0 && k != gap) text += ':';
        char group[8];
        std::snprintf(group, sizeof(group), below(9) == 0 ? "%04X" : "%x",
                      static_cast<unsigned>(below(2) == 0 ? 0 : below(5) == 0 ? 0xffff : below(0x10000)));
        text += group;
      }
      if (gap == groups) text += "::";
      if (below(5) == 0) {
        if (!text.empty() && text.back() != ':') text += ':';
        quad();
      }
    }
    for (size_t mutations = below(2) * below(4); mutations > 0; --mutations) {
      const size_t at = below(text.size() + 1);
      const char c = kAlphabet[below(kAlphabet.size())];
      switch (below(3)) {
        case 0: text.insert(at, 1, c); break;
        case 1: if (at < text.size()) text[at] = c; break;
        default: if (at < text.size()) text.erase(at, 1); break;
      }
    }
    const std::string expected = Reference(text);
    ASSERT_EQ(Canonical(text), expected) << "text: '" << text << "'";
    ++(expected == "bad" ? bad : good);
  }
  EXPECT_GT(good, 50'000u);
  EXPECT_GT(bad, 50'000u);
}

TEST(IpAddressTest, EveryAddressReadsBackAsItself) {
  std::mt19937_64 random(14);
  for (int i = 0; i < 100'000; ++i) {
    uint64_t halves[2] = {random(), random()};
    for (uint64_t& half : halves) {
      for (int group = 0; group < 4; ++group) {
        if (random() % 2 == 0) half &= ~(uint64_t{0xffff} << (16 * group));
      }
    }
    const IpAddress v6 = IpAddress::V6(halves[0], halves[1]);
    ASSERT_EQ(Parse(v6.ToString()), v6);
    const IpAddress v4 = IpAddress::V4(static_cast<uint32_t>(random()));
    ASSERT_EQ(Parse(v4.ToString()), v4);
  }
}

// ---- Prefixes -------------------------------------------------------------------------------------------------------

TEST(IpPrefixTest, ReadsAPrefixOrASingleAddress) {
  for (const auto& [text, canonical] : std::vector<std::pair<std::string, std::string>>{
           {"10.0.0.0/8", "10.0.0.0/8"}, {"0.0.0.0/0", "0.0.0.0/0"}, {"10.1.2.3", "10.1.2.3/32"},
           {"10.1.2.3/32", "10.1.2.3/32"}, {"128.0.0.0/1", "128.0.0.0/1"}, {"172.16.0.0/12", "172.16.0.0/12"},
           {"fc00::/7", "fc00::/7"}, {"::/0", "::/0"}, {"::1", "::1/128"}, {"2001:DB8:0::/48", "2001:db8::/48"},
           {"2001:db8::1/128", "2001:db8::1/128"}, {"2001:db8:0:1::/64", "2001:db8:0:1::/64"}}) {
    ASSERT_TRUE(ParsePrefix(text)) << text;
    EXPECT_EQ(ParsePrefix(text)->ToString(), canonical);
  }
}

TEST(IpPrefixTest, HostBitsAreAnErrorWithTheCorrectedPrefix) {  // CONTRACT L4
  for (const auto& [text, meant] : std::vector<std::pair<std::string, std::string>>{
           {"10.1.2.3/8", "10.0.0.0/8"}, {"192.168.1.1/24", "192.168.1.0/24"}, {"10.0.0.1/31", "10.0.0.0/31"},
           {"1.2.3.4/0", "0.0.0.0/0"}, {"fc00::1/7", "fc00::/7"}, {"ffff::/7", "fe00::/7"},
           {"2001:db8::1/64", "2001:db8::/64"}, {"2001:db8::8000:0:0:1/65", "2001:db8:0:0:8000::/65"},
           {"::1/0", "::/0"}, {"::3/127", "::2/127"}}) {
    std::optional<IpPrefix> corrected;
    EXPECT_FALSE(ParsePrefix(text, &corrected)) << text;
    ASSERT_TRUE(corrected) << text;
    EXPECT_EQ(corrected->ToString(), meant) << text;
    EXPECT_FALSE(ParsePrefix(text)) << text;
  }
}

TEST(IpPrefixTest, ABrokenPrefixIsRefusedWithoutACorrection) {
  for (const char* text : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/256", "10.0.0.0/4294967304",
                           "10.0.0.0/08", "10.0.0.0/00", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0 /8",
                           "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0", "10/8", "10.0.0/24", "::/129",
                           "::/1280", "fe80::%1/64", "-", "private"}) {
    std::optional<IpPrefix> corrected;
    EXPECT_FALSE(ParsePrefix(text, &corrected)) << text;
    EXPECT_FALSE(corrected) << text;
  }
}

TEST(IpPrefixTest, ContainsEveryAddressFromFirstToLastAndNoOther) {
  const IpPrefix v4 = *ParsePrefix("10.1.2.0/23");
  EXPECT_EQ(v4.first().ToString(), "10.1.2.0");
  EXPECT_EQ(v4.last().ToString(), "10.1.3.255");
  EXPECT_EQ(v4.length(), 23);
  for (const char* text : {"10.1.2.0", "10.1.2.255", "10.1.3.0", "10.1.3.255"}) EXPECT_TRUE(v4.Contains(Address(text)));
  for (const char* text : {"10.1.1.255", "10.1.4.0", "0.0.0.0", "255.255.255.255"}) {
    EXPECT_FALSE(v4.Contains(Address(text))) << text;
  }

  const IpPrefix v6 = *ParsePrefix("2001:db8:0:2::/63");
  EXPECT_EQ(v6.first().ToString(), "2001:db8:0:2::");
  EXPECT_EQ(v6.last().ToString(), "2001:db8:0:3:ffff:ffff:ffff:ffff");
  for (const char* text : {"2001:db8:0:2::", "2001:db8:0:3::1"}) EXPECT_TRUE(v6.Contains(Address(text))) << text;
  for (const char* text : {"2001:db8:0:1:ffff::", "2001:db8:0:4::", "::"}) {
    EXPECT_FALSE(v6.Contains(Address(text))) << text;
  }
}

TEST(IpPrefixTest, AnIpv4PrefixHoldsOnlyIpv4AndAnIpv6PrefixOnlyIpv6) {  // CONTRACT L4
  const IpPrefix all_v4 = *ParsePrefix("0.0.0.0/0");
  const IpPrefix all_v6 = *ParsePrefix("::/0");
  for (const char* text : {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::ffff:10.0.0.1"}) {
    EXPECT_TRUE(all_v4.Contains(Address(text))) << text;
    EXPECT_FALSE(all_v6.Contains(Address(text))) << text;
  }
  for (const char* text : {"::", "::1", "::10.0.0.1", "::fffe:ffff:ffff", "::1:0:0:0", "2001:db8::1", "ffff::"}) {
    EXPECT_FALSE(all_v4.Contains(Address(text))) << text;
    EXPECT_TRUE(all_v6.Contains(Address(text))) << text;
  }
}

TEST(IpPrefixTest, TheConstructorClearsHostBitsAtEveryLength) {
  std::mt19937_64 random(7);
  for (int length = 0; length <= 128; ++length) {
    const IpAddress v6 = IpAddress::V6(random() | (uint64_t{1} << 63), random());
    const IpPrefix prefix(v6, length);
    EXPECT_TRUE(prefix.Contains(v6)) << length;
    EXPECT_TRUE(prefix.Contains(prefix.first()) && prefix.Contains(prefix.last())) << length;
    EXPECT_EQ(ParsePrefix(prefix.ToString()), prefix) << length;
    EXPECT_EQ(prefix.Contains(IpAddress::V6(v6.high() ^ (uint64_t{1} << 63), v6.low())), length == 0) << length;
    if (length > 32) continue;
    const IpAddress v4 = IpAddress::V4(static_cast<uint32_t>(random()));
    const IpPrefix prefix4(v4, length);
    EXPECT_TRUE(prefix4.Contains(v4)) << length;
    const uint64_t size = uint64_t{prefix4.last().v4_bits()} - prefix4.first().v4_bits() + 1;
    EXPECT_EQ(size, uint64_t{1} << (32 - length)) << length;
    EXPECT_EQ(ParsePrefix(prefix4.ToString()), prefix4) << length;
  }
}

// Former bugs.

TEST(IpPrefixTest, AnIpv6PrefixThatEndsAmongTheMappedAddressesHoldsItsIpv6Addresses) {
  for (const char* text : {"::/80", "::8000:0:0/81", "::fffe:0:0/95"}) {
    const IpPrefix prefix = *ParsePrefix(text);
    EXPECT_TRUE(prefix.Contains(prefix.first())) << text;
    EXPECT_TRUE(prefix.Contains(Address("::fffe:0:1"))) << text;
    EXPECT_EQ(prefix.last().ToString(), "::fffe:ffff:ffff") << text;
    EXPECT_FALSE(prefix.Contains(Address("10.0.0.1"))) << text;
    EXPECT_FALSE(prefix.Contains(Address("::1:0:0:0"))) << text;
  }
  EXPECT_TRUE(ParsePrefix("::/80")->Contains(Address("::1")));
}

TEST(IpPrefixTest, ThePrefixOfAMappedAddressCountsItsBitsInIpv6) {
  EXPECT_EQ(ParsePrefix("::ffff:10.0.0.0/104"), ParsePrefix("10.0.0.0/8"));
  EXPECT_EQ(ParsePrefix("::ffff:0:0/96"), ParsePrefix("0.0.0.0/0"));
  EXPECT_EQ(ParsePrefix("::ffff:10.0.0.1"), ParsePrefix("10.0.0.1/32"));
  EXPECT_EQ(ParsePrefix("::ffff:10.0.0.1/128"), ParsePrefix("10.0.0.1/32"));
  EXPECT_FALSE(ParsePrefix("::ffff:10.0.0.0/8"));
  EXPECT_FALSE(ParsePrefix("::ffff:10.0.0.0/95"));
  EXPECT_FALSE(ParsePrefix("::ffff:10.0.0.0/129"));
}

// ---- Scopes ---------------------------------------------------------------------------------------------------------

TEST(ScopeOfTest, KnowsEveryBoundaryOfTheContract) {  // CONTRACT L4
  constexpr AddressScope kPrivate = AddressScope::kPrivate;
  constexpr AddressScope kMulticast = AddressScope::kMulticast;
  constexpr AddressScope kPublic = AddressScope::kPublic;
  constexpr AddressScope kNone = AddressScope::kNone;
  struct Range {
    const char* first;
    const char* last;
    AddressScope scope;
  };
  // Without a gap from the first IPv4 address to the last IPv6 address.
  constexpr Range kRanges[] = {
      {"0.0.0.0", "0.255.255.255", kNone},         {"1.0.0.0", "9.255.255.255", kPublic},
      {"10.0.0.0", "10.255.255.255", kPrivate},    {"11.0.0.0", "100.63.255.255", kPublic},
      {"100.64.0.0", "100.127.255.255", kPrivate}, {"100.128.0.0", "126.255.255.255", kPublic},
      {"127.0.0.0", "127.255.255.255", kPrivate},  {"128.0.0.0", "169.253.255.255", kPublic},
      {"169.254.0.0", "169.254.255.255", kPrivate}, {"169.255.0.0", "172.15.255.255", kPublic},
      {"172.16.0.0", "172.31.255.255", kPrivate},  {"172.32.0.0", "192.167.255.255", kPublic},
      {"192.168.0.0", "192.168.255.255", kPrivate}, {"192.169.0.0", "223.255.255.255", kPublic},
      {"224.0.0.0", "239.255.255.255", kMulticast}, {"240.0.0.0", "255.255.255.255", kNone},
      {"::", "::", kNone},                          {"::1", "::1", kPrivate},
      {"::2", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kPublic},
      {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kPrivate},
      {"fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kPublic},
      {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kPrivate},
      {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kPublic},
      {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", kMulticast}};
  for (size_t i = 0; i < std::size(kRanges); ++i) {
    EXPECT_EQ(ScopeOf(Address(kRanges[i].first)), kRanges[i].scope) << kRanges[i].first;
    EXPECT_EQ(ScopeOf(Address(kRanges[i].last)), kRanges[i].scope) << kRanges[i].last;
    if (i == 0) continue;
    const IpAddress before = Address(kRanges[i - 1].last);  // the table itself has no gap
    const IpAddress first = Address(kRanges[i].first);
    if (first.is_v4()) {
      EXPECT_EQ(first.v4_bits(), before.v4_bits() + 1) << kRanges[i].first;
    }
    if (before.is_v6()) {
      EXPECT_EQ(first.low(), before.low() + 1) << kRanges[i].first;
      EXPECT_EQ(first.high(), before.high() + (first.low() == 0 ? 1 : 0)) << kRanges[i].first;
    }
  }
}

TEST(ScopeOfTest, DocumentationPrefixesArePublicAndAMappedAddressHasTheScopeOfItsIpv4Address) {  // CONTRACT L4
  for (const char* text : {"192.0.2.1", "198.51.100.1", "203.0.113.5", "2001:db8::1", "::ffff:203.0.113.5"}) {
    EXPECT_EQ(ScopeOf(Address(text)), AddressScope::kPublic) << text;
  }
  EXPECT_EQ(ScopeOf(Address("::ffff:10.0.0.1")), AddressScope::kPrivate);
  EXPECT_EQ(ScopeOf(Address("::ffff:224.0.0.1")), AddressScope::kMulticast);
  EXPECT_EQ(ScopeOf(Address("::ffff:0.0.0.0")), AddressScope::kNone);
}

}  // namespace
}  // namespace flowlogs
