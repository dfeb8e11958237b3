#include "bindings/python/arrow_source.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>

#include "flowlogs/io/arrow_abi.h"

namespace flowlogs::python {
namespace {

// ---- At the interpreter's end --------------------------------------------------------------------------------------

// An exporter's stream, or array, behind the gate of gil.h. Once that is shut, it is not released: its memory goes with
// the process.
struct GatedStream {
  ArrowArrayStream stream;
  bool is_refused = false;
};

// Python code behind an exporter (a generator of batches) may have met Ctrl-C: it comes as one more text, and ends the call.
void LookForInterrupt(ArrowArrayStream* stream) {
  const char* const text = stream->get_last_error == nullptr ? nullptr : stream->get_last_error(stream);
  if (text == nullptr || std::string_view(text).find("KeyboardInterrupt") == std::string_view::npos) return;
  RaiseInCall(PyExc_KeyboardInterrupt);
}

void ReleaseGatedArray(ArrowArray* array) {
  auto* const inner = static_cast<ArrowArray*>(array->private_data);
  array->release = nullptr;
  const GateVisit visit;
  if (!visit.is_let_in()) return;
  inner->release(inner);
  delete inner;
}

int GetGatedSchema(ArrowArrayStream* stream, ArrowSchema* out) {
  auto* const gated = static_cast<GatedStream*>(stream->private_data);
  const GateVisit visit;
  gated->is_refused = !visit.is_let_in();
  return gated->is_refused ? ECANCELED : gated->stream.get_schema(&gated->stream, out);
}

int GetGatedArray(ArrowArrayStream* stream, ArrowArray* out) {
  auto* const gated = static_cast<GatedStream*>(stream->private_data);
  const GateVisit visit;
  gated->is_refused = !visit.is_let_in();
  if (gated->is_refused) return ECANCELED;
  const int error = gated->stream.get_next(&gated->stream, out);
  if (error != 0) LookForInterrupt(&gated->stream);
  if (error == 0 && out->release != nullptr) {
    out->private_data = new ArrowArray(*out);
    out->release = ReleaseGatedArray;
  }
  return error;
}

const char* GetGatedError(ArrowArrayStream* stream) {
  auto* const gated = static_cast<GatedStream*>(stream->private_data);
  if (gated->is_refused) return "Python is ending";
  return gated->stream.get_last_error == nullptr ? nullptr : gated->stream.get_last_error(&gated->stream);
}

void ReleaseGatedStream(ArrowArrayStream* stream) {
  auto* const gated = static_cast<GatedStream*>(stream->private_data);
  stream->release = nullptr;
  const GateVisit visit;
  if (!visit.is_let_in()) return;
  if (gated->stream.release != nullptr) gated->stream.release(&gated->stream);
  delete gated;
}

void PutBehindGate(ArrowArrayStream* stream) {
  if (stream->release == nullptr) return;  // it has been read: whoever opens it says so
  auto* const gated = new GatedStream{*stream};
  *stream = {GetGatedSchema, GetGatedArray, GetGatedError, ReleaseGatedStream, gated};
}

// ---- Opening --------------------------------------------------------------------------------------------------------

// "ValueError: no such table", of the exception that is set, which is cleared; Ctrl-C and the like end the call as well.
// REQUIRES: the GIL.
std::string TakeErrorText() {
  py::error_already_set error;
  std::string text(py::str(error.type().attr("__name__")));
  try {
    const std::string message(py::str(error.value()));
    if (!message.empty()) text += ": " + message;
  } catch (const py::error_already_set&) {
    // It cannot tell: its name is all there is.
  }
  if (Call* const call = Call::current(); call != nullptr && !error.matches(PyExc_Exception)) call->Keep(error);
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
    PutBehindGate(out);
  }
  Py_DECREF(capsule);
  return stream != nullptr;
}

// Calls open(out) with the GIL: whether it made a stream, else a Python exception is set. In plain C, as OpenStream().
template <typename Open>
absl::Status WithGil(const std::string& name, Open open) {
  PyGILState_STATE gil;
  bool opened = false;
  try {
    gil = PyGILState_Ensure();
    opened = open();
  } catch (...) {
    // The interpreter's end, as of GilRelease: nothing of this thread may run any more.
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  std::string error;
  if (!opened) error = TakeErrorText();
  PyGILState_Release(gil);
  return opened ? absl::OkStatus() : absl::InvalidArgumentError(name + ": " + error);
}

// What flowlogs._parquet.open(file, columns) gives; the file is `remote`, or stands at `path`. As OpenStream().
bool OpenParquet(PyObject* remote, const std::string& path, const std::vector<std::string>* columns,
                 ArrowArrayStream* out) {
  PyObject* const module = PyImport_ImportModule("flowlogs._parquet");
  if (module == nullptr) return false;
  PyObject* file = remote;
  if (remote != nullptr) {
    Py_INCREF(remote);
  } else {
    file = PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size()));
  }
  PyObject* const names = columns == nullptr ? py::none().release().ptr() : PyList_New(0);
  bool is_made = file != nullptr && names != nullptr;
  for (size_t i = 0; is_made && columns != nullptr && i < columns->size(); ++i) {
    const std::string& column = (*columns)[i];
    PyObject* const name = PyUnicode_DecodeUTF8(column.data(), static_cast<Py_ssize_t>(column.size()), "replace");
    is_made = name != nullptr && PyList_Append(names, name) == 0;
    Py_XDECREF(name);
  }
  PyObject* const stream = is_made ? PyObject_CallMethod(module, "open", "OO", file, names) : nullptr;
  const bool opened = stream != nullptr && OpenStream(stream, out);
  Py_XDECREF(stream);
  Py_XDECREF(names);
  Py_XDECREF(file);
  Py_DECREF(module);
  return opened;
}

}  // namespace

ParquetOpener MakeParquetOpener(RemoteObjects remote) {
  return [remote = std::move(remote)](const std::string& path, const std::vector<std::string>* columns,
                                      ArrowArrayStream* out) {
    const auto found = remote.find(path);
    PyObject* const object = found == remote.end() ? nullptr : found->second.get();
    return WithGil(path, [&] { return OpenParquet(object, path, columns, out); });
  };
}

bool IsArrowSource(py::handle object) { return py::hasattr(object, "__arrow_c_stream__"); }

Source ToArrowSource(py::handle object, const std::string& name) {
  const bool holds_its_rows = PyObject_HasAttrString(py::type::handle_of(object).ptr(), "__len__") != 0;
  const bool can_be_repeated =
      holds_its_rows || py::isinstance(object, py::module_::import("flowlogs._core").attr("Query"));
  const std::shared_ptr<PyObject> held = Hold(object);
  return Source::Arrow(
      [held, name](ArrowArrayStream* out) { return WithGil(name, [&] { return OpenStream(held.get(), out); }); },
      can_be_repeated, name);
}

}  // namespace flowlogs::python
