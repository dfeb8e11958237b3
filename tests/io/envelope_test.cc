#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"
#include "lib/io/block_access.h"
#include "lib/io/content_kind.h"
#include "lib/io/envelope_lines.h"
#include "lib/io/envelope_reader.h"
#include "lib/io/padded_buffer.h"
#include "tests/io/io_testing.h"
#include "tests/random_log.h"

namespace flowlogs::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// All that the blocks of an input say, in order.
struct Content {
  std::vector<std::string> lines;    // "!" in front of one that is broken, "?" of an unfinished one
  std::vector<std::string> headers;  // where they change
  std::vector<std::string> events;   // "group|stream|owner|account|region|time|id" of a line; "-": nothing is known
  uint32_t skipped = 0;
  bool operator==(const Content&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Content& content) {
  for (const std::string& line : content.lines) out << line.substr(0, 160) << "\n";
  return out << content.skipped << " skipped";
}

void AppendBlock(const Block& block, Content* content) {
  std::vector<Line> lines;
  AppendLines(block, 1 << 20, &lines);
  content->skipped += block.skipped();
  if (!block.header().empty() && (content->headers.empty() || block.header() != content->headers.back())) {
    content->headers.emplace_back(block.header());
  }
  if (block.events() != nullptr) {
    EXPECT_EQ(block.events()->events.size(), lines.size());
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool is_broken = i + 1 == lines.size() && block.last_line_broken();
    content->lines.push_back((is_broken ? "!" : lines[i].is_unfinished ? "?" : "") + lines[i].text);
    if (block.events() == nullptr) {
      content->events.push_back("-");
      continue;
    }
    const BlockEvents::Event& event = block.events()->events[i];
    const BlockEvents::Origin& origin = block.events()->origins[event.origin];
    content->events.push_back(absl::StrCat(origin.log_group, "|", origin.log_stream, "|", origin.owner, "|",
                                           origin.account, "|", origin.region, "|",
                                           event.time == BlockEvents::kNoTime ? "none" : absl::StrCat(event.time), "|",
                                           block.events()->ids.substr(event.id_begin, event.id_size)));
  }
}

Content ReadAll(Input* input) {
  Content content;
  Block block;
  uint64_t sequence = 0;
  while (input->Claim(&block)) {
    EXPECT_EQ(block.sequence(), sequence++);
    input->Load(&block);
    AppendBlock(block, &content);
  }
  return content;
}

// The content as a pipe may bring it: what is there is looked at after every piece. `limit`: the limit that was met.
// `long_way`: see EnvelopeReader::TakeLongWay().
Content Rewrite(std::string_view text, size_t piece, const InputOptions& options = {}, std::string* limit = nullptr,
                bool long_way = false, EnvelopeReader::End last = EnvelopeReader::End::kWhole) {
  using End = EnvelopeReader::End;
  EnvelopeLines lines(LineLimits(options), true);
  EnvelopeReader reader(FormOf(text.substr(0, kHeadBytes)), options, &lines);
  if (long_way) reader.TakeLongWay();
  std::string rest;
  while (!text.empty() && reader.limit().empty()) {
    rest += text.substr(0, piece);
    text.remove_prefix(std::min(piece, text.size()));
    PaddedBuffer buffer;
    std::memcpy(buffer.Reserve(rest.size()), rest.data(), rest.size());
    const size_t done = reader.Read(buffer.data(), rest.size(), text.empty() ? last : End::kMore);
    rest.assign(buffer.data() + done, rest.size() - done);
  }
  lines.Flush();
  Content content;
  for (const Block& block : lines.ready()) AppendBlock(block, &content);
  if (limit != nullptr) *limit = reader.limit();
  return content;
}

Content ReadBytes(std::string_view bytes, const InputOptions& options = {}) {
  auto input = OpenOrDie(ExactBytes(bytes), options);
  return ReadAll(input.get());
}

// The content, a few bytes at a time.
Source InPieces(std::string content, size_t piece) {
  return Source::Stream([content = std::move(content), piece, done = size_t{0}](char* to, size_t size) mutable {
    const size_t n = std::min({piece, size, content.size() - done});
    std::memcpy(to, content.data() + done, n);
    done += n;
    return absl::StatusOr<size_t>(n);
  });
}

std::string Base64(std::string_view text) {
  return std::string(absl::Base64Escape(absl::string_view(text.data(), text.size())));
}

std::string Record(int i) {
  return absl::StrCat("2 123456789012 eni-0a 10.0.0.", i, " 10.0.1.1 4000", i % 10,
                      " 443 6 7 800 1600000000 1600000059 ACCEPT OK");
}

std::string DataMessage(int first, int count) {
  std::string events;
  for (int i = first; i < first + count; ++i) {
    absl::StrAppend(&events, i > first ? "," : "", R"({"id":"319531060)", i, R"(","timestamp":143282685)", 5000 + i,
                    R"(,"message":")", Record(i), R"("})");
  }
  return absl::StrCat(R"({"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/vpc/flowlogs",)",
                      R"("logStream":"eni-1235b8ca123456789-all","subscriptionFilters":["Destination"],"logEvents":[)",
                      events, "]}");
}

std::vector<std::string> RecordLines(int first, int count) {
  std::vector<std::string> lines;
  for (int i = first; i < first + count; ++i) lines.push_back(Record(i));
  return lines;
}

// SPEC 4.1, as documented and observed.
constexpr std::string_view kControlMessage =
    "H4sIAAAAAAAAADWO0QqCMBiFX2XsOkKJZHkXot5YQgpdhMTSPzfSTbaZhPjuzbTLj3M45xtxC1rTGvJPB9jHQXrOL2lyP4VZdoxDvMFyEKDmpJF9NV"
    "BTskTW"
    "2gaNrGMl+85mC2VGAW0X1P1Dl4p3hksR8caA0ti/"
    "Fb9e+AZhZhwxr5a64VbD0NaOuR5xPLJzycEh+81fbxa4JmjVQ6uejwIG5YuLGjGgjWFIPlFll7ig8zOK"
    "uAImNWzxVExfL8ipzewAAAA=";

// ---- Forms (SPEC 4.1, 4.4)
// ---------------------------------------------------------------------------------------------

TEST(Envelope, CloudWatchPayloadSaysWhereItsRecordsComeFrom) {
  const Content content = ReadBytes(DataMessage(1, 2));
  EXPECT_EQ(content.lines, RecordLines(1, 2));
  EXPECT_THAT(content.events,
              ElementsAre("/aws/vpc/flowlogs|eni-1235b8ca123456789-all|123456789012|||1432826855001|3195310601",
                          "/aws/vpc/flowlogs|eni-1235b8ca123456789-all|123456789012|||1432826855002|3195310602"));
  EXPECT_THAT(content.headers, IsEmpty());
}

TEST(Envelope, TheDocumentedControlMessageIsSkipped) {
  for (const std::string& stored : {std::string(kControlMessage),
                                    absl::StrCat(R"({"awslogs":{"data":")", std::string(kControlMessage), R"("}})")}) {
    const Content content = ReadBytes(stored);
    EXPECT_THAT(content.lines, IsEmpty()) << content;
    EXPECT_EQ(content.skipped, 1);
  }
}

TEST(Envelope, TheDocumentedFirehoseRecordIsRead) {
  const Content content = ReadBytes(
      "eyJtZXNzYWdlIjoiMiAwNTg2OTQ4NTY0NzYgZW5pLTAzYzBmNWJhNzlhNjZlZjE3IDEwLjMuMTY2LjcxIDEwLjMuMTQxLjIwOSA0NDMgMzg2MzQg"
      "NiAxMDMg"
      "NDI5MjYgMTY4MDgzODU1NiAxNjgwODM4NTc4IEFDQ0VQVCBPSyJ9Cg==");
  EXPECT_THAT(content.lines,
              ElementsAre("2 058694856476 eni-03c0f5ba79a66ef17 10.3.166.71 10.3.141.209 443 38634 6 103 42926 "
                          "1680838556 1680838578 ACCEPT OK"));
}

TEST(Envelope, EveryWrapperGivesTheSameLines) {
  const std::string payload = DataMessage(1, 5);
  const std::string zipped = Gzip(payload);
  const std::string data = Base64(zipped);
  std::string wrapped;  // as base64(1) writes it
  for (size_t i = 0; i < data.size(); i += 76) wrapped += data.substr(i, 76) + "\n";
  const std::string kinesis =
      R"({"Records":[{"kinesis":{"partitionKey":"p","data":")" + data + R"("},"eventID":"shard:1"}]})";
  const std::string wrappers[] = {
      payload,
      zipped,
      Gzip(zipped),
      data,
      data + "\n",
      wrapped,
      Gzip(wrapped),
      "\"" + data + "\"",
      "[\"" + data + "\"]",
      "\xef\xbb\xbf" + payload,
      R"({"awslogs":{"data":")" + data + R"("}})",
      R"({"awslogs": {"data": ")" + data + "\" } }\n",
      Gzip(R"({"awslogs":{"data":")" + Base64(Gzip(zipped)) + R"("}})"),
      kinesis,
      Base64(kinesis),
      Gzip(Base64(Gzip(kinesis))),
      R"({"Records":[{"Data":")" + data + R"(","SequenceNumber":"1"}],"MillisBehindLatest":0})",
      R"({"invocationId":"i","records":[{"recordId":"1","data":")" + data + R"("}]})",
      R"({"invocationId":"i","records":[{"recordId":"1","data":")" + Base64(payload) + R"("}]})",
      R"({"Records":[{"messageId":"m","body":")" + data + R"("}]})",
  };
  for (const std::string& wrapper : wrappers) {
    SCOPED_TRACE(wrapper.substr(0, 60));
    const Content content = ReadBytes(wrapper);
    EXPECT_EQ(content.lines, RecordLines(1, 5));
    EXPECT_EQ(content.events[4], "/aws/vpc/flowlogs|eni-1235b8ca123456789-all|123456789012|||1432826855005|3195310605");
  }
}

