// Table and Stats.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>

#include "bindings/python/bindings.h"

namespace flowlogs::python {
namespace {

// ---- Stats ----------------------------------------------------------------------------------------------------------

template <typename Map>
py::dict ToCounts(const Map& counts) {
  py::dict dict;
  for (const auto& [key, count] : counts) dict[ToStr(key)] = count;
  return dict;
}

py::list FormatsOf(const Stats& stats) {
  py::list list;
  for (const Stats::FormatCount& format : stats.formats) {
    py::dict dict;
    dict["fields"] = ToStrList(format.fields);
    dict["records"] = format.records;
    list.append(dict);
  }
  return list;
}

py::list ErrorsOf(const Stats& stats) {
  py::list list;
  for (const Stats::InputError& error : stats.errors) {
    py::dict dict;
    dict["source"] = ToStr(error.source);
    dict["offset"] = error.offset;
    dict["message"] = ToStr(error.message);
    list.append(dict);
  }
  return list;
}

py::list SamplesOf(const Stats& stats) {
  py::list list;
  for (const Stats::Sample& sample : stats.samples) {
    py::dict dict;
    dict["source"] = ToStr(sample.source);
    dict["line"] = sample.line;
    dict["reason"] = ToStr(sample.reason);
    dict["text"] = ToStr(sample.text);
    list.append(dict);
  }
  return list;
}

std::string Repr(const Stats& stats) {
  auto number = [](const char* name, uint64_t value) { return std::string(name) + "=" + std::to_string(value); };
  std::string text = "<flowlogs.Stats " + number("lines", stats.lines) + " " + number("records", stats.records) + " " +
                     number("headers", stats.headers) + " " + number("blank", stats.blank) + " " +
                     number("problems", stats.problem_count());
  if (stats.bad_value_count() > 0) text += " " + number("bad_values", stats.bad_value_count());
  if (!stats.errors.empty()) text += " " + number("errors", stats.errors.size());
  return text + (stats.complete ? ">" : " incomplete>");
}

// ---- Cells ----------------------------------------------------------------------------------------------------------

py::object Cell(const Column& column, size_t row) {
  if (column.is_null(row)) return py::none();
  switch (column.type()) {
    case ColumnType::kInt32:
    case ColumnType::kInt64:
      return py::int_(column.int_value(row));
    case ColumnType::kDouble:
      return py::float_(column.double_value(row));
    case ColumnType::kText:
      return ToStr(column.text_value(row));
    case ColumnType::kAddress:
      break;
  }
  return ToStr(column.ToText(row));
}

py::list Keys(const Table& table) {
  py::list keys;
  for (const Column& column : table.columns()) keys.append(ToStr(column.name()));
  return keys;
}

py::dict Row(const Table& table, const py::list& keys, size_t row) {
  py::dict dict;
  size_t i = 0;
  for (const Column& column : table.columns()) dict[keys[i++]] = Cell(column, row);
  return dict;
}

py::list Rows(const Table& table, size_t begin, size_t end, size_t step = 1) {
  const py::list keys = Keys(table);
  py::list rows;
  for (size_t row = begin; row < end; row += step) rows.append(Row(table, keys, row));
  return rows;
}

const Column& FindColumn(const Table& table, const std::string& name) {
  if (const Column* column = table.column(name)) return *column;
  std::string message = "the table has no column '" + name + "', only";
  for (const Column& column : table.columns())
    message += (&column == table.columns().data() ? " " : ", ") + column.name();
  PyErr_SetObject(PyExc_KeyError, ToStr(message).ptr());
  throw py::error_already_set();
}

py::object GetItem(const Table& table, const py::object& index) {
  if (py::isinstance<py::str>(index)) {
    const Column& column = FindColumn(table, std::string(TextArgument(index).text()));
    py::list values(column.size());
    for (size_t row = 0; row < column.size(); ++row) {
      PyList_SET_ITEM(values.ptr(), static_cast<Py_ssize_t>(row), Cell(column, row).release().ptr());
    }
    return values;
  }
  if (py::isinstance<py::slice>(index)) {
    size_t start = 0;
    size_t stop = 0;
    size_t step = 0;
    size_t length = 0;
    if (!index.cast<py::slice>().compute(table.num_rows(), &start, &stop, &step, &length))
      throw py::error_already_set();
    const py::list keys = Keys(table);
    py::list rows;
    for (size_t i = 0; i < length; ++i, start += step) rows.append(Row(table, keys, start));  // a negative step wraps
    return rows;
  }
  if (!PyIndex_Check(index.ptr()))
    throw py::type_error("a Table is indexed by the name of a column, a row number or a slice");
  Py_ssize_t row = PyNumber_AsSsize_t(index.ptr(), PyExc_IndexError);
  if (row == -1 && PyErr_Occurred()) throw py::error_already_set();
  const Py_ssize_t rows = static_cast<Py_ssize_t>(table.num_rows());
  if (row < 0) row += rows;
  if (row < 0 || row >= rows) throw py::index_error("the table has " + std::to_string(rows) + " rows");
  return Row(table, Keys(table), static_cast<size_t>(row));
}

// The first rows, as a table.
Table FirstRows(const Table& table, size_t rows) {
  std::vector<Column> columns;
  for (const Column& column : table.columns()) {
    Column& copy = columns.emplace_back(column.name(), column.type(), column.is_time());
    for (size_t row = 0; row < rows; ++row) copy.AppendFrom(column, row);
  }
  return Table(std::move(columns), {});
}

std::string Repr(const Table& table) {
  constexpr size_t kRows = 20;
  const size_t rows = table.num_rows();
  std::string text = "<flowlogs.Table " + std::to_string(rows) + (rows == 1 ? " row" : " rows") + " x " +
                     std::to_string(table.num_columns()) + (table.num_columns() == 1 ? " column" : " columns") +
                     (table.complete() ? ">" : ", incomplete>");
  if (table.num_columns() == 0) return text;
  text += '\n' + (rows <= kRows ? table.ToText() : FirstRows(table, kRows).ToText());
  while (text.ends_with('\n')) text.pop_back();
  if (rows > kRows) text += "\n... " + std::to_string(rows - kRows) + " more";
  return text;
}

// ---- HTML -----------------------------------------------------------------------------------------------------------

// Content of logs must not become markup.
void AppendHtml(std::string_view text, std::string* out) {
  for (char c : text) {
    switch (c) {
      case '&':
        *out += "&amp;";
        break;
      case '<':
        *out += "&lt;";
        break;
      case '>':
        *out += "&gt;";
        break;
      case '"':
        *out += "&quot;";
        break;
      case '\'':
        *out += "&#39;";
        break;
      default:
        *out += c;
    }
  }
}

// 2021-09-02T21:31:05Z; the number itself far outside of the calendar.
std::string IsoTime(int64_t seconds) {
  if (seconds < 0 || seconds > 253402300799) return std::to_string(seconds);  // the end of year 9999
  using std::chrono::days;
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[32];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::string ToHtml(const Table& table) {
  constexpr size_t kRows = 100;
  auto is_number = [](const Column& c) { return c.type() != ColumnType::kText && c.type() != ColumnType::kAddress; };
  std::string html = "<table class=\"flowlogs\">\n<thead><tr>";
  for (const Column& column : table.columns()) {
    html +=
        is_number(column) && !column.is_time() ? "<th style=\"text-align:right\">" : "<th style=\"text-align:left\">";
    AppendHtml(column.name(), &html);
    html += "</th>";
  }
  html += "</tr></thead>\n<tbody>\n";
  const size_t rows = std::min(table.num_rows(), kRows);
  for (size_t row = 0; row < rows; ++row) {
    html += "<tr>";
    for (const Column& column : table.columns()) {
      html +=
          is_number(column) && !column.is_time() ? "<td style=\"text-align:right\">" : "<td style=\"text-align:left\">";
      if (column.is_null(row)) {
        html += "-";
      } else if (column.is_time()) {
        html += IsoTime(column.int_value(row));
      } else {
        AppendHtml(column.ToText(row), &html);
      }
      html += "</td>";
    }
    html += "</tr>\n";
  }
  html += "</tbody>\n</table>\n<p>" + std::to_string(table.num_rows()) + (table.num_rows() == 1 ? " row" : " rows");
  if (rows < table.num_rows()) html += ", the first " + std::to_string(rows) + " shown";
  if (!table.complete()) html += "; not every input was read to its end";
  return html + "</p>\n";
}

// ---- Rendering ------------------------------------------------------------------------------------------------------

TableFormat FindTableFormat(const std::string& name) {
  constexpr std::pair<const char*, TableFormat> kFormats[] = {{"table", TableFormat::kTable},
                                                              {"csv", TableFormat::kCsv},
                                                              {"tsv", TableFormat::kTsv},
                                                              {"json", TableFormat::kJson},
                                                              {"ndjson", TableFormat::kNdjson}};
  for (const auto& [known, format] : kFormats) {
    if (name == known) return format;
  }
  RaiseArgumentError("'" + name + "' is no format of tables; there are table, csv, tsv, json and ndjson");
}

py::str Render(const Table& table, TableFormat format) {
  return ToStr(WithoutGil([&] { return table.Render(format); }));
}

// The columns as FromRows() takes them.
py::list Kinds(const Table& table) {
  py::list kinds;
  for (const Column& column : table.columns()) {
    const char* kind = column.is_time() ? "time" : "int64";
    if (column.type() == ColumnType::kDouble) kind = "double";
    if (column.type() == ColumnType::kText || column.type() == ColumnType::kAddress) kind = "text";
    kinds.append(py::make_tuple(ToStr(column.name()), kind));
  }
  return kinds;
}

// A table of rows that Python made, for the renderers. types: "int64", "double", "text", "time".
std::shared_ptr<Table> FromRows(const py::list& columns, const py::list& rows) {
  std::vector<Column> made;
  for (py::handle item : columns) {
    const auto [name, type] = item.cast<std::pair<std::string, std::string>>();
    made.emplace_back(name,
                      type == "text"     ? ColumnType::kText
                      : type == "double" ? ColumnType::kDouble
                                         : ColumnType::kInt64,
                      type == "time");
    Column& column = made.back();
    const py::str key = ToStr(name);
    for (py::handle row : rows) {
      const py::object value = py::reinterpret_borrow<py::dict>(row)[key];
      if (value.is_none()) {
        column.AppendNull();
      } else if (column.type() == ColumnType::kText) {
        column.AppendText(TextArgument(value).text());
      } else if (column.type() == ColumnType::kDouble) {
        column.AppendDouble(value.cast<double>());
      } else {
        column.AppendInt(value.cast<int64_t>());
      }
    }
  }
  return std::make_shared<Table>(std::move(made), Stats{});
}

}  // namespace

py::dict StatsToDict(const Stats& stats) {
  py::dict dict;
  dict["bytes"] = stats.bytes;
  dict["lines"] = stats.lines;
  dict["records"] = stats.records;
  dict["headers"] = stats.headers;
  dict["blank"] = stats.blank;
  dict["problems"] = ToCounts(stats.problems);
  dict["bad_values"] = ToCounts(stats.bad_values);
  dict["nodata"] = stats.nodata;
  dict["skipdata"] = stats.skipdata;
  dict["skipped"] = stats.skipped;
  dict["formats"] = FormatsOf(stats);
  dict["new_fields"] = ToStrList(stats.new_fields);
  dict["inputs"] = stats.inputs;
  dict["errors"] = ErrorsOf(stats);
  dict["complete"] = stats.complete;
  dict["samples"] = SamplesOf(stats);
  return dict;
}

void BindTable(py::module_& m) {
  py::class_<Stats, std::shared_ptr<Stats>>(m, "Stats",
                                            "What a run saw. lines == records + headers + blank + "
                                            "sum(problems.values()), whatever the query and the threads.")
      // Properties
      .def_readonly("bytes", &Stats::bytes, "Bytes of text, inflated, line ends included.")
      .def_readonly("lines", &Stats::lines, "Lines in all.")
      .def_readonly("records", &Stats::records, "Lines that are records, NODATA and SKIPDATA too.")
      .def_readonly("headers", &Stats::headers, "Lines that are headers.")
      .def_readonly("blank", &Stats::blank, "Lines of nothing but blanks.")
      .def_property_readonly(
          "problems", [](const Stats& s) { return ToCounts(s.problems); },
          "Lines that are no record, counted by reason: {'too-few-values': 1}.")
      .def_property_readonly(
          "bad_values", [](const Stats& s) { return ToCounts(s.bad_values); },
          "Values that are not of their field's type, counted by column, among those that were decoded;\n"
          "complete only from check().")
      .def_readonly("nodata", &Stats::nodata, "Records of log-status NODATA.")
      .def_readonly("skipdata", &Stats::skipdata, "Records of log-status SKIPDATA.")
      .def_readonly("skipped", &Stats::skipped, "Control messages of envelopes.")
      .def_property_readonly("formats", &FormatsOf,
                             "The formats in order of appearance: [{'fields': ['version', ...], 'records': n}].")
      .def_property_readonly(
          "new_fields", [](const Stats& s) { return ToStrList(s.new_fields); },
          "Columns that no input's first format has.")
      .def_readonly("inputs", &Stats::inputs, "Inputs read.")
      .def_property_readonly("errors", &ErrorsOf,
                             "Inputs not read to their end: [{'source', 'offset' (bytes as stored), 'message'}].")
      .def_readonly("complete", &Stats::complete,
                    "False after damage, and when head() or the caller stopped the reading early.")
      .def_property_readonly("_seen_twice",
                             [](const Stats& s) -> py::object {
                               return s.seen_twice ? py::object(py::float_(*s.seen_twice)) : py::none();
                             })
      .def_property_readonly("samples", &SamplesOf,
                             "The first 100 problems and bad values: [{'source', 'line', 'reason', 'text'}].")
      // Operations
      .def("to_dict", &StatsToDict, "All of it as a dict, ready for JSON.")
      .def(
          "to_json", [](const Stats& s) { return ToStr(s.ToJson()); }, "The same as JSON, on one line.")
      // String representation
      .def("__repr__", [](const Stats& s) { return ToStr(Repr(s)); });

  py::class_<Table, std::shared_ptr<Table>>(
      m, "Table",
      "The answer of a query: named columns of equal length. Immutable.\n\n"
      "len(t) is the number of rows; t['bytes'] a column as a list, t[0] a row as a dict, t[2:5] a list of rows; "
      "iterating\n"
      "gives rows. Values are int, float, str or None; times are seconds since 1970 UTC.")
      // Properties
      .def_property_readonly("columns", &Keys, "The names of the columns, in order.")
      .def_property_readonly(
          "types",
          [](const Table& t) {
            py::dict types;
            for (const Column& column : t.columns()) types[ToStr(column.name())] = ToStr(column.type_name());
            return types;
          },
          "The types of the columns by name: 'int32', 'int64', 'double' or 'text'.")
      .def_property_readonly(
          "stats", [](const Table& t) { return std::make_shared<Stats>(t.stats()); },
          "The Stats of the run that made the table.")
      .def_property_readonly("complete", &Table::complete,
                             "Whether everything was read; see Stats.complete and Stats.errors.")
      // Operations
      .def(
          "to_dicts", [](const Table& t) { return Rows(t, 0, t.num_rows()); }, "The rows, each a dict.")
      .def(
          "render", [](const Table& t, const std::string& format) { return Render(t, FindTableFormat(format)); },
          py::arg("format"), "The table as text: 'table', 'csv', 'tsv', 'json' or 'ndjson'.")
      .def(
          "to_text", [](const Table& t) { return Render(t, TableFormat::kTable); },
          "Aligned columns for people: ISO 8601 times, '-' for null. Control characters are escaped.")
      .def(
          "to_json", [](const Table& t) { return Render(t, TableFormat::kJson); },
          "An array of objects; times are integers, null is null.")
      .def(
          "to_csv", [](const Table& t) { return Render(t, TableFormat::kCsv); },
          "RFC 4180 with a header; null is empty. Cells that a spreadsheet would run are made inert with a leading '.")
      .def(
          "_render_header",
          [](const Table& t, const std::string& format) { return ToStr(t.RenderHeader(FindTableFormat(format))); },
          py::arg("format"))
      .def(
          "_render_rows",
          [](const Table& t, const std::string& format) {
            const TableFormat found = FindTableFormat(format);
            return ToStr(WithoutGil([&] { return t.RenderRows(found); }));
          },
          py::arg("format"))
      .def_property_readonly("_kinds", &Kinds)
      .def_static("_from_rows", &FromRows, py::arg("columns"), py::arg("rows"))
      // Operators
      .def("__len__", &Table::num_rows)
      .def("__getitem__", &GetItem, py::arg("index"))
      .def("__iter__", [](const Table& t) { return py::iter(Rows(t, 0, t.num_rows())); })
      // String representation
      .def("__str__",
           [](const Table& t) {
             std::string text = t.ToText();
             while (text.ends_with('\n')) text.pop_back();
             return ToStr(text);
           })
      .def("__repr__", [](const Table& t) { return ToStr(Repr(t)); })
      .def("_repr_html_", [](const Table& t) { return ToStr(ToHtml(t)); });
}

}  // namespace flowlogs::python
