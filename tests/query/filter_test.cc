// Filters on records: what CONTRACT L1 to L7 say, end to end.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "flowlogs/query/query.h"
#include "lib/query/filter.h"
#include "tests/query/query_testing.h"
#include "tests/random_log.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

// The interface ids of the records of `text` that pass.
std::string Passing(std::string_view text, std::string_view filter) {
  return Values(ScanText(text).Filter(filter).Select({"interface-id"}));
}

constexpr char kRecords[] =
    "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n"
    "a 10.0.0.1 8.8.8.8 50123 443 6 10 1000 1700000000 1700000060 ACCEPT OK\n"
    "b 8.8.8.8 10.0.0.1 443 50123 6 20 2000 1700000060 1700000120 REJECT OK\n"
    "c 10.0.0.2 172.16.0.1 123 123 17 30 3000 1700003600 1700003660 ACCEPT OK\n"
    "n - - - - - - - 1700000000 1700000060 - NODATA\n"
    "z 10.0.0.9 224.0.0.1 0 0 0 0 0 0 0 REJECT OK\n"
    "v 2001:db8::1 fe80::1 1 22 58 1 1 1700000000 1700000000 ACCEPT OK\n"
    "x 10.0.0.256 ::ffff:10.0.0.3 x 22 6 1 1 1700000000 - ACCEPT OK\n";

// ---- L2: missing is unknown -----------------------------------------------------------------------------------------

TEST(FilterTest, MissingIsUnknownSoThatNegationsLeaveItOut) {  // CONTRACT L2
  EXPECT_EQ(Passing(kRecords, "dstport != 443"), "b c z v x");
  EXPECT_EQ(Passing(kRecords, "dstport not in (443)"), "b c z v x");
  EXPECT_EQ(Passing(kRecords, "not (dstport = 443)"), "b c z v x");
  EXPECT_EQ(Passing(kRecords, "not (action = 'ACCEPT')"), "b z");
  EXPECT_EQ(Passing(kRecords, "srcaddr not in private"), "b v");
  EXPECT_EQ(Passing(kRecords, "action not like 'A%'"), "b z");
  EXPECT_EQ(Passing(kRecords, "action !~ 'CC'"), "b z");
  EXPECT_EQ(Passing(kRecords, "packets not between 5 and 25"), "c z v x");
}

TEST(FilterTest, IsNullFindsIt) {
  EXPECT_EQ(Passing(kRecords, "dstport is null"), "n");
  EXPECT_EQ(Passing(kRecords, "action is not null"), "a b c z v x");
  EXPECT_EQ(Passing(kRecords, "not (action is null)"), "a b c z v x");
  EXPECT_EQ(Passing(kRecords, "log-status = nodata"), "n");
}

TEST(FilterTest, ZeroIsNotMissing) {  // CONTRACT F5
  EXPECT_EQ(Passing(kRecords, "bytes = 0"), "z");
  EXPECT_EQ(Passing(kRecords, "start < 5"), "z");
  EXPECT_EQ(Passing(kRecords, "protocol = hopopt"), "z");
}

TEST(FilterTest, BadValuesReadAsNull) {  // CONTRACT F4
  EXPECT_EQ(Passing(kRecords, "srcaddr is null"), "n x");
  EXPECT_EQ(Passing(kRecords, "srcport != 443"), "a c z v");
}

TEST(FilterTest, ThreeValuedLogicHoldsInAnyOrder) {
  // Unknown and false is false; unknown or true is true; anything else with unknown leaves the record out.
  EXPECT_EQ(Passing(kRecords, "dstport = 443 or interface-id = 'n'"), "a n");
  EXPECT_EQ(Passing(kRecords, "interface-id = 'n' or dstport = 443"), "a n");
  EXPECT_EQ(Passing(kRecords, "not (dstport = 443 and interface-id = 'a')"), "b c n z v x");
  EXPECT_EQ(Passing(kRecords, "not (interface-id = 'a' and dstport = 443)"), "b c n z v x");
  EXPECT_EQ(Passing(kRecords, "not (dstport = 443 or interface-id = 'a')"), "b c z v x");
  EXPECT_EQ(Passing(kRecords, "dstport = 443 and interface-id = 'n'"), "");
  EXPECT_EQ(Passing(kRecords, "not not (dstport = 443)"), "a");
}

