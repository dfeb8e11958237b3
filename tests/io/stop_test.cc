// CONTRACT P7: whoever waits is told to stop, and stops soon.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "flowlogs/io/input.h"
#include "gtest/gtest.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::ExactBytes;
using testing::Gzip;
using testing::OpenOrDie;
using testing::TemporaryDirectory;
using Clock = std::chrono::steady_clock;

class StoppedInput : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0); }

  // Requests the stop a little later, and says when it did.
  std::jthread StopSoon() {
    return std::jthread([this] {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      stopped_ = Clock::now();
      stop_.request_stop();
    });
  }
  // REQUIRES: the thread of StopSoon() was joined.
  void ExpectSoon() const { EXPECT_LT(Clock::now() - stopped_, std::chrono::milliseconds(450)); }  // CONTRACT: 0.5 s
  InputOptions Options() const { return {.stop = stop_.get_token()}; }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.Path("fifo");
  std::stop_source stop_;
  Clock::time_point stopped_;
};

TEST_F(StoppedInput, DoesNotWaitForAFifosWriter) {
  std::jthread stopper = StopSoon();
  EXPECT_EQ(Input::Open(path_, Options()).status().code(), absl::StatusCode::kCancelled);
  stopper.join();
  ExpectSoon();
}

TEST_F(StoppedInput, DoesNotWaitForThePrefix) {
  const std::string gzipped = Gzip("a line\n").substr(0, 12);
  for (const std::string& written : {std::string(), std::string("2 1"), std::string("a line\n"), gzipped}) {
    stop_ = std::stop_source();
    std::jthread stopper = StopSoon();
    std::atomic<bool> is_done{false};
    std::jthread writer([&] {
      const int fd = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
      EXPECT_EQ(write(fd, written.data(), written.size()), static_cast<ssize_t>(written.size()));
      while (!is_done) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      close(fd);
    });
    EXPECT_EQ(Input::Open(path_, Options()).status().code(), absl::StatusCode::kCancelled);
    stopper.join();
    ExpectSoon();
    is_done = true;
  }
}

TEST_F(StoppedInput, DoesNotWaitForMoreLines) {
  std::atomic<bool> is_done{false};
  std::jthread writer([&] {
    const int fd = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    const std::string text = std::string(Input::kPrefixBytes + 100, 'x') + "\nhalf a line";
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    while (!is_done) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    close(fd);
  });
  auto input = OpenOrDie(path_, Options());
  std::jthread stopper = StopSoon();
  Block block;
  size_t lines = 0;
  while (input->Claim(&block)) lines += static_cast<size_t>(std::count(block.text().begin(), block.text().end(), '\n'));
  stopper.join();
  ExpectSoon();
  EXPECT_EQ(lines, 1u);
  EXPECT_FALSE(input->damage().has_value()) << "to be stopped is no damage";
  is_done = true;
}

TEST_F(StoppedInput, ClaimsNoMoreBlocks) {
  const std::string text = "one\ntwo\n";
  for (const Source& source : {ExactBytes(text), ExactBytes(Gzip(text))}) {
    stop_ = std::stop_source();
    InputOptions options = Options();
    options.block_bytes = 4;
    auto input = OpenOrDie(source, options);
    Block block;
    ASSERT_TRUE(input->Claim(&block));
    stop_.request_stop();
    input->Load(&block);
    EXPECT_EQ(block.text(), "one\n") << "what was claimed is still read";
    EXPECT_FALSE(input->Claim(&block));
    EXPECT_EQ(Input::Open(source, options).status().code(), absl::StatusCode::kCancelled);
  }
}

// A FIFO without a writer is waited for, though it is opened at once.
TEST_F(StoppedInput, IsReadToItsEndWhenNobodyStopsIt) {
  std::jthread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    const int fd = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    for (const char* text : {"one\n", "tw", "o\nthree"}) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      EXPECT_GT(write(fd, text, std::string_view(text).size()), 0);
    }
    close(fd);
  });
  auto input = OpenOrDie(path_, Options());
  EXPECT_EQ(testing::JoinLines(testing::ReadLines(input.get())), "one\ntwo\nthree");
  EXPECT_FALSE(input->damage().has_value());
}

}  // namespace
}  // namespace flowlogs
