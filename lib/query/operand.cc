#include "lib/query/operand.h"

#include <iterator>
#include <limits>
#include <numeric>
#include <span>

#include "absl/strings/charconv.h"

#include "flowlogs/schema/services.h"

namespace flowlogs {
inline namespace v1 {
namespace language {
namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();
constexpr std::string_view kScopes[] = {"private", "public", "multicast", "internal"};

struct Unit {
  std::string_view name;
  int64_t factor;
};
constexpr Unit kCountUnits[] = {{"k", 1'000},    {"M", 1'000'000}, {"G", 1'000'000'000}, {"T", 1'000'000'000'000},
                                {"Ki", 1 << 10}, {"Mi", 1 << 20},  {"Gi", 1 << 30},      {"Ti", int64_t{1} << 40}};
constexpr Unit kTimeUnits[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
constexpr char kCountUnitNames[] = "k M G T (powers of 1000) or Ki Mi Gi Ti (of 1024)";
constexpr char kTimeUnitNames[] = "s m h d";

// Splits "1.5Mi" into its parts. REQUIRES: a token of kind kNumber.
struct NumberParts {
  std::string_view digits, fraction, unit;  // without leading and trailing zeros
  bool has_fraction = false;
};
NumberParts Split(std::string_view raw) {
  NumberParts parts;
  size_t i = 0;
  while (i < raw.size() && IsDigit(raw[i])) ++i;
  parts.digits = raw.substr(0, i);
  if (i < raw.size() && raw[i] == '.') {
    const size_t begin = ++i;
    parts.has_fraction = true;
    while (i < raw.size() && IsDigit(raw[i])) ++i;
    parts.fraction = raw.substr(begin, i - begin);
  }
  parts.unit = raw.substr(i);
  while (!parts.digits.empty() && parts.digits.front() == '0') parts.digits.remove_prefix(1);
  while (!parts.fraction.empty() && parts.fraction.back() == '0') parts.fraction.remove_suffix(1);
  return parts;
}

// The number times `factor`, exactly. Returns nullptr, or what is wrong, to be put after the number.
const char* Multiply(const NumberParts& parts, int64_t factor, int64_t* result) {
  static constexpr char kTooLarge[] = " is too large: the largest number is 9223372036854775807";
  if (parts.digits.size() > 19) return kTooLarge;
  if (parts.fraction.size() > 18) return " has too many digits";
  Uint128 mantissa = 0;  // below 10^37
  int64_t divisor = 1;
  for (char c : parts.digits) mantissa = mantissa * 10 + static_cast<unsigned>(c - '0');
  for (char c : parts.fraction) {
    mantissa = mantissa * 10 + static_cast<unsigned>(c - '0');
    divisor *= 10;
  }
  const int64_t common = std::gcd(factor, divisor);
  factor /= common;
  divisor /= common;
  if (mantissa % static_cast<Uint128>(divisor) != 0) return " is no whole number";
  mantissa /= static_cast<Uint128>(divisor);
  if (mantissa > static_cast<Uint128>(kMaxInt / factor)) return kTooLarge;
  *result = static_cast<int64_t>(mantissa) * factor;
  return nullptr;
}

const Unit* FindUnit(std::span<const Unit> units, std::string_view name, bool ignore_case) {
  for (const Unit& unit : units) {
    if (unit.name == name || (ignore_case && EqualsIgnoreCase(unit.name, name))) return &unit;
  }
  return nullptr;
}

// The unit of a number that has one, or nullptr after an error. `allowed` names `units` for that.
const Unit* UnitOf(const Value& value, const NumberParts& parts, std::span<const Unit> units, std::string_view allowed,
                   std::string_view beside, Diagnostics* diagnostics) {
  const Unit* unit = FindUnit(units, parts.unit, /*ignore_case=*/false);
  if (unit != nullptr) return unit;
  const size_t position = value.token.position + (value.token.raw.size() - parts.unit.size());
  const bool is_known = FindUnit(kCountUnits, parts.unit, false) || FindUnit(kTimeUnits, parts.unit, false);
  const Unit* near = FindUnit(units, parts.unit, /*ignore_case=*/true);
  if (near != nullptr && !is_known) {
    diagnostics->Fail(position, {"unknown unit '", parts.unit, "': did you mean ", near->name, "?"});
  } else {
    diagnostics->Fail(position, {is_known ? "the unit '" : "unknown unit '", parts.unit.substr(0, 60),
                                 is_known ? "' cannot stand beside " : "': the units of ", beside,
                                 is_known ? ", whose units are " : " are ", allowed});
  }
  return nullptr;
}

// A number with or without a unit of `units`. `allowed` names them for errors.
bool QuantityOf(const Value& value, std::span<const Unit> units, std::string_view allowed, std::string_view beside,
                Diagnostics* diagnostics, int64_t* result, bool* has_unit) {
  const NumberParts parts = Split(value.token.raw);
  int64_t factor = 1;
  if (!parts.unit.empty()) {
    const Unit* unit = UnitOf(value, parts, units, allowed, beside, diagnostics);
    if (unit == nullptr) return false;
    factor = unit->factor;
  } else if (parts.has_fraction) {
    return diagnostics->Fail(value.position, {Shown(value.token), " has a fraction: ", beside, " has whole numbers"});
  }
  if (const char* wrong = Multiply(parts, factor, result)) {
    return diagnostics->Fail(value.position, {Shown(value.token), wrong});
  }
  if (value.negative) *result = -*result;
  *has_unit = !parts.unit.empty();
  return true;
}

// The documented words of the subject, numbers for integer fields.
std::vector<FieldWord> WordsOf(const Subject& subject) {
  std::vector<FieldWord> words;
  auto add = [&words](FieldWord word) {
    words.push_back(word);
    return false;
  };
  if (subject.output != nullptr && subject.output->is_scope) {
    for (std::string_view scope : kScopes) add({scope, -1});
    return words;
  }
  switch (subject.column().kind) {
    case ColumnRef::Kind::kService:
      for (const Service& service : AllServices()) add({service.name, -1});
      break;
    case ColumnRef::Kind::kDirection:
      AnyFieldWord(Field::kFlowDirection, add);
      break;
    case ColumnRef::Kind::kOrientation:
      for (std::string_view word : {"syn", "syn-ack", "port", "unknown"}) add({word, -1});
      break;
    case ColumnRef::Kind::kField:
      if (!subject.is_synonym) AnyFieldWord(subject.column().field, add);
      break;
    default:
      break;
  }
  return words;
}

const FieldWord* FindWord(const std::vector<FieldWord>& words, std::string_view text) {
  for (const FieldWord& word : words) {
    if (EqualsIgnoreCase(word.word, text)) return &word;
  }
  return nullptr;
}

bool IsFieldName(const Value& value) { return value.token.kind == TokenKind::kName && FindField(value.text()); }

bool IsPort(const Subject& subject) {
  const ColumnRef& column = subject.column();
  if (column.kind == ColumnRef::Kind::kServerPort) return true;
  return column.kind == ColumnRef::Kind::kField && (column.field == Field::kSrcport || column.field == Field::kDstport);
}

// What to say of a word or text that the subject does not know.
bool FailUnknownWord(const Subject& subject, const Value& value, const std::vector<FieldWord>& words,
                     Diagnostics* diagnostics) {
  const std::string_view text = value.text();
  const std::string shown = Shown(value.token);
  const bool is_text = subject.type() == OperandType::kText;
  if (IsFieldName(value)) {
    return diagnostics->Fail(
        value.position, {shown, " is a field: two fields cannot be compared", is_text ? " (text goes in quotes)" : ""});
  }
  std::vector<std::string_view> candidates;
  std::string list;
  for (const FieldWord& word : words) {
    candidates.push_back(word.word);
    if (list.size() < 200) (list += list.empty() ? "" : ", ") += word.word;
  }
  const std::string near = Suggest(text, candidates);
  const std::string quoted = "'" + std::string(text.substr(0, 60)) + "'";
  const std::string_view quotes = is_text ? "; other text goes in quotes" : "";
  if (!near.empty()) {
    return diagnostics->Fail(value.position,
                             {shown, " is no word of ", subject.name, ": did you mean ", near, "?", quotes});
  }
  if (!words.empty()) {
    const std::string_view dots = list.size() < 200 ? "" : ", ...";
    return diagnostics->Fail(value.position,
                             {shown, " is no word of ", subject.name, ", which are ", list, dots, quotes});
  }
  if (is_text) {
    return diagnostics->Fail(value.position,
                             {"text goes in quotes: ", subject.name, " = ", quoted, UnknownColumnNote(subject)});
  }
  std::string hint;
  if (const Service* service = IsPort(subject) ? FindService(text) : nullptr; service != nullptr) {
    hint = " (" + std::string(service->name) + " is " + std::to_string(service->port) + ")";
  }
  return diagnostics->Fail(value.position, {shown, " is no number, and ", subject.name, " has numbers", hint});
}

// A run of characters that is no token, beside a number.
bool FailMalformedNumber(const Subject& subject, const Value& value, Diagnostics* diagnostics) {
  const std::string_view text = value.text();
  std::string hint;
  if (const size_t hyphen = text.find('-'); hyphen != std::string_view::npos) {
    const std::string_view first = text.substr(0, hyphen), second = text.substr(hyphen + 1);
    if (first.size() < 40 && second.size() < 40 && AllDigits(first) && AllDigits(second)) {
      hint = ": write " + subject.name + " between " + std::string(first) + " and " + std::string(second);
    }
  }
  return diagnostics->Fail(value.position,
                           {Shown(value.token), " is no number, and ", subject.name, " has numbers", hint});
}

bool IntegerOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, Point* number) {
  bool has_unit = false;
  switch (value.token.kind) {
    case TokenKind::kNumber:
      return QuantityOf(value, kCountUnits, kCountUnitNames, subject.name, diagnostics, &number->floor, &has_unit);
    case TokenKind::kName:
    case TokenKind::kText: {
      if (subject.is_field(Field::kTcpFlags)) return FlagsOf(subject, value, diagnostics, &number->floor);
      const std::vector<FieldWord> words = WordsOf(subject);
      if (const FieldWord* word = FindWord(words, value.text())) {
        number->floor = word->number;
        return true;
      }
      if (value.token.kind == TokenKind::kText && AllDigits(value.text())) {
        if (const char* wrong = Multiply(Split(value.text()), 1, &number->floor)) {
          return diagnostics->Fail(value.position, {Shown(value.token), wrong});
        }
        return true;
      }
      return FailUnknownWord(subject, value, words, diagnostics);
    }
    case TokenKind::kMalformed:
      return FailMalformedNumber(subject, value, diagnostics);
    default:
      return diagnostics->Fail(value.position,
                               {Shown(value.token), " is no number, and ", subject.name, " has numbers"});
  }
}

bool TimeOf(const Subject& subject, const Value& value, const LanguageContext& context, Diagnostics* diagnostics,
            Point* number) {
  if (value.token.kind == TokenKind::kNumber) {
    bool has_unit = false;
    const std::string beside = "the time " + subject.name;
    if (!QuantityOf(value, kTimeUnits, kTimeUnitNames, beside, diagnostics, &number->floor, &has_unit)) return false;
    if (!has_unit) return true;
    if (!value.negative) {
      return diagnostics->Fail(value.position, {Shown(value.token), " is a duration, and ", subject.name,
                                                " is a time: did you mean -", value.token.raw, ", before now?"});
    }
    if (context.now_seconds < 0 && number->floor < std::numeric_limits<int64_t>::min() - context.now_seconds) {
      number->floor = std::numeric_limits<int64_t>::min();
    } else {
      number->floor += context.now_seconds;
    }
    return true;
  }
  const char* wrong = ParseIsoTime(value.text(), number);
  if (value.token.kind == TokenKind::kText) {
    return wrong == nullptr || diagnostics->Fail(value.position, {Shown(value.token), " ", wrong});
  }
  if (wrong == nullptr) return diagnostics->Fail(value.position, {"a time goes in quotes: '", value.text(), "'"});
  if (IsFieldName(value)) return FailUnknownWord(subject, value, {}, diagnostics);
  return diagnostics->Fail(value.position, {Shown(value.token),
                                            " is no time: write '2024-01-31T23:59:00Z', seconds "
                                            "since 1970, or -1h for an hour before now"});
}

bool DurationOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, Point* number) {
  bool has_unit = false;
  if (value.token.kind == TokenKind::kNumber) {
    return QuantityOf(value, kTimeUnits, kTimeUnitNames, "a duration", diagnostics, &number->floor, &has_unit);
  }
  if (value.token.kind == TokenKind::kText && AllDigits(value.text())) {
    if (const char* wrong = Multiply(Split(value.text()), 1, &number->floor)) {
      return diagnostics->Fail(value.position, {Shown(value.token), wrong});
    }
    return true;
  }
  if (IsFieldName(value)) return FailUnknownWord(subject, value, {}, diagnostics);
  return diagnostics->Fail(value.position, {Shown(value.token), " is no duration: write 90, 90s, 5m, 1h or 2d"});
}

}  // namespace

bool FractionOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, double* number) {
  if (value.token.kind != TokenKind::kNumber) {
    if (value.token.kind == TokenKind::kMalformed) return FailMalformedNumber(subject, value, diagnostics);
    if (value.token.kind == TokenKind::kName) return FailUnknownWord(subject, value, {}, diagnostics);
    return diagnostics->Fail(value.position, {Shown(value.token), " is no number, and ", subject.name, " has numbers"});
  }
  const bool is_duration = subject.column().type() == OperandType::kDuration;
  const std::span<const Unit> units = is_duration ? std::span<const Unit>(kTimeUnits) : kCountUnits;
  const Unit* unit = nullptr;
  const NumberParts parts = Split(value.token.raw);
  if (!parts.unit.empty()) {
    unit = UnitOf(value, parts, units, is_duration ? kTimeUnitNames : kCountUnitNames, subject.name, diagnostics);
    if (unit == nullptr) return false;
  }
  const int64_t factor = unit == nullptr ? 1 : unit->factor;
  // What comes out whole is exact; else it is the nearest number, times the unit.
  int64_t whole = 0;
  if (Multiply(parts, factor, &whole) == nullptr) {
    *number = static_cast<double>(whole);
  } else {
    const std::string_view digits = value.token.raw.substr(0, value.token.raw.size() - parts.unit.size());
    absl::from_chars(digits.data(), digits.data() + digits.size(), *number);
    *number *= static_cast<double>(factor);
  }
  if (value.negative) *number = -*number;
  return true;
}

