// Values (CONTRACT F4 to F8).
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/schema/value.h"

namespace {

namespace fl = flowlogs;
using fl::ValueState;
using fl::ValueType;

constexpr auto kNone = std::nullopt;

TEST(ParseIntegerTest, ReadsDecimalDigits) {  // CONTRACT F6
  EXPECT_EQ(fl::ParseInteger("0"), 0);
  EXPECT_EQ(fl::ParseInteger("443"), 443);
  EXPECT_EQ(fl::ParseInteger("007"), 7);
  EXPECT_EQ(fl::ParseInteger("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(fl::ParseInteger(std::string(100, '0') + "12"), 12);
}

TEST(ParseIntegerTest, ReadsNothingElse) {
  for (std::string_view token : {"", "-", "-1", "+1", "0x10", "1_0", "1.0", "1e3", " 1", "1 ", "x", "1x", "\xd9\xa1"}) {
    EXPECT_EQ(fl::ParseInteger(token), kNone) << token;
  }
  EXPECT_EQ(fl::ParseInteger(std::string_view("1\0", 2)), kNone);
  for (int c = 0; c < 256; ++c) {
    const char token[] = {'1', static_cast<char>(c)};
    EXPECT_EQ(fl::ParseInteger({token, 2}).has_value(), c >= '0' && c <= '9') << c;
  }
}

TEST(ParseIntegerTest, OverflowIsBad) {
  EXPECT_EQ(fl::ParseInteger("9223372036854775808"), kNone);
  EXPECT_EQ(fl::ParseInteger("18446744073709551615"), kNone);
  EXPECT_EQ(fl::ParseInteger("18446744073709551616"), kNone);
  EXPECT_EQ(fl::ParseInteger("18446744073709551617"), kNone) << "what would wrap around to 1";
  EXPECT_EQ(fl::ParseInteger(std::string(40, '9')), kNone);
  EXPECT_EQ(fl::ParseInteger("256", 255), kNone);
  EXPECT_EQ(fl::ParseInteger("255", 255), 255);
}

TEST(ParseIntegerOfTest, HasTheRangeOfTheField) {
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kInt32, "2147483647"), 2147483647);
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kInt32, "2147483648"), kNone);
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kInt64, "2147483648"), 2147483648);
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kInt64, "9223372036854775808"), kNone);
}

TEST(ParseIntegerOfTest, TimesOfTenToTheEleventhAndMoreAreMilliseconds) {
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kTime, "1700000000"), 1700000000);
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kTime, "99999999999"), 99999999999);
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kTime, "100000000000"), 100000000);
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kTime, "1700000000999"), 1700000000) << "rounded down";
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kTime, "0"), 0);
  EXPECT_EQ(fl::ParseIntegerOf(ValueType::kInt64, "1700000000999"), 1700000000999) << "only times are";
}

TEST(DecodeTagTest, DecodesPercentEscapes) {  // CONTRACT F8
  EXPECT_EQ(fl::DecodeTag("my%2Dapp"), "my-app");
  EXPECT_EQ(fl::DecodeTag("a%20b%2fc"), "a b/c");
  EXPECT_EQ(fl::DecodeTag("caf%C3%A9"), "caf\xc3\xa9");
  EXPECT_EQ(fl::DecodeTag("%2D"), "-");
  EXPECT_EQ(fl::DecodeTag("%00"), std::string(1, '\0'));
  EXPECT_EQ(fl::DecodeTag(""), "");
}

TEST(DecodeTagTest, ABrokenEscapeStaysAsItIs) {
  for (std::string_view text : {"%", "100%", "%4", "%zz", "%4g", "%%", "a%", "+"}) EXPECT_EQ(fl::DecodeTag(text), text);
  EXPECT_EQ(fl::DecodeTag("%%41"), "%A");
  EXPECT_EQ(fl::DecodeTag("%2541"), "%41") << "once, not again";
  EXPECT_EQ(fl::DecodeTag("%4%41"), "%4A");
}

TEST(StateOfTest, TellsMissingBadAndPresent) {  // CONTRACT F4, F5
  EXPECT_EQ(fl::StateOf(ValueType::kInt32, "-"), ValueState::kMissing);
  EXPECT_EQ(fl::StateOf(ValueType::kText, "-"), ValueState::kMissing);
  EXPECT_EQ(fl::StateOf(ValueType::kTag, "-"), ValueState::kMissing);
  EXPECT_EQ(fl::StateOf(ValueType::kTag, "%2D"), ValueState::kPresent);
  EXPECT_EQ(fl::StateOf(ValueType::kInt32, "0"), ValueState::kPresent);
  EXPECT_EQ(fl::StateOf(ValueType::kInt32, "2147483648"), ValueState::kBad);
  EXPECT_EQ(fl::StateOf(ValueType::kInt64, "2147483648"), ValueState::kPresent);
  EXPECT_EQ(fl::StateOf(ValueType::kTime, "x"), ValueState::kBad);
  EXPECT_EQ(fl::StateOf(ValueType::kAddress, "10.0.0.1"), ValueState::kPresent);
  EXPECT_EQ(fl::StateOf(ValueType::kAddress, "10.0.0.01"), ValueState::kBad);
  EXPECT_EQ(fl::StateOf(ValueType::kText, "\xff"), ValueState::kPresent);
  EXPECT_EQ(fl::StateOf(ValueType::kText, "--"), ValueState::kPresent);
}

static_assert(fl::ParseInteger("443") == 443 && fl::IsMissing("-") && !fl::IsMissing("") && !fl::IsMissing("--"));

}  // namespace
