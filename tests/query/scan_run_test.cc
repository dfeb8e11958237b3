// A pass over the inputs: nothing depends on threads or on where blocks begin (CONTRACT F10), conservation (F9), what
// `head` leaves (F9), the first problem (F4), several queries at once, inputs that can be read once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "flowlogs/query/query.h"
#include "tests/io/io_testing.h"
#include "tests/query/query_testing.h"
#include "tests/query/random_questions.h"
#include "tests/random_log.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

// ---- Random inputs and questions ------------------------------------------------------------------------------------

struct Case {
  std::vector<fl::Source> sources;
  std::vector<RandomLog> logs;  // the content of each source; empty if one is damaged
  fl::ScanOptions options;
  Question question;
};

class CaseMaker {
 public:
  explicit CaseMaker(Random* random) : random_(*random) {}

  Case Make() {
    Case c;
    const size_t inputs = 1 + (random_.Chance(0.3) ? random_.Below(3) : 0);
    bool damaged = false;
    for (size_t i = 0; i < inputs; ++i) {
      RandomLog log = RandomLogMaker(&random_).Make(random_.Of(std::vector<size_t>{0, 1, 3, 20, 60, 150, 400}));
      if (i > 0 && !log.given) log.given = c.logs[0].given;
      if (i == 0) c.options.format = log.GivenFormat();
      if (c.logs.empty() ? false : c.logs[0].given != log.given) log = c.logs[0];
      std::string content = log.text;
      if (random_.Chance(0.25)) {
        const size_t half = random_.Below(content.size() + 1);
        content = fl::testing::Gzip(content.substr(0, half)) + fl::testing::Gzip(content.substr(half));
        if (random_.Chance(0.4)) {
          damaged = true;
          if (random_.Chance(0.7)) {
            content.resize(1 + random_.Below(content.size()));
          } else {
            content[random_.Below(content.size())] ^= static_cast<char>(1 << random_.Below(8));
          }
          // What is no gzip any more, or is refused, is a matter of io/.
          if (content.size() < 3 || content.substr(0, 2) != "\x1f\x8b") content = "\x1f\x8b\x08";
        }
      }
      c.sources.push_back(Text(content));
      c.logs.push_back(std::move(log));
    }
    if (damaged) c.logs.clear();
    if (random_.Chance(0.2)) c.options.max_line_bytes = random_.Of(std::vector<size_t>{10, 60, 100, 300});
    if (random_.Chance(0.1)) c.options.on_error = fl::OnError::kRaise;
    c.question = QuestionMaker(&random_).Make();
    return c;
  }

 private:
  Random& random_;
};

// "1, 2 and 7 threads, and shuffled block borders, give byte-equal output."
TEST(ScanRunTest, NothingDependsOnThreadsOrBlockBorders) {
  size_t answers = 0, errors = 0;
  for (size_t seed = 0; seed < Cases(2400); ++seed) {
    Random random(seed);
    Case c = CaseMaker(&random).Make();
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + c.question.shape);
    std::optional<std::string> expected;
    for (int threads : {1, 2, 7}) {
      c.options.threads = threads;
      c.options.block_bytes = expected ? RandomBlockBytes(&random) : 128 << 10;
      const std::string answer = c.question.ask(fl::Scan(c.sources, c.options));
      if (!expected) expected = answer;
      ASSERT_EQ(answer, *expected) << threads << " threads, blocks of " << c.options.block_bytes;
    }
    ++(expected->starts_with("error") ? errors : answers);
  }
  EXPECT_GE(4 * answers, 3 * Cases(2400)) << errors << " cases were errors";
}

// ---- Against the reference ------------------------------------------------------------------------------------------

std::string Joined(const std::vector<std::string>& values) {
  std::string line;
  for (const std::string& value : values) line += (line.empty() ? "" : " ") + (value.empty() ? "-" : value);
  return line;
}