bool NumberOf(const Subject& subject, const Value& value, const LanguageContext& context, Diagnostics* diagnostics,
              Point* number) {
  *number = {};
  switch (subject.type()) {
    case OperandType::kTime:
      return TimeOf(subject, value, context, diagnostics, number);
    case OperandType::kDuration:
      return DurationOf(subject, value, diagnostics, number);
    default:
      return IntegerOf(subject, value, diagnostics, number);
  }
}

bool AddressOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, IpAddress* address) {
  if (value.token.kind == TokenKind::kAddress || value.token.kind == TokenKind::kText) {
    if (const std::optional<IpAddress> parsed = IpAddress::Parse(value.text())) {
      *address = *parsed;
      return true;
    }
  }
  const std::string_view text = value.text();
  for (std::string_view scope : kScopes) {
    if (EqualsIgnoreCase(text, scope)) {
      return diagnostics->Fail(value.position,
                               {"'", scope, "' is a set of addresses: write ", subject.name, " in ", scope});
    }
  }
  if (text.find('/') != std::string_view::npos && IpAddress::Parse(text.substr(0, text.find('/')))) {
    const std::string_view shown = text.substr(0, 60);
    return diagnostics->Fail(value.position, {"a prefix is a set of addresses: write ", subject.name, " in ", shown});
  }
  if (IsFieldName(value)) return FailUnknownWord(subject, value, {}, diagnostics);
  return diagnostics->Fail(value.position,
                           {Shown(value.token), " is no address, and ", subject.name, " has addresses"});
}

