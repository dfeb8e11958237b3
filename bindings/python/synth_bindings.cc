// Writing: Format.write(), and the generator.
//
// THE GIL is released while a block is made. A generator serves one thread at a time (a Turn).
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/python/bindings.h"
#include "bindings/python/owned_record.h"

#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"
#include "flowlogs/schema/value.h"
#include "flowlogs/schema/writer.h"
#include "flowlogs/synth/generator.h"

namespace flowlogs::python {
namespace {

// ---- Format.write() -------------------------------------------------------------------------------------------------

// How much of a wrong value a message shows.
std::string Shown(std::string_view text) { return "'" + std::string(text.substr(0, 200)) + "'"; }

// The value of a column that a caller gave. Faults that LineWriter does not see are raised here.
void WriteValue(const FormatColumn& column, py::handle value, LineWriter* line) {
  const ValueType type = column.type();
  const bool is_integer = type == ValueType::kInt32 || type == ValueType::kInt64 || type == ValueType::kTime;
  if (value.is_none()) return line->Missing();
  if (PyLong_Check(value.ptr()) && !PyBool_Check(value.ptr())) {
    if (!is_integer) {
      throw py::type_error(column.name + ": a str is needed, not an int" +
                           (column.field ? "; leading zeros of an int would be lost" : ""));
    }
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow != 0)
      RaiseArgumentError(column.name + ": over the range of int64, " + Shown(std::string(py::str(value))));
    return line->Integer(number);
  }
  if (!PyUnicode_Check(value.ptr())) {
    throw py::type_error(column.name + ": a value is a str, an int or None, not " +
                         std::string(py::str(py::type::handle_of(value).attr("__name__"))));
  }
  const TextArgument argument(py::reinterpret_borrow<py::object>(value));
  const std::string_view text = argument.text();
  if (type == ValueType::kTag) return line->Tag(text);
  if (IsMissing(text)) return line->Missing();
  if (type == ValueType::kAddress) {
    const std::optional<IpAddress> address = IpAddress::Parse(text);
    if (!address) RaiseArgumentError(column.name + ": not an IPv4 or IPv6 address, " + Shown(text));
    return line->Address(*address);
  }
  if (is_integer && StateOf(type, text) == ValueState::kBad) {
    RaiseArgumentError(column.name + ": not a number of its range, " + Shown(text));
  }
  line->Text(text);
}

py::str WriteMapping(const Format& format, const py::object& mapping) {
  std::vector<py::object> values(format.size(), py::none());
  std::vector<bool> given(format.size(), false);
  for (const py::handle& key : mapping.attr("keys")()) {
    if (!PyUnicode_Check(key.ptr())) throw py::type_error("write: the keys are names of fields, each a str");
    const TextArgument name(py::reinterpret_borrow<py::object>(key));
    const int column = format.IndexOf(name.text());
    if (column < 0) {
      if (FindField(name.text())) continue;  // of another format
      const std::string_view nearest = NearestFieldName(name.text());
      RaiseArgumentError("write: " + Shown(name.text()) + " is no field" +
                         (nearest.empty() ? "" : "; did you mean " + std::string(nearest) + "?"));
    }
    const size_t place = static_cast<size_t>(column);
    if (given[place]) RaiseArgumentError("write: " + format.columns()[place].name + " is given twice");
    given[place] = true;
    values[place] = mapping.attr("__getitem__")(key);
  }
  std::string out;
  LineWriter line(format, &out);
  for (size_t i = 0; i < format.size(); ++i) WriteValue(format.columns()[i], values[i], &line);
  std::string error;
  if (!line.Finish(&error)) RaiseArgumentError(error);
  return ToStr(out);
}

py::str Write(const Format& format, const py::object& values) {
  const OwnedRecord* const owned = OwnedRecord::Of(values);
  if (owned == nullptr) {
    if (!py::hasattr(values, "keys")) {
      throw py::type_error("write() takes a Record or a mapping from names of fields to values, not " +
                           std::string(py::str(py::type::handle_of(values).attr("__name__"))));
    }
    return WriteMapping(format, values);
  }
  // With a line end of its own, so that a carriage return of the last value stays.
  const std::string whole = std::string(owned->line()) + "\r\n";
  Record record;
  if (ParseRecord(std::string_view(whole), owned->format(), &record) != ParseError::kOk)
    RaiseArgumentError("write: not a record");
  std::string out;
  std::string error;
  if (!format.Write(record, &out, &error)) RaiseArgumentError(error);
  return ToStr(out);
}

// ---- The generator --------------------------------------------------------------------------------------------------

class PyGenerator {
 public:
  explicit PyGenerator(Generator generator) : generator_(std::move(generator)) {}
  const Format& format() const { return generator_.format(); }
  std::string truth() const { return generator_.truth(); }
  py::bytes Next() {
    const Turn turn(taken_, "the generator");
    std::string_view block;
    if (!WithoutGil([&] { return generator_.Next(&block); })) throw py::stop_iteration();
    return py::bytes(block.data(), block.size());
  }

