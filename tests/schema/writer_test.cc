#include "flowlogs/schema/writer.h"

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "flowlogs/parse/record.h"

namespace flowlogs {
namespace {

Format F(std::string_view text) { return *Format::Parse(text); }

Record Parsed(const std::string& line, const Format& format) {
  Record record;
  EXPECT_EQ(ParseRecord(std::string_view(line), format, &record), ParseError::kOk) << line;
  return record;
}

std::string Written(const Record& record, const Format& format) {
  std::string out;
  std::string error;
  EXPECT_TRUE(format.Write(record, &out, &error)) << error;
  return out;
}

TEST(EncodeTag, LeavesLettersDigitsDotAndUnderscore) {
  EXPECT_EQ(EncodeTag("Web_1.2"), "Web_1.2");
  EXPECT_EQ(EncodeTag("my-app"), "my%2Dapp");
  EXPECT_EQ(EncodeTag("team a"), "team%20a");
  EXPECT_EQ(EncodeTag("-"), "%2D");
  EXPECT_EQ(EncodeTag("caf\xC3\xA9+%"), "caf%C3%A9%2B%25");
}

TEST(EncodeTag, IsUndoneByDecodeTagForEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(DecodeTag(EncodeTag(all)), all);
}

TEST(IsoTime, WritesDatesOfTheCalendar) {
  EXPECT_EQ(IsoTime(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(IsoTime(951'782'400), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(IsoTime(1'788'220'799), "2026-08-31T23:59:59.000Z");
  EXPECT_EQ(IsoTime(-5), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(IsoTime(INT64_MAX), "9999-12-31T23:59:59.000Z");
}

TEST(FormatWrite, GivesBackALineOfItsOwnFormat) {
  const std::string line =
      "2 123456789010 eni-1235b8ca 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK";
  EXPECT_EQ(Written(Parsed(line, Format::Default()), Format::Default()), line);
}

TEST(FormatWrite, PutsValuesByNameAndAHyphenForWhatIsMissing) {
  const std::string line = "10.0.0.1   00443\t- note";
  const Record record = Parsed(line, F("srcaddr srcport bytes my_note"));
  EXPECT_EQ(Written(record, F("my-note dstaddr bytes srcport srcaddr")), "note - - 00443 10.0.0.1");
}

TEST(FormatWrite, AppendsAndLeavesOutTheLineEnd) {
  const std::string line = "10.0.0.1 5\r\n";
  std::string out = "before|";
  EXPECT_TRUE(F("srcaddr bytes").Write(Parsed(line, F("srcaddr bytes")), &out));
  EXPECT_EQ(out, "before|10.0.0.1 5");
}

TEST(FormatWrite, KeepsTagsAndBrokenEscapesAsTheyStand) {
  const std::string line = "my%2Dapp %zz-% -";
  const Format format = F("instance-tag instance-tag-2 asg-tag");
  EXPECT_EQ(Written(Parsed(line, format), format), line);
}

TEST(FormatWrite, WritesCommaFiles) {
  const Format blank = F("account-id srcaddr instance-tag");
  const Format comma = blank.WithSeparator(Separator::kComma);
  const std::string line = ", 10.0.0.1 ,\"\"x\"\"";
  const Record record = Parsed(line, comma);
  EXPECT_EQ(Written(record, blank), "- 10.0.0.1 \"x\"");
  const std::string again = Written(record, comma);
  EXPECT_EQ(again, "-,10.0.0.1,\"\"x\"\"");
  EXPECT_EQ(Parsed(again, comma).raw(2), "\"x\"");
}

TEST(FormatWrite, EscapesACommaOfATagAndRefusesOneOfAText) {
  const Format blank = F("account-id instance-tag");
  const Format comma = blank.WithSeparator(Separator::kComma);
  const std::string tag = "1 a,%2,b";
  EXPECT_EQ(Written(Parsed(tag, blank), comma), "1,a%2C%2%2Cb");
  EXPECT_EQ(DecodeTag("a%2C%2%2Cb"), DecodeTag("a,%2,b"));
  const std::string text = "a,b 1";
  std::string out = "x";
  std::string error;
  EXPECT_FALSE(comma.Write(Parsed(text, blank), &out, &error));
  EXPECT_EQ(out, "x");
  EXPECT_EQ(error, "account-id: a comma, in a format separated by commas, in 'a,b'");
}

TEST(FormatWrite, WritesTheRecordsOwnTimeOrItsStartBeforeTheValues) {
  const Format plain = F("srcaddr start");
  const Format timed = plain.WithLeadingTime();
  const std::string exported = "1788220805123 10.0.0.1 1788220800";
  EXPECT_EQ(Written(Parsed(exported, timed), timed), exported);
  EXPECT_EQ(Written(Parsed(exported, timed), plain), "10.0.0.1 1788220800");
  const std::string line = "10.0.0.1 1788220800";
  EXPECT_EQ(Written(Parsed(line, plain), timed), "2026-09-01T00:00:00.000Z 10.0.0.1 1788220800");
}

TEST(FormatWrite, RefusesALineThatWouldBeAHeader) {
  const std::string line = "srcaddr 10.0.0.1 dstaddr";
  const Record record = Parsed(line, F("account-id srcaddr vpc-id"));
  std::string out;
  std::string error;
  EXPECT_FALSE(F("account-id vpc-id").Write(record, &out, &error));
  EXPECT_EQ(error, "line: it would be read as a header, 'srcaddr dstaddr'");
  EXPECT_EQ(out, "");
}

TEST(FormatWrite, HidesFieldNamesInTagsFromHeaders) {
  const std::string line = "srcaddr 10.0.0.1 region";
  const Record record = Parsed(line, F("instance-tag srcaddr vpc-id"));
  const std::string out = Written(record, F("instance-tag vpc-id"));
  EXPECT_EQ(out, "%73rcaddr region");
  EXPECT_EQ(Parsed(out, F("instance-tag vpc-id")).instance_tag(), "srcaddr");
}

TEST(FormatWrite, KeepsCarriageReturnsOfValues) {
  const Format format = F("account-id vpc-id");
  const std::string line = "a\rb c\r\r\n";
  const Record record = Parsed(line, format);
  EXPECT_EQ(record.raw(1), "c\r");
  const std::string out = Written(record, format) + "\n";
  const Record again = Parsed(out, format);
  EXPECT_EQ(again.raw(0), "a\rb");
  EXPECT_EQ(again.raw(1), "c\r");
}

TEST(LineWriter, WritesValueByValue) {
  const Format format = F("version account-id srcaddr instance-tag bytes");
  std::string out;
  LineWriter line(format, &out);
  line.Integer(2);
  line.Text("012345678901");
  line.Address(IpAddress::V4(0x0A000001));
  line.Tag("web server");
  line.Missing();
  EXPECT_TRUE(line.Finish());
  EXPECT_EQ(out, "2 012345678901 10.0.0.1 web%20server -");
}

TEST(LineWriter, NamesTheFieldOfAFault) {
  struct Case {
    const char* field;
    void (*write)(LineWriter&);
    const char* error;
  };
  const Case cases[] = {
      {"account-id", [](LineWriter& l) { l.Text("a b"); }, "account-id: a blank in 'a b'"},
      {"vpc-id", [](LineWriter& l) { l.Text("a\nb"); }, "vpc-id: a line end in 'a\nb'"},
      {"vpc-id", [](LineWriter& l) { l.Text("a\r"); }, "vpc-id: a line end in 'a\r'"},
      {"vpc-id", [](LineWriter& l) { l.Text(""); }, "vpc-id: a value that would be read as missing, ''"},
      {"vpc-id", [](LineWriter& l) { l.Text("-"); }, "vpc-id: a value that would be read as missing, '-'"},
      {"asg-tag", [](LineWriter& l) { l.Tag(""); }, "asg-tag: a value that would be read as missing, ''"},
      {"srcport", [](LineWriter& l) { l.Integer(int64_t{1} << 31); }, "srcport: over the range of int32, '2147483648'"},
      {"bytes", [](LineWriter& l) { l.Integer(-1); }, "bytes: a negative number, '-1'"},
      {"start", [](LineWriter& l) { l.Integer(100'000'000'000); },
       "start: seconds from 10^11 are read as milliseconds, '100000000000'"},
      {"bytes", [](LineWriter&) {}, "bytes: no value; the line ends ''"},
      {"bytes",
       [](LineWriter& l) {
         l.Integer(1);
         l.Integer(2);
       },
       "line: more values than the format has, at '2'"},
  };
  for (const Case& c : cases) {
    const Format format = F(c.field);
    std::string out = "kept";
    LineWriter line(format, &out);
    c.write(line);
    std::string error;
    EXPECT_FALSE(line.Finish(&error)) << c.error;
    EXPECT_EQ(error, c.error);
    EXPECT_EQ(out, "kept");
  }
}

// Lines of any bytes, of any format, into any other: what is written has the same values.
TEST(FormatWrite, ReadsBackAsTheSameValues) {
  std::mt19937_64 random(1);
  auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::vector<std::string> tokens = {"-",       "0",        "007",  "4294967296",   "10.0.0.1", "::ffff:1.2.3.4",
                                           "a,b",     "\"",       "\"\"", "\"q\"",        "%2D",      "%zz,%2",
                                           "srcaddr", "dst_port", "\r",   "x\ry",         ",",        "1e5",
                                           "\xFF",    "region",   "%",    "1788220800123"};
  int refused = 0;
  for (int round = 0; round < 10'000; ++round) {
    auto format = [&] {
      std::vector<std::string> names;
      for (const FieldInfo& info : AllFields()) {
        if (below(18) == 0) names.emplace_back(info.name);
      }
      names.emplace_back("instance-tag-2");
      names.emplace_back("my-own");
      std::string text;
      while (!names.empty()) {
        const size_t i = below(names.size());
        if (text.find(names[i] + " ") == std::string::npos) text += names[i] + " ";
        names.erase(names.begin() + static_cast<std::ptrdiff_t>(i));
      }
      Format made = F(text);
      if (below(3) == 0) made = made.WithSeparator(Separator::kComma);
      return below(4) == 0 ? made.WithLeadingTime() : made;
    };
    const Format from = format();
    const Format to = below(3) == 0 ? from : format();
    const bool comma = from.separator() == Separator::kComma;
    std::string line = from.leading_time() ? "1788220800" : "";
    for (size_t i = 0; i < from.size(); ++i) {
      if (i > 0 || from.leading_time()) line += comma ? "," : below(9) == 0 ? " \t" : " ";
      std::string token = tokens[below(tokens.size())];
      if (comma && token.find(',') != std::string::npos) token = "";
      line += token;
    }
    Record record;
    if (ParseRecord(std::string_view(line), from, &record) != ParseError::kOk) continue;
    std::string out;
    std::string error;
    if (!to.Write(record, &out, &error)) {
      ++refused;
      EXPECT_TRUE(to.separator() == Separator::kComma || error.starts_with("line: ")) << error;
      continue;
    }
    EXPECT_FALSE(Format::FromHeader(out).has_value()) << out;
    for (const char* end : {"", "\n", "\r\n"}) {
      if (out.ends_with('\r') && *end == '\r') continue;  // it has its own
      const std::string whole = out + end;
      Record again;
      ASSERT_EQ(ParseRecord(std::string_view(whole), to, &again), ParseError::kOk) << out;
      for (const FormatColumn& column : to.columns()) {
        const int before = column.field ? from.IndexOf(*column.field) : from.IndexOf(column.name);
        const int after = to.IndexOf(column.name);
        ASSERT_EQ(again.state(after), record.state(before)) << column.name << "\n" << line << "\n" << out;
        if (record.state(before) == ValueState::kMissing) continue;
        if (column.type() == ValueType::kTag) {
          ASSERT_EQ(DecodeTag(again.raw(after)), DecodeTag(record.raw(before))) << line << "\n" << out;
        } else {
          ASSERT_EQ(again.raw(after), record.raw(before)) << line << "\n" << out;
        }
      }
    }
  }
  EXPECT_LT(refused, 5'000);
}

}  // namespace
}  // namespace flowlogs