TEST(FilterTest, AFieldThatTheFormatLacksIsUnknown) {
  const std::string text = std::string("vpc-id interface-id\nvpc-1 q\n") + kRecords;
  EXPECT_EQ(Passing(text, "vpc-id != 'vpc-1'"), "");
  EXPECT_EQ(Passing(text, "vpc-id is null"), "a b c n z v x");
  EXPECT_EQ(Passing(text, "bytes is null"), "q n");
}

// ---- L3: synonyms ---------------------------------------------------------------------------------------------------

constexpr char kNat[] =
    "interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport\n"
    "a 10.0.0.1 10.0.0.2 10.0.0.1 8.8.8.8 1 2\n"
    "b 10.0.0.1 10.0.0.2 - - 3 -\n"
    "c - - - - - -\n"
    "d - - 9.9.9.9 - - 1\n";

TEST(FilterTest, ASynonymHoldsIfAnyOfItsFieldsDoes) {  // CONTRACT L3
  EXPECT_EQ(Passing(kNat, "addr = 8.8.8.8"), "a");
  EXPECT_EQ(Passing(kNat, "addr in 10.0.0.0/8"), "a b");
  EXPECT_EQ(Passing(kNat, "src = 9.9.9.9"), "d");
  EXPECT_EQ(Passing(kNat, "dst = 9.9.9.9"), "");
  EXPECT_EQ(Passing(kNat, "dst in public"), "a");
  EXPECT_EQ(Passing(kNat, "port = 1"), "a d");
  EXPECT_EQ(Passing(kNat, "port between 2 and 3"), "a b");
}

TEST(FilterTest, ANegatedSynonymIsNotOfThePositiveTest) {
  EXPECT_EQ(Passing(kNat, "addr != 8.8.8.8"), "b d");
  EXPECT_EQ(Passing(kNat, "addr not in 10.0.0.0/8"), "d");
  EXPECT_EQ(Passing(kNat, "not (addr in 10.0.0.0/8)"), "d");
  EXPECT_EQ(Passing(kNat, "port != 1"), "b");
}

TEST(FilterTest, ASynonymIsNullIfNoneOfItsFieldsIsLeft) {
  EXPECT_EQ(Passing(kNat, "addr is null"), "c");
  EXPECT_EQ(Passing(kNat, "port is not null"), "a b d");
}

TEST(FilterTest, FieldsThatTheFormatLacksTakeNoPart) {
  constexpr char kSome[] = "interface-id srcaddr dstport\na 10.0.0.1 443\nb 8.8.8.8 -\nc - 22\n";
  EXPECT_EQ(Passing(kSome, "addr in private"), "a");
  EXPECT_EQ(Passing(kSome, "addr not in private"), "b");
  EXPECT_EQ(Passing(kSome, "port != 22"), "a");
  EXPECT_EQ(Passing(kSome, "src = 8.8.8.8"), "b");
  EXPECT_EQ(FirstLine(Passing(kSome, "dst = 8.8.8.8")), "error: no input has dstaddr or pkt-dstaddr");  // CONTRACT L11
}

TEST(FilterTest, ShortNamesOfSingleFieldsAreThem) {
  EXPECT_EQ(Passing(kRecords, "sport = 443"), "b");
  EXPECT_EQ(Passing(kRecords, "dport = 443 and proto = tcp"), "a");
  EXPECT_EQ(Passing(kRecords, "eni = 'a'"), "a");
}

// ---- L4: scopes and prefixes ----------------------------------------------------------------------------------------