TEST(Envelope, MembersAndDocumentsMayFollowEachOtherWithOrWithoutNewlines) {  // Firehose objects in S3
  const std::string
      a = DataMessage(1, 2),
      b = DataMessage(3, 2),
      control =
          R"({"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],)"
          R"("logEvents":[{"id":"","timestamp":1680683189085,"message":"CWL CONTROL MESSAGE: Checking health."}]})";
  for (const std::string& stored :
       {Gzip(a) + Gzip(control) + Gzip(b), a + control + b, a + "\n" + control + "\n" + b + "\n",
        a + " \r\n\r\n " + control + "\x1e" + b, "[" + a + "," + control + ",\n" + b + "]"}) {
    const Content content = ReadBytes(stored);
    EXPECT_EQ(content.lines, RecordLines(1, 4));
    EXPECT_EQ(content.skipped, 1);
  }
}

TEST(Envelope, MembersOfADocumentMayComeInAnyOrder) {
  const Content content = ReadBytes(
      R"({"logEvents":[{"message":"m1","extractedFields":{"version":"2","@aws.region":"eu-west-1","@aws.account":"42"},"id":"1"},)"
      R"({"timestamp":5000000000000,"message":"m2"}],"logStream":"s","logGroup":"g","owner":"o","messageType":"DATA_MESSAGE"})");
  EXPECT_THAT(content.lines, ElementsAre("m1", "m2"));
  EXPECT_THAT(content.events, ElementsAre("g|s|o|42|eu-west-1|none|1", "g|s|o|||5000000000000|"));
  const Content control = ReadBytes(R"({"logEvents":[{"id":"","message":"x"}],"messageType":"CONTROL_MESSAGE"})");
  EXPECT_EQ(control.skipped, 1);
  EXPECT_THAT(control.lines, IsEmpty());
}