 private:
  Generator generator_;
  std::atomic<bool> taken_{false};
};

template <typename T>
T CheckedNumber(const char* name, const py::int_& value) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (overflow != 0 || number < 0 || static_cast<unsigned long long>(number) > std::numeric_limits<T>::max()) {
    RaiseArgumentError("generate: " + std::string(name) + ": " + std::string(py::str(value)) + " is out of range");
  }
  return static_cast<T>(number);
}

std::unique_ptr<PyGenerator> MakeGenerator(const py::int_& records, const py::int_& seed, const py::object& format,
                                           const py::int_& start, const py::int_& hosts, bool header,
                                           const std::string& scenario, const py::int_& days) {
  GeneratorOptions options;
  options.records = CheckedNumber<uint64_t>("records", records);
  options.seed = CheckedNumber<uint64_t>("seed", seed);
  options.start_seconds = CheckedNumber<int64_t>("start", start);
  options.hosts = CheckedNumber<uint32_t>("hosts", hosts);
  options.header = header;
  options.days = CheckedNumber<uint32_t>("days", days);
  const absl::StatusOr<Scenario> named_scenario = ScenarioOf(scenario);
  if (!named_scenario.ok()) {
    const absl::string_view message = named_scenario.status().message();
    RaiseArgumentError("generate: " + std::string(message.data(), message.size()));
  }
  options.scenario = *named_scenario;
  if (py::isinstance<py::str>(format)) {
    absl::StatusOr<Format> named = GeneratorFormat(TextArgument(format).text());
    if (!named.ok()) {
      const absl::string_view message = named.status().message();
      RaiseFormatError({message.data(), message.size()});
    }
    options.format = *std::move(named);
  } else if (std::optional<Format> given = ToFormat(format)) {
    options.format = *std::move(given);
  }
  absl::StatusOr<Generator> generator = WithoutGil([&] { return Generator::Create(std::move(options)); });
  if (!generator.ok()) {
    const absl::string_view message = generator.status().message();
    RaiseArgumentError("generate: " + std::string(message.data(), message.size()));
  }
  return std::make_unique<PyGenerator>(*std::move(generator));
}

}  // namespace

void BindSynth(py::module_& m) {
  // Format has its methods from BindFormat(); this one needs Record, which comes after it.
  auto format = py::reinterpret_borrow<py::class_<Format>>(m.attr("Format"));
  format.def(
      "write", &Write, py::arg("values"),
      "A line of this format, without a line end, from a Record of any format or from a mapping.\n\n"
      "Values go by name; what is missing there is '-'. A mapping has str, int or None by names of fields, with\n"
      "hyphens or underscores, as Record.to_dict() gives: tags decoded, times in seconds; fields that the format "
      "lacks\n"
      "are left out. What is written reads back as the same values.\n\n"
      "Raises ArgumentError, naming the field, for a text with a blank or a line end in it (tags are encoded), an\n"
      "empty text, an int out of range, a key that is no field; and for a line that would be read as a header.");

  py::class_<PyGenerator>(m, "_Generator", "Makes a log, block by block (bytes of whole lines). One thread at a time.")
      .def(py::init(&MakeGenerator), py::kw_only(), py::arg("records"), py::arg("seed"), py::arg("format"),
           py::arg("start"), py::arg("hosts"), py::arg("header"), py::arg("scenario") = "", py::arg("days") = 0)
      .def_property_readonly("format", &PyGenerator::format, "The Format of the lines.")
      .def_property_readonly("truth", &PyGenerator::truth, "JSON: what was planted in the scenario; '' without one.")
      .def("__iter__", [](py::object self) { return self; })
      .def("__next__", &PyGenerator::Next);
}

}  // namespace flowlogs::python
