// What the operating system refuses: the n-th read, write, open or allocation fails, for every n that a run gets to.
// The points of failure are libfiu's, which the dynamic linker puts in front of the C library (LD_PRELOAD, set by
// tests/CMakeLists.txt). Without libfiu, or under a sanitizer, which has its own malloc, the tests are skipped.
#include <gtest/gtest.h>

#ifdef FLOWLOGS_HAVE_FIU
#define FIU_ENABLE 1
#include <fiu-control.h>
#include <fiu.h>
#endif
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "flowlogs/flowlogs.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::Gzip;
using testing::ScopedEnvironment;
using testing::TemporaryDirectory;

#ifdef FLOWLOGS_HAVE_FIU

// A point of failure that fails at its n-th call (n = 0: at each) while the object lives.
class Fault {
 public:
  Fault(const char* point, uint64_t n, int error) : point_(point) {
    calls_ = 0;
    fails_at_ = n;
    is_on_ = fiu_enable_external(point, 1, reinterpret_cast<void*>(static_cast<intptr_t>(error)), 0, &Fault::Decide) == 0;
    EXPECT_TRUE(is_on_) << point;
  }
  ~Fault() { fiu_disable(point_); }
  Fault(const Fault&) = delete;  // a point fails in one way at a time
  Fault& operator=(const Fault&) = delete;

  uint64_t calls() const { return calls_; }
  bool was_met() const { return calls_ >= std::max<uint64_t>(fails_at_, 1); }

 private:
  static int Decide(const char*, int*, void**, unsigned*) {
    const uint64_t call = ++calls_;
    return fails_at_ == 0 || call == fails_at_ ? 1 : 0;
  }
  static inline std::atomic<uint64_t> calls_{0}, fails_at_{0};
  const char* point_;
  bool is_on_ = false;
};

class FaultsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fiu_init(0);
    signal(SIGPIPE, SIG_IGN);  // of a pipe that a run has stopped to read
    // Whether the points of failure are in front of the C library.
    const Fault fault("posix/io/rw/pread", 1, EIO);
    const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char byte;
    const bool failed = pread(fd, &byte, 1, 0) < 0;
    close(fd);
    if (!failed) GTEST_SKIP() << "fiu_posix_preload.so is not preloaded: run this with ctest";
  }

  TemporaryDirectory folder_;
};

// `lines` records under a header, each with numbers of its own.
std::string Log(int lines, bool with_direction = false) {
  std::string log = "version interface-id srcaddr dstaddr srcport dstport protocol bytes start end action log-status";
  log += with_direction ? " flow-direction\n" : "\n";
  for (int i = 0; i < lines; ++i) {
    const std::string n = std::to_string(i);
    log += "2 eni-" + std::to_string(i % 7) + " 10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) +
           " 203.0.113." + std::to_string(i % 200) + " " + std::to_string(1024 + i) + " 443 6 " + n + " 17000" +
           std::to_string(10000 + i) + " 17000" + std::to_string(10000 + i) + " ACCEPT OK";
    log += with_direction ? " ingress\n" : "\n";
  }
  return log;
}

size_t OpenFiles() {
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++files;
  return files;
}

void ExpectConservation(const Stats& stats) {  // CONTRACT F9
  EXPECT_EQ(stats.lines, stats.records + stats.headers + stats.blank + stats.problem_count()) << stats.ToJson();
}

// Standard input from a file, as a pipe that can be read once would be.
class PipedInput {
 public:
  explicit PipedInput(const std::string& text) : before_(dup(STDIN_FILENO)) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    writer_ = std::thread([text, to = ends[1]] {
      for (size_t done = 0; done < text.size();) {
        const ssize_t n = write(to, text.data() + done, text.size() - done);
        if (n < 0 && errno != EINTR) break;  // nobody reads any more
        if (n > 0) done += static_cast<size_t>(n);
      }
      close(to);
    });
  }
  ~PipedInput() {
    dup2(before_, STDIN_FILENO);  // the last end to read from is closed: whoever writes gets EPIPE
    close(before_);
    writer_.join();
  }
  PipedInput(const PipedInput&) = delete;  // standard input is one
  PipedInput& operator=(const PipedInput&) = delete;

 private:
  int before_;
  std::thread writer_;
};

