#include "flowlogs/query/table.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flowlogs {
namespace {

using std::optional;
using Texts = std::vector<optional<std::string>>;

constexpr TableFormat kAllFormats[] = {TableFormat::kTable, TableFormat::kCsv, TableFormat::kTsv, TableFormat::kJson,
                                       TableFormat::kNdjson};

Column TextColumn(std::string name, const Texts& values) {
  Column column(std::move(name), ColumnType::kText);
  for (const auto& value : values) value ? column.AppendText(*value) : column.AppendNull();
  return column;
}

Column IntColumn(std::string name, const std::vector<optional<int64_t>>& values, bool is_time = false) {
  Column column(std::move(name), ColumnType::kInt64, is_time);
  for (const auto& value : values) value ? column.AppendInt(*value) : column.AppendNull();
  return column;
}

Column DoubleColumn(std::string name, const std::vector<optional<double>>& values) {
  Column column(std::move(name), ColumnType::kDouble);
  for (const auto& value : values) value ? column.AppendDouble(*value) : column.AppendNull();
  return column;
}

Column AddressColumn(std::string name, const Texts& values) {
  Column column(std::move(name), ColumnType::kAddress);
  for (const auto& value : values) value ? column.AppendAddress(*IpAddress::Parse(*value)) : column.AppendNull();
  return column;
}

template <typename... Columns>
Table MakeTable(Columns... columns) {
  return Table({std::move(columns)...}, Stats());
}

// One row of each kind of value, and one of nulls. Distinct values, so that swapped columns are seen.
Table Mixed() {
  return MakeTable(AddressColumn("srcaddr", {"10.0.0.62", {}}), IntColumn("start", {1630628288, {}}, true),
                   IntColumn("bytes", {14, {}}), DoubleColumn("mean_bytes", {2.5, {}}),
                   TextColumn("action", {"ACCEPT", {}}));
}

// What is written for one text, header and line end taken off.
std::string Written(TableFormat format, std::string_view text) {
  const std::string out = MakeTable(IntColumn("n", {1}), TextColumn("t", {std::string(text)})).RenderRows(format);
  const std::string_view before = format == TableFormat::kCsv   ? "1,"
                                  : format == TableFormat::kTsv ? "1\t"
                                                                : "{\"n\":1,\"t\":";
  EXPECT_TRUE(out.starts_with(before)) << out;
  return out.substr(before.size(), out.size() - before.size() - (format == TableFormat::kNdjson ? 2 : 1));
}

// What people see of one text.
std::string Shown(std::string_view text) {
  const std::string out = MakeTable(TextColumn("t", {std::string(text)})).ToText();
  EXPECT_TRUE(out.starts_with("t\n"));
  return out.substr(2, out.size() - 3);
}

// ---- All formats ----------------------------------------------------------------------------------------------------

TEST(RenderTest, EveryFormatWritesTheSameTableInItsWay) {  // CONTRACT V2
  const Table table = Mixed();
  EXPECT_EQ(table.Render(TableFormat::kTable),
            "srcaddr    start                 bytes  mean_bytes  action\n"
            "10.0.0.62  2021-09-03T00:18:08Z     14         2.5  ACCEPT\n"
            "-          -                         -           -  -\n");
  EXPECT_EQ(table.Render(TableFormat::kCsv),
            "srcaddr,start,bytes,mean_bytes,action\n10.0.0.62,1630628288,14,2.5,ACCEPT\n,,,,\n");
  EXPECT_EQ(table.Render(TableFormat::kTsv),
            "srcaddr\tstart\tbytes\tmean_bytes\taction\n10.0.0.62\t1630628288\t14\t2.5\tACCEPT\n\t\t\t\t\n");
  const std::string rows[] = {
      R"({"srcaddr":"10.0.0.62","start":1630628288,"bytes":14,"mean_bytes":2.5,"action":"ACCEPT"})",
      R"({"srcaddr":null,"start":null,"bytes":null,"mean_bytes":null,"action":null})"};
  EXPECT_EQ(table.Render(TableFormat::kJson), "[\n" + rows[0] + ",\n" + rows[1] + "\n]\n");
  EXPECT_EQ(table.Render(TableFormat::kNdjson), rows[0] + "\n" + rows[1] + "\n");
  EXPECT_EQ(table.ToText(), table.Render(TableFormat::kTable));
  EXPECT_EQ(table.ToJson(), table.Render(TableFormat::kJson));
}

TEST(RenderTest, ATableWithoutRowsShowsItsHeader) {
  const Table table = MakeTable(IntColumn("bytes", {}), TextColumn("action", {}));
  EXPECT_EQ(table.Render(TableFormat::kTable), "bytes  action\n");
  EXPECT_EQ(table.Render(TableFormat::kCsv), "bytes,action\n");
  EXPECT_EQ(table.Render(TableFormat::kTsv), "bytes\taction\n");
  EXPECT_EQ(table.Render(TableFormat::kJson), "[]\n");
  EXPECT_EQ(table.Render(TableFormat::kNdjson), "");
}

TEST(RenderTest, ATableWithoutColumnsIsEmpty) {
  for (const TableFormat format : kAllFormats) {
    EXPECT_EQ(Table().Render(format), format == TableFormat::kJson ? "[]\n" : "");
  }
}

TEST(RenderTest, HeaderAndRowsAreTheWholeAndAreAppendedToABufferInUse) {
  const Table table = Mixed();
  for (const TableFormat format : kAllFormats) {
    std::string out = "before ";
    table.AppendHeader(format, &out);
    table.AppendRows(format, &out);
    EXPECT_EQ(out, "before " + table.RenderHeader(format) + table.RenderRows(format));
    const std::string whole = format == TableFormat::kJson ? "[\n" + table.RenderRows(format) + "\n]\n"
                                                           : table.RenderHeader(format) + table.RenderRows(format);
    EXPECT_EQ(table.Render(format), whole);
  }
}

TEST(RenderTest, ManyRowsAreWrittenAsEachAlone) {
  std::mt19937_64 random(3);
  constexpr size_t kRows = 5'000;
  std::vector<optional<int64_t>> numbers;
  Texts texts;
  for (size_t row = 0; row < kRows; ++row) {
    numbers.push_back(static_cast<int64_t>(random() >> (random() % 64)));
    std::string text;
    for (size_t n = random() % (row % 100 == 0 ? 3000 : 20); n > 0; --n) text += static_cast<char>(random());
    texts.emplace_back(text);
  }
  const Table table = MakeTable(IntColumn("n", numbers), TextColumn("t", texts));
  for (const TableFormat format : {TableFormat::kCsv, TableFormat::kTsv, TableFormat::kNdjson}) {
    std::string one_by_one;
    for (size_t row = 0; row < kRows; ++row) {
      one_by_one += MakeTable(IntColumn("n", {numbers[row]}), TextColumn("t", {texts[row]})).RenderRows(format);
    }
    EXPECT_TRUE(table.RenderRows(format) == one_by_one);
  }
}

// The grammar of RFC 3629, section 4, as it stands there; control characters other than \n are counted.
bool IsUtf8(std::string_view s, size_t* controls) {
  struct Form {
    int lead[2];
    int second[2];
    size_t length;
  };
  constexpr Form kForms[] = {{{0xC2, 0xDF}, {0x80, 0xBF}, 2}, {{0xE0, 0xE0}, {0xA0, 0xBF}, 3},
                             {{0xE1, 0xEC}, {0x80, 0xBF}, 3}, {{0xED, 0xED}, {0x80, 0x9F}, 3},
                             {{0xEE, 0xEF}, {0x80, 0xBF}, 3}, {{0xF0, 0xF0}, {0x90, 0xBF}, 4},
                             {{0xF1, 0xF3}, {0x80, 0xBF}, 4}, {{0xF4, 0xF4}, {0x80, 0x8F}, 4}};
  const auto within = [s](size_t i, const int (&range)[2]) {
    const int byte = i < s.size() ? static_cast<unsigned char>(s[i]) : -1;
    return byte >= range[0] && byte <= range[1];
  };
  for (size_t i = 0; i < s.size();) {
    const int byte = static_cast<unsigned char>(s[i]);
    if (byte < 0x80) {
      *controls += (byte < 0x20 && byte != '\n') || byte == 0x7F;
      ++i;
      continue;
    }
    const Form* form = std::find_if(std::begin(kForms), std::end(kForms),
                                    [&](const Form& f) { return within(i, f.lead) && within(i + 1, f.second); });
    if (form == std::end(kForms)) return false;
    for (size_t k = 2; k < form->length; ++k) {
      if (!within(i + k, {0x80, 0xBF})) return false;
    }
    *controls += byte == 0xC2 && static_cast<unsigned char>(s[i + 1]) < 0xA0;
    i += form->length;
  }
  return true;
}

TEST(RenderTest, WhateverTheBytesTheOutputIsUtf8WithoutControlsWherePeopleLook) {
  for (int lead = 0; lead < 256; ++lead) {
    std::string text;
    for (int next = 0; next < 256; ++next) {
      text += {static_cast<char>(lead), static_cast<char>(next)};
      if (next % 3 == 0) text += "\x80\xBF";
    }
    const Table table = MakeTable(TextColumn("name " + text, {text}));
    for (const TableFormat format : kAllFormats) {
      size_t controls = 0;
      EXPECT_TRUE(IsUtf8(table.Render(format), &controls)) << lead;
      EXPECT_TRUE(controls == 0 || format == TableFormat::kCsv || format == TableFormat::kTsv) << lead;
    }
  }
}

// ---- kTable ---------------------------------------------------------------------------------------------------------

TEST(RenderTableTest, NumbersAreRightAlignedTextIsLeftAlignedAndNoLineEndsInBlanks) {
  EXPECT_EQ(MakeTable(IntColumn("b", {5, 12345}), TextColumn("t", {"long text", "x"})).ToText(),
            "    b  t\n"
            "    5  long text\n"
            "12345  x\n");
  EXPECT_EQ(MakeTable(TextColumn("name", {"a", "bcdefg"}), DoubleColumn("mean", {0.5, 100000.25})).ToText(),
            "name         mean\n"
            "a             0.5\n"
            "bcdefg  100000.25\n");
}

TEST(RenderTableTest, WidthCountsCodePoints) {
  const std::string three = "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  EXPECT_EQ(MakeTable(TextColumn("t", {three, "abcd"}), IntColumn("n", {1, 2})).ToText(),
            "t     n\n" + three + "   1\nabcd  2\n");
}

