#include "lib/io/base64.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"

namespace flowlogs::testing {
namespace {

// Text and room in blocks of exactly their sizes. "?": it is no base64.
std::string Decoded(std::string_view text) {
  const auto in = std::make_unique<char[]>(text.size());
  std::memcpy(in.get(), text.data(), text.size());
  const auto out = std::make_unique<char[]>(Base64Room(text.size()));
  const std::optional<size_t> size = DecodeBase64({in.get(), text.size()}, out.get());
  return size ? std::string(out.get(), *size) : "?";
}

std::string RandomBytes(size_t size, std::mt19937* random) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>((*random)());
  return bytes;
}

TEST(Base64, TextsOfEverySizeComeBack) {
  std::mt19937 random(1);
  for (size_t size = 0; size < 400; ++size) {
    const std::string bytes = RandomBytes(size, &random);
    std::string text = absl::Base64Escape(bytes);
    EXPECT_EQ(Decoded(text), bytes);
    while (text.ends_with('=')) text.pop_back();
    EXPECT_EQ(Decoded(text), bytes) << "without padding";
  }
}

TEST(Base64, EveryCharacterIsToldAtEveryPlace) {
  std::mt19937 random(2);
  const std::string bytes = RandomBytes(96, &random);
  const std::string good = absl::Base64Escape(bytes);
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t place = 0; place < good.size(); ++place) {
    for (int c = 0; c < 256; ++c) {
      std::string text = good;
      text[place] = static_cast<char>(c);
      const size_t value = kAlphabet.find(text[place]);
      EXPECT_EQ(IsBase64Character(text[place]), value != std::string_view::npos);
      if (value == std::string_view::npos) continue;
      std::string expected;
      ASSERT_TRUE(absl::Base64Unescape(text, &expected));
      ASSERT_EQ(Decoded(text), expected) << "character " << c << " at " << place;
    }
  }
}

TEST(Base64, WhatIsOfNoAlphabetIsRefusedWhereverItStands) {
  const std::string good(160, 'Q');
  for (size_t place = 0; place < good.size(); ++place) {
    for (int c = 0; c < 256; ++c) {
      const char odd = static_cast<char>(c);
      if (IsBase64Character(odd) || std::string_view(" \t\r\n=").find(odd) != std::string_view::npos) continue;
      std::string text = good;
      text[place] = odd;
      ASSERT_EQ(Decoded(text), "?") << "character " << c << " at " << place;
    }
  }
}

TEST(Base64, LineEndsMayStandAnywhere) {
  std::mt19937 random(3);
  const std::string bytes = RandomBytes(180, &random);
  const std::string text = absl::Base64Escape(bytes);
  for (size_t place = 0; place <= text.size(); ++place) {
    for (const char* end : {"\n", "\r\n", " "}) {
      EXPECT_EQ(Decoded(text.substr(0, place) + end + text.substr(place)), bytes) << place;
    }
  }
}

}  // namespace
}  // namespace flowlogs::testing
