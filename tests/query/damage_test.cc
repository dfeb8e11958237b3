// A run whose input is damaged while several threads read it.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "flowlogs/parse/stats.h"
#include "gtest/gtest.h"
#include "lib/io/positional_input.h"
#include "lib/io/random_access.h"
#include "lib/query/scan_run.h"

namespace flowlogs {
namespace {

std::string Lines(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ";
    text += i % 2 == 0 ? "ACCEPT OK\n" : "REJECT OK\n";
  }
  return text;
}

// The byte at `broken` gives EIO, and only after bytes far behind it were read by somebody; all others are good.
class LateDamage : public RandomAccess {
 public:
  // `was_behind`: whether another thread has read behind the damage; outlives the object, which the run closes.
  LateDamage(std::string content, size_t broken, std::shared_ptr<std::atomic<bool>> was_behind)
      : content_(std::move(content)), broken_(broken), was_behind_(std::move(was_behind)) {}

  Result ReadAt(uint64_t offset, char* to, size_t size) const override {
    const bool meets = offset <= broken_ && broken_ < offset + size;
    for (int i = 0; meets && !*was_behind_ && i < 5000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const size_t n = meets ? static_cast<size_t>(broken_ - offset) : size;
    std::memcpy(to, content_.data() + offset, n);
    if (offset > broken_) *was_behind_ = true;
    return {n, meets ? EIO : 0};
  }

 private:
  const std::string content_;
  const size_t broken_;
  const std::shared_ptr<std::atomic<bool>> was_behind_;
};

// CONTRACT F3, F9, P5
TEST(ScanRun, CountsNothingBehindDamageThoughOtherThreadsHaveReadIt) {
  const std::string text = Lines(2000);
  const size_t line = text.size() / 2000;
  const size_t broken = 10 * line + line / 2;  // in the first block
  auto spec = std::make_shared<ScanSpec>();
  spec->sources = {Source::Bytes(text)};
  FormatTable formats;
  RunControl control(spec->options);
  absl::StatusOr<InputSet> inputs = InputSet::Open(spec, &formats, spec->options.block_bytes, false, &control);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  const auto was_behind = std::make_shared<std::atomic<bool>>(false);
  auto stored = std::make_unique<LateDamage>(text, broken, was_behind);
  const InputOptions options{.block_bytes = 4096};
  inputs->inputs()[0]->input =
      std::make_unique<PositionalInput>("late", std::move(stored), 0, text.size(), "", options);

  ScanRun run(&*inputs, &formats, {[] { return MakeCheckSink(); }}, {.threads = 2});
  run.RunToEnd();
  ASSERT_TRUE(*was_behind) << "another thread came first";
  const Stats stats = run.FinishStats();
  EXPECT_EQ(stats.bytes, broken);
  EXPECT_EQ(stats.lines, 11u);
  EXPECT_EQ(stats.records, 10u);
  EXPECT_EQ(stats.problems.size(), 1u) << "the unfinished line";
  EXPECT_FALSE(stats.complete);
  ASSERT_EQ(stats.errors.size(), 1u);
  EXPECT_EQ(stats.errors[0].offset, broken);
}

}  // namespace
}  // namespace flowlogs
