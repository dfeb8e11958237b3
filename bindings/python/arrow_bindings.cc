// The Arrow PyCapsule interface: __arrow_c_stream__ and __arrow_c_schema__, which DuckDB, polars, pyarrow, pandas and
// others read without a copy through Python; and the methods of Table and Query that lead to flowlogs/frames.py.
//
// A stream is read and released by its consumer: in any thread, with or without the GIL, perhaps after the interpreter
// has ended. So nothing in it is a Python object, and every read is a ForeignCall().
#include <exception>

#include "bindings/python/bindings.h"
#include "flowlogs/query/arrow.h"

namespace flowlogs::python {
namespace {

// ---- Runs behind streams --------------------------------------------------------------------------------------------

class ForeignStream final : public TableStream {
 public:
  explicit ForeignStream(std::unique_ptr<TableStream> stream) : stream_(std::move(stream)) {}
  ~ForeignStream() override {
    std::optional<GilRelease> release;
    if (IsPythonThread() && HasGil()) release.emplace();
    stream_.reset();  // joins threads
  }
  absl::StatusOr<Table> Next() override {
    return ForeignCall([&] { return stream_->Next(); });
  }
  const Stats& stats() const override { return stream_->stats(); }
  std::vector<Column> Schema() const override { return stream_->Schema(); }
  bool MakesBatches(const ArrowOptions& options) override { return stream_->MakesBatches(options); }
  absl::Status NextBatch(ArrowArray* out) override {
    return ForeignCall([&] { return stream_->NextBatch(out); });
  }

