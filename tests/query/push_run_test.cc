// Runs that are fed by their caller: the same answers as a scan, whatever the pieces.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/query/query.h"
#include "tests/query/query_testing.h"
#include "tests/random_log.h"

namespace {

using namespace flowlogs_test;  // NOLINT(google-build-using-namespace)

fl::Query Plan(fl::ScanOptions options = {}) { return fl::Scan({}, options); }

std::string TextOf(const absl::StatusOr<fl::Table>& table) {
  if (!table.ok()) return Message(table.status());
  ExpectConservation(table->stats());
  return table->ToJson() + table->stats().ToJson();
}

// Feeds in pieces, perhaps with a look at the answer in between.
absl::StatusOr<fl::Table> FeedInPieces(const fl::Query& query, std::string_view text, size_t most, Random* random,
                                       bool snapshots) {
  absl::StatusOr<fl::Run> run = query.Start();
  if (!run.ok()) return run.status();
  while (!text.empty()) {
    const size_t size = std::min<size_t>(1 + random->Below(most), text.size());
    const ExactText piece(text.substr(0, size));  // gone after the call
    if (absl::Status status = run->Feed(piece.view()); !status.ok()) return status;
    text.remove_prefix(size);
    if (snapshots && random->Chance(0.1)) {
      const absl::StatusOr<fl::Table> table = run->Snapshot();
      if (!table.ok()) return table.status();
      EXPECT_FALSE(table->complete());
      ExpectConservation(table->stats());
    }
  }
  return run->Finish();
}

TEST(PushRunTest, AnswersAsAScanWhateverThePieces) {
  size_t answers = 0;
  for (size_t seed = 0; seed < Cases(600); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    // Some logs are longer than the 64 KiB that tell the format.
    const RandomLog log = RandomLogMaker(&random).Make(random.Of(std::vector<size_t>{0, 1, 5, 40, 200, 1500}));
    fl::ScanOptions options = {.format = log.GivenFormat(), .threads = 1};
    if (random.Chance(0.2)) options.max_line_bytes = random.Of(std::vector<size_t>{10, 60, 300});
    if (random.Chance(0.1)) options.on_error = fl::OnError::kRaise;
    auto ask = [&](const fl::Query& scan) {
      switch (seed % 3) {
        case 0:
          return scan.GroupBy({"srcaddr", "action"}).Aggregate({"count()", "sum(bytes)", "distinct(dstport)"});
        case 1:
          return scan.Filter("bytes > 100 or srcaddr is null").Select({"srcaddr", "bytes", "action"});
        default:
          return scan.Select({"srcaddr", "bytes"}).Sort("bytes", fl::Order::kDescending).Head(9);
      }
    };
    const fl::Source whole = fl::Source::Bytes(log.text, nullptr, "<fed>");
    const std::string expected = TextOf(ask(fl::Scan({whole}, options)).Collect());
    answers += !expected.starts_with("error");
    for (size_t most : {size_t{7}, size_t{300}, size_t{10'000}, size_t{1} << 20}) {
      if (most < 300 && log.text.size() > 20'000) continue;
      options.block_bytes = random.Chance(0.5) ? 1 + random.Below(300) : 128 << 10;
      ASSERT_EQ(TextOf(FeedInPieces(ask(Plan(options)), log.text, most, &random, false)), expected)
          << "pieces of up to " << most << " bytes, blocks of " << options.block_bytes;
    }
  }
  EXPECT_GT(2 * answers, Cases(600));
}

TEST(PushRunTest, ASnapshotIsTheAnswerForTheWholeLinesSoFar) {
  const std::string header = "srcaddr bytes\n";
  fl::Run run = *Plan().GroupBy({"srcaddr"}).Aggregate({"sum(bytes)"}).Start();
  EXPECT_EQ(Rows(run.Snapshot()), "");
  ASSERT_TRUE(run.Feed(header + "10.0.0.1 1\n10.0.0.2 2\n10.0").ok());
  EXPECT_EQ(Rows(run.Snapshot()), "srcaddr=10.0.0.1 sum_bytes=1; srcaddr=10.0.0.2 sum_bytes=2");
  ASSERT_TRUE(run.Feed(".0.1 5").ok());
  EXPECT_EQ(run.Snapshot()->stats().records, 2u);
  EXPECT_FALSE(run.Snapshot()->complete());
  const absl::StatusOr<fl::Table> end = run.Finish();
  EXPECT_EQ(Rows(end), "srcaddr=10.0.0.1 sum_bytes=6; srcaddr=10.0.0.2 sum_bytes=2");
  EXPECT_TRUE(end->complete());
}

TEST(PushRunTest, SnapshotsChangeNothing) {
  for (size_t seed = 0; seed < Cases(60); ++seed) {
    Random random(seed);
    RandomLog log = RandomLogMaker(&random).Make(120);
    log.text.insert(0, "srcaddr dstport bytes action\n");  // snapshots settle the format early
    const fl::Query query = Plan().GroupBy({"srcaddr"}).Aggregate({"count()", "mean(bytes)", "max(dstport)"});
    EXPECT_EQ(TextOf(FeedInPieces(query, log.text, 400, &random, true)),
              TextOf(FeedInPieces(query, log.text, 400, &random, false)));
  }
}

TEST(PushRunTest, FailsAfterItsEnd) {
  fl::Run run = *Plan().GroupBy({}).Start();
  ASSERT_TRUE(run.Feed("srcaddr\n10.0.0.1\n").ok());
  EXPECT_EQ(Rows(run.Finish()), "count=1");
  EXPECT_FALSE(run.Feed("10.0.0.2\n").ok());
  EXPECT_FALSE(run.Finish().ok());
}

TEST(PushRunTest, NothingFedIsAnEmptyAnswer) {
  EXPECT_EQ(Rows(Plan().GroupBy({}).Start()->Finish()), "count=0");
  EXPECT_EQ(Rows(Plan().GroupBy({"srcaddr"}).Start()->Finish()), "");
}

TEST(PushRunTest, NeedsColumnsThatAreKnownBeforeTheInput) {
  EXPECT_FALSE(Plan().Start().ok());
  EXPECT_FALSE(Plan().Filter("bytes >").GroupBy({}).Start().ok());
  EXPECT_TRUE(Plan().Select({"srcaddr"}).Start().ok());
}

TEST(PushRunTest, SaysWhenTheFormatCannotBeTold) {
  fl::Run run = *Plan().GroupBy({}).Start();
  ASSERT_TRUE(run.Feed("1 2 3\n").ok());
  EXPECT_EQ(Rows(run.Finish()), "error: <fed>: 3 values in each line and no header: give the format");
}

TEST(PushRunTest, SaysWhichNameIsUnknown) {  // CONTRACT L11
  fl::Run unknown = *Plan().GroupBy({"vpcid"}).Start();
  ASSERT_TRUE(unknown.Feed("srcaddr vpc-id\n10.0.0.1 vpc-1\n").ok());
  EXPECT_EQ(FirstLine(Rows(unknown.Finish())), "error: no field is called 'vpcid'; did you mean vpc-id?");
  fl::Run lacking = *Plan().GroupBy({"vpc-id"}).Start();
  ASSERT_TRUE(lacking.Feed("srcaddr bytes\n10.0.0.1 1\n").ok());
  EXPECT_EQ(FirstLine(Rows(lacking.Finish())), "error: no input has vpc-id");
}

// Former bugs.

TEST(PushRunTest, TheFirst64KiBTellTheFormatEvenIfMoreIsFedAtOnce) {  // CONTRACT F2
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 1 1700000000 1700000001 ACCEPT OK\n";
  std::string others;
  while (others.size() < 300'000) others += "1 2 3\n";
  const std::string fed = text + others;
  const std::string expected = Rows(fl::Scan({Text(fed)}).GroupBy({}));
  EXPECT_EQ(expected, "count=1000");
  Random random(1);
  for (size_t most : {1000, 10'000'000}) {
    EXPECT_EQ(Rows(FeedInPieces(Plan().GroupBy({}), fed, most, &random, false)), expected) << most;
  }
}

TEST(PushRunTest, FieldsThatAppearLaterAreNewFields) {  // CONTRACT L12
  fl::Run run = *Plan().GroupBy({}).Start();
  ASSERT_TRUE(run.Feed("srcaddr bytes\n10.0.0.1 1\nbytes vpc-id my-own\n2 vpc-1 x\n").ok());
  EXPECT_EQ(run.Finish()->stats().new_fields, (std::vector<std::string>{"vpc_id", "my_own"}));
}

TEST(PushRunTest, ARunThatHasRaisedStaysFailed) {
  fl::Run run = *Plan({.on_error = fl::OnError::kRaise}).Select({"bytes"}).Start();
  std::string text = "srcaddr bytes\n10.0.0.1 x\n";
  while (text.size() < 200'000) text += "10.0.0.1 1\n";
  EXPECT_FALSE(run.Feed(text).ok());
  EXPECT_FALSE(run.Feed("10.0.0.1 2\n").ok());
  EXPECT_FALSE(run.Snapshot().ok());
  EXPECT_EQ(Rows(run.Finish()), "error: <fed>, line 2: bad-value: bytes: 10.0.0.1 x");
}

}  // namespace