// Runs `ask` with the n-th call of `point` failing, for n = 1 and up until it is not called so often. `check` is given the
// answer and n.
void ForEveryCall(const char* point, int error, const std::function<absl::StatusOr<Table>()>& ask,
                  const std::function<void(const absl::StatusOr<Table>&, uint64_t)>& check) {
  uint64_t n = 1;
  for (; n < 100'000; ++n) {
    const size_t files = OpenFiles();
    absl::StatusOr<Table> answer = absl::UnknownError("");
    bool was_met;
    {
      const Fault fault(point, n, error);
      answer = ask();
      was_met = fault.was_met();
    }
    EXPECT_EQ(OpenFiles(), files) << "a file is left open, " << point << " " << n;
    if (!was_met) break;
    check(answer, n);
    if (::testing::Test::HasFailure()) FAIL() << point << " failed at call " << n;
  }
  EXPECT_GT(n, 1u) << point << " was never called";
}

// CONTRACT P5, F3, F9
TEST_F(FaultsTest, AReadThatFailsEndsItsInputAndWhatCameBeforeIsDelivered) {
  const std::string text = Log(3000);
  const std::string good = "srcaddr bytes\n10.0.0.1 1\n";
  struct File {
    std::string path;
    const char* point;
  };
  std::vector<File> files = {{folder_.Write("plain.log", text), "posix/io/rw/pread"},
                             {folder_.Write("packed.log.gz", Gzip(text)), "posix/io/rw/read"}};
#ifdef FLOWLOGS_HAVE_ZSTD
  files.push_back({folder_.Write("packed.log.zst", testing::Zstd(text)), "posix/io/rw/read"});
#endif
  for (const File& file : files) {
    const absl::StatusOr<Table> whole = Scan({file.path}).Collect();
    ASSERT_TRUE(whole.ok() && whole->complete()) << whole.status();
    const std::string rows = whole->Render(TableFormat::kNdjson);
    for (const int threads : {1, 2}) {
      const Query query = Scan({file.path, Source::Bytes(good)}, {.threads = threads, .block_bytes = 16 << 10})
                              .Select({"srcaddr", "bytes", "srcport"});
      const absl::StatusOr<Table> expected = query.Collect();
      ASSERT_TRUE(expected.ok()) << expected.status();
      uint64_t fewest = expected->num_rows(), damaged = 0;
      ForEveryCall(file.point, EIO, [&] { return query.Collect(); }, [&](const absl::StatusOr<Table>& table, uint64_t n) {
        ASSERT_TRUE(table.ok()) << table.status();
        ExpectConservation(table->stats());
        if (table->complete()) {  // what failed was a look at what memory and CPUs the process may use
          EXPECT_EQ(table->ToJson(), expected->ToJson());
          return;
        }
        ++damaged;
        ASSERT_EQ(table->stats().errors.size(), 1u);
        EXPECT_EQ(table->stats().errors[0].source, file.path);
        EXPECT_NE(table->stats().errors[0].message.find("Input/output error"), std::string::npos)
            << table->stats().errors[0].message;
        EXPECT_LE(table->stats().errors[0].offset, std::filesystem::file_size(file.path));
        // The other input is whole, and of this one the rows are those of its beginning.
        ASSERT_GE(table->num_rows(), 1u);
        EXPECT_EQ(table->Text(table->num_rows() - 1, "srcaddr"), "10.0.0.1");
        for (size_t row = 0; row + 1 < table->num_rows(); ++row) {
          ASSERT_EQ(table->Text(row, "srcaddr"), expected->Text(row, "srcaddr"));
          ASSERT_EQ(table->Int(row, "srcport"), expected->Int(row, "srcport"));
        }
        fewest = std::min<uint64_t>(fewest, table->num_rows());
        if (n > 3) EXPECT_GT(table->num_rows(), 1u) << "what was read before is delivered";
      });
      EXPECT_GE(damaged, 3u) << "the head, the content, and where the end was to be";
      EXPECT_LE(fewest, 1u) << "the first read failed once";
    }
  }
}

