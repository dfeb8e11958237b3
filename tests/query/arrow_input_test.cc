// Rows of Arrow as input: the answers are those of the same rows as text, whatever the types, batches, threads and
// order of inputs; and foreign memory is never trusted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/query/arrow.h"
#include "flowlogs/query/query.h"
#include "tests/arrow_maker.h"
#include "tests/query/query_testing.h"
#include "tests/query/random_questions.h"
#include "tests/random_log.h"
#include "tests/reference_splitter.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

// ---- The same rows as text
// ----------------------------------------------------------------------------------------------

struct RandomRows {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
};

std::string LineOf(const std::vector<std::string>& row) {
  std::string line;
  for (const std::string& token : row) line += (line.empty() ? "" : " ") + token;
  return line;
}

// The records of a random log that have its first record's format, but those that would not be records in a text
// without header.
RandomRows MakeRows(Random* random) {
  RandomRows made;
  while (made.rows.empty()) {
    made.names.clear();
    const RandomLog log = RandomLogMaker(random).Make(random->Of(std::vector<size_t>{1, 3, 20, 60, 60, 150, 150, 400}));
    const ReferenceResult split = ReferenceSplitter::Split(log.text, log.given);
    for (const ReferenceLine& line : split.lines) {
      if (line.kind != ReferenceLine::Kind::kRecord) continue;
      if (made.names.empty()) made.names = line.format.names;
      if (!fl::Format::Parse(LineOf(made.names))) break;  // a header of names that cannot be given
      if (line.format.names != made.names) continue;
      std::vector<std::string> row = line.values;
      for (std::string& token : row) {
        if (token.empty()) token = "-";
      }
      const std::string text = LineOf(row);
      if (text.find_first_of("\r\t") != std::string::npos || static_cast<unsigned char>(text[0]) >= 0x80 ||
          text[0] < ' ' || ReferenceSplitter::HeaderOf(text, true)) {
        continue;
      }
      made.rows.push_back(std::move(row));
    }
  }
  return made;
}

std::string TextOf(const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (const auto& row : rows) text += LineOf(row) + "\n";
  return text;
}

// Stats::bytes is 0 for rows of Arrow.
std::string WithoutBytes(std::string answer) {
  for (size_t at = 0; (at = answer.find("\n{\"bytes\":", at)) != std::string::npos; ++at) {
    answer.erase(at + 2, answer.find(',', at) - at - 1);
  }
  return answer;
}

std::string RowsOnly(const std::string& answer) { return answer.substr(0, answer.rfind('\n')); }

// CONTRACT F1, F4 to F10, L2 to L13: "2 and 7 threads, any order of inputs, Arrow or text origin: the same tables".
TEST(ArrowInputTest, AnswersAreThoseOfTheSameRowsAsText) {
  size_t answers = 0, errors = 0;
  for (size_t seed = 0; seed < Cases(1500); ++seed) {
    Random random(seed);
    RandomRows all = MakeRows(&random);
    // The rows in one to three inputs.
    std::vector<std::vector<std::vector<std::string>>> parts(1 + random.Below(3));
    for (auto& row : all.rows) parts[random.Below(parts.size())].push_back(row);
    std::erase_if(parts, [](const auto& part) { return part.empty(); });
    const bool only_text = random.Chance(0.2);
    std::vector<fl::Source> texts, arrows;
    for (const auto& part : parts) {
      texts.push_back(Text(TextOf(part)));
      const ArrowBatches batches = ArrowMaker(&random).Make(all.names, part, only_text);
      arrows.push_back(batches.Again("<bytes>"));
    }
    fl::ScanOptions options;
    options.format = fl::Format::Parse(LineOf(all.names));
    if (random.Chance(0.1)) options.on_error = fl::OnError::kRaise;
    const Question question = QuestionMaker(&random, /*more=*/true).Make();
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + question.shape);

    std::vector<size_t> order(parts.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::optional<std::string> first;
    for (int threads : {1, 2, 7}) {
      options.threads = threads;
      options.block_bytes = 128 << 10;
      std::vector<fl::Source> as_text, as_arrow, as_both;
      for (size_t i : order) {
        as_text.push_back(texts[i]);
        as_arrow.push_back(arrows[i]);
        as_both.push_back(random.Chance(0.5) ? texts[i] : arrows[i]);
      }
      const std::string expected = WithoutBytes(question.ask(fl::Scan(as_text, options)));
      options.block_bytes = random.Chance(0.3) ? 128 << 10 : RandomBlockBytes(&random);
      ASSERT_EQ(WithoutBytes(question.ask(fl::Scan(as_arrow, options))), expected) << threads << " threads";
      if (parts.size() > 1) ASSERT_EQ(WithoutBytes(question.ask(fl::Scan(as_both, options))), expected) << "both kinds";
      if (question.shape.find("groups") != std::string::npos && !expected.starts_with("error")) {
        if (!first) first = RowsOnly(expected);
        ASSERT_EQ(RowsOnly(expected), *first) << "another order of inputs";
      }
      ++(expected.starts_with("error") ? errors : answers);
      std::shuffle(order.begin(), order.end(), random.engine());
    }
  }
  RecordProperty("answers", std::to_string(answers));
  RecordProperty("errors", std::to_string(errors));
  EXPECT_GE(answers, 2 * errors) << errors << " answers were errors";
}

