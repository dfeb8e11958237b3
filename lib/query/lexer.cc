#include "lib/query/lexer.h"

#include <algorithm>

#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"
#include "lib/io/utf8.h"

namespace flowlogs {
inline namespace v1 {
namespace language {
namespace {

constexpr bool StartsRun(char c) { return IsLetter(c) || IsDigit(c) || c == '_' || c == ':' || c == '.'; }
constexpr bool InRun(char c) { return StartsRun(c) || c == '-' || c == '/'; }

// Digits, perhaps a fraction, perhaps letters.
bool IsNumber(std::string_view run) {
  size_t i = 0;
  while (i < run.size() && IsDigit(run[i])) ++i;
  if (i == 0) return false;
  if (i < run.size() && run[i] == '.') {
    const size_t fraction = ++i;
    while (i < run.size() && IsDigit(run[i])) ++i;
    if (i == fraction) return false;
  }
  while (i < run.size() && IsLetter(run[i])) ++i;
  return i == run.size();
}

// Names, numbers, addresses and prefixes share their characters: what a whole run of these is decides.
TokenKind KindOfRun(std::string_view run) {
  if (const size_t slash = run.find('/'); slash != std::string_view::npos) {
    return IpAddress::Parse(run.substr(0, slash)) && AllDigits(run.substr(slash + 1)) ? TokenKind::kPrefix
                                                                                      : TokenKind::kMalformed;
  }
  if (IsDigit(run[0]) || run.find(':') != std::string_view::npos) {
    if (IpAddress::Parse(run)) return TokenKind::kAddress;
    return IsNumber(run) ? TokenKind::kNumber : TokenKind::kMalformed;
  }
  return run[0] == '.' ? TokenKind::kMalformed : TokenKind::kName;
}

struct Operator {
  std::string_view text;
  TokenKind kind;
};
// Longer ones first.
constexpr Operator kOperators[] = {
    {"==", TokenKind::kEqual},     {"!=", TokenKind::kNotEqual},     {"<>", TokenKind::kNotEqual},
    {"<=", TokenKind::kLessEqual}, {">=", TokenKind::kGreaterEqual}, {"!~", TokenKind::kNotMatch},
    {"&&", TokenKind::kAnd},       {"||", TokenKind::kOr},           {"=", TokenKind::kEqual},
    {"<", TokenKind::kLess},       {">", TokenKind::kGreater},       {"~", TokenKind::kMatch},
    {"!", TokenKind::kNot},        {"(", TokenKind::kOpen},          {")", TokenKind::kClose},
    {",", TokenKind::kComma},      {"-", TokenKind::kMinus},
};

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return internal::Lower(x) == internal::Lower(y); });
}

size_t Utf8CharSize(std::string_view text) {
  return text.empty() ? 0 : internal::DecodeUtf8(text.data(), text.data() + text.size()).length;
}

bool Token::Is(std::string_view word) const { return kind == TokenKind::kName && EqualsIgnoreCase(raw, word); }

Lexer::Lexer(std::string_view text) : text_(text) {
  while (!text_.empty() && IsBlank(text_.back())) text_.remove_suffix(1);
}

Token Lexer::Next() {
  while (next_ < text_.size() && IsBlank(text_[next_])) ++next_;
  Token token;
  token.position = next_;
  const std::string_view rest = text_.substr(next_);
  if (rest.empty()) return token;

  size_t size = 1;
  const char first = rest[0];
  if (first == '\'' || first == '"') {
    token.kind = TokenKind::kOpenText;
    for (; size < rest.size(); ++size) {
      if (rest[size] == first) {
        if (size + 1 == rest.size() || rest[size + 1] != first) {
          token.kind = TokenKind::kText;
          ++size;
          break;
        }
        ++size;  // a doubled quote is one
      }
      token.text += rest[size];
    }
  } else if (StartsRun(first)) {
    while (size < rest.size() && InRun(rest[size])) ++size;
    token.kind = KindOfRun(rest.substr(0, size));
  } else if (first == '@') {
    while (size < rest.size() && (InRun(rest[size]) || rest[size] == '~')) ++size;
    token.kind = TokenKind::kSet;
  } else {
    const Operator* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                         [&](const Operator& o) { return rest.starts_with(o.text); });
    if (found != std::end(kOperators)) {
      token.kind = found->kind;
      size = found->text.size();
    } else {
      token.kind = TokenKind::kUnknown;
      size = std::max<size_t>(Utf8CharSize(rest), 1);
    }
  }
  token.raw = rest.substr(0, size);
  next_ += size;
  return token;
}

}  // namespace language
}  // namespace v1
}  // namespace flowlogs
