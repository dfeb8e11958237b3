// Formats and headers (CONTRACT F1, F2).
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/schema/format.h"

namespace {

namespace fl = flowlogs;
using fl::Format;
using fl::Separator;

// The header of the format, or the error.
std::string Parsed(std::string_view text) {
  std::string error = "no error was given";
  const std::optional<Format> format = Format::Parse(text, &error);
  return format ? format->Header() : error;
}

TEST(FormatTest, KnowsTheDefaults) {
  EXPECT_EQ(Format::Default().size(), 14u);
  EXPECT_EQ(Format::Default().Header(),
            "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
            "log-status");
  EXPECT_EQ(Format::TransitGateway().size(), 36u);
  EXPECT_EQ(Format::All().size(), 54u);
  for (const Format& format : {Format::Default(), Format::TransitGateway(), Format::All()}) {
    EXPECT_EQ(format.separator(), Separator::kBlank);
    EXPECT_FALSE(format.leading_time());
    for (const fl::FormatColumn& column : format.columns()) EXPECT_TRUE(column.field.has_value()) << column.name;
  }
}

TEST(FormatTest, EveryFieldIsInTheVpcFormatOrTheTransitGatewayFormatOrBoth) {
  size_t found = 0;
  for (const fl::FieldInfo& info : fl::AllFields()) {
    const bool vpc = Format::All().IndexOf(info.field) >= 0,
               gateway = Format::TransitGateway().IndexOf(info.field) >= 0;
    EXPECT_EQ(vpc, info.product != fl::Product::kTransitGateway) << info.name;
    EXPECT_EQ(gateway, info.product != fl::Product::kVpc) << info.name;
    found += vpc || gateway;
  }
  EXPECT_EQ(found, 72u);
}

// ---- Parse: CONTRACT F1 ---------------------------------------------------------------------------------------------

TEST(FormatTest, ReadsDollarBraces) {
  EXPECT_EQ(Parsed("${version} ${account-id}"), "version account-id");
  EXPECT_EQ(Parsed("$${version} $${account-id}"), "version account-id") << "as Terraform writes it";
  EXPECT_EQ(Parsed("  ${version}\t\n${srcaddr} "), "version srcaddr");
}

TEST(FormatTest, ReadsPlainNamesBetweenBlanksOrCommas) {
  EXPECT_EQ(Parsed("version srcaddr"), "version srcaddr");
  EXPECT_EQ(Parsed("version,srcaddr"), "version srcaddr");
  EXPECT_EQ(Parsed("version, srcaddr\tbytes\n"), "version srcaddr bytes");
  EXPECT_EQ(Format::Parse("version,srcaddr")->separator(), Separator::kBlank)
      << "commas keep the names apart, not values";
}

TEST(FormatTest, NamesMayHaveHyphensOrUnderscores) {
  EXPECT_EQ(Parsed("pkt_srcaddr pkt-dstaddr instance_tag-2"), "pkt-srcaddr pkt-dstaddr instance-tag-2");
  EXPECT_EQ(Parsed("${log_status}"), "log-status");
}

TEST(FormatTest, AnyOrderAndSubsetWillDo) {
  EXPECT_EQ(Parsed("bytes srcaddr version"), "bytes srcaddr version");
  EXPECT_EQ(Parsed("dstport"), "dstport");
  std::string all;
  for (const fl::FieldInfo& info : fl::AllFields()) all = std::string(info.name) + " " + all;
  EXPECT_EQ(Parsed(all) + " ", all);
}

TEST(FormatTest, UnknownNamesAreKeptAsTextColumns) {
  const std::optional<Format> format = Format::Parse("srcaddr my-own Other_1");
  ASSERT_TRUE(format.has_value());
  EXPECT_EQ(format->Header(), "srcaddr my-own Other_1");
  EXPECT_EQ(format->columns()[1].type(), fl::ValueType::kText);
  EXPECT_FALSE(format->columns()[1].field.has_value());
  EXPECT_EQ(format->columns()[1].column_name(), "my_own");
  EXPECT_EQ(format->columns()[0].column_name(), "srcaddr");
  EXPECT_EQ(format->IndexOf("my_own"), 1);
  EXPECT_EQ(format->IndexOf("my-own"), 1);
  EXPECT_EQ(format->IndexOf("other_1"), -1);
}

TEST(FormatTest, ANameTwiceIsAnError) {
  EXPECT_EQ(Parsed("srcaddr srcaddr"), "format: 'srcaddr' stands in it twice; a field may occur once");
  EXPECT_EQ(Parsed("${pkt-srcaddr} ${pkt_srcaddr}"),
            "format: 'pkt-srcaddr' stands in it twice; a field may occur once");
  EXPECT_EQ(Parsed("srcaddr my-own my_own"), "format: 'my_own' stands in it twice; a field may occur once");
}

TEST(FormatTest, NoFieldIsAnError) {
  EXPECT_EQ(Parsed(""), "format: no field in ''; name at least one, as in ${srcaddr}");
  EXPECT_EQ(Parsed(" \t"), "format: no field in ' \t'; name at least one, as in ${srcaddr}");
  EXPECT_EQ(Parsed("srcadr"), "format: 'srcadr' is no field, nor is any other name in it; did you mean srcaddr?");
  EXPECT_EQ(Parsed("qqqqqq zzzzzz"),
            "format: 'qqqqqq' is no field, nor is any other name in it; `flowlogs fields` lists them");
}

TEST(FormatTest, ABrokenStringIsAnError) {
  EXPECT_EQ(Parsed("${version} srcaddr}"), "format: 'srcaddr}' is not of the form ${name}; did you mean ${srcaddr}?");
  EXPECT_EQ(Parsed("${version ${srcaddr}"), "format: '${version' is not of the form ${name}; did you mean ${version}?");
  EXPECT_EQ(Parsed("${version}${srcaddr}").substr(0, 29), "format: '${version}${srcaddr}");
  EXPECT_EQ(Parsed("${}"), "format: '${}' is no field name; `flowlogs fields` lists them");
  EXPECT_EQ(Parsed("srcaddr 10.0.0.1"), "format: '10.0.0.1' is no field name; `flowlogs fields` lists them");
  EXPECT_EQ(Parsed("srcaddr -"), "format: '-' is no field name; `flowlogs fields` lists them");
  EXPECT_EQ(Parsed("srcaddr b\xc3\xa4ytes").substr(0, 9), "format: '");
  EXPECT_EQ(Parsed("srcaddr dstadd!"), "format: 'dstadd!' is no field name; did you mean dstaddr?");
}

TEST(FormatTest, HasAtMost256Columns) {
  std::string names = "bytes";
  for (size_t i = 1; i < 256; ++i) names += " c" + std::to_string(i);
  EXPECT_EQ(Format::Parse(names)->size(), 256u);
  EXPECT_EQ(Parsed(names + " more"), "format: more than 256 fields, at 'more'");
  EXPECT_FALSE(Format::Parse(names + " more").has_value()) << "without a place for the error, too";
}

TEST(FormatTest, WritesWhatItReads) {
  for (const Format& format :
       {Format::Default(), Format::TransitGateway(), Format::All(), *Format::Parse("bytes my-own")}) {
    EXPECT_EQ(*Format::Parse(format.ToString()), format);
    EXPECT_EQ(*Format::Parse(format.Header()), format);
  }
  EXPECT_EQ(Format::Parse("version srcaddr")->ToString(), "${version} ${srcaddr}");
}

// ---- FromHeader: CONTRACT F2 ----------------------------------------------------------------------------------------

bool IsHeader(std::string_view line, bool first = false) { return Format::FromHeader(line, first).has_value(); }

TEST(FromHeaderTest, TakesLinesOfDistinctNamesOfWhichHalfAreFields) {
  EXPECT_TRUE(IsHeader("version srcaddr"));
  EXPECT_TRUE(IsHeader("  version\tsrcaddr \r\n"));
  EXPECT_TRUE(IsHeader("version srcaddr a b"));
  EXPECT_FALSE(IsHeader("version srcaddr a b c"));
  EXPECT_FALSE(IsHeader("version a"));
  EXPECT_FALSE(IsHeader("version version"));
  EXPECT_FALSE(IsHeader("pkt-srcaddr pkt_srcaddr"));
  EXPECT_FALSE(IsHeader("hello world"));
  EXPECT_FALSE(IsHeader(""));
  EXPECT_FALSE(IsHeader(" \t\r\n"));
  EXPECT_FALSE(IsHeader("Version SrcAddr")) << "names are in lower case, as AWS writes them";
}

TEST(FromHeaderTest, RefusesLinesWithAValue) {
  for (std::string_view value : {"-", "2", "-5", "+5", "1.5", "10.0.0.1", "::", "2001:db8::1", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(IsHeader("version srcaddr " + std::string(value))) << value;
  }
  EXPECT_TRUE(IsHeader("version srcaddr 2nd"));
  EXPECT_TRUE(IsHeader("version srcaddr beef"));
  EXPECT_TRUE(IsHeader("version srcaddr 10.0.0.256"));
}

TEST(FromHeaderTest, OneNameIsAHeaderOnlyOnTheFirstLine) {
  EXPECT_TRUE(IsHeader("srcaddr", true));
  EXPECT_FALSE(IsHeader("srcaddr", false));
  EXPECT_FALSE(IsHeader("hello", true));
}

TEST(FromHeaderTest, CellsAreTheTokensOfACommaFile) {
  const std::optional<Format> format = Format::FromHeader("version, \"srcaddr\" ,my-own,pkt_srcaddr\r\n");
  ASSERT_TRUE(format.has_value());
  EXPECT_EQ(format->separator(), Separator::kComma);
  EXPECT_EQ(format->Header(), "version srcaddr my-own pkt-srcaddr");
  EXPECT_FALSE(IsHeader("version,srcaddr,"));
  EXPECT_FALSE(IsHeader("version,,srcaddr"));
  EXPECT_FALSE(IsHeader("version srcaddr,bytes"));
  EXPECT_FALSE(IsHeader("version,srcaddr,-"));
}

TEST(FromHeaderTest, ACarriageReturnIsBlankSpaceAndInNoName) {
  // A line that was converted twice ends in "\r\r\n"; blanks may stand behind the carriage return.
  for (std::string_view line :
       {"version srcaddr my-own\r\r\n", "  version\tsrcaddr\tmy-own\r\t \t", "\rversion srcaddr\r my-own",
        "version\rsrcaddr\r\rmy-own", "version,srcaddr\r,my-own\r \r\n", "version,\r srcaddr,my-own\r"}) {
    const std::optional<Format> format = Format::FromHeader(line);
    ASSERT_TRUE(format.has_value()) << line;
    EXPECT_EQ(format->Header(), "version srcaddr my-own") << line;
    EXPECT_EQ(format->WithSeparator(Separator::kBlank), *Format::Parse(line)) << line;
  }
  EXPECT_TRUE(IsHeader("srcaddr\r\r\n", true));
  EXPECT_FALSE(IsHeader("version srcaddr\r2 10.0.0.1\r")) << "lines that a carriage return ends are one line";
  EXPECT_FALSE(IsHeader("version,srcaddr,\"my\rown\"")) << "a quoted cell is a name as it stands";
  EXPECT_FALSE(IsHeader("version,srcaddr,\"my-own\r\""));
}

TEST(FromHeaderTest, TakesAtMost256Columns) {
  std::string names = "version srcaddr";
  for (const fl::FieldInfo& info : fl::AllFields().subspan(5)) names += " " + std::string(info.name);
  EXPECT_TRUE(IsHeader(names));
  std::string many = "version";
  for (size_t i = 0; i < 300; ++i) many += " srcaddr" + std::to_string(i);
  EXPECT_FALSE(IsHeader(many));
}

// ---- The handle -----------------------------------------------------------------------------------------------------

TEST(FormatTest, IsASharedHandle) {
  const Format a = *Format::Parse("srcaddr bytes"), b = a, c = *Format::Parse("srcaddr bytes");
  EXPECT_TRUE(a.IsSame(b));
  EXPECT_FALSE(a.IsSame(c));
  EXPECT_EQ(a, c);
  EXPECT_NE(a, *Format::Parse("bytes srcaddr"));
  EXPECT_NE(a, *Format::Parse("srcaddr"));
}

TEST(FormatTest, SeparatorAndLeadingTimeMakeAnotherFormat) {
  const Format plain = *Format::Parse("srcaddr bytes"), timed = plain.WithLeadingTime();
  const Format cells = plain.WithSeparator(Separator::kComma);
  EXPECT_NE(plain, timed);
  EXPECT_NE(plain, cells);
  EXPECT_EQ(timed.size(), 2u);
  EXPECT_EQ(timed.values_per_line(), 3u);
  EXPECT_EQ(plain.values_per_line(), 2u);
  EXPECT_EQ(cells.WithSeparator(Separator::kBlank), plain);
  EXPECT_TRUE(timed.WithSeparator(Separator::kComma).leading_time());
  EXPECT_EQ(timed.Header(), plain.Header());
  EXPECT_EQ(timed.IndexOf(fl::Field::kBytes), 1);
}

TEST(FormatTest, FindsColumnsByFieldAndByName) {
  const Format format = *Format::Parse("bytes my-own pkt-srcaddr");
  EXPECT_EQ(format.IndexOf(fl::Field::kPktSrcaddr), 2);
  EXPECT_EQ(format.IndexOf(fl::Field::kSrcaddr), -1);
  EXPECT_EQ(format.IndexOf("pkt_srcaddr"), 2);
  EXPECT_EQ(format.IndexOf("srcaddr"), -1);
  EXPECT_EQ(format.IndexOf(""), -1);
}

TEST(FormatTest, SuggestsTheNearestFieldName) {
  EXPECT_EQ(fl::NearestFieldName("srcadr"), "srcaddr");
  EXPECT_EQ(fl::NearestFieldName("src-addr"), "srcaddr");
  EXPECT_EQ(fl::NearestFieldName("Vpc_Id"), "vpc-id");
  EXPECT_EQ(fl::NearestFieldName("logstatus"), "log-status");
  EXPECT_EQ(fl::NearestFieldName("qqqqqq"), "");
  EXPECT_EQ(fl::NearestFieldName(""), "");
}

}  // namespace
