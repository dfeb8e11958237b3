#include "lib/query/columns.h"

#include <cstring>

namespace flowlogs {
inline namespace v1 {
namespace {

// The first address of the prefix that holds the address.
IpAddress Truncate(IpAddress address, int v4, int v6) { return IpPrefix(address, address.is_v4() ? v4 : v6).first(); }

}  // namespace

BoundKey BoundKey::Bind(const KeyExpression& key, const Format& format) {
  BoundKey bound;
  bound.kind_ = key.kind;
  bound.is_narrow_ = IsNarrow(key);
  bound.column_ = BoundColumn::Bind(key.column, format);
  if (key.kind == KeyExpression::Kind::kService) {
    ColumnRef protocol;
    protocol.field = Field::kProtocol;
    bound.protocol_ = BoundColumn::Bind(protocol, format);
  }
  bound.is_before_last_ = key.kind == KeyExpression::Kind::kColumn && bound.column_.kind == ColumnRef::Kind::kField &&
                          !bound.column_.lacking && bound.column_.places[0] > 0 &&
                          RecordBatch::IsBeforeLast(format, bound.column_.places[0]);
  bound.bin_seconds_ = key.bin_seconds;
  bound.prefix_v4_ = key.prefix_v4;
  bound.prefix_v6_ = key.prefix_v6;
  return bound;
}

bool BoundKey::IsNarrow(const KeyExpression& key) {
  if (WordKindOf(key) != WordKind::kInteger) return true;
  if (key.kind != KeyExpression::Kind::kColumn) return false;
  return key.column.kind == ColumnRef::Kind::kServerPort ||
         (key.column.kind == ColumnRef::Kind::kField && Info(key.column.field).type == ValueType::kInt32);
}

void BoundKey::Write(RecordBatch& batch, Rows rows, ColumnReader* reader, Interner* interner, char* out,
                     size_t stride) const {
  if (is_before_last_ && batch.has_tokens()) return WriteBeforeLast(batch, rows, interner, out, stride);
  is_narrow_ ? WriteAs<uint32_t>(batch, rows, reader, interner, out, stride)
             : WriteAs<int64_t>(batch, rows, reader, interner, out, stride);
}

// From the ends of the lines: the index knows nothing that is needed. Nearly all values are one of two.
void BoundKey::WriteBeforeLast(RecordBatch& batch, Rows rows, Interner* interner, char* out, size_t stride) const {
  struct Known {
    uint64_t word = 0x2020202020202020;  // the separator and the value; at first what no line has there
    unsigned shift = 0;
    uint32_t code = 0;
  };
  Known first, second;
  for (uint32_t i = 0; i < rows.count; ++i) {
    bool is_ok;
    const uint64_t bytes = batch.BeforeOk(rows[i], &is_ok);
    const bool is_first = bytes >> first.shift == first.word;
    const bool is_second = bytes >> second.shift == second.word;
    // Which of the two cannot be predicted: no branches.
    uint32_t code = second.code ^ ((first.code ^ second.code) & -static_cast<uint32_t>(is_first));
    if (!(is_ok & (is_first | is_second))) [[unlikely]] {
      const std::string_view text = batch.BeforeLast(rows[i]);
      code = IsMissing(text) ? kNullCode : interner->Text(text);
      if (is_ok && text.size() < 8) {
        second = first;
        first.shift = static_cast<unsigned>(8 * (7 - text.size()));
        first.word = bytes >> first.shift;
        first.code = code;
      }
    }
    std::memcpy(out + i * stride, &code, sizeof(code));
  }
}

template <typename T>
void BoundKey::WriteAs(RecordBatch& batch, Rows rows, ColumnReader* reader, Interner* interner, char* out,
                       size_t stride) const {
  using Kind = KeyExpression::Kind;
  constexpr T kNull = sizeof(T) == 4 ? static_cast<T>(kNullCode) : static_cast<T>(kNullWord);
  auto put = [&](uint32_t i, T value) { std::memcpy(out + i * stride, &value, sizeof(T)); };
  if (kind_ == Kind::kColumn && column_.is_text()) {
    const std::string_view* texts = reader->Texts(column_, batch, rows);
    for (uint32_t i = 0; i < rows.count; ++i) {
      const std::string_view text = texts[rows[i]];
      put(i, text.data() == nullptr ? kNull : static_cast<T>(interner->Text(text)));
    }
    return;
  }
  const int64_t* values = reader->Words(column_, batch, rows);
  auto each = [&](auto make) {
    for (uint32_t i = 0; i < rows.count; ++i) {
      const int64_t value = values[rows[i]];
      put(i, value == kNullWord ? kNull : static_cast<T>(make(value, rows[i])));
    }
  };
  switch (kind_) {
    case Kind::kColumn:
      if (column_.type == OperandType::kAddress) {
        each([&](int64_t v, uint32_t) {
          return v < Interner::kFirstOdd ? static_cast<uint32_t>(v) : interner->Address(batch.Address(v));
        });
      } else {
        each([](int64_t v, uint32_t) { return v; });
      }
      return;
    case Kind::kBin: {
      int64_t begin = 0;  // of the bin of the value before: mostly the same one
      each([&](int64_t v, uint32_t) {
        if (v < begin || v - begin >= bin_seconds_) begin = v - v % bin_seconds_;
        return begin;
      });
      return;
    }
    case Kind::kPrefix:
      each([&](int64_t v, uint32_t) { return interner->Address(Truncate(batch.Address(v), prefix_v4_, prefix_v6_)); });
      return;
    case Kind::kService: {
      const int64_t* protocols = reader->Words(protocol_, batch, rows);
      each([&](int64_t v, uint32_t row) {
        return protocols[row] == kNullWord ? kNullCode : interner->Text(reader->Service(v, protocols[row]));
      });
      return;
    }
    case Kind::kScope:
      each([&](int64_t v, uint32_t) {
        const std::string_view text = reader->Scope(batch.Address(v));
        return text.empty() ? kNullCode : interner->Text(text);
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
