// A record as Python sees it: unlike flowlogs::Record it owns its line.
#ifndef FLOWLOGS_BINDINGS_PYTHON_RECORD_BINDINGS_H_
#define FLOWLOGS_BINDINGS_PYTHON_RECORD_BINDINGS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/python/bindings.h"
#include "flowlogs/parse/record.h"

namespace flowlogs::python {

// What the records of one format share: it, and the keys of their dicts. Destroyed with the GIL held.
struct RecordShape {
  explicit RecordShape(Format f);
  Format format;
  std::vector<py::str> keys;  // column names with underscores, interned
};

// Immutable, so safe in any thread.
class OwnedRecord {
 public:
  // Copies the line of `record`. `source` may be null: a record that came from parse().
  OwnedRecord(std::shared_ptr<const RecordShape> shape, const Record& record,
              std::shared_ptr<const std::string> source = nullptr, uint64_t line_number = 0);

  const RecordShape& shape() const { return *shape_; }
  const Format& format() const { return shape_->format; }
  size_t size() const { return shape_->keys.size(); }
  std::string_view line() const { return line_; }
  // The token of a column. REQUIRES: column < size()
  std::string_view raw(size_t column) const {
    return std::string_view(line_).substr(ends_[2 * column], ends_[2 * column + 1] - ends_[2 * column]);
  }
  // int, str, or None for missing and bad values.
  py::object Value(size_t column) const;

  const std::string* source() const { return source_.get(); }
  uint64_t line_number() const { return line_number_; }

 private:
  std::shared_ptr<const RecordShape> shape_;
  std::string line_;
  std::vector<uint32_t> ends_;  // begin and end of every value in line_
  std::shared_ptr<const std::string> source_;
  uint64_t line_number_;
};

}  // namespace flowlogs::python

#endif  // FLOWLOGS_BINDINGS_PYTHON_RECORD_BINDINGS_H_