TEST(RenderTableTest, AnEscapedTextTakesTheWidthOfWhatIsShown) {
  EXPECT_EQ(MakeTable(TextColumn("t", {"\x1B", "\xFF", "ab"}), IntColumn("n", {1, 2, 3})).ToText(),
            "t     n\n"
            "\\x1b  1\n"
            "\\xff  2\n"
            "ab    3\n");
}

TEST(RenderTableTest, ALogCannotDriveATerminal) {
  EXPECT_EQ(Shown("\x1B[2J\x1B]0;title\x07"), "\\x1b[2J\\x1b]0;title\\x07");
  EXPECT_EQ(Shown(std::string_view("\0\t\n\r\b\x7F|", 7)), "\\x00\\x09\\x0a\\x0d\\x08\\x7f|");
  EXPECT_EQ(Shown("\xC2\x9B" "2J"), "\\xc2\\x9b2J");
  EXPECT_EQ(Shown("a\xE2\x80\xAE" "b\xE2\x80\xA8"), "a\\xe2\\x80\\xaeb\\xe2\\x80\\xa8");
  EXPECT_EQ(Shown("\xFF\xC3"), "\\xff\\xc3");
  EXPECT_EQ(Shown("back\\slash \"quoted\""), "back\\slash \"quoted\"");
}

