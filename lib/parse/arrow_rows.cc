#include "lib/parse/arrow_rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_set>

#include "absl/status/status.h"

#include "flowlogs/schema/value.h"
#include "flowlogs/schema/writer.h"

namespace flowlogs {
inline namespace v1 {
namespace {

__extension__ using Int128 = __int128;

constexpr int64_t kBadWord = kNullWord + 1;
constexpr int64_t kFirstMilliseconds = 100'000'000'000;  // as text, seconds from here on are read as milliseconds
constexpr size_t kMaxNumberText = 48;                    // of any number or time

// ---- Values as they are stored
// ----------------------------------------------------------------------------------------

struct Instant {
  int64_t seconds;  // rounded down
  int64_t milliseconds;
};

struct Decimal {
  Int128 digits;
  int scale;
};

struct Nothing {};

// Calls f(value_at), once: value_at(place) gives the value that stands there, of the C++ type that fits the kind.
template <typename F>
void WithValues(const ArrowType& type, const ArrowArray& array, F&& f) {
  auto numbers = [&]<typename T>(T) { f([&array](int64_t place) { return ArrowNumber<T>(array, place); }); };
  switch (type.kind) {
    case ArrowKind::kUnsupported:
    case ArrowKind::kNull:
      return f([](int64_t) { return Nothing(); });
    case ArrowKind::kInt8:
      return numbers(int8_t{});
    case ArrowKind::kInt16:
      return numbers(int16_t{});
    case ArrowKind::kInt32:
      return numbers(int32_t{});
    case ArrowKind::kInt64:
      return numbers(int64_t{});
    case ArrowKind::kUint8:
      return numbers(uint8_t{});
    case ArrowKind::kUint16:
      return numbers(uint16_t{});
    case ArrowKind::kUint32:
      return numbers(uint32_t{});
    case ArrowKind::kUint64:
      return numbers(uint64_t{});
    case ArrowKind::kFloat:
      return numbers(float{});
    case ArrowKind::kDouble:
      return numbers(double{});
    case ArrowKind::kDecimal:
      return f([&array, bytes = type.bytes, scale = type.scale](int64_t place) -> Decimal {
        if (bytes == 4) return {ArrowNumber<int32_t>(array, place), scale};
        if (bytes == 8) return {ArrowNumber<int64_t>(array, place), scale};
        return {ArrowNumber<Int128>(array, place), scale};
      });
    case ArrowKind::kDays:
      return f([&array](int64_t place) { return Instant{int64_t{ArrowNumber<int32_t>(array, place)} * 86400, 0}; });
    case ArrowKind::kTimestamp:
      return f([&array, per_second = type.per_second](int64_t place) {
        const int64_t value = ArrowNumber<int64_t>(array, place);
        const int64_t rest = value % per_second + (value % per_second < 0 ? per_second : 0);
        const int64_t seconds = value / per_second - (value % per_second < 0 ? 1 : 0);  // rounded down
        return Instant{seconds, per_second < 1000 ? 0 : rest / (per_second / 1000)};
      });
    case ArrowKind::kText:
      return f([&array](int64_t place) { return ArrowText<int32_t>(array, place); });
    case ArrowKind::kLargeText:
      return f([&array](int64_t place) { return ArrowText<int64_t>(array, place); });
    case ArrowKind::kTextView:
      return f([&array](int64_t place) { return ArrowViewText(array, place); });
  }
}

bool IsMissingText(std::string_view text) { return text.empty() || IsMissing(text) || text == "None"; }

// The integer that a number is, if it is one.
std::optional<int64_t> WholeOf(double value) {
  if (value != std::trunc(value) || value >= 0x1p63 || value < -0x1p63) return std::nullopt;
  return static_cast<int64_t>(value);
}

// Without the zeros at the end of its fraction.
Decimal Shortened(Decimal value) {
  while (value.scale > 0 && value.digits % 10 == 0) {
    value.digits /= 10;
    --value.scale;
  }
  return value;
}

// ---- As words
// -----------------------------------------------------------------------------------------------------------

// Integers of a field. Values that are no number of the field's type are kBadWord.
struct IntegerMaker {
  ValueType type;
  int64_t max;

  explicit IntegerMaker(ValueType of)
      : type(of),
        max(of == ValueType::kInt32 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int64_t>::max()) {}

  template <typename T>
  requires std::is_integral_v<T> int64_t operator()(T value) const {
    if constexpr (std::is_signed_v<T>) {
      if (value < 0) return kBadWord;
    }
    if (static_cast<uint64_t>(value) > static_cast<uint64_t>(max)) return kBadWord;
    const int64_t word = static_cast<int64_t>(value);
    return type == ValueType::kTime && word >= kFirstMilliseconds ? word / 1000 : word;
  }
  int64_t operator()(double value) const {
    if (std::isnan(value)) return kNullWord;
    const std::optional<int64_t> whole = WholeOf(value);
    return whole ? (*this)(*whole) : kBadWord;
  }
  int64_t operator()(float value) const { return (*this)(double{value}); }
  int64_t operator()(Decimal value) const {
    value = Shortened(value);
    if (value.scale > 0 || value.digits < 0 || value.digits > max) return kBadWord;
    return (*this)(static_cast<int64_t>(value.digits));
  }
  int64_t operator()(Instant value) const {
    const bool is_time = type == ValueType::kTime && value.seconds >= 0 && value.seconds < kFirstMilliseconds;
    return is_time ? value.seconds : kBadWord;
  }
  int64_t operator()(std::string_view value) const {
    if (IsMissingText(value)) return kNullWord;
    return ParseIntegerOf(type, value).value_or(kBadWord);
  }
  int64_t operator()(Nothing) const { return kNullWord; }
};

struct AddressMaker {
  std::vector<IpAddress>* v6;

  int64_t operator()(std::string_view value) const {
    uint32_t bits = 0;
    if (internal::ParseV4(value, &bits)) return bits;
    const std::optional<IpAddress> address = IpAddress::Parse(value);
    if (!address) return IsMissingText(value) ? kNullWord : kBadWord;
    if (address->is_v4()) return address->v4_bits();
    v6->push_back(*address);
    return kV6Tag | static_cast<int64_t>(v6->size() - 1);
  }
  int64_t operator()(double value) const { return std::isnan(value) ? kNullWord : kBadWord; }
  int64_t operator()(float value) const { return (*this)(double{value}); }
  int64_t operator()(Nothing) const { return kNullWord; }
  template <typename T>
  int64_t operator()(T) const {
    return kBadWord;  // an address is a text
  }
};

// ---- As text
// ------------------------------------------------------------------------------------------------------------

// The text of a value in a column of `type`, at most kMaxNumberText bytes, or nullopt if it is missing. REQUIRES: it is
// no text.
class NumberText {
 public:
  explicit NumberText(ValueType type) : type_(type) {}

  template <typename T>
  requires std::is_integral_v<T> std::string_view operator()(T value) {
    return {text_, static_cast<size_t>(std::to_chars(text_, text_ + sizeof(text_), value).ptr - text_)};
  }
  std::string_view operator()(double value) { return Floating(value); }
  std::string_view operator()(float value) { return Floating(value); }
  std::string_view operator()(Decimal value) {
    value = Shortened(value);
    char* p = text_ + sizeof(text_);
    // The digits from the last one on; those of the least negative number have no positive counterpart.
    Int128 rest = value.digits;
    for (int i = 0; rest != 0 || i <= value.scale; ++i) {
      if (i == value.scale && i > 0) *--p = '.';
      const int digit = static_cast<int>(rest % 10);
      *--p = static_cast<char>('0' + (digit < 0 ? -digit : digit));
      rest /= 10;
    }
    if (value.digits < 0) *--p = '-';
    return {p, static_cast<size_t>(text_ + sizeof(text_) - p)};
  }
  std::string_view operator()(Instant value) {
    if (type_ == ValueType::kTime && value.seconds < kFirstMilliseconds) return (*this)(value.seconds);
    std::string iso = IsoTime(value.seconds);  // "....-..-..T..:..:...000Z"
    for (size_t i = 0, divisor = 100; i < 3; ++i, divisor /= 10) {
      iso[iso.size() - 4 + i] = static_cast<char>('0' + static_cast<size_t>(value.milliseconds) / divisor % 10);
    }
    return {text_, iso.copy(text_, sizeof(text_))};
  }
  std::string_view operator()(Nothing) { return {}; }

 private:
  template <typename T>
  std::string_view Floating(T value) {
    if (std::isnan(value)) return {};
    if (const std::optional<int64_t> whole = WholeOf(double{value})) return (*this)(*whole);
    return {text_, static_cast<size_t>(std::to_chars(text_, text_ + sizeof(text_), value).ptr - text_)};
  }
  ValueType type_;
  char text_[kMaxNumberText];
};

template <typename ValueAt>
constexpr bool kIsText = std::is_same_v<std::invoke_result_t<ValueAt, int64_t>, std::string_view>;

// The name of a column that is no field: what cannot stand in a name is an underscore. "" if it still is none.
std::string OtherName(std::string_view name) {
  std::string clean(name);
  for (char& c : clean) {
    if (!internal::IsNameCharacter(c)) c = '_';
  }
  return internal::IsValueToken(clean) ? "" : clean;
}

}  // namespace

// ---- ArrowFormat
// --------------------------------------------------------------------------------------------------------

absl::StatusOr<ArrowFormat> ArrowFormat::Of(const ArrowSchema& schema) {
  std::string names, known_types;
  std::vector<Column> columns;
  std::vector<std::string> all;
  for (int64_t c = 0; c < schema.n_children; ++c) {
    const ArrowSchema& child = *schema.children[c];
    const std::string_view written = child.name == nullptr ? "" : child.name;
    const std::optional<Field> field = FindField(written);
    const std::string name = field ? std::string(Info(*field).name) : OtherName(written);
    all.emplace_back(written);
    const ArrowType type = ArrowType::Of(child);
    if (type.kind == ArrowKind::kUnsupported && field) {
      return absl::InvalidArgumentError(
          "column '" + std::string(written) + "' is of the Arrow type " + std::string(ArrowTypeName(child)) + ", and " +
          name + " is " + std::string(ColumnTypeName(Info(*field).type)) + "; convert the column, or leave it out");
    }
    if (type.kind == ArrowKind::kUnsupported || name.empty()) continue;
    names += (names.empty() ? "" : " ") + name;
    columns.push_back({static_cast<int>(c), type});
  }
  if (columns.size() > Format::kMaxColumns) {
    return absl::InvalidArgumentError("there are " + std::to_string(columns.size()) + " columns, more than " +
                                      std::to_string(Format::kMaxColumns) + "; select those that are wanted");
  }
  std::string error;
  std::optional<Format> format;
  if (!columns.empty()) format = Format::Parse(names, &error);
  if (format) return ArrowFormat(*std::move(format), std::move(columns));
  if (error.find("twice") != std::string::npos)
    return absl::InvalidArgumentError("columns: " + error.substr(error.find('\'')));
  std::string list;
  for (size_t i = 0; i < all.size() && i < 10; ++i) list += (i == 0 ? "" : ", ") + all[i];
  return absl::InvalidArgumentError(
      "none of its columns is a field of flow logs" +
      (all.empty() ? ": it has none" : ": " + list + (all.size() > 10 ? ", ..." : "")) +
      "; fields are called as in srcaddr and pkt_srcaddr, and `flowlogs fields` lists them");
}

// ---- ArrowRows
// ----------------------------------------------------------------------------------------------------------

int64_t ArrowRows::PlaceOf(const ArrowFormat::Column& column, const ArrowArray& array, uint32_t row) const {
  const int64_t place = first_ + row;
  if (!column.type.has_dictionary()) {
    return column.type.kind == ArrowKind::kNull || ArrowIsNull(array, place) ? kNull : place;
  }
  if (column.type.kind == ArrowKind::kNull || ArrowIsNull(array, place)) return kNull;
  const int64_t value = ArrowIndex(column.type.index, array, place);
  return ArrowIsNull(*array.dictionary, value) ? kNull : value;
}

void ArrowRows::Words(int place, Rows rows, int64_t* words, std::vector<IpAddress>* v6,
                      std::vector<RecordBatch::BadValue>* bad) const {
  const ArrowFormat::Column& column = format_->column(place);
  const ArrowArray& array = ArrayOf(column);
  const ArrowArray& values = column.type.has_dictionary() ? *array.dictionary : array;
  const ValueType type = format_->format().columns()[static_cast<size_t>(place)].type();
  auto fill = [&](auto value_at, const auto& make) {
    auto put = [&](uint32_t row, int64_t word) {
      if (word == kBadWord) [[unlikely]] {
        bad->push_back({row, static_cast<uint16_t>(place)});
        word = kNullWord;
      }
      words[row] = word;
    };
    if (column.type.has_dictionary() && values.length <= rows.count) {
      // Few values, many rows: each value is read once.
      std::vector<int64_t> known(static_cast<size_t>(values.length), kNullWord);
      for (int64_t i = 0; i < values.length; ++i) {
        if (column.type.kind != ArrowKind::kNull && !ArrowIsNull(values, i))
          known[static_cast<size_t>(i)] = make(value_at(i));
      }
      for (uint32_t i = 0; i < rows.count; ++i) {
        const int64_t at = first_ + rows[i];
        put(rows[i],
            ArrowIsNull(array, at) ? kNullWord : known[static_cast<size_t>(ArrowIndex(column.type.index, array, at))]);
      }
      return;
    }
    for (uint32_t i = 0; i < rows.count; ++i) {
      const int64_t at = PlaceOf(column, array, rows[i]);
      put(rows[i], at == kNull ? kNullWord : make(value_at(at)));
    }
  };
  if (type == ValueType::kAddress) {
    WithValues(column.type, values, [&](auto value_at) { fill(value_at, AddressMaker{v6}); });
  } else {
    WithValues(column.type, values, [&](auto value_at) { fill(value_at, IntegerMaker(type)); });
  }
}

void ArrowRows::Texts(int place, Rows rows, std::string_view* texts, std::string* arena) const {
  const ArrowFormat::Column& column = format_->column(place);
  const ArrowArray& array = ArrayOf(column);
  const ArrowArray& values = column.type.has_dictionary() ? *array.dictionary : array;
  const ValueType type = format_->format().columns()[static_cast<size_t>(place)].type();
  auto each = [&](auto text_at) {
    for (uint32_t i = 0; i < rows.count; ++i) {
      const int64_t at = PlaceOf(column, array, rows[i]);
      texts[rows[i]] = at == kNull ? std::string_view() : text_at(at);
    }
  };
  // The arena does not move while views point into it: there is room for all of them.
  auto keep = [arena](std::string_view text) {
    const size_t begin = arena->size();
    *arena += text;
    return std::string_view(arena->data() + begin, text.size());
  };
  WithValues(column.type, values, [&](auto value_at) {
    if constexpr (kIsText<decltype(value_at)>) {
      each([&](int64_t at) {
        const std::string_view text = value_at(at);
        return IsMissingText(text) ? std::string_view() : text;
      });
      if (type != ValueType::kTag) return;
      size_t room = 0;
      for (uint32_t i = 0; i < rows.count; ++i) room += texts[rows[i]].size();
      arena->reserve(room);
      for (uint32_t i = 0; i < rows.count; ++i) {
        std::string_view& text = texts[rows[i]];
        if (text.find('%') != std::string_view::npos) text = keep(DecodeTag(text));
      }
    } else {
      arena->reserve(size_t{rows.count} * kMaxNumberText);
      NumberText number(type);
      each([&](int64_t at) {
        const std::string_view text = number(value_at(at));
        return text.data() == nullptr ? text : keep(text);
      });
    }
  });
}

void ArrowRows::AppendLine(uint32_t row, std::string* out) const {
  for (size_t place = 0; place < format_->format().size(); ++place) {
    const ArrowFormat::Column& column = format_->column(static_cast<int>(place));
    const ArrowArray& array = ArrayOf(column);
    if (place > 0) *out += ' ';
    const int64_t at = PlaceOf(column, array, row);
    const size_t begin = out->size();
    if (at != kNull) {
      WithValues(column.type, column.type.has_dictionary() ? *array.dictionary : array, [&](auto value_at) {
        if constexpr (kIsText<decltype(value_at)>) {
          const std::string_view text = value_at(at);
          if (IsMissingText(text)) return;
          for (const char c : text) {
            if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
              internal::AppendEscaped(c, out);
            } else {
              *out += c;
            }
          }
        } else {
          *out += NumberText(format_->format().columns()[place].type())(value_at(at));
        }
      });
    }
    if (out->size() == begin) *out += '-';
  }
}

// ---- The second origin of RecordBatch
// -----------------------------------------------------------------------------------

void RegularRun::AppendLine(uint32_t row, std::string* out) const {
  arrow == nullptr ? void(out->append(text(row))) : arrow->AppendLine(row, out);
}

const int64_t* RecordBatch::ArrowWords(int column, Rows rows) {
  Buffer<int64_t>& buffer = words_[static_cast<size_t>(column)];
  if (buffer.Has(rows)) return buffer.data.get();
  int64_t* words = buffer.Reserve(run_.num_rows);
  run_.arrow->Words(column, rows, words, &v6_, &bad_);
  buffer.selection = rows.id;
  return words;
}

const std::string_view* RecordBatch::ArrowTexts(int column, Rows rows) {
  Buffer<std::string_view>& buffer = texts_[static_cast<size_t>(column)];
  if (buffer.Has(rows)) return buffer.data.get();
  std::string_view* texts = buffer.Reserve(run_.num_rows);
  run_.arrow->Texts(column, rows, texts, decoded_tags_.emplace_back(std::make_unique<std::string>()).get());
  buffer.selection = rows.id;
  return texts;
}

}  // namespace v1
}  // namespace flowlogs
