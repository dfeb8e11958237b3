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
    case Kind::kOwn:
    case Kind::kPeer:
    case Kind::kClient:
    case Kind::kServer:
      return OperandType::kAddress;
    case Kind::kServerPort:
    case Kind::kConversation:
    case Kind::kLine:
    case Kind::kEventTime:
      return OperandType::kInteger;
    case Kind::kOther:
    case Kind::kEnriched:
    case Kind::kDirection:
    case Kind::kService:
    case Kind::kOrientation:
    case Kind::kSource:
    case Kind::kLogGroup:
    case Kind::kLogStream:
    case Kind::kEventId:
    case Kind::kOwner:
    case Kind::kAccount:
    case Kind::kRegion:
    case Kind::kFlowLogId:
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

ColumnRef ColumnRef::Read() const {
  ColumnRef read = *this;
  if (kind != Kind::kEnriched) return read;
  read.kind = base;
  read.name = name.substr(0, name.size() - attribute.size() - 1);
  return read;
}

std::vector<OutputColumn> OutputColumns(const std::vector<KeyExpression>& keys,
                                        const std::vector<AggregateExpression>& aggregates) {
  std::vector<OutputColumn> outputs;
  auto add = [&outputs](const std::string& name, OperandType type, const ColumnRef* column) -> OutputColumn& {
    outputs.push_back({name, type, {}});
    OutputColumn& output = outputs.back();
    output.column.kind = ColumnRef::Kind::kOther;
    output.column.name = name;
    if (column != nullptr) output.column = *column;
    return output;
  };
  for (const KeyExpression& key : keys) {
    switch (key.kind) {
      case KeyExpression::Kind::kColumn:
      case KeyExpression::Kind::kBin:
        add(key.name, key.column.type(), &key.column);
        break;
      case KeyExpression::Kind::kPrefix:
        add(key.name, OperandType::kText, nullptr);
        break;
      case KeyExpression::Kind::kService:
        add(key.name, OperandType::kText, nullptr).column.kind = ColumnRef::Kind::kService;
        break;
      case KeyExpression::Kind::kScope:
        add(key.name, OperandType::kText, nullptr).is_scope = true;
        break;
    }
  }
  for (const AggregateExpression& aggregate : aggregates) {
    switch (aggregate.kind) {
      case AggregateExpression::Kind::kCount:
      case AggregateExpression::Kind::kCountPresent:
      case AggregateExpression::Kind::kDistinct:
      case AggregateExpression::Kind::kApproxDistinct:
        add(aggregate.name, OperandType::kInteger, nullptr);
        break;
      case AggregateExpression::Kind::kSum:
        add(aggregate.name, aggregate.column.type(), nullptr);
        break;
      case AggregateExpression::Kind::kMean:
        add(aggregate.name, OperandType::kNumber, &aggregate.column);
        break;
      case AggregateExpression::Kind::kMin:
      case AggregateExpression::Kind::kMax:
      case AggregateExpression::Kind::kQuantile:
      case AggregateExpression::Kind::kFirst:
      case AggregateExpression::Kind::kLast:
        add(aggregate.name, aggregate.column.type(), &aggregate.column);
        break;
    }
  }
  return outputs;
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

// CONTRACT D1, L13.
struct Derived {
  std::string_view name;
  ColumnRef::Kind kind;
};
constexpr Derived kDerived[] = {
    {"duration", ColumnRef::Kind::kDuration},
    {"direction", ColumnRef::Kind::kDirection},
    {"own", ColumnRef::Kind::kOwn},
    {"peer", ColumnRef::Kind::kPeer},
    {"client", ColumnRef::Kind::kClient},
    {"server", ColumnRef::Kind::kServer},
    {"server_port", ColumnRef::Kind::kServerPort},
    {"service", ColumnRef::Kind::kService},
    {"orientation", ColumnRef::Kind::kOrientation},
    {"_source", ColumnRef::Kind::kSource},
    {"_line", ColumnRef::Kind::kLine},
    {"_log_group", ColumnRef::Kind::kLogGroup},
    {"_log_stream", ColumnRef::Kind::kLogStream},
    {"_event_time", ColumnRef::Kind::kEventTime},
    {"_event_id", ColumnRef::Kind::kEventId},
    {"_owner", ColumnRef::Kind::kOwner},
    {"_account", ColumnRef::Kind::kAccount},
    {"_region", ColumnRef::Kind::kRegion},
    {"_flow_log_id", ColumnRef::Kind::kFlowLogId},
};

ColumnRef FieldColumn(Field field, size_t position) {
  return {
      .kind = ColumnRef::Kind::kField, .field = field, .name = std::string(Info(field).column), .position = position};
}

}  // namespace

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x == '-' ? '_' : x) == (y == '-' ? '_' : y); });
}