TEST(ScanRunTest, RecordsAndStatsAreThoseOfTheReference) {
  size_t records = 0;
  for (size_t seed = 0; seed < Cases(1000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const RandomLog log = RandomLogMaker(&random).Make(random.Of(std::vector<size_t>{0, 1, 5, 30, 100}));
    const size_t max_line_bytes = random.Chance(0.2) ? random.Of(std::vector<size_t>{10, 60, 300}) : 1 << 20;
    const ReferenceResult expected = ReferenceSplitter::Split(log.text, log.given, max_line_bytes);
    if (expected.is_unsettled) continue;
    const fl::ScanOptions options = {.format = log.GivenFormat(),
                                     .threads = random.Of(std::vector<int>{1, 2, 7}),
                                     .block_bytes = RandomBlockBytes(&random),
                                     .max_line_bytes = max_line_bytes};
    const absl::StatusOr<fl::Stats> stats = ScanText(log.text, options).Check();
    if (expected.is_error) {
      ASSERT_FALSE(stats.ok());
      continue;
    }
    ASSERT_TRUE(stats.ok()) << stats.status();
    ExpectConservation(*stats);
    ASSERT_EQ(stats->lines, expected.lines.size());
    ASSERT_EQ(stats->records, expected.Count(ReferenceLine::Kind::kRecord));
    ASSERT_EQ(stats->headers, expected.Count(ReferenceLine::Kind::kHeader));
    ASSERT_EQ(stats->blank, expected.Count(ReferenceLine::Kind::kBlank));
    ASSERT_EQ(stats->problems, expected.Problems());
    const auto formats = expected.Formats();
    ASSERT_EQ(stats->formats.size(), formats.size());
    for (size_t i = 0; i < formats.size(); ++i) {
      ASSERT_EQ(stats->formats[i].fields, formats[i].first);
      ASSERT_EQ(stats->formats[i].records, formats[i].second);
    }
    records += stats->records;

    std::string text, last;
    for (size_t i = 0; i < expected.lines.size(); ++i) {
      const ReferenceLine& line = expected.lines[i];
      if (line.kind != ReferenceLine::Kind::kRecord) continue;
      const std::string header = "<bytes>: " + Joined(line.format.names) + "\n";
      if (std::exchange(last, header) != header) text += header;
      const std::string time = line.format.leading_time ? ReferenceSplitter::Values(line.text, false)[0] + " " : "";
      text += std::to_string(i + 1) + " [" + time + Joined(line.values) + "] [" + line.text + "]\n";
    }
    const std::string got = RecordsText(ScanText(log.text, options));
    ASSERT_EQ(got.substr(0, got.rfind('\n') + 1), text + "\n");
  }
  EXPECT_GT(records, 5 * Cases(1000));
}

TEST(ScanRunTest, FormatsThatAlternateGiveTheSameAnswerAsSorted) {
  std::string alternating, sorted_a = "srcaddr dstport bytes\n", sorted_b = "bytes action srcaddr\n";
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i % 7), bytes = std::to_string(i);
    const std::string a = "10.0.0." + n + " 443 " + bytes + "\n", b = bytes + " REJECT 10.0.0." + n + "\n";
    alternating += "srcaddr dstport bytes\n" + a + "bytes action srcaddr\n" + b;
    sorted_a += a;
    sorted_b += b;
  }
  auto ask = [](const std::string& text, size_t block_bytes) {
    std::string answer;
    for (int threads : {1, 2, 7}) {
      const absl::StatusOr<fl::Table> table = ScanText(text, {.threads = threads, .block_bytes = block_bytes})
                                                  .GroupBy({"srcaddr", "action"})
                                                  .Aggregate({"count()", "sum(bytes)", "distinct(dstport)"})
                                                  .Collect();
      EXPECT_EQ(table->stats().records, 600u);
      EXPECT_EQ(table->stats().formats.size(), 2u);
      answer = table->ToJson();
    }
    return answer;
  };
  for (size_t block_bytes : {1, 50, 1000, 128 << 10}) {
    EXPECT_EQ(ask(alternating, block_bytes), ask(sorted_a + sorted_b, 128 << 10)) << block_bytes;
  }
}

