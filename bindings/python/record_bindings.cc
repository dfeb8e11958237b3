// Record, and parse().
#include <list>
#include <mutex>

#include "bindings/python/owned_record.h"
#include "flowlogs/schema/field.h"
#include "flowlogs/schema/value.h"
#include "lib/parse/lines.h"

namespace flowlogs::python {
namespace {

// ---- Columns by name ------------------------------------------------------------------------------------------------

// The column's place, or -1.
int Find(const OwnedRecord& record, const py::object& name) {
  const std::vector<py::str>& keys = record.shape().keys;
  // A name that stands in a program is interned, as the keys are.
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].is(name)) return static_cast<int>(i);
  }
  if (!py::isinstance<py::str>(name)) return -1;
  return record.format().IndexOf(TextArgument(name).text());
}

std::string NoSuchColumn(std::string_view name) {
  if (FindField(name)) return "the record's format has no " + std::string(name);
  const std::string_view nearest = NearestFieldName(name);
  return "no field is called '" + std::string(name) + "'" +
         (nearest.empty() ? "" : "; did you mean " + std::string(nearest) + "?");
}

size_t FindOrRaise(const OwnedRecord& record, const py::object& name) {
  const int column = Find(record, name);
  if (column >= 0) return static_cast<size_t>(column);
  PyErr_SetObject(PyExc_KeyError, py::isinstance<py::str>(name) ? ToStr(NoSuchColumn(TextArgument(name).text())).ptr()
                                                                : name.ptr());
  throw py::error_already_set();
}

py::dict ToDict(const OwnedRecord& record) {
  py::dict dict;
  for (size_t i = 0; i < record.size(); ++i) dict[record.shape().keys[i]] = record.Value(i);
  return dict;
}

py::list Keys(const OwnedRecord& record) {
  py::list keys;
  for (const py::str& key : record.shape().keys) keys.append(key);
  return keys;
}

// The words for a value: "tcp", "SYN|ACK", the text itself; None if it has none.
py::object Name(const OwnedRecord& record, const py::object& name) {
  const size_t column = FindOrRaise(record, name);
  py::object value = record.Value(column);
  const std::optional<Field> field = record.format().columns()[column].field;
  if (value.is_none() || !field || !py::isinstance<py::int_>(value)) return value;
  const int64_t number = value.cast<int64_t>();
  if (*field == Field::kTcpFlags) return ToStr(TcpFlagsName(number));
  const std::string_view word = WordOf(*field, number);
  return word.empty() ? py::object(py::none()) : ToStr(word);
}

bool Equal(const OwnedRecord& a, const OwnedRecord& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a.format().columns()[i].name != b.format().columns()[i].name || a.raw(i) != b.raw(i)) return false;
  }
  return true;
}

std::string Repr(const OwnedRecord& record) {
  std::string text = "Record(";
  for (size_t i = 0; i < record.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::string(record.shape().keys[i]) + "=" + std::string(py::repr(record.Value(i)));
  }
  return text + ")";
}

// ---- parse() --------------------------------------------------------------------------------------------------------

// One is enough for a caller that parses line after line. Never destroyed: it holds Python objects.
std::shared_ptr<const RecordShape> ShapeOf(const Format& format) {
  static std::mutex* mutex = new std::mutex;
  static auto* last = new std::shared_ptr<const RecordShape>;
  {
    const std::lock_guard<std::mutex> lock(*mutex);
    if (*last != nullptr && (*last)->format.IsSame(format)) return *last;
  }
  auto shape = std::make_shared<const RecordShape>(format);
  const std::lock_guard<std::mutex> lock(*mutex);
  last->swap(shape);
  return *last;
}

size_t CountValues(std::string_view line, Separator separator) {
  size_t count = 0;
  internal::ForEachValue(line, separator, [&](size_t, size_t) { ++count; });
  return count;
}