bool Diagnostics::Fail(size_t position, std::initializer_list<std::string_view> what) {
  if (!status_.ok()) return false;
  std::string joined = origin_;
  for (std::string_view part : what) joined += part;
  status_ = ExpressionError(text_, origin_.empty() ? position : origin_position_, joined);
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

namespace {

// Whether tables can say something of a column: of addresses, and of fields that are text.
bool CanBeEnriched(const ColumnRef& column) {
  if (column.type() == OperandType::kAddress) return true;
  return column.kind == ColumnRef::Kind::kField && Info(column.field).type == ValueType::kText;
}

void ResolveName(std::string_view name, size_t position, Subject* subject) {
  subject->name = std::string(name);
  subject->is_synonym = false;
  subject->columns.clear();
  if (const std::optional<Field> field = FindField(name)) {
    subject->name = std::string(Info(*field).name);
    subject->columns.push_back(FieldColumn(*field, position));
    return;
  }
  for (const Synonym& synonym : kSynonyms) {
    if (synonym.name != name) continue;
    for (size_t i = 0; i < synonym.count; ++i) subject->columns.push_back(FieldColumn(synonym.fields[i], position));
    subject->is_synonym = synonym.count > 1;
    return;
  }
  ColumnRef column;
  column.kind = ColumnRef::Kind::kOther;
  column.name = std::string(name);
  column.position = position;
  for (const Derived& derived : kDerived) {
    if (!SameName(derived.name, name)) continue;
    column.kind = derived.kind;
    column.name = subject->name = std::string(derived.name);
  }
  subject->columns.push_back(std::move(column));
}

}  // namespace

void ResolveSubject(const Token& token, Subject* subject) {
  ResolveName(token.raw, token.position, subject);
  const size_t dot = token.raw.find('.');  // the first one: what a table calls its columns may have more
  if (!subject->is_other() || dot == std::string_view::npos || dot + 1 == token.raw.size()) return;
  Subject base;
  ResolveName(token.raw.substr(0, dot), token.position, &base);
  if (!std::all_of(base.columns.begin(), base.columns.end(), CanBeEnriched)) return;
  for (ColumnRef& column : base.columns) {
    column.base = column.kind;
    column.kind = ColumnRef::Kind::kEnriched;
    column.attribute = std::string(token.raw.substr(dot + 1));
    column.name += "." + column.attribute;
  }
  base.name += std::string(token.raw.substr(dot));
  *subject = std::move(base);
}

const OutputColumn* FindOutput(std::string_view name, const std::vector<OutputColumn>& outputs) {
  const auto found = std::find_if(outputs.begin(), outputs.end(),
                                  [&](const OutputColumn& output) { return SameName(output.name, name); });
  return found == outputs.end() ? nullptr : &*found;
}

bool ResolveColumn(const Token& token, Diagnostics* diagnostics, Subject* subject) {
  ResolveSubject(token, subject);
  if (!subject->is_synonym) return true;
  std::string fields;
  for (const ColumnRef& column : subject->columns) {
    if (!fields.empty()) fields += &column == &subject->columns.back() ? " or " : ", ";
    fields += Info(column.field).name;
    if (column.kind == ColumnRef::Kind::kEnriched) fields += "." + column.attribute;
  }
  return diagnostics->Fail(token.position, {"'", subject->name, "' is for filters only: choose ", fields});
}

std::vector<std::string_view> KnownColumns() {
  std::vector<std::string_view> names = {"rejected", "accepted"};
  for (const Derived& derived : kDerived) names.push_back(derived.name);
  for (const FieldInfo& info : AllFields()) names.push_back(info.name);
  for (const Synonym& synonym : kSynonyms) names.push_back(synonym.name);
  return names;
}

std::string UnknownColumnNote(const Subject& subject) {
  if (!subject.is_other() || subject.output != nullptr) return "";
  const std::string near = Suggest(subject.name, KnownColumns());
  std::string note = " (" + subject.name.substr(0, 60) + " is no known field";
  note += near.empty() ? ", so it is taken for text)" : ": did you mean '" + near + "'?)";
  return note;
}

}  // namespace language
}  // namespace v1
}  // namespace flowlogs
