// Query, its runs and iterators, scan() and collect_all().
#include <algorithm>
#include <limits>
#include <memory>

#include "bindings/python/arrow_source.h"
#include "bindings/python/bindings.h"
#include "bindings/python/insight_bindings.h"
#include "bindings/python/owned_record.h"
#include "flowlogs/io/source.h"
#include "flowlogs/query/query.h"
#include "lib/parse/line_index.h"
#include "lib/query/expression.h"

namespace flowlogs::python {
namespace {

// What the queries of one scan() share.
struct ScanInfo {
  bool skip_damage = false;          // on_error="skip"
  std::vector<std::string> sources;  // names, for errors
};

// A plan, and what Python wants to know of it. Immutable.
class PyQuery {
 public:
  PyQuery(Query query, std::shared_ptr<const ScanInfo> scan) : query(query), records(query), scan(std::move(scan)) {}

  // This plan with one more step. Raises what is wrong with it at once; `expression`, if the step has but one.
  PyQuery With(Query next, const std::string& step, std::string_view expression = {}) const {
    if (!next.status().ok()) RaiseStatus(next.status(), {}, expression);
    PyQuery result = *this;
    result.query = std::move(next);
    result.steps += step;
    return result;
  }

  Query query;
  Query records;      // the scan and its filters alone
  bool has_groups = false;
  bool has_select = false;
  bool has_sort = false;
  bool has_head = false;
  std::string steps;  // as they would be written, for repr()
  std::vector<std::string> filters;
  std::shared_ptr<const ScanInfo> scan;
};

// ---- Arguments ------------------------------------------------------------------------------------------------------

std::string Quoted(std::string_view text) { return std::string(py::repr(ToStr(text))); }

std::string ToExpression(py::handle text, const char* method) {
  if (!py::isinstance<py::str>(text)) {
    throw py::type_error(std::string(method) + "() takes each expression as a str, not " +
                         std::string(py::str(py::type::handle_of(text).attr("__name__"))));
  }
  return std::string(TextArgument(py::reinterpret_borrow<py::object>(text)).text());
}

// Positional expressions, then name=expression; `step` becomes the call as it would be written.
std::vector<NamedExpression> ToExpressions(const py::args& texts, const py::kwargs& named, const char* method,
                                           std::string* step) {
  std::vector<NamedExpression> expressions;
  *step = std::string(".") + method + "(";
  for (py::handle text : texts) {
    expressions.emplace_back(ToExpression(text, method));
    *step += (expressions.size() > 1 ? ", " : "") + Quoted(expressions.back().text);
  }
  for (const auto& [name, text] : named) {
    expressions.emplace_back(ToExpression(name, method), ToExpression(text, method));
    *step += (expressions.size() > 1 ? ", " : "") + expressions.back().name + "=" + Quoted(expressions.back().text);
  }
  *step += ")";
  if (expressions.empty()) throw py::type_error(std::string(method) + "() needs at least one expression");
  return expressions;
}

// The content of a buffer as a source; keeps the buffer exported while any plan or run reads it.
Source ToBytesSource(py::handle object, const std::string& name) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object.ptr(), view.get(), PyBUF_SIMPLE) != 0) throw py::error_already_set();
  const std::string_view content(static_cast<const char*>(view->buf), static_cast<size_t>(view->len));
  std::shared_ptr<const void> owner(static_cast<const void*>(view.release()), [](const void* released) {
    LetGo(const_cast<void*>(released), [](void* owned) {
      auto* const buffer = static_cast<Py_buffer*>(owned);
      PyBuffer_Release(buffer);
      delete buffer;
    });
  });
  return Source::Bytes(content, std::move(owner), name);
}

std::map<std::string, std::vector<std::string>> ToSets(const py::dict& sets) {
  std::map<std::string, std::vector<std::string>> result;
  for (const auto& [name, values] : sets) {
    std::vector<std::string>& set = result[ToExpression(name, "scan")];
    for (py::handle value : values) set.push_back(std::string(py::str(value)));
  }
  return result;
}

OnError ToOnError(const std::string& on_error) {
  if (on_error == "raise") return OnError::kRaise;
  if (on_error == "report" || on_error == "skip") return OnError::kReport;
  RaiseArgumentError("on_error: '" + on_error + "' is none of report, raise, skip");
}

