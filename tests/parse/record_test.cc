#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/parse/record.h"
#include "tests/random_log.h"

namespace {
std::atomic<size_t> allocations = 0;
}  // namespace

// Counts what this program allocates with new. Not inlined: GCC 12 then takes the pair for a mismatch.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace {

namespace fl = flowlogs;
using flowlogs_test::Cases;
using flowlogs_test::ExactText;
using flowlogs_test::Random;
using flowlogs_test::RandomLogMaker;
using flowlogs_test::ReferenceSplitter;

constexpr std::string_view kLine =
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT "
    "OK";

template <typename S>
concept Parses =
    requires(S&& line, fl::Record* record) { fl::ParseRecord(static_cast<S&&>(line), fl::Format::Default(), record); };
// A record must not point into a string that is gone (CONTRACT C2).
static_assert(Parses<std::string&> && Parses<const std::string&> && Parses<std::string_view> && Parses<const char*>);
static_assert(!Parses<std::string>);
static_assert(noexcept(fl::ParseRecord(std::declval<std::string_view>(), std::declval<const fl::Format&>(),
                                       std::declval<fl::Record*>())));

TEST(RecordTest, HasATypedGetterForEveryField) {
  fl::Record r;
  ASSERT_EQ(fl::ParseRecord(kLine, fl::Format::Default(), &r), fl::ParseError::kOk);
  EXPECT_EQ(r.version(), 2);
  EXPECT_EQ(r.account_id(), "123456789010");
  EXPECT_EQ(r.interface_id(), "eni-1235b8ca123456789");
  EXPECT_EQ(r.srcaddr()->ToString(), "172.31.16.139");
  EXPECT_EQ(r.dstaddr()->ToString(), "172.31.16.21");
  EXPECT_EQ(r.srcport(), 20641);
  EXPECT_EQ(r.dstport(), 22);
  EXPECT_EQ(r.protocol(), 6);
  EXPECT_EQ(r.packets(), 20);
  EXPECT_EQ(r.bytes(), 4249);
  EXPECT_EQ(r.start(), 1418530010);
  EXPECT_EQ(r.end(), 1418530070);
  EXPECT_EQ(r.action(), "ACCEPT");
  EXPECT_EQ(r.log_status(), "OK");
  EXPECT_EQ(r.size(), 14u);
  EXPECT_EQ(r.line(), kLine);
}

TEST(RecordTest, ReadsAllFieldsOfEveryProductFromTheirOwnColumn) {
  for (const fl::Format& format : {fl::Format::All(), fl::Format::TransitGateway()}) {
    std::string line;
    for (size_t i = 0; i < format.size(); ++i) line += (i == 0 ? "" : " ") + std::to_string(100 + i);
    fl::Record r;
    ASSERT_EQ(fl::ParseRecord(line, format, &r), fl::ParseError::kOk);
    for (size_t i = 0; i < format.size(); ++i) {
      EXPECT_EQ(r.raw(static_cast<int>(i)), std::to_string(100 + i));
      EXPECT_EQ(r.raw(*format.columns()[i].field), std::to_string(100 + i));
    }
    EXPECT_EQ(r.bytes(), 100 + format.IndexOf(fl::Field::kBytes));
    EXPECT_EQ(r.tcp_flags(), 100 + format.IndexOf(fl::Field::kTcpFlags));
    EXPECT_EQ(r.region(), std::to_string(100 + format.IndexOf(fl::Field::kRegion)));
  }
}

