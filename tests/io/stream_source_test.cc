// Source::Stream(), and sources of all kinds in one call.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"
#include "gtest/gtest.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::Gzip;
using testing::JoinLines;
using testing::Line;
using testing::OpenOrDie;
using testing::RandomText;
using testing::ReadLines;
using testing::ReferenceLines;
using testing::TemporaryDirectory;

// Brings `content` in pieces of 1 to `most` bytes, then `end`.
Source::Reader ReaderOf(std::string content, size_t most, absl::StatusOr<size_t> end = size_t{0}) {
  auto position = std::make_shared<size_t>(0);
  auto random = std::make_shared<std::mt19937>(8);
  return [=, content = std::move(content)](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    EXPECT_GT(size, 0u);
    const size_t n = std::min({size, content.size() - *position, 1 + (*random)() % most});
    if (n == 0) return end;
    std::memcpy(buffer, content.data() + *position, n);
    *position += n;
    return n;
  };
}

TEST(StreamSource, DeliversPlainTextAndWhatIsCompressed) {
  std::mt19937 random(9);
  const std::string text = RandomText(&random, 3000, 300);
  std::vector<std::string> contents = {text, "\xef\xbb\xbf" + text, Gzip(text)};
#ifdef FLOWLOGS_HAVE_ZSTD
  contents.push_back(testing::Zstd(text));
#endif
  for (const std::string& content : contents) {
    for (const size_t most : {7, 5000, 1 << 20}) {
      auto input = OpenOrDie(Source::Stream(ReaderOf(content, most), "upload"));
      EXPECT_EQ(input->name(), "upload");
      EXPECT_FALSE(input->can_be_reopened());
      EXPECT_EQ(input->stored_bytes_total(), 0u);
      EXPECT_EQ(input->prefix(), text.substr(0, Input::kPrefixBytes));
      EXPECT_EQ(ReadLines(input.get()), ReferenceLines(text));
      EXPECT_FALSE(input->damage().has_value());
      EXPECT_EQ(input->stored_bytes_read(), content.size());
    }
  }
}

TEST(StreamSource, OfNoBytesHasNoLines) {
  auto input = OpenOrDie(Source::Stream(ReaderOf("", 1)));
  EXPECT_TRUE(input->prefix_is_all());
  EXPECT_TRUE(ReadLines(input.get()).empty());
}

TEST(StreamSource, EndsWithDamageWhereItsReaderFails) {
  const std::string text = "one\ntwo\nthr";
  auto input = OpenOrDie(Source::Stream(ReaderOf(text, 3, absl::UnavailableError("connection reset"))));
  EXPECT_EQ(ReadLines(input.get()), ReferenceLines(text, 1 << 20, /*is_damaged=*/true));
  ASSERT_TRUE(input->damage().has_value());
  EXPECT_EQ(input->damage()->offset, text.size());
  EXPECT_FALSE(input->damage()->is_limit);
  EXPECT_EQ(input->damage()->message, "reading failed: connection reset");
}

TEST(StreamSource, EndsWithDamageWhenItsReaderBringsMoreThanAskedFor) {
  auto input = OpenOrDie(Source::Stream(ReaderOf("one\n", 3, size_t{1} << 40)));
  EXPECT_EQ(JoinLines(ReadLines(input.get())), "one\n");
  ASSERT_TRUE(input->damage().has_value());
}

TEST(StreamSource, IsNotCalledAgainAfterItsEnd) {
  int ends = 0;
  auto input = OpenOrDie(Source::Stream([&](char*, size_t) -> absl::StatusOr<size_t> { return ++ends, 0; }));
  Block block;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(input->Claim(&block));
  EXPECT_EQ(ends, 1);
}

TEST(StreamSource, CanBeReadOnce) {
  const Source source = Source::Stream(ReaderOf("one\n", 3), "once");
  const Source copy = source;
  EXPECT_EQ(JoinLines(ReadLines(OpenOrDie(source).get())), "one\n");
  const auto again = Input::Open(copy);
  EXPECT_EQ(again.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(again.status().message().find("once: it can be read only once"), absl::string_view::npos);
  const auto twice = ResolveSources(std::vector<Source>{source, Source::Stream(ReaderOf("", 1)), copy});
  EXPECT_EQ(twice.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(StreamSource, KeepsItsReaderAsLongAsSourceOrInputLive) {
  auto kept = std::make_shared<int>(0);
  std::unique_ptr<Input> input;
  {
    const Source source =
        Source::Stream([kept, reader = ReaderOf("one\n", 9)](char* to, size_t size) { return reader(to, size); });
    input = OpenOrDie(source);
  }
  EXPECT_EQ(kept.use_count(), 2);
  EXPECT_EQ(JoinLines(ReadLines(input.get())), "one\n");
  input.reset();
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(StreamSource, IsCalledByOneThreadAtATime) {
  std::mt19937 random(10);
  const std::string text = RandomText(&random, 20000, 300);
  std::atomic<int> callers{0};
  auto input = OpenOrDie(Source::Stream([&, reader = ReaderOf(Gzip(text), 5000)](char* to, size_t size) {
    EXPECT_EQ(callers.fetch_add(1), 0);
    auto n = reader(to, size);
    callers.fetch_sub(1);
    return n;
  }));
  std::mutex claim;
  uint64_t bytes = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Block block;
      while (true) {
        const std::lock_guard lock(claim);
        if (!input->Claim(&block)) return;
        bytes += block.text().size();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(bytes, text.size());
}

// CONTRACT P1: a glob of what there is, whatever it is.
TEST(Sources, OfMixedKindsAreReadInOneCall) {
  TemporaryDirectory directory;
  std::vector<std::pair<std::string, std::string>> files = {{"a.log", "plain\n"},
                                                            {"b.log", ""},
                                                            {"c.log", Gzip("gzip\n")},
                                                            {"d.log", Gzip("")},
                                                            {"e.log", "\xef\xbb\xbfmark\n"}};
  std::string expected = "plain\ngzip\nmark\n";
#ifdef FLOWLOGS_HAVE_ZSTD
  files.insert(files.end(), {{"f.log", testing::Zstd("zstd\n")}, {"g.log", testing::Zstd("")}});
  expected += "zstd\n";
#endif
  files.emplace_back("h.log", Gzip("cut off\n").substr(0, 14));
  files.emplace_back("i.log", "no final newline");
  expected += "no final newline";
  for (const auto& [name, content] : files) directory.Write(name, content);
  const Source last = Source::Stream(ReaderOf("\nlast\n", 2));
  const auto sources = ResolveSources(std::vector<Source>{directory.Path("*.log"), last});
  ASSERT_TRUE(sources.ok()) << sources.status();
  ASSERT_EQ(sources->size(), files.size() + 1);
  std::string text;
  size_t damaged = 0;
  for (const Source& source : *sources) {
    auto input = OpenOrDie(source);
    for (const Line& line : ReadLines(input.get())) {
      if (!line.is_unfinished) text += line.has_lf ? line.text + "\n" : line.text;
    }
    if (input->damage()) ++damaged;
  }
  EXPECT_EQ(text, expected + "\nlast\n");
  EXPECT_EQ(damaged, 1u);
}

}  // namespace
}  // namespace flowlogs