TEST(RenderTableTest, AColumnNameCannotDriveATerminalEither) {
  EXPECT_EQ(MakeTable(IntColumn("a\x1B[31m", {})).ToText(), "a\\x1b[31m\n");
}

TEST(RenderTableTest, TheTextsThatLookLikeNullOrNothingAreInQuotes) {  // CONTRACT F8: a decoded `-`
  EXPECT_EQ(Shown("-"), "\"-\"");
  EXPECT_EQ(Shown(""), "\"\"");
  EXPECT_EQ(Shown("--"), "--");
  EXPECT_EQ(Shown("a "), "a\\x20");
  EXPECT_EQ(Shown(" "), "\\x20");
}

TEST(RenderTableTest, TimesAreIsoWithZ) {
  for (const auto& [seconds, text] : std::vector<std::pair<int64_t, std::string>>{
           {0, "1970-01-01T00:00:00Z"}, {-1, "1969-12-31T23:59:59Z"}, {951782400, "2000-02-29T00:00:00Z"},
           {951868799, "2000-02-29T23:59:59Z"}, {951868800, "2000-03-01T00:00:00Z"},
           {1630628288, "2021-09-03T00:18:08Z"},
           {1735689599, "2024-12-31T23:59:59Z"}, {4107542399, "2100-02-28T23:59:59Z"},
           {4107542400, "2100-03-01T00:00:00Z"},
           {253402300799, "9999-12-31T23:59:59Z"}, {-62167219200, "0000-01-01T00:00:00Z"}}) {
    EXPECT_EQ(MakeTable(IntColumn("t", {seconds}, true)).ToText(), "t\n" + text + "\n");
  }
}