// "<arrow>" for the first, then "<arrow 2>" and so on.
std::string NumberedName(const char* what, size_t number) {
  return std::string("<") + what + (number == 1 ? ">" : " " + std::to_string(number) + ">");
}

// sources: str, bytes (paths, as os.fspath() gives them), tuples (buffer,), (read method of a file, name) and (remote source,
// name, bytes as stored), and objects with __arrow_c_stream__. The package's scan() brings them about.
PyQuery MakeScan(const py::list& sources, const py::object& format, const py::object& threads,
                 const std::string& on_error, const py::dict& sets, const py::list& internal,
                 const py::iterable& enrich, const py::object& progress, bool mmap, const py::dict& limits) {
  ScanOptions options;
  options.sets = ToSets(sets);
  for (py::handle prefix : internal) options.internal.push_back(std::string(py::str(prefix)));
  for (py::handle table : enrich) options.enrich.push_back(table.cast<const EnrichmentTable&>());
  options.format = ToFormat(format);
  options.on_error = ToOnError(on_error);
  options.mmap = mmap;
  SetRunHooks(progress, &options);
  auto positive = [](const py::object& number, const char* name, size_t most, size_t otherwise) {
    if (number.is_none()) return otherwise;
    if (!py::isinstance<py::int_>(number)) throw py::type_error(std::string(name) + " is an int");
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
    if (overflow != 0 || value < 1 || static_cast<unsigned long long>(value) > most) {
      RaiseArgumentError(std::string(name) + ": " + std::string(py::str(number)) + " is not from 1 to " +
                         std::to_string(most));
    }
    return static_cast<size_t>(value);
  };
  options.threads = static_cast<int>(positive(threads, "threads", 1024, 0));
  auto limit = [&](const char* name, size_t most, auto* value) {
    if (limits.contains(name)) *value = positive(limits[name], name, most, *value);
  };
  constexpr size_t kAny = std::numeric_limits<int64_t>::max();
  limit("max_line_bytes", size_t{1} << 30, &options.max_line_bytes);
  limit("block_bytes", size_t{1} << 30, &options.block_bytes);
  limit("max_inflated_bytes", kAny, &options.max_inflated_bytes);
  limit("max_inflate_ratio", kAny, &options.max_inflate_ratio);
  limit("max_event_bytes", kAny, &options.max_event_bytes);
  limit("max_group_bytes", kAny, &options.max_group_bytes);

  auto info = std::make_shared<ScanInfo>();
  info->skip_damage = on_error == "skip";
  std::vector<Source> made;
  RemoteObjects remote;
  size_t buffers = 0, arrows = 0;
  for (py::handle source : sources) {
    if (py::isinstance<py::tuple>(source) && py::len(source) == 3) {
      const py::tuple parts = py::reinterpret_borrow<py::tuple>(source);
      std::string name(TextArgument(parts[1]).text());
      remote.emplace(name, Hold(parts[0]));
      made.push_back(ToRemoteSource(parts[0], std::move(name), parts[2].cast<uint64_t>()));
    } else if (py::isinstance<py::tuple>(source) && py::len(source) == 2) {
      const py::tuple file = py::reinterpret_borrow<py::tuple>(source);
      made.push_back(ToStreamSource(file[0], std::string(TextArgument(file[1]).text())));
    } else if (py::isinstance<py::tuple>(source)) {
      made.push_back(ToBytesSource(py::reinterpret_borrow<py::tuple>(source)[0], NumberedName("bytes", ++buffers)));
    } else if (IsArrowSource(source)) {
      made.push_back(ToArrowSource(source, NumberedName("arrow", ++arrows)));
    } else {
      PyObject* encoded = nullptr;  // the bytes that the file system knows
      if (PyUnicode_FSConverter(source.ptr(), &encoded) == 0) throw py::error_already_set();
      const py::bytes path = py::reinterpret_steal<py::bytes>(encoded);
      made.emplace_back(std::string(std::string_view(path)));
    }
    info->sources.push_back(made.back().name());
  }
  options.open_parquet = MakeParquetOpener(std::move(remote));
  Query query = Scan(std::move(made), std::move(options));
  if (!query.status().ok()) RaiseStatus(query.status(), info->sources);
  return PyQuery(std::move(query), std::move(info));
}