const char* Expected(ValueType type) {
  switch (type) {
    case ValueType::kInt32:
      return "digits, at most 2147483647";
    case ValueType::kInt64:
      return "digits, at most 9223372036854775807";
    case ValueType::kTime:
      return "digits: seconds since 1970, UTC";
    case ValueType::kAddress:
      return "an IPv4 or IPv6 address";
    case ValueType::kText:
    case ValueType::kTag:
      break;
  }
  return "text";
}

void CheckValues(const Record& record) {
  for (size_t i = 0; i < record.size(); ++i) {
    const int column = static_cast<int>(i);
    if (record.state(column) != ValueState::kBad) continue;
    const FormatColumn& info = record.format().columns()[i];
    RaiseParseError(
        info.name + ": '" + std::string(record.raw(column).substr(0, 200)) + "' (value " + std::to_string(i + 1) +
        " of " + std::to_string(record.size()) + ") should be " + Expected(info.type()) +
        ", or '-' if it is missing. If the values stand in another order, give the format; scan() reads such a "
        "value as None and counts it");
  }
}

py::object Parse(const py::object& line, const py::object& format_or_none) {
  const TextArgument argument(line);
  const std::string_view text = internal::StripLineEnd(argument.text());
  if (text.find('\n') != std::string_view::npos) {
    RaiseParseError("line: more than one line; parse() reads one, scan() reads them all, as in scan(b\"...\")");
  }
  const std::optional<Format> given = ToFormat(format_or_none);
  if (internal::StripBlanks(text).empty()) RaiseParseError("line: nothing but blanks");
  if (Format::FromHeader(text)) {
    RaiseParseError("line: a header, not a record; Format.from_header(line) reads it");
  }
  const DetectedFormat detected = DetectFormat(text, /*whole=*/true, given);
  if (!detected.format) {
    RaiseParseError(
        "line: " + std::to_string(CountValues(text, Separator::kBlank)) +
        " values; without a format a line has the 14 of the VPC default or the 36 of a transit gateway: give the "
        "format");
  }
  const Format& format = *detected.format;
  Record record;
  const ParseError error = ParseRecord(text, format, &record);
  if (error != ParseError::kOk) {
    std::string message = "line: " + std::string(ParseErrorName(error));
    if (error == ParseError::kTooFewValues || error == ParseError::kTooManyValues) {
      message = "line: " + std::to_string(CountValues(text, format.separator())) + " values, but the format has " +
                std::to_string(format.values_per_line()) + ": " + format.Header();
    }
    RaiseParseError(message);
  }
  CheckValues(record);
  return OwnedRecord::Make(ShapeOf(format), record);
}

// What Record.__reduce__() gives, as a Record.
py::object Unpickle(const Format& format, const py::bytes& line, const py::object& source, uint64_t line_number) {
  Record record;
  if (ParseRecord(std::string_view(line), format, &record) != ParseError::kOk) {
    throw py::value_error("not a pickled Record");
  }
  if (source.is_none()) return OwnedRecord::Make(ShapeOf(format), record);
  const auto shape = std::make_shared<const RecordShape>(format, source.cast<std::string>());
  return OwnedRecord::Make(shape, record, line_number);
}

// ---- The type -------------------------------------------------------------------------------------------------------

PyObject* GetField(PyObject* self, void* field) {
  return Guarded([&] { return OwnedRecord::Of(self)->Value(static_cast<Field>(reinterpret_cast<uintptr_t>(field))); });
}

template <auto f>
PyObject* GetProperty(PyObject* self, void*) {
  return Guarded([&] { return py::object(f(*OwnedRecord::Of(self))); });
}

py::object FormatOf(const OwnedRecord& r) { return py::cast(r.format()); }
py::object LineOf(const OwnedRecord& r) { return ToStr(r.line()); }
py::object SourceOf(const OwnedRecord& r) { return r.source() ? ToStr(*r.source()) : py::object(py::none()); }
py::object LineNumberOf(const OwnedRecord& r) {
  return r.source() ? py::object(py::int_(r.line_number())) : py::object(py::none());
}

