// Keys and aggregates: one column or one call, perhaps with a name before it.
#include <algorithm>
#include <optional>

#include "lib/query/expression.h"
#include "lib/query/lexer.h"
#include "lib/query/operand.h"

namespace flowlogs {
inline namespace v1 {
namespace language {
namespace {

constexpr size_t kMaxBytes = 1 << 16;
constexpr std::string_view kKeyFunctions[] = {"bin", "prefix", "service", "scope"};

struct AggregateName {
  std::string_view name;
  AggregateExpression::Kind kind;
};
constexpr AggregateName kAggregates[] = {
    {"count", AggregateExpression::Kind::kCountPresent},
    {"connections", AggregateExpression::Kind::kDistinct},
    {"sum", AggregateExpression::Kind::kSum},
    {"min", AggregateExpression::Kind::kMin},
    {"max", AggregateExpression::Kind::kMax},
    {"mean", AggregateExpression::Kind::kMean},
    {"distinct", AggregateExpression::Kind::kDistinct},
    {"approx_distinct", AggregateExpression::Kind::kApproxDistinct},
    {"quantile", AggregateExpression::Kind::kQuantile},
    {"first", AggregateExpression::Kind::kFirst},
    {"last", AggregateExpression::Kind::kLast},
};
const AggregateName* FindAggregate(const Token& token) {
  for (const AggregateName& aggregate : kAggregates) {
    if (token.Is(aggregate.name)) return &aggregate;
  }
  return nullptr;
}
// What other languages call an aggregate.
constexpr std::pair<std::string_view, std::string_view> kElsewhere[] = {{"avg", "mean()"},
                                                                        {"average", "mean()"},
                                                                        {"median", "quantile(bytes, 0.5)"},
                                                                        {"p50", "quantile(bytes, 0.5)"},
                                                                        {"p90", "quantile(bytes, 0.9)"},
                                                                        {"p95", "quantile(bytes, 0.95)"},
                                                                        {"p99", "quantile(bytes, 0.99)"},
                                                                        {"percentile", "quantile(bytes, 0.95)"},
                                                                        {"nunique", "distinct()"},
                                                                        {"count_distinct", "distinct()"},
                                                                        {"approx_count_distinct", "approx_distinct()"},
                                                                        {"flows", "count()"}};

template <typename List>
bool Contains(const List& list, std::string_view word) {
  return std::any_of(std::begin(list), std::end(list), [&](std::string_view w) { return EqualsIgnoreCase(w, word); });
}

// CONTRACT L8: every run of other characters than letters and digits becomes one underscore, none at the end.
std::string DefaultName(std::string_view text) {
  std::string name;
  for (char c : text) {
    if (IsLetter(c) || IsDigit(c)) {
      name += c;
    } else if (name.empty() || name.back() != '_') {
      name += '_';
    }
  }
  if (!name.empty() && name.back() == '_') name.pop_back();
  return name;
}

// The place of the first character that a name must not have there, or npos.
size_t WrongInName(std::string_view name) {
  for (size_t i = 0; i < name.size(); ++i) {
    if (!IsLetter(name[i]) && name[i] != '_' && (i == 0 || !IsDigit(name[i]))) return i;
  }
  return std::string_view::npos;
}
constexpr char kNameRule[] = "a name has letters, digits and underscores, and begins with no digit";

class ColumnParser {
 public:
  ColumnParser(std::string_view text, std::string_view name)
      : text_(text), given_name_(name), lexer_(text), diagnostics_(text) {}

  absl::StatusOr<KeyExpression> Key() {
    KeyExpression key;
    if (!Begin("a key is a field or bin(), prefix(), service(), scope()") || !ParseKey(&key) || !End(&key.name)) {
      return status();
    }
    return key;
  }

  absl::StatusOr<AggregateExpression> Aggregate() {
    AggregateExpression aggregate;
    if (!Begin("an aggregate is count(), connections() or sum(), min(), max(), mean(), ... of a field") ||
        !ParseAggregate(&aggregate) || !End(&aggregate.name)) {
      return status();
    }
    aggregate.text = std::string(written_);
    return aggregate;
  }

 private:
  const absl::Status& status() const { return status_.ok() ? diagnostics_.status() : status_; }
  void Advance() { token_ = lexer_.Next(); }
  bool Fail(const Token& token, std::initializer_list<std::string_view> what) {
    return diagnostics_.Fail(token.position, what);
  }
  bool Expect(TokenKind kind, std::string_view expected) {
    if (token_.kind != kind) {
      if (token_.kind == TokenKind::kOpenText) return Fail(token_, {"the text has no closing quote"});
      return Fail(token_, {"expected ", expected, ", found ", Shown(token_)});
    }
    Advance();
    return true;
  }

  bool Begin(std::string_view empty);
  bool End(std::string* name);
  bool ParseKey(KeyExpression* key);
  bool ParseBin(KeyExpression* key);
  bool ParsePrefix(KeyExpression* key);
  bool ParsePrefixLength(std::string_view parameter, int max, int* length);
  bool ParseAggregate(AggregateExpression* aggregate);
  bool CheckColumn(const Subject& subject, std::string_view function, const AggregateExpression& aggregate);
  bool ParseColumn(Subject* subject);
  bool FailUnknownFunction(const Token& function, bool is_key);

  const std::string_view text_;
  const std::string_view given_name_;
  Lexer lexer_;
  Diagnostics diagnostics_;
  absl::Status status_;       // of the given name, which is another text
  Token token_;               // the one to be looked at next
  Token name_;                // `t` of t=bin(...), if there is one
  std::string_view written_;  // without that
};

// Takes `name =`, if it is there.
bool ColumnParser::Begin(std::string_view empty) {
  if (const size_t wrong = WrongInName(given_name_); wrong != std::string_view::npos) {
    status_ = ExpressionError(given_name_, wrong, kNameRule);
    return false;
  }
  if (text_.size() > kMaxBytes) {
    return diagnostics_.Fail(kMaxBytes, {"the expression is too long: 64 KiB are allowed"});
  }
  Advance();
  if (token_.kind == TokenKind::kEnd) return Fail(token_, {empty});
  if (lexer_.Peek().kind == TokenKind::kEqual) {
    name_ = token_;
    const size_t wrong = name_.kind == TokenKind::kName ? WrongInName(name_.raw) : 0;
    if (wrong != std::string_view::npos) return diagnostics_.Fail(name_.position + wrong, {kNameRule});
    Advance();
    Advance();
    if (token_.kind == TokenKind::kEnd) return Fail(token_, {empty});
  }
  written_ = text_.substr(token_.position);
  while (IsBlank(written_.back())) written_.remove_suffix(1);
  return true;
}

bool ColumnParser::End(std::string* name) {
  if (!Expect(TokenKind::kEnd, "the end")) return false;
  *name = !given_name_.empty()             ? std::string(given_name_)
          : name_.kind == TokenKind::kName ? std::string(name_.raw)
                                           : DefaultName(written_);
  return true;
}

bool ColumnParser::ParseColumn(Subject* subject) {
  if (token_.kind != TokenKind::kName || IsReserved(token_)) {
    return Fail(token_, {"expected a field, found ", Shown(token_)});
  }
  if (!ResolveColumn(token_, &diagnostics_, subject)) return false;
  Advance();
  return true;
}

bool ColumnParser::FailUnknownFunction(const Token& function, bool is_key) {
  const std::string_view name = function.raw.substr(0, 60);
  if (is_key && FindAggregate(function) != nullptr) {
    return Fail(function, {"'", name, "()' is an aggregate, not a key"});
  }
  if (!is_key && Contains(kKeyFunctions, function.raw)) {
    return Fail(function, {"'", name, "()' is a key, not an aggregate"});
  }
  for (const auto& [elsewhere, here] : kElsewhere) {
    if (!is_key && function.Is(elsewhere))
      return Fail(function, {"there is no '", name, "()': did you mean ", here, "?"});
  }
  std::vector<std::string_view> known;
  if (is_key) {
    known.assign(std::begin(kKeyFunctions), std::end(kKeyFunctions));
  } else {
    for (const AggregateName& aggregate : kAggregates) known.push_back(aggregate.name);
  }
  const std::string near = Suggest(function.raw, known);
  if (!near.empty()) return Fail(function, {"there is no '", name, "()': did you mean ", near, "()?"});
  std::string all;
  for (std::string_view one : known) (all += all.empty() ? "" : ", ") += one;
  return Fail(function, {"there is no '", name, "()': there are ", all});
}

bool ColumnParser::ParseKey(KeyExpression* key) {
  Subject subject;
  if (lexer_.Peek().kind != TokenKind::kOpen) {
    if (!ParseColumn(&subject)) return false;
    key->column = subject.column();
    return true;
  }
  const Token function = token_;
  if (function.kind != TokenKind::kName) return Fail(function, {"expected a key, found ", Shown(function)});
  Advance();
  Advance();
  if (function.Is("bin")) {
    if (!ParseBin(key)) return false;
  } else if (function.Is("prefix")) {
    if (!ParsePrefix(key)) return false;
  } else if (function.Is("service")) {
    if (!ParseColumn(&subject)) return false;
    key->kind = KeyExpression::Kind::kService;
    key->column = subject.column();
    if (!subject.is_field(Field::kSrcport) && !subject.is_field(Field::kDstport)) {
      return diagnostics_.Fail(key->column.position, {"service() is of srcport or dstport"});
    }
  } else if (function.Is("scope")) {
    if (!ParseColumn(&subject)) return false;
    key->kind = KeyExpression::Kind::kScope;
    key->column = subject.column();
    if (subject.type() != OperandType::kAddress) {
      return diagnostics_.Fail(key->column.position, {"scope() is of an address field such as srcaddr"});
    }
  } else {
    return FailUnknownFunction(function, /*is_key=*/true);
  }
  return Expect(TokenKind::kClose, "')'");
}

bool ColumnParser::ParseBin(KeyExpression* key) {
  Subject subject;
  if (!ParseColumn(&subject)) return false;
  key->kind = KeyExpression::Kind::kBin;
  key->column = subject.column();
  if (subject.type() != OperandType::kTime) {
    return diagnostics_.Fail(key->column.position, {"bin() is of start or end"});
  }
  if (!Expect(TokenKind::kComma, "',' and a duration such as 5m")) return false;
  const Value value = {.token = token_, .position = token_.position};
  if (!SecondsOf(value, &diagnostics_, &key->bin_seconds)) return false;
  if (key->bin_seconds < 1) return Fail(token_, {"a bin has at least one second"});
  Advance();
  return true;
}

// "16", or "n4=16" with the parameter's name.
bool ColumnParser::ParsePrefixLength(std::string_view parameter, int max, int* length) {
  if (token_.Is(parameter) && lexer_.Peek().kind == TokenKind::kEqual) {
    Advance();
    Advance();
  }
  const Value value = {.token = token_, .position = token_.position};
  int64_t number = 0;
  if (!PlainIntegerOf(value, &diagnostics_, &number)) return false;
  if (number > max) return Fail(token_, {parameter, ", a prefix length, is 0 to ", std::to_string(max)});
  *length = static_cast<int>(number);
  Advance();
  return true;
}

bool ColumnParser::ParsePrefix(KeyExpression* key) {
  Subject subject;
  if (!ParseColumn(&subject)) return false;
  key->kind = KeyExpression::Kind::kPrefix;
  key->column = subject.column();
  if (subject.type() != OperandType::kAddress) {
    return diagnostics_.Fail(key->column.position, {"prefix() is of an address field such as srcaddr"});
  }
  if (!Expect(TokenKind::kComma, "',' and the length of IPv4 prefixes")) return false;
  if (!ParsePrefixLength("n4", 32, &key->prefix_v4)) return false;
  if (token_.kind != TokenKind::kComma) return true;
  Advance();
  return ParsePrefixLength("n6", 128, &key->prefix_v6);
}

bool ColumnParser::ParseAggregate(AggregateExpression* aggregate) {
  using Kind = AggregateExpression::Kind;
  const Token function = token_;
  const AggregateName* named = FindAggregate(function);
  if (function.kind != TokenKind::kName || lexer_.Peek().kind != TokenKind::kOpen) {
    if (named == nullptr) {
      return Fail(function, {"expected an aggregate such as sum(bytes), found ", Shown(function)});
    }
    const std::string_view arguments = function.Is("count") || function.Is("connections") ? "()"
                                       : named->kind == Kind::kQuantile                   ? "(bytes, 0.95)"
                                                                                          : "(bytes)";
    return Fail(function, {"an aggregate has parentheses: ", function.raw, arguments});
  }
  if (named == nullptr) return FailUnknownFunction(function, /*is_key=*/false);
  aggregate->kind = named->kind;
  Advance();
  Advance();
  if (function.Is("connections")) {
    aggregate->column = {.kind = ColumnRef::Kind::kConversation, .name = "connections", .position = function.position};
    return Expect(TokenKind::kClose, "')': connections() has no field");
  }
  if (aggregate->kind == Kind::kCountPresent) {
    if (token_.kind == TokenKind::kClose) {
      aggregate->kind = Kind::kCount;
      Advance();
      return true;
    }
    if (token_.raw == "*") return Fail(token_, {"all rows are counted by count()"});
  }
  Subject subject;
  if (!ParseColumn(&subject)) return false;
  aggregate->column = subject.column();
  if (!CheckColumn(subject, named->name, *aggregate)) return false;
  if (aggregate->kind == Kind::kQuantile) {
    if (!Expect(TokenKind::kComma, "',' and a part such as 0.95")) return false;
    const Value value = {.token = token_, .position = token_.position};
    if (!QuantileOf(value, &diagnostics_, &aggregate->quantile)) return false;
    Advance();
  }
  return Expect(TokenKind::kClose, "')'");
}

// Whether the aggregate can be had of the column's type.
bool ColumnParser::CheckColumn(const Subject& subject, std::string_view function,
                               const AggregateExpression& aggregate) {
  using Kind = AggregateExpression::Kind;
  const bool adds = aggregate.kind == Kind::kSum || aggregate.kind == Kind::kMean;
  if (!adds && aggregate.kind != Kind::kQuantile) return true;
  std::string_view what;
  switch (subject.type()) {
    case OperandType::kInteger:
    case OperandType::kDuration:
    case OperandType::kNumber:
      return true;
    case OperandType::kTime:
      if (!adds) return true;
      what = "a time";
      break;
    case OperandType::kAddress:
      what = "an address";
      break;
    case OperandType::kText:
      what = "text";
      break;
  }
  return diagnostics_.Fail(aggregate.column.position,
                           {function, "() is of integer fields", adds ? " and duration" : ", times and duration",
                            ", and ", subject.name, " is ", what, UnknownColumnNote(subject)});
}

}  // namespace
}  // namespace language

absl::StatusOr<KeyExpression> ParseKey(std::string_view text, std::string_view name) {
  return language::ColumnParser(text, name).Key();
}

absl::StatusOr<AggregateExpression> ParseAggregate(std::string_view text, std::string_view name) {
  return language::ColumnParser(text, name).Aggregate();
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  auto add = [&items](std::string_view item) {
    while (!item.empty() && language::IsBlank(item.front())) item.remove_prefix(1);
    while (!item.empty() && language::IsBlank(item.back())) item.remove_suffix(1);
    items.emplace_back(item);
  };
  size_t begin = 0;
  int depth = 0;
  char quote = '\0';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == quote) quote = '\0';  // a doubled quote closes and opens again
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      depth = std::max(depth - 1, 0);
    } else if (c == ',' && depth == 0) {
      add(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  add(text.substr(begin));
  if (items.size() == 1 && items[0].empty()) items.clear();
  return items;
}

}  // namespace v1
}  // namespace flowlogs
