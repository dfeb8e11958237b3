#include "lib/query/columns.h"

#include "flowlogs/schema/services.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr int64_t kTcp = 6;
constexpr int64_t kUdp = 17;
constexpr int64_t kSctp = 132;
constexpr int64_t kFirstEphemeral = 32768;  // Linux's default; IANA's range begins at 49152

constexpr bool HasPorts(int64_t protocol) { return protocol == kTcp || protocol == kUdp || protocol == kSctp; }

// The port of the server, by the known-port rule: a port that belongs to a known service, the lower one of two; else the
// one that is no ephemeral port; else the destination's.
int64_t ServerPort(int64_t srcport, int64_t dstport, int64_t protocol) {
  if (srcport == kNullWord || dstport == kNullWord) return srcport == kNullWord ? dstport : srcport;
  const bool src_known = IsKnownService(srcport, protocol);
  const bool dst_known = IsKnownService(dstport, protocol);
  if (src_known != dst_known) return src_known ? srcport : dstport;
  if (src_known) return std::min(srcport, dstport);
  const bool src_ephemeral = srcport >= kFirstEphemeral;
  const bool dst_ephemeral = dstport >= kFirstEphemeral;
  if (src_ephemeral != dst_ephemeral) return src_ephemeral ? dstport : srcport;
  return dstport;
}

// The first address of the prefix that holds the address.
IpAddress Truncate(IpAddress address, int v4, int v6) { return IpPrefix(address, address.is_v4() ? v4 : v6).first(); }

}  // namespace

std::string ServiceText(int64_t port, int64_t protocol) {
  if (HasPorts(protocol)) {
    const std::string_view name = ServiceName(port, protocol);
    if (!name.empty()) return std::string(name);
    return std::string(WordOf(Field::kProtocol, protocol)) + "/" + std::to_string(port);
  }
  const std::string_view name = WordOf(Field::kProtocol, protocol);
  return name.empty() ? "protocol " + std::to_string(protocol) : std::string(name);
}

std::string_view ScopeText(AddressScope scope) {
  switch (scope) {
    case AddressScope::kPrivate:
      return "private";
    case AddressScope::kMulticast:
      return "multicast";
    case AddressScope::kPublic:
      return "public";
    case AddressScope::kNone:
      break;
  }
  return {};
}

BoundColumn BoundColumn::Bind(const ColumnRef& column, const Format& format) {
  BoundColumn bound{column.kind, column.type()};
  switch (column.kind) {
    case ColumnRef::Kind::kField:
      bound.places[0] = format.IndexOf(column.field);
      break;
    case ColumnRef::Kind::kOther:
      bound.places[0] = format.IndexOf(column.name);
      break;
    case ColumnRef::Kind::kDuration:
      bound.places[0] = format.IndexOf(Field::kStart);
      bound.places[1] = format.IndexOf(Field::kEnd);
      break;
    case ColumnRef::Kind::kService:
      bound.places[0] = format.IndexOf(Field::kSrcport);
      bound.places[1] = format.IndexOf(Field::kDstport);
      bound.places[2] = format.IndexOf(Field::kProtocol);
      break;
  }
  return bound;
}

bool BoundColumn::lacking() const {
  switch (kind) {
    case ColumnRef::Kind::kField:
    case ColumnRef::Kind::kOther:
      return places[0] < 0;
    case ColumnRef::Kind::kDuration:
      return places[0] < 0 || places[1] < 0;
    case ColumnRef::Kind::kService:
      return places[2] < 0;
  }
  return true;
}

void BoundColumn::AppendPlaces(std::vector<int>* out) const {
  if (lacking()) return;
  for (int place : places) {
    if (place >= 0) out->push_back(place);
  }
}

