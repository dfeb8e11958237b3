#include "bindings/python/gil.h"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bindings/python/bindings.h"

namespace flowlogs::python {
namespace {

[[noreturn]] void StayHere() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

class Gate {
 public:
  bool Enter() {
    const std::lock_guard lock(mutex_);
    if (is_shut_) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }
  void Shut() {
    std::unique_lock lock(mutex_);
    is_shut_ = true;
    empty_.wait_for(lock, std::chrono::seconds(2), [this] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  int inside_ = 0;
  bool is_shut_ = false;
};

Gate& TheGate() {
  static auto* const gate = new Gate;  // outlives every thread
  return *gate;
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
    return absl::InternalError("read(" + std::to_string(size) + ") gave " + std::to_string(bytes.text().size()) +
                               " bytes");
  }
  std::memcpy(buffer, bytes.text().data(), bytes.text().size());
  return bytes.text().size();
}

}  // namespace

thread_local Call* Call::current_ = nullptr;

GateVisit::GateVisit() : is_let_in_(TheGate().Enter()) {}

GateVisit::~GateVisit() {
  if (is_let_in_) TheGate().Leave();
}

void ShutGateAtExit() {
  py::module_::import("atexit").attr("register")(py::cpp_function([] {
    const GilRelease release;
    TheGate().Shut();
  }));
}

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
    options->progress = [callable = Hold(progress)](const Progress& p) {
      Call* const call = Call::current();
      if (call == nullptr || call->has_raised()) return;
      const GilAcquire gil;
      Guarded(call, [&] { py::handle(callable.get())(p.done_bytes, p.total_bytes, p.records); });
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
  auto reader = [callable = Hold(read)](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    const GateVisit visit;
    if (!visit.is_let_in()) return absl::UnavailableError("Python is ending");
    const GilAcquire gil;
    try {
      return ReadInto(callable.get(), buffer, size);
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

void RaiseInCall(PyObject* type) {
  Call* const call = Call::current();
  if (call == nullptr) return;
  const GilAcquire gil;
  PyErr_SetNone(type);
  py::error_already_set raised;
  call->Keep(raised);
}

namespace {

// What remote.open() gave. Behind the gate, since it is used and dies in threads that Python does not know.
class RemoteReader {
 public:
  // Takes the reference.
  RemoteReader(PyObject* reader, std::stop_token stop)
      : reader_(reader), on_stop_(std::in_place, std::move(stop), [this] { Stop(); }) {}
  ~RemoteReader() {
    on_stop_.reset();  // may wait for Stop(), which wants the GIL: not held here
    const GateVisit visit;
    if (!visit.is_let_in()) return;  // its memory goes with the process
    const GilAcquire gil;
    Py_DECREF(reader_);
  }
  RemoteReader(const RemoteReader&) = delete;  // it has one reference
  RemoteReader& operator=(const RemoteReader&) = delete;

  absl::StatusOr<size_t> Read(char* buffer, size_t size) {
    const GateVisit visit;
    if (!visit.is_let_in()) return absl::UnavailableError("Python is ending");
    const GilAcquire gil;
    try {
      const auto view = py::memoryview::from_memory(buffer, static_cast<py::ssize_t>(size));
      const auto n = py::reinterpret_borrow<py::object>(reader_).attr("readinto")(view).cast<size_t>();
      view.attr("release")();  // the buffer is not Python's any more
      return n;
    } catch (py::error_already_set& error) {
      return absl::UnavailableError(RemoteErrorText(error));
    } catch (const py::cast_error&) {
      return absl::InternalError("readinto() gave no number of bytes");
    }
  }

  // What an error of flowlogs' own says is meant for people; others are told with their names.
  static std::string RemoteErrorText(py::error_already_set& error) {
    if (error.matches(py::module_::import("flowlogs._core").attr("Error"))) return std::string(py::str(error.value()));
    return TextOf(error);
  }

 private:
  void Stop() {
    const GateVisit visit;
    if (!visit.is_let_in()) return;
    const GilAcquire gil;
    try {
      py::reinterpret_borrow<py::object>(reader_).attr("stop")();
    } catch (py::error_already_set&) {
      // Then it is left behind.
    }
  }

  PyObject* const reader_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace

Source ToRemoteSource(const py::object& remote, std::string name, uint64_t stored_bytes) {
  auto open = [remote = Hold(remote)](std::stop_token stop) -> absl::StatusOr<Source::Reader> {
    std::shared_ptr<RemoteReader> reader;
    {
      const GateVisit visit;
      if (!visit.is_let_in()) return absl::UnavailableError("Python is ending");
      PyObject* opened = nullptr;
      {
        const GilAcquire gil;
        try {
          opened = py::handle(remote.get()).attr("open")().release().ptr();
        } catch (py::error_already_set& error) {
          return absl::UnavailableError(RemoteReader::RemoteErrorText(error));
        }
      }
      reader = std::make_shared<RemoteReader>(opened, std::move(stop));  // without the GIL: it may be stopped at once
    }
    return [reader](char* buffer, size_t size) { return reader->Read(buffer, size); };
  };
  return Source::Remote(std::move(open), std::move(name), stored_bytes);
}

std::shared_ptr<PyObject> Hold(py::handle object) {
  return {object.inc_ref().ptr(),
          [](PyObject* owned) { LetGo(owned, [](void* last) { Py_DECREF(static_cast<PyObject*>(last)); }); }};
}

void LetGo(void* owned, void (*free)(void* owned)) {
  struct Left {
    void* owned;
    void (*free)(void*);
  };
  static std::mutex mutex;
  static std::vector<Left>* const left = new std::vector<Left>;  // outlives every thread
  if (Py_IsInitialized() == 0) return;                           // the process ends: its memory goes with it
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