bool TextOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, std::string* text) {
  const std::string_view written = value.text();
  switch (value.token.kind) {
    case TokenKind::kName:
    case TokenKind::kText: {
      const std::vector<FieldWord> words = WordsOf(subject);
      if (const FieldWord* word = FindWord(words, written)) {
        *text = std::string(word->word);
        return true;
      }
      if (value.token.kind == TokenKind::kName) return FailUnknownWord(subject, value, words, diagnostics);
      *text = std::string(written);
      return true;
    }
    case TokenKind::kNumber:
      if (value.negative || !AllDigits(written)) break;
      *text = std::string(written);
      return true;
    case TokenKind::kAddress:
      *text = std::string(written);
      return true;
    default:
      break;
  }
  const std::string shown = (value.negative ? "-" : "") + std::string(written.substr(0, 60));
  return diagnostics->Fail(
      value.position, {subject.name, " is text, and text goes in quotes: '", shown, "'", UnknownColumnNote(subject)});
}

bool AddAddressItem(const Subject& subject, const Value& value, const LanguageContext& context,
                    Diagnostics* diagnostics, AddressSetBuilder* set, bool* internal) {
  const std::string_view text = value.text();
  const bool is_word = value.token.kind == TokenKind::kName || value.token.kind == TokenKind::kText;
  if (is_word && EqualsIgnoreCase(text, "internal")) {
    if (context.internal) {
      set->AddSet(*context.internal);
    } else {
      *internal = true;
    }
    return true;
  }
  if (is_word) {
    for (const auto& [word, scope] :
         {std::pair("private", AddressScope::kPrivate), std::pair("public", AddressScope::kPublic),
          std::pair("multicast", AddressScope::kMulticast)}) {
      if (!EqualsIgnoreCase(text, word)) continue;
      set->AddScope(scope);
      return true;
    }
  }
  if (value.token.kind == TokenKind::kName && !IsFieldName(value)) {
    const std::string near = Suggest(text, {std::begin(kScopes), std::end(kScopes)});
    if (!near.empty()) {
      return diagnostics->Fail(value.position,
                               {Shown(value.token), " is no set of addresses: did you mean ", near, "?"});
    }
    return diagnostics->Fail(value.position, {Shown(value.token),
                                              " is no set of addresses: write addresses, prefixes, @ and a set's name, "
                                              "private, public, multicast or internal"});
  }
  if (value.token.kind == TokenKind::kPrefix ||
      (value.token.kind == TokenKind::kText && text.find('/') != std::string_view::npos)) {
    const std::string wrong = set->AddPrefix(text);
    return wrong.empty() || diagnostics->Fail(value.position, {Shown(value.token), " ", wrong});
  }
  IpAddress address;
  if (!AddressOf(subject, value, diagnostics, &address)) return false;
  set->Add(address);
  return true;
}