// What the short way (CloudWatchPayload, LambdaEvent) makes of a content is what EnvelopeJson makes of it.
void ExpectBothWaysAgree(const std::string& stored, const InputOptions& options = {}) {
  for (const auto end : {EnvelopeReader::End::kWhole, EnvelopeReader::End::kDamaged, EnvelopeReader::End::kReported}) {
    std::string short_limit, long_limit;
    const Content expected = Rewrite(stored, stored.size(), options, &long_limit, true, end);
    for (const size_t piece : {stored.size(), stored.size() / 3 + 1}) {
      ASSERT_EQ(Rewrite(stored, piece, options, &short_limit, false, end), expected) << stored.substr(0, 2000);
      ASSERT_EQ(short_limit, long_limit);
    }
  }
}

TEST(Envelope, TheShortWayGivesWhatTheLongOneGives) {
  const std::string message = DataMessage(1, 4);
  const std::string control =
      R"({"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],)"
      R"("logEvents":[{"id":"","timestamp":1680683189085,"message":"CWL CONTROL MESSAGE: Checking health."}]})";
  const std::string event = R"({"awslogs": {"data": ")" + Base64(Gzip(message)) + R"("}})";
  const std::string contents[] = {message,
                                  message + message,
                                  message + "\n" + control + event,
                                  event + " " + message,
                                  "[" + message + "," + event + "]",
                                  R"({"awslogs":{"data":"AAAA"}})"};
  for (const std::string& stored : contents) {
    ExpectBothWaysAgree(stored);
    for (const size_t most : {1, 100, 300, 500, 700, 900, 1000, 2000}) {
      InputOptions options;
      options.max_event_bytes = most;
      ExpectBothWaysAgree(stored, options);
      options = {};
      options.max_line_bytes = most / 10 + 1;
      ExpectBothWaysAgree(stored, options);
    }
  }
}

