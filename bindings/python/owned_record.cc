#include "bindings/python/owned_record.h"

#include <structmember.h>

#include <cstddef>
#include <new>

#include "flowlogs/schema/field.h"
#include "flowlogs/schema/value.h"

namespace flowlogs::python {

RecordShape::RecordShape(Format f, std::optional<std::string> s) : format(std::move(f)), source(std::move(s)) {
  keys.reserve(format.size());
  for (const FormatColumn& column : format.columns()) {
    PyObject* key = ToStr(column.column_name()).release().ptr();
    PyUnicode_InternInPlace(&key);
    keys.push_back(py::reinterpret_steal<py::str>(key));
  }
}

// The Python object. What stands behind the record belongs to it: an item of the object is one byte.
struct OwnedRecord::Object {
  PyVarObject head;
  PyObject* weak_references;
  OwnedRecord record;
};

void OwnedRecord::MakeType(std::vector<PyType_Slot> slots) {
  static_assert(offsetof(Object, record) + sizeof(OwnedRecord) == sizeof(Object), "the places begin behind the record");
  static PyMemberDef members[] = {
      {"__weaklistoffset__", T_PYSSIZET, offsetof(Object, weak_references), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  slots.push_back({Py_tp_dealloc, reinterpret_cast<void*>(&Free)});
  slots.push_back({Py_tp_members, members});
  slots.push_back({0, nullptr});
  unsigned flags = Py_TPFLAGS_DEFAULT;
#ifdef Py_TPFLAGS_DISALLOW_INSTANTIATION
  flags |= Py_TPFLAGS_DISALLOW_INSTANTIATION;
#endif
  PyType_Spec spec = {"flowlogs._core.Record", sizeof(Object), 1, flags, slots.data()};
  type_ = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (type_ == nullptr) throw py::error_already_set();
  type_->tp_new = nullptr;  // as the flag has it from Python 3.10 on
}

const OwnedRecord* OwnedRecord::Of(py::handle object) {
  return Py_TYPE(object.ptr()) == type_ ? &reinterpret_cast<const Object*>(object.ptr())->record : nullptr;
}

py::object OwnedRecord::Allocate(const std::shared_ptr<const RecordShape>& shape, size_t line_size,
                                 uint64_t line_number, size_t tail_size) {
  auto* object = PyObject_NewVar(Object, type_, static_cast<Py_ssize_t>(tail_size));
  if (object == nullptr) throw py::error_already_set();
  object->weak_references = nullptr;
  new (&object->record) OwnedRecord(shape, line_size, line_number);
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(object));
}

void OwnedRecord::Free(PyObject* object) {
  auto* const freed = reinterpret_cast<Object*>(object);
  if (freed->weak_references != nullptr) PyObject_ClearWeakRefs(object);
  freed->record.~OwnedRecord();
  PyObject_Free(object);
  Py_DECREF(type_);  // each object of a type that was made at run time counts for it
}

py::object OwnedRecord::Make(const std::shared_ptr<const RecordShape>& shape, const Record& record,
                             uint64_t line_number) {
  return Make(shape, record.line(), line_number, [&](size_t i) {
    const std::string_view token = record.raw(static_cast<int>(i));
    const size_t begin = static_cast<size_t>(token.data() - record.line().data());
    return std::pair(begin, begin + token.size());
  });
}

py::object OwnedRecord::Value(size_t column) const {
  const std::string_view token = raw(column);
  if (token.empty() || IsMissing(token)) return py::none();
  const ValueType type = format().columns()[column].type();
  switch (type) {
    case ValueType::kInt32:
    case ValueType::kInt64:
    case ValueType::kTime:
      if (const std::optional<int64_t> value = ParseIntegerOf(type, token)) return py::int_(*value);
      return py::none();
    case ValueType::kAddress: {
      const std::optional<IpAddress> address = IpAddress::Parse(token);
      if (!address) return py::none();
      // A dotted quad has no zeros to leave out: its text is the canonical one.
      if (address->is_v4() && token.find(':') == std::string_view::npos) break;
      return ToStr(address->ToString());
    }
    case ValueType::kTag:
      return ToStr(DecodeTag(token));
    case ValueType::kText:
      break;
  }
  return ToStr(token);
}

}  // namespace flowlogs::python
