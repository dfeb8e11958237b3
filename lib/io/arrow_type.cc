#include "lib/io/arrow_type.h"

#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using Named = std::pair<std::string_view, ArrowKind>;
constexpr Named kPlain[] = {
    {"n", ArrowKind::kNull},      {"c", ArrowKind::kInt8},      {"C", ArrowKind::kUint8},
    {"s", ArrowKind::kInt16},     {"S", ArrowKind::kUint16},    {"i", ArrowKind::kInt32},
    {"I", ArrowKind::kUint32},    {"l", ArrowKind::kInt64},     {"L", ArrowKind::kUint64},
    {"f", ArrowKind::kFloat},     {"g", ArrowKind::kDouble},    {"u", ArrowKind::kText},
    {"z", ArrowKind::kText},      {"U", ArrowKind::kLargeText}, {"Z", ArrowKind::kLargeText},
    {"vu", ArrowKind::kTextView}, {"vz", ArrowKind::kTextView}, {"tdD", ArrowKind::kDays},
};

// "d:precision,scale[,bits]"
ArrowType DecimalOf(std::string_view format) {
  std::array<int, 3> numbers = {0, 0, 128};
  const char* at = format.data() + 2;
  const char* const end = format.data() + format.size();
  size_t count = 0;
  for (int& number : numbers) {
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return {};
    ++count;
    at = rest;
    if (at == end) break;
    if (*at++ != ',') return {};
  }
  const auto [precision, scale, bits] = numbers;
  const bool known = bits == 32 || bits == 64 || bits == 128;
  if (at != end || count < 2 || !known || scale < 0 || scale > 38 || precision < 1 || precision > 38) return {};
  ArrowType type;
  type.kind = ArrowKind::kDecimal;
  type.bytes = bits / 8;
  type.scale = scale;
  return type;
}

ArrowType TypeOf(std::string_view format) {
  ArrowType type;
  for (const auto& [name, kind] : kPlain) {
    if (name == format) type.kind = kind;
  }
  if (format.starts_with("d:")) return DecimalOf(format);
  if (format == "tdm") format = "tsm:";
  if (format.size() >= 4 && format.starts_with("ts") && format[3] == ':') {
    constexpr std::string_view kUnits = "smun";
    const size_t unit = kUnits.find(format[2]);
    if (unit == std::string_view::npos) return type;
    type.kind = ArrowKind::kTimestamp;
    for (size_t i = 0; i < unit; ++i) type.per_second *= 1000;
  }
  return type;
}

bool IsInteger(ArrowKind kind) { return kind >= ArrowKind::kInt8 && kind <= ArrowKind::kUint64; }

bool IsText(ArrowKind kind) { return kind >= ArrowKind::kText; }

absl::Status Malformed(const std::string& what) { return absl::DataLossError(what); }

template <typename Offset>
absl::Status CheckOffsets(const ArrowArray& array, int64_t first, int64_t count) {
  if (count == 0) return absl::OkStatus();
  Offset before = ArrowNumber<Offset>(array, first);
  bool good = before >= 0;
  for (int64_t row = first + 1; row <= first + count; ++row) {
    const Offset offset = ArrowNumber<Offset>(array, row);
    good &= offset >= before;
    before = offset;
  }
  if (!good) return Malformed("its offsets do not ascend from 0");
  if (before > 0 && array.buffers[2] == nullptr) return Malformed("its texts are missing");
  return absl::OkStatus();
}

