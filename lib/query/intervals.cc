#include "lib/query/intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/query/address_sets.h"

namespace flowlogs {
inline namespace v1 {
namespace language {
namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();

IntSet Closed(int64_t first, int64_t last, int64_t least) {
  first = std::max(first, least);
  return first <= last ? IntSet{{first, last}} : IntSet{};
}

}  // namespace

IntSet Interval(Comparison comparison, Point p, int64_t least) {
  switch (comparison) {
    case Comparison::kEqual:
      return p.between ? IntSet{} : Closed(p.floor, p.floor, least);
    case Comparison::kLess:
      if (p.between) return Closed(least, p.floor, least);
      return p.floor > least ? Closed(least, p.floor - 1, least) : IntSet{};
    case Comparison::kLessEqual:
      return Closed(least, p.floor, least);
    case Comparison::kGreater:
      return p.floor < kMaxInt ? Closed(p.floor + 1, kMaxInt, least) : IntSet{};
    case Comparison::kGreaterEqual:
      if (!p.between) return Closed(p.floor, kMaxInt, least);
      return p.floor < kMaxInt ? Closed(p.floor + 1, kMaxInt, least) : IntSet{};
  }
  return {};
}

IntSet Between(Point lower, Point upper, int64_t least) {
  const IntSet from = Interval(Comparison::kGreaterEqual, lower, least);
  return from.empty() ? IntSet{} : Closed(from[0].first, upper.floor, least);
}

void Normalize(IntSet* set) {
  std::sort(set->begin(), set->end());
  size_t size = 0;
  for (const auto& next : *set) {
    // The first number is not before that of the last interval: `- 1` is looked at only where it cannot overflow.
    if (size > 0 && (next.first <= (*set)[size - 1].second || next.first - 1 == (*set)[size - 1].second)) {
      (*set)[size - 1].second = std::max((*set)[size - 1].second, next.second);
    } else {
      (*set)[size++] = next;
    }
  }
  set->resize(size);
}

std::pair<double, double> Interval(Comparison comparison, double number) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (comparison) {
    case Comparison::kEqual:
      return {number, number};
    case Comparison::kLess:
      return {-kInfinity, std::nextafter(number, -kInfinity)};
    case Comparison::kLessEqual:
      return {-kInfinity, number};
    case Comparison::kGreater:
      return {std::nextafter(number, kInfinity), kInfinity};
    case Comparison::kGreaterEqual:
      return {number, kInfinity};
  }
  return {kInfinity, -kInfinity};
}

AddressSet Range(Comparison comparison, IpAddress address) {
  AddressSetBuilder set;
  switch (comparison) {
    case Comparison::kEqual:
      set.Add(address);
      break;
    case Comparison::kLess:
      if (const auto last = AddressBefore(address)) set.AddRange(std::nullopt, last);
      break;
    case Comparison::kLessEqual:
      set.AddRange(std::nullopt, address);
      break;
    case Comparison::kGreater:
      if (const auto first = AddressAfter(address)) set.AddRange(first, std::nullopt);
      break;
    case Comparison::kGreaterEqual:
      set.AddRange(address, std::nullopt);
      break;
  }
  return set.Build();
}

}  // namespace language
}  // namespace v1
}  // namespace flowlogs
