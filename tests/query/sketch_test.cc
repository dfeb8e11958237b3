// What approx_distinct() and quantile() keep: bounds of the error, and that order is nothing (CONTRACT L9).
#include "lib/query/sketch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace flowlogs {
namespace {

__extension__ using Int128 = __int128;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// ---- Hashes ---------------------------------------------------------------------------------------------------------

// Written down, so that no change of the code changes answers unseen.
TEST(ValueHashTest, IsFixed) {
  EXPECT_EQ(ValueHash(int64_t{0}), 0xe220a8397b1dcdafu);  // splitmix64's first number
  EXPECT_EQ(ValueHash(int64_t{1}), MixWord(0x9e3779b97f4a7c15, 1));
  EXPECT_EQ(ValueHash(IpAddress::V4(0x0A000001)), ValueHash(*IpAddress::Parse("::ffff:10.0.0.1")));
  EXPECT_EQ(ValueHash(std::string_view("abcdefghi")),
            MixWord(MixWord(MixWord(0x8bb84b93962eacc9, 9), 0x6867666564636261), 0x69));
}

TEST(ValueHashTest, TextsThatDifferInLengthOrZerosDiffer) {
  std::set<uint64_t> hashes;
  for (size_t size = 0; size < 40; ++size) hashes.insert(ValueHash(std::string_view(std::string(size, '\0'))));
  EXPECT_EQ(hashes.size(), 40u);
}

// ---- HyperLogLog ----------------------------------------------------------------------------------------------------

TEST(HyperLogLogTest, IsExactUpToItsLimit) {
  HyperLogLog sketch;
  EXPECT_EQ(sketch.Estimate(), 0);
  for (int64_t i = 0; i < HyperLogLog::kExact; ++i) {
    for (int repeat = 0; repeat < 3; ++repeat) sketch.Add(ValueHash(i));
    ASSERT_EQ(sketch.Estimate(), i + 1);
  }
  sketch.Add(ValueHash(int64_t{HyperLogLog::kExact}));
  EXPECT_NEAR(static_cast<double>(sketch.Estimate()), 385, 385 * 0.08);
  EXPECT_GT(sketch.Estimate(), HyperLogLog::kExact);
}

TEST(HyperLogLogTest, HashesAtTheEdgesCount) {
  HyperLogLog sketch;
  sketch.Add(0);
  sketch.Add(1);  // 0 is taken for 1
  sketch.Add(~uint64_t{0});
  EXPECT_EQ(sketch.Estimate(), 2);
  // All registers at their end.
  HyperLogLog full;
  for (uint64_t i = 0; i < 4096; ++i) full.Add(i << 52);
  EXPECT_EQ(full.Estimate(), kMax);
}

// Standard error 1.6 %: 5 of them are never exceeded, and the mean over many is near nothing.
template <typename MakeValue>
void CheckErrors(MakeValue make, const char* what) {
  for (const int64_t count : {500, 1000, 3000, 10000, 15000, 30000, 100000}) {
    double sum = 0;
    const int trials = count > 20000 ? 8 : 30;
    for (int trial = 0; trial < trials; ++trial) {
      HyperLogLog sketch;
      for (int64_t i = 0; i < count; ++i) sketch.Add(ValueHash(make(trial, i)));
      const double error = static_cast<double>(sketch.Estimate() - count) / static_cast<double>(count);
      ASSERT_LT(std::abs(error), 0.08) << what << " " << count << " " << trial;
      sum += error;
    }
    EXPECT_LT(std::abs(sum / trials), 5 * 0.01625 / std::sqrt(trials)) << what << " " << count;
  }
}

TEST(HyperLogLogTest, ErrorsAreBoundedOnRandomAndRegularValues) {
  std::mt19937_64 random(5);
  CheckErrors([&](int, int64_t) { return static_cast<int64_t>(random() >> 1); }, "random");
  CheckErrors([](int t, int64_t i) { return t * int64_t{1000000} + i; }, "consecutive");
  CheckErrors([](int t, int64_t i) { return (t + 1) * (i << 32); }, "high bits");
  CheckErrors([](int t, int64_t i) { return (int64_t{t} << 50) | (i * 65536); }, "steps");
  CheckErrors([](int t, int64_t i) { return IpAddress::V4(static_cast<uint32_t>((10 + t) << 24 | i)); }, "IPv4");
  CheckErrors([](int t, int64_t i) { return IpAddress::V6(0x2001'0db8'0000'0000u + t, static_cast<uint64_t>(i)); },
              "IPv6");
  CheckErrors([](int t, int64_t i) { return IpAddress::V6(static_cast<uint64_t>(i) << 16, t); }, "IPv6 networks");
  std::string text;
  CheckErrors(
      [&text](int t, int64_t i) {
        text = "eni-" + std::to_string(t) + std::to_string(i);
        return std::string_view(text);
      },
      "text");
}

TEST(HyperLogLogTest, MillionsAreCountedToo) {
  HyperLogLog sketch;
  for (int64_t i = 0; i < 3'000'000; ++i) sketch.Add(ValueHash(i * 7));
  EXPECT_NEAR(static_cast<double>(sketch.Estimate()), 3e6, 3e6 * 0.08);
}

TEST(HyperLogLogTest, AnyOrderAndAnyMergesGiveTheSame) {
  std::mt19937_64 random(9);
  for (int trial = 0; trial < 300; ++trial) {
    const size_t count = std::vector<size_t>{0, 1, 100, 383, 384, 385, 386, 500, 5000}[trial % 9];
    std::vector<uint64_t> hashes(count);
    for (uint64_t& hash : hashes) hash = random();
    HyperLogLog whole;
    for (uint64_t hash : hashes) whole.Add(hash);
    // Parts that overlap, in another order, merged in a random tree.
    std::vector<HyperLogLog> parts(1 + random() % 6);
    std::shuffle(hashes.begin(), hashes.end(), random);
    for (uint64_t hash : hashes) {
      do {
        parts[random() % parts.size()].Add(hash);
      } while (random() % 4 == 0);
    }
    while (parts.size() > 1) {
      const size_t from = random() % parts.size();
      HyperLogLog part = parts[from];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(from));
      parts[random() % parts.size()].Merge(part);
    }
    ASSERT_EQ(parts[0].Estimate(), whole.Estimate()) << count;
    HyperLogLog twice = whole;
    twice.Merge(whole);
    ASSERT_EQ(twice.Estimate(), whole.Estimate());
  }
}

// ---- Buckets --------------------------------------------------------------------------------------------------------

// REQUIRES: value >= 0
void CheckBucket(int64_t value, int bits) {
  const int32_t bucket = BucketOf(value, bits);
  const int64_t shown = ValueOfBucket(bucket, bits);
  ASSERT_EQ(BucketOf(shown, bits), bucket) << value;
  ASSERT_EQ(BucketOf(-value, bits), -bucket) << value;
  ASSERT_EQ(ValueOfBucket(-bucket, bits), -shown) << value;
  // |shown - value| <= value / 2^(bits + 1), without rounding.
  const Int128 distance = shown > value ? Int128{shown} - value : Int128{value} - shown;
  ASSERT_TRUE((distance << (bits + 1)) <= value) << value << " " << shown;
}

TEST(BucketTest, AreExactForSmallValuesAndNearForAll) {
  std::mt19937_64 random(2);
  for (int bits : {1, 6, 25}) {
    for (int64_t value = 0; value < 5000; ++value) {
      CheckBucket(value, bits);
      if (value < int64_t{2} << bits) ASSERT_EQ(ValueOfBucket(BucketOf(value, bits), bits), value);
    }
    for (int power = 0; power < 63; ++power) {
      for (int64_t near : {-3, -2, -1, 0, 1, 2, 3}) {
        const int64_t value = (int64_t{1} << power) + near;
        if (value >= 0) CheckBucket(value, bits);
      }
    }
    for (int64_t value : {kMax, kMax - 1, kMax / 3, int64_t{1'700'000'000}}) CheckBucket(value, bits);
    for (int i = 0; i < 20000; ++i) CheckBucket(static_cast<int64_t>(random() >> (1 + random() % 63)), bits);
  }
  EXPECT_LE(std::abs(ValueOfBucket(BucketOf(1'700'000'001, 25), 25) - 1'700'000'001), 16);
}

TEST(BucketTest, AreInTheOrderOfTheirValues) {
  std::mt19937_64 random(3);
  for (int bits : {6, 25}) {
    for (int i = 0; i < 50000; ++i) {
      int64_t a = static_cast<int64_t>(random() >> (1 + random() % 63));
      int64_t b = static_cast<int64_t>(random() >> (1 + random() % 63));
      if (random() % 2 == 0) a = -a;
      if (random() % 2 == 0) b = -b;
      if (random() % 4 == 0) b = a == kMax ? a : a + 1;
      if (a > b) std::swap(a, b);
      ASSERT_LE(BucketOf(a, bits), BucketOf(b, bits)) << a << " " << b;
      ASSERT_LE(ValueOfBucket(BucketOf(a, bits), bits), ValueOfBucket(BucketOf(b, bits), bits)) << a << " " << b;
    }
  }
}

TEST(BucketCountsTest, AddUpByGroupAndBucket) {
  std::mt19937 random(4);
  BucketCounts counts;
  std::map<std::pair<uint32_t, int32_t>, uint64_t> expected;
  std::vector<size_t> begins;
  EXPECT_TRUE(counts.Sorted(3, &begins).empty());
  EXPECT_EQ(begins, std::vector<size_t>(4, 0));
  for (int i = 0; i < 20000; ++i) {
    const uint32_t group = random() % 50;
    const int32_t bucket = static_cast<int32_t>(random() % 200) - 100;
    const uint64_t count = 1 + random() % 5;
    counts.Add(group, bucket, count);
    expected[{group, bucket}] += count;
  }
  const std::vector<BucketCounts::Count> sorted = counts.Sorted(50, &begins);
  ASSERT_EQ(sorted.size(), expected.size());
  ASSERT_EQ(begins.size(), 51u);
  size_t at = 0;
  for (const auto& [key, count] : expected) {
    ASSERT_LE(begins[key.first], at);
    ASSERT_GT(begins[key.first + 1], at);
    ASSERT_EQ(sorted[at].bucket, key.second);
    ASSERT_EQ(sorted[at].count, count);
    ++at;
  }
}

}  // namespace
}  // namespace flowlogs