// ---- Plans ----------------------------------------------------------------------------------------------------------

PyQuery Filter(const PyQuery& q, const py::object& expression) {
  const std::string text = ToExpression(expression, "filter");
  PyQuery result = q.With(q.query.Filter(text), ".filter(" + Quoted(text) + ")", text);
  result.records = q.records.Filter(text);
  result.filters.push_back(text);
  return result;
}

PyQuery GroupBy(const PyQuery& q, const py::args& keys, const py::kwargs& named) {
  std::string step;
  std::vector<NamedExpression> expressions = ToExpressions(keys, named, "group_by", &step);
  PyQuery result = q.With(q.query.GroupBy(std::move(expressions)), step);
  result.has_groups = true;
  return result;
}

PyQuery Aggregate(const PyQuery& q, const py::args& aggregates, const py::kwargs& named) {
  std::string step;
  std::vector<NamedExpression> expressions = ToExpressions(aggregates, named, "agg", &step);
  PyQuery result = q.With(q.query.Aggregate(std::move(expressions)), step);
  result.has_groups = true;
  return result;
}

PyQuery Select(const PyQuery& q, const py::args& columns, const py::kwargs& named) {
  std::string step;
  std::vector<NamedExpression> expressions = ToExpressions(columns, named, "select", &step);
  PyQuery result = q.With(q.query.Select(std::move(expressions)), step);
  result.has_select = true;
  return result;
}

PyQuery Sort(const PyQuery& q, const py::args& columns, bool descending) {
  if (columns.empty()) throw py::type_error("sort() needs at least one column");
  PyQuery result = q;
  for (py::handle column : columns) {
    const std::string name = ToExpression(column, "sort");
    result = result.With(result.query.Sort(name, descending ? Order::kDescending : Order::kAscending),
                         ".sort(" + Quoted(name) + (descending ? ", descending=True)" : ")"));
  }
  result.has_sort = true;
  return result;
}

PyQuery Once(const PyQuery& q) {
  PyQuery result = q.With(q.query.Once(), ".once()");
  result.records = q.records.Once();
  return result;
}

PyQuery Dedup(const PyQuery& q) {
  PyQuery result = q.With(q.query.Dedup(), ".dedup()");
  result.records = q.records.Dedup();
  return result;
}

// The tests of a filter, as [(names of its columns, its name as written, what follows it, whether it is negated)].
py::list TestsOf(const py::object& expression, const py::dict& sets) {
  const std::string text = ToExpression(expression, "filter");
  const std::map<std::string, std::vector<std::string>> known = ToSets(sets);
  py::list tests;
  const absl::StatusOr<Expression> parsed = ParseFilter(text, {0, &known, std::nullopt});
  if (!parsed.ok()) return tests;
  auto add = [&](const Expression& node, const auto& self) -> void {
    if (node.kind == Expression::Kind::kTest) {
      const Test& test = node.test;
      py::list names;
      for (const ColumnRef& column : test.columns) names.append(ToStr(column.name));
      tests.append(py::make_tuple(names, ToStr(text.substr(test.begin, test.name_end - test.begin)),
                                  ToStr(text.substr(test.name_end, test.end - test.name_end)), test.negated));
    }
    for (const Expression& child : node.children) self(child, self);
  };
  add(*parsed, add);
  return tests;
}

PyQuery Having(const PyQuery& q, const py::object& expression) {
  const TextArgument text(expression);
  return q.With(q.query.Having(text.text()), ".having(" + Quoted(text.text()) + ")", text.text());
}

PyQuery Head(const PyQuery& q, int64_t n) {
  if (n < 0) RaiseArgumentError("head: " + std::to_string(n) + " rows; it takes 0 or more");
  PyQuery result = q.With(q.query.Head(static_cast<uint64_t>(n)), ".head(" + std::to_string(n) + ")");
  result.has_head = true;
  return result;
}

// ---- Answers --------------------------------------------------------------------------------------------------------

// CONTRACT P5: damage is an error at the end, unless on_error="skip".
void RaiseIfDamaged(const PyQuery& q, const Stats& stats, const py::object& answer) {
  if (!q.scan->skip_damage && !stats.errors.empty()) RaiseDamage(stats, answer);
}