const int64_t* ColumnReader::Words(const BoundColumn& column, RecordBatch& batch, Rows rows) {
  if (column.kind == ColumnRef::Kind::kField && !column.lacking()) {
    return column.type == OperandType::kAddress ? batch.Addresses(column.places[0], rows)
                                                : batch.Integers(column.places[0], rows);
  }
  if (words_.size() < 4) words_.resize(4);
  std::vector<int64_t>& words = words_[next_words_++ % words_.size()];
  if (words.size() < batch.run().num_rows) words.resize(batch.run().num_rows);
  if (column.lacking()) {
    for (uint32_t i = 0; i < rows.count; ++i) words[rows[i]] = kNullWord;
    return words.data();
  }
  const int64_t* start = batch.Integers(column.places[0], rows);
  const int64_t* end = batch.Integers(column.places[1], rows);
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    words[row] = start[row] == kNullWord || end[row] == kNullWord ? kNullWord : end[row] - start[row];
  }
  return words.data();
}

std::string_view ColumnReader::Service(int64_t port, int64_t protocol) {
  std::string& text = service_texts_[protocol << 32 | port];
  if (text.empty()) text = ServiceText(port, protocol);
  return text;
}

const std::string_view* ColumnReader::Texts(const BoundColumn& column, RecordBatch& batch, Rows rows) {
  if (column.kind != ColumnRef::Kind::kService && !column.lacking()) return batch.Texts(column.places[0], rows);
  if (texts_.size() < 4) texts_.resize(4);
  std::vector<std::string_view>& texts = texts_[next_texts_++ % texts_.size()];
  if (texts.size() < batch.run().num_rows) texts.resize(batch.run().num_rows);
  if (column.lacking()) {
    for (uint32_t i = 0; i < rows.count; ++i) texts[rows[i]] = {};
    return texts.data();
  }
  const int64_t* srcport = column.places[0] < 0 ? nullptr : batch.Integers(column.places[0], rows);
  const int64_t* dstport = column.places[1] < 0 ? nullptr : batch.Integers(column.places[1], rows);
  const int64_t* protocol = batch.Integers(column.places[2], rows);
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    texts[row] = {};
    if (protocol[row] == kNullWord) continue;
    int64_t port = 0;
    if (HasPorts(protocol[row])) {
      port = ServerPort(srcport == nullptr ? kNullWord : srcport[row], dstport == nullptr ? kNullWord : dstport[row],
                        protocol[row]);
    }
    if (port != kNullWord) texts[row] = Service(port, protocol[row]);
  }
  return texts.data();
}

BoundKey BoundKey::Bind(const KeyExpression& key, const Format& format) {
  BoundKey bound;
  bound.kind_ = key.kind;
  bound.column_ = BoundColumn::Bind(key.column, format);
  if (key.kind == KeyExpression::Kind::kService) {
    ColumnRef protocol;
    protocol.field = Field::kProtocol;
    bound.protocol_ = BoundColumn::Bind(protocol, format);
  }
  bound.bin_seconds_ = key.bin_seconds;
  bound.prefix_v4_ = key.prefix_v4;
  bound.prefix_v6_ = key.prefix_v6;
  return bound;
}

void BoundKey::Words(RecordBatch& batch, Rows rows, ColumnReader* reader, Interner* interner, int64_t* words,
                     size_t stride) const {
  using Kind = KeyExpression::Kind;
  if (kind_ == Kind::kColumn && column_.is_text()) {
    const std::string_view* texts = reader->Texts(column_, batch, rows);
    for (uint32_t i = 0; i < rows.count; ++i) {
      const std::string_view text = texts[rows[i]];
      words[i * stride] = text.data() == nullptr ? kNullWord : interner->Text(text);
    }
    return;
  }
  const int64_t* values = reader->Words(column_, batch, rows);
  auto each = [&](auto make) {
    for (uint32_t i = 0; i < rows.count; ++i) {
      const int64_t value = values[rows[i]];
      words[i * stride] = value == kNullWord ? kNullWord : make(value, rows[i]);
    }
  };
  switch (kind_) {
    case Kind::kColumn:
      if (column_.type == OperandType::kAddress) {
        each([&](int64_t v, uint32_t) { return (v & kV6Tag) == 0 ? v : interner->Address(batch.Address(v)); });
      } else {
        each([](int64_t v, uint32_t) { return v; });
      }
      return;
    case Kind::kBin:
      each([this](int64_t v, uint32_t) { return v - v % bin_seconds_; });
      return;
    case Kind::kPrefix:
      each([&](int64_t v, uint32_t) { return interner->Address(Truncate(batch.Address(v), prefix_v4_, prefix_v6_)); });
      return;
    case Kind::kService: {
      const int64_t* protocols = reader->Words(protocol_, batch, rows);
      each([&](int64_t v, uint32_t row) {
        return protocols[row] == kNullWord ? kNullWord : interner->Text(reader->Service(v, protocols[row]));
      });
      return;
    }
    case Kind::kScope:
      each([&](int64_t v, uint32_t) {
        const std::string_view text = ScopeText(ScopeOf(batch.Address(v)));
        return text.empty() ? kNullWord : interner->Text(text);
      });
      return;
  }
}

