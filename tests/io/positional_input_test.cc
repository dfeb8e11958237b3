// Reading by position from storage that fails at one place.
#include "lib/io/positional_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::Line;
using testing::ReadLines;
using testing::ReferenceLines;

// Bytes up to `broken` can be read; the one there gives EIO, those behind it are good again.
class BrokenAccess : public RandomAccess {
 public:
  BrokenAccess(std::string content, size_t broken) : content_(std::move(content)), broken_(broken) {}

  Result ReadAt(uint64_t offset, char* to, size_t size) const override {
    const bool meets = offset <= broken_ && broken_ < offset + size;
    const size_t n = meets ? static_cast<size_t>(broken_ - offset) : size;
    std::memcpy(to, content_.data() + offset, n);
    return {n, meets ? EIO : 0};
  }

 private:
  const std::string content_;
  const size_t broken_;
};

// CONTRACT F3, P5
TEST(PositionalInput, EndsAtAReadErrorWhereverItIs) {
  std::mt19937 random(3);
  const InputOptions options{.block_bytes = 90, .max_line_bytes = 150};
  const std::string text = testing::RandomText(&random, 80, options.max_line_bytes);
  for (size_t broken = 0; broken < text.size(); ++broken) {
    PositionalInput input("broken", std::make_unique<BrokenAccess>(text, broken), 0, text.size(), "", options);
    std::vector<Line> expected = ReferenceLines(text.substr(0, broken), options.max_line_bytes, /*is_damaged=*/true);
    ASSERT_EQ(ReadLines(&input, options), expected) << broken;
    ASSERT_TRUE(input.damage().has_value());
    EXPECT_EQ(input.damage()->offset, broken);
    EXPECT_NE(input.damage()->message.find("Input/output error"), std::string::npos);
  }
}

TEST(PositionalInput, ReportsTheFirstDamageByPlaceNotByTime) {
  const std::string text = "0123456\n0123456\n0123456\n0123456\n";
  PositionalInput input("broken", std::make_unique<BrokenAccess>(text, 12), 0, text.size(), "", {.block_bytes = 8});
  std::vector<Block> blocks(4);
  for (Block& block : blocks) ASSERT_TRUE(input.Claim(&block));
  for (int i = 3; i >= 0; --i) input.Load(&blocks[static_cast<size_t>(i)]);
  EXPECT_EQ(blocks[0].text(), "0123456\n");
  EXPECT_FALSE(blocks[0].last_line_unfinished());
  EXPECT_EQ(blocks[1].text(), "0123");
  EXPECT_TRUE(blocks[1].last_line_unfinished());
  EXPECT_EQ(input.damage()->offset, 12u);
  EXPECT_FALSE(blocks[0].ends_input());
  EXPECT_TRUE(blocks[1].ends_input());
  EXPECT_EQ(blocks[2].text(), "0123456\n") << "loaded before the damage was known";
}

// What every executor does: blocks in order, up to the one that ends the input. The order of loading changes nothing.
TEST(PositionalInput, GivesTheLinesBeforeDamageWhateverIsLoadedFirst) {
  std::mt19937 random(17);
  for (int round = 0; round < 400; ++round) {
    const InputOptions options{.block_bytes = 1 + random() % 90, .max_line_bytes = 90 + random() % 100};
    const std::string text = testing::RandomText(&random, 20, options.max_line_bytes);
    if (text.empty()) continue;
    const size_t broken = random() % text.size();
    PositionalInput input("broken", std::make_unique<BrokenAccess>(text, broken), 0, text.size(), "", options);
    std::vector<Block> blocks;
    for (Block block; input.Claim(&block);) blocks.push_back(std::move(block));
    std::vector<Block*> order;
    for (Block& block : blocks) order.push_back(&block);
    std::shuffle(order.begin(), order.end(), random);
    for (Block* block : order) input.Load(block);

    std::vector<Line> lines;
    bool is_ended = false;
    for (size_t i = 0; i < blocks.size() && !is_ended; ++i) {
      testing::AppendLines(blocks[i], options.max_line_bytes, &lines);
      is_ended = blocks[i].ends_input();
    }
    ASSERT_TRUE(is_ended);
    ASSERT_EQ(lines, ReferenceLines(text.substr(0, broken), options.max_line_bytes, /*is_damaged=*/true)) << broken;
    EXPECT_EQ(input.damage()->offset, broken);
  }
}

}  // namespace
}  // namespace flowlogs
