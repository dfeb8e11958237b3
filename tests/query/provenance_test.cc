// Columns that tell where records come from (CONTRACT L13): by envelopes, by the name of the input, by the time before a line
// of an export.
#include "lib/query/provenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/query/block_scanner.h"
#include "lib/query/sink.h"
#include "tests/query/query_testing.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;

constexpr std::string_view kName = "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz";

std::string Facts(std::string_view name) {
  const fl::NameFacts facts = fl::FactsOfName(name);
  auto shown = [](const std::string& text) { return text.empty() ? std::string("-") : text; };
  return shown(facts.account) + " " + shown(facts.region) + " " + shown(facts.flow_log_id) + " " + shown(facts.log_stream);
}

// CONTRACT L13
TEST(ProvenanceTest, TheNameOfADeliveredFileTellsAccountRegionAndFlowLog) {
  const std::string expected = "123456789012 us-east-1 fl-1234abcd -";
  EXPECT_EQ(Facts(kName), expected);
  for (std::string_view ending : {".log", ".log.parquet", ".log.zst", ""}) {
    EXPECT_EQ(Facts("/a/b c/" + std::string(kName.substr(0, kName.size() - 7)) + std::string(ending)), expected) << ending;
  }
  // The file's name goes before its folders.
  EXPECT_EQ(Facts("s3://bucket/AWSLogs/999999999999/vpcflowlogs/eu-west-3/2018/06/20/" + std::string(kName)), expected);
  for (std::string_view other :
       {"", "-", "/", "<bytes>", "12345678901_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
        "123456789012_cloudtrail_us-east-1_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
        "123456789012_vpcflowlogs_useast_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
        "123456789012_vpcflowlogs_us-east-1_fl-_20180620T1620Z_fe123456.log.gz",
        "123456789012_vpcflowlogs_us-east-1_vpc-1_20180620T1620Z_fe123456.log.gz",
        "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620_fe123456.log.gz",
        "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_", "123456789012_vpcflowlogs_us-east-1_fl-1234abcd"}) {
    EXPECT_EQ(Facts(other), "- - - -") << other;
  }
}

// CONTRACT L13
TEST(ProvenanceTest, TheFoldersOfADeliveryTellAccountAndRegion) {
  const std::string expected = "123456789012 eu-west-3 - -";
  for (std::string_view path : {"logs/AWSLogs/123456789012/vpcflowlogs/eu-west-3/2024/01/31/x.log",
                                "AWSLogs/o-abc123/123456789012/vpcflowlogs/eu-west-3/2024/01/31/23/x.log.gz",
                                "p/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-3/year=2024/x.parquet",
                                "AWSLogs/aws-account-id%3D123456789012/service%3dvpcflowlogs/aws-region%3Deu-west-3/x.log"}) {
    EXPECT_EQ(Facts(path), expected) << path;
  }
  EXPECT_EQ(Facts("vpcflowlogs/eu-west-3/x.log"), "- - - -");
  EXPECT_EQ(Facts("AWSLogs/123456789012/vpcflowlogs/eu-west-3"), "123456789012 - - -") << "that is the file";
  EXPECT_EQ(Facts("aws-region=/aws-account-id=x/x.log"), "- - - -");
}

// CONTRACT L13
TEST(ProvenanceTest, TheKeyOfAnExportTellsTheLogStream) {
  EXPECT_EQ(Facts("exportedlogs/5f5d4f4a-1c1c-4b4b-9a9a-0123456789ab/web/000000.gz"), "- - - web");
  EXPECT_EQ(Facts("here/eni-0416a1c81c87ab9c9-all/000012.gz"), "- - - eni-0416a1c81c87ab9c9-all");
  EXPECT_EQ(Facts("eni-0416a1c81c87ab9c9-all/000000"), "- - - eni-0416a1c81c87ab9c9-all");
  EXPECT_EQ(Facts("web/000000.gz"), "- - - -");
  EXPECT_EQ(Facts("eni-1/0000.gz"), "- - - -");
  EXPECT_EQ(Facts("5f5d4f4a-1c1c-4b4b-9a9a-0123456789aX/web/000000.gz"), "- - - -");
}

