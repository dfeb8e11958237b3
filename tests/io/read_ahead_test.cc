// Source::Remote(), and what reads ahead of those who use it.
#include "lib/io/read_ahead.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::Gzip;
using testing::OpenOrDie;
using testing::RandomText;
using testing::ReadLines;
using testing::ReferenceLines;
using Clock = std::chrono::steady_clock;

// Counts how often it is opened. Brings pieces of 1 to `most` bytes, then `end`.
struct Store {
  std::string content;
  size_t most = 1 << 20;
  absl::StatusOr<size_t> end = size_t{0};
  std::shared_ptr<std::atomic<int>> opened = std::make_shared<std::atomic<int>>(0);

  Source AsSource(std::string name = "remote") const {
    auto open = [store = *this](std::stop_token) -> absl::StatusOr<Source::Reader> {
      ++*store.opened;
      auto position = std::make_shared<size_t>(0);
      auto random = std::make_shared<std::mt19937>(8);
      return [=](char* buffer, size_t size) -> absl::StatusOr<size_t> {
        const size_t n = std::min({size, store.content.size() - *position, 1 + (*random)() % store.most});
        if (n == 0) return store.end;
        std::memcpy(buffer, store.content.data() + *position, n);
        *position += n;
        return n;
      };
    };
    return Source::Remote(open, std::move(name), content.size());
  }
};

std::string ReadAll(ByteStream* stream, size_t step = 10000) {
  std::string all;
  for (;;) {
    const size_t have = all.size();
    all.resize(have + step);
    const ByteStream::Result result = stream->Read(all.data() + have, step);
    all.resize(have + result.size);
    if (result.state == ByteStream::State::kEnd) return all;
  }
}

TEST(RemoteSource, IsReadAsOftenAsItIsOpened) {
  std::mt19937 random(1);
  const std::string text = RandomText(&random, 3000, 300);
  for (const std::string& content : {text, Gzip(text), std::string()}) {
    for (const size_t most : {7, 5000, 1 << 20}) {
      const Store store{content, most};
      const Source source = store.AsSource("s3://bucket/key");
      for (int pass = 1; pass <= 2; ++pass) {
        auto input = OpenOrDie(source);
        EXPECT_EQ(input->name(), "s3://bucket/key");
        EXPECT_TRUE(input->can_be_reopened());
        EXPECT_EQ(ReadLines(input.get()), ReferenceLines(content.empty() ? content : text));
        EXPECT_EQ(input->stored_bytes_read(), content.size());
        EXPECT_EQ(input->stored_bytes_total(), content.size());
        EXPECT_EQ(*store.opened, pass);
      }
    }
  }
}

TEST(ReadAhead, BringsEverySourceWholeHoweverSmallItsRoomIs) {
  std::mt19937 random(2);
  std::vector<Store> stores;
  std::vector<Source> sources;
  for (int i = 0; i < 50; ++i) {
    stores.push_back({RandomText(&random, random() % 400, 200), 1 + random() % 3000});
    sources.push_back(stores.back().AsSource());
  }
  for (const ReadAhead::Options& options :
       {ReadAhead::Options{},
        ReadAhead::Options{.threads = 1, .piece_bytes = 10, .max_source_bytes = 1, .max_bytes = 1},
        ReadAhead::Options{.threads = 3, .first_bytes = 7, .piece_bytes = 500},
        ReadAhead::Options{.threads = 5, .piece_bytes = 1000, .max_source_bytes = 5000, .max_bytes = 20000}}) {
    ReadAhead ahead(sources, options);
    for (size_t i = 0; i < 20; ++i) {  // a look at the beginnings
      auto stream = ahead.Open(i);
      char head[100];
      stream->Read(head, sizeof(head));
    }
    ahead.BeginReading(true);
    for (int pass = 0; pass < 2; ++pass) {
      // Three at a time, as the workers of a run do.
      std::vector<std::unique_ptr<ByteStream>> open(3);
      for (size_t i = 0; i < sources.size(); i += 3) {
        for (size_t j = 0; j < 3 && i + j < sources.size(); ++j) open[j] = ahead.Open(i + j);
        for (size_t j = 3; j-- > 0;) {
          if (i + j < sources.size()) EXPECT_EQ(ReadAll(open[j].get()), stores[i + j].content);
          open[j].reset();
        }
      }
      ahead.Restart();
    }
  }
}

