// Single values of JSON as text, and times as envelopes write them.
#ifndef FLOWLOGS_LIB_IO_JSON_TEXT_H_
#define FLOWLOGS_LIB_IO_JSON_TEXT_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace flowlogs {
inline namespace v1 {

// Texts that are not written in the document as they are; views of them stay valid until Clear().
class TextArena {
 public:
  std::string* Add() { return &texts_.emplace_back(); }
  void Clear() { texts_.clear(); }

 private:
  std::deque<std::string> texts_;
};

// The text of a string of JSON between its quotes, escapes resolved: in place if there are none. What is no escape
// stays.
std::string_view UnescapedJson(std::string_view escaped, TextArena* arena);

// What a value without brackets is in a line: a string its text, null and NaN "", whole numbers (25238.0, 2.5e3) their
// digits, all else as it is written. `token`: from its first character on, perhaps with white space behind.
std::string_view ScalarText(std::string_view token, TextArena* arena);

// The text of a string; `token` as above. "" if it is no string. `arena`: nullptr if there are no escapes in it.
std::string_view StringText(std::string_view token, TextArena* arena);

// How Logs Insights and its CSV call a log: "123456789012:/aws/vpc/flowlogs". owner: "" if it is not said.
struct LogName {
  std::string_view owner, group;
};
LogName LogNameOf(std::string_view log);

// Milliseconds since 1970 of "1432826855000", "1432826855", "2023-12-18 16:28:03.000", "2023-12-18T16:28:03Z" (UTC);
// BlockEvents::kNoTime of whatever else.
int64_t EventTime(std::string_view text);

// Every byte that is no part of UTF-8 becomes a question mark.
void ReplaceBadUtf8(char* text, size_t size);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_JSON_TEXT_H_
