// Every golden case (tests/golden) through every C++ way of reading: ParseRecord() line by line, Records() and Check().
// The records are those of AWS's documentation and of other projects' test data; "f2-..." is a case of CONTRACT F2.
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "flowlogs/flowlogs.h"
#include "tests/golden_case.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::GoldenCase;
using flowlogs_test::Json;

const std::vector<GoldenCase>& Cases() {
  static const std::vector<GoldenCase> cases = [] {
    std::string broken;
    auto loaded = flowlogs_test::LoadGoldenCases(FLOWLOGS_TEST_DATA "/golden", &broken);
    EXPECT_EQ(broken, "");
    EXPECT_GT(loaded.size(), 80u);
    return loaded;
  }();
  return cases;
}

// The text in a block of exactly its size, so that a sanitizer sees a read of one byte too far.
class ExactText {
 public:
  explicit ExactText(std::string_view text) : size_(text.size()), bytes_(new char[size_ > 0 ? size_ : 1]) {
    if (size_ > 0) std::memcpy(bytes_.get(), text.data(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<char[]> bytes_;
};

std::optional<fl::Format> GivenFormat(const GoldenCase& golden) {
  if (!golden.format) return std::nullopt;
  std::string error;
  const std::optional<fl::Format> format = fl::Format::Parse(*golden.format, &error);
  EXPECT_TRUE(format.has_value()) << error;
  return format;
}

// Text as it leaves: bytes that are not UTF-8 as \xNN.
Json OutputText(std::string_view text) {
  std::string json;
  fl::AppendJsonString(text, &json);
  const std::optional<Json> value = flowlogs_test::JsonReader::Read(json);
  return value ? *value : Json::String("no JSON: " + json);
}

// What Python's to_dict() gives.
Json ToJson(const fl::Record& record) {
  Json object = Json::Object();
  for (size_t i = 0; i < record.size(); ++i) {
    const fl::FormatColumn& column = record.format().columns()[i];
    const std::string_view token = record.raw(static_cast<int>(i));
    Json value;
    if (record.state(static_cast<int>(i)) == fl::ValueState::kPresent) {
      switch (column.type()) {
        case fl::ValueType::kInt32:
        case fl::ValueType::kInt64:
        case fl::ValueType::kTime:
          value = Json::Integer(*fl::ParseIntegerOf(column.type(), token));
          break;
        case fl::ValueType::kAddress:
          value = Json::String(fl::IpAddress::Parse(token)->ToString());
          break;
        case fl::ValueType::kText:
          value = OutputText(token);
          break;
        case fl::ValueType::kTag:
          value = OutputText(fl::DecodeTag(token));
          break;
      }
    }
    object.members.emplace_back(column.column_name(), std::move(value));
  }
  return object;
}

std::string Lines(const Json& array) {
  std::string text;
  for (const Json& item : array.items) text += item.ToString() + "\n";
  return text;
}

// Counts as text: "a=1 b=2", by name.
std::string Counts(const std::map<std::string, uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) text += name + "=" + std::to_string(count) + " ";
  return text;
}

std::string Counts(const Json& object) {
  std::map<std::string, uint64_t> counts;
  for (const auto& [name, value] : object.members) counts[name] = static_cast<uint64_t>(value.integer);
  return Counts(counts);
}

std::string Formats(const fl::Stats& stats) {
  std::string text;
  for (const fl::Stats::FormatCount& format : stats.formats) {
    for (const std::string& field : format.fields) text += field + " ";
    text += "= " + std::to_string(format.records) + "\n";
  }
  return text;
}

std::string Formats(const Json& array) {
  std::string text;
  for (const Json& format : array.items) {
    for (const Json& field : format["fields"].items) text += field.text + " ";
    text += "= " + std::to_string(format["records"].integer) + "\n";
  }
  return text;
}

void ExpectConservation(const fl::Stats& stats) {  // CONTRACT F9
  EXPECT_EQ(stats.lines, stats.records + stats.headers + stats.blank + stats.problem_count());
}

// All stats of a case but bad values, which only Check() counts in full.
void ExpectStats(const fl::Stats& stats, const Json& expected) {
  ExpectConservation(stats);
  EXPECT_EQ(stats.lines, static_cast<uint64_t>(expected["lines"].integer));
  EXPECT_EQ(stats.records, static_cast<uint64_t>(expected["records"].integer));
  EXPECT_EQ(stats.headers, static_cast<uint64_t>(expected["headers"].integer));
  EXPECT_EQ(stats.blank, static_cast<uint64_t>(expected["blank"].integer));
  EXPECT_EQ(Counts(stats.problems), Counts(expected["problems"]));
  EXPECT_EQ(stats.nodata, static_cast<uint64_t>(expected["nodata"].integer));
  EXPECT_EQ(stats.skipdata, static_cast<uint64_t>(expected["skipdata"].integer));
  EXPECT_EQ(Formats(stats), Formats(expected["formats"]));
}

// The lines of a text, with their ends.
std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end == std::string_view::npos ? text.size() : end + 1));
    text.remove_prefix(lines.back().size());
  }
  return lines;
}

