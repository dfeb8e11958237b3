// EnrichmentTable: flowlogs/enrichment.py makes them of files.
#include <pybind11/stl.h>

#include "bindings/python/bindings.h"

#include "flowlogs/query/enrichment.h"

namespace flowlogs::python {
namespace {

// Rows are dicts of texts; entries (key, number of a row, since or None).
EnrichmentTable MakeTable(const py::iterable& rows, const py::iterable& entries, std::vector<std::string> fields) {
  EnrichmentTable::Builder builder;
  std::vector<size_t> numbers;
  for (py::handle row : rows) {
    EnrichmentTable::Values values;
    for (const auto& [name, value] : py::reinterpret_borrow<py::dict>(row)) {
      values.emplace_back(name.cast<std::string>(), value.cast<std::string>());
    }
    numbers.push_back(builder.AddRow(values));
  }
  for (py::handle each : entries) {
    const py::tuple entry = py::reinterpret_borrow<py::tuple>(each);
    const TextArgument key(entry[0]);
    const size_t row = numbers.at(entry[1].cast<size_t>());
    const auto since = entry[2].cast<std::optional<int64_t>>();
    if (!fields.empty()) {
      builder.AddText(key.text(), row, since);
    } else if (absl::Status status = builder.AddPrefix(key.text(), row, since); !status.ok()) {
      RaiseArgumentError(std::string(status.message()));
    }
  }
  return builder.Build(std::move(fields));
}

EnrichmentTable ReadMmdb(const std::string& path, const std::string& name) {
  absl::StatusOr<EnrichmentTable> table = WithoutGil([&] { return EnrichmentTable::ReadMmdb(path, name); });
  if (!table.ok()) RaiseArgumentError(std::string(table.status().message()));
  return *std::move(table);
}

py::object FindIn(const EnrichmentTable& table, const std::string& key, const std::string& column,
                  std::optional<int64_t> start) {
  const std::optional<IpAddress> address = table.is_by_address() ? IpAddress::Parse(key) : std::nullopt;
  if (table.is_by_address() && !address) return py::none();
  const std::string_view found = address ? table.Find(*address, column, start) : table.Find(key, column, start);
  return found.data() == nullptr ? py::object(py::none()) : py::object(ToStr(found));
}

}  // namespace

void BindEnrichment(py::module_& m) {
  py::class_<EnrichmentTable>(m, "EnrichmentTable",
                              "Columns behind addresses or ids; immutable. scan(enrich=...) takes it.")
      .def_property_readonly("columns", &EnrichmentTable::columns, "The names of its columns, sorted.")
      .def_property_readonly("fields", &EnrichmentTable::fields, "The fields whose text it is by; none: by addresses.")
      .def("__len__", &EnrichmentTable::size)
      .def("find", &FindIn, py::arg("key"), py::arg("column"), py::arg("start") = py::none(),
           "The value for an address or a text, for a record that starts then; None if there is none.");
  m.def("_enrichment_table", &MakeTable, py::arg("rows"), py::arg("entries"), py::kw_only(), py::arg("fields"));
  m.def("_read_mmdb", &ReadMmdb, py::arg("path"), py::arg("name"));
}

}  // namespace flowlogs::python
