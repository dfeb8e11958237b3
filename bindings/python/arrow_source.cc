#include "bindings/python/arrow_source.h"

#include <memory>

#include "flowlogs/io/arrow_abi.h"

namespace flowlogs::python {
namespace {

// Moves the stream out of the capsule that __arrow_c_stream__() gives. REQUIRES: the GIL.
absl::Status OpenStream(py::handle object, const std::string& name, ArrowArrayStream* out) {
  try {
    const py::object capsule = object.attr("__arrow_c_stream__")();
    void* const pointer = PyCapsule_GetPointer(capsule.ptr(), "arrow_array_stream");
    if (pointer == nullptr) throw py::error_already_set();
    auto* const stream = static_cast<ArrowArrayStream*>(pointer);
    *out = *stream;
    stream->release = nullptr;  // moved: the capsule has nothing to release
    return absl::OkStatus();
  } catch (const py::error_already_set& error) {
    return absl::InvalidArgumentError(name + ": " + error.what());
  }
}

}  // namespace

bool IsArrowSource(py::handle object) { return py::hasattr(object, "__arrow_c_stream__"); }

Source ToArrowSource(py::handle object, const std::string& name) {
  const bool holds_its_rows = PyObject_HasAttrString(py::type::handle_of(object).ptr(), "__len__") != 0;
  const bool can_be_repeated = holds_its_rows || py::isinstance(object, py::module_::import("flowlogs._core").attr("Query"));
  const std::shared_ptr<PyObject> held(object.inc_ref().ptr(), [](PyObject* owned) {
    LetGo(owned, [](void* last) { Py_DECREF(static_cast<PyObject*>(last)); });
  });
  return Source::Arrow(
      [held, name](ArrowArrayStream* out) {
        const py::gil_scoped_acquire acquire;
        return OpenStream(held.get(), name, out);
      },
      can_be_repeated, name);
}

}  // namespace flowlogs::python
