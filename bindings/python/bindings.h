// What the binding files share. module.cc calls the Bind functions in the order of their declaration.
//
// THE GIL is released around every call that may read input or run for long, by WithoutGil(), see gil.h. Objects that
// change while they are used (Run, the iterators) hold a Turn meanwhile, so that a second thread gets an exception, not a
// race.
//
// BUFFERS that Python hands in (bytes, bytearray, memoryview, mmap, ...) are read in place. The buffer stays exported,
// and with it the object stays alive and unchanged in size, until the last plan or run that reads it is gone.
//
// TEXT leaves as str. Bytes that are not UTF-8 leave as \xNN, as in JSON: nothing here raises UnicodeDecodeError.
#ifndef FLOWLOGS_BINDINGS_PYTHON_BINDINGS_H_
#define FLOWLOGS_BINDINGS_PYTHON_BINDINGS_H_

#include <pybind11/pybind11.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bindings/python/gil.h"
#include "flowlogs/parse/stats.h"
#include "flowlogs/query/query.h"
#include "flowlogs/query/table.h"
#include "flowlogs/schema/format.h"

namespace flowlogs::python {

namespace py = pybind11;

void BindErrors(py::module_& m);
void BindFormat(py::module_& m);
void BindRecord(py::module_& m);
void BindTable(py::module_& m);
void BindEnrichment(py::module_& m);
void BindQuery(py::module_& m);
void BindArrow(py::module_& m);
void BindSynth(py::module_& m);

// ---- Text -----------------------------------------------------------------------------------------------------------

// Decodes UTF-8; other bytes become \xNN.
py::str ToStr(std::string_view bytes);

// A list of str.
template <typename Range>
py::list ToStrList(const Range& texts) {
  py::list list;
  for (const auto& text : texts) list.append(ToStr(text));
  return list;
}

// ---- Errors ---------------------------------------------------------------------------------------------------------

// Each sets a Python exception and throws py::error_already_set. REQUIRES: the GIL.

// By CONTRACT P4. `sources`, the names of the scan's sources, serve to find InputError.source; `expression`, to count
// ExpressionError.column in characters.
[[noreturn]] void RaiseStatus(const absl::Status& status, const std::vector<std::string>& sources = {},
                              std::string_view expression = {});
// InputError of inputs that were damaged: REQUIRES stats.errors is not empty. `answer` is what was made of the rest.
[[noreturn]] void RaiseDamage(const Stats& stats, const py::object& answer);
[[noreturn]] void RaiseArgumentError(std::string_view message);
[[noreturn]] void RaiseFormatError(std::string_view message);
[[noreturn]] void RaiseParseError(std::string_view message);

// For functions that Python calls without pybind11 in between: the object that f() returns, as a new reference, or null
// and the Python exception for what it throws.
template <typename F>
PyObject* Guarded(F&& f) {
  try {
    return std::forward<F>(f)().release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// ---- Conversions ----------------------------------------------------------------------------------------------------

// None -> nullopt; a Format; a str as Format::Parse() reads it; an iterable of names. Raises FormatError, TypeError.
std::optional<Format> ToFormat(const py::object& format);

// A dict of the object of CONTRACT P6.
py::dict StatsToDict(const Stats& stats);

// The bytes of a str (UTF-8) or of a contiguous buffer, held for the life of the object.
class TextArgument {
 public:
  // Raises TypeError for anything else.
  explicit TextArgument(const py::object& object);
  TextArgument(const TextArgument&) = delete;  // the buffer is released once
  TextArgument& operator=(const TextArgument&) = delete;
  ~TextArgument();
  std::string_view text() const { return text_; }

 private:
  py::object utf8_;  // of a str
  Py_buffer buffer_{};
  bool has_buffer_ = false;
  std::string_view text_;
};

// ---- Arrow ----------------------------------------------------------------------------------------------------------

// Capsules of the Arrow PyCapsule interface. `times`: timestamp[s, UTC] instead of int64.
py::object ToArrowSchema(std::span<const Column> columns, bool times);
// requested_schema: a capsule "arrow_schema" or None; raises TypeError for anything else.
py::object ToArrowStream(std::shared_ptr<const Table> table, const py::object& requested_schema, bool times);
// `fail_if_damaged`: see ArrowOptions.
py::object ToArrowStream(std::unique_ptr<TableStream> rows, bool fail_if_damaged, const py::object& requested_schema,
                         bool times);

// ---- Threads --------------------------------------------------------------------------------------------------------

// The right to use an object that serves one thread at a time. Raises RuntimeError if another thread has it.
class Turn {
 public:
  Turn(std::atomic<bool>& taken, const char* what) : taken_(taken) {
    if (taken_.exchange(true, std::memory_order_acquire)) {
      throw std::runtime_error(std::string(what) + " is being used in another thread");
    }
  }
  ~Turn() { taken_.store(false, std::memory_order_release); }
  Turn(const Turn&) = delete;  // it is one turn
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<bool>& taken_;
};

}  // namespace flowlogs::python

#endif  // FLOWLOGS_BINDINGS_PYTHON_BINDINGS_H_