TEST(RenderTableTest, ATimeBeyondTheYear9999IsItsNumber) {
  for (const int64_t seconds : {int64_t{253402300800}, int64_t{-62167219201}, INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(MakeTable(IntColumn("t", {seconds}, true)).ToText(), "t\n" + std::to_string(seconds) + "\n");
  }
}

// ---- kCsv -----------------------------------------------------------------------------------------------------------

TEST(RenderCsvTest, QuotesWhatRfc4180Quotes) {
  EXPECT_EQ(Written(TableFormat::kCsv, "a b"), "a b");
  EXPECT_EQ(Written(TableFormat::kCsv, "a,b"), "\"a,b\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "\""), "\"\"\"\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "a\nb"), "\"a\nb\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "a\r\nb"), "\"a\r\nb\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "back\\slash"), "back\\slash");
}

TEST(RenderCsvTest, CellsThatASpreadsheetWouldRunAreMadeInert) {  // CONTRACT V2
  EXPECT_EQ(Written(TableFormat::kCsv, "=1+1"), "'=1+1");
  EXPECT_EQ(Written(TableFormat::kCsv, "+1"), "'+1");
  EXPECT_EQ(Written(TableFormat::kCsv, "-1"), "'-1");
  EXPECT_EQ(Written(TableFormat::kCsv, "@SUM(A1)"), "'@SUM(A1)");
  EXPECT_EQ(Written(TableFormat::kCsv, "\tx"), "\"'\tx\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "\rx"), "\"'\rx\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "\nx"), "\"'\nx\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "=cmd|' /C calc'!A0,\"x\""), "\"'=cmd|' /C calc'!A0,\"\"x\"\"\"");
  EXPECT_EQ(Written(TableFormat::kCsv, "\xEF\xBC\x9D" "1"), "'\xEF\xBC\x9D" "1");  // the wide equals sign
  EXPECT_EQ(Written(TableFormat::kCsv, "a=b+c-d@e"), "a=b+c-d@e");
  EXPECT_EQ(Written(TableFormat::kCsv, "x;=1"), "\"x;=1\"");  // no cell of its own where ; separates
}

TEST(RenderCsvTest, AColumnNameIsMadeInertAsWell) {
  EXPECT_EQ(MakeTable(IntColumn("=1,2", {}), IntColumn("b", {})).Render(TableFormat::kCsv), "\"'=1,2\",b\n");
}

TEST(RenderCsvTest, NumbersAreNotTouched) {
  EXPECT_EQ(MakeTable(IntColumn("a", {-5}), DoubleColumn("b", {-0.5})).RenderRows(TableFormat::kCsv), "-5,-0.5\n");
}

