#include "flowlogs/io/source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::TemporaryDirectory;

std::vector<std::string> Names(const absl::StatusOr<std::vector<Source>>& sources) {
  std::vector<std::string> names;
  EXPECT_TRUE(sources.ok()) << sources.status();
  if (sources.ok()) {
    for (const Source& source : *sources) names.push_back(source.name());
  }
  return names;
}

std::string Message(const std::vector<Source>& sources, absl::StatusCode code) {
  const auto resolved = ResolveSources(sources);
  EXPECT_EQ(resolved.status().code(), code) << resolved.status();
  return std::string(resolved.status().message());
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// CONTRACT F10
TEST(ResolveSources, KeepsTheGivenOrderAndSortsGlobsBytewise) {
  TemporaryDirectory directory;
  for (const char* name : {"b.log", "B.log", "a.log", "10.log", "9.log", "\xc3\xa4.log", "_.log", "z.txt"}) {
    directory.Write(name, "x\n");
  }
  const auto path = [&](const char* name) { return directory.Path(name); };
  EXPECT_EQ(Names(ResolveSources(std::vector<Source>{path("z.txt"), path("*.log"), path("a.log")})),
            (std::vector<std::string>{path("z.txt"), path("10.log"), path("9.log"), path("B.log"), path("_.log"),
                                      path("a.log"), path("b.log"), path("\xc3\xa4.log"), path("a.log")}));
  EXPECT_EQ(Names(ResolveSources(std::vector<Source>{path("[ab].lo?")})),
            (std::vector<std::string>{path("a.log"), path("b.log")}));
}

TEST(ResolveSources, NeverTakesAnExistingPathForAGlob) {
  TemporaryDirectory directory;
  directory.Write("a[1].log", "x\n");
  directory.Write("a1.log", "x\n");
  directory.Write("*", "x\n");
  EXPECT_EQ(Names(ResolveSources(std::vector<Source>{directory.Path("a[1].log")})),
            std::vector<std::string>{directory.Path("a[1].log")});
  EXPECT_EQ(Names(ResolveSources(std::vector<Source>{directory.Path("*")})),
            std::vector<std::string>{directory.Path("*")});
}

TEST(ResolveSources, LeavesOutDirectoriesThatAGlobMatches) {
  TemporaryDirectory directory;
  directory.Write("a.log", "x\n");
  std::filesystem::create_directory(directory.Path("b.log"));
  EXPECT_EQ(Names(ResolveSources(std::vector<Source>{directory.Path("*.log")})),
            std::vector<std::string>{directory.Path("a.log")});
  const std::string message = Message({directory.Path("b*")}, absl::StatusCode::kNotFound);
  EXPECT_TRUE(Has(message, "only directories")) << message;
  EXPECT_TRUE(Has(message, "/b*/*\"")) << message;
}

TEST(ResolveSources, PassesBytesAndStandardInputOn) {
  const auto sources = ResolveSources(std::vector<Source>{Source::Bytes("x\n"), "-", Source::Bytes("y\n")});
  ASSERT_TRUE(sources.ok()) << sources.status();
  ASSERT_EQ(sources->size(), 3u);
  EXPECT_EQ((*sources)[0].content(), "x\n");
  EXPECT_TRUE((*sources)[1].is_stdin());
  EXPECT_EQ((*sources)[2].content(), "y\n");
}

// CONTRACT P5
TEST(ResolveSources, FailsForAPathThatCannotBeOpened) {
  TemporaryDirectory directory;
  const std::string here = directory.Write("here.log", "x\n");
  const std::string gone = directory.Path("gone.log");
  const std::string message = Message({here, gone}, absl::StatusCode::kNotFound);
  EXPECT_TRUE(Has(message, "cannot open \"" + gone + "\": No such file or directory; ")) << message;
  Message({here + "/below"}, absl::StatusCode::kNotFound);
  Message({""}, absl::StatusCode::kNotFound);
  Message({std::string("a\0b", 3)}, absl::StatusCode::kNotFound);
  std::filesystem::create_symlink("nowhere", directory.Path("link*"));
  Message({directory.Path("link*")}, absl::StatusCode::kNotFound);
}

// CONTRACT P5
TEST(ResolveSources, FailsForAGlobThatMatchesNothing) {
  TemporaryDirectory directory;
  const std::string message = Message({directory.Path("*.gz")}, absl::StatusCode::kNotFound);
  EXPECT_TRUE(Has(message, "no file matches \"" + directory.Path("*.gz") + "\"; ")) << message;
  Message({directory.Path("none/*.gz")}, absl::StatusCode::kNotFound);
}

// CONTRACT F10
TEST(ResolveSources, TakesADirectoryForAllFilesBelowItSortedBytewise) {
  TemporaryDirectory directory;
  for (const char* folder : {"a", "a/b", "a.d", "_temporary", ".hidden", "elsewhere"}) {
    std::filesystem::create_directory(directory.Path(folder));
  }
  for (const char* name : {"a/b/2.log", "a/b/1.log", "a.d/x.gz", "z", "B", "a/c.parquet", "a/.part", "a/_SUCCESS",
                           "_temporary/1.log", ".hidden/1.log", "a/aws-logs-write-test"}) {
    directory.Write(name, "x\n");
  }
  std::filesystem::create_symlink(directory.Path("z"), directory.Path("link"));
  std::filesystem::create_directory_symlink(directory.Path("a"), directory.Path("loop"));  // not followed
  std::filesystem::create_symlink("nowhere", directory.Path("a/gone"));  // the run says so
  ASSERT_EQ(mkfifo(directory.Path("a/fifo").c_str(), 0600), 0);          // would be waited for
  const std::string root = directory.Path("");
  std::vector<std::string> expected;
  for (const char* name : {"B", "a.d/x.gz", "a/b/1.log", "a/b/2.log", "a/c.parquet", "a/gone", "link", "z"}) {
    expected.push_back(directory.Path(name));
  }
  EXPECT_EQ(Names(ResolveSources(std::vector<Source>{root})), expected);
  expected.insert(expected.begin(), directory.Path("z"));
  const std::string without_slash = root.substr(0, root.find_last_not_of('/') + 1);
  EXPECT_EQ(Names(ResolveSources(std::vector<Source>{directory.Path("z"), without_slash})), expected);
  const std::string message = Message({directory.Path("elsewhere")}, absl::StatusCode::kNotFound);
  EXPECT_TRUE(Has(message, "no file is below directory \"" + directory.Path("elsewhere") + "\"")) << message;
}

TEST(ResolveSources, FailsForNothingAndForStandardInputTwice) {
  EXPECT_TRUE(Has(Message({}, absl::StatusCode::kInvalidArgument), "nothing to read"));
  EXPECT_TRUE(Has(Message({"-", "-"}, absl::StatusCode::kInvalidArgument), "twice"));
}

TEST(ResolveSources, FailsForWhatMayNotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  TemporaryDirectory directory;
  const std::string path = directory.Write("secret.log", "x\n");
  chmod(path.c_str(), 0);
  EXPECT_TRUE(Has(Message({path}, absl::StatusCode::kPermissionDenied), "Permission denied"));
  std::filesystem::create_directory(directory.Path("shut"));
  chmod(directory.Path("shut").c_str(), 0);
  Message({directory.Path("*/*.log")}, absl::StatusCode::kPermissionDenied);
  Message({directory.Path("")}, absl::StatusCode::kPermissionDenied);
  chmod(directory.Path("shut").c_str(), 0700);
}

// A FIFO that is opened and closed for a check has lost its writer.
TEST(ResolveSources, DoesNotOpenAFifo) {
  TemporaryDirectory directory;
  const std::string path = directory.Path("fifo");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(Names(ResolveSources(std::vector<Source>{path})), std::vector<std::string>{path});  // does not block
}

}  // namespace
}  // namespace flowlogs
