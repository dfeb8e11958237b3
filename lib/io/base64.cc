#include "lib/io/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint32_t kOther = 1u << 31;

// tables[i][c]: what character c says at place i of four, at its place in 24 bits; kOther if it is none.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 4> tables{};
  for (auto& table : tables) table.fill(kOther);
  for (uint32_t value = 0; value < 64; ++value) {
    for (uint32_t place = 0; place < 4; ++place) {
      tables[place][static_cast<unsigned char>(kAlphabet[value])] = value << (18 - 6 * place);
    }
  }
  return tables;
}();

char* Put(uint32_t bits, char* out) {
  out[0] = static_cast<char>(bits >> 16);
  out[1] = static_cast<char>(bits >> 8);
  out[2] = static_cast<char>(bits);
  return out + 3;
}

}  // namespace

bool IsBase64Character(char c) { return kTables[3][static_cast<unsigned char>(c)] != kOther; }

std::optional<size_t> DecodeBase64(std::string_view text, char* out) {
  char* const begin = out;
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  auto is_space = [](unsigned char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; };
  for (;;) {
    while (end - p >= 4) {
      const uint32_t bits = kTables[0][p[0]] | kTables[1][p[1]] | kTables[2][p[2]] | kTables[3][p[3]];
      if ((bits & kOther) != 0) break;
      out = Put(bits, out);
      p += 4;
    }
    // Four characters with line ends between them, or the last ones.
    unsigned char four[4];
    size_t have = 0;
    while (p < end && have < 4 && *p != '=') {
      if (!is_space(*p)) four[have++] = *p;
      ++p;
    }
    if (have == 4) {
      const uint32_t bits = kTables[0][four[0]] | kTables[1][four[1]] | kTables[2][four[2]] | kTables[3][four[3]];
      if ((bits & kOther) != 0) return std::nullopt;
      out = Put(bits, out);
      continue;
    }
    if (!std::all_of(p, end, [&](unsigned char c) { return c == '=' || is_space(c); })) return std::nullopt;
    if (std::count(p, end, '=') > 2 || have == 1) return std::nullopt;
    if (have > 1) {
      const uint32_t bits = kTables[0][four[0]] | kTables[1][four[1]] | (have == 3 ? kTables[2][four[2]] : 0);
      if ((bits & kOther) != 0) return std::nullopt;
      char last[3];
      Put(bits, last);
      out = std::copy_n(last, have - 1, out);
    }
    return static_cast<size_t>(out - begin);
  }
}

bool LooksLikeBase64(std::string_view text) {
  constexpr size_t kLooked = 16;
  text = text.substr(0, kLooked);
  const size_t characters =
      static_cast<size_t>(std::find_if_not(text.begin(), text.end(), IsBase64Character) - text.begin());
  if (characters < 8) return false;
  char first[Base64Room(kLooked)];
  const std::optional<size_t> size = DecodeBase64(text.substr(0, characters / 4 * 4), first);
  if (!size) return false;
  const std::string_view bytes(first, *size);
  if (bytes.starts_with("\x1f\x8b\x08") || bytes.starts_with("\x28\xb5\x2f\xfd")) return true;
  // `{"`, `[{`, perhaps with white space between.
  const auto next = [&](size_t i) {
    i = bytes.find_first_not_of(" \t\r\n", i);
    return i == std::string_view::npos ? '\0' : bytes[i];
  };
  return (bytes[0] == '{' && (next(1) == '"' || next(1) == '}')) ||
         (bytes[0] == '[' && (next(1) == '{' || next(1) == '['));
}

}  // namespace v1
}  // namespace flowlogs
