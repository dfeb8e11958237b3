// Format, and the table of fields.
#include <algorithm>

#include "bindings/python/bindings.h"
#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"
#include "flowlogs/schema/services.h"

namespace flowlogs::python {
namespace {

Format ParseFormat(std::string_view text) {
  std::string error;
  std::optional<Format> format = Format::Parse(text, &error);
  if (!format) RaiseFormatError(error);
  return *std::move(format);
}

Format FormatFromHeader(const py::object& line) {
  const TextArgument argument(line);
  std::optional<Format> format = Format::FromHeader(internal::StripBlanks(argument.text()), /*first_line=*/true);
  if (!format) {
    RaiseFormatError(
        "format: not a header: '" + std::string(argument.text().substr(0, 200)) +
        "'; a header is made of distinct names, at least half of them names of fields (`flowlogs fields`)");
  }
  return *std::move(format);
}

std::string HeaderOf(const Format& format) {
  std::string header = format.Header();
  if (format.separator() == Separator::kComma) std::replace(header.begin(), header.end(), ' ', ',');
  return header;
}

std::string Repr(const Format& format) {
  std::string text;
  if (format == Format::Default()) {
    text = "Format.default()";
  } else if (format == Format::TransitGateway()) {
    text = "Format.transit_gateway()";
  } else if (format == Format::All()) {
    text = "Format.all()";
  } else {
    text = "Format.parse('" + format.Header() + "')";
  }
  if (format.separator() == Separator::kComma) text += "  # separated by commas";
  if (format.leading_time()) text += "  # after a time";
  return text;
}

// Every column's name with a hyphen, as str. Names that are no field may hold any byte.
py::list FieldNames(const Format& format) {
  py::list names;
  for (const FormatColumn& column : format.columns()) names.append(ToStr(column.name));
  return names;
}

py::list Fields() {
  py::list fields;
  for (const FieldInfo& info : AllFields()) {
    py::dict field;
    field["name"] = ToStr(info.name);
    field["column"] = ToStr(info.column);
    field["since"] = info.since;
    field["product"] = ToStr(ProductName(info.product));
    field["type"] = ToStr(ColumnTypeName(info.type));
    field["unit"] = ToStr(info.unit);
    field["meaning"] = ToStr(info.meaning);
    fields.append(field);
  }
  return fields;
}

// A pickled format. Headers take names that Parse() does not, and the other way round.
Format Remake(const py::bytes& header, bool comma, bool leading_time) {
  const std::string text(header);
  std::optional<Format> format = Format::FromHeader(text, /*first_line=*/true);
  if (!format) format = ParseFormat(text);
  if (comma) format = format->WithSeparator(Separator::kComma);
  return leading_time ? format->WithLeadingTime() : *format;
}

}  // namespace

std::optional<Format> ToFormat(const py::object& format) {
  if (format.is_none()) return std::nullopt;
  if (py::isinstance<Format>(format)) return format.cast<Format>();
  if (py::isinstance<py::str>(format)) return ParseFormat(TextArgument(format).text());
  if (py::isinstance<py::iterable>(format) && !PyObject_CheckBuffer(format.ptr())) {
    std::string names;
    for (py::handle name : format) {
      if (!py::isinstance<py::str>(name)) throw py::type_error("a format as a list needs names of fields, each a str");
      names += std::string(TextArgument(py::reinterpret_borrow<py::object>(name)).text()) + ' ';
    }
    return ParseFormat(names);
  }
  throw py::type_error("a format is a Format, a str such as '${version} ${srcaddr}', or a list of names of fields");
}

void BindFormat(py::module_& m) {
  py::class_<Format> format_class(
      m, "Format",
      "The order of fields in the lines of a flow log. Immutable; may be used as a key of a dict.\n\n"
      "len(f) is the number of fields, str(f) the ${...} text that AWS takes, `name in f` tells whether it\n"
      "has a field (names with hyphens or underscores).");
  // What __reduce__() calls; its signature names the class.
  m.def("_format", &Remake, py::arg("header"), py::arg("comma"), py::arg("leading_time"));
  format_class
      // Factories
      .def_static(
          "default", [] { return Format::Default(); }, "The 14 fields of version 2, AWS's default.")
      .def_static(
          "transit_gateway", [] { return Format::TransitGateway(); }, "The 36 fields of a transit gateway flow log.")
      .def_static(
          "all", [] { return Format::All(); }, "All 54 VPC fields, in AWS's documented order.")
      .def_static(
          "parse", [](const py::str& text) { return ParseFormat(TextArgument(text).text()); }, py::arg("text"),
          "Reads '${version} ${srcaddr}', also '$${version}', or plain names separated by blanks or commas.\n\n"
          "Names that are no field are kept as text columns. Raises FormatError for a name twice, for not one field,\n"
          "and for a broken text.")
      .def_static(
          "from_header", &FormatFromHeader, py::arg("line"),
          "The format that the first line of a file in S3 tells (str or bytes; separated by blanks or commas).\n\n"
          "Raises FormatError if the line is no header.")
      // Properties
      .def_property_readonly("fields", &FieldNames,
                             "The names in order, as AWS writes them: ['version', 'account-id', ...].")
      .def_property_readonly(
          "columns",
          [](const Format& format) {
            py::list names;
            for (const FormatColumn& column : format.columns()) names.append(ToStr(column.column_name()));
            return names;
          },
          "The names in order, as in answers: ['version', 'account_id', ...].")
      .def_property_readonly(
          "header", [](const Format& format) { return ToStr(HeaderOf(format)); },
          "The first line of a file of this format: 'version account-id ...'.")
      .def_property_readonly(
          "separator", [](const Format& format) { return format.separator() == Separator::kComma ? "," : " "; },
          "' ', or ',' for files whose header was separated by commas.")
      .def_property_readonly("leading_time", &Format::leading_time,
                             "Whether a time stands before the values, as in CloudWatch exports. It is no field.")
      // Predicates
      .def(
          "__contains__",
          [](const Format& format, const py::object& name) {
            return py::isinstance<py::str>(name) && format.IndexOf(TextArgument(name).text()) >= 0;
          },
          py::arg("name"))
      // Operators
      .def("__len__", &Format::size)
      .def(
          "__eq__",
          [](const Format& format, const py::object& other) -> py::object {
            if (!py::isinstance<Format>(other)) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
            return py::bool_(format == other.cast<const Format&>());
          },
          py::arg("other"))
      .def(
          "__hash__",
          [](const Format& format) { return py::hash(py::make_tuple(ToStr(HeaderOf(format)), format.leading_time())); })
      .def("__iter__", [](const Format& format) { return py::iter(FieldNames(format)); })
      // Not py::pickle(): its __getstate__ alone makes protocols 0 and 1 abort the process.
      .def("__reduce__", [remake = py::object(m.attr("_format"))](const Format& format) {
        return py::make_tuple(remake, py::make_tuple(py::bytes(HeaderOf(format)), format.separator() == Separator::kComma,
                                                     format.leading_time()));
      })
      // String representation
      .def("__str__", [](const Format& format) { return ToStr(format.ToString()); })
      .def("__repr__", [](const Format& format) { return ToStr(Repr(format)); });

  m.def(
      "fields", &Fields,
      "The 72 fields in AWS's documented order, each a dict: name ('pkt-srcaddr'), column ('pkt_srcaddr'), since (the\n"
      "version that brought it), product ('vpc', 'transit-gateway', 'both'), type ('int32', 'int64', 'text'), unit\n"
      "('' if none), meaning.");

  // For the reports of the package.
  m.def(
      "_word",
      [](const std::string& name, int64_t number) -> py::object {
        const std::optional<Field> field = FindField(name);
        if (!field) throw py::key_error(name);
        const std::string word =
            *field == Field::kTcpFlags ? TcpFlagsName(number) : std::string(WordOf(*field, number));
        return word.empty() ? py::object(py::none()) : ToStr(word);
      },
      py::arg("field"), py::arg("number"));
  m.def(
      "_service", [](int64_t port, int64_t protocol) { return ToStr(ServiceName(port, protocol)); }, py::arg("port"),
      py::arg("protocol"));
  m.def(
      "_scope",
      [](const std::string& address) -> py::object {
        const std::optional<IpAddress> parsed = IpAddress::Parse(address);
        if (!parsed) return py::none();
        switch (ScopeOf(*parsed)) {
          case AddressScope::kPrivate:
            return py::str("private");
          case AddressScope::kMulticast:
            return py::str("multicast");
          case AddressScope::kPublic:
            return py::str("public");
          case AddressScope::kNone:
            break;
        }
        return py::none();
      },
      py::arg("address"));
}

}  // namespace flowlogs::python
