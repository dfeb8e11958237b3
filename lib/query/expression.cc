// Filters of records and of groups: a parser by recursive descent that builds the negation normal form as it goes.
#include "lib/query/expression.h"

#include <algorithm>

#include "re2/re2.h"
#include "re2/stringpiece.h"

#include "lib/query/address_sets.h"
#include "lib/query/intervals.h"
#include "lib/query/lexer.h"
#include "lib/query/operand.h"

namespace flowlogs {
inline namespace v1 {
namespace language {
namespace {

// Of what a person or a program writes, nothing comes near these; they bound time, stack and memory.
constexpr size_t kMaxBytes = 1 << 20;
constexpr int kMaxDepth = 200;
constexpr int kMaxPatterns = 256;
constexpr int64_t kPatternBytes = 8 << 20;  // of memory, for each pattern; the header of ScanOptions tells it

class FilterParser {
 public:
  // `outputs`: of `having`, else nullptr. With `complete` false more of them may come.
  FilterParser(std::string_view text, const LanguageContext& context,
               const std::vector<OutputColumn>* outputs = nullptr, bool complete = true)
      : context_(context), outputs_(outputs), complete_(complete), lexer_(text), diagnostics_(text) {}

  absl::StatusOr<Expression> Parse() {
    Expression expression;
    Advance();
    if (token_.kind == TokenKind::kEnd) {
      Fail(token_, {"the filter is empty: write ", kATest[outputs_ != nullptr]});
    } else if (ParseOr(/*negated=*/false, /*depth=*/0, &expression) && token_.kind != TokenKind::kEnd) {
      FailUnexpected("'and', 'or' or the end");
    }
    if (!diagnostics_.status().ok()) return diagnostics_.status();
    return expression;
  }

 private:
  void Advance() { token_ = lexer_.Next(); }
  bool Fail(const Token& token, std::initializer_list<std::string_view> what) {
    return diagnostics_.Fail(token.position, what);
  }
  bool FailUnexpected(std::string_view expected);
  bool Expect(TokenKind kind, std::string_view expected) {
    if (token_.kind != kind) return FailUnexpected(expected);
    Advance();
    return true;
  }
  // Takes the keyword if it stands here.
  bool TakeWord(std::string_view word) {
    if (!token_.Is(word)) return false;
    Advance();
    return true;
  }

  // `negated`: the negation of what stands here is built.
  bool ParseOr(bool negated, int depth, Expression* out);
  bool ParseAnd(bool negated, int depth, Expression* out);
  bool ParseNot(bool negated, int depth, Expression* out);
  bool ParseTest(Test* test);
  bool ParseSubject(const Token& name, Subject* subject);
  bool ResolveOutput(const Token& name, Subject* subject);

  bool ParseValue(std::string_view before, Value* value);
  bool ParseComparison(const Subject& subject, Comparison comparison, std::string_view written, Test* test);
  bool ParseIn(const Subject& subject, Test* test);
  bool ParseItem(const Subject& subject, AddressSetBuilder* addresses, Test* test);
  bool AddItem(const Subject& subject, const Value& value, AddressSetBuilder* addresses, Test* test);
  bool AddNamedSet(const Subject& subject, const Token& name, AddressSetBuilder* addresses, Test* test);
  bool ParseBetween(const Subject& subject, Test* test);
  bool ParseLike(const Subject& subject, Test* test);
  bool ParseRegex(const Subject& subject, Test* test);
  bool ParseHas(const Subject& subject, Test* test);
  bool ParsePattern(const Subject& subject, std::string_view operation);
  bool ParseWordOperator(const Subject& subject, bool* negated, Test* test);

  // Whether this is a column of the answer that may yet come: its type is not known.
  bool IsOpen(const Subject& subject) const { return outputs_ != nullptr && subject.output == nullptr; }
  static bool IsOperator(const Token& token);
  static void Join(Expression::Kind kind, std::vector<Expression> children, Expression* out);

  static constexpr std::string_view kATest[] = {"a test such as dstport = 443", "a test such as count > 10"};

  const LanguageContext& context_;
  const std::vector<OutputColumn>* outputs_;
  const bool complete_;
  Lexer lexer_;
  Diagnostics diagnostics_;
  Token token_;  // the one to be looked at next
  int patterns_ = 0;
};

bool FilterParser::FailUnexpected(std::string_view expected) {
  std::string hint;
  switch (token_.kind) {
    case TokenKind::kOpenText:
      return Fail(token_, {"the text has no closing quote"});
    case TokenKind::kSet:
      hint = ": a set stands after 'in'";
      break;
    case TokenKind::kUnknown:
      for (std::string_view quote : {"\u2018", "\u2019", "\u201C", "\u201D", "`"}) {
        if (token_.raw == quote) hint = ": text stands in straight quotes, ' or \"";
      }
      if (token_.raw == "&") hint = ": write && or 'and'";
      if (token_.raw == "|") hint = ": write || or 'or'; flags that are set together are 'SYN|ACK', in quotes";
      break;
    default:
      break;
  }
  return Fail(token_, {"expected ", expected, ", found ", Shown(token_), hint});
}

// One node for `a and (b and c)`: children of the same kind are taken up.
void FilterParser::Join(Expression::Kind kind, std::vector<Expression> children, Expression* out) {
  if (children.size() == 1) {
    *out = std::move(children[0]);
    return;
  }
  out->kind = kind;
  out->children.clear();
  for (Expression& child : children) {
    if (child.kind != kind) {
      out->children.push_back(std::move(child));
      continue;
    }
    for (Expression& grandchild : child.children) out->children.push_back(std::move(grandchild));
  }
}

bool FilterParser::ParseOr(bool negated, int depth, Expression* out) {
  std::vector<Expression> children;
  do {
    if (!ParseAnd(negated, depth, &children.emplace_back())) return false;
    if (token_.kind != TokenKind::kOr && !token_.Is("or")) break;
    Advance();
  } while (true);
  Join(negated ? Expression::Kind::kAnd : Expression::Kind::kOr, std::move(children), out);
  return true;
}

bool FilterParser::ParseAnd(bool negated, int depth, Expression* out) {
  std::vector<Expression> children;
  do {
    if (!ParseNot(negated, depth, &children.emplace_back())) return false;
    if (token_.kind != TokenKind::kAnd && !token_.Is("and")) break;
    Advance();
  } while (true);
  Join(negated ? Expression::Kind::kOr : Expression::Kind::kAnd, std::move(children), out);
  return true;
}

bool FilterParser::ParseNot(bool negated, int depth, Expression* out) {
  while (token_.kind == TokenKind::kNot || token_.Is("not")) {
    negated = !negated;
    Advance();
  }
  if (token_.kind == TokenKind::kOpen) {
    if (depth == kMaxDepth) return Fail(token_, {"parentheses are nested too deeply: 200 levels are allowed"});
    Advance();
    return ParseOr(negated, depth + 1, out) && Expect(TokenKind::kClose, "'and', 'or' or ')'");
  }
  out->kind = Expression::Kind::kTest;
  out->test.begin = token_.position;
  out->test.name_end = token_.position + token_.raw.size();
  if (!ParseTest(&out->test)) return false;
  out->test.end = token_.position;
  out->test.negated ^= negated;
  return true;
}

bool FilterParser::IsOperator(const Token& token) {
  if (token.kind >= TokenKind::kEqual && token.kind <= TokenKind::kNotMatch) return true;
  for (std::string_view word : {"in", "between", "like", "has", "is", "not"}) {
    if (token.Is(word)) return true;
  }
  return false;
}

// The output that is named. A name that may yet come has no output, and is a column of no format.
bool FilterParser::ResolveOutput(const Token& name, Subject* subject) {
  subject->name = std::string(name.raw);
  subject->columns = {{.kind = ColumnRef::Kind::kOther, .name = subject->name, .position = name.position}};
  subject->output = FindOutput(name.raw, *outputs_);
  if (subject->output != nullptr) {
    subject->name = subject->output->name;
    subject->columns = {subject->output->column};
    return true;
  }
  if (lexer_.Peek().kind == TokenKind::kOpen) {
    return Fail(name, {"functions cannot stand here: write the name of the column, as ", name.raw.substr(0, 60),
                       "_bytes for ", name.raw.substr(0, 60), "(bytes)"});
  }
  if (!complete_) return true;
  std::vector<std::string_view> names;
  std::string all;
  for (const OutputColumn& output : *outputs_) {
    names.push_back(output.name);
    if (all.size() < 200) (all += all.empty() ? "" : ", ") += output.name;
  }
  const std::string near = Suggest(name.raw, names);
  if (!near.empty()) return Fail(name, {"the answer has no column ", Shown(name), ": did you mean ", near, "?"});
  return Fail(name, {"the answer has no column ", Shown(name), "; it has ", all, all.size() < 200 ? "" : ", ..."});
}

bool FilterParser::ParseSubject(const Token& name, Subject* subject) {
  if (outputs_ != nullptr) return ResolveOutput(name, subject);
  ResolveSubject(name, subject);
  return true;
}

bool FilterParser::ParseTest(Test* test) {
  if (token_.kind != TokenKind::kName || IsReserved(token_)) return FailUnexpected(kATest[outputs_ != nullptr]);
  const Token name = token_;
  const bool accepted = name.Is("accepted");
  if (outputs_ == nullptr && (accepted || name.Is("rejected")) && !IsOperator(lexer_.Peek())) {
    Advance();
    test->kind = Test::Kind::kTexts;
    test->texts = {accepted ? "ACCEPT" : "REJECT"};
    test->columns = {
        {.kind = ColumnRef::Kind::kField, .field = Field::kAction, .name = "action", .position = name.position}};
    return true;
  }

  Subject subject;
  if (!ParseSubject(name, &subject)) return false;
  Advance();
  test->columns = subject.columns;
  test->is_synonym = subject.is_synonym;
  if (outputs_ != nullptr) {
    test->columns = {{.kind = ColumnRef::Kind::kOther, .name = subject.name, .position = name.position}};
  }
  const std::string written(token_.raw);
  switch (token_.kind) {
    case TokenKind::kNotEqual:
      test->negated = true;
      [[fallthrough]];
    case TokenKind::kEqual:
      Advance();
      return ParseComparison(subject, Comparison::kEqual, written, test);
    case TokenKind::kLess:
      Advance();
      return ParseComparison(subject, Comparison::kLess, written, test);
    case TokenKind::kLessEqual:
      Advance();
      return ParseComparison(subject, Comparison::kLessEqual, written, test);
    case TokenKind::kGreater:
      Advance();
      return ParseComparison(subject, Comparison::kGreater, written, test);
    case TokenKind::kGreaterEqual:
      Advance();
      return ParseComparison(subject, Comparison::kGreaterEqual, written, test);
    case TokenKind::kNotMatch:
      test->negated = true;
      [[fallthrough]];
    case TokenKind::kMatch:
      return ParseRegex(subject, test);
    default:
      break;
  }
  if (IsOperator(token_)) return ParseWordOperator(subject, &test->negated, test);
  if (token_.kind == TokenKind::kOpen) {
    return Fail(token_, {"'", subject.name, "(...)' cannot stand in a filter: functions are for keys and aggregates"});
  }
  return FailUnexpected("an operator (= != < <= > >= in between like ~ has is) after '" + subject.name.substr(0, 60) +
                        "'" + UnknownColumnNote(subject));
}

// in, between, like, has, is, each perhaps with not. The operator's word is the next token.
bool FilterParser::ParseWordOperator(const Subject& subject, bool* negated, Test* test) {
  if (TakeWord("is")) {
    test->kind = Test::Kind::kIsNull;
    *negated = TakeWord("not");
    if (!token_.Is("null")) return FailUnexpected(*negated ? "'null'" : "'null' or 'not null'");
    Advance();
    return true;
  }
  *negated = TakeWord("not");
  if (TakeWord("in")) return ParseIn(subject, test);
  if (TakeWord("between")) return ParseBetween(subject, test);
  if (token_.Is("like")) return ParseLike(subject, test);
  if (token_.Is("has")) return ParseHas(subject, test);
  return FailUnexpected("'in', 'between', 'like' or 'has'");
}

bool FilterParser::ParseValue(std::string_view before, Value* value) {
  value->position = token_.position;
  value->negative = token_.kind == TokenKind::kMinus;
  if (value->negative) {
    Advance();
    if (token_.kind != TokenKind::kNumber) return FailUnexpected("a number after '-'");
  }
  switch (token_.kind) {
    case TokenKind::kName:
      if (token_.Is("null")) return Fail(token_, {"write 'is null' or 'is not null'"});
      if (IsReserved(token_)) break;
      [[fallthrough]];
    case TokenKind::kText:
    case TokenKind::kNumber:
    case TokenKind::kAddress:
    case TokenKind::kPrefix:
    case TokenKind::kMalformed:
      value->token = token_;
      Advance();
      return true;
    default:
      break;
  }
  return FailUnexpected("a value after '" + std::string(before) + "'");
}

bool FilterParser::ParseComparison(const Subject& subject, Comparison comparison, std::string_view written,
                                   Test* test) {
  Value value;
  if (token_.kind == TokenKind::kSet) {
    return Fail(token_, {Shown(token_), " is a set: write ", subject.name, " in ", token_.raw.substr(0, 60)});
  }
  if (!ParseValue(written, &value)) return false;
  if (IsOpen(subject)) return true;
  switch (subject.type()) {
    case OperandType::kInteger:
    case OperandType::kTime:
    case OperandType::kDuration: {
      Point number;
      if (!NumberOf(subject, value, context_, &diagnostics_, &number)) return false;
      test->kind = Test::Kind::kInts;
      test->ints = Interval(comparison, number, subject.least());
      return true;
    }
    case OperandType::kNumber: {
      double number = 0;
      if (!FractionOf(subject, value, &diagnostics_, &number)) return false;
      test->kind = Test::Kind::kNumbers;
      test->numbers = {Interval(comparison, number)};
      return true;
    }
    case OperandType::kAddress: {
      IpAddress address;
      if (!AddressOf(subject, value, &diagnostics_, &address)) return false;
      test->kind = Test::Kind::kAddresses;
      test->addresses = Range(comparison, address);
      return true;
    }
    case OperandType::kText:
      break;
  }
  std::string text;
  if (!TextOf(subject, value, &diagnostics_, &text)) return false;
  if (comparison == Comparison::kEqual) {
    test->kind = Test::Kind::kTexts;
    test->texts = {std::move(text)};
    return true;
  }
  test->kind = Test::Kind::kTextRange;
  if (comparison == Comparison::kLess || comparison == Comparison::kLessEqual) {
    test->upper = std::move(text);
    test->upper_open = comparison == Comparison::kLess;
  } else {
    test->lower = std::move(text);
    test->lower_open = comparison == Comparison::kGreater;
  }
  return true;
}

bool FilterParser::ParseItem(const Subject& subject, AddressSetBuilder* addresses, Test* test) {
  if (token_.kind == TokenKind::kSet) {
    const Token name = token_;
    Advance();
    return AddNamedSet(subject, name, addresses, test);
  }
  Value value;
  return ParseValue("in", &value) && (IsOpen(subject) || AddItem(subject, value, addresses, test));
}

// The values of `@name`, each read as if it stood here.
bool FilterParser::AddNamedSet(const Subject& subject, const Token& token, AddressSetBuilder* addresses, Test* test) {
  const std::string name(token.raw.substr(1));
  const std::string_view shown = token.raw.substr(0, 60);
  if (name.empty()) return Fail(token, {"a set has a name: write ", subject.name, " in @name"});
  if (context_.sets == nullptr || context_.sets->empty()) {
    return Fail(token, {"there is no set ", shown, ": no sets were given with the query"});
  }
  const auto found = context_.sets->find(name);
  if (found == context_.sets->end()) {
    std::vector<std::string_view> names;
    std::string all;
    for (const auto& [known, values] : *context_.sets) {
      names.push_back(known);
      if (all.size() < 200) (all += all.empty() ? "@" : ", @") += known;
    }
    const std::string near = Suggest(name, names);
    if (!near.empty()) return Fail(token, {"there is no set ", shown, ": did you mean @", near, "?"});
    return Fail(token, {"there is no set ", shown, "; there are ", all, all.size() < 200 ? "" : ", ..."});
  }
  if (IsOpen(subject)) return true;
  diagnostics_.SetOrigin(token.position, "in the set " + std::string(shown) + ": ");
  for (const std::string& text : found->second) {
    std::string quoted;
    if (!AddItem(subject, ValueInSet(subject, text, &quoted), addresses, test)) return false;
  }
  diagnostics_.SetOrigin(0, "");
  return true;
}

bool FilterParser::AddItem(const Subject& subject, const Value& value, AddressSetBuilder* addresses, Test* test) {
  if (subject.type() == OperandType::kAddress) {
    return AddAddressItem(subject, value, context_, &diagnostics_, addresses, &test->internal);
  }
  if (value.token.kind == TokenKind::kPrefix) {
    return Fail(value.token,
                {"a prefix is a set of addresses, and ", subject.name, " has none", UnknownColumnNote(subject)});
  }
  if (subject.type() == OperandType::kText) {
    return TextOf(subject, value, &diagnostics_, &test->texts.emplace_back());
  }
  if (subject.type() == OperandType::kNumber) {
    double number = 0;
    if (!FractionOf(subject, value, &diagnostics_, &number)) return false;
    test->numbers.push_back(Interval(Comparison::kEqual, number));
    return true;
  }
  Point number;
  if (!NumberOf(subject, value, context_, &diagnostics_, &number)) return false;
  for (const auto& interval : Interval(Comparison::kEqual, number, subject.least())) test->ints.push_back(interval);
  return true;
}

bool FilterParser::ParseIn(const Subject& subject, Test* test) {
  AddressSetBuilder addresses;
  if (token_.kind == TokenKind::kOpen) {
    do {
      Advance();
      if (!ParseItem(subject, &addresses, test)) return false;
    } while (token_.kind == TokenKind::kComma);
    if (!Expect(TokenKind::kClose, "',' or ')'")) return false;
  } else if (!ParseItem(subject, &addresses, test)) {
    return false;
  }
  switch (subject.type()) {
    case OperandType::kAddress:
      test->kind = Test::Kind::kAddresses;
      test->addresses = addresses.Build();
      return true;
    case OperandType::kText:
      test->kind = Test::Kind::kTexts;
      std::sort(test->texts.begin(), test->texts.end());
      test->texts.erase(std::unique(test->texts.begin(), test->texts.end()), test->texts.end());
      return true;
    case OperandType::kNumber:
      test->kind = Test::Kind::kNumbers;
      std::sort(test->numbers.begin(), test->numbers.end());
      return true;
    default:
      test->kind = Test::Kind::kInts;
      Normalize(&test->ints);
      return true;
  }
}

bool FilterParser::ParseBetween(const Subject& subject, Test* test) {
  Value first, last;
  if (!ParseValue("between", &first)) return false;
  if (token_.kind != TokenKind::kAnd && !token_.Is("and")) return FailUnexpected("'and' and the upper bound");
  Advance();
  if (!ParseValue("and", &last)) return false;
  if (IsOpen(subject)) return true;
  switch (subject.type()) {
    case OperandType::kAddress: {
      IpAddress lower, upper;
      if (!AddressOf(subject, first, &diagnostics_, &lower) || !AddressOf(subject, last, &diagnostics_, &upper)) {
        return false;
      }
      AddressSetBuilder set;
      set.AddRange(lower, upper);
      test->kind = Test::Kind::kAddresses;
      test->addresses = set.Build();
      return true;
    }
    case OperandType::kText: {
      std::string lower, upper;
      if (!TextOf(subject, first, &diagnostics_, &lower) || !TextOf(subject, last, &diagnostics_, &upper)) return false;
      test->kind = Test::Kind::kTextRange;
      test->lower = std::move(lower);
      test->upper = std::move(upper);
      return true;
    }
    case OperandType::kNumber: {
      double lower = 0, upper = 0;
      if (!FractionOf(subject, first, &diagnostics_, &lower) || !FractionOf(subject, last, &diagnostics_, &upper)) {
        return false;
      }
      test->kind = Test::Kind::kNumbers;
      test->numbers = {{lower, upper}};
      return true;
    }
    default: {
      Point lower, upper;
      if (!NumberOf(subject, first, context_, &diagnostics_, &lower) ||
          !NumberOf(subject, last, context_, &diagnostics_, &upper)) {
        return false;
      }
      test->kind = Test::Kind::kInts;
      test->ints = Between(lower, upper, subject.least());
      return true;
    }
  }
}

// Checks that the operator, which is the next token, suits the column, and goes on to the text after it.
bool FilterParser::ParsePattern(const Subject& subject, std::string_view operation) {
  if (!IsOpen(subject) && subject.type() != OperandType::kText && subject.type() != OperandType::kAddress) {
    return Fail(token_, {"'", operation, "' is for text and addresses, and ", subject.name, " has numbers"});
  }
  Advance();
  if (token_.kind == TokenKind::kText) return true;
  return FailUnexpected("text in quotes after '" + std::string(operation) + "'");
}

bool FilterParser::ParseLike(const Subject& subject, Test* test) {
  if (!ParsePattern(subject, "like")) return false;
  test->kind = Test::Kind::kLike;
  test->texts = {token_.text};
  Advance();
  return true;
}

bool FilterParser::ParseRegex(const Subject& subject, Test* test) {
  if (!ParsePattern(subject, "~")) return false;
  if (++patterns_ > kMaxPatterns) {
    return Fail(token_, {"too many patterns: 256 are allowed; write one pattern with |"});
  }
  const std::string& pattern = token_.text;
  bool is_utf8 = true;
  for (std::string_view rest = pattern; is_utf8 && !rest.empty();) {
    const size_t size = Utf8CharSize(rest);
    is_utf8 = size > 0;
    rest.remove_prefix(size);
  }
  re2::RE2::Options options;
  options.set_max_mem(kPatternBytes);
  options.set_log_errors(false);
  options.set_encoding(is_utf8 ? re2::RE2::Options::EncodingUTF8 : re2::RE2::Options::EncodingLatin1);
  auto regex = std::make_shared<const re2::RE2>(re2::StringPiece{pattern.data(), pattern.size()}, options);
  if (!regex->ok()) {
    // The place of RE2's fragment in the text, where each quote of the pattern's own kind is written twice.
    const size_t at = regex->error_arg().empty() ? std::string::npos : pattern.find(regex->error_arg());
    size_t place = 1;
    for (size_t i = 0; at != std::string::npos && i < at; ++i) place += pattern[i] == token_.raw[0] ? 2 : 1;
    if (regex->error_code() == re2::RE2::ErrorPatternTooLarge) {
      return Fail(token_, {"the pattern needs more than 8 MiB of memory; make its repetitions, as in x{1000}, smaller"});
    }
    return diagnostics_.Fail(token_.position + place, {"RE2: ", regex->error().substr(0, 200)});
  }
  test->kind = Test::Kind::kRegex;
  test->regex = std::move(regex);
  Advance();
  return true;
}

bool FilterParser::ParseHas(const Subject& subject, Test* test) {
  const bool has_flags = subject.is_field(Field::kTcpFlags) && subject.type() == OperandType::kInteger;
  if (!has_flags && !IsOpen(subject)) {
    return Fail(token_, {"'has' is for tcp-flags, and this is ", subject.name});
  }
  do {
    Advance();
    Value value;
    int64_t flags = 0;
    if (!ParseValue("has", &value)) return false;
    if (IsOpen(subject)) continue;
    if (!FlagsOf(subject, value, &diagnostics_, &flags)) return false;
    if (flags <= 0) return diagnostics_.Fail(value.position, {Shown(value.token), " names no flag"});
    test->flags |= flags;
  } while (token_.kind == TokenKind::kComma);
  test->kind = Test::Kind::kHasFlags;
  return true;
}

}  // namespace
}  // namespace language

absl::StatusOr<Expression> ParseFilter(std::string_view text, const LanguageContext& context) {
  if (text.size() > language::kMaxBytes) {
    return ExpressionError(text, language::kMaxBytes, "the filter is too long: 1 MiB is allowed");
  }
  return language::FilterParser(text, context).Parse();
}

absl::StatusOr<Expression> ParseHaving(std::string_view text, const std::vector<OutputColumn>& outputs,
                                       const LanguageContext& context, bool complete) {
  if (text.size() > language::kMaxBytes) {
    return ExpressionError(text, language::kMaxBytes, "the filter is too long: 1 MiB is allowed");
  }
  return language::FilterParser(text, context, &outputs, complete).Parse();
}

}  // namespace v1
}  // namespace flowlogs