// ---- Types
// --------------------------------------------------------------------------------------------------------------

// Columns of the same number of rows in one batch.
ArrowBatches Batch(std::vector<std::pair<ArrowTypeTree, ArrowData>> columns) {
  ArrowBatches made{{"+s", ""}, {{}}};
  made.batches[0].buffers = {std::nullopt};
  for (auto& [type, data] : columns) {
    made.batches[0].length = data.length;
    made.type.children.push_back(std::move(type));
    made.batches[0].children.push_back(std::move(data));
  }
  return made;
}

template <typename T>
std::pair<ArrowTypeTree, ArrowData> Numbers(std::string name, std::string format, std::initializer_list<T> values) {
  return {{std::move(format), std::move(name)},
          {static_cast<int64_t>(values.size()), 0, 0, {std::nullopt, Bytes(values)}}};
}

ArrowData TextData(std::initializer_list<std::string_view> values) {
  std::string chars, offsets = Bytes(int32_t{0});
  for (std::string_view value : values) {
    chars += value;
    offsets += Bytes(static_cast<int32_t>(chars.size()));
  }
  return {static_cast<int64_t>(values.size()), 0, 0, {std::nullopt, std::move(offsets), std::move(chars)}};
}
std::pair<ArrowTypeTree, ArrowData> Texts(std::string name, std::initializer_list<std::string_view> values) {
  return {{"u", std::move(name)}, TextData(values)};
}

fl::Query Ask(const ArrowBatches& batches) { return fl::Scan({batches.Again()}); }

// The values of each column, one line a column; then the bad values.
std::string Seen(const ArrowBatches& batches) {
  const absl::StatusOr<fl::Table> table = Ask(batches).Collect();
  if (!table.ok()) return Message(table.status());
  ExpectConservation(table->stats());
  std::string out;
  for (const fl::Column& column : table->columns()) {
    out += column.name() + ":";
    for (size_t row = 0; row < column.size(); ++row) out += " " + (column.is_null(row) ? "null" : column.ToText(row));
    out += "\n";
  }
  for (const auto& [name, count] : table->stats().bad_values) out += "bad " + name + " " + std::to_string(count) + "\n";
  return out;
}

TEST(ArrowInputTest, NumbersOfEveryWidthAreTheNumbersOfTheField) {  // CONTRACT F6
  EXPECT_EQ(Seen(Batch({Numbers<int8_t>("version", "c", {2, -1}), Numbers<uint8_t>("protocol", "C", {6, 255})})),
            "version: 2 null\nprotocol: 6 255\nbad version 1\n");
  EXPECT_EQ(Seen(Batch({Numbers<int16_t>("srcport", "s", {443, -443}), Numbers<uint16_t>("dstport", "S", {0, 65535})})),
            "srcport: 443 null\ndstport: 0 65535\nbad srcport 1\n");
  EXPECT_EQ(Seen(Batch({Numbers<int32_t>("dstport", "i", {INT32_MAX, INT32_MIN}),
                        Numbers<uint32_t>("srcport", "I", {INT32_MAX, uint32_t{INT32_MAX} + 1})})),
            "dstport: 2147483647 null\nsrcport: 2147483647 null\nbad dstport 1\nbad srcport 1\n");
  EXPECT_EQ(
      Seen(Batch({Numbers<int64_t>("bytes", "l", {INT64_MAX, INT64_MIN, INT64_MIN + 1}),
                  Numbers<uint64_t>("packets", "L", {uint64_t{INT64_MAX}, uint64_t{INT64_MAX} + 1, UINT64_MAX})})),
      "bytes: 9223372036854775807 null null\npackets: 9223372036854775807 null null\nbad bytes 2\nbad packets 2\n");
  // A field of 32 bits in 64, as older transit gateway files have it.
  EXPECT_EQ(Seen(Batch({Numbers<int64_t>("protocol", "l", {6, int64_t{1} << 31})})),
            "protocol: 6 null\nbad protocol 1\n");
}

TEST(ArrowInputTest, WholeFloatsAreIntegersAndNanIsMissing) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(
      Seen(Batch(
          {Numbers<double>("dstport", "g", {25238.0, nan, 1.5, -1, -0.0, infinity, 1e300, 2147483648.0}),
           Numbers<double>("bytes", "g", {9007199254740992.0, nan, 0.1, -infinity, 0, 1e18, 9.3e18, 2147483648.0})})),
      "dstport: 25238 null null null 0 null null null\n"
      "bytes: 9007199254740992 null null null 0 1000000000000000000 null 2147483648\nbad bytes 3\nbad dstport 5\n");
  EXPECT_EQ(
      Seen(Batch({Numbers<float>("dstport", "f", {443.0F, 0.5F}), Numbers<float>("account_id", "f", {12.0F, 0.5F})})),
      "dstport: 443 null\naccount_id: 12 0.5\nbad dstport 1\n");
}