std::shared_ptr<Table> Collect(const PyQuery& q) {
  absl::StatusOr<Table> collected = WithoutGil([&] { return q.query.Collect(); });
  if (!collected.ok()) RaiseStatus(collected.status(), q.scan->sources);
  auto table = std::make_shared<Table>(*std::move(collected));
  RaiseIfDamaged(q, table->stats(), py::cast(table));
  return table;
}

int64_t Count(const PyQuery& q) {
  if (q.has_groups || q.has_head) return static_cast<int64_t>(Collect(q)->num_rows());
  PyQuery count = q;
  count.query = q.records.Aggregate({{"n", "count()"}});
  return Collect(count)->Int(0, "n").value_or(0);
}

std::shared_ptr<Stats> Check(const PyQuery& q) {
  absl::StatusOr<Stats> stats = WithoutGil([&] { return q.query.Check(); });
  if (!stats.ok()) RaiseStatus(stats.status(), q.scan->sources);
  return std::make_shared<Stats>(*std::move(stats));
}

py::list Columns(const PyQuery& q) {
  absl::StatusOr<std::vector<std::string>> columns = WithoutGil([&] { return q.query.Columns(); });
  if (!columns.ok()) RaiseStatus(columns.status(), q.scan->sources);
  return ToStrList(*columns);
}

// ---- Arrow ----------------------------------------------------------------------------------------------------------

py::object ArrowSchemaOf(const PyQuery& q, bool times) {
  absl::StatusOr<std::vector<Column>> columns = WithoutGil([&] { return q.query.Schema(); });
  if (!columns.ok()) RaiseStatus(columns.status(), q.scan->sources);
  return ToArrowSchema(*columns, times);
}

py::object ArrowStreamOf(const PyQuery& q, const py::object& requested_schema, bool times) {
  if (q.has_groups || q.has_sort) return ToArrowStream(Collect(q), requested_schema, times);
  absl::StatusOr<std::unique_ptr<TableStream>> rows = WithoutGil([&] { return q.query.Stream(); });
  if (!rows.ok()) RaiseStatus(rows.status(), q.scan->sources);
  return ToArrowStream(*std::move(rows), !q.scan->skip_damage, requested_schema, times);
}

py::list CollectEach(const py::iterable& queries, bool raise_damage) {
  std::vector<PyQuery> taken;
  for (py::handle query : queries) {
    if (!py::isinstance<PyQuery>(query)) throw py::type_error("collect_all() takes a list of Query");
    taken.push_back(query.cast<PyQuery>());
  }
  py::list tables;
  if (taken.empty()) return tables;
  std::vector<Query> plans;
  for (const PyQuery& query : taken) plans.push_back(query.query);
  absl::StatusOr<std::vector<Table>> collected = WithoutGil([&] { return CollectAll(plans); });
  if (!collected.ok()) RaiseStatus(collected.status(), taken[0].scan->sources);
  for (Table& table : *collected) tables.append(std::make_shared<Table>(std::move(table)));
  if (raise_damage) RaiseIfDamaged(taken[0], tables[0].cast<const Table&>().stats(), tables);
  return tables;
}

// ---- Iterators ------------------------------------------------------------------------------------------------------

// Frees a run, which joins its threads, with the GIL released.
template <typename T>
struct FreeWithoutGil {
  void operator()(T* run) const {
    if (run == nullptr) return;
    if (Py_IsInitialized() == 0) {
      delete run;
      return;
    }
    const py::gil_scoped_release release;
    delete run;
  }
};
template <typename T>
using RunPointer = std::unique_ptr<T, FreeWithoutGil<T>>;

// Chunks of a record stream, in order: the part that RecordIterator and ChunkIterator have in common.
class ChunkReader {
 public:
  explicit ChunkReader(const PyQuery& q) : query_(q) {
    if (q.has_groups || q.has_select || q.has_sort) {
      RaiseArgumentError(
          "records() gives whole records in input order: without select(), group_by(), agg() and sort()");
    }
    absl::StatusOr<std::unique_ptr<RecordStream>> stream = WithoutGil([&] { return q.query.Records(); });
    if (!stream.ok()) RaiseStatus(stream.status(), q.scan->sources);
    stream_.reset(stream->release());
  }