TEST(RecordTest, TellsMissingFromBadFromZero) {  // CONTRACT F4, F5
  const fl::Format format = *fl::Format::Parse("srcaddr dstaddr srcport dstport bytes packets action instance-tag");
  fl::Record r;
  ASSERT_EQ(fl::ParseRecord("- 10.0.0.256 0 - x 007 - %2D", format, &r), fl::ParseError::kOk);
  EXPECT_EQ(r.srcaddr(), std::nullopt);
  EXPECT_EQ(r.state(fl::Field::kSrcaddr), fl::ValueState::kMissing);
  EXPECT_EQ(r.dstaddr(), std::nullopt);
  EXPECT_EQ(r.state(fl::Field::kDstaddr), fl::ValueState::kBad);
  EXPECT_EQ(r.srcport(), 0);
  EXPECT_EQ(r.state(fl::Field::kSrcport), fl::ValueState::kPresent);
  EXPECT_EQ(r.dstport(), std::nullopt);
  EXPECT_EQ(r.bytes(), std::nullopt);
  EXPECT_EQ(r.state(fl::Field::kBytes), fl::ValueState::kBad);
  EXPECT_EQ(r.packets(), 7);
  EXPECT_EQ(r.action(), std::nullopt);
  EXPECT_EQ(r.instance_tag(), "-");  // CONTRACT F8: decoded, it is text
  EXPECT_EQ(r.raw(fl::Field::kInstanceTag), "%2D");
  EXPECT_EQ(r.raw(fl::Field::kSrcaddr), "-");
  EXPECT_EQ(r.raw(fl::Field::kBytes), "x");
}

TEST(RecordTest, AFieldThatTheFormatLacksIsMissing) {
  fl::Record r;
  ASSERT_EQ(fl::ParseRecord(kLine, fl::Format::Default(), &r), fl::ParseError::kOk);
  EXPECT_EQ(r.vpc_id(), std::nullopt);
  EXPECT_EQ(r.tcp_flags(), std::nullopt);
  EXPECT_EQ(r.pkt_srcaddr(), std::nullopt);
  EXPECT_EQ(r.state(fl::Field::kVpcId), fl::ValueState::kMissing);
  EXPECT_EQ(r.raw(fl::Field::kVpcId), "");
  for (int column : {-1, 14, 1000}) {
    EXPECT_EQ(r.raw(column), "");
    EXPECT_EQ(r.state(column), fl::ValueState::kMissing);
  }
}

TEST(RecordTest, NodataAndSkipdataAreRecords) {  // CONTRACT F5
  fl::Record r;
  for (std::string_view status : {"NODATA", "SKIPDATA"}) {
    const std::string line = "2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - " + std::string(status);
    ASSERT_EQ(fl::ParseRecord(line, fl::Format::Default(), &r), fl::ParseError::kOk);
    EXPECT_EQ(r.log_status(), status);
    EXPECT_EQ(r.start(), 1431280876);
    EXPECT_EQ(r.srcaddr(), std::nullopt);
    EXPECT_EQ(r.bytes(), std::nullopt);
  }
}

TEST(RecordTest, AcceptsLineEndsTabsAndRunsOfBlanks) {  // CONTRACT F3
  const fl::Format format = *fl::Format::Parse("srcport dstport");
  fl::Record r;
  for (const char* line : {"1 2", "1 2\n", "1 2\r\n", "1 2\r", " 1 2", "1 2 ", "\t1 \t2\t\n", "1    2 \r\n"}) {
    ASSERT_EQ(fl::ParseRecord(line, format, &r), fl::ParseError::kOk) << line;
    EXPECT_EQ(r.srcport(), 1) << line;
    EXPECT_EQ(r.dstport(), 2) << line;
  }
  EXPECT_EQ(r.line(), "1    2 ") << "without its line end";
}

TEST(RecordTest, SaysWhyALineIsNone) {
  const fl::Format format = *fl::Format::Parse("srcport dstport");
  fl::Record r;
  EXPECT_EQ(fl::ParseRecord("", format, &r), fl::ParseError::kBlank);
  EXPECT_EQ(fl::ParseRecord(" \t\r\n", format, &r), fl::ParseError::kBlank);
  EXPECT_EQ(fl::ParseRecord("1", format, &r), fl::ParseError::kTooFewValues);
  EXPECT_EQ(fl::ParseRecord("1 2 3", format, &r), fl::ParseError::kTooManyValues);
  EXPECT_EQ(fl::ParseErrorName(fl::ParseError::kOk), "ok");
  EXPECT_EQ(fl::ParseErrorName(fl::ParseError::kBlank), "blank");
  EXPECT_EQ(fl::ParseErrorName(fl::ParseError::kTooFewValues), "too-few-values");
  EXPECT_EQ(fl::ParseErrorName(fl::ParseError::kTooManyValues), "too-many-values");
  EXPECT_EQ(fl::ParseErrorName(fl::ParseError::kLineTooLong), "line-too-long");
  EXPECT_EQ(fl::ParseErrorName(fl::ParseError::kUnfinished), "unfinished-line");
  EXPECT_EQ(fl::ParseErrorName(fl::ParseError::kNoFormat), "no-format");
}

