// CONTRACT P7: whoever waits is told to stop, and stops soon.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
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

  // How soon `wait` ends once it is told to stop, a little after it began.
  template <typename Wait>
  Clock::duration AfterStop(const Wait& wait) {
    Clock::time_point stopped;
    std::jthread stopper([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      stopped = Clock::now();
      stop_.request_stop();
    });
    wait();
    const Clock::time_point ended = Clock::now();
    stopper.join();
    stop_ = std::stop_source();
    return ended - stopped;
  }
  // CONTRACT: 0.5 s. `run` gives what AfterStop() does. A machine that was busy just then is asked twice.
  template <typename Run>
  static void ExpectSoon(const Run& run) {
    constexpr auto kSoon = std::chrono::milliseconds(450);
    EXPECT_TRUE(run() < kSoon || run() < kSoon);
  }
  InputOptions Options() const { return {.stop = stop_.get_token()}; }

  // The FIFO with a writer that wrote this and writes nothing more: close() it. It takes 256 KiB without a reader.
  int Written(std::string_view text) const {
    const int fd = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_GE(fcntl(fd, F_SETPIPE_SZ, 256 << 10), 256 << 10);
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return fd;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.Path("fifo");
  std::stop_source stop_;
};

TEST_F(StoppedInput, DoesNotWaitForAFifosWriter) {
  ExpectSoon([&] {
    return AfterStop([&] { EXPECT_EQ(Input::Open(path_, Options()).status().code(), absl::StatusCode::kCancelled); });
  });
}

TEST_F(StoppedInput, DoesNotWaitForThePrefix) {
  const std::string gzipped = Gzip("a line\n").substr(0, 12);
  for (const std::string& written : {std::string(), std::string("2 1"), std::string("a line\n"), gzipped}) {
    ExpectSoon([&] {
      const int fd = Written(written);
      const Clock::duration late =
          AfterStop([&] { EXPECT_EQ(Input::Open(path_, Options()).status().code(), absl::StatusCode::kCancelled); });
      close(fd);
      return late;
    });
  }
}

TEST_F(StoppedInput, DoesNotWaitForMoreLines) {
  ExpectSoon([&] {
    const int fd = Written(std::string(Input::kPrefixBytes + 100, 'x') + "\nhalf a line");
    auto input = OpenOrDie(path_, Options());
    size_t lines = 0;
    const Clock::duration late = AfterStop([&] {
      Block block;
      while (input->Claim(&block)) lines += static_cast<size_t>(std::count(block.text().begin(), block.text().end(), '\n'));
    });
    EXPECT_EQ(lines, 1u);
    EXPECT_FALSE(input->damage().has_value()) << "to be stopped is no damage";
    close(fd);
    return late;
  });
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