TEST(ArrowInputTest, TimestampsAndDatesAreSecondsRoundedDown) {
  EXPECT_EQ(Seen(Batch({Numbers<int64_t>("start", "tsm:", {1'600'000'000'999, -1, 100'000'000'000'000}),
                        Numbers<int64_t>("end", "tsn:UTC", {1'600'000'000'999'999'999, 0, 999'999'999})})),
            "start: 1600000000 null null\nend: 1600000000 0 0\nbad start 2\n");
  EXPECT_EQ(Seen(Batch({Numbers<int64_t>("start", "tss:", {1'600'000'000, 99'999'999'999, INT64_MAX}),
                        Numbers<int64_t>("end", "tsu:", {1'600'000'000'000'000, INT64_MAX, INT64_MIN})})),
            "start: 1600000000 99999999999 null\nend: 1600000000 null null\nbad end 2\nbad start 1\n");
  EXPECT_EQ(Seen(Batch({Numbers<int32_t>("start", "tdD", {18500, -1}),
                        Numbers<int64_t>("end", "tdm", {1'600'000'000'999, 0})})),
            "start: 1598400000 null\nend: 1600000000 0\nbad start 1\n");
  // Integers are as in text: from 10^11 on they are milliseconds.
  EXPECT_EQ(Seen(Batch({Numbers<int64_t>("start", "l", {1'600'000'000'999, 99'999'999'999})})),
            "start: 1600000000 99999999999\n");
  // Not a time field: the text that it is in is no number.
  EXPECT_EQ(Seen(Batch({Numbers<int64_t>("bytes", "tsm:", {1'600'000'000'123}),
                        Numbers<int64_t>("seen", "tsm:", {1'600'000'000'123})})),
            "bytes: null\nseen: 2020-09-13T12:26:40.123Z\nbad bytes 1\n");
}

TEST(ArrowInputTest, DecimalsThatAreWholeAreIntegers) {
  __extension__ using Int128 = __int128;
  const Int128 huge = Int128{INT64_MAX} + 1;
  EXPECT_EQ(Seen(Batch({Numbers<Int128>("bytes", "d:38,0", {5, huge, -5}),
                        Numbers<Int128>("packets", "d:20,2", {500, 550, 0}),
                        Numbers<Int128>("instance_id", "d:38,3", {-1, 1500, huge * 1000})})),
            "bytes: 5 null null\npackets: 5 null 0\ninstance_id: -0.001 1.5 9223372036854775808\nbad bytes 2\nbad "
            "packets 1\n");
  EXPECT_EQ(Seen(Batch({Numbers<int64_t>("bytes", "d:18,1,64", {50}), Numbers<int32_t>("packets", "d:9,0,32", {7})})),
            "bytes: 5\npackets: 7\n");
}

TEST(ArrowInputTest, TextIsReadAsInALogAndSomeTextsAreMissing) {  // CONTRACT F5, F7, F8
  EXPECT_EQ(Seen(Batch({Texts("srcaddr", {"10.0.0.1", "-", "", "None", "10.0.0.01", "::FFFF:10.0.0.9", "2001:DB8::1"}),
                        Texts("dstport", {"443", "-", "", "None", "x", "007", "65536"}),
                        Texts("instance-tag", {"a%20b", "-", "", "None", "%2D", "%zz", "none"}),
                        Texts("account_id", {"000123", "-", "", "None", "a b", "nan", "NULL"})})),
            "srcaddr: 10.0.0.1 null null null null 10.0.0.9 2001:db8::1\ndstport: 443 null null null null 7 65536\n"
            "instance_tag: a b null null null - %zz none\naccount_id: 000123 null null null a b nan NULL\n"
            "bad dstport 1\nbad srcaddr 1\n");
}

TEST(ArrowInputTest, NumbersInTextColumnsAreTheirDecimalText) {
  EXPECT_EQ(
      Seen(Batch({Numbers<int64_t>("account_id", "l", {123456789012, 0, -5}),
                  Numbers<uint64_t>("eni", "L", {UINT64_MAX, 0, 1}),
                  Numbers<double>("vpc_id", "g", {123456789012.0, 0.25, std::numeric_limits<double>::infinity()})})),
      "account_id: 123456789012 0 -5\neni: 18446744073709551615 0 1\nvpc_id: 123456789012 0.25 inf\n");
  EXPECT_EQ(Seen(Batch({Numbers<uint32_t>("srcaddr", "I", {1}),
                        Numbers<double>("dstaddr", "g", {std::numeric_limits<double>::quiet_NaN()})})),
            "srcaddr: null\ndstaddr: null\nbad srcaddr 1\n")
      << "an address is a text";
}

TEST(ArrowInputTest, DictionariesAreRead) {
  ArrowData small{5, 1, 0, {Bytes<uint8_t>({0b10111}), Bytes<int8_t>({1, 0, 1, 99, 2})}};  // 99 stands under a null
  small.dictionary = {TextData({"10.0.0.1", "10.0.0.2", "None"})};
  ArrowData large{2, 0, 3, {std::nullopt, Bytes<uint64_t>({7, 7, 7, 1, 0})}};
  large.dictionary = {{2, 0, 1, {std::nullopt, Bytes<int64_t>({1, 443, 22})}}};
  EXPECT_EQ(Seen(Batch({{{"c", "srcaddr", {}, {{"u"}}}, small}})), "srcaddr: 10.0.0.2 10.0.0.1 10.0.0.2 null null\n");
  EXPECT_EQ(Seen(Batch({{{"L", "dstport", {}, {{"l"}}}, large}})), "dstport: 22 443\n");
  ArrowData nothing{2, 0, 0, {std::nullopt, Bytes<int32_t>({0, 0})}};
  nothing.dictionary = {{1, 1, 0}};
  EXPECT_EQ(Seen(Batch({{{"i", "dstport", {}, {{"n"}}}, nothing}, Numbers<int32_t>("srcport", "i", {1, 2})})),
            "dstport: null null\nsrcport: 1 2\n");
}

// ---- Columns
// ------------------------------------------------------------------------------------------------------------

TEST(ArrowInputTest, NamesMayHaveHyphensOrUnderscoresAndOthersBecomeTextColumns) {  // CONTRACT F1
  EXPECT_EQ(Seen(Batch({Numbers<int32_t>("tcp-flags", "i", {2}), Texts("pkt_srcaddr", {"10.0.0.1"}),
                        Texts("my column/é", {"a b"}), Numbers<int32_t>("year", "i", {2026}), Texts("0", {"no name"}),
                        Texts("", {"no name"})})),
            "tcp_flags: 2\npkt_srcaddr: 10.0.0.1\nmy_column___: a b\nyear: 2026\n");
  EXPECT_EQ(Rows(Ask(Batch({Texts("srcaddr", {"10.0.0.1"}), Texts("my-column", {"x"})}))
                     .Filter("my_column = 'x'")
                     .Select({"srcaddr"})),
            "srcaddr=10.0.0.1");
}

TEST(ArrowInputTest, NestedAndOtherTypesAreLeftOutOrAnErrorOfAField) {
  const ArrowData list{1, 0, 0, {std::nullopt, Bytes<int32_t>({0, 1})}, {Numbers<int32_t>("item", "i", {1}).second}};
  const ArrowData flag{1, 0, 0, {std::nullopt, "\x01"}};
  EXPECT_EQ(
      Seen(Batch(
          {{{"+l", "hops", {{"i", "item"}}}, list}, {{"b", "flag"}, flag}, Numbers<int32_t>("dstport", "i", {443})})),
      "dstport: 443\n");
  EXPECT_EQ(Seen(Batch({{{"+l", "dstport", {{"i", "item"}}}, list}})),
            "error: <arrow>: column 'dstport' is of the Arrow type list, and dstport is int32; convert the column, or "
            "leave it out");
  EXPECT_EQ(Seen(Batch({{{"b", "pkt_srcaddr"}, flag}})),
            "error: <arrow>: column 'pkt_srcaddr' is of the Arrow type bool, and pkt-srcaddr is text; convert the "
            "column, or leave "
            "it out");
  for (const char* format :
       {"+s", "+m", "+w:3", "+ud:0", "+r", "w:16", "e", "ttm", "tDs", "tiM", "d:76,0,256", "d:5,-2", "d:", "?", ""}) {
    EXPECT_NE(Seen(Batch({{{format, "bytes"}, flag}})).find("error: <arrow>: column 'bytes' is of"), std::string::npos)
        << format;
  }
}

TEST(ArrowInputTest, ColumnsThatAreNoTableOfFlowLogsAreAClearError) {
  EXPECT_EQ(Seen(Batch({Texts("a", {"x"}), Texts("b", {"y"})})),
            "error: <arrow>: none of its columns is a field of flow logs: a, b; fields are called as in srcaddr and "
            "pkt_srcaddr, "
            "and `flowlogs fields` lists them");
  EXPECT_NE(Seen(Batch({})).find("it has none"), std::string::npos);
  EXPECT_EQ(Seen(Batch({Texts("pkt_srcaddr", {"x"}), Texts("pkt-srcaddr", {"y"})})),
            "error: <arrow>: columns: 'pkt-srcaddr' stands in it twice; a field may occur once");
  std::vector<std::pair<ArrowTypeTree, ArrowData>> many = {Texts("srcaddr", {"10.0.0.1"})};
  for (int i = 0; i < 256; ++i) many.push_back(Texts("c" + std::to_string(i), {"x"}));
  EXPECT_NE(Seen(Batch(many)).find("there are 257 columns, more than 256"), std::string::npos);
  many.pop_back();
  EXPECT_EQ(Ask(Batch(many)).Columns()->size(), 256u);
  ArrowBatches numbers{{"i", ""}, {{1, 0, 0, {std::nullopt, Bytes<int32_t>({1})}}}};
  EXPECT_NE(Seen(numbers).find("its rows are no records but of the Arrow type 'i'"), std::string::npos);
}

TEST(ArrowInputTest, RowsCountAsLinesAndStatsAreThoseOfText) {  // CONTRACT F9, P6
  ArrowBatches batches =
      Batch({Texts("srcaddr", {"10.0.0.1", "x", "-"}), Texts("log_status", {"OK", "NODATA", "SKIPDATA"})});
  batches.batches.push_back(batches.batches[0]);
  const absl::StatusOr<fl::Table> table =
      fl::Scan({batches.Again("a"), batches.Once("b")}).Select({"srcaddr", "_line", "_source"}).Collect();
  EXPECT_EQ(Rows(table),
            "srcaddr=10.0.0.1 _line=1 _source=a; srcaddr=- _line=2 _source=a; srcaddr=- _line=3 _source=a; "
            "srcaddr=10.0.0.1 _line=4 _source=a; srcaddr=- _line=5 _source=a; srcaddr=- _line=6 _source=a; "
            "srcaddr=10.0.0.1 _line=1 _source=b; srcaddr=- _line=2 _source=b; srcaddr=- _line=3 _source=b; "
            "srcaddr=10.0.0.1 _line=4 _source=b; srcaddr=- _line=5 _source=b; srcaddr=- _line=6 _source=b");
  const fl::Stats& stats = table->stats();
  EXPECT_EQ(stats.bytes, 0u);
  EXPECT_EQ(stats.lines, 12u);
  EXPECT_EQ(stats.records, 12u);
  EXPECT_EQ(stats.nodata, 4u);
  EXPECT_EQ(stats.skipdata, 4u);
  EXPECT_EQ(stats.bad_values.at("srcaddr"), 4u);
  ASSERT_EQ(stats.samples.size(), 4u);
  EXPECT_EQ(stats.samples[1].line, 5u);
  EXPECT_EQ(stats.samples[1].text, "x NODATA");
  ASSERT_EQ(stats.formats.size(), 1u);
  EXPECT_EQ(stats.formats[0].fields, (std::vector<std::string>{"srcaddr", "log-status"}));
  EXPECT_EQ(stats.inputs, 2u);
  EXPECT_TRUE(stats.complete);
}

TEST(ArrowInputTest, WithoutRowsTheColumnsAreSeen) {
  ArrowBatches none = Batch({Texts("srcaddr", {}), Texts("bytes", {})});
  for (size_t batches : {0, 1, 3}) {
    none.batches.resize(batches, none.batches.empty() ? ArrowData{} : none.batches[0]);
    const absl::StatusOr<fl::Table> table = Ask(none).Collect();
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->num_columns(), 2u);
    EXPECT_EQ(table->num_rows(), 0u);
    ASSERT_EQ(table->stats().formats.size(), 1u);
    EXPECT_EQ(table->stats().formats[0].records, 0u);
    EXPECT_TRUE(table->complete());
    EXPECT_EQ(Rows(Ask(none).Aggregate({"count()", "sum(bytes)"})), "count=0 sum_bytes=-");
    EXPECT_NE(Rows(Ask(none).Filter("dstport = 1")).find("no input has dstport"), std::string::npos);
    if (batches == 0) none = Batch({Texts("srcaddr", {}), Texts("bytes", {})});
  }
}

TEST(ArrowInputTest, RecordsAreLinesThatReadBack) {
  const ArrowBatches batches = Batch(
      {Texts("srcaddr", {"10.0.0.1", "x", ""}), Numbers<double>("bytes", "g", {25238.0, 1.5, -1}),
       Texts("instance_tag", {"a%20b", "a b", "None"}), Numbers<int64_t>("start", "tsm:", {1'600'000'000'123, -1, 0}),
       Texts("note", {"two words", "a\nb\tc\r", "-"})});
  auto stream = Ask(batches).Records();
  ASSERT_TRUE(stream.ok());
  const absl::StatusOr<fl::RecordChunk> chunk = (*stream)->Next();
  ASSERT_TRUE(chunk.ok());
  ASSERT_EQ(chunk->groups.size(), 1u);
  EXPECT_EQ(chunk->groups[0].lines,
            "10.0.0.1 25238 a%20b 1600000000 two%20words\nx 1.5 a%20b -1 a%0Ab%09c%0D\n- -1 - 0 -\n");
  EXPECT_EQ(chunk->groups[0].original, chunk->groups[0].lines);
  EXPECT_EQ(chunk->groups[0].line_numbers, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(chunk->groups[0].format.Header(), "srcaddr bytes instance-tag start note");
  const absl::StatusOr<fl::Stats> stats = Ask(batches).Check();
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->bad_values, (std::map<std::string, uint64_t>{{"bytes", 2}, {"srcaddr", 1}, {"start", 1}}));
}

TEST(ArrowInputTest, HeadCountsWhatWasRead) {  // CONTRACT F9
  std::vector<std::pair<ArrowTypeTree, ArrowData>> columns = {{{"u", "dstport"}, {}}};
  std::string chars, offsets = Bytes(int32_t{0});
  for (int i = 0; i < 1000; ++i) {
    chars += i % 10 == 9 ? "x" : std::to_string(i);
    offsets += Bytes(static_cast<int32_t>(chars.size()));
  }
  columns[0].second = {1000, 0, 0, {std::nullopt, offsets, chars}};
  const ArrowBatches batches = Batch(columns);
  for (size_t block_bytes : {4, 100, 128 << 10}) {
    const fl::Query scan = fl::Scan({batches.Again()}, {.threads = 2, .block_bytes = block_bytes});
    const absl::StatusOr<fl::Table> table = scan.Filter("dstport > 14").Head(10).Collect();
    ASSERT_TRUE(table.ok());
    EXPECT_EQ(table->num_rows(), 10u);
    EXPECT_EQ(table->stats().lines, 26u);
    EXPECT_EQ(table->stats().bad_values.at("dstport"), 2u);
    EXPECT_FALSE(table->complete());
    const absl::StatusOr<fl::Table> raised =
        fl::Scan({batches.Again()}, {.threads = 2, .on_error = fl::OnError::kRaise, .block_bytes = block_bytes})
            .Collect();
    ASSERT_FALSE(raised.ok());
    EXPECT_EQ(fl::ParseErrorPlace(raised.status())->line, 10u);
  }
}

// ---- Once, again, and twice
// ---------------------------------------------------------------------------------------------

ArrowBatches Conversation() {
  ArrowBatches batches =
      Batch({Texts("interface_id", {"eni-1", "eni-1"}), Texts("srcaddr", {"10.0.0.1", "8.8.8.8"}),
             Texts("dstaddr", {"8.8.8.8", "10.0.0.1"}), Numbers<int32_t>("srcport", "i", {50000, 443}),
             Numbers<int32_t>("dstport", "i", {443, 50000}), Numbers<int32_t>("protocol", "i", {6, 6}),
             Numbers<int32_t>("tcp_flags", "i", {2, 18})});
  batches.batches.resize(7, batches.batches[0]);
  return batches;
}

TEST(ArrowInputTest, WhatCanBeReadOnceSaysSoOnTheSecondRun) {  // CONTRACT P2
  int released = 0;
  ArrowBatches batches = Conversation();
  batches.released = &released;
  {
    const fl::Query scan = fl::Scan({batches.Once("reader")});
    EXPECT_EQ(scan.Columns()->size(), 7u) << "a look does not read it";
    EXPECT_FALSE(scan.Select({"nonsense"}).Collect().ok()) << "an error before any answer leaves it unread";
    EXPECT_EQ(Rows(scan.Aggregate({"count()"})), "count=14");
    EXPECT_EQ(released, 1) << "released with the run";
    EXPECT_EQ(Rows(scan.Aggregate({"count()"})),
              "error: reader: it can be read only once, and has been read; read it into a file or into memory first");
  }
  { const fl::Query never_read = fl::Scan({batches.Once()}); }
  EXPECT_EQ(released, 2) << "released, though nobody opened it";
  const fl::Source once = batches.Once("reader");
  EXPECT_EQ(Rows(fl::Scan({once, once}).Aggregate({"count()"})),
            "error: \"reader\" is given twice; a stream can be read once: give it once");
}

TEST(ArrowInputTest, WhatCanBeRepeatedIsAskedForANewStreamByEachPass) {
  int opened = 0, released = 0;
  ArrowBatches batches = Conversation();
  batches.released = &released;
  const fl::Source source = fl::Source::Arrow(
      [&](ArrowArrayStream* stream) {
        ++opened;
        batches.Export(stream);
        return absl::OkStatus();
      },
      true);
  const fl::Query scan = fl::Scan({source});
  EXPECT_EQ(Rows(scan.Aggregate({"count()"})), "count=14");
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(Rows(scan.GroupBy({"client", "direction"})),
            "client=10.0.0.1 direction=egress count=7; client=10.0.0.1 direction=ingress count=7");
  EXPECT_EQ(opened, 3) << "two passes";
  EXPECT_EQ(released, opened);
  EXPECT_EQ(Rows(fl::Scan({source, source}).Aggregate({"count()"})), "count=28");
}

TEST(ArrowInputTest, TwoPassesOverWhatCanBeReadOnceHoldItsBatches) {  // CONTRACT D1
  const ArrowBatches batches = Conversation();
  for (int threads : {1, 2, 7}) {
    const fl::ScanOptions options{.threads = threads, .block_bytes = 4};
    const std::string expected = "client=10.0.0.1 direction=egress count=7; client=10.0.0.1 direction=ingress count=7";
    EXPECT_EQ(Rows(fl::Scan({batches.Once()}, options).GroupBy({"client", "direction"})), expected);
    const absl::StatusOr<fl::Table> rows =
        fl::Scan({batches.Once(), batches.Again()}, options).Once().Select({"_line", "direction"}).Collect();
    EXPECT_EQ(rows->num_rows(), 28u);
    EXPECT_EQ(rows->stats().lines, 28u);
  }
  // Damage behind the batches is met again.
  ArrowBatches broken = batches;
  broken.error = "the disk is gone";
  const absl::StatusOr<fl::Table> table = fl::Scan({broken.Once()}).GroupBy({"client"}).Collect();
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(Rows(table), "client=10.0.0.1 count=14");
  ASSERT_EQ(table->stats().errors.size(), 1u);
}

TEST(ArrowInputTest, AnErrorOfTheStreamIsDamageBehindWhatWasRead) {  // CONTRACT P5
  ArrowBatches broken = Conversation();
  broken.error = "the disk is gone";
  for (int threads : {1, 2, 7}) {
    const absl::StatusOr<fl::Table> table =
        fl::Scan({broken.Again()}, {.threads = threads}).Aggregate({"count()"}).Collect();
    EXPECT_EQ(Rows(table), "count=14");
    EXPECT_FALSE(table->complete());
    ASSERT_EQ(table->stats().errors.size(), 1u);
    EXPECT_EQ(table->stats().errors[0].message, "after row 14: the disk is gone");
    EXPECT_EQ(table->stats().errors[0].offset, 14u);
  }
  const fl::Source none =
      fl::Source::Arrow([](ArrowArrayStream*) { return absl::InvalidArgumentError("no database"); }, true);
  EXPECT_EQ(Rows(fl::Scan({none}).GroupBy({})), "error: no database");
  const fl::Source empty = fl::Source::Arrow(
      [](ArrowArrayStream* stream) {
        *stream = {};
        return absl::OkStatus();
      },
      true);
  EXPECT_EQ(Rows(fl::Scan({empty}).GroupBy({})), "error: <arrow>: the Arrow stream has been read or released");
}

TEST(ArrowInputTest, OurOwnStreamsAreInput) {
  const fl::Query text =
      ScanText("srcaddr dstport bytes start\n10.0.0.1 443 10 1600000000\n2001:db8::1 - 20 1600000060\n");
  for (bool times : {false, true}) {
    ArrowArrayStream stream;
    ASSERT_TRUE(fl::ExportStream(text, {.times = times}, &stream).ok());
    EXPECT_EQ(Rows(fl::Scan({fl::Source::Arrow(&stream)})), Rows(text));
    EXPECT_EQ(stream.release, nullptr);
  }
}

TEST(ArrowInputTest, ABigBatchIsSharedByThreads) {
  std::string ports;
  for (int i = 0; i < 300'000; ++i) ports += Bytes(static_cast<int32_t>(i % 1000));
  const ArrowBatches batches = Batch({{{"i", "dstport"}, {300'000, 0, 0, {std::nullopt, ports}}}});
  std::string answer;
  for (int threads : {1, 2, 7}) {
    const absl::StatusOr<fl::Table> table = fl::Scan({batches.Again()}, {.threads = threads})
                                                .GroupBy({"dstport"})
                                                .Aggregate({"count()", "max(_line)"})
                                                .Head(3)
                                                .Collect();
    if (answer.empty()) answer = Rows(table);
    EXPECT_EQ(Rows(table), answer);
    EXPECT_EQ(table->stats().records, 300'000u);
  }
  // In pieces: those of a stream have the most rows that a piece may have.
  auto stream = fl::Scan({batches.Again()}, {.threads = 2}).Stream();
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ((*stream)->Next()->num_rows(), 65536u);
}

// ---- Malformed arrays
// ---------------------------------------------------------------------------------------------------

// What the first batch is damaged by; "" if it was read.
std::string Damage(const ArrowBatches& batches) {
  std::string found;
  for (int threads : {1, 3}) {
    const absl::StatusOr<fl::Stats> stats = fl::Scan({batches.Again()}, {.threads = threads, .block_bytes = 8}).Check();
    if (!stats.ok()) return Message(stats.status());
    ExpectConservation(*stats);
    const std::string message = stats->errors.empty() ? "" : stats->errors[0].message;
    if (threads > 1) EXPECT_EQ(message, found);
    found = message;
  }
  constexpr std::string_view kBegin = "after row 0: malformed Arrow data: ";
  return found.starts_with(kBegin) ? found.substr(kBegin.size()) : found;
}

TEST(ArrowInputTest, AMalformedArrayIsDamageAndNotACrash) {
  const ArrowBatches good = Batch({Texts("srcaddr", {"10.0.0.1", "10.0.0.2", "10.0.0.3"})});
  EXPECT_EQ(Damage(good), "");
  auto with = [&](auto change) {
    ArrowBatches changed = good;
    change(changed.batches[0], changed.batches[0].children[0]);
    return Damage(changed);
  };
  EXPECT_EQ(with([](auto& batch, auto&) { batch.length = -1; }), "the length or offset of a batch is out of range");
  EXPECT_EQ(with([](auto& batch, auto&) { batch.offset = INT64_MAX; }),
            "the length or offset of a batch is out of range");
  EXPECT_EQ(with([](auto& batch, auto&) { batch.children.clear(); }), "a batch has 0 columns instead of 1");
  EXPECT_EQ(with([](auto& batch, auto&) { batch.length = 4; }), "column \"srcaddr\": it has 3 rows instead of 4");
  EXPECT_EQ(with([](auto& batch, auto&) { batch.offset = 1; }), "column \"srcaddr\": it has 3 rows instead of 4");
  EXPECT_EQ(with([](auto& batch, auto&) {
              batch.null_count = 1;
              batch.buffers = {"\x05"};
            }),
            "a row is null as a whole, in all columns");
  EXPECT_EQ(with([](auto&, auto& column) { column.length = -3; }),
            "column \"srcaddr\": its length or offset is out of range");
  EXPECT_EQ(with([](auto&, auto& column) { column.offset = -1; }),
            "column \"srcaddr\": its length or offset is out of range");
  EXPECT_EQ(with([](auto&, auto& column) { column.buffers.pop_back(); }), "column \"srcaddr\": it has 2 buffers");
  EXPECT_EQ(with([](auto&, auto& column) { column.buffers.clear(); }), "column \"srcaddr\": it has 0 buffers");
  EXPECT_EQ(with([](auto&, auto& column) { column.buffers[1] = std::nullopt; }),
            "column \"srcaddr\": its values are missing");
  EXPECT_EQ(with([](auto&, auto& column) { column.buffers[2] = std::nullopt; }),
            "column \"srcaddr\": its texts are missing");
  EXPECT_EQ(with([](auto&, auto& column) { column.null_count = 1; }),
            "column \"srcaddr\": it has nulls, and nothing that says where");
  EXPECT_EQ(with([](auto&, auto& column) { column.null_count = -2; }),
            "column \"srcaddr\": it has nulls, and nothing that says where");
  EXPECT_EQ(with([](auto&, auto& column) {
              column.buffers[1] = Bytes<int32_t>({-8, 0, 8, 16});
            }),
            "column \"srcaddr\": its offsets do not ascend from 0");
  EXPECT_EQ(with([](auto&, auto& column) {
              column.buffers[1] = Bytes<int32_t>({8, 0, 8, 16});
            }),
            "column \"srcaddr\": its offsets do not ascend from 0");
  // Found in the second piece, of two rows each: the first is kept.
  EXPECT_EQ(with([](auto&, auto& column) {
              column.buffers[1] = Bytes<int32_t>({0, 8, 16, 9});
            }),
            "after row 2: malformed Arrow data: column \"srcaddr\": its offsets do not ascend from 0");
}

TEST(ArrowInputTest, AMalformedViewOrDictionaryIsDamage) {
  auto view = [](int32_t length, int32_t buffer, int32_t offset) {
    return Bytes(length) + "2001" + Bytes(buffer) + Bytes(offset);
  };
  auto views = [&](const std::string& one, std::vector<std::optional<std::string>> others) {
    ArrowData data{1, 0, 0, {std::nullopt, one}};
    data.buffers.insert(data.buffers.end(), others.begin(), others.end());
    return Damage(Batch({{{"vu", "srcaddr"}, data}}));
  };
  const std::string text = "2001:db8:0:1::1";  // 15 bytes
  EXPECT_EQ(views(view(15, 0, 0), {text, Bytes<int64_t>({15})}), "");
  const std::string outside = "column \"srcaddr\": the text of row 0 is not in its buffers";
  for (const std::string& wrong : {view(16, 0, 0), view(15, 1, 0), view(15, -1, 0), view(15, 0, 1), view(15, 0, -1),
                                   view(-1, 0, 0), view(INT32_MAX, 0, INT32_MAX), view(INT32_MIN, 0, 0)}) {
    EXPECT_EQ(views(wrong, {text, Bytes<int64_t>({15})}), outside);
  }
  EXPECT_EQ(views(view(15, 0, 0), {text, Bytes<int64_t>({14})}), outside);
  EXPECT_EQ(views(view(15, 0, 0), {text, Bytes<int64_t>({-1})}), outside);
  EXPECT_EQ(views(view(15, 0, 0), {std::nullopt, Bytes<int64_t>({15})}), outside);
  EXPECT_EQ(views(view(15, 0, 0), {std::nullopt}), outside) << "no buffers at all";
  EXPECT_EQ(views(view(15, 0, 0), {text, std::nullopt}), "column \"srcaddr\": the sizes of its texts are missing");
  EXPECT_EQ(views(view(15, 0, 0), {}), "column \"srcaddr\": it has 2 buffers");

  auto indices = [&](ArrowData data, std::vector<ArrowData> dictionary) {
    data.dictionary = std::move(dictionary);
    return Damage(Batch({{{"i", "srcaddr", {}, {{"u"}}}, data}}));
  };
  const ArrowData good{2, 0, 0, {std::nullopt, Bytes<int32_t>({1, 0})}};
  EXPECT_EQ(indices(good, {TextData({"10.0.0.1", "10.0.0.2"})}), "");
  EXPECT_EQ(indices(good, {TextData({"10.0.0.1"})}), "column \"srcaddr\": the value of row 0 is not in its dictionary");
  EXPECT_EQ(indices({1, 0, 0, {std::nullopt, Bytes<int32_t>({-1})}}, {TextData({"x"})}),
            "column \"srcaddr\": the value of row 0 is not in its dictionary");
  EXPECT_EQ(indices(good, {}), "column \"srcaddr\": its dictionary is missing");
  EXPECT_EQ(indices(good, {{2, 0, 0, {std::nullopt, Bytes<int32_t>({0, 8, 7}), "10.0.0.1"}}}),
            "column \"srcaddr\": its dictionary: its offsets do not ascend from 0");
}

}  // namespace