TEST(RecordTest, HoldsNoValuesAfterAnError) {
  fl::Record r;
  ASSERT_EQ(fl::ParseRecord(kLine, fl::Format::Default(), &r), fl::ParseError::kOk);
  ASSERT_EQ(fl::ParseRecord("2 3", fl::Format::Default(), &r), fl::ParseError::kTooFewValues);
  EXPECT_EQ(r.size(), 0u);
  EXPECT_EQ(r.srcaddr(), std::nullopt);
  EXPECT_EQ(r.raw(0), "");
  EXPECT_EQ(r.state(0), fl::ValueState::kMissing);
}

TEST(RecordTest, ReadsCellsBetweenCommas) {
  const fl::Format format = fl::Format::Parse("srcport dstport interface-id")->WithSeparator(fl::Separator::kComma);
  fl::Record r;
  ASSERT_EQ(fl::ParseRecord("1, \"2\" ,\"eni-1\"\r\n", format, &r), fl::ParseError::kOk);
  EXPECT_EQ(r.srcport(), 1);
  EXPECT_EQ(r.dstport(), 2);
  EXPECT_EQ(r.interface_id(), "eni-1");
  ASSERT_EQ(fl::ParseRecord(",,", format, &r), fl::ParseError::kOk) << "an empty cell is a missing value";
  EXPECT_EQ(r.state(0), fl::ValueState::kMissing);
  EXPECT_EQ(r.interface_id(), std::nullopt);
  EXPECT_EQ(fl::ParseRecord("1,2", format, &r), fl::ParseError::kTooFewValues);
  EXPECT_EQ(fl::ParseRecord("1,2,3,", format, &r), fl::ParseError::kTooManyValues);
}

TEST(RecordTest, LeavesOutALeadingTime) {
  const fl::Format format = fl::Format::Default().WithLeadingTime();
  const std::string line = "2023-11-14T22:13:20.000Z " + std::string(kLine);
  fl::Record r;
  ASSERT_EQ(fl::ParseRecord(line, format, &r), fl::ParseError::kOk);
  EXPECT_EQ(r.version(), 2);
  EXPECT_EQ(r.log_status(), "OK");
  EXPECT_EQ(fl::ParseRecord(kLine, format, &r), fl::ParseError::kTooFewValues);
}

TEST(RecordTest, KeepsItsFormatAliveAndItsViewsPointIntoTheLine) {  // CONTRACT C3
  const std::string line = "7 eni-9";
  fl::Record r;
  {
    const fl::Format format = *fl::Format::Parse("srcport interface-id");
    ASSERT_EQ(fl::ParseRecord(line, format, &r), fl::ParseError::kOk);
  }
  EXPECT_EQ(r.format().Header(), "srcport interface-id");
  EXPECT_EQ(r.interface_id()->data(), line.data() + 2);
  const fl::Record copy = r;
  r = fl::Record();
  EXPECT_EQ(copy.srcport(), 7);
  EXPECT_EQ(copy.raw(1).data(), line.data() + 2);
}