TEST_F(FaultsTest, InterruptedAndShortCallsChangeNothing) {
  const std::string text = Log(800);
  for (const std::string& path : {folder_.Write("plain.log", text), folder_.Write("packed.log.gz", Gzip(text))}) {
    const Query query = Scan({path}, {.threads = 2, .block_bytes = 8 << 10}).GroupBy({"interface-id"}).Aggregate({"sum(bytes)"});
    const std::string expected = query.Collect()->ToJson();
    for (const char* point : {"posix/io/rw/pread", "posix/io/rw/read", "posix/io/oc/open"}) {
      for (uint64_t n = 1; n < 1000; ++n) {
        const Fault fault(point, n, EINTR);
        const absl::StatusOr<Table> table = query.Collect();
        ASSERT_TRUE(table.ok()) << table.status();
        ASSERT_EQ(table->ToJson(), expected) << point << " " << n;
        EXPECT_TRUE(table->complete());
        if (!fault.was_met()) break;
      }
    }
    for (const char* point : {"posix/io/rw/pread/reduce", "posix/io/rw/read/reduce"}) {
      const Fault fault(point, 0, 0);  // each call gives less than it was asked for
      const absl::StatusOr<Table> table = query.Collect();
      ASSERT_TRUE(table.ok() && table->complete()) << table.status();
      EXPECT_EQ(table->ToJson(), expected) << point;
    }
  }
}

// CONTRACT P5
TEST_F(FaultsTest, AFileThatCannotBeOpenedSaysWhy) {
  const std::string path = folder_.Write("a.log", Log(3));
  for (const int error : {EACCES, EMFILE, ENOENT}) {
    const Fault fault("posix/io/oc/open", 0, error);
    const absl::StatusOr<Table> table = Scan({path}).Collect();
    ASSERT_FALSE(table.ok());
    const std::string message(table.status().message());
    EXPECT_NE(message.find("cannot open \"" + path + "\""), std::string::npos) << message;
    EXPECT_NE(message.find(strerror(error)), std::string::npos) << message;
  }
}

// An input that can be read once is kept in a temporary file between two passes.
class SpoolFaultsTest : public FaultsTest {
 protected:
  const std::string text_ = Log(2500);
  absl::StatusOr<Table> Ask(int threads) const {
    const PipedInput piped(text_);
    return Scan({"-"}, {.threads = threads, .block_bytes = 16 << 10}).GroupBy({"direction"}).Aggregate({"sum(bytes)"}).Collect();
  }
};

TEST_F(SpoolFaultsTest, ADiskThatIsFullEndsTheRunAndSaysWhere) {
  const ScopedEnvironment tmpdir("TMPDIR", folder_.Path("").c_str());
  for (const int threads : {1, 3}) {
    ForEveryCall("posix/io/rw/pwrite", ENOSPC, [&] { return Ask(threads); }, [&](const auto& table, uint64_t) {
      ASSERT_EQ(table.status().code(), absl::StatusCode::kResourceExhausted) << table.status();
      const std::string message(table.status().message());
      EXPECT_NE(message.find("No space left on device"), std::string::npos) << message;
      EXPECT_NE(message.find(folder_.Path("")), std::string::npos) << message;
      EXPECT_NE(message.find("set TMPDIR"), std::string::npos) << message;
    });
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.Path(""))) << "nothing is left";
}

