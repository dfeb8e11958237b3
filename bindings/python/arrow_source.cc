#include "bindings/python/arrow_source.h"

#include <chrono>
#include <memory>
#include <thread>

#include "flowlogs/io/arrow_abi.h"

namespace flowlogs::python {
namespace {

// "ValueError: no such table", of the exception that is set, which is cleared. REQUIRES: the GIL.
std::string TakeErrorText() {
  const py::error_already_set error;
  std::string text(py::str(error.type().attr("__name__")));
  try {
    const std::string message(py::str(error.value()));
    if (!message.empty()) text += ": " + message;
  } catch (const py::error_already_set&) {
    // It cannot tell: its name is all there is.
  }
  return text;
}

// Moves the stream out of the capsule that object.__arrow_c_stream__() gives; false with a Python exception. In plain
// C: at the interpreter's end Python (before 3.14) unwinds a daemon thread in here, and no destructor of ours must run
// then that touches an object.
bool OpenStream(PyObject* object, ArrowArrayStream* out) {
  PyObject* const capsule = PyObject_CallMethod(object, "__arrow_c_stream__", nullptr);
  if (capsule == nullptr) return false;
  auto* const stream = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule, "arrow_array_stream"));
  if (stream != nullptr) {
    *out = *stream;
    stream->release = nullptr;  // moved: the capsule has nothing to release
  }
  Py_DECREF(capsule);
  return stream != nullptr;
}

absl::Status OpenWithGil(PyObject* object, const std::string& name, ArrowArrayStream* out) {
  PyGILState_STATE gil;
  bool opened = false;
  try {
    gil = PyGILState_Ensure();
    opened = OpenStream(object, out);
  } catch (...) {
    // The interpreter's end, as of GilRelease: nothing of this thread may run any more.
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  std::string error;
  if (!opened) error = TakeErrorText();
  PyGILState_Release(gil);
  return opened ? absl::OkStatus() : absl::InvalidArgumentError(name + ": " + error);
}

}  // namespace

bool IsArrowSource(py::handle object) { return py::hasattr(object, "__arrow_c_stream__"); }

Source ToArrowSource(py::handle object, const std::string& name) {
  const bool holds_its_rows = PyObject_HasAttrString(py::type::handle_of(object).ptr(), "__len__") != 0;
  const bool can_be_repeated =
      holds_its_rows || py::isinstance(object, py::module_::import("flowlogs._core").attr("Query"));
  const std::shared_ptr<PyObject> held(object.inc_ref().ptr(), [](PyObject* owned) {
    LetGo(owned, [](void* last) { Py_DECREF(static_cast<PyObject*>(last)); });
  });
  return Source::Arrow([held, name](ArrowArrayStream* out) { return OpenWithGil(held.get(), name, out); },
                       can_be_repeated, name);
}

}  // namespace flowlogs::python