TEST(Envelope, TheShortWayGivesWhatTheLongOneGivesOfWhatIsCutOrChangedAtAnyByte) {
  const std::string message = DataMessage(1, 3);
  const std::string event = R"({"awslogs":{"data":")" + Base64(Gzip(DataMessage(1, 1))) + R"("}})";
  for (const std::string& whole : {message, event}) {
    for (size_t at = 0; at < whole.size(); ++at) {
      ExpectBothWaysAgree(whole.substr(0, at));
      ExpectBothWaysAgree(whole.substr(0, at) + "\n" + message);
      for (const char* put : {"\\", "\\\"", "\"", "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "1", "a", "\xc3\xa9", "\xff"}) {
        ExpectBothWaysAgree(whole.substr(0, at) + put + whole.substr(at));      // put in
        ExpectBothWaysAgree(whole.substr(0, at) + put + whole.substr(at + 1));  // in its place
      }
    }
  }
}

TEST(Envelope, TheShortWayGivesWhatTheLongOneGivesOfDocumentsMadeUpOfParts) {
  std::mt19937 random(7);
  const auto one_of = [&](std::initializer_list<const char*> texts) {
    return std::string(texts.begin()[random() % texts.size()]);
  };
  for (size_t i = 0, n = flowlogs_test::Cases(10000); i < n; ++i) {
    const auto usual = [&](const char* text, auto... others) {  // mostly as AWS writes it
      return random() % 40 != 0 ? std::string(text) : one_of({others...});
    };
    std::string events;
    const size_t count = random() % 5;
    const bool is_spaced = random() % 4 == 0, is_turned = random() % 4 == 0;
    for (size_t e = 0; e < count; ++e) {
      const std::string colon = is_spaced ? ": " : usual(":", " :", ": ", ""), comma = is_spaced ? ", " : usual(",", ", ", " ,", "");
      const std::string id = usual("\"id\"", "\"eventId\"", "\"i\\u0064\"", "\"message\"") + colon +
                             usual("\"31953106606966983378\"", "7", "\"\"", "null", "\"a\\nb\"", "\"\xff\"");
      const std::string time = usual("\"timestamp\"", "\"ingestionTime\"", "\"id\"", "\"logStreamName\"") + colon +
                               usual("1432826855000", "0", "-1", "1.5e12", "\"1432826855000\"", "12345678901234567890", "x");
      const std::string text = usual("\"message\"", "\"Message\"", "\"extractedFields\"") + colon +
                               usual("\"2 a b ACCEPT OK\"", "\"a\\tb\"", "\"a\tb\"", "{\"@aws.region\":\"r\"}", "[\"m\"]", "\"m\\n\"",
                                     "\"\xc3\xa9\"", "\"\"", "1");
      absl::StrAppend(&events, e > 0 ? usual(",", ", ", ",,", "") : "", usual("{", "[", "{ ", "{{"),
                      is_turned ? text + comma + time + comma + id : id + comma + time + comma + text,
                      usual("}", " }", ",\"more\":{\"a\":[1]}}", ",}", "]", ""));
    }
    const std::string colon = usual(":", " : ", "");
    const std::string stored = absl::StrCat(
        usual("{", "[{", ""), "\"messageType\"", colon, usual("\"DATA_MESSAGE\"", "\"CONTROL_MESSAGE\"", "\"\"", "1"),
        usual(",", "", ",\"logFormat\":\"version\","), "\"owner\":", usual("\"1\"", "\"\"", "null"), ",\"logGroup\":",
        usual("\"g\"", "\"\"", "\"\\/g\"", "{\"a\":1}"), usual(",\"logStream\":\"s\"", "", ",\"logStream\":\"\""),
        usual(",\"subscriptionFilters\":[\"f\"]", "", ",\"subscriptionFilters\":[ ]", ",\"subscriptionFilters\":[1]",
              ",\"owner\":\"2\""),
        ",", usual("\"logEvents\"", "\"events\"", "\"logEvents \""), ":[", events, "]",
        usual("}", ",\"owner\":\"2\"}", " }", ",\"logEvents\":[{\"message\":\"m\"}]}", "", "}}"), usual("", "\n", "{", "x"));
    ExpectBothWaysAgree(stored);
    if (HasFatalFailure()) return;
  }
}

TEST(Envelope, DirectFirehoseLines) {
  const Content content = ReadBytes(
      "{\"message\":\"2 428961148399 eni-0e0bf7be352692297 - - - - - - - 1671029698 1671029728 - NODATA\"}\n"
      "{\"message\":\"a\\tb \\u00e9 \\ud83d\\ude00 \\/ \\\\ \\\"\"}{\"message\":\"c\\n\"}\n{\"message\":\"d\\ne\\n\"}");
  EXPECT_THAT(content.lines,
              ElementsAre("2 428961148399 eni-0e0bf7be352692297 - - - - - - - 1671029698 1671029728 - NODATA",
                          "a\tb \xc3\xa9 \xf0\x9f\x98\x80 / \\ \"", "c", "d", "e"));
  EXPECT_THAT(content.events, ElementsAre("-", "-", "-", "-", "-"));
}

TEST(Envelope, FilterLogEventsAndGetLogEvents) {
  const Content content = ReadBytes(
      R"({"events":[{"eventId":"7","ingestionTime":9,"logStreamName":"eni-a","message":"m1","timestamp":1600000000000},)"
      R"( {"ingestionTime":0,"message":"m2","timestamp":1600000001000}],"nextToken":"t","searchedLogStreams":[]})");
  EXPECT_THAT(content.lines, ElementsAre("m1", "m2"));
  EXPECT_THAT(content.events, ElementsAre("|eni-a||||1600000000000|7", "|||||1600000001000|"));
}

TEST(Envelope, LogsInsights) {
  const std::string rows =
      R"([[{"field":"@timestamp","value":"2023-12-18 16:28:03.250"},{"field":"@message","value":"m1"},)"
      R"({"field":"@logStream","value":"eni-a"},{"field":"@log","value":"42:/vpc"},{"field":"@ptr","value":"x"}],)"
      R"([{"field":"srcAddr","value":"10.0.0.1"},{"value":"800","field":"bytes"},{"field":"logStatus","value":"OK"}]])";
  for (const std::string& stored :
       {R"({"results":)" + rows + R"(,"statistics":{"recordsMatched":2.0},"status":"Complete"})", rows}) {
    const Content content = ReadBytes(stored);
    EXPECT_THAT(content.lines, ElementsAre("m1", "10.0.0.1 800 OK"));
    EXPECT_EQ(content.events[0], "/vpc|eni-a|42|||1702916883250|");
    EXPECT_THAT(content.headers, ElementsAre("srcaddr bytes log-status"));
  }
}

TEST(Envelope, TheConsolesCsv) {
  const Content content = ReadBytes(
      "timestamp,message\r\n"
      "1742570569000,2 627286350134 eni-0eb1e4178af74336c - - - - - - - 1742570569 1742570622 - NODATA\r\n"
      "1.74257E+12,\"2 6 \"\"x\"\" , y\"\n"
      "\n"
      "\"2025-03-21 15:22:49.000\",\"m3\n\"\n"
      "1742570569000,\"never closed\n"
      "1742570570000,m5\n"
      "only a time\n"
      "1742570571000,m6");
  EXPECT_THAT(content.lines,
              ElementsAre("2 627286350134 eni-0eb1e4178af74336c - - - - - - - 1742570569 1742570622 - NODATA",
                          "2 6 \"x\" , y", "m3", "never closed", "m5", "!only a time", "m6"));
  EXPECT_THAT(content.events,
              ElementsAre("|||||1742570569000|", "|||||none|", "|||||1742570569000|", "|||||1742570569000|",
                          "|||||1742570570000|", "|||||none|", "|||||1742570571000|"));
  const Content insights = ReadBytes("@timestamp,@message,@logStream,@log\n2023-12-18 16:28:03.000,m,eni-a,42:/vpc\n");
  EXPECT_THAT(insights.events, ElementsAre("/vpc|eni-a|42|||1702916883000|"));
}

TEST(Envelope, RecordsInJsonHaveAHeaderThatIsNoLine) {
  const std::string records[] = {
      R"({"srcaddr":"10.0.0.1","bytes":800,"dstport":25238.0,"start":1.5e9,"note":"a b","flag":true,"list":[1],"in":{"a":1,"b":{"c":"x"}}})",
      R"({"srcaddr":"10.0.0.2","bytes":null,"dstport":NaN,"start":0.5,"note":"","flag":false})",
      R"({"bytes":1,"new_name":"-","srcaddr":"10.0.0.3"})",
  };
  for (const std::string& stored :
       {records[0] + "\n" + records[1] + "\n" + records[2] + "\n",
        "[" + records[0] + ", " + records[1] + ",\n" + records[2] + "]", records[0] + records[1] + records[2]}) {
    auto input = OpenOrDie(ExactBytes(stored));
    EXPECT_EQ(input->prefix_header(), "srcaddr bytes dstport start note flag in.a in.b.c new_name");
    const Content content = ReadAll(input.get());
    EXPECT_THAT(content.lines, ElementsAre("10.0.0.1 800 25238 1500000000 a%20b true 1 x -",
                                           "10.0.0.2 - - 0.5 - false - - -", "10.0.0.3 1 - - - - - - -"));
    EXPECT_THAT(content.headers, ElementsAre("srcaddr bytes dstport start note flag in.a in.b.c new_name"));
  }
}

TEST(Envelope, WhatStandsUnderOtherHeadersThanThePrefixIsShownToo) {
  auto parts = [](const std::string& stored) {
    auto input = OpenOrDie(ExactBytes(stored));
    EXPECT_EQ(input->prefix_header(), "");
    std::vector<std::string> shown;
    for (const Input::Part& part : input->next_parts()) shown.push_back(part.header + "|" + part.text);
    return shown;
  };
  const std::string message = "{\"message\":\"a b\"}\n";
  EXPECT_THAT(parts(message + message), IsEmpty());
  EXPECT_THAT(parts(message + "{\"x\":1}\n" + message + "{\"x\":2}\n{\"srcaddr\":3}\n"),
              ElementsAre("x|1\n", "|a b\n", "x srcaddr|2 -\n- 3\n"));
  std::string many;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&many, message, "{\"", std::string(190, 'n'), i, "\":1}\n");
  size_t bytes = 0;
  for (const std::string& part : parts(many)) bytes += part.size();
  EXPECT_GT(bytes, Input::kPrefixBytes);
  EXPECT_LT(bytes, 2 * Input::kPrefixBytes) << "a header has up to 256 names of 200 bytes";
}

