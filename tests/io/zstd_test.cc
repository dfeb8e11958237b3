// Inflating zstd. Without libzstd it is a kind that is known and not read.
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/io/input.h"
#include "gtest/gtest.h"
#include "tests/io/io_testing.h"

namespace flowlogs {
namespace {

using testing::ExactBytes;
using testing::Gzip;
using testing::JoinLines;
using testing::Line;
using testing::OpenOrDie;
using testing::RandomText;
using testing::ReadLines;
using testing::ReferenceLines;

using std::string_view_literals::operator""sv;

#ifdef FLOWLOGS_HAVE_ZSTD

using testing::SkippedFrame;
using testing::Zstd;

std::string SmallText(size_t lines, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  for (size_t i = 0; i < lines; ++i) {
    text += "2 123456789010 eni-" + std::to_string(random()) + " 10.0.0." + std::to_string(random() % 256) + " OK\n";
  }
  return text;
}

TEST(ZstdInput, NamesTheLibrary) {
  EXPECT_TRUE(InflateLibrary().ends_with(std::string(", zstd ") + ZSTD_versionString())) << InflateLibrary();
}

TEST(ZstdInput, DeliversFramesAsOneText) {
  const std::string a = SmallText(9000, 1), b = SmallText(10, 2) + "half a li", c = "ne\n" + SmallText(2000, 3);
  const std::string stored = Zstd(a, 1) + Zstd("") + SkippedFrame(12) + Zstd(b, 19) + SkippedFrame(300000, '\x5f') +
                             SkippedFrame(0) + Zstd(c);
  auto input = OpenOrDie(ExactBytes(stored));
  EXPECT_TRUE(input->can_be_reopened());
  EXPECT_EQ(ReadLines(input.get()), ReferenceLines(a + b + c));
  EXPECT_FALSE(input->damage().has_value());
  EXPECT_EQ(input->stored_bytes_read(), stored.size());
  EXPECT_EQ(input->stored_bytes_total(), stored.size());
}

TEST(ZstdInput, DeliversThousandsOfSmallFrames) {
  std::string stored, text;
  for (unsigned i = 0; stored.size() < 700000; ++i) {
    const std::string part = SmallText(i % 4, i);
    text += part;
    stored += Zstd(part, static_cast<int>(i % 19)) + (i % 3 == 0 ? SkippedFrame(i % 30) : "");
  }
  auto input = OpenOrDie(ExactBytes(stored));
  EXPECT_EQ(ReadLines(input.get()), ReferenceLines(text));
  EXPECT_FALSE(input->damage().has_value());
}

// pzstd writes such files.
TEST(ZstdInput, MayBeginWithASkippedFrame) {
  auto input = OpenOrDie(ExactBytes(SkippedFrame(4) + Zstd("one\n") + SkippedFrame(4)));
  EXPECT_EQ(JoinLines(ReadLines(input.get())), "one\n");
  EXPECT_FALSE(input->damage().has_value());
  auto nothing = OpenOrDie(ExactBytes(SkippedFrame(4)));
  EXPECT_TRUE(ReadLines(nothing.get()).empty());
  EXPECT_FALSE(nothing->damage().has_value());
}

// CONTRACT P5
TEST(ZstdInput, FollowedByGarbageIsDamagedThere) {
  const std::string text = SmallText(10, 1), frame = Zstd(text);
  for (const std::string& garbage : {std::string("garbage"), std::string(300, '\0') + "x",
                                     std::string("\x28\xb5\x2f\xfe"), Gzip("another kind\n")}) {
    auto input = OpenOrDie(ExactBytes(frame + frame + garbage));
    EXPECT_EQ(JoinLines(ReadLines(input.get())), text + text);
    ASSERT_TRUE(input->damage().has_value());
    EXPECT_FALSE(input->damage()->is_limit);
    EXPECT_GE(input->damage()->offset, 2 * frame.size());
    EXPECT_LE(input->damage()->offset, 2 * frame.size() + garbage.size());
  }
}

// CONTRACT F3, P5
TEST(ZstdInput, TruncatedAnywhereIsDamagedAndDeliversWhatCameBefore) {
  const std::string first = SmallText(8, 1), second = SmallText(6, 2) + "no newline at the end";
  const std::string frame = Zstd(first), skipped = SkippedFrame(9), text = first + second;
  const std::string stored = frame + skipped + Zstd(second, 19);
  for (size_t left = 4; left < stored.size(); ++left) {
    auto input = OpenOrDie(ExactBytes(stored.substr(0, left)), {.block_bytes = 100});
    const std::vector<Line> lines = ReadLines(input.get());
    const std::string delivered = JoinLines(lines);
    ASSERT_TRUE(text.starts_with(delivered)) << left;
    if (left == frame.size() || left == frame.size() + skipped.size()) {
      EXPECT_EQ(delivered, first);
      EXPECT_FALSE(input->damage().has_value()) << "between frames a file is whole";
      continue;
    }
    ASSERT_TRUE(input->damage().has_value()) << left;
    EXPECT_EQ(input->damage()->offset, left);
    EXPECT_NE(input->damage()->message.find("the zstd data stops in the middle"), std::string::npos);
    EXPECT_EQ(lines, ReferenceLines(delivered, 1 << 20, /*is_damaged=*/true)) << left;
    EXPECT_TRUE(left < frame.size() || delivered.starts_with(first)) << left;
  }
}

TEST(ZstdInput, WithOneByteChangedIsDamagedOrUnchanged) {
  const std::string text = SmallText(12, 1);
  for (const std::string& stored : {Zstd(text), Zstd(text, 19), SkippedFrame(5) + Zstd(text) + Zstd(text)}) {
    std::string whole;
    {
      auto input = OpenOrDie(ExactBytes(stored));
      whole = JoinLines(ReadLines(input.get()));
    }
    for (size_t i = 4; i < stored.size(); ++i) {  // without its magic it is not zstd
      for (const int flip : {0x01, 0x10, 0x80, 0xff}) {
        std::string changed = stored;
        changed[i] = static_cast<char>(changed[i] ^ flip);
        const auto opened = Input::Open(ExactBytes(changed));
        if (!opened.ok()) continue;  // what was inflated began like another kind of file
        const std::vector<Line> lines = ReadLines(opened->get());
        if ((*opened)->damage().has_value()) {
          EXPECT_LE((*opened)->damage()->offset, stored.size());
          continue;
        }
        EXPECT_EQ(JoinLines(lines), whole) << "byte " << i << " ^ " << flip;
      }
    }
  }
}

TEST(ZstdInput, WithAWrongChecksumSaysSo) {
  std::string stored = Zstd(SmallText(5, 1));
  stored.back() ^= 1;
  auto input = OpenOrDie(ExactBytes(stored));
  EXPECT_EQ(JoinLines(ReadLines(input.get())), SmallText(5, 1));
  ASSERT_TRUE(input->damage().has_value());
  EXPECT_NE(input->damage()->message.find("checksum is wrong"), std::string::npos) << input->damage()->message;
}

// CONTRACT F10: libzstd drops what it has put out in the call that meets damage.
TEST(ZstdInput, DeliversTheSameBeforeDamageForEveryBlockSize) {
  const std::string text = SmallText(20000, 5);  // seven blocks of zstd's
  const std::string stored = Zstd(text, 1);
  for (const size_t place : {stored.size() / 3, stored.size() / 2, stored.size() - 2000}) {
    std::string changed = stored;
    for (size_t i = 0; i < 64; ++i) changed[place + i] = static_cast<char>(changed[place + i] ^ 0x55);
    std::string expected;
    for (const size_t block_bytes : {1 << 10, 50000, 128 << 10, 1 << 20}) {
      auto input = OpenOrDie(ExactBytes(changed), {.block_bytes = block_bytes});
      const std::string delivered = JoinLines(ReadLines(input.get()));
      ASSERT_TRUE(input->damage().has_value());
      if (expected.empty()) expected = delivered;
      EXPECT_EQ(delivered, expected) << block_bytes;
    }
    EXPECT_GE(expected.size(), text.size() * place / stored.size() - (256 << 10)) << "at most two blocks are lost";
    EXPECT_TRUE(text.starts_with(expected.substr(0, 256 << 10)));
  }
}

// A header of six bytes can ask for a window of terabytes.
TEST(ZstdInput, WithAWindowOfMoreThan128MiBMeetsALimit) {
  const auto frame = [](int window_log) {
    std::string bytes("\x28\xb5\x2f\xfd\x00"sv);
    bytes += static_cast<char>((window_log - 10) << 3);
    return bytes + std::string("\x21\x00\x00one\n"sv);  // the last block: four bytes as they are
  };
  auto good = OpenOrDie(ExactBytes(frame(27)));
  EXPECT_EQ(JoinLines(ReadLines(good.get())), "one\n");
  EXPECT_FALSE(good->damage().has_value());
  for (const int window_log : {28, 31, 41}) {
    auto input = OpenOrDie(ExactBytes(Zstd("before\n") + frame(window_log)));
    EXPECT_EQ(JoinLines(ReadLines(input.get())), "before\n");
    ASSERT_TRUE(input->damage().has_value());
    EXPECT_TRUE(input->damage()->is_limit);
    EXPECT_NE(input->damage()->message.find("more than 128 MiB"), std::string::npos) << input->damage()->message;
  }
}

TEST(ZstdInput, IsReadInsideAnotherCompression) {
  for (const std::string& stored : {Zstd(Zstd("twice\n")), Gzip(Zstd("twice\n")), Zstd(Gzip("twice\n"))}) {
    auto input = OpenOrDie(ExactBytes(stored));
    EXPECT_EQ(JoinLines(ReadLines(input.get())), "twice\n");
    EXPECT_FALSE(input->damage().has_value());
  }
}

TEST(ZstdInput, GivesTheSameLinesForRandomTextsAndFrames) {
  std::mt19937 random(12);
  for (int round = 0; round < 60; ++round) {
    const InputOptions options{.block_bytes = 1 + random() % 200000, .max_line_bytes = 1 + random() % 100000};
    std::string text, stored;
    const size_t frames = 1 + random() % 6;
    for (size_t i = 0; i < frames; ++i) {
      const std::string part = RandomText(&random, random() % 2000, 300);
      text += part;
      stored += Zstd(part, static_cast<int>(random() % 10)) + (random() % 2 == 0 ? SkippedFrame(random() % 99) : "");
    }
    auto input = OpenOrDie(ExactBytes(stored), options);
    ASSERT_EQ(ReadLines(input.get(), options), ReferenceLines(text, options.max_line_bytes));
    EXPECT_FALSE(input->damage().has_value());
  }
}

#else

TEST(ZstdInput, IsKnownAndNotReadWithoutItsLibrary) {
  for (const std::string& stored : {std::string("\x28\xb5\x2f\xfd and more"), Gzip("\x28\xb5\x2f\xfd and more")}) {
    const auto input = Input::Open(ExactBytes(stored));
    ASSERT_EQ(input.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(input.status().message());
    EXPECT_NE(message.find("zstd -dc FILE"), std::string::npos) << message;
  }
}

#endif  // FLOWLOGS_HAVE_ZSTD

}  // namespace
}  // namespace flowlogs