// CONTRACT L13
TEST(ProvenanceTest, TheTimeBeforeALineIsToldInMilliseconds) {
  EXPECT_EQ(fl::EventTimeOf("2022-01-01T00:00:00.123Z"), 1640995200123);
  EXPECT_EQ(fl::EventTimeOf("2022-01-01T00:00:00.1239Z"), 1640995200123);
  EXPECT_EQ(fl::EventTimeOf("2022-01-01T00:00:00.5Z"), 1640995200500);
  EXPECT_EQ(fl::EventTimeOf("2022-01-01T00:00:00Z"), 1640995200000);
  EXPECT_EQ(fl::EventTimeOf("2022-01-01T01:00:00.007+01:00"), 1640995200007);
  EXPECT_EQ(fl::EventTimeOf("2022-01-01T00:00"), 1640995200000);
  EXPECT_EQ(fl::EventTimeOf("1640995200"), 1640995200000);
  EXPECT_EQ(fl::EventTimeOf("1640995200123"), 1640995200123);
  for (std::string_view none : {"", "-", "x", "2022-13-01T00:00:00Z", "12345678901234567", "-5"}) {
    EXPECT_EQ(fl::EventTimeOf(none), fl::kNullWord) << none;
  }
}

constexpr std::string_view kLine = "2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 1640995200 1640995260 ACCEPT OK\n";

// CONTRACT L13, F10
TEST(ProvenanceTest, AnExportGivesTheTimeOfEachEventWhateverTheThreads) {
  std::string text;
  for (int i = 0; i < 400; ++i) {
    text += i % 3 == 0 ? "1640995200" + std::to_string(100 + i) : "2022-01-01T00:00:00." + std::to_string(100 + i) + "Z";
    text += (i % 50 == 7 ? "  " : " ") + std::string(kLine);  // some are tolerated: they are rewritten
  }
  for (const int threads : {1, 2, 7}) {
    for (const size_t block_bytes : {size_t{300}, size_t{128} << 10}) {
      fl::ScanOptions options;
      options.threads = threads;
      options.block_bytes = block_bytes;
      const auto table = ScanText(text, options).Select({"_event_time", "_line"}).Collect();
      ASSERT_TRUE(table.ok()) << table.status();
      ASSERT_EQ(table->num_rows(), 400u);
      for (size_t row = 0; row < 400; ++row) {
        ASSERT_EQ(table->Int(row, "_event_time"), 1640995200100 + static_cast<int64_t>(row)) << row;
      }
      EXPECT_EQ(Rows(ScanText(text, options).Filter("_event_time between 1640995200102 and 1640995200104")
                         .Aggregate({{"n", "count()"}, {"least", "min(_event_time)"}})),
                "n=3 least=1640995200102");
    }
  }
}

// CONTRACT L13
TEST(ProvenanceTest, TheNameOfAnInputGivesItsColumnsInFiltersKeysAndRows) {
  const std::string text(kLine);
  auto scan = [&] {
    return fl::Scan({fl::Source::Bytes(text, nullptr, std::string(kName)), fl::Source::Bytes(text, nullptr, "other.log"),
                     fl::Source::Bytes(text, nullptr, "eni-9-all/000000.gz")});
  };
  EXPECT_EQ(Rows(scan().Select({"_account", "_region", "_flow_log_id", "_log_stream", "_log_group", "_owner", "_event_id",
                                "_event_time"})),
            "_account=123456789012 _region=us-east-1 _flow_log_id=fl-1234abcd _log_stream=- _log_group=- _owner=- "
            "_event_id=- _event_time=-; _account=- _region=- _flow_log_id=- _log_stream=- _log_group=- _owner=- "
            "_event_id=- _event_time=-; _account=- _region=- _flow_log_id=- _log_stream=eni-9-all _log_group=- _owner=- "
            "_event_id=- _event_time=-");
  EXPECT_EQ(Rows(scan().GroupBy({"_region"})), "_region=us-east-1 count=1; _region=- count=2");
  EXPECT_EQ(Rows(scan().Filter("_region = 'us-east-1' or _log_stream like 'eni-9%'").Aggregate({{"n", "count()"}})), "n=2");
  EXPECT_EQ(Rows(scan().Aggregate({{"accounts", "distinct(_account)"}, {"told", "count(_region)"}})), "accounts=1 told=1");
  EXPECT_THAT(*scan().Columns(), ::testing::Not(::testing::Contains(::testing::StartsWith("_"))));  // CONTRACT L12
  EXPECT_THAT(Rows(scan().Dedup().GroupBy({"_region"})), HasSubstr("dedup: of identical records any one is counted"));
}

