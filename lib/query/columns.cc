#include "lib/query/columns.h"

namespace flowlogs {
inline namespace v1 {
namespace {

// The first address of the prefix that holds the address.
IpAddress Truncate(IpAddress address, int v4, int v6) { return IpPrefix(address, address.is_v4() ? v4 : v6).first(); }

}  // namespace

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
        const std::string_view text = reader->Scope(batch.Address(v));
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
        const std::string_view text = reader->Scope(batch.Address(value));
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
