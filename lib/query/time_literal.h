// Times as people write them: ISO 8601.
#ifndef FLOWLOGS_LIB_QUERY_TIME_LITERAL_H_
#define FLOWLOGS_LIB_QUERY_TIME_LITERAL_H_

#include <cstdint>
#include <string_view>

namespace flowlogs {
inline namespace v1 {
namespace language {

// A number as it was written, perhaps between two integers: the integers it is compared with are all whole.
struct Point {
  int64_t floor = 0;
  bool between = false;  // floor < number < floor + 1
};

// Reads a date ("2024-01-31", its first second) or a date and a time ("2024-01-31T23:59", with seconds and a fraction
// of any length, T or a blank, then Z, +hh:mm, +hhmm, +hh, or nothing for UTC) as seconds since 1970 UTC.
// Returns nullptr, or what is wrong, to be put after the text: "has no such day". There are no leap seconds.
const char* ParseIsoTime(std::string_view text, Point* seconds);

}  // namespace language
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_TIME_LITERAL_H_