void BoundKey::AppendTo(RecordBatch& batch, Rows rows, ColumnReader* reader, Column* out) const {
  using Kind = KeyExpression::Kind;
  if (kind_ == Kind::kColumn && column_.is_text()) {
    const std::string_view* texts = reader->Texts(column_, batch, rows);
    for (uint32_t i = 0; i < rows.count; ++i) {
      const std::string_view text = texts[rows[i]];
      text.data() == nullptr ? out->AppendNull() : out->AppendText(text);
    }
    return;
  }
  const int64_t* values = reader->Words(column_, batch, rows);
  const int64_t* protocols = kind_ == Kind::kService ? reader->Words(protocol_, batch, rows) : nullptr;
  for (uint32_t i = 0; i < rows.count; ++i) {
    const int64_t value = values[rows[i]];
    if (value == kNullWord) {
      out->AppendNull();
      continue;
    }
    switch (kind_) {
      case Kind::kColumn:
        column_.type == OperandType::kAddress ? out->AppendAddress(batch.Address(value)) : out->AppendInt(value);
        break;
      case Kind::kBin:
        out->AppendInt(value - value % bin_seconds_);
        break;
      case Kind::kPrefix: {
        const IpAddress address = batch.Address(value);
        out->AppendText(IpPrefix(address, address.is_v4() ? prefix_v4_ : prefix_v6_).ToString());
        break;
      }
      case Kind::kService: {
        const int64_t protocol = protocols[rows[i]];
        protocol == kNullWord ? out->AppendNull() : out->AppendText(reader->Service(value, protocol));
        break;
      }
      case Kind::kScope: {
        const std::string_view text = ScopeText(ScopeOf(batch.Address(value)));
        text.empty() ? out->AppendNull() : out->AppendText(text);
        break;
      }
    }
  }
}

WordKind WordKindOf(const KeyExpression& key) {
  switch (key.kind) {
    case KeyExpression::Kind::kColumn:
      if (key.column.type() == OperandType::kText) return WordKind::kText;
      return key.column.type() == OperandType::kAddress ? WordKind::kAddress : WordKind::kInteger;
    case KeyExpression::Kind::kBin:
      return WordKind::kInteger;
    case KeyExpression::Kind::kPrefix:
      return WordKind::kPrefix;
    case KeyExpression::Kind::kService:
    case KeyExpression::Kind::kScope:
      break;
  }
  return WordKind::kText;
}

Column MakeColumn(const KeyExpression& key) {
  switch (WordKindOf(key)) {
    case WordKind::kInteger: {
      const bool is_field = key.kind == KeyExpression::Kind::kColumn && key.column.kind == ColumnRef::Kind::kField;
      const bool is_int32 = is_field && Info(key.column.field).type == ValueType::kInt32;
      return Column(key.name, is_int32 ? ColumnType::kInt32 : ColumnType::kInt64,
                    key.column.type() == OperandType::kTime);
    }
    case WordKind::kAddress:
      return Column(key.name, ColumnType::kAddress);
    case WordKind::kText:
    case WordKind::kPrefix:
      break;
  }
  return Column(key.name, ColumnType::kText);
}

}  // namespace v1
}  // namespace flowlogs
