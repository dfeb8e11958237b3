// What the tests of io/ share: a reference splitter that is only there to be right, temporary files.
#ifndef FLOWLOGS_TESTS_IO_IO_TESTING_H_
#define FLOWLOGS_TESTS_IO_IO_TESTING_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"
#include "tests/compress.h"

namespace flowlogs::testing {

using flowlogs_test::Gzip;
#ifdef FLOWLOGS_HAVE_ZSTD
using flowlogs_test::SkippedFrame;
using flowlogs_test::Zstd;
#endif

struct Line {
  std::string text;  // without its LF
  bool has_lf = true;
  bool is_too_long = false;
  bool is_unfinished = false;

  bool operator==(const Line&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Line& line) {
  return out << '"' << line.text.substr(0, 80) << "\" (" << line.text.size() << " bytes"
             << (line.has_lf ? "" : ", no LF") << (line.is_too_long ? ", too long" : "")
             << (line.is_unfinished ? ", unfinished" : "") << ")";
}

// The lines that any Input must deliver of `content`. If `is_damaged`, the content ends because of damage.
inline std::vector<Line> ReferenceLines(std::string_view content, size_t max_line_bytes = 1 << 20,
                                        bool is_damaged = false) {
  std::vector<Line> lines;
  while (!content.empty()) {
    const size_t lf = content.find('\n');
    Line line;
    line.text = content.substr(0, lf);
    line.has_lf = lf != std::string_view::npos;
    content.remove_prefix(line.has_lf ? lf + 1 : content.size());
    if (line.text.size() > max_line_bytes) {
      line.text.resize(std::min<size_t>(256, max_line_bytes));
      line.is_too_long = true;
      line.has_lf = true;
    }
    line.is_unfinished = !line.has_lf && is_damaged;
    lines.push_back(std::move(line));
  }
  return lines;
}

// Appends the lines of a loaded block; checks what a Block promises by itself.
inline void AppendLines(const Block& block, size_t max_line_bytes, std::vector<Line>* lines) {
  const std::string_view text = block.text();
  // A kernel may read the margins. Sanitizers and valgrind watch this loop.
  unsigned sum = 0;
  for (const char* p = text.data() - Block::kMargin; p < text.data() + text.size() + Block::kMargin; ++p) {
    sum += static_cast<unsigned char>(*p);
  }
  EXPECT_LE(sum, 255u * (text.size() + 2 * Block::kMargin));

  std::vector<Line> own = ReferenceLines(text, static_cast<size_t>(-1));
  for (const Line& line : own) EXPECT_LE(line.text.size(), max_line_bytes);
  if (block.last_line_too_long() || block.last_line_unfinished()) {
    ASSERT_FALSE(own.empty());
    own.back().is_too_long = block.last_line_too_long();
    own.back().is_unfinished = block.last_line_unfinished();
  }
  lines->insert(lines->end(), own.begin(), own.end());
}

// Reads everything through one block that is used again and again.
inline std::vector<Line> ReadLines(Input* input, const InputOptions& options = {}) {
  std::vector<Line> lines;
  Block block;
  uint64_t sequence = 0;
  while (input->Claim(&block)) {
    EXPECT_EQ(block.sequence(), sequence++);
    input->Load(&block);
    AppendLines(block, options.max_line_bytes, &lines);
  }
  EXPECT_FALSE(input->Claim(&block)) << "the end is the end";
  return lines;
}

inline std::string JoinLines(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) text += line.has_lf ? line.text + "\n" : line.text;
  return text;
}

inline std::unique_ptr<Input> OpenOrDie(const Source& source, const InputOptions& options = {}) {
  auto input = Input::Open(source, options);
  if (!input.ok()) {
    ADD_FAILURE() << input.status();
    std::abort();
  }
  return *std::move(input);
}

// A source in a heap block of exactly its size, so that AddressSanitizer sees one byte too far.
inline Source ExactBytes(std::string_view content) {
  auto owner = std::make_shared<std::unique_ptr<char[]>>(new char[content.size()]);
  if (!content.empty()) std::memcpy(owner->get(), content.data(), content.size());
  const std::string_view exact(owner->get(), content.size());
  return Source::Bytes(exact, std::move(owner));
}

// Lines of all kinds: empty, CRLF, ordinary, and now and then about `long_bytes` long. Perhaps no final newline.
inline std::string RandomText(std::mt19937* random, size_t lines, size_t long_bytes) {
  std::string text;
  const auto below = [&](size_t n) { return static_cast<size_t>((*random)() % n); };
  for (size_t i = 0; i < lines; ++i) {
    size_t size = below(60);
    if (below(4) == 0) size = 0;
    if (below(8) == 0) size = long_bytes - 2 + below(5);  // just below, at and just above
    if (below(24) == 0) size = long_bytes * (1 + below(4)) + below(9);
    for (size_t k = 0; k < size; ++k) text += static_cast<char>('!' + below(90));
    text += below(4) == 0 ? "\r\n" : "\n";
  }
  if (below(2) == 0 && !text.empty()) text.pop_back();
  return text;
}

// A directory that lives as long as the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "flowlogs_io_XXXXXX").string();
    path_ = mkdtemp(name.data()) == nullptr ? "" : name;
    EXPECT_FALSE(path_.empty());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;  // it is removed once
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  std::string Write(const std::string& name, std::string_view content) const {
    std::ofstream(Path(name), std::ios::binary) << content;
    return Path(name);
  }

 private:
  std::string path_;
};

// Sets an environment variable for one test, and puts it back.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before, had_value_ = true;
    setenv(name, value, 1);
  }
  ~ScopedEnvironment() { had_value_ ? setenv(name_, before_.c_str(), 1) : unsetenv(name_); }
  ScopedEnvironment(const ScopedEnvironment&) = delete;  // it is put back once
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  const char* name_;
  std::string before_;
  bool had_value_ = false;
};

}  // namespace flowlogs::testing

#endif  // FLOWLOGS_TESTS_IO_IO_TESTING_H_