TEST(RenderCsvTest, TheTextDashAndTheEmptyTextAreNotNull) {  // CONTRACT F8: a decoded `-` is text, not missing
  EXPECT_EQ(MakeTable(TextColumn("a", {"-", "", {}}), IntColumn("n", {1, 2, 3})).RenderRows(TableFormat::kCsv),
            "'-,1\n\"\",2\n,3\n");
}

TEST(RenderCsvTest, ANullThatIsTheWholeRowIsNoBlankLine) {
  EXPECT_EQ(MakeTable(IntColumn("a", {{}, 1})).Render(TableFormat::kCsv), "a\n\"\"\n1\n");
}

TEST(RenderCsvTest, BytesThatAreNotUtf8AreWrittenAsHex) {
  EXPECT_EQ(Written(TableFormat::kCsv, "a\xFF,\xC3\xA9"), "\"a\\xff,\xC3\xA9\"");
}

// ---- kTsv -----------------------------------------------------------------------------------------------------------

TEST(RenderTsvTest, TabNewlineCarriageReturnAndBackslashAreEscaped) {  // CONTRACT V2
  EXPECT_EQ(Written(TableFormat::kTsv, "a\tb\nc\rd\\e"), "a\\tb\\nc\\rd\\\\e");
  EXPECT_EQ(Written(TableFormat::kTsv, "plain \"text\", =1"), "plain \"text\", =1");
  EXPECT_EQ(MakeTable(IntColumn("a\tb", {}), IntColumn("c", {})).Render(TableFormat::kTsv), "a\\tb\tc\n");
}

TEST(RenderTsvTest, ABrokenByteAndTheTextThatLooksLikeItAreTwoThings) {
  EXPECT_EQ(Written(TableFormat::kTsv, "\xFF"), "\\xff");
  EXPECT_EQ(Written(TableFormat::kTsv, "\\xff"), "\\\\xff");
  EXPECT_EQ(Written(TableFormat::kTsv, "\xC3\xA9"), "\xC3\xA9");
}

TEST(RenderTsvTest, NullIsEmptyAndTheTextDashStays) {
  EXPECT_EQ(MakeTable(TextColumn("a", {{}, "-"}), IntColumn("n", {1, {}})).RenderRows(TableFormat::kTsv), "\t1\n-\t\n");
}

// ---- kJson and kNdjson ----------------------------------------------------------------------------------------------

TEST(RenderJsonTest, StringsAreEscapedAndAlwaysUtf8) {
  EXPECT_EQ(Written(TableFormat::kNdjson, "a\"b\\c\n\x1B\x7F"), R"("a\"b\\c\n\u001b\u007f")");
  EXPECT_EQ(Written(TableFormat::kNdjson, "\xC3\xA9\xFF"), "\"\xC3\xA9\\\\xff\"");
  EXPECT_EQ(Written(TableFormat::kNdjson, "-"), R"("-")");
  EXPECT_EQ(Written(TableFormat::kNdjson, ""), R"("")");
}

TEST(RenderJsonTest, KeysAreEscapedToo) {
  EXPECT_EQ(MakeTable(IntColumn("a\"\xFF", {1})).RenderRows(TableFormat::kNdjson), "{\"a\\\"\\\\xff\":1}\n");
}

TEST(RenderJsonTest, DoublesThatAreNoNumberAreNull) {
  const Table table = MakeTable(DoubleColumn("a", {std::nan(""), HUGE_VAL, -HUGE_VAL, 0.1, 1e300}));
  EXPECT_EQ(table.RenderRows(TableFormat::kJson),
            "{\"a\":null},\n{\"a\":null},\n{\"a\":null},\n{\"a\":0.1},\n{\"a\":1e+300}");
}

TEST(RenderJsonTest, TheRowsOfPiecesAreJoinedByTheCaller) {
  const Table piece = MakeTable(IntColumn("a", {1, 2}));
  EXPECT_EQ(piece.RenderHeader(TableFormat::kJson), "");
  EXPECT_EQ(piece.RenderRows(TableFormat::kJson), "{\"a\":1},\n{\"a\":2}");
  EXPECT_EQ(MakeTable(IntColumn("a", {})).RenderRows(TableFormat::kJson), "");
}

}  // namespace
}  // namespace flowlogs
