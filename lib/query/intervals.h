// What a comparison means as a set of values.
#ifndef FLOWLOGS_LIB_QUERY_INTERVALS_H_
#define FLOWLOGS_LIB_QUERY_INTERVALS_H_

#include <cstdint>
#include <utility>

#include "flowlogs/schema/address.h"
#include "lib/query/expression.h"
#include "lib/query/time_literal.h"

namespace flowlogs {
inline namespace v1 {
namespace language {

enum class Comparison : uint8_t { kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };

// The integers that compare so with a point, from `least` on. REQUIRES: no value is below `least`.
IntSet Interval(Comparison comparison, Point point, int64_t least);
// Those between two points, both included.
IntSet Between(Point lower, Point upper, int64_t least);
// Sorts intervals and joins those that overlap or touch.
void Normalize(IntSet* set);

// The numbers that compare so with another one, as a closed interval; an empty one has first > second.
std::pair<double, double> Interval(Comparison comparison, double number);

// The addresses that compare so with another one: IPv4 before IPv6.
AddressSet Range(Comparison comparison, IpAddress address);

}  // namespace language
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_INTERVALS_H_
