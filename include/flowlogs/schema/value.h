// Reading one value: the text of a token -> a number, an address, a decoded tag (CONTRACT F4 to F8).
// Standard library only; nothing allocates but DecodeTag().
#ifndef FLOWLOGS_SCHEMA_VALUE_H_
#define FLOWLOGS_SCHEMA_VALUE_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"

namespace flowlogs {
inline namespace v1 {

// What became of a value.
enum class ValueState : uint8_t {
  kMissing,  // "-", or the format lacks the field: null, never 0
  kBad,      // not of the field's type: null, and counted
  kPresent,
};

// True iff the token stands for a missing value.
constexpr bool IsMissing(std::string_view token) { return token.size() == 1 && token[0] == '-'; }

// Decimal digits, nothing else, at most `max`. nullopt for anything else: signs, hex, underscores, overflow, no digits.
constexpr std::optional<int64_t> ParseInteger(std::string_view token,
                                              int64_t max = std::numeric_limits<int64_t>::max());

// A value of an integer field by its type: the range of int32 or int64; times of 10^11 and more are milliseconds and are
// divided by 1000, rounded down. REQUIRES: type is kInt32, kInt64 or kTime.
constexpr std::optional<int64_t> ParseIntegerOf(ValueType type, std::string_view token);

// Percent-decodes a tag value. A broken escape stays as it is, and "+" is no blank. "%2D" becomes "-", which is text then.
inline std::string DecodeTag(std::string_view token);

// The state of a token as a value of the type: reads it and throws the value away.
inline ValueState StateOf(ValueType type, std::string_view token);

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

constexpr std::optional<int64_t> ParseInteger(std::string_view token, int64_t max) {
  if (token.empty()) return std::nullopt;
  uint64_t value = 0;
  constexpr size_t kSafeDigits = 18;  // so many cannot overflow
  if (token.size() <= kSafeDigits) {
    for (char c : token) {
      const unsigned digit = static_cast<unsigned char>(c) - static_cast<unsigned>('0');
      if (digit > 9) return std::nullopt;
      value = value * 10 + digit;
    }
  } else {
    for (char c : token) {
      const unsigned digit = static_cast<unsigned char>(c) - static_cast<unsigned>('0');
      if (digit > 9 || value > (std::numeric_limits<uint64_t>::max() - 9) / 10) return std::nullopt;
      value = value * 10 + digit;
    }
  }
  if (value > static_cast<uint64_t>(max)) return std::nullopt;
  return static_cast<int64_t>(value);
}

constexpr std::optional<int64_t> ParseIntegerOf(ValueType type, std::string_view token) {
  constexpr int64_t kFirstMilliseconds = 100'000'000'000;  // 10^11 s is the year 5138; 10^11 ms is March 1973
  if (type == ValueType::kInt32) return ParseInteger(token, std::numeric_limits<int32_t>::max());
  std::optional<int64_t> value = ParseInteger(token);
  if (type == ValueType::kTime && value && *value >= kFirstMilliseconds) *value /= 1000;
  return value;
}

inline std::string DecodeTag(std::string_view token) {
  std::string decoded;
  decoded.reserve(token.size());
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '%' && i + 2 < token.size()) {
      const int high = internal::HexDigit(token[i + 1]);
      const int low = internal::HexDigit(token[i + 2]);
      if (high >= 0 && low >= 0) {
        decoded += static_cast<char>(high << 4 | low);
        i += 2;
        continue;
      }
    }
    decoded += token[i];
  }
  return decoded;
}

inline ValueState StateOf(ValueType type, std::string_view token) {
  if (IsMissing(token)) return ValueState::kMissing;
  switch (type) {
    case ValueType::kInt32:
    case ValueType::kInt64:
    case ValueType::kTime:
      return ParseIntegerOf(type, token) ? ValueState::kPresent : ValueState::kBad;
    case ValueType::kAddress:
      return IpAddress::Parse(token) ? ValueState::kPresent : ValueState::kBad;
    case ValueType::kText:
    case ValueType::kTag:
      break;
  }
  return ValueState::kPresent;
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_SCHEMA_VALUE_H_
