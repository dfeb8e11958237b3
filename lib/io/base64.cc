#include "lib/io/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

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

// Decodes blocks of characters as long as all are of the alphabet; returns how many characters, a multiple of four.
#if defined(__x86_64__) && defined(__GNUC__)
// 32 characters at once, as Wojciech Mula and Daniel Lemire do it ("Faster Base64 Encoding and Decoding using AVX2
// Instructions", 2018). What two tables say of the halves of a character has a bit in common iff it is not of the alphabet.
__attribute__((target("avx2"))) size_t DecodeAvx2(const unsigned char* p, size_t size, char* out) {
  const __m256i low_table = _mm256_broadcastsi128_si256(_mm_setr_epi8(
      0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A));
  const __m256i high_table = _mm256_broadcastsi128_si256(_mm_setr_epi8(
      0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10));
  // What is added to a character, by its upper half; 1: of the slash.
  const __m256i differences =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i slash = _mm256_set1_epi8('/');  // 0x2f: of indices the low four bits count, and bit 7
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
  const __m256i together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
  size_t at = 0;
  // 32 bytes are written for the 24 that come out: there is room for them while so many characters follow.
  for (; size - at >= 44; at += 32, out += 24) {
    const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + at));
    const __m256i high_half = _mm256_and_si256(_mm256_srli_epi32(text, 4), slash);
    const __m256i low = _mm256_shuffle_epi8(low_table, _mm256_and_si256(text, slash));
    const __m256i high = _mm256_shuffle_epi8(high_table, high_half);
    if (_mm256_testz_si256(low, high) == 0) break;
    const __m256i is_slash = _mm256_cmpeq_epi8(text, slash);
    const __m256i difference = _mm256_shuffle_epi8(differences, _mm256_add_epi8(is_slash, high_half));
    const __m256i six_bits = _mm256_add_epi8(text, difference);
    const __m256i twelve_bits = _mm256_maddubs_epi16(six_bits, _mm256_set1_epi32(0x01400140));
    const __m256i bits = _mm256_madd_epi16(twelve_bits, _mm256_set1_epi32(0x00011000));
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(bits, order), together);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
  }
  return at;
}
size_t DecodeBlocks(const unsigned char* p, size_t size, char* out) {
  return size >= 44 && __builtin_cpu_supports("avx2") ? DecodeAvx2(p, size, out) : 0;
}
#else
size_t DecodeBlocks(const unsigned char*, size_t, char*) { return 0; }
#endif

}  // namespace

bool IsBase64Character(char c) { return kTables[3][static_cast<unsigned char>(c)] != kOther; }

std::optional<size_t> DecodeBase64(std::string_view text, char* out) {
  char* const begin = out;
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  auto is_space = [](unsigned char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; };
  for (;;) {
    const size_t done = DecodeBlocks(p, static_cast<size_t>(end - p), out);
    p += done;
    out += done / 4 * 3;
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