  // False at the end; damage is raised there, once.
  bool Next(RecordChunk* chunk) {
    if (stream_ == nullptr) return false;
    absl::StatusOr<RecordChunk> next = WithoutGil([&] { return stream_->Next(); });
    if (next.ok() && !next->groups.empty()) {
      *chunk = *std::move(next);
      return true;
    }
    stats_ = std::make_shared<Stats>(stream_->stats());
    stream_.reset();
    if (!next.ok()) RaiseStatus(next.status(), query_.scan->sources);
    RaiseIfDamaged(query_, *stats_, py::none());
    return false;
  }

  // For one thread at a time, as Next().
  std::shared_ptr<Stats> stats() const { return stats_ ? stats_ : std::make_shared<Stats>(stream_->stats()); }

  std::atomic<bool> taken = false;

 private:
  PyQuery query_;
  RunPointer<RecordStream> stream_;  // null after the end
  std::shared_ptr<Stats> stats_;     // after the end
};

class RecordIterator {
 public:
  explicit RecordIterator(const PyQuery& q) : chunks_(q) {}

  py::object Next() {
    const Turn turn(chunks_.taken, "the iterator");
    while (line_ == index_.num_lines()) BeginGroup();
    const RecordChunk::Group& group = chunk_.groups[group_];
    const size_t line = line_++;
    const std::string_view text = index_.line(line);
    const uint64_t number = line < group.line_numbers.size() ? group.line_numbers[line] : 0;
    if (!is_regular_) {
      ParseRecord(text, group.format, &record_);  // succeeds: the engine has found it a record
      return OwnedRecord::Make(shape_, record_, number);
    }
    const uint32_t begin = index_.line_begin(line);
    const uint32_t* const places =
        index_.offsets() + index_.first_separator(line) + (group.format.leading_time() ? 1 : 0);
    return OwnedRecord::Make(shape_, text, number, [&](size_t i) {
      return std::pair(places[static_cast<ptrdiff_t>(i) - 1] + 1 - begin, places[i] - begin);
    });
  }
  std::shared_ptr<Stats> stats() {
    const Turn turn(chunks_.taken, "the iterator");
    return chunks_.stats();
  }

 private:
  // Finds the values of the next group, of this chunk or of the next. Ends the iteration if there is none.
  void BeginGroup() {
    line_ = 0;
    index_.Build({});
    if (++group_ >= chunk_.groups.size()) {
      group_ = 0;
      chunk_ = {};
      if (!chunks_.Next(&chunk_)) throw py::stop_iteration();
    }
    const RecordChunk::Group& group = chunk_.groups[group_];
    if (shape_ == nullptr || !shape_->format.IsSame(group.format) || shape_->source != chunk_.source) {
      shape_ = std::make_shared<const RecordShape>(group.format, chunk_.source);
    }
    index_.Build(group.original);
    // Else there are runs of blanks, tabs, commas or carriage returns (lib/parse/lines.h).
    is_regular_ = !index_.touching() && !index_.control() && group.format.separator() == Separator::kBlank &&
                  index_.AllLinesHave(static_cast<uint32_t>(group.format.values_per_line()));
  }

  ChunkReader chunks_;
  RecordChunk chunk_;
  size_t group_ = 0;
  LineIndex index_;  // of the group's text
  size_t line_ = 0;  // of the group
  bool is_regular_ = false;
  Record record_;
  std::shared_ptr<const RecordShape> shape_;
};

// The records as they stand in the inputs: (Format, bytes of whole lines), for the command's `-o raw`.
class ChunkIterator {
 public:
  explicit ChunkIterator(const PyQuery& q) : chunks_(q) {}
  py::list Next() {
    const Turn turn(chunks_.taken, "the iterator");
    RecordChunk chunk;
    if (!chunks_.Next(&chunk)) throw py::stop_iteration();
    py::list groups;
    for (const RecordChunk::Group& group : chunk.groups) {
      groups.append(py::make_tuple(group.format, py::bytes(group.original)));
    }
    return groups;
  }
  std::shared_ptr<Stats> stats() {
    const Turn turn(chunks_.taken, "the iterator");
    return chunks_.stats();
  }

 private:
  ChunkReader chunks_;
};