// The format in force before the first header, if there is one: of the given format or the defaults, alone or after a
// time, the one that reads most lines.
std::optional<fl::Format> FirstFormat(const GoldenCase& golden, const std::vector<std::string_view>& lines) {
  std::vector<fl::Format> choices = {fl::Format::Default(), fl::Format::TransitGateway()};
  std::optional<fl::Format> best = GivenFormat(golden);
  if (best) choices = {*best};
  for (size_t i = 0, n = choices.size(); i < n; ++i) choices.push_back(choices[i].WithLeadingTime());
  size_t most = 0;
  for (const fl::Format& format : choices) {
    size_t count = 0;
    fl::Record record;
    for (std::string_view line : lines) {
      if (fl::Format::FromHeader(line, line.data() == lines[0].data())) break;
      if (fl::ParseRecord(line, format, &record) == fl::ParseError::kOk) ++count;
    }
    if (count > most) {
      most = count;
      best = format;
    }
  }
  return best;
}

TEST(GoldenTest, ParseRecordReadsEveryLineAsTheCaseSays) {
  for (const GoldenCase& golden : Cases()) {
    if (golden.error) continue;
    SCOPED_TRACE(golden.name);
    const std::vector<std::string_view> lines = SplitLines(golden.log);
    std::optional<fl::Format> format = FirstFormat(golden, lines);
    Json records = Json::Array();
    std::map<std::string, uint64_t> problems, bad_values;
    int64_t headers = 0, blank = 0;
    for (std::string_view line : lines) {
      const ExactText exact(line);
      if (auto header = fl::Format::FromHeader(exact.view(), line.data() == lines[0].data())) {
        format = header;
        ++headers;
        continue;
      }
      fl::Record record;
      fl::ParseError error = fl::ParseRecord(exact.view(), format.value_or(fl::Format::Default()), &record);
      if (error == fl::ParseError::kBlank) {
        ++blank;
        continue;
      }
      if (!format) error = fl::ParseError::kNoFormat;
      if (error != fl::ParseError::kOk) {
        ++problems[std::string(fl::ParseErrorName(error))];
        continue;
      }
      for (size_t i = 0; i < record.size(); ++i) {
        if (record.state(static_cast<int>(i)) == fl::ValueState::kBad) ++bad_values[format->columns()[i].column_name()];
      }
      records.items.push_back(ToJson(record));
    }
    EXPECT_EQ(Lines(records), Lines(golden.records));
    EXPECT_EQ(static_cast<int64_t>(lines.size()), golden.stats["lines"].integer);
    EXPECT_EQ(headers, golden.stats["headers"].integer);
    EXPECT_EQ(blank, golden.stats["blank"].integer);
    EXPECT_EQ(Counts(problems), Counts(golden.stats["problems"]));
    EXPECT_EQ(Counts(bad_values), Counts(golden.stats["bad_values"]));
  }
}

TEST(GoldenTest, RecordsGivesTheRecordsAndStatsOfEachCase) {
  for (const GoldenCase& golden : Cases()) {
    SCOPED_TRACE(golden.name);
    const ExactText exact(golden.log);
    fl::Stats stats;
    Json records = Json::Array();
    for (const fl::Record& record : fl::Records(exact.view(), {.format = GivenFormat(golden), .stats = &stats})) {
      records.items.push_back(ToJson(record));
    }
    if (golden.error) {  // CONTRACT F2: no record, every line a problem, and the message says what to do
      ExpectConservation(stats);
      EXPECT_TRUE(records.items.empty());
      EXPECT_EQ(stats.problem_count(), stats.lines - stats.blank);
      EXPECT_EQ(stats.problems["no-format"], stats.problem_count());
      ASSERT_EQ(stats.errors.size(), 1u);
      EXPECT_NE(stats.errors[0].message.find(*golden.error), std::string::npos) << stats.errors[0].message;
      continue;
    }
    EXPECT_EQ(Lines(records), Lines(golden.records));
    ExpectStats(stats, golden.stats);
    EXPECT_EQ(stats.bytes, golden.log.size());
  }
}

// CONTRACT F10: nothing depends on threads or on where blocks begin. The kernel is chosen once per process: ctest
// runs this program with each (tests/kernel/with_kernel.cc).
TEST(GoldenTest, CheckGivesTheStatsOfEachCaseWithAnyBlocksAndThreads) {
  for (const GoldenCase& golden : Cases()) {
    const ExactText exact(golden.log);
    std::optional<std::string> first;
    for (size_t block_bytes : {1, 7, 64, 4096}) {
      for (int threads : {1, 2, 7}) {
        SCOPED_TRACE(golden.name + ", threads " + std::to_string(threads) + ", block " + std::to_string(block_bytes));
        const fl::ScanOptions options = {.format = GivenFormat(golden), .threads = threads, .block_bytes = block_bytes};
        const absl::StatusOr<fl::Stats> stats = fl::Scan({fl::Source::Bytes(exact.view())}, options).Check();
        if (golden.error) {  // CONTRACT C4: the only input could not be read
          ASSERT_FALSE(stats.ok());
          EXPECT_NE(stats.status().message().find(*golden.error), absl::string_view::npos) << stats.status();
          continue;
        }
        ASSERT_TRUE(stats.ok()) << stats.status();
        ExpectStats(*stats, golden.stats);
        EXPECT_EQ(Counts(stats->bad_values), Counts(golden.stats["bad_values"]));
        EXPECT_TRUE(stats->complete);
        EXPECT_EQ(stats->inputs, 1u);
        if (!first) first = stats->ToJson();
        EXPECT_EQ(stats->ToJson(), *first);  // samples with their line numbers too
      }
    }
  }
}

}  // namespace