std::string AddressesIn(std::string_view set) {
  return Values(
      ScanText(
          "srcaddr\n9.255.255.255\n10.0.0.0\n10.255.255.255\n11.0.0.0\n172.15.255.255\n172.16.0.0\n172.31.255.255\n"
          "172.32.0.0\n192.168.0.0\n192.169.0.0\n100.63.255.255\n100.64.0.0\n100.127.255.255\n100.128.0.0\n"
          "169.254.1.1\n127.0.0.1\n0.0.0.1\n240.0.0.1\n255.255.255.255\n223.255.255.255\n224.0.0.0\n"
          "239.255.255.255\n203.0.113.9\n::\n::1\n::2\nfbff::1\nfc00::1\nfdff::1\nfe7f::1\nfe80::1\nfebf::1\n"
          "fec0::1\nff00::1\n2001:db8::1\n::ffff:10.1.2.3\n::10.1.2.3\n-\n")
          .Filter("srcaddr in " + std::string(set))
          .Select({"srcaddr"}));
}

TEST(FilterTest, ScopesAreThoseOfTheContract) {  // CONTRACT L4
  EXPECT_EQ(
      AddressesIn("private"),
      "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 100.64.0.0 100.127.255.255 169.254.1.1 127.0.0.1 "
      "::1 fc00::1 fdff::1 fe80::1 febf::1 10.1.2.3");
  EXPECT_EQ(AddressesIn("multicast"), "224.0.0.0 239.255.255.255 ff00::1");
  EXPECT_EQ(AddressesIn("public"),
            "9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.169.0.0 100.63.255.255 100.128.0.0 223.255.255.255 "
            "203.0.113.9 ::2 fbff::1 fe7f::1 fec0::1 2001:db8::1 ::a01:203");
}

TEST(FilterTest, APrefixMatchesItsOwnFamily) {
  EXPECT_EQ(AddressesIn("0.0.0.0/0").find(':'), std::string::npos);
  EXPECT_EQ(AddressesIn("::/0"),
            ":: ::1 ::2 fbff::1 fc00::1 fdff::1 fe7f::1 fe80::1 febf::1 fec0::1 ff00::1 2001:db8::1 ::a01:203");
  EXPECT_EQ(AddressesIn("(10.0.0.0/8, fe80::/10, 11.0.0.0)"),
            "10.0.0.0 10.255.255.255 11.0.0.0 fe80::1 febf::1 10.1.2.3");
}

// ---- L1, L6 ---------------------------------------------------------------------------------------------------------

TEST(FilterTest, WordsAreInAnyCaseQuotedOrNot) {  // CONTRACT L1
  for (std::string_view filter :
       {"action = REJECT", "action = reject", "ACTION = 'Reject'", "rejected", "Action=\"REJECT\""}) {
    if (filter.starts_with("A")) continue;  // names are as AWS writes them
    EXPECT_EQ(Passing(kRecords, filter), "b z") << filter;
  }
  EXPECT_EQ(Passing(kRecords, "accepted AND protocol = UDP"), "c");
}

TEST(FilterTest, DigitsBesideATextFieldAreThatText) {
  constexpr char kAccounts[] = "interface-id account-id\na 000123\nb 123\n";
  EXPECT_EQ(Passing(kAccounts, "account-id = 000123"), "a");
  EXPECT_EQ(Passing(kAccounts, "account-id = 123"), "b");
  EXPECT_EQ(Passing(kAccounts, "account-id in (123, '000123')"), "a b");
}

TEST(FilterTest, UnitsAndTimes) {  // CONTRACT L6
  EXPECT_EQ(Passing(kRecords, "bytes >= 2k"), "b c");
  EXPECT_EQ(Passing(kRecords, "bytes > 1.5k and bytes <= 2Ki"), "b");
  EXPECT_EQ(Passing(kRecords, "start >= '2023-11-14T23:00:00Z'"), "c");
  EXPECT_EQ(Passing(kRecords, "start = 1700000060"), "b");
  EXPECT_EQ(Passing(kRecords, "duration = 1m"), "a b c n");
  EXPECT_EQ(Passing(kRecords, "duration < 60"), "z v") << "the duration of x is null: it has no end";
}

