// What lines are (CONTRACT F2, F3), and the proofs of DESIGN 2.2. All of this runs with each kernel: ctest starts this
// program once for each (tests/kernel/with_kernel.cc).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/parse/records.h"
#include "flowlogs/query/query.h"
#include "lib/parse/lines.h"
#include "tests/random_log.h"

namespace flowlogs {
namespace {

using flowlogs_test::Cases;
using flowlogs_test::ExactText;
using flowlogs_test::Random;
using flowlogs_test::RandomLog;
using flowlogs_test::RandomLogMaker;
using flowlogs_test::ReferenceFormat;
using flowlogs_test::ReferenceLine;
using flowlogs_test::ReferenceResult;
using flowlogs_test::ReferenceSplitter;

constexpr char kHeader[] =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status\n";

// Line i of a log: every value another one, so that a value in the wrong column is seen.
std::string Line(int i) {
  const std::string n = std::to_string(i);
  return "2 1000" + n + " eni-" + n + " 10.0.0." + n + " 10.1.0." + n + " 2" + n + " 3" + n + " 6 4" + n + " 5" + n +
         " 16000000" + n + " 17000000" + n + " ACCEPT OK\n";
}

std::string ManyLines(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += Line(i);
  return text;
}

std::string KindName(const LineSegment& segment) {
  switch (segment.kind) {
    case LineSegment::Kind::kRegular:
      return "regular";
    case LineSegment::Kind::kTolerated:
      return "tolerated";
    case LineSegment::Kind::kHeader:
      return "header";
    case LineSegment::Kind::kBlank:
      return "blank";
    case LineSegment::Kind::kProblem:
      break;
  }
  return std::string(ParseErrorName(segment.error));
}

// The segments of a block: "header 1, regular 3, too-few-values 2".
std::string Segments(std::string_view text, const Format* format, BlockEnd end = {}, bool first = true) {
  const ExactText exact(text);
  Lines lines;
  lines.Look(exact.view(), first, end);
  lines.Judge(format);
  std::string out;
  uint32_t next = 0;
  for (const LineSegment& segment : lines.segments()) {
    EXPECT_EQ(segment.first_line, next);
    next += segment.num_lines;
    out += (out.empty() ? "" : ", ") + KindName(segment) + " " + std::to_string(segment.num_lines);
  }
  EXPECT_EQ(next, lines.num_lines());
  return out;
}

void ExpectConservation(const Stats& stats) {  // CONTRACT F9
  EXPECT_EQ(stats.lines, stats.records + stats.headers + stats.blank + stats.problem_count());
}

// All rows of all columns and the problems, by every way of reading: asserts that they agree.
std::string Answer(std::string_view text) {
  std::string answer;
  const ExactText exact(text);
  for (size_t block_bytes : {1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 128 << 10}) {
    for (int threads : {1, 2, 7}) {
      const ScanOptions options = {.threads = threads, .block_bytes = block_bytes};
      const absl::StatusOr<Table> table = Scan({Source::Bytes(exact.view())}, options).Collect();
      if (!table.ok()) return "error: " + std::string(table.status().message());
      ExpectConservation(table->stats());
      std::string got = table->Render(TableFormat::kNdjson);
      for (const auto& [reason, count] : table->stats().problems) got += reason + " " + std::to_string(count) + "\n";
      if (answer.empty()) answer = got;
      EXPECT_EQ(got, answer) << "block_bytes " << block_bytes << ", threads " << threads;
    }
  }
  Stats stats;
  uint64_t records = 0;
  for (const Record& record : Records(exact.view(), {.stats = &stats})) records += record.size() > 0;
  ExpectConservation(stats);
  EXPECT_EQ(records, stats.records);
  EXPECT_EQ(records, static_cast<uint64_t>(std::count(answer.begin(), answer.end(), '{')));
  return answer;
}

// ---- The tests that DESIGN 2.2 names --------------------------------------------------------------------------------

TEST(LinesTest, TwoHalfLinesAreTwoProblems) {
  std::string halves = Line(7);
  halves[halves.find(" 10.1.0.7")] = '\n';  // a separator is a separator: every 14th is still LF
  const std::string text = ManyLines(10, 30) + halves + ManyLines(30, 50);
  EXPECT_EQ(Segments(text, &Format::Default()), "regular 20, too-few-values 2, regular 20");
  EXPECT_EQ(Segments(halves, &Format::Default()), "too-few-values 2");
  EXPECT_EQ(Answer(kHeader + text), Answer(kHeader + ManyLines(10, 50)) + "too-few-values 2\n");
  // The halves may be unequal.
  const Format three = *Format::Parse("srcport dstport bytes");
  EXPECT_EQ(Segments("1 2\n1 2 3 4\n1 2 3\n1 2 3\n", &three), "too-few-values 1, too-many-values 1, regular 2");
}

TEST(LinesTest, LostValueBesideDoubleBlankIsAProblem) {
  std::string lost = Line(7);
  lost.replace(lost.find(" 10.1.0.7 "), 10, "  ");  // 13 values, 13 blanks and LF
  const std::string text = ManyLines(10, 30) + lost + ManyLines(30, 50);
  EXPECT_EQ(Segments(text, &Format::Default()), "regular 20, too-few-values 1, regular 20");
  EXPECT_EQ(Answer(kHeader + text), Answer(kHeader + ManyLines(10, 50)) + "too-few-values 1\n");
  // A blank at an end hides a lost value as well.
  const Format three = *Format::Parse("srcport dstport bytes");
  for (std::string_view line : {" 1 2\n", "1 2 \n", "1  2\n"}) {
    EXPECT_EQ(Segments(line, &three), "too-few-values 1") << line;
  }
}

TEST(LinesTest, RepeatedHeaderIsNoRecord) {
  const std::string one = kHeader + ManyLines(10, 40);
  EXPECT_EQ(Segments(one + one + one, nullptr), "header 1, regular 30, header 1, regular 30, header 1, regular 30");
  const std::string rows = Answer(one);
  EXPECT_EQ(Answer(one + one + one), rows + rows + rows);
}

TEST(LinesTest, HeaderOfEqualWidthSwitchesColumns) {
  std::string swapped = kHeader;
  swapped.replace(swapped.find("srcaddr dstaddr"), 15, "dstaddr srcaddr");
  const std::string text = kHeader + ManyLines(10, 30) + swapped + ManyLines(30, 50);
  EXPECT_EQ(Segments(text, nullptr), "header 1, regular 20, header 1, regular 20");
  std::string lines;
  for (int i = 30; i < 50; ++i) {
    const std::string n = std::to_string(i), line = Line(i);
    const std::string before = "10.0.0." + n + " 10.1.0." + n, after = "10.1.0." + n + " 10.0.0." + n;
    lines += std::string(line).replace(line.find(before), before.size(), after);
  }
  EXPECT_EQ(Answer(text), Answer(kHeader + ManyLines(10, 30) + lines));
}

TEST(LinesTest, CrlfFileGivesTheSameRecords) {
  const std::string text = kHeader + ManyLines(10, 50);
  std::string crlf;
  for (char c : text) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(Segments(crlf, nullptr), "header 1, tolerated 40");
  EXPECT_EQ(Answer(crlf), Answer(text));
  crlf.pop_back();  // "...OK\r", and no LF
  EXPECT_EQ(Answer(crlf), Answer(text));
  crlf.pop_back();
  EXPECT_EQ(Answer(crlf), Answer(text));
}

// ---- CONTRACT F3 ----------------------------------------------------------------------------------------------------

TEST(LinesTest, ALineWithTheRightNumberOfValuesIsARecord) {
  const Format format = *Format::Parse("srcport dstport");
  EXPECT_EQ(Segments("1 2\n", &format), "regular 1");
  EXPECT_EQ(Segments("1 2\n3 4\n5 6\n", &format), "regular 3");
  EXPECT_EQ(Segments("x y\n", &format), "regular 1") << "values are not looked at";
}

TEST(LinesTest, BlanksTabsCrlfAndAMissingNewlineAreTolerated) {
  const Format format = *Format::Parse("srcport dstport");
  for (std::string_view line : {" 1 2\n", "1 2 \n", "1  2\n", "1\t2\n", "\t1 \t 2\t\n", "1 2\r\n", "1 2", "1 2\r"}) {
    EXPECT_EQ(Segments(line, &format), "tolerated 1") << line;
  }
}

TEST(LinesTest, BlankLinesAreOnlyCounted) {
  const Format format = *Format::Parse("srcport dstport");
  EXPECT_EQ(Segments("\n", &format), "blank 1");
  EXPECT_EQ(Segments("1 2\n\n \n\t\n\r\n \r\n3 4\n", &format), "regular 1, blank 5, regular 1");
  EXPECT_EQ(Segments(" ", &format), "blank 1");
  EXPECT_EQ(Segments("", &format), "");
}

TEST(LinesTest, ControlBytesAndBrokenUtf8AreText) {
  const Format format = *Format::Parse("srcport interface-id");
  using std::string_view_literals::operator""sv;
  for (std::string_view line : {"1 a\x01\n"sv, "1 \0\n"sv, "1 \x0b\n"sv, "1 a\rb\n"sv, "\x1f 2\n"sv}) {
    EXPECT_EQ(Segments(line, &format), "tolerated 1") << line;
  }
  EXPECT_EQ(Segments("1 \xff\xfe\n1 \x7f\n1 \xc2\xa0\n", &format), "regular 3");
  EXPECT_EQ(Segments("1 \x01 2\n", &format), "too-many-values 1");
}

TEST(LinesTest, TheLastLineOfABlockCanBeTooLongOrUnfinished) {
  const Format format = *Format::Parse("srcport dstport");
  EXPECT_EQ(Segments("1 2\n3 4\n", &format, {.too_long = true}), "regular 1, line-too-long 1");
  EXPECT_EQ(Segments("1 2\n3 4", &format, {.unfinished = true}), "regular 1, unfinished-line 1");
  EXPECT_EQ(Segments("1 2\n3 4", &format, {.too_long = true, .unfinished = true}), "regular 1, line-too-long 1");
  EXPECT_EQ(Segments("1 2\nsrcport dstport", &format, {.unfinished = true}), "regular 1, unfinished-line 1");
}

TEST(LinesTest, LinesWithoutAFormatAreProblems) {
  EXPECT_EQ(Segments("1 2\n\nsrcport dstport\n1 2\n", nullptr), "no-format 1, blank 1, header 1, regular 1");
}

TEST(LinesTest, AFormatWithCommasNeverIsRegular) {
  const Format format = Format::Parse("srcport dstport")->WithSeparator(Separator::kComma);
  EXPECT_EQ(Segments("1,2\n3 , 4\n,\n\"5\",\"6\"\n7\n1,2,3\n", &format),
            "tolerated 4, too-few-values 1, too-many-values 1");
}

// ---- Against the reference ------------------------------------------------------------------------------------------

bool Same(const Format& format, const ReferenceFormat& reference) {
  std::vector<std::string> names;
  for (const FormatColumn& column : format.columns()) names.push_back(column.name);
  return names == reference.names && (format.separator() == Separator::kComma) == reference.comma &&
         format.leading_time() == reference.leading_time;
}

std::string ReferenceKind(const ReferenceLine& line) {
  switch (line.kind) {
    case ReferenceLine::Kind::kRecord:
      return "record";
    case ReferenceLine::Kind::kHeader:
      return "header";
    case ReferenceLine::Kind::kBlank:
      return "blank";
    case ReferenceLine::Kind::kProblem:
      break;
  }
  return line.reason;
}

// Judges the text in blocks that end after the lines numbered in `cuts`, each handing its format to the next.
void ExpectLinesOf(const RandomLog& log, const ReferenceResult& expected, const std::vector<size_t>& cuts) {
  const DetectedFormat detected =
      DetectFormat(std::string_view(log.text).substr(0, 64 << 10), log.text.size() <= 64 << 10, log.GivenFormat());
  ASSERT_EQ(detected.error.empty(), !expected.is_error);
  ASSERT_EQ(detected.first.has_value(), expected.first.has_value() && !expected.is_error);
  if (detected.first) ASSERT_TRUE(Same(*detected.first, *expected.first)) << detected.first->Header();
  std::optional<Format> format = detected.format;
  Lines lines;
  size_t number = 0, begin = 0;
  for (size_t c = 0; c <= cuts.size(); ++c) {
    size_t end = begin;
    const size_t last = c < cuts.size() ? cuts[c] : expected.lines.size();
    for (size_t n = number; n < last; ++n) end = std::min(end + expected.lines[n].text.size() + 1, log.text.size());
    const ExactText exact(std::string_view(log.text).substr(begin, end - begin));
    lines.Look(exact.view(), number == 0, {});
    lines.Judge(format ? &*format : nullptr);
    ASSERT_EQ(lines.num_lines(), last - number);
    for (const LineSegment& segment : lines.segments()) {
      const bool regular = segment.kind == LineSegment::Kind::kRegular;
      const bool record = regular || segment.kind == LineSegment::Kind::kTolerated;
      for (uint32_t i = segment.first_line; i < segment.first_line + segment.num_lines; ++i) {
        const ReferenceLine& line = expected.lines[number + i];
        ASSERT_EQ(lines.line(i), line.text);
        ASSERT_EQ(record ? "record" : KindName(segment), ReferenceKind(line)) << "line " << number + i + 1;
        if (!record && segment.kind != LineSegment::Kind::kHeader) continue;
        const Format& own = segment.header < 0 ? *format : lines.headers()[static_cast<size_t>(segment.header)].format;
        ASSERT_TRUE(Same(own, line.format)) << "line " << number + i + 1 << ": " << own.Header();
        if (regular) ASSERT_EQ(lines.index().separators_in(i), own.values_per_line());
      }
    }
    if (!lines.headers().empty()) format = lines.headers().back().format;
    number = last;
    begin = end;
  }
}

TEST(LinesTest, EveryLineOfRandomLogsIsWhatTheReferenceSays) {
  size_t records = 0;
  for (size_t seed = 0; seed < Cases(3000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const RandomLog log = RandomLogMaker(&random).Make(random.Of(std::vector<size_t>{0, 1, 2, 5, 20, 60, 150}));
    const ReferenceResult expected = ReferenceSplitter::Split(log.text, log.given);
    if (expected.is_unsettled) continue;
    records += expected.Count(ReferenceLine::Kind::kRecord);
    std::vector<size_t> cuts;
    for (size_t line = random.Below(20); line < expected.lines.size(); line += 1 + random.Below(40))
      cuts.push_back(line);
    ExpectLinesOf(log, expected, {});
    ExpectLinesOf(log, expected, cuts);
    if (HasFatalFailure()) FAIL() << log.text.substr(0, 2000);
  }
  EXPECT_GT(records, 3 * Cases(3000));
}

TEST(LinesTest, EveryLineOfSmallTextsIsWhatTheReferenceSays) {
  // All kinds of bytes at all places around the borders of words.
  for (size_t seed = 0; seed < Cases(6000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    RandomLog log;
    log.given = ReferenceFormat{{"srcport", "dstport", "bytes"}, false, false};
    const size_t size = random.Below(140);
    const bool tame = random.Chance(0.5);
    while (log.text.size() < size) {
      if (random.Chance(0.05))
        log.text += random.Of({"srcport dstport bytes\n", "bytes srcport\n", "srcaddr, action\n"});
      if (tame || random.Chance(0.3)) {
        log.text.append(1 + random.Below(5), '7');
        log.text += random.Chance(0.34) ? "\n" : " ";
      } else {
        log.text += random.Of(
            {" ", " ", "\n", "\n", "\t", "\r\n", "\r", "-", "x", ",", "\x01", "\x1f", "\x7f", "\x80", "\xff"});
        if (random.Chance(0.05)) log.text += '\0';
      }
    }
    const ReferenceResult expected = ReferenceSplitter::Split(log.text, log.given);
    if (expected.is_unsettled) continue;
    ExpectLinesOf(log, expected, {});
    if (HasFatalFailure()) FAIL() << testing::PrintToString(log.text);
  }
}

// ---- DetectFormat: CONTRACT F2, sentence by sentence ----------------------------------------------------------------

std::string Values(size_t n, std::string_view first = "2") {
  std::string line(first);
  for (size_t i = 1; i < n; ++i) line += " " + std::to_string(i);
  return line + "\n";
}

std::string Times(size_t n, const std::string& line) {
  std::string text;
  while (n-- > 0) text += line;
  return text;
}

// "default", "transit-gateway", "default after a time", ..., a header, "none", or the error.
std::string Detected(std::string_view text, std::optional<Format> given = std::nullopt, bool whole = true) {
  const ExactText exact(text);
  const DetectedFormat found = DetectFormat(exact.view(), whole, given);
  if (!found.error.empty()) return found.error;
  if (!found.format) return "none";
  std::string name = found.format->Header();
  if (name == Format::Default().Header()) name = "default";
  if (name == Format::TransitGateway().Header()) name = "transit-gateway";
  if (found.format->separator() == Separator::kComma) name += " in cells";
  if (found.format->leading_time()) name += " after a time";
  return name;
}

std::string First(std::string_view text, std::optional<Format> given = std::nullopt) {
  const DetectedFormat found = DetectFormat(text, true, given);
  return found.first ? found.first->Header() : "none";
}

TEST(DetectFormatTest, FourteenValuesAreTheVpcDefault) {
  EXPECT_EQ(Detected(Values(14)), "default");
  EXPECT_EQ(Detected(Times(5, Values(14))), "default");
  EXPECT_EQ(Detected("\n\n" + Values(14)), "default");
}

TEST(DetectFormatTest, ThirtySixValuesAreTheTransitGatewayDefault) {
  EXPECT_EQ(Detected(Values(36)), "transit-gateway");
}

TEST(DetectFormatTest, OneMoreWithALeadingTimeIsACloudWatchExport) {
  EXPECT_EQ(Detected(Values(15, "2023-11-14T22:13:20.000Z")), "default after a time");
  EXPECT_EQ(Detected(Values(15, "1700000000")), "default after a time");
  EXPECT_EQ(Detected(Values(15, "1700000000000")), "default after a time");
  EXPECT_EQ(Detected(Values(37, "1700000000000")), "transit-gateway after a time");
  EXPECT_EQ(Detected(Values(15)), "15 values in each line and no header: give the format");
  EXPECT_EQ(Detected(Values(15, "2023-11-14")), "15 values in each line and no header: give the format");
}

TEST(DetectFormatTest, TheMajorityOfTheFirst64KiBDecides) {
  EXPECT_EQ(Detected(Values(7) + Times(3, Values(14)) + Values(36)), "default");
  EXPECT_EQ(Detected(Values(14) + Times(3, Values(36))), "transit-gateway");
  EXPECT_EQ(Detected(Values(14) + Times(3, Values(7))), "7 values in each line and no header: give the format");
}

TEST(DetectFormatTest, TheLineThatThePrefixCutsSaysNothing) {
  EXPECT_EQ(Detected(Values(14) + "2 1", std::nullopt, /*whole=*/false), "default");
  EXPECT_EQ(Detected(Values(14) + Values(14) + "2 1"), "default");
}

TEST(DetectFormatTest, AnythingElseIsAnInputError) {
  EXPECT_EQ(Detected(Values(29)), "29 values in each line and no header: give the format");
  EXPECT_EQ(Detected("hello\n"), "1 value in each line and no header: give the format");
}

TEST(DetectFormatTest, ACommaFileHasTheSameDefaults) {
  std::string cells = Values(14);
  std::replace(cells.begin(), cells.end(), ' ', ',');
  EXPECT_EQ(Detected(cells), "default in cells");
}

TEST(DetectFormatTest, TheVersionValueDecidesNothing) {
  EXPECT_EQ(Detected(Values(14, "6")), "default");
  EXPECT_EQ(Detected(Values(36, "2")), "transit-gateway");
  EXPECT_EQ(Detected(Values(14, "-")), "default");
}

TEST(DetectFormatTest, AGivenFormatHoldsUntilTheFirstHeader) {
  const Format given = *Format::Parse("srcaddr dstaddr bytes");
  EXPECT_EQ(Detected(Values(3), given), "srcaddr dstaddr bytes");
  EXPECT_EQ(Detected(Values(14), given), "srcaddr dstaddr bytes") << "what was given is not guessed away";
  EXPECT_EQ(Detected("1,2,3\n", given), "srcaddr dstaddr bytes in cells");
  EXPECT_EQ(Detected(Values(4, "1700000000"), given), "srcaddr dstaddr bytes after a time");
  EXPECT_EQ(First("version srcaddr\n2 10.0.0.1\n", given), "version srcaddr") << "a header beats it";
  EXPECT_EQ(First(Values(3) + "version srcaddr\n", given), "srcaddr dstaddr bytes");
  EXPECT_EQ(First("", given), "srcaddr dstaddr bytes");
}

TEST(DetectFormatTest, LinesBeforeTheFirstHeaderAreJudgedByThemselves) {
  EXPECT_EQ(Detected(Times(2, Values(14)) + kHeader + Times(9, Values(7))), "default");
  EXPECT_EQ(Detected(Values(7) + kHeader), "none") << "the header will tell; the line before it is a problem";
  EXPECT_EQ(First(Values(7) + "version srcaddr\n"), "version srcaddr");
  EXPECT_EQ(First("\nversion srcaddr\n2 10.0.0.1\n"), "version srcaddr");
}

TEST(DetectFormatTest, AnEmptyInputHasNoFormat) {
  EXPECT_EQ(Detected(""), "none");
  EXPECT_EQ(Detected("\n \n\r\n"), "none");
  EXPECT_EQ(First(""), "none");
}

// ---- Headers: CONTRACT F2 -------------------------------------------------------------------------------------------

std::string Kind(std::string_view line, bool first = false) {
  const Format format = *Format::Parse("srcport dstport bytes");
  return Segments(line, &format, {}, first);
}

TEST(HeaderTest, HasAtLeastTwoFieldNames) {
  EXPECT_EQ(Kind("version srcaddr\n"), "header 1");
  EXPECT_EQ(Kind("version mine yours\n"), "regular 1");
  EXPECT_EQ(Kind("pkt_srcaddr pkt-dstaddr\n"), "header 1");
}

TEST(HeaderTest, HasFieldNamesForAtLeastHalfOfItsTokens) {
  EXPECT_EQ(Kind("version srcaddr a b\n"), "header 1");
  EXPECT_EQ(Kind("version srcaddr a b c\n"), "too-many-values 1");
}

TEST(HeaderTest, HasDistinctTokens) {
  EXPECT_EQ(Kind("version srcaddr version\n"), "regular 1");
  EXPECT_EQ(Kind("pkt-srcaddr srcaddr pkt_srcaddr\n"), "regular 1") << "both spellings are one field";
}

TEST(HeaderTest, HasNoMissingValueNumberOrAddress) {
  for (std::string_view token : {"-", "7", "-7", "1.5", "10.0.0.1", "fe80::1", "::"}) {
    EXPECT_EQ(Kind("version srcaddr " + std::string(token) + "\n"), "regular 1") << token;
    EXPECT_EQ(Kind(std::string(token) + " version srcaddr\n"), "regular 1") << token;
  }
}

TEST(HeaderTest, OfOneTokenStandsOnlyOnLineOne) {
  EXPECT_EQ(Kind("srcaddr\n", /*first=*/true), "header 1");
  EXPECT_EQ(Kind("srcaddr\n", /*first=*/false), "too-few-values 1");
  EXPECT_EQ(Kind("hello\n", /*first=*/true), "too-few-values 1");
}

TEST(HeaderTest, MayStandAnywhereAndBeLoose) {
  EXPECT_EQ(Kind("1 2 3\n \tversion\t srcaddr \r\n1 2\n"), "regular 1, header 1, regular 1");
  EXPECT_EQ(Kind("1 2 3\nversion srcaddr"), "regular 1, header 1");
}

TEST(HeaderTest, OfACommaFileHasCellsForTokens) {
  EXPECT_EQ(Kind("version,srcaddr\n2,10.0.0.1\n"), "header 1, tolerated 1");
  EXPECT_EQ(Kind("\"version\",\"srcaddr\"\n"), "header 1");
  EXPECT_EQ(Kind("version srcaddr,bytes\n"), "too-few-values 1") << "a cell with two names is none";
}

// Former bugs.

TEST(HeaderTest, OfACommaFileMayHaveBlanksBeforeItsCommas) {
  EXPECT_EQ(Kind("version , srcaddr , bytes\n2 , 10.0.0.1 , 7\n"), "header 1, tolerated 1");
  EXPECT_EQ(Kind("version ,srcaddr\n"), "header 1");
}

TEST(HeaderTest, MayHaveCarriageReturnsBetweenItsNames) {
  EXPECT_EQ(Kind("version srcaddr x\ry\n"), "header 1");
  EXPECT_EQ(Kind("version\rsrcaddr\r\r\n"), "header 1");
  EXPECT_EQ(Kind("version,srcaddr\r,x\r \r\n"), "header 1");
  EXPECT_NE(Kind("version srcaddr x\r5\n"), "header 1");
  EXPECT_NE(Kind("version srcaddr x\ry z\n"), "header 1") << "two fields among five names";
  EXPECT_NE(Kind("version,srcaddr\r5,x\n"), "header 1");
}

}  // namespace
}  // namespace flowlogs
