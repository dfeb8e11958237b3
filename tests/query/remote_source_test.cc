// Source::Remote() in scans: the answers are those of the same bytes.
#include <algorithm>
#include <cstring>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "flowlogs/io/source.h"
#include "flowlogs/query/query.h"
#include "tests/compress.h"

namespace flowlogs {
namespace {

using flowlogs_test::Gzip;

// Brings the content in pieces of at most `most` bytes.
Source RemoteOf(std::string content, size_t most, std::string name) {
  const uint64_t size = content.size();
  auto open = [content = std::move(content), most](std::stop_token) -> absl::StatusOr<Source::Reader> {
    auto position = std::make_shared<size_t>(0);
    return [=](char* buffer, size_t room) -> absl::StatusOr<size_t> {
      const size_t n = std::min({room, content.size() - *position, most});
      if (n > 0) std::memcpy(buffer, content.data() + *position, n);
      *position += n;
      return n;
    };
  };
  return Source::Remote(open, std::move(name), size);
}

TEST(RemoteSource, AnswersAreThoseOfTheSameFiles) {
  std::vector<Source> remote, bytes;
  std::vector<std::string> contents;
  for (int i = 0; i < 30; ++i) {
    std::string text = "version interface-id srcaddr dstaddr srcport dstport bytes start end\n";
    for (int j = 0; j < 200; ++j) {
      const std::string client = "10.0.0." + std::to_string(j % 50), port = std::to_string(40000 + (i * 200 + j) % 900);
      const std::string number = std::to_string(i * 200 + j);
      text += j % 2 ? "2 eni-1 " + client + " 10.0.9.9 " + port + " 443 " + number + " 100 160\n"
                    : "2 eni-1 10.0.9.9 " + client + " 443 " + port + " " + number + " 100 160\n";
    }
    contents.push_back(i % 2 ? Gzip(text) : text);
  }
  for (size_t i = 0; i < contents.size(); ++i) {
    const std::string name = "part " + std::to_string(i);
    remote.push_back(RemoteOf(contents[i], 900, name));
    bytes.push_back(Source::Bytes(contents[i], nullptr, name));
  }
  for (const int threads : {1, 3}) {
    for (const char* key : {"direction", "client", "dstport"}) {  // two passes, two passes, one
      const auto answer = [&](const std::vector<Source>& sources) {
        return Scan(sources, {.threads = threads})
            .GroupBy({key})
            .Aggregate({"count()", "sum(bytes)"})
            .Collect()
            ->ToJson();
      };
      EXPECT_EQ(answer(remote), answer(bytes));
    }
    const auto rows = [&](const std::vector<Source>& sources) {
      return Scan(sources, {.threads = threads}).Select({"bytes", "_source", "_line"}).Collect()->ToJson();
    };
    EXPECT_EQ(rows(remote), rows(bytes));
    EXPECT_EQ(Scan(remote, {.threads = threads}).Head(3).Collect()->num_rows(), 3u);
  }
}

TEST(RemoteSource, TheFormatThatAnEnvelopeNamesIsThatOfItsMessages) {  // CONTRACT F2
  const auto page = [](const std::string& format, const std::string& messages) {
    std::string events;
    for (const char c : messages) {
      const std::string message =
          format.find("bytes") == 0 ? std::string("7 10.0.0.") + c : std::string("10.0.0.") + c + " 8";
      events += (events.empty() ? "" : ",") + ("{\"timestamp\":1000,\"message\":\"" + message + "\"}");
    }
    return "{\"logGroup\":\"g\",\"logFormat\":\"" + format + "\",\"events\":[" + events + "]}\n";
  };
  const std::string content = page("srcaddr bytes", "12") + page("srcaddr bytes", "3") + page("bytes srcaddr", "45") +
                              page("srcaddr bytes", "6");
  for (const int threads : {1, 3}) {
    auto rows =
        Scan({RemoteOf(content, 50, "r")}, {.threads = threads}).Select({"srcaddr", "bytes", "_log_group"}).Collect();
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_EQ(rows->num_rows(), 6u);
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(rows->Text(i, "srcaddr"), "10.0.0." + std::to_string(i + 1));
      EXPECT_EQ(rows->Int(i, "bytes"), i == 3 || i == 4 ? 7 : 8);
      EXPECT_EQ(rows->Text(i, "_log_group"), "g");
    }
    EXPECT_EQ(rows->stats().lines, 6u);
    EXPECT_EQ(rows->stats().headers, 0u);
    EXPECT_EQ(rows->stats().records, 6u);
  }
}

}  // namespace
}  // namespace flowlogs