TEST(Envelope, ANewNameFarFromTheBeginningMakesANewHeader) {
  std::string stored;
  for (int i = 0; i < 9000; ++i) absl::StrAppend(&stored, R"({"srcaddr":"10.0.0.1","bytes":)", i, "}\n");
  stored += R"({"srcaddr":"10.0.0.2","az_id":"use1-az1"})";
  const Content content = ReadBytes(stored);
  EXPECT_THAT(content.lines, SizeIs(9001));
  EXPECT_EQ(content.lines[8999], "10.0.0.1 8999");
  EXPECT_EQ(content.lines[9000], "10.0.0.2 - use1-az1");
  EXPECT_THAT(content.headers, ElementsAre("srcaddr bytes", "srcaddr bytes az_id"));
}

TEST(Envelope, AnExportsWriteTestIsOneLineThatIsNoMessage) {
  EXPECT_THAT(ReadBytes("Permission Check Successful").lines, ElementsAre("!Permission Check Successful"));
}

TEST(Envelope, ANotificationSaysWhatToReadInstead) {
  const std::string_view notifications[] = {
      R"({"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"logs"},"object":{"key":"a%3Db/c+d.log.gz","size":1}}}]})",
      R"({"version":"0","detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"logs"},"object":{"key":"a=b/c d.log.gz"}}})",
      R"({"Records":[{"body":"{\"Records\":[{\"s3\":{\"bucket\":{\"name\":\"logs\"},\"object\":{\"key\":\"a%3Db/c+d.log.gz\"}}}]}"}]})",
  };
  for (const std::string_view notification : notifications) {
    const auto input = Input::Open(ExactBytes(notification));
    ASSERT_EQ(input.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(input.status().message()),
                HasSubstr("an S3 event notification, which names an object and holds no records; read the object: "
                          "s3://logs/a=b/c d.log.gz"));
  }
}

