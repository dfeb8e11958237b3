// Sorting by a number first: digit by digit, where comparing costs a mispredicted branch every other time.
#ifndef FLOWLOGS_LIB_QUERY_RANK_SORT_H_
#define FLOWLOGS_LIB_QUERY_RANK_SORT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace flowlogs {
inline namespace v1 {

// The rank of what comes last, nulls.
inline constexpr uint64_t kLastRank = ~uint64_t{0};

// Sorts by `before`, for which of two items with different ranks the one of the lower rank is first. T: a struct with a
// `rank` of 64 bits, cheap to copy.
template <typename T, typename Before>
void SortByRank(std::vector<T>& items, const Before& before) {
  constexpr size_t kFew = 64, kMany = size_t{1} << 20;  // of many, a copy would take too much memory
  constexpr size_t kMostDigits = 5;                     // of more, comparing costs no more
  const auto nulls = std::partition(items.begin(), items.end(), [](const T& item) { return item.rank != kLastRank; });
  const size_t count = static_cast<size_t>(nulls - items.begin());
  std::sort(nulls, items.end(), before);
  uint64_t differs = 0;
  for (size_t i = 1; i < count; ++i) differs |= items[i].rank ^ items[0].rank;
  size_t digits = 0;
  for (int shift = 0; shift < 64; shift += 8) digits += (differs >> shift & 0xff) != 0;
  if (count < kFew || count > kMany || digits > kMostDigits) {
    std::sort(items.begin(), nulls, before);
    return;
  }
  std::vector<T> other(items.size());
  std::copy(nulls, items.end(), other.begin() + static_cast<std::ptrdiff_t>(count));
  for (int shift = 0; shift < 64; shift += 8) {
    if ((differs >> shift & 0xff) == 0) continue;
    std::array<size_t, 256> places{};
    for (size_t i = 0; i < count; ++i) ++places[items[i].rank >> shift & 0xff];
    size_t next = 0;
    for (size_t& place : places) next += std::exchange(place, next);
    for (size_t i = 0; i < count; ++i) other[places[items[i].rank >> shift & 0xff]++] = items[i];
    items.swap(other);
  }
  const auto first = items.begin();
  for (auto begin = first, end = first; begin != first + static_cast<std::ptrdiff_t>(count); begin = end) {
    while (end != first + static_cast<std::ptrdiff_t>(count) && end->rank == begin->rank) ++end;
    if (end - begin > 1) std::sort(begin, end, before);
  }
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_RANK_SORT_H_
