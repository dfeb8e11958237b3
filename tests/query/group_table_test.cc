#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "lib/query/group_table.h"
#include "tests/random_log.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::Random;

TEST(GroupTableTest, GivesEachKeyARowOfItsOwn) {
  fl::GroupTable table(2, 1);
  const uint64_t keys[] = {1, 2, 3, 4, 1, 2, 2, 1};
  fl::GroupRow rows[4];
  table.FindOrAdd(keys, 4, rows);
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(rows[0], table.row(0));
  EXPECT_EQ(rows[1], table.row(1));
  EXPECT_EQ(rows[2], table.row(0));
  EXPECT_EQ(rows[3], table.row(2));
  EXPECT_EQ(table.row(1)[0], 3u);
  EXPECT_EQ(table.row(1)[1], 4u);
  EXPECT_EQ(table.row(1)[2], 0u) << "a state begins with zeros";
}

TEST(GroupTableTest, WithoutKeysThereIsOneGroupFromTheBeginning) {  // CONTRACT L10
  fl::GroupTable table(0, 3);
  EXPECT_EQ(table.size(), 1u);
  std::vector<fl::GroupRow> rows(10, nullptr);
  table.FindOrAdd(nullptr, rows.size(), rows.data());
  EXPECT_EQ(rows, std::vector<fl::GroupRow>(10, table.row(0)));
}

TEST(GroupTableTest, AgreesWithAMapOverManyCallsAndGrowth) {
  for (size_t width = 1; width <= 4; ++width) {
    for (uint64_t range : {uint64_t{3}, uint64_t{200}, uint64_t{1} << 62}) {
      Random random(width);
      fl::GroupTable table(width, 2);
      std::map<std::vector<uint64_t>, uint64_t> counts;
      for (size_t rows : {1, 5, 1024, 1025, 3000, 60'000, 0, 7}) {
        std::vector<uint64_t> keys(rows * width);
        for (uint64_t& word : keys) word = random.Chance(0.1) ? ~uint64_t{0} : random.Below(range);
        std::vector<fl::GroupRow> found(rows);
        table.FindOrAdd(keys.data(), rows, found.data());
        for (size_t i = 0; i < rows; ++i) {
          const auto key = keys.begin() + static_cast<std::ptrdiff_t>(i * width);
          ++found[i][width];  // rows stay where they are: counts of all calls meet in them
          ++counts[std::vector(key, key + static_cast<std::ptrdiff_t>(width))];
        }
      }
      ASSERT_EQ(table.size(), counts.size());
      for (size_t group = 0; group < table.size(); ++group) {
        const fl::GroupRow row = table.row(group);
        ASSERT_EQ(row[width], counts.at(std::vector(row, row + width)));
        ASSERT_EQ(row[width + 1], 0u);
      }
      EXPECT_GE(table.bytes(), table.size() * (width + 2) * sizeof(uint64_t));
    }
  }
}

TEST(PairSetTest, CountsEachPairOnce) {
  Random random(1);
  fl::PairSet set;
  std::set<std::pair<uint32_t, uint64_t>> expected;
  for (size_t i = 0; i < 50'000; ++i) {
    const uint32_t group = static_cast<uint32_t>(random.Below(50));
    const uint64_t word = random.Chance(0.5) ? random.Below(500) : ~uint64_t{0};
    set.Reserve(1);
    ASSERT_EQ(set.Add(group, word), expected.emplace(group, word).second);
  }
  EXPECT_EQ(set.size(), expected.size());
  std::set<std::pair<uint32_t, uint64_t>> seen;
  set.ForEach([&](uint32_t group, uint64_t word) { EXPECT_TRUE(seen.emplace(group, word).second); });
  EXPECT_EQ(seen, expected);
}

}  // namespace
