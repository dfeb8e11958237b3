// Names of columns: fields in either spelling, their synonyms, derived columns.
#include <algorithm>
#include <array>
#include <iterator>

#include "lib/query/operand.h"

namespace flowlogs {
inline namespace v1 {

OperandType ColumnRef::type() const {
  switch (kind) {
    case Kind::kDuration:
      return OperandType::kDuration;
    case Kind::kOther:
    case Kind::kService:
      return OperandType::kText;
    case Kind::kField:
      break;
  }
  switch (Info(field).type) {
    case ValueType::kInt32:
    case ValueType::kInt64:
      return OperandType::kInteger;
    case ValueType::kTime:
      return OperandType::kTime;
    case ValueType::kAddress:
      return OperandType::kAddress;
    case ValueType::kText:
    case ValueType::kTag:
      break;
  }
  return OperandType::kText;
}

namespace language {
namespace {

struct Synonym {
  std::string_view name;
  std::array<Field, 4> fields;
  size_t count;
};
constexpr Synonym kSynonyms[] = {
    {"addr", {Field::kSrcaddr, Field::kDstaddr, Field::kPktSrcaddr, Field::kPktDstaddr}, 4},
    {"src", {Field::kSrcaddr, Field::kPktSrcaddr}, 2},
    {"dst", {Field::kDstaddr, Field::kPktDstaddr}, 2},
    {"port", {Field::kSrcport, Field::kDstport}, 2},
    {"sport", {Field::kSrcport}, 1},
    {"dport", {Field::kDstport}, 1},
    {"proto", {Field::kProtocol}, 1},
    {"eni", {Field::kInterfaceId}, 1},
};

// The rest of CONTRACT D1's columns.
constexpr std::string_view kNotBuilt[] = {"direction", "own", "peer", "client", "server", "server_port", "orientation"};

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x == '-' ? '_' : x) == (y == '-' ? '_' : y); });
}

ColumnRef FieldColumn(Field field, size_t position) {
  return {
      .kind = ColumnRef::Kind::kField, .field = field, .name = std::string(Info(field).column), .position = position};
}

}  // namespace

bool Diagnostics::Fail(size_t position, std::initializer_list<std::string_view> what) {
  if (!status_.ok()) return false;
  std::string joined;
  for (std::string_view part : what) joined += part;
  status_ = ExpressionError(text_, position, joined);
  return false;
}

std::string Shown(const Token& token) {
  constexpr size_t kLongest = 60;
  if (token.kind == TokenKind::kEnd) return "the end";
  std::string shown(token.raw.substr(0, kLongest));
  if (token.raw.size() > kLongest) shown += "...";
  const bool quoted = token.kind == TokenKind::kText || token.kind == TokenKind::kOpenText;
  return quoted ? shown : "'" + shown + "'";
}

bool IsReserved(const Token& token) {
  for (std::string_view word : {"and", "or", "not", "in", "between", "like", "has", "is", "null"}) {
    if (token.Is(word)) return true;
  }
  return false;
}

bool ResolveSubject(const Token& token, Diagnostics* diagnostics, Subject* subject) {
  const std::string_view name = token.raw;
  const size_t position = token.position;
  subject->name = std::string(name);
  subject->is_synonym = false;
  subject->columns.clear();
  if (const std::optional<Field> field = FindField(name)) {
    subject->name = std::string(Info(*field).name);
    subject->columns.push_back(FieldColumn(*field, position));
    return true;
  }
  for (const Synonym& synonym : kSynonyms) {
    if (synonym.name != name) continue;
    for (size_t i = 0; i < synonym.count; ++i) subject->columns.push_back(FieldColumn(synonym.fields[i], position));
    subject->is_synonym = synonym.count > 1;
    return true;
  }
  for (std::string_view derived : kNotBuilt) {
    if (SameName(derived, name)) return diagnostics->Fail(position, {"the column ", derived, " is not built yet"});
  }
  ColumnRef column;
  column.kind = name == "duration"  ? ColumnRef::Kind::kDuration
                : name == "service" ? ColumnRef::Kind::kService
                                    : ColumnRef::Kind::kOther;
  column.name = std::string(name);
  column.position = position;
  subject->columns.push_back(std::move(column));
  return true;
}

bool ResolveColumn(const Token& token, Diagnostics* diagnostics, Subject* subject) {
  if (!ResolveSubject(token, diagnostics, subject)) return false;
  if (!subject->is_synonym) return true;
  std::string fields;
  for (const ColumnRef& column : subject->columns) {
    if (!fields.empty()) fields += &column == &subject->columns.back() ? " or " : ", ";
    fields += Info(column.field).name;
  }
  return diagnostics->Fail(token.position, {"'", subject->name, "' is for filters only: choose ", fields});
}

std::vector<std::string_view> KnownColumns() {
  std::vector<std::string_view> names = {"duration", "service", "rejected", "accepted"};
  for (const FieldInfo& info : AllFields()) names.push_back(info.name);
  for (const Synonym& synonym : kSynonyms) names.push_back(synonym.name);
  return names;
}

std::string UnknownColumnNote(const Subject& subject) {
  if (!subject.is_other()) return "";
  const std::string near = Suggest(subject.name, KnownColumns());
  std::string note = " (" + subject.name.substr(0, 60) + " is no known field";
  note += near.empty() ? ", so it is taken for text)" : ": did you mean '" + near + "'?)";
  return note;
}

}  // namespace language
}  // namespace v1
}  // namespace flowlogs