// Rows as tables, in bounded memory.
class TableIterator {
 public:
  explicit TableIterator(const PyQuery& q) : query_(q) {
    absl::StatusOr<std::unique_ptr<TableStream>> stream = WithoutGil([&] { return q.query.Stream(); });
    if (!stream.ok()) RaiseStatus(stream.status(), q.scan->sources);
    stream_.reset(stream->release());
  }
  py::object Next() {
    const Turn turn(taken_, "the iterator");
    if (stream_ == nullptr) throw py::stop_iteration();
    absl::StatusOr<Table> next = WithoutGil([&] { return stream_->Next(); });
    // The first table is handed out even when it is empty: it has the columns.
    if (next.ok() && (next->num_rows() > 0 || first_)) {
      first_ = false;
      return py::cast(std::make_shared<Table>(*std::move(next)));
    }
    stats_ = std::make_shared<Stats>(stream_->stats());
    stream_.reset();
    if (!next.ok()) RaiseStatus(next.status(), query_.scan->sources);
    RaiseIfDamaged(query_, *stats_, py::none());
    throw py::stop_iteration();
  }
  std::shared_ptr<Stats> stats() {
    const Turn turn(taken_, "the iterator");
    return stats_ ? stats_ : std::make_shared<Stats>(stream_->stats());
  }

 private:
  PyQuery query_;
  RunPointer<TableStream> stream_;
  std::shared_ptr<Stats> stats_;
  bool first_ = true;
  std::atomic<bool> taken_ = false;
};

// ---- Push -----------------------------------------------------------------------------------------------------------

class PyRun {
 public:
  explicit PyRun(const PyQuery& q) : query_(q) {
    absl::StatusOr<Run> run = q.query.Start();
    if (!run.ok()) RaiseStatus(run.status(), q.scan->sources);
    run_.reset(new Run(*std::move(run)));
  }
  void Feed(const py::object& text) {
    const TextArgument argument(text);
    const Turn turn(taken_, "the run");
    const absl::Status status = WithoutGil([&] { return run_->Feed(argument.text()); });
    if (!status.ok()) RaiseStatus(status, query_.scan->sources);
  }
  std::shared_ptr<Table> Snapshot() {
    const Turn turn(taken_, "the run");
    return ToTable(WithoutGil([&] { return run_->Snapshot(); }));
  }
  std::shared_ptr<Table> Finish() {
    const Turn turn(taken_, "the run");
    std::shared_ptr<Table> table = ToTable(WithoutGil([&] { return run_->Finish(); }));
    RaiseIfDamaged(query_, table->stats(), py::cast(table));
    return table;
  }

 private:
  std::shared_ptr<Table> ToTable(absl::StatusOr<Table> table) {
    if (!table.ok()) RaiseStatus(table.status(), query_.scan->sources);
    return std::make_shared<Table>(*std::move(table));
  }
  PyQuery query_;
  RunPointer<Run> run_;
  std::atomic<bool> taken_ = false;
};

py::object Summary(const py::object& query) {
  return py::module_::import("flowlogs.summary").attr("summarize")(query);
}

std::string Repr(const PyQuery& q) {
  std::string text = "<flowlogs.Query scan(";
  for (size_t i = 0; i < q.scan->sources.size() && i < 3; ++i) text += (i > 0 ? ", " : "") + Quoted(q.scan->sources[i]);
  if (q.scan->sources.size() > 3) text += ", ... " + std::to_string(q.scan->sources.size() - 3) + " more";
  return text + ")" + q.steps + ">";
}

template <typename Iterator>
PyObject* NextOf(PyObject* self) {
  return Guarded([&] {
    auto* const iterator =
        reinterpret_cast<py::detail::instance*>(self)->get_value_and_holder().template value_ptr<Iterator>();
    if (iterator == nullptr) throw py::type_error("an iterator that nothing made");
    return iterator->Next();
  });
}

template <typename Iterator>
void BindIterator(py::module_& m, const char* name, const char* doc) {
  // Slots, not functions: a loop calls them without pybind11 in between.
  const py::custom_type_setup slots([](PyHeapTypeObject* made) {
    made->ht_type.tp_iter = &PyObject_SelfIter;
    made->ht_type.tp_iternext = &NextOf<Iterator>;
  });
  py::class_<Iterator>(m, name, doc, slots)
      .def_property_readonly("stats", &Iterator::stats, "The Stats so far; those of the whole run at its end.");
}

}  // namespace

