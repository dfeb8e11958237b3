#include "flowlogs/io/input.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::ExactBytes;
using testing::Gzip;
using testing::JoinLines;
using testing::Line;
using testing::OpenOrDie;
using testing::RandomText;
using testing::ReadLines;
using testing::ReferenceLines;
using testing::TemporaryDirectory;

// Reads `content` by position from memory and from a file, and in order out of gzip; all must give `expected`.
void ExpectLines(std::string_view content, const std::string& path, const std::string& gzipped,
                 const InputOptions& options) {
  const std::vector<Line> expected = ReferenceLines(content, options.max_line_bytes);
  for (const Source& source : {ExactBytes(content), Source(path), ExactBytes(gzipped)}) {
    auto input = OpenOrDie(source, options);
    EXPECT_EQ(input->prefix(), content.substr(0, Input::kPrefixBytes));
    EXPECT_EQ(input->prefix_is_all(), content.size() <= Input::kPrefixBytes);
    ASSERT_EQ(ReadLines(input.get(), options), expected)
        << source.name() << ", block_bytes " << options.block_bytes << ", max_line_bytes " << options.max_line_bytes;
    EXPECT_FALSE(input->damage().has_value());
  }
}

TEST(Input, DeliversTheLinesOfAFileInBlocks) {
  TemporaryDirectory directory;
  const std::string path = directory.Write("a.log", "one\ntwo\n\nfour");
  auto input = OpenOrDie(path);
  EXPECT_EQ(input->name(), path);
  EXPECT_TRUE(input->can_be_reopened());
  EXPECT_EQ(input->stored_bytes_total(), 13u);
  Block block;
  ASSERT_TRUE(input->Claim(&block));
  input->Load(&block);
  EXPECT_EQ(block.text(), "one\ntwo\n\nfour");
  EXPECT_FALSE(block.last_line_unfinished()) << "no final newline is no damage";  // CONTRACT F3
  EXPECT_FALSE(input->Claim(&block));
  EXPECT_EQ(input->stored_bytes_read(), 13u);
}

TEST(Input, OfNoBytesHasNoLines) {
  TemporaryDirectory directory;
  for (const Source& source :
       {Source(directory.Write("empty", "")), ExactBytes(""), Source("/dev/null"), ExactBytes(Gzip(""))}) {
    auto input = OpenOrDie(source);
    EXPECT_TRUE(input->prefix_is_all());
    EXPECT_TRUE(ReadLines(input.get()).empty());
    EXPECT_FALSE(input->damage().has_value());
  }
}

TEST(Input, TellsHowMuchTextThereIsWhereItKnows) {
  TemporaryDirectory directory;
  const std::string text = "one\ntwo\n", payload = R"({"message":"one"}{"message":"two"})";
  for (const Source& source : {ExactBytes(text), Source(directory.Write("a.log", text)), ExactBytes(Gzip(text)),
                               ExactBytes("\xef\xbb\xbf" + text), ExactBytes(payload), ExactBytes(Gzip(payload))}) {
    EXPECT_EQ(OpenOrDie(source)->text_bytes(), text.size());
  }
  const std::string long_text(2 * Input::kPrefixBytes, '\n');
  EXPECT_EQ(OpenOrDie(ExactBytes(long_text))->text_bytes(), long_text.size());
  EXPECT_EQ(OpenOrDie(ExactBytes(Gzip(long_text)))->text_bytes(), std::nullopt);
}

// CONTRACT F10
TEST(Input, GivesTheSameLinesForEveryBlockSizeInBothWaysOfReading) {
  std::mt19937 random(20240229);
  TemporaryDirectory directory;
  for (size_t block_bytes = 1; block_bytes <= 200; ++block_bytes) {
    const InputOptions options{.block_bytes = block_bytes, .max_line_bytes = 1 + random() % 300};
    const std::string text = RandomText(&random, 60, options.max_line_bytes);
    ExpectLines(text, directory.Write("text", text), Gzip(text), options);
  }
}

TEST(Input, GivesTheSameLinesForRandomLimitsInBothWaysOfReading) {
  std::mt19937 random(7);
  TemporaryDirectory directory;
  for (int round = 0; round < 150; ++round) {
    const InputOptions options{.block_bytes = 1 + random() % 20000, .max_line_bytes = 1 + random() % 5000};
    const std::string text = RandomText(&random, 1 + random() % 400, options.max_line_bytes);
    ExpectLines(text, directory.Write("text", text), Gzip(text, 1 + round % 9), options);
  }
}