Value ValueInSet(const Subject& subject, std::string_view text, std::string* quoted) {
  Value value;
  const OperandType type = subject.type();
  if (type != OperandType::kText && type != OperandType::kAddress) {
    Lexer lexer(text);
    Token token = lexer.Next();
    const bool negative = token.kind == TokenKind::kMinus;
    if (negative) token = lexer.Next();
    if (token.kind == TokenKind::kNumber && lexer.Peek().kind == TokenKind::kEnd) {
      value.token = token;
      value.negative = negative;
      return value;
    }
  }
  *quoted = "'" + std::string(text) + "'";
  value.token.kind = TokenKind::kText;
  value.token.raw = *quoted;
  value.token.text = std::string(text);
  return value;
}

bool FlagsOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, int64_t* flags) {
  *flags = 0;
  if (value.token.kind == TokenKind::kNumber) return PlainIntegerOf(value, diagnostics, flags);
  const std::vector<FieldWord> words = WordsOf(subject);
  if (value.token.kind != TokenKind::kName && value.token.kind != TokenKind::kText) {
    return FailUnknownWord(subject, value, words, diagnostics);
  }
  // 'SYN|ACK', with numbers for bits that have no name; 'SYN,ACK' too.
  std::string_view rest = value.text();
  while (true) {
    const size_t bar = rest.find_first_of("|,");
    std::string_view part = rest.substr(0, bar);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    int64_t number = 0;
    if (const FieldWord* word = FindWord(words, part)) {
      number = word->number;
    } else if (!AllDigits(part) || Multiply(Split(part), 1, &number) != nullptr) {
      return FailUnknownWord(subject, value, words, diagnostics);
    }
    *flags |= number;
    if (bar == std::string_view::npos) return true;
    rest.remove_prefix(bar + 1);
  }
}

