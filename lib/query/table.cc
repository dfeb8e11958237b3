#include "flowlogs/query/table.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/schema/address.h"
#include "lib/query/number_text.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr bool IsInteger(ColumnType type) { return type == ColumnType::kInt32 || type == ColumnType::kInt64; }

template <typename T>
int Sign(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

bool EqualButForHyphens(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto fold = [](char c) { return c == '-' ? '_' : c; };
  for (size_t i = 0; i < a.size(); ++i) {
    if (fold(a[i]) != fold(b[i])) return false;
  }
  return true;
}

}  // namespace

// ---- Column ---------------------------------------------------------------------------------------------------------

std::string_view Column::type_name() const {
  switch (type_) {
    case ColumnType::kInt32: return "int32";
    case ColumnType::kInt64: return "int64";
    case ColumnType::kDouble: return "double";
    case ColumnType::kText:
    case ColumnType::kAddress: break;
  }
  return "text";
}

std::string Column::ToText(size_t row) const {
  if (is_null(row)) return {};
  char text[internal::kNumberRoom];
  char* end = text;
  switch (type_) {
    case ColumnType::kInt32:
    case ColumnType::kInt64: end = internal::WriteInt(ints_[row], text); break;
    case ColumnType::kDouble: end = internal::WriteDouble(doubles_[row], text); break;
    case ColumnType::kAddress: end = text + addresses_[row].Format(text); break;
    case ColumnType::kText: return std::string(text_value(row));
  }
  return std::string(text, end);
}

void Column::AppendNull() {
  present_.push_back(0);
  switch (type_) {
    case ColumnType::kInt32:
    case ColumnType::kInt64: ints_.push_back(0); break;
    case ColumnType::kDouble: doubles_.push_back(0); break;
    case ColumnType::kText: ends_.push_back(chars_.size()); break;
    case ColumnType::kAddress: addresses_.emplace_back(); break;
  }
}

void Column::AppendInt(int64_t value) {
  if (!IsInteger(type_)) return AppendNull();
  present_.push_back(1);
  ints_.push_back(value);
}

void Column::AppendDouble(double value) {
  if (type_ != ColumnType::kDouble) return AppendNull();
  present_.push_back(1);
  doubles_.push_back(value);
}

void Column::AppendText(std::string_view value) {
  if (type_ != ColumnType::kText) return AppendNull();
  present_.push_back(1);
  chars_.append(value);
  ends_.push_back(chars_.size());
}

void Column::AppendAddress(IpAddress value) {
  if (type_ != ColumnType::kAddress) return AppendNull();
  present_.push_back(1);
  addresses_.push_back(value);
}

void Column::AppendFrom(const Column& other, size_t row) {
  if (other.is_null(row)) return AppendNull();
  switch (other.type_) {
    case ColumnType::kInt32:
    case ColumnType::kInt64: return AppendInt(other.ints_[row]);
    case ColumnType::kDouble: return AppendDouble(other.doubles_[row]);
    case ColumnType::kText: return AppendText(other.text_value(row));
    case ColumnType::kAddress: return AppendAddress(other.addresses_[row]);
  }
}

int Column::Compare(size_t a, size_t b) const {
  if (is_null(a) || is_null(b)) return Sign(is_null(a), is_null(b));
  switch (type_) {
    case ColumnType::kInt32:
    case ColumnType::kInt64: return Sign(ints_[a], ints_[b]);
    case ColumnType::kDouble: {
      // A sort needs an order of all values: NaN is one value, after every number.
      const bool nan_a = std::isnan(doubles_[a]);
      const bool nan_b = std::isnan(doubles_[b]);
      return nan_a || nan_b ? Sign(nan_a, nan_b) : Sign(doubles_[a], doubles_[b]);
    }
    case ColumnType::kAddress: return Sign(addresses_[a], addresses_[b]);
    case ColumnType::kText: break;
  }
  return Sign(text_value(a).compare(text_value(b)), 0);  // bytewise: char_traits<char> compares unsigned
}

// ---- Table ----------------------------------------------------------------------------------------------------------

const Column* Table::column(std::string_view name) const {
  for (const Column& column : columns_) {
    if (column.name() == name) return &column;
  }
  for (const Column& column : columns_) {
    if (EqualButForHyphens(column.name(), name)) return &column;
  }
  return nullptr;
}

std::optional<int64_t> Table::Int(size_t row, std::string_view name) const {
  const Column* c = column(name);
  if (c == nullptr || !IsInteger(c->type()) || row >= c->size() || c->is_null(row)) return std::nullopt;
  return c->int_value(row);
}

std::optional<double> Table::Double(size_t row, std::string_view name) const {
  const Column* c = column(name);
  if (c == nullptr || c->type() != ColumnType::kDouble || row >= c->size() || c->is_null(row)) return std::nullopt;
  return c->double_value(row);
}

std::optional<std::string> Table::Text(size_t row, std::string_view name) const {
  const Column* c = column(name);
  if (c == nullptr || row >= c->size() || c->is_null(row)) return std::nullopt;
  return c->ToText(row);
}

}  // namespace v1
}  // namespace flowlogs