TEST_F(SpoolFaultsTest, InterruptedAndShortWritesChangeNothing) {
  const std::string expected = Ask(2)->ToJson();
  for (const char* point : {"posix/io/rw/pwrite", "posix/io/rw/pread", "posix/io/rw/read"}) {
    ForEveryCall(point, EINTR, [&] { return Ask(2); }, [&](const auto& table, uint64_t) {
      ASSERT_TRUE(table.ok()) << table.status();
      EXPECT_EQ(table->ToJson(), expected) << point;
    });
  }
  for (const char* point : {"posix/io/rw/pwrite/reduce", "posix/io/rw/pread/reduce", "posix/io/rw/read/reduce"}) {
    const Fault fault(point, 0, 0);
    const absl::StatusOr<Table> table = Ask(2);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->ToJson(), expected) << point;
  }
}

TEST_F(SpoolFaultsTest, AReadOfTheSecondPassThatFailsIsDamage) {
  ForEveryCall("posix/io/rw/pread", EIO, [&] { return Ask(1); }, [&](const auto& table, uint64_t) {
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_FALSE(table->complete());
    ExpectConservation(table->stats());
    ASSERT_EQ(table->stats().errors.size(), 1u);
    EXPECT_NE(table->stats().errors[0].message.find("temporary file"), std::string::npos);
  });
}

TEST_F(SpoolFaultsTest, AFolderThatIsNotThereIsNamed) {
  const ScopedEnvironment tmpdir("TMPDIR", folder_.Path("missing").c_str());
  const absl::StatusOr<Table> table = Ask(1);
  EXPECT_EQ(table.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(table.status().message()).find(folder_.Path("missing")), std::string::npos) << table.status();
}

// OUT OF MEMORY in flowlogs/query/query.h.
class MemoryFaultsTest : public FaultsTest {
 protected:
  static constexpr const char* kPoints[] = {"libc/mm/malloc", "libc/mm/calloc", "libc/mm/realloc"};

  // The answer is right, or it is the error; and afterwards all is as it was. With threads, which call is the n-th is
  // another one each time.
  static void ExpectGoodOrRefused(const std::function<absl::StatusOr<Table>()>& ask, uint64_t step = 1) {
    const absl::StatusOr<Table> whole = ask();
    ASSERT_TRUE(whole.ok()) << whole.status();
    const std::string expected = whole->ToJson();
    uint64_t refused = 0;
    for (const char* point : kPoints) {
      for (uint64_t n = 1; n < 1'000'000; n += step) {
        const size_t files = OpenFiles();
        absl::StatusOr<Table> answer = absl::UnknownError("");
        bool was_met;
        {
          const Fault fault(point, n, 0);
          answer = ask();
          was_met = fault.was_met();
        }
        if (!was_met) break;
        ASSERT_EQ(OpenFiles(), files) << point << " " << n;
        if (answer.ok()) {
          ASSERT_TRUE(answer->ToJson() == expected || !answer->complete()) << point << " " << n;
        } else {
          ++refused;
          ASSERT_EQ(answer.status().code(), absl::StatusCode::kResourceExhausted) << point << " " << n << ": " << answer.status();
        }
      }
    }
    EXPECT_GT(refused, 10u);
    EXPECT_EQ(ask()->ToJson(), expected) << "the plan can run again";
  }
};

TEST_F(MemoryFaultsTest, GroupsAreRightOrRefused) {
  const std::string path = folder_.Write("a.log", Log(300));
  for (const int threads : {1, 2}) {
    const Query query = Scan({path}, {.threads = threads, .block_bytes = 8 << 10})
                            .Filter("dstaddr in public and interface-id ~ 'eni-[0-5]'")
                            .GroupBy({"interface-id", "prefix(srcaddr, 28)"})
                            .Aggregate({"count()", "sum(bytes)", "distinct(srcport)", "quantile(bytes, 0.5)"});
    ExpectGoodOrRefused([&] { return query.Collect(); });
  }
}