PyObject* GetItem(PyObject* self, PyObject* name) {
  return Guarded([&] {
    const OwnedRecord& record = *OwnedRecord::Of(self);
    return record.Value(FindOrRaise(record, py::reinterpret_borrow<py::object>(name)));
  });
}

// Columns that are no known field; those are properties.
PyObject* GetColumn(PyObject* self, PyObject* name) {
  return Guarded([&] {
    const OwnedRecord& record = *OwnedRecord::Of(self);
    const auto text = py::reinterpret_borrow<py::object>(name);
    const int column = Find(record, text);
    if (column < 0) throw py::attribute_error(NoSuchColumn(TextArgument(text).text()));
    return record.Value(static_cast<size_t>(column));
  });
}

// What Python makes of a __getattr__, without asking for it at each access.
PyObject* GetAttribute(PyObject* self, PyObject* name) {
  PyObject* const attribute = PyObject_GenericGetAttr(self, name);
  if (attribute != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return attribute;
  PyErr_Clear();
  return GetColumn(self, name);
}

// The properties; neither they nor their texts are ever freed, as the type needs them.
PyGetSetDef* Properties() {
  static auto* const texts = new std::list<std::string>;
  static auto* const properties = new std::vector<PyGetSetDef>;
  for (const FieldInfo& info : AllFields()) {
    const char* const name = texts->emplace_back(info.column).c_str();
    std::string& doc = texts->emplace_back(info.meaning);
    if (!info.unit.empty()) doc += " (" + std::string(info.unit) + ")";
    doc += ".";
    properties->push_back(
        {name, &GetField, nullptr, doc.c_str(), reinterpret_cast<void*>(static_cast<uintptr_t>(info.field))});
  }
  properties->push_back({"format", &GetProperty<FormatOf>, nullptr, "The Format of the line.", nullptr});
  properties->push_back({"line", &GetProperty<LineOf>, nullptr,
                         "The line as it stands in the input, without its line end.", nullptr});
  properties->push_back(
      {"source", &GetProperty<SourceOf>, nullptr, "The name of the input; None for parse().", nullptr});
  properties->push_back({"line_number", &GetProperty<LineNumberOf>, nullptr,
                         "The number of the line in its input, counted from 1; None for parse().", nullptr});
  properties->push_back({nullptr, nullptr, nullptr, nullptr, nullptr});
  return properties->data();
}

constexpr char kDoc[] =
    "One record: a line, split and typed. Immutable; owns its line.\n\n"
    "Values are int, str, or None for a missing ('-') or bad value; addresses are canonical text, tags are decoded,\n"
    "times are seconds since 1970 UTC. r.srcaddr (None as well if the format lacks the field), r['pkt-srcaddr'] and\n"
    "r['pkt_srcaddr'] (KeyError if the format lacks it), r.get(name), dict(r).";

// Methods, as py::class_ would have them. What a loop calls for each record is a slot instead.
class Methods {
 public:
  explicit Methods(py::handle type) : type_(type) {}
  template <typename F, typename... Extra>
  Methods& def(const char* name, F&& f, const Extra&... extra) {
    py::setattr(type_, name, py::cpp_function(std::forward<F>(f), py::name(name), py::is_method(type_), extra...));
    return *this;
  }

 private:
  py::handle type_;
};

}  // namespace

