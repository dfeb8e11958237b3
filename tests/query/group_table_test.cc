#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "lib/query/group_table.h"
#include "tests/random_log.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::Random;

TEST(GroupTableTest, NumbersGroupsByFirstAppearance) {
  fl::GroupTable table(2);
  const int64_t keys[] = {1, 2, 3, 4, 1, 2, 2, 1};
  uint32_t groups[4];
  table.FindOrAdd(keys, 4, groups);
  EXPECT_EQ(std::vector(groups, groups + 4), (std::vector<uint32_t>{0, 1, 0, 2}));
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.key(1)[0], 3);
  EXPECT_EQ(table.key(1)[1], 4);
}

TEST(GroupTableTest, WithoutKeysThereIsOneGroupFromTheBeginning) {  // CONTRACT L10
  fl::GroupTable table(0);
  EXPECT_EQ(table.size(), 1u);
  std::vector<uint32_t> groups(10, 7);
  table.FindOrAdd(nullptr, groups.size(), groups.data());
  EXPECT_EQ(groups, std::vector<uint32_t>(10, 0));
}

TEST(GroupTableTest, AgreesWithAMapOverManyCallsAndGrowth) {
  for (size_t width = 1; width <= 4; ++width) {
    for (uint64_t range : {uint64_t{3}, uint64_t{200}, uint64_t{1} << 62}) {
      Random random(width);
      fl::GroupTable table(width);
      std::map<std::vector<int64_t>, uint32_t> expected;
      for (size_t rows : {1, 5, 1024, 1025, 3000, 20'000, 0, 7}) {
        std::vector<int64_t> keys(rows * width);
        for (int64_t& word : keys) {
          word = random.Chance(0.1) ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(random.Below(range));
        }
        std::vector<uint32_t> groups(rows);
        table.FindOrAdd(keys.data(), rows, groups.data());
        for (size_t i = 0; i < rows; ++i) {
          const std::vector<int64_t> key(keys.begin() + static_cast<std::ptrdiff_t>(i * width),
                                         keys.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
          const auto [it, is_new] = expected.try_emplace(key, static_cast<uint32_t>(expected.size()));
          ASSERT_EQ(groups[i], it->second);
        }
      }
      ASSERT_EQ(table.size(), expected.size());
      for (const auto& [key, group] : expected) ASSERT_EQ(std::vector(table.key(group), table.key(group) + width), key);
    }
  }
}

TEST(PairSetTest, CountsEachPairOnce) {
  Random random(1);
  fl::PairSet set;
  std::set<std::pair<uint32_t, int64_t>> expected;
  for (size_t i = 0; i < 50'000; ++i) {
    const uint32_t group = static_cast<uint32_t>(random.Below(50));
    const int64_t word =
        random.Chance(0.5) ? static_cast<int64_t>(random.Below(500)) : static_cast<int64_t>(random.Below(1) - 1);
    ASSERT_EQ(set.Add(group, word), expected.emplace(group, word).second);
  }
  EXPECT_EQ(set.size(), expected.size());
  std::set<std::pair<uint32_t, int64_t>> seen;
  set.ForEach([&](uint32_t group, int64_t word) { EXPECT_TRUE(seen.emplace(group, word).second); });
  EXPECT_EQ(seen, expected);
}

}  // namespace