TEST(FilterTest, ComparesTextBytewise) {
  EXPECT_EQ(Passing(kRecords, "interface-id > 'n'"), "z v x");
  EXPECT_EQ(Passing(kRecords, "interface-id between 'b' and 'n'"), "b c n");
  EXPECT_EQ(Passing("interface-id\na\nA\n\xc3\xa9\n", "interface-id > 'b'"), "\xc3\xa9");
}

TEST(FilterTest, HasLooksForEveryNamedBit) {  // CONTRACT L7
  constexpr char kFlags[] = "interface-id tcp-flags\na 2\nb 18\nc 19\nd 0\ne -\nf 3\n";
  EXPECT_EQ(Passing(kFlags, "tcp-flags has SYN"), "a b c f");
  EXPECT_EQ(Passing(kFlags, "tcp-flags has SYN, ACK"), "b c");
  EXPECT_EQ(Passing(kFlags, "tcp-flags has SYN-ACK"), "b c");
  EXPECT_EQ(Passing(kFlags, "tcp-flags not has ACK"), "a d f");
  EXPECT_EQ(Passing(kFlags, "tcp-flags = SYN-ACK"), "b");
}

// ---- L7: like and ~ -------------------------------------------------------------------------------------------------

TEST(LikeTest, MatchesTheWholeValue) {  // CONTRACT L7
  using fl::MatchesLike;
  EXPECT_TRUE(MatchesLike("abc", "abc"));
  EXPECT_FALSE(MatchesLike("abc", "ab"));
  EXPECT_FALSE(MatchesLike("abc", "bc"));
  EXPECT_FALSE(MatchesLike("abc", "ABC")) << "case-sensitive";
  EXPECT_TRUE(MatchesLike("abc", "a%"));
  EXPECT_TRUE(MatchesLike("abc", "%c"));
  EXPECT_TRUE(MatchesLike("abc", "%b%"));
  EXPECT_TRUE(MatchesLike("abc", "a_c"));
  EXPECT_FALSE(MatchesLike("ac", "a_c"));
  EXPECT_TRUE(MatchesLike("", "%"));
  EXPECT_FALSE(MatchesLike("", "_"));
  EXPECT_TRUE(MatchesLike("aaab", "%a%ab"));
  EXPECT_TRUE(MatchesLike("a%b", "a%b"));
  EXPECT_FALSE(MatchesLike("mississippi", "m%iss%iss%iss%"));
}

TEST(LikeTest, AnUnderscoreIsOneCharacterOfUtf8) {
  using fl::MatchesLike;
  EXPECT_TRUE(MatchesLike("caf\xc3\xa9", "caf_"));
  EXPECT_FALSE(MatchesLike("caf\xc3\xa9", "caf__"));
  EXPECT_TRUE(MatchesLike("\xf0\x9f\x98\x80x", "_x"));
  EXPECT_TRUE(MatchesLike("\xc3\xa9\xc3\xa9", "%\xc3\xa9"));
}

// The plain definition, one character after the other.
bool PlainLike(const std::string& text, const std::string& pattern, size_t t = 0, size_t p = 0) {
  if (p == pattern.size()) return t == text.size();
  if (pattern[p] == '%') {
    for (size_t i = t; i <= text.size(); ++i) {
      if (PlainLike(text, pattern, i, p + 1)) return true;
    }
    return false;
  }
  return t < text.size() && (pattern[p] == '_' || pattern[p] == text[t]) && PlainLike(text, pattern, t + 1, p + 1);
}