 private:
  std::unique_ptr<TableStream> stream_;
};

// ---- Capsules -------------------------------------------------------------------------------------------------------

template <typename T>
constexpr const char* kCapsuleName = nullptr;
template <>
constexpr const char* kCapsuleName<ArrowSchema> = "arrow_schema";
template <>
constexpr const char* kCapsuleName<ArrowArrayStream> = "arrow_array_stream";

// Takes ownership of the struct; releases it in the end unless a consumer has moved it out.
template <typename T>
py::object ToCapsule(std::unique_ptr<T> value) {
  PyObject* capsule = PyCapsule_New(value.get(), kCapsuleName<T>, [](PyObject* object) {
    T* const owned = static_cast<T*>(PyCapsule_GetPointer(object, kCapsuleName<T>));
    if (owned == nullptr) return PyErr_WriteUnraisable(object);
    if (owned->release != nullptr) owned->release(owned);
    delete owned;
  });
  if (capsule == nullptr) {
    if (value->release != nullptr) value->release(value.get());
    throw py::error_already_set();
  }
  value.release();
  return py::reinterpret_steal<py::object>(capsule);
}

ArrowOptions ToOptions(const py::object& requested_schema, bool times) {
  ArrowOptions options;
  options.times = times;
  if (requested_schema.is_none()) return options;
  if (PyCapsule_IsValid(requested_schema.ptr(), kCapsuleName<ArrowSchema>) == 0) {
    throw py::type_error("requested_schema is a capsule \"arrow_schema\", as __arrow_c_schema__() gives it, or None");
  }
  options.requested =
      static_cast<const ArrowSchema*>(PyCapsule_GetPointer(requested_schema.ptr(), kCapsuleName<ArrowSchema>));
  if (options.requested->release == nullptr) options.requested = nullptr;  // taken by somebody: says nothing any more
  return options;
}

// ---- NumPy ----------------------------------------------------------------------------------------------------------

// Of a column of numbers: (values as bytes, whether each is null as bytes or None), both in the machine's byte order
// and writable, for numpy.frombuffer(). Of texts: None.
py::object Values(const Table& table, size_t place) {
  if (place >= table.num_columns()) throw py::index_error("no such column");
  const Column& column = table.columns()[place];
  const size_t rows = column.size();
  auto bytearray = [](const auto& values) {
    return py::bytearray(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
  };
  py::object values;
  if (column.type() == ColumnType::kInt32) {
    std::vector<int32_t> copy(rows);
    for (size_t row = 0; row < rows; ++row) copy[row] = static_cast<int32_t>(column.int_value(row));
    values = bytearray(copy);
  } else if (column.type() == ColumnType::kInt64) {
    std::vector<int64_t> copy(rows);
    for (size_t row = 0; row < rows; ++row) copy[row] = column.int_value(row);
    values = bytearray(copy);
  } else if (column.type() == ColumnType::kDouble) {
    std::vector<double> copy(rows);
    for (size_t row = 0; row < rows; ++row) copy[row] = column.double_value(row);
    values = bytearray(copy);
  } else {
    return py::none();
  }
  std::vector<uint8_t> is_null(rows);
  bool any = false;
  for (size_t row = 0; row < rows; ++row) any |= (is_null[row] = column.is_null(row)) != 0;
  return py::make_tuple(values, any ? py::object(bytearray(is_null)) : py::none());
}

// ---- Methods --------------------------------------------------------------------------------------------------------

// Adds method `name` to a class that is defined elsewhere.
template <typename F, typename... Extra>
void AddMethod(py::handle cls, const char* name, F&& f, const Extra&... extra) {
  cls.attr(name) = py::cpp_function(std::forward<F>(f), py::name(name), py::is_method(cls), extra...);
}

// Adds to_arrow() and the like, which flowlogs.frames makes of whatever has __arrow_c_stream__.
void AddFrameMethods(py::handle cls) {
  auto add = [&](const char* name, const char* doc) {
    AddMethod(
        cls, name,
        [name](const py::object& self, bool times) {
          return py::module_::import("flowlogs.frames").attr(name)(self, py::arg("times") = times);
        },
        py::kw_only(), py::arg("times") = false, doc);
  };
  add("to_arrow",
      "The rows as a pyarrow.Table: int32, int64, double and string_view columns; with times=True, times are\n"
      "timestamp[s, UTC] instead of int64.\n\n"
      "Needs pyarrow: pip install 'flowlogs[frames]'.");
  add("to_pandas",
      "The rows as a pandas.DataFrame: Int32 and Int64 columns (pandas' own: a missing value is <NA>, integers stay\n"
      "integers), float64, str; with times=True, times are datetime64[s, UTC].\n\n"
      "Needs pandas and pyarrow: pip install 'flowlogs[frames]'.");
  add("to_polars",
      "The rows as a polars.DataFrame: Int32, Int64, Float64 and String columns; with times=True, times are\n"
      "Datetime(time_zone='UTC').\n\n"
      "Needs polars: pip install 'flowlogs[frames]'.");
  add("to_numpy",
      "The columns as a dict of NumPy arrays by name: int32 or int64, as a numpy.ma.MaskedArray where values\n"
      "are missing (its sum(), mean() and so on leave them out); float64 with NaN; texts as objects, str or None;\n"
      "with times=True, times as datetime64[s] (UTC) with NaT.\n\n"
      "Needs numpy: pip install 'flowlogs[frames]'.");
}

}  // namespace

py::object ToArrowSchema(std::span<const Column> columns, bool times) {
  auto schema = std::make_unique<ArrowSchema>();
  ExportSchema(columns, {.times = times}, schema.get());
  return ToCapsule(std::move(schema));
}

py::object ToArrowStream(std::shared_ptr<const Table> table, const py::object& requested_schema, bool times) {
  const ArrowOptions options = ToOptions(requested_schema, times);
  auto stream = std::make_unique<ArrowArrayStream>();
  ExportStream(std::move(table), options, stream.get());
  return ToCapsule(std::move(stream));
}

py::object ToArrowStream(std::unique_ptr<TableStream> rows, bool fail_if_damaged, const py::object& requested_schema,
                         bool times) {
  ArrowOptions options = ToOptions(requested_schema, times);
  options.fail_if_damaged = fail_if_damaged;
  auto stream = std::make_unique<ArrowArrayStream>();
  ExportStream(std::make_unique<ForeignStream>(std::move(rows)), options, stream.get());
  return ToCapsule(std::move(stream));
}

void BindArrow(py::module_& m) {
  const py::object table = m.attr("Table");
  AddMethod(
      table, "__arrow_c_schema__", [](const Table& t, bool times) { return ToArrowSchema(t.columns(), times); },
      py::kw_only(), py::arg("times") = false, "The types of the columns, as an Arrow schema in a capsule.");
  AddMethod(
      table, "__arrow_c_stream__",
      [](const std::shared_ptr<Table>& t, const py::object& requested_schema, bool times) {
        return ToArrowStream(t, requested_schema, times);
      },
      py::arg("requested_schema") = py::none(), py::kw_only(), py::arg("times") = false,
      "The rows as an Arrow stream in a capsule, a new one on each call: duckdb.sql('from t'), polars.DataFrame(t),\n"
      "pyarrow.table(t) and pandas.DataFrame.from_arrow(t) read it.\n\n"
      "Columns are int32, int64, double and utf8_view, or utf8 where the requested schema says so. Times are int64,\n"
      "or timestamp[s, UTC] with times=True or where the requested schema has a timestamp.");
  AddMethod(table, "_values", &Values, py::arg("place"));
  AddFrameMethods(table);
  AddFrameMethods(m.attr("Query"));
}

}  // namespace flowlogs::python
