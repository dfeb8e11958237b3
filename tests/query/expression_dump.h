// What the tests of the language share: expressions and errors as short texts.
//
//   Dump("not (dstport = 443 or srcaddr in 10.0.0.0/8)")   "and(!dstport{443} !srcaddr{10.0.0.0..10.255.255.255})"
#ifndef FLOWLOGS_TESTS_QUERY_EXPRESSION_DUMP_H_
#define FLOWLOGS_TESTS_QUERY_EXPRESSION_DUMP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "re2/re2.h"

#include "flowlogs/query/query.h"
#include "lib/query/expression.h"

namespace flowlogs {
namespace testing_language {

inline constexpr int64_t kNow = 1700000000;  // 2023-11-14T22:13:20Z

// A block of exactly the text's size, so that a sanitizer sees one byte too far.
class ExactText {
 public:
  explicit ExactText(std::string_view text) : size_(text.size()), bytes_(new char[text.size()]) {
    std::copy(text.begin(), text.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<char[]> bytes_;
};

inline absl::StatusOr<Expression> Parse(std::string_view text, LanguageContext context = {}) {
  context.now_seconds = kNow;
  return ParseFilter(ExactText(text).view(), context);
}

inline std::string Message(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

inline std::string DumpInt(int64_t value) {
  return value == INT64_MAX ? "max" : value == INT64_MIN ? "min" : std::to_string(value);
}
inline std::string DumpNumber(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.17g", value);
  return text;
}

inline std::string DumpTest(const Test& test) {
  std::string out = test.negated ? "!" : "";
  for (size_t i = 0; i < test.columns.size(); ++i) out += (i > 0 ? "|" : "") + test.columns[i].name;
  if (test.is_synonym) out += "*";
  auto interval = [&](const std::string& first, const std::string& last) {
    if (out.back() != '{') out += ",";
    out += first == last ? first : first + ".." + last;
  };
  switch (test.kind) {
    case Test::Kind::kInts:
      out += "{";
      for (const auto& [first, last] : test.ints) interval(DumpInt(first), DumpInt(last));
      return out + "}";
    case Test::Kind::kNumbers:
      out += "{";
      for (const auto& [first, last] : test.numbers) interval(DumpNumber(first), DumpNumber(last));
      return out + "}";
    case Test::Kind::kHasFlags:
      return out + " has " + std::to_string(test.flags);
    case Test::Kind::kAddresses:
      out += "{";
      for (const auto& [first, last] : test.addresses.v4) {
        interval(IpAddress::V4(first).ToString(), IpAddress::V4(last).ToString());
      }
      for (const auto& [first, last] : test.addresses.v6) interval(first.ToString(), last.ToString());
      if (test.internal) interval("internal", "internal");
      return out + "}";
    case Test::Kind::kTexts:
      out += "{";
      for (const std::string& text : test.texts) interval("'" + text + "'", "'" + text + "'");
      return out + "}";
    case Test::Kind::kTextRange:
      out += test.lower ? (test.lower_open ? "('" : "['") + *test.lower + "'" : "(";
      return out + ".." + (test.upper ? "'" + *test.upper + (test.upper_open ? "')" : "']") : ")");
    case Test::Kind::kLike:
      return out + " like " + test.texts.at(0);
    case Test::Kind::kRegex:
      return out + " ~ " + test.regex->pattern();
    case Test::Kind::kIsNull:
      return out + " null";
  }
  return out;
}

inline std::string DumpTree(const Expression& e) {
  if (e.kind == Expression::Kind::kTest) return DumpTest(e.test);
  std::string out = e.kind == Expression::Kind::kAnd ? "and(" : "or(";
  for (const Expression& child : e.children) out += (&child == &e.children[0] ? "" : " ") + DumpTree(child);
  return out + ")";
}

inline std::string Dump(std::string_view text, const LanguageContext& context = {}) {
  const absl::StatusOr<Expression> e = Parse(text, context);
  return e.ok() ? DumpTree(*e) : "error: " + Message(e.status());
}

// What is wrong, without the lines of the caret.
inline std::string ErrorOf(const absl::Status& status) {
  const std::string message = Message(status);
  return status.ok() ? "no error" : message.substr(0, message.find('\n'));
}
inline std::string Error(std::string_view text, const LanguageContext& context = {}) {
  return ErrorOf(Parse(text, context).status());
}

inline size_t ErrorColumn(std::string_view text, const LanguageContext& context = {}) {
  return ExpressionColumn(Parse(text, context).status()).value_or(0);
}

}  // namespace testing_language
}  // namespace flowlogs

#endif  // FLOWLOGS_TESTS_QUERY_EXPRESSION_DUMP_H_