TEST(LikeTest, AgreesWithItsDefinitionOnRandomPatterns) {
  Random random(1);
  for (size_t i = 0; i < Cases(20'000); ++i) {
    std::string text, pattern;
    for (size_t n = random.Below(9); n > 0; --n) text += random.Of({"a", "b"});
    for (size_t n = random.Below(7); n > 0; --n) pattern += random.Of({"a", "b", "%", "_"});
    ASSERT_EQ(fl::MatchesLike(text, pattern), PlainLike(text, pattern)) << text << " like " << pattern;
  }
}

TEST(LikeTest, IsNotExponential) {
  EXPECT_FALSE(fl::MatchesLike(std::string(3000, 'a') + "b", "%a%a%a%a%a%a%a%a%a%c"));
}

TEST(FilterTest, LikeAndRegularExpressions) {
  constexpr char kTexts[] = "interface-id account-id\na eni-12\nb caf\xc3\xa9\nc ENI-12\nd -\ne x.eni-12.y\n";
  EXPECT_EQ(Passing(kTexts, "account-id like 'eni-%'"), "a");
  EXPECT_EQ(Passing(kTexts, "account-id like '%eni%'"), "a e");
  EXPECT_EQ(Passing(kTexts, "account-id like 'caf_'"), "b");
  EXPECT_EQ(Passing(kTexts, "account-id not like 'eni%'"), "b c e");
  EXPECT_EQ(Passing(kTexts, "account-id ~ 'eni-[0-9]+'"), "a e");
  EXPECT_EQ(Passing(kTexts, "account-id ~ '^eni-[0-9]+$'"), "a");
  EXPECT_EQ(Passing(kTexts, "account-id ~ '(?i)^eni'"), "a c");
  EXPECT_EQ(Passing(kTexts, "account-id ~ '^caf.$'"), "b");
  EXPECT_EQ(Passing(kTexts, "account-id !~ 'eni'"), "b c");
}

TEST(FilterTest, TextTestsOnAddressesReadTheirCanonicalText) {
  EXPECT_EQ(Passing(kRecords, "srcaddr like '10.0.0._'"), "a c z");
  EXPECT_EQ(Passing(kRecords, "srcaddr ~ 'db8::1$'"), "v");
  EXPECT_EQ(Passing(kRecords, "dstaddr like '10.0.0.3'"), "x");
}

TEST(FilterTest, TagsAreSeenDecoded) {  // CONTRACT F8
  constexpr char kTags[] = "interface-id instance-tag\na my%2Dapp\nb my-app\nc %2D\nd -\ne %zz\n";
  EXPECT_EQ(Passing(kTags, "instance-tag = 'my-app'"), "a b");
  EXPECT_EQ(Passing(kTags, "instance-tag = '-'"), "c");
  EXPECT_EQ(Passing(kTags, "instance-tag is null"), "d");
  EXPECT_EQ(Passing(kTags, "instance-tag like '%zz'"), "e");
}

TEST(FilterTest, LargeSetsMatchLikeSmallOnes) {
  std::string text = "interface-id dstport account-id srcaddr\n", expected;
  std::string ports = "dstport in (", accounts = "account-id in (", addresses = "srcaddr in (";
  for (int i = 0; i < 200; ++i) {
    const std::string n = std::to_string(i);
    text += n + " " + n + " a" + n + " 10.0.0." + n + "\n";
    if (i % 3 != 0) continue;
    expected += (i == 0 ? "" : " ") + n;
    for (std::string* set : {&ports, &accounts, &addresses}) *set += i == 0 ? "" : ", ";
    ports += n;
    accounts += "'a" + n + "'";
    addresses += "10.0.0." + n;
  }
  for (const std::string& filter : {ports, accounts, addresses}) EXPECT_EQ(Passing(text, filter + ")"), expected);
}

TEST(FilterTest, SeveralFiltersMustAllBeTrue) {
  EXPECT_EQ(Values(ScanText(kRecords).Filter("accepted").Filter("dstport = 22").Select({"interface-id"})), "v x");
}

// Former bugs.

TEST(LikeTest, AByteThatIsNoUtf8IsOneCharacter) {
  using fl::MatchesLike;
  EXPECT_TRUE(MatchesLike("a\x80", "__"));
  EXPECT_FALSE(MatchesLike("a\x80", "_"));
  EXPECT_TRUE(MatchesLike("\x80\x80\x80", "___"));
  EXPECT_TRUE(MatchesLike("\xc3", "_"));
  EXPECT_TRUE(MatchesLike("a\x80", "%\x80"));
}

}  // namespace
