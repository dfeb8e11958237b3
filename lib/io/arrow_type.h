// The types of Arrow columns, and where their values stand: what reads columns that some other library made. Nothing is
// known of fields here.
#ifndef FLOWLOGS_LIB_IO_ARROW_TYPE_H_
#define FLOWLOGS_LIB_IO_ARROW_TYPE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"

#include "flowlogs/io/arrow_abi.h"

namespace flowlogs {
inline namespace v1 {

// How values are stored.
enum class ArrowKind : uint8_t {
  kUnsupported,  // list, struct, map, bool, run-end encoded, ...
  kNull,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat,
  kDouble,
  kDecimal,    // ArrowType::bytes wide
  kDays,       // date32
  kTimestamp,  // ArrowType::per_second, since 1970; date64, too
  kText,       // utf8, binary: 32-bit offsets
  kLargeText,
  kTextView,
};

struct ArrowType {
  ArrowKind kind = ArrowKind::kUnsupported;   // of a dictionary-encoded column: of its dictionary
  ArrowKind index = ArrowKind::kUnsupported;  // of a dictionary-encoded column: the integers that are stored
  int64_t per_second = 1;
  int bytes = 0;  // of a decimal: 4, 8 or 16
  int scale = 0;  // of a decimal: digits behind the point

  bool has_dictionary() const { return index != ArrowKind::kUnsupported; }
  static ArrowType Of(const ArrowSchema& schema);
};

// "list", "bool", ...: of a type that is not read, for people.
std::string_view ArrowTypeName(const ArrowSchema& schema);

// Whether a length or an offset of an array is one that is read: sums and products with it do not overflow.
constexpr bool IsArrowLength(int64_t rows) { return rows >= 0 && rows <= int64_t{1} << 48; }

// Whether an array is what its type says, as far as can be told without looking at values: lengths, number and presence
// of buffers; of a dictionary, its values, too. `rows`: how many it has at least. nullptr is no array. The size of a
// buffer is told by nobody: it is taken to be what lengths and offsets say.
absl::Status CheckArrowArray(const ArrowType& type, const ArrowArray* array, int64_t rows);
// Whether rows [first, first + count) can be read: offsets, views and places in the dictionary. REQUIRES:
// CheckArrowArray() was OK.
absl::Status CheckArrowRows(const ArrowType& type, const ArrowArray& array, int64_t first, int64_t count);

// ---------------------------------------------------------------------------------------------------------------------
// Values. REQUIRES, of all: the array's and the row's checks were OK. Buffers may be unaligned.
// ---------------------------------------------------------------------------------------------------------------------

template <typename T>
T ArrowLoad(const void* buffer, int64_t place) {
  T value;
  std::memcpy(&value, static_cast<const char*>(buffer) + place * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

// Of any type but kNull.
inline bool ArrowIsNull(const ArrowArray& array, int64_t row) {
  if (array.null_count == 0 || array.buffers[0] == nullptr) return false;
  const int64_t bit = array.offset + row;
  return (static_cast<const uint8_t*>(array.buffers[0])[bit / 8] >> (bit % 8) & 1) == 0;
}

template <typename T>
T ArrowNumber(const ArrowArray& array, int64_t row) {
  return ArrowLoad<T>(array.buffers[1], array.offset + row);
}

template <typename Offset>
std::string_view ArrowText(const ArrowArray& array, int64_t row) {
  const Offset begin = ArrowLoad<Offset>(array.buffers[1], array.offset + row);
  const Offset end = ArrowLoad<Offset>(array.buffers[1], array.offset + row + 1);
  return {static_cast<const char*>(array.buffers[2]) + begin, static_cast<size_t>(end - begin)};
}

// A text of kTextView: up to 12 bytes stand in the view itself, longer ones in a buffer.
//
//   bytes  0..3     4 .. 15
//          length   text
//          length   4 bytes of text, number of the buffer, offset in it
struct ArrowView {
  static constexpr int32_t kInline = 12;
  int32_t length, begin, buffer, offset;
};
inline std::string_view ArrowViewText(const ArrowArray& array, int64_t row) {
  const ArrowView view = ArrowLoad<ArrowView>(array.buffers[1], array.offset + row);
  const char* text = view.length <= ArrowView::kInline
                         ? static_cast<const char*>(array.buffers[1]) + (array.offset + row) * 16 + 4
                         : static_cast<const char*>(array.buffers[2 + view.buffer]) + view.offset;
  return {text, static_cast<size_t>(view.length)};
}

// The integer of an index type.
inline int64_t ArrowIndex(ArrowKind kind, const ArrowArray& array, int64_t row) {
  switch (kind) {
    case ArrowKind::kInt8:
      return ArrowNumber<int8_t>(array, row);
    case ArrowKind::kInt16:
      return ArrowNumber<int16_t>(array, row);
    case ArrowKind::kInt32:
      return ArrowNumber<int32_t>(array, row);
    case ArrowKind::kInt64:
      return ArrowNumber<int64_t>(array, row);
    case ArrowKind::kUint8:
      return ArrowNumber<uint8_t>(array, row);
    case ArrowKind::kUint16:
      return ArrowNumber<uint16_t>(array, row);
    case ArrowKind::kUint32:
      return ArrowNumber<uint32_t>(array, row);
    default:  // uint64: what is beyond int64 is beyond every dictionary
      return static_cast<int64_t>(ArrowNumber<uint64_t>(array, row));
  }
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_ARROW_TYPE_H_