TEST(ReadAhead, KeepsTheBeginningsThatWereLookedAt) {
  std::vector<Store> stores;
  std::vector<Source> sources;
  for (int i = 0; i < 40; ++i) {
    stores.push_back({std::string(1000, static_cast<char>('a' + i % 26))});
    sources.push_back(stores.back().AsSource());
  }
  ReadAhead ahead(sources);
  for (size_t i = 0; i < sources.size(); ++i) {
    char head[10];
    auto stream = ahead.Open(i);
    while (stream->Read(head, sizeof(head)).size == 0) {
    }
  }
  ahead.BeginReading(true);
  for (size_t i = 0; i < sources.size(); ++i) EXPECT_EQ(ReadAll(ahead.Open(i).get()), stores[i].content);
  for (const Store& store : stores) EXPECT_EQ(*store.opened, 1);
}

TEST(ReadAhead, WaitsForSeveralSourcesAtATime) {
  std::mutex mutex;
  std::condition_variable changed;
  int waiting = 0;
  auto open = [&](std::stop_token) -> absl::StatusOr<Source::Reader> {
    auto is_read = std::make_shared<bool>(false);
    return [&, is_read](char* buffer, size_t) -> absl::StatusOr<size_t> {
      if (std::exchange(*is_read, true)) return size_t{0};
      std::unique_lock lock(mutex);
      ++waiting;
      changed.notify_all();
      // Nobody is answered before eight have asked.
      if (!changed.wait_for(lock, std::chrono::seconds(60), [&] { return waiting >= 8; })) {
        return absl::DeadlineExceededError("the others did not ask");
      }
      *buffer = 'x';
      return size_t{1};
    };
  };
  std::vector<Source> sources;
  for (int i = 0; i < 8; ++i) sources.push_back(Source::Remote(open, "r"));
  ReadAhead ahead(sources);
  ahead.BeginReading(true);
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(ReadAll(ahead.Open(i).get()), "x");
}

TEST(ReadAhead, LooksAheadToOneSourceWhereLittleIsNeeded) {
  std::vector<Store> stores(20, Store{"x"});
  std::vector<Source> sources;
  for (Store& store : stores) {
    store.opened = std::make_shared<std::atomic<int>>(0);
    sources.push_back(store.AsSource());
  }
  ReadAhead ahead(sources, {.threads = 1});
  ahead.BeginReading(false);
  EXPECT_EQ(ReadAll(ahead.Open(0).get()), "x");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  int opened = 0;
  for (const Store& store : stores) opened += *store.opened;
  EXPECT_LE(opened, 3);
}

TEST(ReadAhead, TellsDamageBehindWhatCameBefore) {
  const Store store{"2 1 a\n2 1 b", 4, absl::UnavailableError("the cable was cut")};
  auto input = OpenOrDie(store.AsSource());
  Block block;
  std::string text;
  while (input->Claim(&block)) {
    input->Load(&block);
    text += block.text();
  }
  EXPECT_EQ(text, "2 1 a\n2 1 b");
  ASSERT_TRUE(input->damage());
  EXPECT_EQ(input->damage()->message, "the cable was cut");
  EXPECT_EQ(input->damage()->offset, 11u);

  const Source closed = Source::Remote([](std::stop_token) { return absl::PermissionDeniedError("no way in"); }, "r");
  ReadAhead ahead({closed});
  auto stream = ahead.Open(0);
  EXPECT_EQ(ReadAll(stream.get()), "");
  EXPECT_EQ(stream->damage()->message, "no way in");
}

TEST(ReadAhead, EndsSoonWhoeverWaits) {
  for (const bool heeds : {true, false}) {
    const auto ends_soon = [heeds] {
      auto release = std::make_shared<std::atomic<bool>>(false);
      auto open = [=](std::stop_token stop) -> absl::StatusOr<Source::Reader> {
        return [=](char*, size_t) -> absl::StatusOr<size_t> {
          while (!*release && !(heeds && stop.stop_requested()))
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
          return absl::CancelledError("stopped");
        };
      };
      auto ahead = std::make_unique<ReadAhead>(std::vector<Source>{Source::Remote(open, "a"), Source::Remote(open, "b")});
      auto stream = ahead->Open(0);
      char byte;
      EXPECT_EQ(stream->Read(&byte, 1).state, ByteStream::State::kNothingYet);
      const auto began = Clock::now();
      ahead.reset();
      const bool is_soon = Clock::now() - began < std::chrono::milliseconds(heeds ? 250 : 700);
      EXPECT_EQ(stream->Read(&byte, 1).state, ByteStream::State::kEnd);
      EXPECT_TRUE(stream->damage());
      stream.reset();
      *release = true;
      if (!heeds) std::this_thread::sleep_for(std::chrono::milliseconds(50));  // those left behind end
      return is_soon;
    };
    EXPECT_TRUE(ends_soon() || ends_soon());  // a machine that was busy just then is asked twice
  }
}

}  // namespace
}  // namespace flowlogs
