// Whether one value passes a test, its negation aside: the same for filters of records and of groups.
#ifndef FLOWLOGS_LIB_QUERY_TEST_VALUE_H_
#define FLOWLOGS_LIB_QUERY_TEST_VALUE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string_view>

#include "re2/re2.h"
#include "re2/stringpiece.h"

#include "flowlogs/schema/address.h"
#include "lib/query/expression.h"
#include "lib/query/filter.h"

namespace flowlogs {
inline namespace v1 {

inline bool Contains(const IntSet& set, int64_t value) {
  if (set.size() <= 4) {
    for (const auto& [low, high] : set) {
      if (value >= low && value <= high) return true;
    }
    return false;
  }
  const auto next =
      std::upper_bound(set.begin(), set.end(), value, [](int64_t v, const auto& i) { return v < i.first; });
  return next != set.begin() && value <= std::prev(next)->second;
}

// REQUIRES: kInts or kHasFlags.
inline bool HoldsFor(const Test& test, int64_t value) {
  return test.kind == Test::Kind::kHasFlags ? (value & test.flags) == test.flags : Contains(test.ints, value);
}

// REQUIRES: kNumbers.
inline bool HoldsFor(const Test& test, double value) {
  return std::any_of(test.numbers.begin(), test.numbers.end(),
                     [value](const auto& interval) { return interval.first <= value && value <= interval.second; });
}

// REQUIRES: a test of texts.
inline bool HoldsFor(const Test& test, std::string_view text) {
  switch (test.kind) {
    case Test::Kind::kTexts:
      if (test.texts.size() <= 4) return std::find(test.texts.begin(), test.texts.end(), text) != test.texts.end();
      return std::binary_search(test.texts.begin(), test.texts.end(), text, std::less<>());
    case Test::Kind::kTextRange:
      if (test.lower && (test.lower_open ? text <= *test.lower : text < *test.lower)) return false;
      return !test.upper || (test.upper_open ? text < *test.upper : text <= *test.upper);
    case Test::Kind::kLike:
      return MatchesLike(text, test.texts[0]);
    case Test::Kind::kRegex:
      return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *test.regex);
    default:
      return false;
  }
}

// Tests of texts act on the canonical text. Test::internal is the caller's.
inline bool HoldsFor(const Test& test, IpAddress address) {
  if (test.kind == Test::Kind::kAddresses) return test.addresses.Contains(address);
  char text[IpAddress::kMaxText + 1];
  return HoldsFor(test, std::string_view(text, address.Format(text)));
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_TEST_VALUE_H_
