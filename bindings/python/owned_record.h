// A record as Python sees it: unlike flowlogs::Record it owns its line.
//
// flowlogs.Record is a type made with Python's C API, not a py::class_: a loop over records is mostly making, asking
// and freeing them, and pybind11's bookkeeping for each object and each call costs several times what that takes. A
// record is one block of memory: the object, the places of its values, its line.
#ifndef FLOWLOGS_BINDINGS_PYTHON_OWNED_RECORD_H_
#define FLOWLOGS_BINDINGS_PYTHON_OWNED_RECORD_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/python/bindings.h"

#include "flowlogs/parse/record.h"

namespace flowlogs::python {

// What the records of one format and input share. Destroyed with the GIL held.
struct RecordShape {
  explicit RecordShape(Format f, std::optional<std::string> s = std::nullopt);
  Format format;
  std::optional<std::string> source;  // none: a record that came from parse()
  std::vector<py::str> keys;          // column names with underscores, interned
};

// Immutable, so safe in any thread. Lives inside of a Python object; Make() makes both.
class OwnedRecord {
 public:
  // A new flowlogs.Record with a copy of `line`. place(i) is where the value of column i stands in it: begin and end.
  // REQUIRES: line.size() < 2^31.
  template <typename Place>
  static py::object Make(const std::shared_ptr<const RecordShape>& shape, std::string_view line, uint64_t line_number,
                         Place&& place) {
    const size_t places_size = 2 * shape->keys.size() * sizeof(uint32_t);
    py::object object = Allocate(shape, line.size(), line_number, places_size + line.size());
    auto* places = reinterpret_cast<uint32_t*>(const_cast<OwnedRecord*>(Of(object)) + 1);
    for (size_t i = 0; i < shape->keys.size(); ++i) {
      const auto [begin, end] = place(i);
      places[2 * i] = static_cast<uint32_t>(begin);
      places[2 * i + 1] = static_cast<uint32_t>(end);
    }
    if (!line.empty()) std::memcpy(reinterpret_cast<char*>(places) + places_size, line.data(), line.size());
    return object;
  }
  static py::object Make(const std::shared_ptr<const RecordShape>& shape, const Record& record,
                         uint64_t line_number = 0);

  // The type flowlogs.Record, without what BindRecord() gives it.
  static PyTypeObject* type() { return type_; }
  // Makes it of `slots`, to which this adds how objects are kept and freed. Called once.
  static void MakeType(std::vector<PyType_Slot> slots);
  // The record inside of a flowlogs.Record; null for any other object.
  static const OwnedRecord* Of(py::handle object);
  OwnedRecord(const OwnedRecord&) = delete;  // its line stands behind it
  OwnedRecord& operator=(const OwnedRecord&) = delete;

  const RecordShape& shape() const { return *shape_; }
  const Format& format() const { return shape_->format; }
  size_t size() const { return shape_->keys.size(); }
  std::string_view line() const { return {reinterpret_cast<const char*>(places() + 2 * size()), line_size_}; }
  // The token of a column. REQUIRES: column < size()
  std::string_view raw(size_t column) const {
    const uint32_t begin = places()[2 * column];
    return {line().data() + begin, places()[2 * column + 1] - begin};
  }
  // int, str, or None for missing and bad values.
  py::object Value(size_t column) const;
  // None for a field that the format lacks.
  py::object Value(Field field) const {
    const int column = format().IndexOf(field);
    return column < 0 ? py::object(py::none()) : Value(static_cast<size_t>(column));
  }

  const std::optional<std::string>& source() const { return shape_->source; }
  uint64_t line_number() const { return line_number_; }

 private:
  struct Object;
  static py::object Allocate(const std::shared_ptr<const RecordShape>& shape, size_t line_size, uint64_t line_number,
                             size_t tail_size);
  static void Free(PyObject* object);
  OwnedRecord(const std::shared_ptr<const RecordShape>& shape, size_t line_size, uint64_t line_number)
      : shape_(shape), line_number_(line_number), line_size_(line_size) {}
  ~OwnedRecord() = default;
  const uint32_t* places() const { return reinterpret_cast<const uint32_t*>(this + 1); }

  inline static PyTypeObject* type_ = nullptr;
  std::shared_ptr<const RecordShape> shape_;
  uint64_t line_number_;
  size_t line_size_;
  // Behind it: begin and end of every value in the line, then the line.
};

}  // namespace flowlogs::python

// Lets pybind11's functions take a const OwnedRecord&.
template <>
class pybind11::detail::type_caster<flowlogs::python::OwnedRecord> {
 public:
  static constexpr auto name = const_name("flowlogs._core.Record");
  template <typename>
  using cast_op_type = const flowlogs::python::OwnedRecord&;
  bool load(handle source, bool) {
    record_ = flowlogs::python::OwnedRecord::Of(source);
    return record_ != nullptr;
  }
  operator const flowlogs::python::OwnedRecord&() const { return *record_; }  // NOLINT(google-explicit-constructor)

 private:
  const flowlogs::python::OwnedRecord* record_ = nullptr;
};

#endif  // FLOWLOGS_BINDINGS_PYTHON_OWNED_RECORD_H_
