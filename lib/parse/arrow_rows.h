// Rows of Arrow as records: the second origin of RecordBatch. What the types and texts mean is told in
// flowlogs/io/source.h; in short, a value is what its text in a log would be.
#ifndef FLOWLOGS_LIB_PARSE_ARROW_ROWS_H_
#define FLOWLOGS_LIB_PARSE_ARROW_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "flowlogs/io/arrow_abi.h"
#include "flowlogs/schema/format.h"
#include "lib/io/arrow_type.h"
#include "lib/parse/record_batch.h"

namespace flowlogs {
inline namespace v1 {

// The columns of an Arrow source as a format. Immutable.
class ArrowFormat {
 public:
  struct Column {
    int child;  // of the source's struct
    ArrowType type;
  };
  // Fails if no column is a field, a name occurs twice, there are too many, or a field has a type that no value can be
  // read from: the message tells the column and what to do.
  static absl::StatusOr<ArrowFormat> Of(const ArrowSchema& schema);

  const Format& format() const { return format_; }
  const Column& column(int place) const { return columns_[static_cast<size_t>(place)]; }

 private:
  ArrowFormat(Format format, std::vector<Column> columns) : format_(std::move(format)), columns_(std::move(columns)) {}
  Format format_;
  std::vector<Column> columns_;  // by place in the format
};

// Rows of a batch that stand together and were checked (flowlogs/io/input.h: ArrowPiece). Does not own anything. The
// vectors are as those of RecordBatch: by row, only the rows that are asked for are filled.
class ArrowRows {
 public:
  ArrowRows() = default;
  ArrowRows(const ArrowFormat* format, const ArrowArray* batch, int64_t first)
      : format_(format), batch_(batch), first_(batch == nullptr ? 0 : batch->offset + first) {}

  // Integers or addresses, by the column's type. IPv6 addresses are appended to *v6, bad values to *bad.
  void Words(int column, Rows rows, int64_t* words, std::vector<IpAddress>* v6,
             std::vector<RecordBatch::BadValue>* bad) const;
  // Texts that do not stand in the batch as they are read go into *arena, which must be empty and stay unchanged.
  void Texts(int column, Rows rows, std::string_view* texts, std::string* arena) const;
  // Appends a row as a line, without a line end, that is split into the same values: "-" for what is missing, bad
  // values as they are; blanks and line ends in texts as %20 and the like.
  void AppendLine(uint32_t row, std::string* out) const;

 private:
  // Where the value of each row stands in the array, or in its dictionary; kNull where there is none.
  static constexpr int64_t kNull = -1;
  int64_t PlaceOf(const ArrowFormat::Column& column, const ArrowArray& array, uint32_t row) const;
  const ArrowArray& ArrayOf(const ArrowFormat::Column& column) const { return *batch_->children[column.child]; }

  const ArrowFormat* format_ = nullptr;
  const ArrowArray* batch_ = nullptr;
  int64_t first_ = 0;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_ARROW_ROWS_H_
