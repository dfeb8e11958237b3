#include "lib/io/json_text.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>

#include "flowlogs/io/input.h"
#include "lib/io/utf8.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Four hex digits.
std::optional<uint32_t> CodeUnit(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t unit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, unit, 16);
  if (error != std::errc() || end != text.data() + 4) return std::nullopt;
  return unit;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    *out += static_cast<char>(code);
  } else if (code < 0x800) {
    *out += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
  } else if (code < 0x10000) {
    *out += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
             static_cast<char>(0x80 | (code & 63))};
  } else {
    *out += {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
             static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
  }
}

// Behind a backslash: what it stands for; returns how many characters were used, 0 if it is no escape.
size_t AppendEscape(std::string_view text, std::string* out) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (text.empty()) return 0;
  if (const size_t i = kEscapes.find(text[0]); i != std::string_view::npos) {
    *out += kMeanings[i];
    return 1;
  }
  const std::optional<uint32_t> unit = text[0] == 'u' ? CodeUnit(text.substr(1)) : std::nullopt;
  if (!unit) return 0;
  if (*unit < 0xD800 || *unit > 0xDFFF) {
    AppendUtf8(*unit, out);
    return 5;
  }
  const std::optional<uint32_t> second = text.substr(5).starts_with("\\u") ? CodeUnit(text.substr(7)) : std::nullopt;
  if (*unit < 0xDC00 && second && *second >= 0xDC00 && *second <= 0xDFFF) {
    AppendUtf8(0x10000 + ((*unit - 0xD800) << 10) + (*second - 0xDC00), out);
    return 11;
  }
  AppendUtf8(0xFFFD, out);  // half of a pair
  return 5;
}

std::string_view WithoutSpace(std::string_view token) {
  while (!token.empty() && IsSpace(token.back())) token.remove_suffix(1);
  return token;
}

std::string_view WholeNumber(std::string_view token, TextArena* arena) {
  if (token.find_first_of(".eE") == std::string_view::npos) return token;
  double number = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  constexpr double kExact = 9007199254740992;  // 2^53
  if (error != std::errc() || end != token.data() + token.size()) return token;
  if (std::abs(number) > kExact || number != std::trunc(number)) return token;
  std::string* const text = arena->Add();
  *text = std::to_string(static_cast<int64_t>(number));
  return *text;
}

}  // namespace

std::string_view UnescapedJson(std::string_view escaped, TextArena* arena) {
  size_t backslash = escaped.find('\\');
  if (backslash == std::string_view::npos) return escaped;
  std::string* const out = arena->Add();
  while (backslash != std::string_view::npos) {
    out->append(escaped.substr(0, backslash));
    escaped.remove_prefix(backslash + 1);
    const size_t used = AppendEscape(escaped, out);
    if (used == 0) *out += '\\';
    escaped.remove_prefix(used);
    backslash = escaped.find('\\');
  }
  out->append(escaped);
  return *out;
}

std::string_view StringText(std::string_view token, TextArena* arena) {
  token = WithoutSpace(token);
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') return {};
  token = token.substr(1, token.size() - 2);
  return arena == nullptr ? token : UnescapedJson(token, arena);
}

std::string_view ScalarText(std::string_view token, TextArena* arena) {
  token = WithoutSpace(token);
  if (token.starts_with('"')) return StringText(token, arena);
  if (token == "null" || token == "NaN") return {};
  if (!token.empty() && (IsDigit(token.front()) || token.front() == '-')) return WholeNumber(token, arena);
  return token;
}

LogName LogNameOf(std::string_view log) {
  const size_t colon = log.find(':');
  if (colon == std::string_view::npos) return {{}, log};
  return {log.substr(0, colon), log.substr(colon + 1)};
}

int64_t EventTime(std::string_view text) {
  constexpr int64_t kNone = BlockEvents::kNoTime;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && text.size() >= 9 && number >= 0) {
    constexpr int64_t kFirstMilliseconds = 100'000'000'000;  // as in the fields start and end
    return number < kFirstMilliseconds ? number * 1000 : number;
  }
  if (text.ends_with('Z')) text.remove_suffix(1);
  constexpr std::string_view kShape = "0000-00-00 00:00:00";
  if (text.size() < kShape.size()) return kNone;
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool fits = kShape[i] == '0' ? IsDigit(text[i]) : text[i] == kShape[i] || (i == 10 && text[i] == 'T');
    if (!fits) return kNone;
  }
  const auto part = [&](size_t at, size_t size) {
    int64_t value = 0;
    std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  const int64_t month = part(5, 2), day = part(8, 2), hour = part(11, 2), minute = part(14, 2), second = part(17, 2);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return kNone;
  int64_t milliseconds = 0;
  if (const std::string_view fraction = text.substr(kShape.size()); !fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() < 2 || fraction.size() > 10) return kNone;
    if (!std::all_of(fraction.begin() + 1, fraction.end(), IsDigit)) return kNone;
    for (size_t i = 1; i <= 3; ++i) milliseconds = milliseconds * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  }
  using std::chrono::sys_days;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(part(0, 4))),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const int64_t days = sys_days(date).time_since_epoch().count();
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milliseconds;
}

void ReplaceBadUtf8(char* text, size_t size) {
  for (size_t i = 0; i < size;) {
    const size_t good = internal::DecodeUtf8(text + i, text + size).length;
    if (good == 0) text[i] = '?';
    i += std::max<size_t>(good, 1);
  }
}

}  // namespace v1
}  // namespace flowlogs
