#include "flowlogs/parse/stats.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flowlogs {
namespace {

std::string Json(std::string_view text) {
  std::string out = "before ";
  AppendJsonString(text, &out);
  EXPECT_TRUE(out.starts_with("before "));
  return out.substr(7);
}

// ---- AppendJsonString -----------------------------------------------------------------------------------------------

TEST(AppendJsonStringTest, PlainTextIsQuoted) {
  EXPECT_EQ(Json(""), R"("")");
  EXPECT_EQ(Json("eni-0a1b2c3d"), R"("eni-0a1b2c3d")");
  EXPECT_EQ(Json("a / b 'c' <d> &e"), R"("a / b 'c' <d> &e")");
}

TEST(AppendJsonStringTest, QuotesBackslashesAndControlCharactersAreEscaped) {
  EXPECT_EQ(Json("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Json("a\tb\nc\rd"), R"("a\tb\nc\rd")");
  EXPECT_EQ(Json(std::string_view("\0\x01\x08\x0C\x1B[2J\x1F\x7F", 10)),
            R"("\u0000\u0001\u0008\u000c\u001b[2J\u001f\u007f")");
}

TEST(AppendJsonStringTest, ControlsBeyondAsciiAreEscapedToo) {
  EXPECT_EQ(Json("\xC2\x9B" "2J"), R"("\u009b2J")");                        // CSI of eight-bit terminals
  EXPECT_EQ(Json("\xC2\x85\xE2\x80\xA8\xE2\x80\xA9"), R"("\u0085\u2028\u2029")");  // line ends to some readers
  EXPECT_EQ(Json("\xE2\x80\xAE" "gpj"), R"("\u202egpj")");                  // right to left from here on
}

TEST(AppendJsonStringTest, Utf8StaysAsItIs) {
  for (const char* text : {"\xC2\xA0", "\xC3\xA9", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(Json(text), '"' + std::string(text) + '"');
  }
}

TEST(AppendJsonStringTest, BytesThatAreNotUtf8AreWrittenAsBackslashXAndTwoDigits) {
  for (const auto& [text, json] : std::vector<std::pair<std::string, std::string>>{
           {"\xFF", R"("\\xff")"},
           {"a\x80z", R"("a\\x80z")"},                       // a continuation byte alone
           {"\xC3", R"("\\xc3")"},                           // cut off
           {"\xE2\x82", R"("\\xe2\\x82")"},
           {"\xF0\x9F\x98", R"("\\xf0\\x9f\\x98")"},
           {"\xC3z", R"("\\xc3z")"},                         // the next character is not eaten
           {"\xE2\x82\"", R"("\\xe2\\x82\"")"},
           {"\xC0\xAF", R"("\\xc0\\xaf")"},                  // overlong
           {"\xC1\xBF", R"("\\xc1\\xbf")"},
           {"\xE0\x9F\xBF", R"("\\xe0\\x9f\\xbf")"},
           {"\xF0\x8F\xBF\xBF", R"("\\xf0\\x8f\\xbf\\xbf")"},
           {"\xED\xA0\x80", R"("\\xed\\xa0\\x80")"},         // a surrogate
           {"\xF4\x90\x80\x80", R"("\\xf4\\x90\\x80\\x80")"},  // beyond U+10FFFF
           {"\xF5\x80\x80\x80", R"("\\xf5\\x80\\x80\\x80")"},
           {"\xC3\xA9\xC3", "\"\xC3\xA9\\\\xc3\""}}) {
    EXPECT_EQ(Json(text), json);
  }
}

TEST(AppendJsonStringTest, NoByteIsReadBeyondATextThatEndsInTheMiddleOfACharacter) {
  for (const std::string_view whole : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::vector<char> block(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(Json({block.data(), block.size()}).size(), 2 + 5 * size);
    }
  }
}

// ---- Stats ----------------------------------------------------------------------------------------------------------

TEST(StatsTest, ToJsonHasEveryKeyInTheOrderOfTheContractAlsoWhenNothingWasRead) {  // CONTRACT P6
  EXPECT_EQ(Stats().ToJson(),
            R"({"bytes":0,"lines":0,"records":0,"headers":0,"blank":0,"problems":{},"bad_values":{},"nodata":0,)"
            R"("skipdata":0,"skipped":0,"formats":[],"new_fields":[],"inputs":0,"errors":[],"complete":true,)"
            R"("samples":[]})");
}

TEST(StatsTest, ToJsonWritesEveryMember) {  // CONTRACT P6
  Stats stats;
  stats.bytes = 1;
  stats.lines = 2;
  stats.records = 3;
  stats.headers = 4;
  stats.blank = 5;
  stats.problems = {{"too-few-values", 6}, {"too-many-values", 7}};
  stats.bad_values = {{"dstport", 8}};
  stats.nodata = 9;
  stats.skipdata = 10;
  stats.skipped = 11;
  stats.formats = {{{"version", "pkt-srcaddr"}, 12}, {{"start"}, 13}};
  stats.new_fields = {"vpc_id", "colour"};
  stats.inputs = 14;
  stats.errors = {{"a.log.gz", 15, "the stream is cut off"}, {"b.log", 16, "m"}};
  stats.complete = false;
  stats.samples = {{"c.log", 17, "bad-value: dstport", "2 1 eni-1"}, {"d.log", 18, "r", "t"}};
  EXPECT_EQ(stats.ToJson(),
            R"({"bytes":1,"lines":2,"records":3,"headers":4,"blank":5,)"
            R"("problems":{"too-few-values":6,"too-many-values":7},"bad_values":{"dstport":8},)"
            R"("nodata":9,"skipdata":10,"skipped":11,)"
            R"("formats":[{"fields":["version","pkt-srcaddr"],"records":12},{"fields":["start"],"records":13}],)"
            R"("new_fields":["vpc_id","colour"],"inputs":14,)"
            R"("errors":[{"source":"a.log.gz","offset":15,"message":"the stream is cut off"},)"
            R"({"source":"b.log","offset":16,"message":"m"}],"complete":false,)"
            R"("samples":[{"source":"c.log","line":17,"reason":"bad-value: dstport","text":"2 1 eni-1"},)"
            R"({"source":"d.log","line":18,"reason":"r","text":"t"}]})");
}

TEST(StatsTest, ToJsonIsOneLineOfValidJsonWhateverTheLinesHeld) {
  Stats stats;
  stats.bytes = UINT64_MAX;
  stats.problems = {{"\"", 1}};
  stats.samples = {{"dir\\a\nb", 1, "r", "2 \x1B[31m \xFF \xF0\x9F"}};
  const std::string json = stats.ToJson();
  EXPECT_NE(json.find(R"({"bytes":18446744073709551615,)"), std::string::npos);
  EXPECT_NE(json.find(R"("problems":{"\"":1})"), std::string::npos);
  EXPECT_TRUE(json.ends_with(
      R"("samples":[{"source":"dir\\a\nb","line":1,"reason":"r","text":"2 \u001b[31m \\xff \\xf0\\x9f"}]})"));
  for (const char c : json) EXPECT_TRUE(c >= ' ' && c <= '~');
}

TEST(StatsTest, ProblemAndBadValueCountsAreTheSumsOverAllReasonsAndFields) {  // CONTRACT F9
  Stats stats;
  EXPECT_EQ(stats.problem_count(), 0u);
  EXPECT_EQ(stats.bad_value_count(), 0u);
  stats.problems = {{"a", 1}, {"b", 20}};
  stats.bad_values = {{"dstport", 300}, {"srcaddr", 4000}};
  EXPECT_EQ(stats.problem_count(), 21u);
  EXPECT_EQ(stats.bad_value_count(), 4300u);
}

}  // namespace
}  // namespace flowlogs