// ---- What stats hold ------------------------------------------------------------------------------------------------

TEST(ScanRunTest, CountsAreExactForAThousandLines) {
  // 998 good lines, one of 13 values, one more with `x` as port.
  std::string text;
  for (int i = 0; i < 1001; ++i) {
    text += i == 400   ? "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 1 1 1 ACCEPT\n"
            : i == 700 ? "2 1 eni-1 10.0.0.1 10.0.0.2 1 x 6 1 1 1 1 ACCEPT OK\n"
                       : "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 1 1 1 ACCEPT OK\n";
  }
  for (int threads : {1, 2, 7}) {
    const absl::StatusOr<fl::Stats> stats = ScanText(text, {.threads = threads, .block_bytes = 999}).Check();
    ASSERT_TRUE(stats.ok());
    ExpectConservation(*stats);
    EXPECT_EQ(stats->records, 1000u);
    EXPECT_EQ(stats->problems, (std::map<std::string, uint64_t>{{"too-few-values", 1}}));
    EXPECT_EQ(stats->bad_values, (std::map<std::string, uint64_t>{{"dstport", 1}}));
    ASSERT_EQ(stats->samples.size(), 2u);
    EXPECT_EQ(stats->samples[0].line, 401u);
    EXPECT_EQ(stats->samples[0].reason, "too-few-values");
    EXPECT_EQ(stats->samples[1].line, 701u);
    EXPECT_EQ(stats->samples[1].reason, "bad-value: dstport");
    EXPECT_EQ(stats->samples[1].text, "2 1 eni-1 10.0.0.1 10.0.0.2 1 x 6 1 1 1 1 ACCEPT OK");
  }
}

TEST(ScanRunTest, KeepsTheFirstHundredSamplesInInputOrder) {
  std::string text = "srcport interface-id\n";
  for (int i = 0; i < 400; ++i) text += i % 2 == 0 ? "x eni-1\n" : "7\n";
  for (int threads : {1, 2, 7}) {
    const absl::StatusOr<fl::Stats> stats = ScanText(text, {.threads = threads, .block_bytes = 20}).Check();
    ASSERT_EQ(stats->samples.size(), 100u);
    for (size_t i = 0; i < 100; ++i) ASSERT_EQ(stats->samples[i].line, i + 2);
    EXPECT_EQ(stats->bad_values.at("srcport"), 200u);
    EXPECT_EQ(stats->problems.at("too-few-values"), 200u);
  }
}

TEST(ScanRunTest, BadValuesAreCountedWhenTheyAreDecoded) {  // CONTRACT F4
  const std::string text = "srcport dstport action\nx y ACCEPT\n1 z REJECT\n2 3 ACCEPT\n";
  auto bad = [&](const fl::Query& query) { return query.Collect()->stats().bad_values; };
  using Counts = std::map<std::string, uint64_t>;
  EXPECT_EQ(bad(ScanText(text).Select({"action"})), Counts());
  EXPECT_EQ(bad(ScanText(text).Select({"srcport"})), (Counts{{"srcport", 1}}));
  EXPECT_EQ(bad(ScanText(text).Select({"srcport", "dstport"})), (Counts{{"srcport", 1}, {"dstport", 2}}));
  EXPECT_EQ(bad(ScanText(text).Filter("accepted").Select({"dstport"})), (Counts{{"dstport", 1}}));
  const auto tables = fl::CollectAll({ScanText(text).Select({"srcport"})});
  const fl::Query scan = ScanText(text);
  const auto both = fl::CollectAll({scan.Select({"srcport"}), scan.Select({"srcport"}), scan.GroupBy({"srcport"})});
  EXPECT_EQ((*both)[2].stats().bad_values, (Counts{{"srcport", 1}})) << "once, however many queries read it";
}

