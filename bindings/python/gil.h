// The GIL, signals, and Python code that a run calls (CONTRACT P7).
//
// WithoutGil() is around every call that may read input or run for long. While such a call goes on, the library asks
// the hooks of RunHooks() about every 50 ms, in the thread of the call. They take the GIL for a moment, let Python's
// signal handlers run, and call `progress`. What these raise ends the run, and WithoutGil() raises it.
//
// A stream that leaves by the Arrow interface is read by its consumer, in any thread: ForeignCall is around each read.
// In a thread that Python knows it does the same. In others there are no signals to look at, and the GIL is not asked
// for: at the interpreter's end it would never be given. Only a file object that is the source needs it even there.
//
// What Python owns may have to be let go where the GIL cannot be had: see LetGo().
#ifndef FLOWLOGS_BINDINGS_PYTHON_GIL_H_
#define FLOWLOGS_BINDINGS_PYTHON_GIL_H_

#include <pybind11/pybind11.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "flowlogs/query/query.h"

namespace flowlogs::python {

namespace py = pybind11;

// Python code that a run calls in its own threads (an exporter of Arrow, a file object) passes this gate, which atexit
// shuts before the interpreter begins to end. A thread that asks for the GIL after that is unwound by Python (before
// 3.14), through destructors, of libraries that are not ours too, that abort the process.
class GateVisit {
 public:
  GateVisit();
  ~GateVisit();
  GateVisit(const GateVisit&) = delete;  // it leaves once
  GateVisit& operator=(const GateVisit&) = delete;
  // Whether Python code may be called during this visit.
  bool is_let_in() const { return is_let_in_; }

 private:
  const bool is_let_in_;
};
// Has atexit shut the gate. It waits for those that are inside; not forever, since one of them may wait for input.
void ShutGateAtExit();

// Whether the calling thread holds the GIL. Of any thread, at any time.
bool HasGil();

// Releases the GIL for a scope. At the interpreter's end Python (before 3.14) unwinds a daemon thread where it takes
// the GIL back, and py::gil_scoped_release, whose destructor may not throw, then aborts the process. Here the thread
// just stays there, as from 3.14 on: nothing of it may run any more, neither destructors.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() { TakeBack(state_); }
  GilRelease(const GilRelease&) = delete;  // the GIL is taken back once
  GilRelease& operator=(const GilRelease&) = delete;

  static void TakeBack(PyThreadState* state);

 private:
  PyThreadState* state_;
};

// A call into the library, in the thread that makes it. Calls may be inside of each other: `progress` may scan.
class Call {
 public:
  Call() : outer_(current_) { current_ = this; }
  ~Call() { current_ = outer_; }
  Call(const Call&) = delete;  // the thread refers to it
  Call& operator=(const Call&) = delete;

  // The innermost call of this thread; nullptr in a thread that Python does not know.
  static Call* current() { return current_; }

  // Raises what ended the run, if Python code did. REQUIRES: the GIL.
  void Raise() {
    if (raised_) throw Take();
  }
  bool has_raised() const { return raised_.has_value(); }
  // Keeps the exception, if it is the first. REQUIRES: the GIL.
  void Keep(py::error_already_set& error) {
    if (!raised_) raised_.emplace(std::move(error));
  }
  // REQUIRES: has_raised(), the GIL.
  py::error_already_set Take() {
    py::error_already_set raised = std::move(*raised_);
    raised_.reset();
    return raised;
  }

 private:
  static thread_local Call* current_;
  Call* const outer_;
  std::optional<py::error_already_set> raised_;
};

// Calls f() with the GIL released, and raises what Python code raised meanwhile. `f` touches no Python object.
template <typename F>
auto WithoutGil(F&& f) {
  Call call;
  auto result = [&] {
    const GilRelease release;
    return f();
  }();
  call.Raise();
  return result;
}

// Calls f(), which returns a StatusOr, for the consumer of an Arrow stream: in any thread, with or without the GIL; it
// is not held meanwhile. What Python code raised becomes CANCELLED, and, in the main thread, is raised there as soon as
// the consumer returns to Python.
template <typename F>
auto ForeignCall(F&& f);

// The hooks of a scan: signals, and `progress`, a callable or None.
void SetRunHooks(const py::object& progress, ScanOptions* options);

// What `file`, an object with read(size), brings. `read` is its method to call.
Source ToStreamSource(const py::object& read, std::string name);

// Raises an exception of this type, in Python, from the call that this thread is in, as soon as the run has ended. Nothing
// in a thread without a call.
void RaiseInCall(PyObject* type);

// What `remote` brings, as often as it is asked to: remote.open() gives a reader with readinto(memoryview), which
// returns how many bytes came and 0 at the end, and stop(), which is called in another thread and ends a readinto()
// that waits. What open() and readinto() raise is damage of the source.
Source ToRemoteSource(const py::object& remote, std::string name, uint64_t stored_bytes);

// A reference to the object, to be dropped in any thread, with or without the GIL. REQUIRES: the GIL.
std::shared_ptr<PyObject> Hold(py::handle object);

// Calls free(owned) with the GIL: at once in a thread that Python knows, else soon, in the main thread.
void LetGo(void* owned, void (*free)(void* owned));

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

// Whether this is a thread of Python, while the interpreter is there.
bool IsPythonThread();
// REQUIRES: call.has_raised(). Takes the GIL.
absl::Status ForeignFailure(Call& call);

template <typename F>
auto ForeignCall(F&& f) {
  if (!IsPythonThread()) return f();
  Call call;
  auto result = [&] {
    std::optional<GilRelease> release;
    if (HasGil()) release.emplace();
    return f();
  }();
  if (call.has_raised()) result = ForeignFailure(call);
  return result;
}

}  // namespace flowlogs::python

#endif  // FLOWLOGS_BINDINGS_PYTHON_GIL_H_