TEST(Envelope, PlainTextIsLeftAlone) {
  for (const std::string text :
       {"[main] no\n", "version,message-id\n2,3\n", "eyes\n", "H4sI\n", "timestamp,messages\n1,2\n"}) {
    auto input = OpenOrDie(ExactBytes(text));
    EXPECT_EQ(JoinLines(ReadLines(input.get())), text);
  }
}

// ---- Bad neighbours
// --------------------------------------------------------------------------------------------------

TEST(Envelope, ABrokenDocumentCostsNoOther) {
  const std::pair<const char*, const char*> kinds[] = {
      {R"({"message":"cut)", "a string that is not closed"},
      {R"({"message":"b",})", "a comma too many"},
      {R"({"message" "b"})", "no colon"},
      {R"({"message":})", "no value"},
      {R"({"message":"b"]})", "the wrong bracket"},
      {R"({})", "nothing"},
      {R"({"foo":[1]})", "nothing that is known"},
      {R"({"awslogs":{"data":"H4sIAAAAAAAA!"}})", "no base64"},
      {R"({"awslogs":{"data":"H4sIAAAAAAAAADWO0QqCMBiFX2XsOkKJZHkXot5"}})", "gzip that is cut"},
      {"H4sIAAAAAAAAADWO0QqCMBiFX2XsOkKJZHkXot5", "base64 that is cut"},
      {R"({"Records":[{"kinesis":{}}]})", "a record with nothing in it"},
      {R"({"logEvents":[{"id":"1"}]})", "an event without message"},
      {R"({"results":[3]})", "a row that is none"},
  };
  for (const auto& [broken, what] : kinds) {
    SCOPED_TRACE(what);
    const std::string a = R"({"message":"a"})", c = R"({"message":"c"})";
    for (const std::string& stored : {a + "\n" + broken + "\n" + c + "\n", a + "\n" + c + "\n" + broken,
                                      std::string("{\"message\":\"a\"}\n") + broken + "\n" + c}) {
      const Content content = ReadBytes(stored);
      std::vector<std::string> good, bad;
      for (const std::string& line : content.lines) (line[0] == '!' ? bad : good).push_back(line);
      EXPECT_THAT(good, ElementsAre("a", "c"));
      EXPECT_THAT(bad, SizeIs(1)) << content;
    }
  }
}

TEST(Envelope, WhatIsWholeOfABrokenPayloadIsDelivered) {
  const std::string payload = DataMessage(1, 3);
  const size_t third = payload.find(Record(3));
  std::string bad_token = payload;
  bad_token.replace(payload.find(",\"timestamp\":1432826855003"), 2, "!\"");
  for (const std::string& broken : {payload.substr(0, third), payload.substr(0, third + 20), bad_token}) {
    const Content content = ReadBytes(broken + "\n" + R"({"message":"next"})");
    std::vector<std::string> good, bad;
    for (const std::string& line : content.lines) (line[0] == '!' ? bad : good).push_back(line);
    EXPECT_THAT(good, ElementsAre(Record(1), Record(2), "next"));
    EXPECT_THAT(bad, SizeIs(1)) << content;
  }
}

TEST(Envelope, AnEventWithNothingInItIsBrokenLikeAnyOther) {
  for (const char* end : {"", "]", "]}", ",x", ",{", "\n"}) {
    const Content content = Rewrite(absl::StrCat(R"({"events":[{"message":"m"},{})", end), 1 << 20);
    ASSERT_GE(content.lines.size(), 2u) << end;
    EXPECT_EQ(content.lines[0], "m") << end;
    EXPECT_TRUE(content.lines[1].starts_with("!")) << end;
  }
}

TEST(Envelope, OneByteThatIsNotUtf8CostsNoRecord) {
  std::string payload = DataMessage(1, 3);
  payload.replace(payload.find("10.0.0.2"), 1, "\xff");
  const Content content = ReadBytes(payload);
  EXPECT_EQ(content.lines[0], Record(1));
  EXPECT_THAT(content.lines[1], HasSubstr("?0.0.0.2"));
  EXPECT_EQ(content.lines[2], Record(3));
}

TEST(Envelope, PlainLinesAmongDocumentsAreLines) {
  const Content content = ReadBytes("{\"message\":\"a\"}\n" + Record(1) + "\r\n" + Base64(Gzip(DataMessage(2, 1))) +
                                    "\n{\"message\":\"b\"}");
  EXPECT_THAT(content.lines, ElementsAre("a", Record(1), Record(2), "b"));
}

TEST(Envelope, ACutCompressedPayloadEndsWithAnUnfinishedLineAndTheDamage) {  // CONTRACT F3, P5
  const std::string stored = Gzip(DataMessage(1, 40)) + Gzip(DataMessage(41, 40));
  const std::vector<std::string> all = RecordLines(1, 80);
  for (size_t size = 20; size < stored.size(); size += 3) {
    auto input = OpenOrDie(ExactBytes(std::string_view(stored).substr(0, size)));
    Content content = ReadAll(input.get());
    if (!content.lines.empty() && content.lines.back()[0] == '?') content.lines.pop_back();
    ASSERT_LE(content.lines.size(), all.size());
    EXPECT_EQ(content.lines,
              std::vector<std::string>(all.begin(), all.begin() + static_cast<int64_t>(content.lines.size())));
    if (!content.lines.empty()) EXPECT_TRUE(input->damage().has_value() || content.lines.size() == 40);
  }
}

