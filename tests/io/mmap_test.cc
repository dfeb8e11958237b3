// InputOptions::mmap: the same lines as reading gives. CONTRACT C3.
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::Line;
using testing::OpenOrDie;
using testing::RandomText;
using testing::ReadLines;
using testing::ReferenceLines;
using testing::TemporaryDirectory;

TEST(Mmap, GivesTheLinesThatReadingGives) {
  std::mt19937 random(23);
  const TemporaryDirectory directory;
  const std::string path = directory.Path("text.log");
  for (int round = 0; round < 400; ++round) {
    const InputOptions options{
        .block_bytes = 1 + random() % 300, .max_line_bytes = 90 + random() % 300, .mmap = true};
    const std::string mark = round % 3 == 0 ? "\xef\xbb\xbf" : "";
    const std::string text = RandomText(&random, random() % 60, options.max_line_bytes);
    directory.Write("text.log", mark + text);
    const auto input = OpenOrDie(path, options);
    ASSERT_EQ(ReadLines(input.get(), options), ReferenceLines(text, options.max_line_bytes)) << round;
    EXPECT_FALSE(input->damage().has_value());
  }
}

TEST(Mmap, BlocksStandInTheMappingAndOutliveTheInput) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("text.log");
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "line " + std::to_string(i) + "\n";
  directory.Write("text.log", text);
  auto input = OpenOrDie(path, {.block_bytes = 4096, .mmap = true});
  std::vector<Block> blocks;
  for (Block block; input->Claim(&block); block = Block()) {
    input->Load(&block);
    blocks.push_back(std::move(block));
  }
  input.reset();
  std::string joined;
  size_t in_place = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    joined += blocks[i].text();
    // What follows a block in the mapping is the next block.
    in_place += i + 1 < blocks.size() && blocks[i].text().data() + blocks[i].text().size() == blocks[i + 1].text().data();
  }
  EXPECT_EQ(joined, text);
  EXPECT_GE(in_place + 3, blocks.size()) << "but for the first and the last one";
}

TEST(Mmap, WhatCannotBeMappedIsRead) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("text.log");
  const std::string text = "one\ntwo\n";
  directory.Write("text.log", testing::Gzip(text));
  EXPECT_EQ(ReadLines(OpenOrDie(path, {.mmap = true}).get()), ReferenceLines(text));
  directory.Write("text.log", "");
  EXPECT_TRUE(ReadLines(OpenOrDie(path, {.mmap = true}).get()).empty());
  EXPECT_FALSE(ReadLines(OpenOrDie("/proc/self/status", {.mmap = true}).get()).empty());
  EXPECT_EQ(ReadLines(OpenOrDie(testing::ExactBytes(text), {.mmap = true}).get()), ReferenceLines(text));
}

}  // namespace
}  // namespace flowlogs
