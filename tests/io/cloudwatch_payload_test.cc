#include "lib/io/cloudwatch_payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace flowlogs::testing {
namespace {

using ::testing::ElementsAre;
using Outcome = CloudWatchPayload::Outcome;

// The text with kPadding bytes behind it, which are what decides most easily if they do.
class Padded {
 public:
  explicit Padded(std::string_view text, char behind = '"')
      : size_(text.size()), data_(std::make_unique<char[]>(size_ + CloudWatchPayload::kPadding)) {
    std::memset(data_.get(), behind, size_ + CloudWatchPayload::kPadding);
    std::memcpy(data_.get(), text.data(), size_);
  }
  std::string_view text() const { return {data_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<char[]> data_;
};

Outcome OutcomeOf(std::string_view document) {
  CloudWatchPayload payload;
  payload.Begin(true);
  return payload.Read(Padded(document).text());
}

// "message|id|time"
std::vector<std::string> EventsOf(const CloudWatchPayload& payload) {
  std::vector<std::string> events;
  for (size_t i = 0; i < payload.messages().size(); ++i) {
    const CloudWatchPayload::Event& event = payload.events()[i];
    events.emplace_back(payload.text(payload.messages()[i]));
    events.back().append("|").append(payload.text(event.id)).append("|").append(payload.text(event.time));
  }
  return events;
}

constexpr std::string_view kFacts =
    R"("messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/vpc/flowlogs",)"
    R"("logStream":"eni-1235b8ca123456789-all","subscriptionFilters":["Destination"])";
// Longer than what is looked at in one step.
constexpr std::string_view kRecord =
    "2 123456789012 eni-1235b8ca123456789 10.0.101.101 10.0.102.102 49152 443 6 1000 1000000 1600000000 1600000059 ACCEPT OK";

std::string Payload(std::string_view events, std::string_view facts = kFacts) {
  return absl::StrCat("{", std::string(facts), R"(,"logEvents":[)", std::string(events), "]}");
}

std::string Event(int id, std::string_view message) {
  return absl::StrCat(R"({"id":"3195310660696698337842508107980421114328961541542429822156)", id,
                      R"(","timestamp":143282685500)", id, R"(,"message":")", std::string(message), R"("})");
}

TEST(CloudWatchPayload, IsReadAsAwsWritesIt) {
  const Padded document(Payload(Event(1, kRecord) + "," + Event(2, "") + "," + Event(3, "short")) + "{}");
  CloudWatchPayload payload;
  payload.Begin(true);
  ASSERT_EQ(payload.Read(document.text()), Outcome::kRead);
  EXPECT_EQ(payload.size(), document.text().size() - 2);
  EXPECT_EQ(payload.owner(), "123456789012");
  EXPECT_EQ(payload.log_group(), "/aws/vpc/flowlogs");
  EXPECT_EQ(payload.log_stream(), "eni-1235b8ca123456789-all");
  const std::string id = "|3195310660696698337842508107980421114328961541542429822156";
  EXPECT_THAT(EventsOf(payload), ElementsAre(absl::StrCat(std::string(kRecord), id, "1|1432826855001"), id + "2|1432826855002",
                                             "short" + id + "3|1432826855003"));
  payload.Begin(false);
  ASSERT_EQ(payload.Read(document.text()), Outcome::kRead);
  EXPECT_EQ(payload.messages().size(), 3u);
  EXPECT_TRUE(payload.events().empty());
}

TEST(CloudWatchPayload, TheFirstEventShowsHowTheOthersAreWritten) {
  const std::string spaced = R"({"message" : "a", "id": "1" }, {"message" : "b", "id": "2" } ,
                                {"message" : "c", "id": "3" })";
  const Padded document(Payload(spaced));
  CloudWatchPayload payload;
  payload.Begin(true);
  ASSERT_EQ(payload.Read(document.text()), Outcome::kRead);
  EXPECT_THAT(EventsOf(payload), ElementsAre("a|1|", "b|2|", "c|3|"));
  EXPECT_EQ(OutcomeOf(Payload(R"({"message":"a","id":"1"},{"id":"2","message":"b"})")), Outcome::kOther);
  EXPECT_EQ(OutcomeOf(Payload(R"({"message":"a","id":"1"},{"message":"b", "id":"2"})")), Outcome::kOther);
}