TEST_F(MemoryFaultsTest, RowsAreRightOrRefused) {
  const std::string path = folder_.Write("a.log.gz", Gzip(Log(300)));
  for (const int threads : {1, 2}) {
    const Query query =
        Scan({path}, {.threads = threads, .block_bytes = 8 << 10}).Filter("bytes > 20").Select({"srcaddr", "bytes", "_line"});
    ExpectGoodOrRefused([&] { return query.Collect(); });
    const Query sorted = query.Sort("bytes", Order::kDescending).Head(5);
    ExpectGoodOrRefused([&] { return sorted.Collect(); });
  }
}

TEST_F(MemoryFaultsTest, TwoPassesAreRightOrRefused) {
  const std::string path = folder_.Write("a.log", Log(200));
  const Query query = Scan({path}, {.threads = 2, .block_bytes = 8 << 10}).GroupBy({"direction", "client"});
  ExpectGoodOrRefused([&] { return query.Collect(); });
  const Query dedup = query.Dedup();
  ExpectGoodOrRefused([&] { return dedup.Collect(); }, 3);
}

// A subscription's payload in gzip, and records in JSON one a line.
TEST_F(MemoryFaultsTest, EnvelopesAreRightOrRefused) {
  std::string payload =
      R"({"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"flow","logStream":"eni-1-all","logEvents":[)";
  std::string records;
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i);
    payload += std::string(i == 0 ? "" : ",") + R"({"id":")" + n + R"(","timestamp":1700000000000,"message":")" +
               "2 123456789012 eni-0a 10.0.0." + n + " 10.0.1.2 40001 443 6 7 " + n + R"( 1700000000 1700000060 ACCEPT OK"})";
    records += R"({"srcaddr":"10.0.0.)" + n + R"(","bytes":)" + n + R"(,"action":null})" + "\n";
  }
  payload += "]}";
  for (const std::string& path : {folder_.Write("event.gz", Gzip(payload)), folder_.Write("records.json", records)}) {
    const Query query = Scan({path}, {.threads = 2}).Select({"srcaddr", "bytes", "_line"});
    ExpectGoodOrRefused([&] { return query.Collect(); });
  }
}

TEST_F(MemoryFaultsTest, AStreamIsWholeOrSaysThatItIsNot) {
  const std::string path = folder_.Write("a.log", Log(300));
  const Query query = Scan({path}, {.threads = 2, .block_bytes = 8 << 10}).Select({"srcaddr", "bytes"});
  const Query no_rows = query.Head(0);
  ExpectGoodOrRefused([&]() -> absl::StatusOr<Table> {
    absl::StatusOr<std::unique_ptr<TableStream>> stream = query.Stream();
    if (!stream.ok()) return stream.status();
    for (;;) {
      absl::StatusOr<Table> next = (*stream)->Next();
      if (!next.ok()) {
        const absl::StatusOr<Table> again = (*stream)->Next();
        EXPECT_EQ(again.status().code(), next.status().code()) << "an error is not forgotten";
        return next.status();
      }
      if (next->num_rows() == 0) return no_rows.Collect();
    }
  });
}

TEST_F(MemoryFaultsTest, ARunThatIsFedIsRightOrRefusesToGoOn) {
  const std::string text = Log(300);
  const Query query = Scan({"-"}, {.block_bytes = 4 << 10}).GroupBy({"interface-id"}).Aggregate({"sum(bytes)"});
  ExpectGoodOrRefused([&]() -> absl::StatusOr<Table> {
    absl::StatusOr<flowlogs::Run> run = query.Start();
    if (!run.ok()) return run.status();
    for (size_t at = 0; at < text.size(); at += 5000) {
      const absl::Status fed = run->Feed(std::string_view(text).substr(at, 5000));
      if (fed.ok()) continue;
      EXPECT_EQ(run->Finish().status().code(), absl::StatusCode::kFailedPrecondition);
      return fed;
    }
    return run->Finish();
  });
}

#else

TEST(FaultsTest, AreInjectedByLibfiu) { GTEST_SKIP() << "libfiu is not there (Debian: libfiu-dev), or a sanitizer is"; }

#endif  // FLOWLOGS_HAVE_FIU

}  // namespace
}  // namespace flowlogs