TEST(ScanRunTest, HeadLeavesTheStatsOfWhatWasRead) {  // CONTRACT F9
  for (size_t seed = 0; seed < Cases(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    RandomLog log = RandomLogMaker(&random).Make(random.Of(std::vector<size_t>{20, 100, 300}));
    // The format is settled before the first line: cutting the text must not change it.
    log.text.insert(0, "srcaddr dstport bytes action\n10.0.0.1 443 100 ACCEPT\n");
    fl::ScanOptions options = {.format = log.GivenFormat()};
    const std::string filter(
        random.Of({"srcaddr is not null or srcaddr is null", "addr in private", "action = ACCEPT"}));
    auto ask = [&](const fl::ScanOptions& o, std::string_view text) {
      return ScanText(text, o).Filter(filter).Select({"srcaddr", "dstport"});
    };
    const absl::StatusOr<fl::Table> all = ask(options, log.text).Collect();
    ASSERT_TRUE(all.ok()) << all.status();
    const uint64_t head = random.Below(all->num_rows() + 3);
    options.threads = random.Of(std::vector<int>{1, 2, 7});
    options.block_bytes = RandomBlockBytes(&random);
    const absl::StatusOr<fl::Table> some = ask(options, log.text).Head(head).Collect();
    ASSERT_TRUE(some.ok()) << some.status();
    ASSERT_EQ(some->num_rows(), std::min<size_t>(head, all->num_rows()));
    ExpectConservation(some->stats());
    EXPECT_EQ(some->complete(), head > all->num_rows());
    if (head > all->num_rows()) {
      EXPECT_EQ(some->stats().ToJson(), all->stats().ToJson());
      continue;
    }
    if (head == 0) continue;
    // The oracle: the stats of the same text, cut behind the last line that was read.
    std::string read;
    const auto lines = ReferenceSplitter::LinesOf(log.text);
    for (size_t i = 0; i < some->stats().lines; ++i) read += std::string(lines[i]) + "\n";
    if (read.size() > log.text.size()) read.pop_back();
    ASSERT_EQ(some->stats().bytes, read.size());
    options.threads = 1;
    absl::StatusOr<fl::Table> oracle = ask(options, read).Collect();
    ASSERT_TRUE(oracle.ok()) << oracle.status();
    ASSERT_EQ(oracle->num_rows(), head) << "not a line too many";
    EXPECT_EQ(some->ToJson(), oracle->ToJson());
    oracle->mutable_stats().complete = false;
    EXPECT_EQ(some->stats().ToJson(), oracle->stats().ToJson());
  }
}

TEST(ScanRunTest, HeadOfNothingReadsNothing) {
  const absl::StatusOr<fl::Table> table = ScanText("srcaddr bytes\n10.0.0.1 5\n").Head(0).Collect();
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->num_rows(), 0u);
  EXPECT_EQ(table->num_columns(), 2u);
  EXPECT_EQ(table->stats().lines, 0u);
  EXPECT_FALSE(table->complete());
}

TEST(ScanRunTest, SortedHeadAndGroupsReadEverything) {
  const fl::Query scan = ScanText("srcaddr bytes\n10.0.0.2 5\n10.0.0.1 6\n10.0.0.1 7\n");
  for (const fl::Query& query : {scan.Sort("bytes").Head(1), scan.GroupBy({"srcaddr"}).Head(1)}) {
    const absl::StatusOr<fl::Table> table = query.Collect();
    EXPECT_EQ(table->num_rows(), 1u);
    EXPECT_EQ(table->stats().records, 3u);
    EXPECT_TRUE(table->complete());
  }
}

// ---- on_error = raise -----------------------------------------------------------------------------------------------