TEST(Input, GivesTheSameLinesForShortTextsAndAllSmallLimits) {
  TemporaryDirectory directory;
  for (const std::string text : {"\n", "a", "a\n", "\n\n", "ab\n\ncd", "abc\nabcd\nabcde\nabcd", "\r\n", "abcdef"}) {
    const std::string path = directory.Write("text", text);
    for (size_t block_bytes = 0; block_bytes <= 8; ++block_bytes) {
      for (size_t max_line_bytes = 1; max_line_bytes <= 8; ++max_line_bytes) {
        ExpectLines(text, path, Gzip(text), {.block_bytes = block_bytes, .max_line_bytes = max_line_bytes});
      }
    }
  }
}

TEST(Input, KeepsTheBeginningOfALineThatIsTooLong) {
  const std::string text = "first\n" + std::string(5 << 20, 'x') + "\nlast\n";
  for (const Source& source : {ExactBytes(text), ExactBytes(Gzip(text))}) {
    auto input = OpenOrDie(source);
    const std::vector<Line> lines = ReadLines(input.get());
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[1], (Line{.text = std::string(256, 'x'), .is_too_long = true}));
    EXPECT_EQ(lines[2].text, "last");
  }
}

// What exceeds every limit is still clamped to one gibibyte, and no sum of sizes overflows.
TEST(Input, AcceptsEndlessLimits) {
  const std::string text = "one\ntwo\n";
  for (const Source& source : {ExactBytes(text), ExactBytes(Gzip(text))}) {
    const InputOptions options{.block_bytes = 1 << 10, .max_line_bytes = static_cast<size_t>(-1)};
    auto input = OpenOrDie(source, options);
    EXPECT_EQ(JoinLines(ReadLines(input.get(), options)), text);
  }
}

// CONTRACT F10
TEST(Input, GivesTheSameLinesWhenFourThreadsLoad) {
  std::mt19937 random(4);
  TemporaryDirectory directory;
  const InputOptions options{.block_bytes = 4096, .max_line_bytes = 3000};
  const std::string text = RandomText(&random, 20000, options.max_line_bytes);
  const std::vector<Line> expected = ReferenceLines(text, options.max_line_bytes);
  for (const Source& source : {Source(directory.Write("text", text)), ExactBytes(text), ExactBytes(Gzip(text))}) {
    auto input = OpenOrDie(source, options);
    std::mutex claim;
    std::vector<std::vector<Line>> lines_of_block(text.size() / options.block_bytes + 30000);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        Block block;
        while (true) {
          {
            std::lock_guard lock(claim);
            if (!input->Claim(&block)) return;
          }
          input->Load(&block);
          testing::AppendLines(block, options.max_line_bytes, &lines_of_block.at(block.sequence()));
          EXPECT_FALSE(input->damage().has_value());
          EXPECT_LE(input->stored_bytes_read(), input->stored_bytes_total());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::vector<Line> lines;
    for (const auto& some : lines_of_block) lines.insert(lines.end(), some.begin(), some.end());
    EXPECT_EQ(lines, expected);
  }
}

// CONTRACT C3
TEST(Input, NeverReadsForeignMemoryOutsideItsBounds) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* mapping = mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapping, MAP_FAILED);
  char* middle = static_cast<char*>(mapping) + page;
  ASSERT_EQ(mprotect(mapping, page, PROT_NONE), 0);
  ASSERT_EQ(mprotect(middle + page, page, PROT_NONE), 0);
  std::mt19937 random(5);
  const std::string text = RandomText(&random, 40, 70).substr(0, page);
  for (const std::string& stored : {text, Gzip(text)}) {
    for (char* place : {middle, middle + page - stored.size()}) {  // touching the page before, and the one behind
      std::memcpy(place, stored.data(), stored.size());
      auto input = OpenOrDie(Source::Bytes({place, stored.size()}), {.block_bytes = 100});
      EXPECT_EQ(JoinLines(ReadLines(input.get())), text);
    }
  }
  munmap(mapping, 3 * page);
}

TEST(Input, KeepsTheOwnerOfBytesAlive) {
  auto input = OpenOrDie(ExactBytes("kept\n"));  // the source is gone after this line
  EXPECT_EQ(JoinLines(ReadLines(input.get())), "kept\n");
}