absl::Status CheckViews(const ArrowArray& array, int64_t first, int64_t count) {
  const int64_t buffers = array.n_buffers - 3;
  for (int64_t row = first; row < first + count; ++row) {
    const ArrowView view = ArrowLoad<ArrowView>(array.buffers[1], array.offset + row);
    if (static_cast<uint32_t>(view.length) <= ArrowView::kInline) continue;
    if (ArrowIsNull(array, row)) continue;  // whatever stands there
    if (view.length < 0 || view.buffer < 0 || view.buffer >= buffers || view.offset < 0 ||
        array.buffers[2 + view.buffer] == nullptr ||
        int64_t{view.offset} + view.length > ArrowLoad<int64_t>(array.buffers[array.n_buffers - 1], view.buffer)) {
      return Malformed(absl::StrCat("the text of row ", row, " is not in its buffers"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIndices(const ArrowType& type, const ArrowArray& array, int64_t first, int64_t count) {
  const int64_t size = array.dictionary->length;
  for (int64_t row = first; row < first + count; ++row) {
    const int64_t index = ArrowIndex(type.index, array, row);
    if ((index < 0 || index >= size) && !ArrowIsNull(array, row)) {
      return Malformed(absl::StrCat("the value of row ", row, " is not in its dictionary"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckValues(ArrowKind kind, const ArrowArray& array, int64_t first, int64_t count) {
  switch (kind) {
    case ArrowKind::kText:
      return CheckOffsets<int32_t>(array, first, count);
    case ArrowKind::kLargeText:
      return CheckOffsets<int64_t>(array, first, count);
    case ArrowKind::kTextView:
      return CheckViews(array, first, count);
    default:
      return absl::OkStatus();
  }
}

// Lengths and buffers, of an array that stores values of this kind.
absl::Status CheckBuffers(ArrowKind kind, const ArrowArray& array, int64_t rows) {
  if (!IsArrowLength(array.length) || !IsArrowLength(array.offset)) {
    return Malformed("its length or offset is out of range");
  }
  if (array.length < rows) return Malformed(absl::StrCat("it has ", array.length, " rows instead of ", rows));
  if (kind == ArrowKind::kNull) return absl::OkStatus();
  const int64_t least = IsText(kind) ? 3 : 2;
  const int64_t most = kind == ArrowKind::kTextView ? int64_t{1} << 31 : least;
  if (array.n_buffers < least || array.n_buffers > most || array.buffers == nullptr) {
    return Malformed(absl::StrCat("it has ", array.n_buffers, " buffers"));
  }
  if (array.null_count < -1 || (array.null_count > 0 && array.buffers[0] == nullptr && array.length > 0)) {
    return Malformed("it has nulls, and nothing that says where");
  }
  if (array.length > 0 && array.buffers[1] == nullptr) return Malformed("its values are missing");
  if (kind == ArrowKind::kTextView && array.n_buffers > 3 && array.buffers[array.n_buffers - 1] == nullptr) {
    return Malformed("the sizes of its texts are missing");
  }
  return absl::OkStatus();
}

}  // namespace

ArrowType ArrowType::Of(const ArrowSchema& schema) {
  if (schema.format == nullptr) return {};
  ArrowType stored = TypeOf(schema.format);
  if (schema.dictionary == nullptr) return stored;
  // The values of a dictionary that has one itself are not read.
  if (!IsInteger(stored.kind) || schema.dictionary->dictionary != nullptr) return {};
  ArrowType type = Of(*schema.dictionary);
  if (type.kind == ArrowKind::kUnsupported) return {};
  type.index = stored.kind;
  return type;
}

std::string_view ArrowTypeName(const ArrowSchema& schema) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"b", "bool"},
      {"e", "half float"},
      {"w:", "fixed-size binary"},
      {"tt", "time of day"},
      {"tD", "duration"},
      {"ti", "interval"},
      {"d:", "decimal of its size"},
      {"+l", "list"},
      {"+L", "list"},
      {"+vl", "list"},
      {"+vL", "list"},
      {"+w:", "list"},
      {"+s", "struct"},
      {"+m", "map"},
      {"+u", "union"},
      {"+r", "run-end encoded"},
  };
  const std::string_view format = schema.format == nullptr ? "" : schema.format;
  if (schema.dictionary != nullptr) return "dictionary of its values";
  for (const auto& [prefix, name] : kNames) {
    if (format.starts_with(prefix)) return name;
  }
  return format.empty() ? "nameless" : format;
}

absl::Status CheckArrowArray(const ArrowType& type, const ArrowArray* array, int64_t rows) {
  if (array == nullptr || array->release == nullptr) return Malformed("it has been released");
  if (absl::Status status = CheckBuffers(type.has_dictionary() ? type.index : type.kind, *array, rows); !status.ok()) {
    return status;
  }
  if (!type.has_dictionary()) return absl::OkStatus();
  const ArrowArray* values = array->dictionary;
  if (values == nullptr) return Malformed("its dictionary is missing");
  absl::Status status = CheckBuffers(type.kind, *values, 0);
  if (status.ok()) status = CheckValues(type.kind, *values, 0, values->length);
  return status.ok() ? status : Malformed(absl::StrCat("its dictionary: ", status.message()));
}

absl::Status CheckArrowRows(const ArrowType& type, const ArrowArray& array, int64_t first, int64_t count) {
  return type.has_dictionary() ? CheckIndices(type, array, first, count) : CheckValues(type.kind, array, first, count);
}

}  // namespace v1
}  // namespace flowlogs