TEST(ScanRunTest, RaisesTheFirstInInputOrderWithAnyThreads) {  // CONTRACT F4
  std::string first = "srcport dstport\n", second = "srcport dstport\n";
  for (int i = 0; i < 500; ++i) first += i == 333 ? "1 x\n" : i == 400 ? "1 2 3\n" : "1 2\n";
  for (int i = 0; i < 500; ++i) second += i == 3 ? "1\n" : "1 2\n";
  for (int threads : {1, 2, 7}) {
    for (size_t block_bytes : {1, 40, 128 << 10}) {
      const fl::ScanOptions options = {.threads = threads, .on_error = fl::OnError::kRaise, .block_bytes = block_bytes};
      const fl::Query scan = fl::Scan({Text(first), Text(second)}, options);
      const absl::Status bad = scan.GroupBy({"dstport"}).Collect().status();
      EXPECT_EQ(bad.message(), "<bytes>, line 335: bad-value: dstport: 1 x");
      ASSERT_TRUE(fl::ParseErrorPlace(bad).has_value());
      EXPECT_EQ(fl::ParseErrorPlace(bad)->line, 335u);
      // A value that no query reads is not met.
      EXPECT_EQ(scan.GroupBy({"srcport"}).Collect().status().message(), "<bytes>, line 402: too-many-values: 1 2 3");
      EXPECT_EQ(scan.Select({"dstport"}).Collect().status().message(), bad.message());
      EXPECT_EQ(scan.Check().status().message(), bad.message());
      EXPECT_EQ(FirstLine(RecordsText(scan.Filter("dstport = 99"))), Message(bad));
      EXPECT_EQ(fl::Scan({Text(second), Text(first)}, options).Check().status().message(),
                "<bytes>, line 5: too-few-values: 1");
    }
  }
}

TEST(ScanRunTest, AStreamThatRaisesHandsOutWhatStandsBeforeTheFirstProblem) {
  std::string text = "srcport dstport\n", before;
  for (int i = 0; i < 200; ++i) text += i == 90 ? "1 x\n" : i == 150 ? "1 2 3\n" : std::to_string(i) + " 2\n";
  for (int threads : {1, 2, 7}) {
    for (size_t block_bytes : {1, 40, 128 << 10}) {
      const fl::Query scan =
          ScanText(text, {.threads = threads, .on_error = fl::OnError::kRaise, .block_bytes = block_bytes});
      const std::string answer = StreamText(scan);
      EXPECT_EQ(std::count(answer.begin(), answer.end(), '{'), 90) << answer;
      EXPECT_TRUE(answer.ends_with("error: <bytes>, line 92: bad-value: dstport: 1 x")) << answer;
      const std::string records = RecordsText(scan);  // no value is read
      EXPECT_EQ(std::count(records.begin(), records.end(), '['), 2 * 150) << records;
      EXPECT_TRUE(records.ends_with("error: <bytes>, line 152: too-many-values: 1 2 3")) << records;
    }
  }
}

TEST(ScanRunTest, RaisesNothingWhereNothingIsWrong) {
  const fl::ScanOptions options = {.on_error = fl::OnError::kRaise};
  EXPECT_EQ(Rows(ScanText("srcport\n1\n\n-\n", options).GroupBy({})), "count=2");
  EXPECT_FALSE(fl::ParseErrorPlace(absl::InvalidArgumentError("x")).has_value());
}

// ---- Inputs ---------------------------------------------------------------------------------------------------------

TEST(ScanRunTest, SeveralInputsKeepTheirOrderAndTheirFormats) {  // CONTRACT F10, L12
  const std::string a = "srcaddr bytes\n10.0.0.1 1\n10.0.0.2 2\n", b = "bytes action\n3 REJECT\n", c = "";
  for (int threads : {1, 2, 7}) {
    const fl::Query scan =
        fl::Scan({Text(a), Text(b), Text(c), fl::Source::Bytes(a)}, {.threads = threads, .block_bytes = 5});
    EXPECT_EQ(*scan.Columns(), (std::vector<std::string>{"srcaddr", "bytes", "action"}));
    EXPECT_EQ(Rows(scan),
              "srcaddr=10.0.0.1 bytes=1 action=-; srcaddr=10.0.0.2 bytes=2 action=-; srcaddr=- bytes=3 action=REJECT; "
              "srcaddr=10.0.0.1 bytes=1 action=-; srcaddr=10.0.0.2 bytes=2 action=-");
    const absl::StatusOr<fl::Stats> stats = scan.Check();
    EXPECT_EQ(stats->inputs, 4u);
    EXPECT_TRUE(stats->new_fields.empty());
  }
}

