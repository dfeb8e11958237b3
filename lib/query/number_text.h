// Private: numbers and times as text. The functions write to `p` without a check and return the end of what they wrote.
#ifndef FLOWLOGS_LIB_QUERY_NUMBER_TEXT_H_
#define FLOWLOGS_LIB_QUERY_NUMBER_TEXT_H_

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "lib/parse/text_out.h"

namespace flowlogs {
inline namespace v1 {
namespace internal {

// What each of these, and IpAddress::Format(), needs at most.
inline constexpr size_t kNumberRoom = 40;

inline char* WriteInt(int64_t value, char* p) { return std::to_chars(p, p + kNumberRoom, value).ptr; }

// The fewest digits that read back as the same number; with an exponent only below 1e-5 and from 1e16 on, where people
// would have to count zeros ("1e+05" is no byte count). "nan", "inf", "-inf" for what is no number.
inline char* WriteDouble(double value, char* p) {
  if (std::isnan(value)) return WriteBytes("nan", p);
  const double size = std::fabs(value);
  const bool fixed = size == 0 || (size >= 1e-5 && size < 1e16);
  return std::to_chars(p, p + kNumberRoom, value, fixed ? std::chars_format::fixed : std::chars_format::scientific).ptr;
}

// Seconds since 1970 UTC as 2021-09-03T00:18:08Z; the integer as it is outside of the years 0000 to 9999.
inline char* WriteTime(int64_t seconds, char* p) {
  if (seconds < -62167219200 || seconds > 253402300799) return WriteInt(seconds, p);
  // Days are counted from 0000-03-01, so that a leap day ends its year; 400 years are 146097 days.
  const int64_t since_year_0 = seconds + int64_t{719468} * 86400;
  const int64_t shifted = since_year_0 + int64_t{146097} * 86400;  // a whole era more: never negative
  const int64_t day = shifted / 86400;
  const int64_t second = shifted % 86400;
  const int64_t era = day / 146097;
  const int64_t day_of_era = day % 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = (era - 1) * 400 + year_of_era + (month <= 2 ? 1 : 0);
  const auto two = [&p](int64_t number, char after) {
    *p++ = static_cast<char>('0' + number / 10);
    *p++ = static_cast<char>('0' + number % 10);
    if (after != '\0') *p++ = after;
  };
  two(year / 100, '\0');
  two(year % 100, '-');
  two(month, '-');
  two(day_of_month, 'T');
  two(second / 3600, ':');
  two(second / 60 % 60, ':');
  two(second % 60, 'Z');
  return p;
}

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_NUMBER_TEXT_H_
