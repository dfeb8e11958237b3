// What stands on the two sides of a comparison: columns and values, resolved and typed (CONTRACT L1, L3, L4, L6).
#ifndef FLOWLOGS_LIB_QUERY_OPERAND_H_
#define FLOWLOGS_LIB_QUERY_OPERAND_H_

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "flowlogs/schema/address.h"
#include "lib/query/address_sets.h"
#include "lib/query/expression.h"
#include "lib/query/lexer.h"
#include "lib/query/time_literal.h"

namespace flowlogs {
inline namespace v1 {
namespace language {

// The first error of an expression. The functions below return false iff they called Fail().
class Diagnostics {
 public:
  explicit Diagnostics(std::string_view text) : text_(text) {}
  // The parts of `what` are joined. Always returns false.
  bool Fail(size_t position, std::initializer_list<std::string_view> what);
  const absl::Status& status() const { return status_; }

  // While values are read that do not stand in the text, those of a set: every error is at `position` and begins with
  // `prefix`. "" ends it.
  void SetOrigin(size_t position, std::string_view prefix) {
    origin_position_ = position;
    origin_ = prefix;
  }

 private:
  std::string_view text_;
  absl::Status status_;
  size_t origin_position_ = 0;
  std::string origin_;
};

// "'word'", shortened if it is long; for the end "the end".
std::string Shown(const Token& token);

// Whether the name is a keyword that can be neither column nor value: and, or, not, in, between, like, has, is, null.
bool IsReserved(const Token& token);

// What a test is about: one column, or the fields behind addr, src, dst, port. All have one type. In `having` a column
// of the answer: then `output` tells the type, and the column whose words and units these are.
struct Subject {
  std::vector<ColumnRef> columns;
  bool is_synonym = false;
  std::string name;  // for errors
  const OutputColumn* output = nullptr;

  const ColumnRef& column() const { return columns.front(); }
  OperandType type() const { return output == nullptr ? column().type() : output->type; }
  // The least integer that the subject can have.
  int64_t least() const {
    const bool is_signed = output != nullptr || type() == OperandType::kDuration;
    return is_signed ? std::numeric_limits<int64_t>::min() : 0;
  }
  bool is_other() const { return column().kind == ColumnRef::Kind::kOther; }
  bool is_field(Field field) const {
    return !is_synonym && column().kind == ColumnRef::Kind::kField && column().field == field;
  }
};
void ResolveSubject(const Token& token, Subject* subject);
// In `having`: the output of that name, hyphen equals underscore; nullptr if there is none.
const OutputColumn* FindOutput(std::string_view name, const std::vector<OutputColumn>& outputs);
// As ResolveSubject, for one column only: a key or an aggregate.
bool ResolveColumn(const Token& token, Diagnostics* diagnostics, Subject* subject);

// Whether two names are one: hyphen equals underscore.
bool SameName(std::string_view a, std::string_view b);
// All names that a filter knows: fields, synonyms, derived columns.
std::vector<std::string_view> KnownColumns();
// " (byts is no known field: did you mean 'bytes'?)" for a name that is no field, else "".
std::string UnknownColumnNote(const Subject& subject);

// A value as it was written.
struct Value {
  Token token;
  bool negative = false;  // a minus sign stood before the number
  size_t position = 0;    // of the minus sign, else of the token

  std::string_view text() const { return token.kind == TokenKind::kText ? std::string_view(token.text) : token.raw; }
};

// Of an integer, time or duration.
bool NumberOf(const Subject& subject, const Value& value, const LanguageContext& context, Diagnostics* diagnostics,
              Point* number);
// Of a mean.
bool FractionOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, double* number);
bool AddressOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, IpAddress* address);
bool TextOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, std::string* text);

// An item of a set of addresses: an address, a prefix, private, public, multicast or internal. `*internal` is set where
// the context does not tell what that is.
bool AddAddressItem(const Subject& subject, const Value& value, const LanguageContext& context,
                    Diagnostics* diagnostics, AddressSetBuilder* set, bool* internal);
// A value of a set that was given with the query, as if it stood in the expression. Valid while `text` and `quoted`
// live.
Value ValueInSet(const Subject& subject, std::string_view text, std::string* quoted);
// One or more TCP flags: SYN, SYN-ACK, 'SYN|ACK', 2.
bool FlagsOf(const Subject& subject, const Value& value, Diagnostics* diagnostics, int64_t* flags);
// A duration in seconds, as 5m or 300.
bool SecondsOf(const Value& value, Diagnostics* diagnostics, int64_t* seconds);
// The q of quantile(f, q), in units of 10^-18: 0, 0.95, 1.
bool QuantileOf(const Value& value, Diagnostics* diagnostics, uint64_t* quantile);
// A plain number.
bool PlainIntegerOf(const Value& value, Diagnostics* diagnostics, int64_t* number);

}  // namespace language
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_OPERAND_H_