// ---- Splits and blocks
// -----------------------------------------------------------------------------------------------

TEST(Envelope, GivesTheSameHoweverItComesAndIsCut) {
  std::string mixed = DataMessage(1, 4) + "\n{\"message\":\"x\ny\"}\n{\"message\" \"z\"}\n" + Record(9) + "\n" +
                      Base64(Gzip(DataMessage(10, 2))) +
                      "\n{\"srcaddr\":\"10.0.0.1\",\"bytes\":1}{\"bytes\":2,\"extra\":\"e\"}\n" +
                      "[{\"message\":\"in a list\"},\"" + Base64(Gzip(DataMessage(20, 1))) + "\"]\n" +
                      DataMessage(30, 2).substr(0, 500);
  const std::string csv =
      "timestamp,message\n1742570569000,\"a\nb\"\n1742570569000,c\n1742570569000,\"d\ne,f\n1,\"g\"\n";
  const std::string wrapped = [] {
    const std::string data = Base64(Gzip(DataMessage(1, 9)));
    std::string lines;
    for (size_t i = 0; i < data.size(); i += 64) lines += data.substr(i, 64) + "\n";
    return lines + "{\"message\":\"behind\"}\n";
  }();
  for (const std::string& stored : {mixed, csv, wrapped}) {
    const Content whole = ReadBytes(stored);
    EXPECT_GT(whole.lines.size(), 4u);
    for (size_t piece : {1, 2, 3, 7, 64, 1000}) {
      for (const InputOptions& options : {InputOptions{}, InputOptions{.block_bytes = 64}}) {
        auto input = OpenOrDie(InPieces(stored, piece), options);
        const Content content = ReadAll(input.get());
        EXPECT_EQ(content.lines, whole.lines) << piece;
        EXPECT_EQ(content.skipped, whole.skipped);
      }
      auto input = OpenOrDie(InPieces(Gzip(stored), piece));
      EXPECT_EQ(ReadAll(input.get()), whole);
    }
  }
}

TEST(Envelope, ABrokenDocumentIsRewrittenOnceHoweverItComes) {
  const std::string payload = DataMessage(1, 3);
  std::string bad = payload;
  bad.replace(payload.find(",\"timestamp\":1432826855003"), 2, "!\"");
  const std::string wrong_bracket = payload.substr(0, payload.size() - 1) + "]";
  for (const std::string& broken :
       {bad, bad + " and more", wrong_bracket, wrong_bracket + " and more", std::string(R"({"message":"a","x":[}})"),
        std::string("{\"message\":\"\xff\"} \xff")}) {
    const std::string stored = "{\"message\":\"first\"}" + broken + "\n{\"message\":\"next\"}\n\xff\n";
    const Content whole = Rewrite(stored, stored.size());
    EXPECT_EQ(whole.lines.back(), "\xff") << "what is outside of documents is left as it is";
    for (size_t piece = 1; piece < 40; ++piece) EXPECT_EQ(Rewrite(stored, piece), whole) << piece;
    EXPECT_EQ(ReadBytes(stored), whole);
  }
}

