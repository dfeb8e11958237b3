// The tokens of the language of filters, keys and aggregates (CONTRACT L).
#ifndef FLOWLOGS_LIB_QUERY_LEXER_H_
#define FLOWLOGS_LIB_QUERY_LEXER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace flowlogs {
inline namespace v1 {
namespace language {

enum class TokenKind : uint8_t {
  kEnd,           // stands after the last token
  kName,          // srcaddr, tcp, SYN-ACK; keywords too
  kText,          // 'eni-1', "it''s"
  kOpenText,      // text without its closing quote
  kNumber,        // 443, 1.5Mi, 5m: digits, perhaps a fraction, perhaps letters
  kAddress,       // 10.0.0.1, ::1
  kPrefix,        // 10.0.0.0/8, fc00::/7: an address, a slash and digits; not yet checked further
  kSet,           // @name; a path of plain characters (letters, digits, _ - . / ~ :) is a name too; perhaps empty
  kMalformed,     // a run of name, number and address characters that is none of them: 2024-01-01, 443-445
  kEqual,         // = ==
  kNotEqual,      // != <>
  kLess,          // <
  kLessEqual,     // <=
  kGreater,       // >
  kGreaterEqual,  // >=
  kMatch,         // ~
  kNotMatch,      // !~
  kAnd,           // &&
  kOr,            // ||
  kNot,           // !
  kOpen,          // (
  kClose,         // )
  kComma,         // ,
  kMinus,         // - (a hyphen inside a name belongs to the name)
  kUnknown,       // any other character
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  size_t position = 0;   // in bytes
  std::string_view raw;  // as it stands in the text; valid while that lives
  std::string text;      // kText only: without its quotes

  // Whether this is the name `word`, in any case. REQUIRES: `word` is in lower case.
  bool Is(std::string_view word) const;
};

// Cuts a text into tokens, one at a time. A value type; does not own the text.
class Lexer {
 public:
  explicit Lexer(std::string_view text);

  // The next token, without and with going on. At the end kEnd, again and again.
  Token Peek() const { return Lexer(*this).Next(); }
  Token Next();

 private:
  std::string_view text_;  // without blanks at its end
  size_t next_ = 0;
};

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool AllDigits(std::string_view text) {
  for (char c : text) {
    if (!IsDigit(c)) return false;
  }
  return !text.empty();
}

// ASCII letters alone; other bytes must be equal.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// Bytes of the well-formed UTF-8 character that `text` begins with; 0 if there is none.
size_t Utf8CharSize(std::string_view text);

}  // namespace language
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_LEXER_H_