TEST(ScanRunTest, FieldsThatAppearLaterAreNewFields) {  // CONTRACT L12
  const fl::Query scan = ScanText("srcaddr bytes\n10.0.0.1 1\nbytes vpc-id my-own\n2 vpc-1 x\n");
  EXPECT_EQ(*scan.Columns(), (std::vector<std::string>{"srcaddr", "bytes"}));
  const absl::StatusOr<fl::Table> table = scan.Collect();
  EXPECT_EQ(Rows(table), "srcaddr=10.0.0.1 bytes=1; srcaddr=- bytes=2");
  EXPECT_EQ(table->stats().new_fields, (std::vector<std::string>{"vpc_id", "my_own"}));
  EXPECT_EQ(Rows(scan.Select({"vpc-id", "bytes"})), "vpc_id=- bytes=1; vpc_id=vpc-1 bytes=2") << "they can be named";
}

TEST(ScanRunTest, DamageEndsThatInputOnly) {  // CONTRACT P5, C4
  std::string text = "srcaddr bytes\n";
  for (int i = 0; i < 5000; ++i) text += "10.0.0.1 " + std::to_string(i * 7919 % 10007) + "\n";
  const std::string whole = fl::testing::Gzip(text), cut = whole.substr(0, whole.size() / 2);
  std::string answer;
  for (int threads : {1, 2, 7}) {
    const absl::StatusOr<fl::Table> table =
        fl::Scan({Text(cut), Text(text)}, {.threads = threads, .block_bytes = 777}).Aggregate({"count()"}).Collect();
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_FALSE(table->complete());
    ASSERT_EQ(table->stats().errors.size(), 1u);
    ExpectConservation(table->stats());
    EXPECT_GT(*table->Int(0, "count"), 5000);
    EXPECT_LT(*table->Int(0, "count"), 10000);
    EXPECT_LE(table->stats().problem_count(), 1u);
    if (answer.empty()) answer = CollectText(table);
    EXPECT_EQ(CollectText(table), answer);
  }
}

TEST(ScanRunTest, AnInputWhoseFormatCannotBeToldIsAnErrorOfThatInput) {  // CONTRACT F2, C4
  const std::string good = "srcaddr bytes\n10.0.0.1 1\n", unknown = "1 2 3\n";
  const absl::StatusOr<fl::Table> table = fl::Scan({Text(good), Text(unknown)}).GroupBy({}).Collect();
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(Rows(table), "count=1");
  EXPECT_FALSE(table->complete());
  ASSERT_EQ(table->stats().errors.size(), 1u);
  EXPECT_EQ(table->stats().errors[0].message, "<bytes>: 3 values in each line and no header: give the format");
  EXPECT_EQ(Rows(ScanText(unknown).GroupBy({})),
            "error: <bytes>: 3 values in each line and no header: give the format");
}

TEST(ScanRunTest, AnEmptyInputIsNoError) {
  for (std::string_view text : {"", "\n", "\n \n"}) {
    const absl::StatusOr<fl::Table> table = ScanText(text).Collect();
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->num_rows(), 0u);
    EXPECT_TRUE(table->complete());
    EXPECT_EQ(table->stats().blank, table->stats().lines);
  }
}

// A FIFO with a writer: what can be read once, as standard input.
class Fifo {
 public:
  explicit Fifo(std::string content) : path_(folder_.Path("fifo")) {
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    writer_ = std::thread([this, content = std::move(content)] {
      const int fd = open(path_.c_str(), O_WRONLY);
      size_t done = 0;
      while (done < content.size()) {
        const ssize_t n = write(fd, content.data() + done, content.size() - done);
        if (n <= 0) break;
        done += static_cast<size_t>(n);
      }
      close(fd);
    });
  }
  ~Fifo() { writer_.join(); }
  const std::string& path() const { return path_; }

 private:
  fl::testing::TemporaryDirectory folder_;
  std::string path_;
  std::thread writer_;
};