TEST(Input, UsesABlockThatWasMovedFrom) {
  auto input = OpenOrDie(ExactBytes("a\nb\nc\n"), {.block_bytes = 2});
  Block block;
  ASSERT_TRUE(input->Claim(&block));
  Block other = std::move(block);
  input->Load(&other);
  EXPECT_EQ(other.text(), "a\n");
  ASSERT_TRUE(input->Claim(&block));
  input->Load(&block);
  EXPECT_EQ(block.text(), "b\n");
  EXPECT_EQ(other.text(), "a\n");
}

TEST(Input, SkipsAUtf8ByteOrderMark) {
  TemporaryDirectory directory;
  const std::string text = "version account-id\n2 123456789010\n";
  const std::string marked = "\xef\xbb\xbf" + text;
  for (const Source& source : {ExactBytes(marked), ExactBytes(Gzip(marked)), Source(directory.Write("bom", marked))}) {
    for (size_t block_bytes : {1, 2, 3, 19, 1000}) {
      auto input = OpenOrDie(source, {.block_bytes = block_bytes});
      EXPECT_EQ(input->prefix(), text);
      EXPECT_TRUE(input->prefix_is_all());
      EXPECT_EQ(JoinLines(ReadLines(input.get())), text);
    }
  }
}

TEST(Input, SaysWhatItDoesNotRead) {
  using std::string_literals::operator""s;
  const std::pair<std::string, const char*> kinds[] = {
      {"\xfd\x37zXZ\0 and more"s, "xz"},
      {"BZh91AY&SY and more", "bzip2"},
      {"PK\x03\x04 and more", "zip"},
      {"PAR1 and more", "Parquet"},
      {"\xff\xfe" "2\0 \0"s, "UTF-16"},
      {"\xfe\xff\0" "2\0 "s, "UTF-16"},
      {Gzip(Gzip(Gzip(Gzip(Gzip(Gzip("too often")))))), nullptr},
  };
  TemporaryDirectory directory;
  for (const auto& [content, what] : kinds) {
    std::vector<Source> sources = {ExactBytes(Gzip(content))};  // inside gzip, too
    if (what != nullptr) sources.insert(sources.end(), {ExactBytes(content), directory.Write("file.log.gz", content)});
    for (const Source& source : sources) {
      const auto input = Input::Open(source);
      ASSERT_EQ(input.status().code(), absl::StatusCode::kInvalidArgument) << content;
      const std::string message(input.status().message());
      EXPECT_NE(message.find(what == nullptr ? "gzip, in 6 layers of compression" : what), std::string::npos) << message;
      EXPECT_NE(message.find("\"" + source.name() + "\""), std::string::npos) << message;
    }
  }
}

TEST(Input, TakesEverythingElseForPlainText) {
  for (const std::string text : {"BZh9 is text\n", "PK\n", "\x1f\n", "PAR\n", "\xef\xbb\n"}) {
    auto input = OpenOrDie(ExactBytes(text));
    EXPECT_EQ(JoinLines(ReadLines(input.get())), text);
  }
}

TEST(Input, FailsToOpenWhatResolveSourcesRefuses) {
  TemporaryDirectory directory;
  EXPECT_EQ(Input::Open(directory.Path("gone")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Input::Open(directory.Path("")).status().code(), absl::StatusCode::kInvalidArgument);
}

// CONTRACT F3, P5
TEST(Input, ThatBecomesShorterIsDamagedWhereItEnds) {
  TemporaryDirectory directory;
  std::string text;
  for (int i = 0; text.size() < 200000; ++i) text += "line " + std::to_string(i) + "\n";
  for (const size_t left : {100000, 100001, 100002, 100003, 100004, 100005, 100006, 100007, 100008, 100009, 0}) {
    const std::string path = directory.Write("text", text);
    const InputOptions options{.block_bytes = 1000};
    auto input = OpenOrDie(path, options);
    ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(left)), 0);
    const std::vector<Line> lines = ReadLines(input.get(), options);
    EXPECT_EQ(lines, ReferenceLines(text.substr(0, left), options.max_line_bytes, /*is_damaged=*/true));
    ASSERT_TRUE(input->damage().has_value());
    EXPECT_EQ(input->damage()->offset, left);
    EXPECT_NE(input->damage()->message.find("became shorter while it was read"), std::string::npos);
  }
}