bool SecondsOf(const Value& value, Diagnostics* diagnostics, int64_t* seconds) {
  bool has_unit = false;
  if (value.token.kind != TokenKind::kNumber) {
    return diagnostics->Fail(value.position, {"expected a duration such as 5m, found ", Shown(value.token)});
  }
  return QuantityOf(value, kTimeUnits, kTimeUnitNames, "a duration", diagnostics, seconds, &has_unit);
}

bool QuantileOf(const Value& value, Diagnostics* diagnostics, uint64_t* quantile) {
  const NumberParts parts = Split(value.token.raw);
  if (value.token.kind != TokenKind::kNumber || !parts.unit.empty()) {
    return diagnostics->Fail(value.position, {"expected a part from 0 to 1 such as 0.95, found ", Shown(value.token)});
  }
  int64_t number = 0;
  if (parts.fraction.size() > 18)
    return diagnostics->Fail(value.position, {Shown(value.token), " has too many digits"});
  if (Multiply(parts, static_cast<int64_t>(kWholeQuantile), &number) != nullptr ||
      static_cast<uint64_t>(number) > kWholeQuantile) {
    return diagnostics->Fail(value.position, {"a quantile is a part from 0 to 1, such as 0.95"});
  }
  *quantile = static_cast<uint64_t>(number);
  return true;
}

bool PlainIntegerOf(const Value& value, Diagnostics* diagnostics, int64_t* number) {
  bool has_unit = false;
  if (value.token.kind != TokenKind::kNumber) {
    return diagnostics->Fail(value.position, {"expected a number, found ", Shown(value.token)});
  }
  if (!Split(value.token.raw).unit.empty()) {
    return diagnostics->Fail(value.position, {Shown(value.token), " has a unit: a plain number is meant here"});
  }
  return QuantityOf(value, {}, "", "a plain number", diagnostics, number, &has_unit);
}

}  // namespace language
}  // namespace v1
}  // namespace flowlogs
