// The exceptions (CONTRACT P4). They are made here and nowhere else: the library returns absl::Status.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bindings/python/bindings.h"
#include "flowlogs/query/query.h"

namespace flowlogs::python {
namespace {

// Borrowed for ever: the module is never unloaded.
struct ErrorTypes {
  PyObject* error = nullptr;
  PyObject* argument = nullptr;
  PyObject* format = nullptr;
  PyObject* expression = nullptr;
  PyObject* parse = nullptr;
  PyObject* input = nullptr;
  PyObject* limit = nullptr;
  PyObject* input_limit = nullptr;
};
ErrorTypes types;

// A new exception flowlogs.<name>, with class attributes of value None that instances may set.
PyObject* Define(py::module_& m, const char* name, const char* doc, std::initializer_list<PyObject*> bases,
                 std::initializer_list<const char*> attributes = {}) {
  py::tuple base_tuple(bases.size());
  size_t i = 0;
  for (PyObject* base : bases) base_tuple[i++] = py::reinterpret_borrow<py::object>(base);
  py::dict members;
  for (const char* attribute : attributes) members[attribute] = py::none();
  const std::string full_name = std::string("flowlogs.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(full_name.c_str(), doc, base_tuple.ptr(), members.ptr());
  if (type == nullptr) throw py::error_already_set();
  m.add_object(name, type);
  return type;
}

struct Attribute {
  const char* name;
  py::object value;
};

[[noreturn]] void Raise(PyObject* type, std::string_view message, std::initializer_list<Attribute> attributes = {}) {
  py::object exception = py::reinterpret_borrow<py::object>(type)(ToStr(message));
  for (const Attribute& attribute : attributes) exception.attr(attribute.name) = attribute.value;
  PyErr_SetObject(type, exception.ptr());
  throw py::error_already_set();
}

// The source that a message is about: the only one, or the longest name that stands in it.
py::object SourceOf(std::string_view message, const std::vector<std::string>& sources) {
  if (sources.size() == 1) return ToStr(sources[0]);
  const std::string* best = nullptr;
  for (const std::string& source : sources) {
    const bool named = message.find(source) != std::string_view::npos;
    if (named && (best == nullptr || source.size() > best->size())) best = &source;
  }
  return best == nullptr ? py::object(py::none()) : ToStr(*best);
}

}  // namespace

void BindErrors(py::module_& m) {
  types.error = Define(m, "Error", "The base of all exceptions of flowlogs.", {PyExc_Exception});
  types.argument = Define(m, "ArgumentError", "An argument, or a combination of calls, that cannot be.",
                          {types.error, PyExc_ValueError});
  types.format =
      Define(m, "FormatError", "A format that cannot be: the message names the token and what was perhaps meant.",
             {types.error, PyExc_ValueError});
  types.expression =
      Define(m, "ExpressionError",
             "A filter, key or aggregate that cannot be.\n\n"
             "column: where in the expression, counted from 1, or None. The message shows it with a caret.",
             {types.error, PyExc_ValueError}, {"column"});
  types.parse = Define(m, "ParseError",
                       "A line that is no record, or a value that is not of its field's type.\n\n"
                       "source, line: where (line counts from 1), or None for parse().",
                       {types.error, PyExc_ValueError}, {"source", "line"});
  types.input =
      Define(m, "InputError",
             "An input that cannot be opened or not be read to its end.\n\n"
             "source: its name, or None. offset: bytes of it, as stored, that were good, or None.\n"
             "table: the answer made of what was read: a Table, of collect_all() a list of them, of summary()\n"
             "the Summary; None if nothing was read. stats: the Stats of it, or None.",
             {types.error, PyExc_OSError}, {"source", "offset", "table", "stats"});
  types.limit = Define(m, "LimitError", "A limit was hit; the message says which and how to raise it.", {types.error});
  types.input_limit = Define(m, "InputLimitError",
                             "An input that was not read to its end because of a limit: an InputError, with .table, and a "
                             "LimitError.",
                             {types.input, types.limit});
}

void RaiseStatus(const absl::Status& status, const std::vector<std::string>& sources, std::string_view expression) {
  const std::string message(status.message().data(), status.message().size());
  if (std::optional<size_t> column = ExpressionColumn(status)) {
    const std::string_view before = expression.substr(0, std::min(*column - 1, expression.size()));
    auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
    *column -= static_cast<size_t>(std::count_if(before.begin(), before.end(), continues));
    Raise(types.expression, message, {{"column", py::int_(*column)}});
  }
  if (const std::optional<ErrorPlace> place = ParseErrorPlace(status)) {
    Raise(types.parse, message, {{"source", ToStr(place->source)}, {"line", py::int_(place->line)}});
  }
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      Raise(types.input, message, {{"source", SourceOf(message, sources)}, {"errno", py::int_(ENOENT)}});
    case absl::StatusCode::kPermissionDenied:
      Raise(types.input, message, {{"source", SourceOf(message, sources)}, {"errno", py::int_(EACCES)}});
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnavailable:
      Raise(types.input, message, {{"source", SourceOf(message, sources)}});
    case absl::StatusCode::kResourceExhausted:
      Raise(types.limit, message);
    case absl::StatusCode::kInvalidArgument:
      Raise(types.argument, message);
    default:
      Raise(types.error, message);
  }
}

void RaiseDamage(const Stats& stats, const py::object& answer) {
  const Stats::InputError& first = stats.errors.front();
  std::string message = first.source + ": " + first.message;
  // The reader's own message mostly says where; what it does not say is added.
  if (message.find(std::to_string(first.offset)) == std::string::npos) {
    message += " (at byte " + std::to_string(first.offset) + ")";
  }
  if (stats.errors.size() > 1) message += ", and " + std::to_string(stats.errors.size() - 1) + " more";
  message += "; the answer from what was read is this exception's .table, on_error=\"skip\" returns it";
  Raise(first.is_limit ? types.input_limit : types.input, message,
        {{"source", ToStr(first.source)},
         {"offset", py::int_(first.offset)},
         {"table", answer},
         {"stats", py::cast(std::make_shared<Stats>(stats))}});
}

void RaiseArgumentError(std::string_view message) { Raise(types.argument, message); }
void RaiseFormatError(std::string_view message) { Raise(types.format, message); }
void RaiseParseError(std::string_view message) { Raise(types.parse, message); }

// Most text is ASCII, and then it is copied as it is.
py::str ToStr(std::string_view bytes) {
  uint64_t high = 0;
  size_t i = 0;
  for (uint64_t word; i + 8 <= bytes.size(); i += 8) {
    std::memcpy(&word, bytes.data() + i, 8);
    high |= word;
  }
  for (; i < bytes.size(); ++i) high |= static_cast<unsigned char>(bytes[i]);
  // Python keeps the shortest ones itself.
  if (bytes.size() > 1 && (high & 0x8080808080808080) == 0) {
    PyObject* const ascii = PyUnicode_New(static_cast<Py_ssize_t>(bytes.size()), 127);
    if (ascii == nullptr) throw py::error_already_set();
    std::memcpy(PyUnicode_1BYTE_DATA(ascii), bytes.data(), bytes.size());
    return py::reinterpret_steal<py::str>(ascii);
  }
  PyObject* text = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "backslashreplace");
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

TextArgument::TextArgument(const py::object& object) {
  if (PyUnicode_Check(object.ptr())) {
    // Not by way of the cached UTF-8: a str that came from undecodable bytes gives those bytes back.
    PyObject* utf8 = PyUnicode_AsEncodedString(object.ptr(), "utf-8", "surrogateescape");
    if (utf8 == nullptr) throw py::error_already_set();
    utf8_ = py::reinterpret_steal<py::object>(utf8);
    text_ = {PyBytes_AS_STRING(utf8), static_cast<size_t>(PyBytes_GET_SIZE(utf8))};
    return;
  }
  if (!PyObject_CheckBuffer(object.ptr())) {
    throw py::type_error("expected str or a bytes-like object, not " +
                         std::string(py::str(py::type::handle_of(object).attr("__name__"))));
  }
  if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  has_buffer_ = true;
  text_ = {static_cast<const char*>(buffer_.buf), static_cast<size_t>(buffer_.len)};
}

TextArgument::~TextArgument() {
  if (has_buffer_) PyBuffer_Release(&buffer_);
}

}  // namespace flowlogs::python
