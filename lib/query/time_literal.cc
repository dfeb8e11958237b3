#include "lib/query/time_literal.h"

#include "lib/query/lexer.h"

namespace flowlogs {
inline namespace v1 {
namespace language {
namespace {

constexpr char kForm[] = "is no time: write 'YYYY-MM-DD' or 'YYYY-MM-DDThh:mm:ssZ'";

// Takes exactly `digits` digits off the front of `rest`.
bool TakeNumber(std::string_view* rest, size_t digits, int* number) {
  if (rest->size() < digits || !AllDigits(rest->substr(0, digits))) return false;
  *number = 0;
  for (char c : rest->substr(0, digits)) *number = *number * 10 + (c - '0');
  rest->remove_prefix(digits);
  return true;
}

bool Take(std::string_view* rest, char c) {
  if (rest->empty() || (*rest)[0] != c) return false;
  rest->remove_prefix(1);
  return true;
}

int DaysOfMonth(int year, int month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Days since 1970-01-01 in the Gregorian calendar. The year is taken to begin in March, so that a leap day is its last;
// 153 days are any five months from March or August on.
int64_t DaysSince1970(int year, int month, int day) {
  const int64_t y = year - (month <= 2 ? 1 : 0) + 400;  // not negative
  const int64_t m = (month + 9) % 12;
  const int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
  return days - 719468 - 146097;  // from 0000-03-01 to 1970-01-01, and the 400 years added above
}

}  // namespace

const char* ParseIsoTime(std::string_view rest, Point* seconds) {
  int year = 0, month = 0, day = 0;
  if (!TakeNumber(&rest, 4, &year) || !Take(&rest, '-') || !TakeNumber(&rest, 2, &month) || !Take(&rest, '-') ||
      !TakeNumber(&rest, 2, &day)) {
    return kForm;
  }
  if (month < 1 || month > 12) return "has no such month";
  if (day < 1 || day > DaysOfMonth(year, month)) return "has no such day";
  *seconds = {DaysSince1970(year, month, day) * 86400, false};
  if (rest.empty()) return nullptr;

  int hour = 0, minute = 0, second = 0;
  if (!(Take(&rest, 'T') || Take(&rest, 't') || Take(&rest, ' ')) || !TakeNumber(&rest, 2, &hour) ||
      !Take(&rest, ':') || !TakeNumber(&rest, 2, &minute)) {
    return kForm;
  }
  if (Take(&rest, ':')) {
    if (!TakeNumber(&rest, 2, &second)) return kForm;
    if (Take(&rest, '.')) {
      size_t digits = 0;
      for (; digits < rest.size() && IsDigit(rest[digits]); ++digits) {
        if (rest[digits] != '0') seconds->between = true;
      }
      if (digits == 0) return kForm;
      rest.remove_prefix(digits);
    }
  }
  if (second == 60) return "is a leap second, which flow logs do not have";
  if (hour > 23 || minute > 59 || second > 59) return "has no such time of the day";
  seconds->floor += hour * 3600 + minute * 60 + second;

  if (rest.empty() || Take(&rest, 'Z') || Take(&rest, 'z')) return rest.empty() ? nullptr : kForm;
  const bool west = rest[0] == '-';
  if (!west && rest[0] != '+') return kForm;
  rest.remove_prefix(1);
  hour = minute = 0;
  if (!TakeNumber(&rest, 2, &hour)) return kForm;
  if (!rest.empty()) {
    Take(&rest, ':');
    if (!TakeNumber(&rest, 2, &minute) || !rest.empty()) return kForm;
  }
  if (hour > 23 || minute > 59) return "has no such time zone";
  const int64_t offset = hour * 3600 + minute * 60;
  seconds->floor -= west ? -offset : offset;
  return nullptr;
}

}  // namespace language
}  // namespace v1
}  // namespace flowlogs