// CONTRACT L13, L11: a column of where records come from is no field; that nothing tells it is an answer.
TEST(ProvenanceTest, WhatNothingTellsIsNullAndNoError) {
  EXPECT_EQ(Rows(ScanText(kLine).Select({"_log_group", "_event_time"})), "_log_group=- _event_time=-");
  EXPECT_EQ(Rows(ScanText(kLine).Filter("_log_group is null").Aggregate({{"n", "count()"}})), "n=1");
}

// CONTRACT L13: envelopes go before names and times. Events are by line of the block, headers and blanks counted.
TEST(ProvenanceTest, EnvelopesGoBeforeNamesLineByLine) {
  std::string text(fl::Block::kMargin, '\n');
  const size_t begin = text.size();
  size_t lines = 0;
  fl::BlockEvents events;
  events.origins = {{"/aws/vpc", "eni-1-all", "111111111111", "", "eu-west-1"}, {"", "", "", "222222222222", ""}};
  auto add = [&](std::string_view line, std::string_view id, uint32_t origin, int64_t time) {
    text += line;
    ++lines;
    events.events.push_back({origin, static_cast<uint32_t>(events.ids.size()), static_cast<uint32_t>(id.size()), time});
    events.ids += id;
  };
  add("version srcaddr dstport\n", "h", 0, 1);
  add("2 10.0.0.1 80\n", "first", 0, 1640995200123);
  add("\n", "", 0, 2);
  add("2\t10.0.0.2  81\n", "second", 1, fl::BlockEvents::kNoTime);
  for (int i = 0; i < 20; ++i) add("2 10.0.0.3 82\n", "id" + std::to_string(i), 1, 1000 + i);
  text += "2 10.0.0.4 83\n";  // of which nothing is said
  ++lines;
  const size_t size = text.size() - begin;
  text.append(fl::Block::kMargin, '\n');

  fl::RowPlan plan;
  for (std::string_view name : {"srcaddr", "_log_group", "_log_stream", "_owner", "_account", "_region", "_event_id",
                                "_event_time", "_line"}) {
    plan.columns.push_back(*fl::ParseKey(name));
  }
  fl::FormatTable formats;
  const std::unique_ptr<fl::LocalSink> sink = fl::MakeRowSink(plan);
  fl::BlockScanner scanner(&formats, {sink.get()});
  const std::string name(kName);
  fl::BlockScanner::Text block{std::string_view(text).substr(begin, size), true, {}, 0, &name};
  block.events = &events;
  scanner.Look(block);
  fl::RunStats stats;
  scanner.Scan({-1, 100, false}, &stats);
  fl::RowChunk chunk = sink->EndBlock();
  ASSERT_EQ(chunk.num_rows(), 23u);
  auto row = [&](size_t r) {
    std::string out;
    for (const fl::Column& column : chunk.columns) out += (column.is_null(r) ? "-" : column.ToText(r)) + " ";
    return out;
  };
  EXPECT_EQ(row(0), "10.0.0.1 /aws/vpc eni-1-all 111111111111 123456789012 eu-west-1 first 1640995200123 102 ");
  EXPECT_EQ(row(1), "10.0.0.2 - - - 222222222222 us-east-1 second - 104 ");
  EXPECT_EQ(row(2), "10.0.0.3 - - - 222222222222 us-east-1 id0 1000 105 ");
  EXPECT_EQ(row(21), "10.0.0.3 - - - 222222222222 us-east-1 id19 1019 124 ");
  EXPECT_EQ(row(22), "10.0.0.4 - - - 123456789012 us-east-1 - - 125 ");
}

// Former bugs.

// CONTRACT L12
TEST(EnvelopeColumnsTest, AreThoseOfTheFirstObjectWithAField) {
  const std::string message = "{\"message\":\"no record\"}\n", object = "{\"x\":1}\n";
  const std::string record = "{\"srcaddr\":\"10.0.0.1\",\"interface-id\":\"eni-1\"}\n";
  const std::string bare = "srcaddr=10.0.0.1 interface_id=eni-1", later = "x=- " + bare;
  EXPECT_EQ(Rows(ScanText(message + record)), bare);
  EXPECT_EQ(Rows(ScanText(object + message + record)), later);
  EXPECT_EQ(Rows(ScanText(message + object + message + record)), later);
  // Lines that are no JSON may be a header.
  const std::string lines = "srcaddr interface-id\n10.0.0.1 eni-1\n";
  EXPECT_EQ(Rows(ScanText(object + lines)), bare);
  EXPECT_EQ(Rows(ScanText(message + object + lines)), bare);
}

}  // namespace
