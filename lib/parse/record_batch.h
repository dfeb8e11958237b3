// RecordBatch: columns of a regular run, decoded on demand and only for the rows that are still wanted.
//
// A run is lines of one format whose values a LineIndex tells (lib/parse/lines.h), or rows of Arrow in their place
// (lib/parse/arrow_rows.h). Decoded vectors are indexed by the row
// in the run; a row that was not asked for holds garbage. One word per value:
//
//   integers   the number; kNullWord if missing or bad                  (no field's number is negative)
//   addresses  IPv4: its 32 bits; IPv6: kV6Tag | place in v6_addresses(); kNullWord if missing or bad
//   text       a view; data() == nullptr if missing. Tags are percent-decoded into the batch.
#ifndef FLOWLOGS_LIB_PARSE_RECORD_BATCH_H_
#define FLOWLOGS_LIB_PARSE_RECORD_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/schema/address.h"
#include "flowlogs/schema/format.h"
#include "flowlogs/schema/value.h"
#include "lib/parse/line_index.h"

namespace flowlogs {
inline namespace v1 {

inline constexpr int64_t kNullWord = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kV6Tag = int64_t{1} << 40;

class ArrowRows;

// Regular lines of one format, next to each other in an indexed text. The text has Block::kMargin readable bytes on each
// side. Or rows of Arrow, which have no text. Does not own anything.
struct RegularRun {
  const Format* format = nullptr;
  int format_id = 0;  // of the run's FormatTable
  LineIndex* index = nullptr;
  uint32_t first_line = 0;  // in the index
  uint32_t num_rows = 0;
  const uint32_t* block_lines = nullptr;  // line in the block of each row; null: first_line + row
  const ArrowRows* arrow = nullptr;       // not null: the rows; then there is no index

  uint32_t block_line(uint32_t row) const { return block_lines == nullptr ? first_line + row : block_lines[row]; }
  // REQUIRES: arrow == nullptr
  std::string_view text(uint32_t row) const { return index->line(first_line + row); }
  // The line of a row, without its line end.
  void AppendLine(uint32_t row, std::string* out) const;
};

// Rows of a batch: all of them, or a list in ascending order. Decoding the same selection twice costs nothing: `id`
// tells selections of one batch apart (0: all rows).
struct Rows {
  const uint32_t* list = nullptr;  // nullptr: rows 0 .. count - 1
  uint32_t count = 0;
  uint32_t id = 0;

  uint32_t operator[](uint32_t i) const { return list == nullptr ? i : list[i]; }
  bool all() const { return list == nullptr; }
};

// Not thread-safe; used again from run to run.
class RecordBatch {
 public:
  struct BadValue {
    uint32_t row;
    uint16_t column;  // place in the format
    friend auto operator<=>(const BadValue&, const BadValue&) = default;
  };

  // Begins with another run, which must stay valid while the batch is used.
  void Reset(const RegularRun& run);

  const RegularRun& run() const { return run_; }
  // Another number after each Reset().
  uint64_t generation() const { return generation_; }
  const Format& format() const { return *run_.format; }
  Rows AllRows() const { return {nullptr, run_.num_rows, 0}; }
  // An id for a new selection of this batch.
  uint32_t NextSelectionId() { return ++last_selection_id_; }

  // Finds the places of several columns in one walk over the lines; decoding them then does not walk again.
  void Locate(std::span<const int> columns, Rows rows);

  // REQUIRES: the column's type. The vectors are valid until the next Reset().
  const int64_t* Integers(int column, Rows rows);
  const int64_t* Addresses(int column, Rows rows);
  const std::string_view* Texts(int column, Rows rows);
  // Whether values stand as tokens in a text, and where those of a column do.
  bool has_tokens() const { return run_.arrow == nullptr; }
  Tokens TokensOf(int column, Rows rows) { return Find(column, rows); }
  // Whether SelectText() is for the column: its tokens are its values.
  bool HasPlainText(int column) const {
    return run_.arrow == nullptr && format().columns()[static_cast<size_t>(column)].type() == ValueType::kText;
  }
  // Whether the column stands before the last one, which in nearly all lines has two characters: OK. Then its value can be
  // told from the line's end alone, see BeforeOk(). REQUIRES: the column is of the format.
  static bool IsBeforeLast(const Format& format, int column) {
    const size_t place = static_cast<size_t>(column);
    return place + 2 == format.size() && format.columns()[place].type() == ValueType::kText;
  }
  // Of rows of text: the eight bytes in front of the last value and its separator, the nearest ones on top; they end
  // with the value before and, if that is short, the separator before it. Only if `*is_ok`, for which the last value must
  // have two characters. REQUIRES: has_tokens() and IsBeforeLast() of some column.
  uint64_t BeforeOk(uint32_t row, bool* is_ok) const {
    const char* const blank = text_ + line_ends_[row] - 3;
    *is_ok = *blank == ' ';
    uint64_t bytes;
    std::memcpy(&bytes, blank - sizeof(bytes), sizeof(bytes));
    return bytes;
  }
  // The value before the last one, whatever that is. REQUIRES: as BeforeOk().
  std::string_view BeforeLast(uint32_t row) const;
  // Writes those of `rows` whose text is (negated: is present and is not) `wanted`; returns how many. Room for all.
  // REQUIRES: HasPlainText(column).
  uint32_t SelectText(int column, Rows rows, std::string_view wanted, bool negated, uint32_t* out);

  IpAddress Address(int64_t word) const {
    return (word & kV6Tag) != 0 ? v6_[static_cast<size_t>(word ^ kV6Tag)] : IpAddress::V4(static_cast<uint32_t>(word));
  }

  // The values found bad so far, each once, in order of rows.
  std::span<const BadValue> BadValues();

 private:
  static constexpr uint32_t kNothing = ~uint32_t{0};
  template <typename T>
  struct Buffer {
    std::unique_ptr<T[]> data;
    size_t capacity = 0;
    uint32_t selection = kNothing;  // the rows that are filled: 0 all
    bool Has(Rows rows) const { return selection == 0 || selection == rows.id; }
    T* Reserve(size_t size) {
      if (capacity < size) {
        data.reset(new T[size]);
        capacity = size;
      }
      return data.get();
    }
  };
  // Where the column's tokens are.
  Tokens Find(int column, Rows rows);
  static std::string_view Token(const Tokens& tokens, uint32_t row) {
    const uint32_t begin = tokens.before[row * tokens.stride] + 1;
    return {tokens.text + begin, tokens.after[row * tokens.stride] - begin};
  }
  // Notes the row if its token, which is no value of its type, is not missing either.
  int64_t Bad(std::string_view token, uint32_t row, int column) {
    if (!IsMissing(token)) bad_.push_back({row, static_cast<uint16_t>(column)});
    return kNullWord;
  }
  uint32_t SelectBeforeLast(Rows rows, std::string_view wanted, uint32_t* out) const;
  // The same as Integers(), Addresses() and Texts(). REQUIRES: run_.arrow != nullptr
  const int64_t* ArrowWords(int column, Rows rows);
  const std::string_view* ArrowTexts(int column, Rows rows);

  RegularRun run_;
  uint64_t generation_ = 0;
  const char* text_ = nullptr;
  const uint32_t* line_ends_ = nullptr;  // of row 0
  uint32_t last_selection_id_ = 0;
  std::vector<Buffer<uint32_t>> places_;  // by number of the separator in its line
  std::vector<Buffer<int64_t>> words_;    // by column
  std::vector<Buffer<std::string_view>> texts_;
  std::vector<IpAddress> v6_;
  std::vector<std::unique_ptr<std::string>> decoded_tags_;  // one arena per decoded tag column
  std::vector<BadValue> bad_;
  bool uses_offsets_ = false;  // of the index, instead of places_
  std::vector<uint16_t> wanted_;
  std::vector<uint32_t*> outputs_;
  std::vector<uint32_t> failed_;  // rows that a kernel leaves to us
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_RECORD_BATCH_H_