void BindRecord(py::module_& m) {
  static PyMethodDef methods[] = {{"__getattr__", &GetColumn, METH_O, nullptr}, {nullptr, nullptr, 0, nullptr}};
  OwnedRecord::MakeType({{Py_tp_doc, const_cast<char*>(kDoc)},
                         {Py_tp_getset, Properties()},
                         {Py_tp_methods, methods},
                         {Py_tp_getattro, reinterpret_cast<void*>(&GetAttribute)},
                         {Py_mp_subscript, reinterpret_cast<void*>(&GetItem)}});
  const auto type = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(OwnedRecord::type()));
  m.attr("Record") = type;
  m.def("_record", &Unpickle, py::arg("format"), py::arg("line"), py::arg("source"), py::arg("line_number"));
  Methods(type)
      // Predicates
      .def("__contains__", [](const OwnedRecord& r, const py::object& name) { return Find(r, name) >= 0; },
           py::arg("name"))
      // Operations
      .def(
          "get",
          [](const OwnedRecord& r, const py::object& name, py::object otherwise) {
            const int column = Find(r, name);
            return column < 0 ? std::move(otherwise) : r.Value(static_cast<size_t>(column));
          },
          py::arg("name"), py::arg("default") = py::none(), "The value, or `default` if the format has no such field.")
      .def(
          "raw", [](const OwnedRecord& r, const py::object& name) { return ToStr(r.raw(FindOrRaise(r, name))); },
          py::arg("field"), "The text of a value as it stands in the line, '-' if it is missing. KeyError as r[field].")
      .def("name", &Name, py::arg("field"),
           "The word for a value: 'tcp' for protocol 6, 'SYN|ACK' for tcp-flags 18, the text of a text field.\n\n"
           "None for a missing value or one that has no word. KeyError as r[field].")
      .def("to_dict", &ToDict, "Every field of the format, in order, with underscores: int, str or None.")
      .def("keys", &Keys, "The names of the format's fields in order, with underscores.")
      .def("values",
           [](const OwnedRecord& r) {
             py::list values;
             for (size_t i = 0; i < r.size(); ++i) values.append(r.Value(i));
             return values;
           },
           "The values, in the format's order.")
      .def("items",
           [](const OwnedRecord& r) {
             py::list items;
             for (size_t i = 0; i < r.size(); ++i) items.append(py::make_tuple(r.shape().keys[i], r.Value(i)));
             return items;
           },
           "Pairs of key and value, in the format's order.")
      // Operators
      .def("__len__", [](const OwnedRecord& r) { return r.size(); })
      .def("__iter__", [](const OwnedRecord& r) { return py::iter(Keys(r)); })
      .def(
          "__eq__",
          [](const OwnedRecord& r, const py::object& other) -> py::object {
            const OwnedRecord* const record = OwnedRecord::Of(other);
            if (record == nullptr) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
            return py::bool_(Equal(r, *record));
          },
          py::arg("other"))
      .def("__hash__",
           [](const OwnedRecord& r) {
             size_t hash = r.size();
             for (size_t i = 0; i < r.size(); ++i) hash = hash * 31 + std::hash<std::string_view>()(r.raw(i));
             return static_cast<Py_ssize_t>(hash >> 1);
           })
      .def("__reduce__",
           [unpickle = py::object(m.attr("_record"))](const OwnedRecord& r) {
             const py::object source = r.source() ? py::object(py::bytes(*r.source())) : py::object(py::none());
             const py::bytes line(std::string(r.line()));
             return py::make_tuple(unpickle, py::make_tuple(r.format(), line, source, r.line_number()));
           })
      // String representation
      .def("__str__", [](const OwnedRecord& r) { return ToStr(r.line()); })
      .def("__repr__", [](const OwnedRecord& r) { return ToStr(Repr(r)); });

  m.def(
      "parse", &Parse, py::arg("line"), py::arg("format") = py::none(),
      "Parses one line (str or bytes, with or without line end) into a Record and checks every value.\n\n"
      "format: a Format, a str such as '${version} ${srcaddr}', or a list of names. Without it a line of 14 values is\n"
      "of the VPC default, one of 36 of the transit gateway default; both may stand behind a CloudWatch time.\n\n"
      "Raises ParseError for another number of values and for a value that is not of its field's type: the message "
      "names\n"
      "field and value. Raises FormatError for a wrong format.");
}

}  // namespace flowlogs::python