TEST(Envelope, TheSizeOfBlocksDoesNotDecideUnderWhichHeaderARecordStands) {
  std::string stored = R"({"srcaddr":"10.0.0.1"}{"bytes":1}{"message":"m"}{"bytes":2}{"oops"}{"packets":3})";
  for (int i = 0; i < 9000; ++i) absl::StrAppend(&stored, R"({"srcaddr":"10.0.0.1","bytes":)", i, "}\n");
  stored += R"({"az_id":"use1-az1"}{"note":"n"})";
  const Content whole = ReadBytes(stored);
  EXPECT_EQ(whole.lines[0], "10.0.0.1 -");
  EXPECT_EQ(whole.lines[1], "- 1");
  EXPECT_THAT(whole.headers, ElementsAre("srcaddr bytes", "srcaddr bytes packets", "srcaddr bytes packets az_id note"));
  for (size_t block_bytes : {1, 64, 5000, 100'000}) EXPECT_EQ(ReadBytes(stored, {.block_bytes = block_bytes}), whole);
}

TEST(Envelope, ALimitIsMetHoweverTheContentComes) {
  const std::string data = Base64(Gzip(DataMessage(1, 9)));
  std::string wrapped;
  for (size_t i = 0; i < data.size(); i += 64) wrapped += data.substr(i, 64) + "\n";
  const std::string first = "{\"message\":\"first\"}";
  for (const std::string& large : {"{\"message\":\"" + std::string(150, 'x') + "\"}",
                                   "[\"" + std::string(150, 'x') + "\"]", std::string(150, 'x') + "\n", wrapped,
                                   "{\"x\"]" + std::string(150, 'x') + "\n", "{" + std::string(150, ' ') + "]"}) {
    const std::string stored = first + large + first;
    std::string whole_limit, limit;
    const Content whole = Rewrite(stored, stored.size(), {.max_event_bytes = 100}, &whole_limit);
    EXPECT_THAT(whole.lines, ElementsAre("first"));
    EXPECT_THAT(whole_limit, HasSubstr("max_event_bytes (100)"));
    for (size_t piece : {1, 7, 30, 150}) {
      EXPECT_EQ(Rewrite(stored, piece, {.max_event_bytes = 100}, &limit), whole) << piece;
      EXPECT_EQ(limit, whole_limit);
    }
  }
}

TEST(Envelope, ACsvRowThatIsLongerThanALineMayBeIsOneWhoseQuoteIsOpen) {
  const std::string stored = "timestamp,message\n1,\"" + std::string(60, 'x') + "\n2," + std::string(60, 'y') +
                             "\"\n3,z\n4," + std::string(150, 'x') + "\n5,w\n";
  const InputOptions options = {.max_line_bytes = 100};
  const Content whole = Rewrite(stored, stored.size(), options);
  EXPECT_THAT(whole.lines,
              ElementsAre(std::string(60, 'x'), std::string(60, 'y') + "\"", "z", std::string(100, 'x'), "w"));
  for (size_t piece : {1, 7, 30, 150}) EXPECT_EQ(Rewrite(stored, piece, options), whole) << piece;
}

TEST(Envelope, EveryCutOfAContentGivesNoOtherLines) {
  // All is given but what comes later: a line may be cut, never another one.
  const std::string stored = "{\"message\":\"a\"}\n" + DataMessage(1, 2) + "{\"message\":\"b\"}\n" + Record(5) + "\n";
  const Content whole = ReadBytes(stored);
  for (size_t size = 1; size < stored.size(); ++size) {
    const Content cut = ReadBytes(stored.substr(0, size));
    size_t same = 0;
    while (same < cut.lines.size() && same < whole.lines.size() && cut.lines[same] == whole.lines[same]) ++same;
    EXPECT_LE(cut.lines.size(), same + 1) << size << ": " << cut;
  }
}

TEST(Envelope, ThePrefixIsTheRewrittenText) {
  auto input = OpenOrDie(ExactBytes("{oops}\n" + DataMessage(1, 2)));
  EXPECT_EQ(input->prefix(), Record(1) + "\n" + Record(2) + "\n");
  EXPECT_TRUE(input->prefix_is_all());
  auto large = OpenOrDie(ExactBytes(DataMessage(1, 1000)));
  EXPECT_EQ(large->prefix().size(), Input::kPrefixBytes);
  EXPECT_FALSE(large->prefix_is_all());
}

TEST(Envelope, AMessageOverTheLimitIsKeptInPart) {
  auto input = OpenOrDie(ExactBytes("{\"message\":\"" + std::string(5000, 'x') + "\"}{\"message\":\"y\"}"),
                         {.max_line_bytes = 4096});
  const std::vector<Line> lines = ReadLines(input.get(), {.max_line_bytes = 4096});
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_TRUE(lines[0].is_too_long);
  EXPECT_EQ(lines[0].text.size(), 256);
  EXPECT_EQ(lines[1].text, "y");
}

// ---- Limits
// ----------------------------------------------------------------------------------------------------------

TEST(Envelope, ADocumentOverTheLimitEndsTheInput) {
  const std::string small = "{\"message\":\"a\"}\n", large = DataMessage(1, 100);
  const std::string zipped = R"({"awslogs":{"data":")" + Base64(Gzip(large)) + R"("}})";
  const std::string base64 = R"({"awslogs":{"data":")" + Base64(large) + R"("}})";
  for (const std::string& stored :
       {large, zipped, base64, Base64(Gzip(large)), std::string("[\"") + Base64(Gzip(Gzip(large))) + "\"]"}) {
    for (const std::string& content : {small + stored + small, Gzip(small + stored + small)}) {
      auto input = OpenOrDie(ExactBytes(content), {.max_event_bytes = 8000});
      const Content read = ReadAll(input.get());
      ASSERT_FALSE(read.lines.empty());
      EXPECT_EQ(read.lines[0], "a");
      EXPECT_EQ(read.lines.back()[0], '?');
      EXPECT_THAT(read.lines, SizeIs(2));
      ASSERT_TRUE(input->damage().has_value());
      EXPECT_TRUE(input->damage()->is_limit);
      EXPECT_THAT(input->damage()->message, HasSubstr("max_event_bytes (8000)"));
    }
    EXPECT_THAT(ReadBytes(small + stored + small, {.max_event_bytes = large.size() + Base64(large).size()}).lines,
                SizeIs(102));
  }
}

TEST(Envelope, NestingWithoutEndIsOneBrokenLine) {
  std::string nested = DataMessage(1, 1);
  for (int i = 0; i < 10; ++i) nested = R"({"awslogs":{"data":")" + Base64(nested) + R"("}})";
  const Content content = ReadBytes(nested + "\n{\"message\":\"next\"}");
  ASSERT_THAT(content.lines, SizeIs(2));
  EXPECT_EQ(content.lines[0][0], '!');
  EXPECT_EQ(content.lines[1], "next");
  const Content deep = ReadBytes(std::string(100000, '[') + "\n{\"message\":\"next\"}");
  EXPECT_EQ(deep.lines.back(), "next");
}

}  // namespace
}  // namespace flowlogs::testing