TEST(CloudWatchPayload, WhatIsWrittenInAnyOtherWayIsLeftToOthers) {
  const std::string good = Event(1, kRecord);
  ASSERT_EQ(OutcomeOf(Payload(good)), Outcome::kRead);
  const std::string facts(kFacts);
  const std::string others[] = {
      "{}",
      "[]",
      R"({"awslogs":{"data":"x"}})",
      R"({"logEvents":[)" + good + R"(],)" + facts + "}",  // what is said of the events comes later
      Payload(good, R"("messageType":"CONTROL_MESSAGE","owner":"o","logGroup":"","logStream":"")"),
      Payload(good, R"("messageType":"DATA_MESSAGE","owner":"","logGroup":"g","logStream":"s")"),
      Payload(good, R"("messageType":"DATA_MESSAGE","owner":"o","logStream":"s")"),
      Payload(good, facts + R"(,"logFormat":"version")"),
      Payload(good, facts + R"(,"policyLevel":1)"),
      Payload(good, R"("owner":1,)" + facts),
      Payload(""),
      Payload("1"),
      Payload(good + ",1"),
      Payload(good + "," + good + ",{}"),
      Payload(good + good),
      Payload(Event(1, "a\\\"b")),
      Payload(good + "," + Event(2, "a\\\"b")),
      Payload(good + "," + Event(2, "a\tb")),
      Payload(good + "," + Event(2, "a\nb")),
      Payload(good + "," + Event(2, "a\x7f" "b\xc3\xa9")),
      Payload(good + "," + Event(2, std::string(70, 'x') + "\\")),
      Payload(R"({"id":"1","timestamp":1,"message":"m","extractedFields":{}})"),
      Payload(R"({"id":"1","timestamp":1,"message":"m","message":"n"})"),
      Payload(R"({"id":"1","timestamp":-1,"message":"m"})"),
      Payload(R"({"id":"1","timestamp":1.5,"message":"m"})"),
      Payload(R"({"id":"1","timestamp":12345678901234567,"message":"m"})"),
      Payload(R"({"id":"1","timestamp":"1","message":"m"})"),
      Payload(R"({"id":1,"message":"m"})"),
      Payload(R"({"id":"1"})"),
      Payload(R"({"message":null})"),
      Payload(R"({                                 "message":"m"})"),
  };
  for (const std::string& other : others) EXPECT_EQ(OutcomeOf(other), Outcome::kOther) << other;
}

TEST(CloudWatchPayload, ADocumentMayComeInParts) {
  const std::string document = Payload(Event(1, kRecord) + ",\n" + Event(2, kRecord) + "," + Event(3, kRecord));
  for (const size_t step : {1, 7, 100, 300}) {
    CloudWatchPayload payload;
    payload.Begin(true);
    std::vector<Padded> parts;  // each somewhere else
    for (size_t size = 0; size < document.size(); size += step) {
      parts.emplace_back(document.substr(0, size));
      ASSERT_EQ(payload.Read(parts.back().text()), Outcome::kUnfinished) << size;
    }
    parts.emplace_back(document);
    ASSERT_EQ(payload.Read(parts.back().text()), Outcome::kRead);
    EXPECT_EQ(payload.size(), document.size());
    EXPECT_EQ(payload.log_stream(), "eni-1235b8ca123456789-all");
    ASSERT_EQ(payload.messages().size(), 3u);
    EXPECT_EQ(payload.text(payload.messages()[2]), kRecord);
  }
}

TEST(CloudWatchPayload, WhatStandsBehindADocumentDecidesNothing) {
  const std::string document = Payload(Event(1, kRecord) + "," + Event(2, kRecord));
  for (size_t size = 0; size < document.size(); ++size) {
    for (const char behind : {'"', '}', ']', ',', '1', ' ', '\0'}) {
      CloudWatchPayload payload;
      payload.Begin(false);
      ASSERT_EQ(payload.Read(Padded(std::string_view(document).substr(0, size), behind).text()), Outcome::kUnfinished)
          << size << " " << behind;
    }
  }
}

TEST(CloudWatchPayload, IsToldByItsFirstNameWhereverThatIsCut) {
  for (const std::string whole : {R"({"messageType":"DATA_MESSAGE"})", R"({ "awslogs" :{})", "{\n\"owner\":", R"({"logGroup":)",
                                  R"({"logStream":)", R"({"subscriptionFilters":)"}) {
    for (size_t size = 1; size <= whole.size(); ++size) EXPECT_TRUE(MayBeCloudWatch(whole.substr(0, size))) << whole;
  }
  for (const char* other : {R"({"message":"m"})", R"({"m"})", "{}", "{{", R"({"Records":[]})", R"({"awslogs2":{}})", R"({"own":1})"}) {
    EXPECT_FALSE(MayBeCloudWatch(other)) << other;
  }
}

TEST(LambdaEvent, IsReadWithWhateverWhiteSpace) {
  for (const std::string text : {R"({"awslogs":{"data":"H4sI"}})", "{ \"awslogs\" :\n{\t\"data\": \"H4sI\" }\r\n }"}) {
    const Padded padded(text + "\n{");
    const std::optional<LambdaEvent> event = ReadLambdaEvent(padded.text());
    ASSERT_TRUE(event.has_value()) << text;
    EXPECT_EQ(event->data, "H4sI");
    EXPECT_EQ(event->size, text.size());
  }
}

TEST(LambdaEvent, AnythingElseIsNone) {
  const std::string whole = R"({"awslogs":{"data":"H4sI"}})";
  for (size_t size = 0; size < whole.size(); ++size) {
    for (const char behind : {'"', '}'}) {
      EXPECT_FALSE(ReadLambdaEvent(Padded(std::string_view(whole).substr(0, size), behind).text())) << size;
    }
  }
  for (const char* text : {R"({"awslogs":{"data":"H4\/sI"}})", R"({"awslogs":{"data":"H4sI","more":1}})",
                           R"({"awslogs":{"data":"H4sI"},"more":1})", R"({"awslogs":{"more":1,"data":"H4sI"}})",
                           R"({"other":{"data":"H4sI"}})", R"({"awslogs":"H4sI"})", R"({"awslogs":{"data":1}})"}) {
    EXPECT_FALSE(ReadLambdaEvent(Padded(text).text())) << text;
  }
}

}  // namespace
}  // namespace flowlogs::testing