void BindQuery(py::module_& m) {
  BindIterator<RecordIterator>(
      m, "RecordIterator",
      "The records of a query, in input order, read as they are asked for. Dropping it ends the run.");
  BindIterator<TableIterator>(m, "TableIterator", "The rows of a query as Tables, in input order, in bounded memory.");
  BindIterator<ChunkIterator>(m, "ChunkIterator", "The lines of a query's records: lists of (Format, bytes).");

  py::class_<PyRun>(m, "Run",
                    "A run that the caller feeds: query.start() makes it. For one thread at a time.\n\n"
                    "It reads no sources; the scan's options (format, limits) hold.")
      .def("feed", &PyRun::Feed, py::arg("text"),
           "Takes the next piece of text, bytes or str; lines may go on from piece to piece.\n\n"
           "What wraps records (gzip, JSON, a Lambda event) is not text: scan its bytes, flowlogs.scan(data).\n\n"
           "Raises InputError if the format cannot be told or if it is no text, Error after finish().")
      .def("snapshot", &PyRun::Snapshot, "The Table for the whole lines fed so far; its stats.complete is False.")
      .def("finish", &PyRun::Finish,
           "Takes the unfinished last line as a line and gives the Table.");

  py::class_<PyQuery>(
      m, "Query",
      "A lazy plan: sources, filter, and either groups with aggregates or selected columns. Immutable:\n"
      "every such method gives a new plan. Nothing is read before an answer is asked for: collect(), count(),\n"
      "check(), columns, records(), to_dicts(), to_arrow(), to_pandas(), to_polars(), to_numpy(), summary() and the\n"
      "other verbs. These release the GIL. Ctrl-C ends them within half a second, with KeyboardInterrupt; the plan\n"
      "can then run again. A run's threads end with it: to fork between runs is safe.")
      // Properties
      .def_property_readonly(
          "columns", &Columns,
          "The columns of the inputs, in order of first appearance, as names with underscores: reads the\n"
          "beginning of each of the first 256 inputs. Raises InputError.")
      // Operations
      .def("filter", &Filter, py::arg("expression"),
           "Keeps the records for which the expression is true; several filters must all be true.\n\n"
           "    logs.filter(\"action = 'REJECT' and dstport in (22, 3389)\")\n\n"
           "Raises ExpressionError, with a caret under the place.")
      .def("group_by", &GroupBy,
           "Groups by fields and key expressions: group_by('srcaddr', t='bin(start, 5m)'). Without agg(): count().")
      .def("agg", &Aggregate,
           "Aggregates per group, or over everything: agg('count()', bytes='sum(bytes)', "
           "ports=fl.distinct('dstport')).\n\n"
           "There are count, sum, min, max, mean, distinct. An unnamed one is called by its text: sum_bytes.")
      .def("select", &Select, "The columns of the rows: select('srcaddr', net='prefix(dstaddr, 16)').")
      .def("sort", &Sort, py::kw_only(), py::arg("descending") = false,
           "Sorts by columns of the answer; a further sort() breaks the ties. Nulls are last both ways.")
      .def("having", &Having, py::arg("expression"),
           "Keeps the groups for which the expression is true; its names are those of keys and aggregates.")
      .def("once", &Once,
           "Counts every packet once: of the records of the same packets at several interfaces, the one of the sender's\n"
           "interface, else of the receiver's, else all. The input is read twice.")
      .def("dedup", &Dedup,
           "Drops identical records, as overlapping flow logs write them: of records with the same fields and the same\n"
           "values, the first in input order stays. Those of different formats are not identical. About 45 bytes of memory\n"
           "for each record that stays.")
      .def("head", &Head, py::arg("n"),
           "At most n rows of the answer, wherever head() stands. Rows that are not sorted end the reading early: "
           "stats.complete\n"
           "is then False.")
      .def("collect", &Collect,
           "Runs the plan and gives a Table.\n\n"
           "Raises InputError if a source cannot be opened, and at the end if one was damaged (with .table, the answer "
           "from\n"
           "what was read; on_error=\"skip\" returns it); ParseError with on_error=\"raise\"; ExpressionError for a "
           "name that\n"
           "no input has.")
      .def(
          "to_dicts", [](const PyQuery& q) { return py::cast(Collect(q)).attr("to_dicts")(); }, "collect().to_dicts()")
      .def("count", &Count, "The number of records that the filters leave; of groups and head(), the number of rows.")
      .def("check", &Check,
           "Decodes every value of every record and gives the Stats: the only complete count of bad values. Damage is "
           "in\n"
           "stats.errors and raises nothing.")
      .def("__arrow_c_schema__", &ArrowSchemaOf, py::kw_only(), py::arg("times") = false,
           "The types of the answer's columns, as an Arrow schema in a capsule. Reads at most the inputs' beginnings.")
      .def("__arrow_c_stream__", &ArrowStreamOf, py::arg("requested_schema") = py::none(), py::kw_only(),
           py::arg("times") = false,
           "Runs the plan and gives its rows as an Arrow stream in a capsule: duckdb.sql('from logs'), "
           "polars.DataFrame(logs),\n"
           "pyarrow.RecordBatchReader.from_stream(logs).\n\n"
           "Rows are read while the consumer asks for batches, in bounded memory; a stream that is dropped ends the "
           "run.\n"
           "Groups and sorted rows are collected first. Each call is a new run. Types are those of a Table's stream. "
           "An input\n"
           "that is damaged is an error after the last batch, unless on_error=\"skip\".")
      .def(
          "records", [](const PyQuery& q) { return std::make_unique<RecordIterator>(q); },
          "Iterates over the filtered records in input order, in bounded memory; head() applies.\n\n"
          "Damage raises InputError at the end, as in collect().")
      .def(
          "start", [](const PyQuery& q) { return std::make_unique<PyRun>(q); },
          "A Run that is fed by the caller. The plan needs groups, aggregates or select().")
      .def("summary", &Summary,
           "Totals, actions, formats and the top ten of sources, destinations, services and protocols, by "
           "bytes:\n"
           "a Summary, which is a dict and prints as a report. Bytes, packets and top lists count packets once, also where\n"
           "several interfaces saw them. The input is read twice.")
      .def("_tell_twice", [](const PyQuery& q) {
        PyQuery result = q.With(q.query.TellTwice(), "");
        result.records = q.records.TellTwice();
        return result;
      })
      .def("_detect", [](const PyQuery& q, const py::dict& options) { return Detect(q.records, options, q.scan->sources); })
      .def("_raise_if_damaged", &RaiseIfDamaged, py::arg("stats"), py::arg("answer"))
      .def_property_readonly("_sources", [](const PyQuery& q) { return ToStrList(q.scan->sources); })
      .def_property_readonly("_filters", [](const PyQuery& q) { return ToStrList(q.filters); })
      .def("_tables", [](const PyQuery& q) { return std::make_unique<TableIterator>(q); })
      .def("_chunks", [](const PyQuery& q) { return std::make_unique<ChunkIterator>(q); })
      .def_property_readonly(
          "_selects_records",
          [](const PyQuery& q) { return !q.has_groups && !q.has_select && !q.has_sort && !q.has_head; })
      // String representation
      .def("__repr__", [](const PyQuery& q) { return ToStr(Repr(q)); });

  m.def("_scan", &MakeScan, py::arg("sources"), py::kw_only(), py::arg("format"), py::arg("threads"),
        py::arg("on_error"), py::arg("sets"), py::arg("internal"), py::arg("enrich"), py::arg("progress"),
        py::arg("mmap"), py::arg("limits"));
  m.def("collect_all", [](const py::iterable& queries) { return CollectEach(queries, true); }, py::arg("queries"),
        "Runs several queries of one scan() in one pass and gives their Tables.\n\n"
        "Raises as Query.collect() does; InputError.table is then the list of Tables.");
  m.def("_collect_each", [](const py::iterable& queries) { return CollectEach(queries, false); }, py::arg("queries"));
  m.def(
      "_raise_damage", [](const Stats& stats, const py::object& answer) { RaiseDamage(stats, answer); },
      py::arg("stats"), py::arg("answer"));
  m.def("_tests_of", &TestsOf, py::arg("expression"), py::arg("sets"));
  m.def(
      "_split_list", [](const std::string& text) { return ToStrList(SplitList(text)); }, py::arg("text"));
}

}  // namespace flowlogs::python
