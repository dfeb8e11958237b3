// Scans of compressed files that are cut, or in which a byte is another one, at every byte (CONTRACT F3, F9, P5).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/flowlogs.h"
#include "tests/compress.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::ExactBytes;
using testing::ScopedEnvironment;

constexpr char kHeader[] = "version account-id interface-id srcaddr dstaddr bytes start action\n";

// Every line another one, so that a record in the wrong place, or twice, is seen.
std::string Lines(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) {
    const std::string n = std::to_string(i);
    text += "2 12345678" + std::to_string(9012 + i) + " eni-" + n + " 10.0.0." + n + " 10.9.8." + std::to_string(255 - i) + " " +
            std::to_string(i * 7919) + " 17000" + std::to_string(10000 + i) + (i % 3 == 0 ? " REJECT\n" : " ACCEPT\n");
  }
  return text;
}

// A file of three members; the first and the second end inside of a line.
struct Packed {
  std::string name;       // of the library that inflates it
  std::string inflate;    // FLOWLOGS_INFLATE
  std::string stored;
  std::vector<size_t> ends;  // of the members
};

const std::string& Text() {
  static const std::string text = kHeader + Lines(0, 30);
  return text;
}

size_t EndOfMember(size_t member) {
  constexpr const char* kNext[] = {" 10.0.0.10 ", " 10.0.0.20 "};
  return member < 2 ? Text().find(kNext[member]) : Text().size();
}

std::vector<Packed> PackedFiles() {
  const size_t first = EndOfMember(0), second = EndOfMember(1);
  const std::string parts[] = {Text().substr(0, first), Text().substr(first, second - first), Text().substr(second)};
  std::vector<Packed> files = {{"ISA-L", "", "", {}}, {"zlib", "zlib", "", {}}};
#ifdef FLOWLOGS_HAVE_ZSTD
  files.push_back({"zstd", "", "", {}});
#endif
  for (Packed& file : files) {
    for (const std::string& part : parts) {
#ifdef FLOWLOGS_HAVE_ZSTD
      file.stored += file.name == "zstd" ? flowlogs_test::Zstd(part) : flowlogs_test::Gzip(part);
#else
      file.stored += flowlogs_test::Gzip(part);
#endif
      file.ends.push_back(file.stored.size());
    }
  }
  return files;
}

// The rows of an answer as NDJSON, one a line.
std::string RowsOf(const Table& table) { return table.Render(TableFormat::kNdjson); }

absl::StatusOr<Table> ScanBytes(const std::string& stored, int threads) {
  absl::StatusOr<Table> table = Scan({ExactBytes(stored)}, {.threads = threads, .block_bytes = 300}).Collect();
  if (table.ok()) {
    const Stats& stats = table->stats();
    EXPECT_EQ(stats.lines, stats.records + stats.headers + stats.blank + stats.problem_count()) << stats.ToJson();
    EXPECT_EQ(table->complete(), stats.errors.empty());
  }
  return table;
}

TEST(DamagedFiles, CutAtEveryByteDeliverEverythingBeforeItAndSayWhere) {
  for (const Packed& file : PackedFiles()) {
    const ScopedEnvironment forced("FLOWLOGS_INFLATE", file.inflate.c_str());
    const std::string whole = RowsOf(*ScanBytes(file.stored, 1));
    ASSERT_EQ(std::count(whole.begin(), whole.end(), '\n'), 30);
    for (size_t left = 4; left < file.stored.size(); ++left) {
      const int threads = 1 + static_cast<int>(left % 2);
      SCOPED_TRACE(file.name + ", cut at " + std::to_string(left));
      const absl::StatusOr<Table> table = ScanBytes(file.stored.substr(0, left), threads);
      if (!table.ok()) {  // not even the header is whole, and it is the only input
        ASSERT_LT(left, file.ends[0]);
        const std::string message(table.status().message());
        ASSERT_NE(message.find("<bytes>: the "), std::string::npos) << message;
        ASSERT_NE(message.find("stops in the middle, after " + std::to_string(left) + " bytes"), std::string::npos) << message;
        continue;
      }
      const std::string rows = RowsOf(*table);
      ASSERT_TRUE(whole.starts_with(rows)) << rows;
      // Whole members are delivered to their last whole line.
      size_t members = 0;
      while (members < 3 && file.ends[members] <= left) ++members;
      const std::string_view sure = std::string_view(Text()).substr(0, members == 0 ? 0 : EndOfMember(members - 1));
      const auto sure_lines = std::count(sure.begin(), sure.end(), '\n');
      ASSERT_GE(static_cast<ptrdiff_t>(table->num_rows()) + 1, sure_lines);  // one of the lines is the header
      if (members > 0 && file.ends[members - 1] == left) {
        // Between members the file is whole, but for its last line, which has too few values.
        ASSERT_TRUE(table->complete());
        ASSERT_EQ(table->stats().problem_count(), 1u) << table->stats().ToJson();
        continue;
      }
      ASSERT_EQ(table->stats().errors.size(), 1u);
      ASSERT_EQ(table->stats().errors[0].offset, left);
      ASSERT_EQ(table->stats().errors[0].source, "<bytes>");
      ASSERT_NE(table->stats().errors[0].message.find("the file is incomplete"), std::string::npos)
          << table->stats().errors[0].message;
      // The line that was cut is a problem and no record, even if it has enough values.
      ASSERT_LE(table->stats().problem_count(), 1u);
      if (table->stats().problem_count() == 1) ASSERT_EQ(table->stats().problems.begin()->first, "unfinished-line");
    }
  }
}

TEST(DamagedFiles, WithOneByteChangedSaySoOrAreUnchanged) {
  for (const Packed& file : PackedFiles()) {
    const ScopedEnvironment forced("FLOWLOGS_INFLATE", file.inflate.c_str());
    const std::string whole = RowsOf(*ScanBytes(file.stored, 1));
    size_t told = 0;
    for (size_t i = 0; i < file.stored.size(); ++i) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::string changed = file.stored;
        changed[i] = static_cast<char>(changed[i] ^ flip);
        const absl::StatusOr<Table> table = ScanBytes(changed, 1);
        if (!table.ok() || !table->complete()) {
          ++told;  // an input error: what it begins with is no format or another kind of file; or damage
          continue;
        }
        // Without its magic it is some other text, of which nothing is a record of this log.
        if (i < 4 && table->num_rows() == 0) continue;
        ASSERT_EQ(RowsOf(*table), whole) << file.name << ": byte " << i << " ^ " << flip;
      }
    }
    EXPECT_GT(told, file.stored.size() * 2) << "most bytes are told by the checksum";
  }
}

}  // namespace
}  // namespace flowlogs
