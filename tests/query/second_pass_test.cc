// Inputs that can be read only once, and are kept for the second pass that `direction` needs (CONTRACT D1): what the second
// pass reads is what the first one read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/query/query_testing.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Brings up to `piece` bytes at a time.
fl::Source Once(std::string content, size_t piece) {
  const auto rest = std::make_shared<std::string>(std::move(content));
  const auto at = std::make_shared<size_t>(0);
  return fl::Source::Stream([=](char* to, size_t size) -> absl::StatusOr<size_t> {
    const size_t brought = rest->copy(to, std::min(size, piece), *at);
    *at += brought;
    return brought;
  });
}

// What CloudWatch delivers: documents with a few events each, of two log groups.
std::string Documents(size_t documents) {
  std::string text;
  for (size_t i = 0; i < documents; ++i) {
    text += R"({"messageType":"DATA_MESSAGE","owner":"111111111111","logGroup":"/vpc/)" + std::to_string(i % 2) +
            R"(","logStream":"eni-1-all","subscriptionFilters":["f"],"logEvents":[)";
    for (size_t event = 0; event < 3; ++event) {
      const std::string id = std::to_string(3 * i + event);
      text += (event > 0 ? ",{\"id\":\"" : "{\"id\":\"") + id + "\",\"timestamp\":1640995200" + std::to_string(100 + i % 900) +
              ",\"message\":\"2 111111111111 eni-1 10.0.0." + std::to_string(i % 7) +
              " 10.0.0.9 1 2 6 3 4 1640995200 1640995260 ACCEPT OK\"}";
    }
    text += "]}\n";
  }
  return text;
}

TEST(SecondPassTest, OverAStreamOfEnvelopesGivesWhatTheFileGives) {
  const std::string content = Documents(9000);  // more than the 4 MiB that are read at once
  const std::vector<fl::NamedExpression> columns = {"_log_group", "_log_stream", "_owner", "_event_id", "_event_time", "_line",
                                            "srcaddr",    "direction"};
  const std::string expected = Rows(ScanText(content).Select(columns));
  ASSERT_THAT(expected, StartsWith("_log_group=/vpc/0 _log_stream=eni-1-all _owner=111111111111 _event_id=0 "
                                   "_event_time=1640995200100 _line=1 srcaddr=10.0.0.0 direction="));
  for (const int threads : {1, 3}) {
    EXPECT_EQ(Rows(fl::Scan({Once(content, 5000)}, {.threads = threads}).Select(columns)), expected) << threads;
  }
}

TEST(SecondPassTest, OverAStreamOfLinesGivesWhatTheFileGives) {
  std::string content = "srcaddr dstaddr interface-id\n";
  for (size_t i = 0; i < 2000; ++i) content += "10.0.0." + std::to_string(i % 5) + " 10.0.0.9 eni-1\n";
  content += "a line that is none\n10.0.0.1 10.0.0.9 eni-1";
  const std::vector<fl::NamedExpression> columns = {"srcaddr", "direction", "_line"};
  EXPECT_EQ(Rows(fl::Scan({Once(content, 777)}, {.block_bytes = 4096}).Select(columns)), Rows(ScanText(content).Select(columns)));
}

TEST(SecondPassTest, WithoutRoomForItIsAnErrorThatSaysWhatToDo) {
  const char* const folder = std::getenv("TMPDIR");
  const std::string before = folder == nullptr ? "" : folder;
  setenv("TMPDIR", "/not/there", 1);
  const absl::StatusOr<fl::Table> table = fl::Scan({Once(Documents(1), 5000)}).Select({"srcaddr", "direction"}).Collect();
  folder == nullptr ? unsetenv("TMPDIR") : setenv("TMPDIR", before.c_str(), 1);
  EXPECT_EQ(table.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(table.status()), HasSubstr("in /not/there: No such file or directory; an input that can be read only once"));
  EXPECT_THAT(Message(table.status()), HasSubstr("set TMPDIR"));
}

// Former bugs.

TEST(SecondPassTest, BeginsWithTheFormatThatStandsBehindMessages) {
  const std::string content =
      "{\"message\":\"no record\"}\n{\"srcaddr\":\"10.0.0.1\",\"dstaddr\":\"10.0.0.2\",\"interface-id\":\"eni-1\"}\n";
  EXPECT_EQ(Rows(fl::Scan({Once(content, 5000)}).Select({"srcaddr", "direction"})), "srcaddr=10.0.0.1 direction=-");
}

}  // namespace
