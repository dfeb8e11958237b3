#include "lib/query/rank_sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace flowlogs::testing {
namespace {

struct Item {
  uint64_t rank;
  uint32_t number;  // decides between equal ranks
  bool operator==(const Item&) const = default;
};

bool Before(const Item& a, const Item& b) { return a.rank != b.rank ? a.rank < b.rank : a.number < b.number; }

TEST(SortByRank, IsSortingWhateverTheRanksAre) {
  std::mt19937_64 random(1);
  const uint64_t masks[] = {0, 1, 0xff, 0xffff, 0xff00ff, 0xff00000000ff00ff, 0x7fffffffff, ~uint64_t{0}};
  for (const size_t size : {0, 1, 2, 63, 64, 65, 1000, 5000}) {
    for (const uint64_t mask : masks) {
      for (const bool has_nulls : {false, true}) {
        std::vector<Item> items(size);
        for (Item& item : items) {
          item = {(random() & mask) | uint64_t{1} << 63, static_cast<uint32_t>(random() % 1000)};
          if (has_nulls && random() % 10 == 0) item.rank = kLastRank;
        }
        std::vector<Item> expected = items;
        std::sort(expected.begin(), expected.end(), Before);
        SortByRank(items, Before);
        ASSERT_EQ(items, expected) << size << " items, mask " << mask;
      }
    }
  }
}

TEST(SortByRank, NullsAloneAreSortedToo) {
  std::vector<Item> items;
  for (uint32_t i = 0; i < 200; ++i) items.push_back({kLastRank, 200 - i});
  SortByRank(items, Before);
  EXPECT_TRUE(std::is_sorted(items.begin(), items.end(), Before));
}

}  // namespace
}  // namespace flowlogs::testing
