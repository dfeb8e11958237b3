#include "bindings/python/gil.h"

#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bindings/python/bindings.h"

namespace flowlogs::python {
namespace {

[[noreturn]] void StayHere() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

// Holds the GIL for a scope, in a thread that may have it already. As of GilRelease, at the interpreter's end a thread
// stays here.
class GilAcquire {
 public:
  GilAcquire() {
    try {
      state_ = PyGILState_Ensure();
    } catch (...) {
      StayHere();
    }
  }
  ~GilAcquire() { PyGILState_Release(state_); }
  GilAcquire(const GilAcquire&) = delete;  // it is given back once
  GilAcquire& operator=(const GilAcquire&) = delete;

 private:
  PyGILState_STATE state_;
};

// An object that is used with the GIL, and may die without it.
class Callable {
 public:
  explicit Callable(const py::object& object) : object_(py::object(object).release().ptr()) {}
  ~Callable() {
    LetGo(object_, [](void* object) { Py_DECREF(static_cast<PyObject*>(object)); });
  }
  Callable(const Callable&) = delete;  // it has one reference
  Callable& operator=(const Callable&) = delete;
  // REQUIRES, of this and its use: the GIL.
  py::handle get() const { return object_; }

 private:
  PyObject* const object_;
};

// "ValueError: no such thing". REQUIRES: the GIL.
std::string TextOf(const py::error_already_set& error) {
  std::string text(py::str(error.type().attr("__name__")));
  try {
    const py::str message(error.value());
    const TextArgument bytes(message);
    if (!bytes.text().empty()) text += ": " + std::string(bytes.text());
  } catch (const py::error_already_set&) {
    // It cannot tell: its name is all there is.
  }
  return text;
}

bool IsMainThread() {
  const py::object main = py::module_::import("threading").attr("main_thread")();
  return main.attr("ident").cast<unsigned long>() == PyThread_get_thread_ident();
}

// Raises it as soon as this thread, the main thread, is back in Python code.
void RaiseSoon(py::error_already_set& error) {
  auto* const kept = new py::error_already_set(std::move(error));
  const auto raise = [](void* kept_error) {
    const std::unique_ptr<py::error_already_set> owned(static_cast<py::error_already_set*>(kept_error));
    owned->restore();
    return -1;
  };
  if (Py_AddPendingCall(raise, kept) != 0) delete kept;  // the queue is full: the message is all there is
}

// Keeps whatever f() raises for the call. Returns whether it raised.
template <typename F>
bool Guarded(Call* call, F&& f) {
  try {
    f();
    return false;
  } catch (py::error_already_set& error) {
    call->Keep(error);
  }
  return true;
}

constexpr const char* kTextMode = "read() gave str, not bytes: open the file for bytes, as in open(path, \"rb\")";

// A piece of content from read(size) into the buffer. REQUIRES: the GIL.
absl::StatusOr<size_t> ReadInto(py::handle read, char* buffer, size_t size) {
  // What came while C++ was at work would not be seen by a read() that waits.
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  const py::object piece = read(size);
  if (PyUnicode_Check(piece.ptr())) {
    PyErr_SetString(PyExc_TypeError, kTextMode);
    throw py::error_already_set();
  }
  if (piece.is_none()) return absl::UnavailableError("read() gave None: the file does not wait for its bytes");
  const TextArgument bytes(piece);
  if (bytes.text().size() > size) {
    return absl::InternalError("read(" + std::to_string(size) + ") gave " + std::to_string(bytes.text().size()) + " bytes");
  }
  std::memcpy(buffer, bytes.text().data(), bytes.text().size());
  return bytes.text().size();
}

}  // namespace

thread_local Call* Call::current_ = nullptr;

bool HasGil() {
  // Not PyGILState_Check(), which says yes to everybody once there are subinterpreters.
  const PyThreadState* current = py::detail::get_thread_state_unchecked();
  return current != nullptr && current == PyGILState_GetThisThreadState();
}

bool IsPythonThread() { return Py_IsInitialized() != 0 && PyGILState_GetThisThreadState() != nullptr; }

void GilRelease::TakeBack(PyThreadState* state) {
  try {
    PyEval_RestoreThread(state);
  } catch (...) {
    StayHere();
  }
}

absl::Status ForeignFailure(Call& call) {
  const GilAcquire gil;
  py::error_already_set raised = call.Take();
  const std::string text = TextOf(raised);
  if (IsMainThread()) RaiseSoon(raised);
  return absl::CancelledError("the run was ended by " + text);
}

void SetRunHooks(const py::object& progress, ScanOptions* options) {
  if (!progress.is_none()) {
    if (PyCallable_Check(progress.ptr()) == 0) {
      throw py::type_error("progress is a callable that takes done_bytes, total_bytes and records");
    }
    options->progress = [callable = std::make_shared<const Callable>(progress)](const Progress& p) {
      Call* const call = Call::current();
      if (call == nullptr || call->has_raised()) return;
      const GilAcquire gil;
      Guarded(call, [&] { callable->get()(p.done_bytes, p.total_bytes, p.records); });
    };
  }
  options->keep_going = [] {
    Call* const call = Call::current();
    if (call == nullptr || call->has_raised()) return call == nullptr;
    const GilAcquire gil;
    return !Guarded(call, [] {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    });
  };
}

Source ToStreamSource(const py::object& read, std::string name) {
  auto reader = [callable = std::make_shared<const Callable>(read)](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (Py_IsInitialized() == 0) return absl::UnavailableError("Python has ended");
    const GilAcquire gil;
    try {
      return ReadInto(callable->get(), buffer, size);
    } catch (py::error_already_set& error) {
      const std::string text = TextOf(error);
      // Ctrl-C and the like, and a wrong argument, are for whoever runs the scan; else it is the input that is damaged.
      const bool is_damage = error.matches(PyExc_Exception) && !error.matches(PyExc_TypeError);
      if (Call* const call = Call::current(); call != nullptr && !is_damage) call->Keep(error);
      return absl::UnavailableError(text);
    }
  };
  return Source::Stream(std::move(reader), std::move(name));
}

void LetGo(void* owned, void (*free)(void* owned)) {
  struct Left {
    void* owned;
    void (*free)(void*);
  };
  static std::mutex mutex;
  static std::vector<Left>* const left = new std::vector<Left>;  // outlives every thread
  if (Py_IsInitialized() == 0) return;  // the process ends: its memory goes with it
  if (IsPythonThread()) {
    const GilAcquire gil;
    free(owned);
    return;
  }
  // This thread must not wait for the GIL, since at the interpreter's end it would never come back.
  {
    const std::lock_guard lock(mutex);
    left->push_back({owned, free});
  }
  auto free_left = [](void*) {
    std::vector<Left> taken;
    {
      const std::lock_guard lock(mutex);
      taken.swap(*left);
    }
    for (const Left& each : taken) each.free(each.owned);
    return 0;
  };
  Py_AddPendingCall(free_left, nullptr);  // if its queue is full, a later one takes what was left
}

}  // namespace flowlogs::python