TEST(Input, ThatGrowsIsReadToTheSizeItHadWhenOpened) {
  TemporaryDirectory directory;
  const std::string path = directory.Write("text", "one\ntw");
  auto input = OpenOrDie(path);
  std::ofstream(path, std::ios::app) << "o\nthree\n";
  EXPECT_EQ(JoinLines(ReadLines(input.get())), "one\ntw");
  EXPECT_FALSE(input->damage().has_value());
}

// Reading another process's memory at address 0 is the read error that every machine with /proc can make.
TEST(Input, WithAReadErrorIsDamaged) {
  if (!std::filesystem::exists("/proc/self/mem")) GTEST_SKIP() << "needs /proc";
  auto input = OpenOrDie("/proc/self/mem");
  EXPECT_TRUE(ReadLines(input.get()).empty());
  ASSERT_TRUE(input->damage().has_value());
  EXPECT_EQ(input->damage()->offset, 0u);
  EXPECT_NE(input->damage()->message.find("Input/output error"), std::string::npos) << input->damage()->message;
}

TEST(Input, ReadsTheKernelsFilesOfSizeZero) {
  if (!std::filesystem::exists("/proc/self/status")) GTEST_SKIP() << "needs /proc";
  auto input = OpenOrDie("/proc/self/status");
  EXPECT_GT(ReadLines(input.get()).size(), 5u);
}

class InputOfFifo : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0); }

  // Opens the FIFO from the other side, and writes as told.
  template <typename Function>
  std::thread Writer(Function function) {
    return std::thread([this, function] {
      const int fd = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
      function(fd);
      close(fd);
    });
  }
  static void Write(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = write(fd, text.data(), text.size());
      ASSERT_GT(n, 0);
      text.remove_prefix(static_cast<size_t>(n));
    }
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.Path("fifo");
};

TEST_F(InputOfFifo, DeliversPlainTextAndGzip) {
  std::mt19937 random(6);
  const std::string text = RandomText(&random, 20000, 300);
  for (const std::string& stored : {text, Gzip(text)}) {
    std::thread writer = Writer([&](int fd) { Write(fd, stored); });
    auto input = OpenOrDie(path_);
    EXPECT_FALSE(input->can_be_reopened());
    EXPECT_EQ(input->stored_bytes_total(), 0u);
    EXPECT_EQ(ReadLines(input.get()), ReferenceLines(text));
    EXPECT_EQ(input->stored_bytes_read(), stored.size());
    writer.join();
  }
}

// CONTRACT P7: whoever waits for a pipe can be stopped, and sees lines as they come.
TEST_F(InputOfFifo, DeliversWhatIsThereWhenTheWriterPauses) {
  const std::string first = std::string(Input::kPrefixBytes + 1000, 'a') + "\nhalf";
  std::atomic<bool> go_on{false};
  std::thread writer = Writer([&](int fd) {
    Write(fd, first);
    while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    Write(fd, " whole\n");
  });
  auto input = OpenOrDie(path_);
  Block block;
  std::vector<Line> lines;
  for (int i = 0; i < 3; ++i) {  // none of these waits for the writer
    ASSERT_TRUE(input->Claim(&block));
    testing::AppendLines(block, 1 << 20, &lines);
  }
  EXPECT_EQ(lines.size(), 1u);
  EXPECT_TRUE(block.text().empty());
  go_on = true;
  while (input->Claim(&block)) testing::AppendLines(block, 1 << 20, &lines);
  EXPECT_EQ(lines, ReferenceLines(first + " whole\n"));
  writer.join();
}

TEST_F(InputOfFifo, IsDashWhenItIsStandardInput) {
  const int saved = dup(STDIN_FILENO);
  std::thread writer = Writer([&](int fd) { Write(fd, "one\ntwo\n"); });
  const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  dup2(fd, STDIN_FILENO);
  close(fd);
  {
    auto input = OpenOrDie("-");
    EXPECT_EQ(input->name(), "-");
    EXPECT_FALSE(input->can_be_reopened());
    EXPECT_EQ(JoinLines(ReadLines(input.get())), "one\ntwo\n");
  }
  EXPECT_NE(fcntl(STDIN_FILENO, F_GETFD), -1) << "standard input is not ours to close";
  writer.join();
  if (saved >= 0) {
    dup2(saved, STDIN_FILENO);
    close(saved);
  }
}

}  // namespace
}  // namespace flowlogs