TEST(RecordTest, TakesFormatsOfOneAndOfTheMostColumns) {
  fl::Record r;
  ASSERT_EQ(fl::ParseRecord("443", *fl::Format::Parse("dstport"), &r), fl::ParseError::kOk);
  EXPECT_EQ(r.dstport(), 443);
  std::string names = "bytes", line = "1";
  for (size_t i = 1; i < fl::Format::kMaxColumns; ++i) {
    names += " column" + std::to_string(i);
    line += " v" + std::to_string(i);
  }
  const std::optional<fl::Format> widest = fl::Format::Parse(names);
  ASSERT_TRUE(widest.has_value());
  ASSERT_EQ(fl::ParseRecord(line, *widest, &r), fl::ParseError::kOk);
  EXPECT_EQ(r.raw(255), "v255");
  const std::string timed = "1700000000 " + line;
  ASSERT_EQ(fl::ParseRecord(timed, widest->WithLeadingTime(), &r), fl::ParseError::kOk);
  EXPECT_EQ(r.raw(255), "v255");
  EXPECT_EQ(fl::ParseRecord(timed, *widest, &r), fl::ParseError::kTooManyValues);
}

TEST(RecordTest, ParsingAllocatesNothing) {
  const fl::Format comma = fl::Format::Default().WithSeparator(fl::Separator::kComma);
  const fl::Format& plain = fl::Format::Default();
  std::string cells(kLine);
  for (char& c : cells) c = c == ' ' ? ',' : c;
  fl::Record r;
  const size_t before = allocations.load();
  int64_t sum = 0;
  for (int i = 0; i < 100; ++i) {
    if (fl::ParseRecord(kLine, plain, &r) == fl::ParseError::kOk) {
      sum += *r.bytes() + *r.start() + static_cast<int64_t>(r.srcaddr()->v4_bits()) +
             static_cast<int64_t>(r.action()->size());
      sum += r.state(fl::Field::kEnd) == fl::ValueState::kPresent;
    }
    if (fl::ParseRecord(cells, comma, &r) == fl::ParseError::kOk) sum += *r.bytes();
    sum += static_cast<int64_t>(fl::ParseRecord("2 3", plain, &r));
  }
  EXPECT_EQ(allocations.load(), before);
  EXPECT_GT(sum, 0);
}

TEST(RecordTest, ReadsNothingOutsideOfTheLine) {
  fl::Record r;
  for (size_t size = 0; size <= kLine.size(); ++size) {
    const ExactText exact(kLine.substr(0, size));
    const fl::ParseError error = fl::ParseRecord(exact.view(), fl::Format::Default(), &r);
    const bool whole = size > kLine.rfind(' ') + 1;
    EXPECT_EQ(error, whole ? fl::ParseError::kOk : size == 0 ? fl::ParseError::kBlank : fl::ParseError::kTooFewValues);
    if (whole) {
      EXPECT_EQ(r.bytes(), 4249);
      EXPECT_EQ(r.log_status(), kLine.substr(kLine.rfind(' ') + 1, 2).substr(0, size - kLine.rfind(' ') - 1));
    }
  }
}

TEST(RecordTest, AgreesWithTheReferenceOnRandomLines) {
  for (size_t seed = 0; seed < Cases(2000); ++seed) {
    Random random(seed);
    const flowlogs_test::RandomLog log = RandomLogMaker(&random).Make(5);
    const flowlogs_test::ReferenceResult expected = ReferenceSplitter::Split(log.text, log.given);
    for (const flowlogs_test::ReferenceLine& line : expected.lines) {
      if (line.kind != flowlogs_test::ReferenceLine::Kind::kRecord) continue;
      std::string names;
      for (const std::string& name : line.format.names) names += name + " ";
      fl::Format format = *fl::Format::FromHeader(names, /*first_line=*/true);
      if (line.format.comma) format = format.WithSeparator(fl::Separator::kComma);
      if (line.format.leading_time) format = format.WithLeadingTime();
      const ExactText exact(line.text);
      fl::Record r;
      ASSERT_EQ(fl::ParseRecord(exact.view(), format, &r), fl::ParseError::kOk) << line.text;
      ASSERT_EQ(r.size(), line.values.size());
      for (size_t i = 0; i < r.size(); ++i) {
        ASSERT_EQ(r.raw(static_cast<int>(i)), line.values[i]) << "seed " << seed << ": " << line.text;
      }
    }
  }
}

}  // namespace