TEST(ScanRunTest, WhatCanBeReadOnceSaysSoOnTheSecondRun) {
  const Fifo fifo("srcaddr bytes\n10.0.0.1 1\n10.0.0.2 2\n");
  const fl::Query scan = fl::Scan({fifo.path()});
  EXPECT_EQ(Rows(scan.GroupBy({})), "count=2");
  const absl::StatusOr<fl::Table> again = scan.GroupBy({}).Collect();
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.status().message().find("read only once"), absl::string_view::npos) << again.status();
  EXPECT_FALSE(scan.Check().ok());
}

TEST(ScanRunTest, LookingAtTheColumnsDoesNotReadWhatCanBeReadOnce) {
  std::string text = "srcaddr bytes\n";
  for (int i = 0; i < 30'000; ++i) text += "10.0.0.1 1\n";
  const Fifo fifo(text);
  const fl::Query scan = fl::Scan({fifo.path()}, {.threads = 2});
  EXPECT_EQ(*scan.Columns(), (std::vector<std::string>{"srcaddr", "bytes"}));
  EXPECT_EQ(*scan.Columns(), (std::vector<std::string>{"srcaddr", "bytes"}));
  EXPECT_FALSE(scan.Select({"nonsense"}).Collect().ok()) << "an error before any answer leaves the input unread";
  EXPECT_EQ(Rows(scan.Aggregate({"sum(bytes)"})), "sum_bytes=30000");
}

TEST(ScanRunTest, AStreamThatIsDroppedStopsItsThreads) {
  std::string text = "srcaddr bytes\n";
  for (int i = 0; i < 20'000; ++i) text += "10.0.0.1 1\n";
  for (int threads : {1, 2, 7}) {
    const fl::Query scan = ScanText(text, {.threads = threads, .block_bytes = 100});
    for (size_t taken : {0, 1, 5}) {
      auto rows = scan.Stream();
      auto records = scan.Records();
      ASSERT_TRUE(rows.ok() && records.ok());
      for (size_t i = 0; i < taken; ++i) {
        EXPECT_GT((*rows)->Next()->num_rows(), 0u);
        EXPECT_FALSE((*records)->Next()->groups.empty());
      }
    }
  }
}

// ---- Several queries in one pass ------------------------------------------------------------------------------------

TEST(ScanRunTest, CollectAllEqualsSeparateRuns) {
  for (size_t seed = 0; seed < Cases(100); ++seed) {
    Random random(seed);
    RandomLog log = RandomLogMaker(&random).Make(100);
    log.text.insert(0, "srcaddr dstport bytes action start end\n");
    const fl::Query scan = ScanText(log.text, {.threads = 1 + static_cast<int>(random.Below(3)), .block_bytes = 200});
    const std::vector<fl::Query> queries = {
        scan.GroupBy({"srcaddr"}).Aggregate({"count()", "mean(bytes)", "distinct(dstport)"}),
        scan.Filter("bytes > 100").Select({"bytes", "action"}).Head(7),
        scan.Filter("rejected").GroupBy({"action", "bin(start, 1h)"}).Sort("count", fl::Order::kDescending).Head(3),
        scan.Sort("bytes", fl::Order::kDescending).Head(10), scan};
    const absl::StatusOr<std::vector<fl::Table>> together = fl::CollectAll(queries);
    ASSERT_TRUE(together.ok()) << together.status();
    for (size_t i = 0; i < queries.size(); ++i) {
      const absl::StatusOr<fl::Table> alone = queries[i].Collect();
      ASSERT_TRUE(alone.ok()) << alone.status();
      EXPECT_EQ((*together)[i].ToJson(), alone->ToJson()) << "seed " << seed << ", query " << i;
      EXPECT_TRUE((*together)[i].complete()) << "the pass reads everything";
    }
  }
}

TEST(ScanRunTest, CollectAllTakesOnlyQueriesOfOneScan) {
  const fl::Query a = ScanText("srcaddr\n"), b = ScanText("srcaddr\n");
  EXPECT_FALSE(fl::CollectAll({a.GroupBy({}), b.GroupBy({})}).ok());
  EXPECT_TRUE(fl::CollectAll({})->empty());
}

}  // namespace
