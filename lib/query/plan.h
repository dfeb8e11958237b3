// The plan behind a Query, and what it refers to.
#ifndef FLOWLOGS_LIB_QUERY_PLAN_H_
#define FLOWLOGS_LIB_QUERY_PLAN_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "flowlogs/query/query.h"
#include "lib/query/expression.h"
#include "lib/query/scan_run.h"
#include "lib/query/sink.h"

namespace flowlogs {
inline namespace v1 {

// Columns that an expression names: one, or the fields behind a synonym, of which one is enough.
struct Reference {
  std::vector<ColumnRef> columns;
  std::string text;  // the expression
};

// A filter of groups as it was given: what it means is known once all keys and aggregates are.
struct HavingText {
  std::string text;
  int64_t now_seconds;  // when it was given
};

struct Query::Plan {
  std::shared_ptr<ScanSpec> scan;
  absl::Status status;
  Expression filter;  // kAnd of all filters
  std::vector<KeyExpression> keys;
  std::vector<AggregateExpression> aggregates;
  std::vector<KeyExpression> select;
  std::vector<HavingText> having;
  bool grouped = false;   // GroupBy() or Aggregate() was called
  bool selected = false;  // Select() was called
  std::vector<std::pair<std::string, Order>> sort;
  std::optional<uint64_t> limit;
  bool once = false;
  bool dedup = false;
  bool tell_twice = false;
  std::vector<Reference> references;
};

// The plan as it runs: with default columns and aggregates, sort columns checked.
struct RunPlan {
  bool grouped = false;
  GroupPlan groups;
  RowPlan rows;
  std::vector<std::pair<size_t, Order>> row_sort;  // by places among the columns
  std::optional<uint64_t> row_limit;
  bool tell_twice = false;
};

struct QueryAccess {
  static const Query::Plan& PlanOf(const Query& query) { return *query.plan_; }
};

// ScanOptions::max_group_bytes, or what it stands for.
uint64_t MaxGroupBytes(const ScanOptions& options);

// kAnd of the plan's filters of groups. `complete`: these are all aggregates; else more may come, as ParseHaving() says.
absl::StatusOr<Expression> ParsedHaving(const Query::Plan& plan, const std::vector<AggregateExpression>& aggregates,
                                        bool complete);

// Whether the plan names columns that tell where a record comes from: _source, _line, _log_stream, ...
bool NamesProvenance(const Query::Plan& plan);

// `columns`: those of the scan, for a plan that selects nothing. Of a plan that drops identical records, `seen` is still to
// be set.
absl::StatusOr<RunPlan> MakeRunPlan(const Query::Plan& plan, const std::vector<FormatColumn>& columns);

// Whether the plan needs observations of the whole input before its own pass: it names columns that they decide, and the
// inputs do not tell them record by record. `columns`: those of the scan.
bool NeedsObservations(const Query::Plan& plan, const std::vector<FormatColumn>& columns);

// The columns, named with underscores, that the plan's sinks and the engine itself read of each record; nullopt: all.
std::optional<std::vector<std::string>> NeededColumns(const Query::Plan& plan);

// Finds the table that an enriched column means; other columns are left alone. `text`: the expression, for errors.
absl::Status FindTable(const std::vector<EnrichmentTable>& tables, std::string_view text, ColumnRef* column);
absl::Status FindTables(const std::vector<EnrichmentTable>& tables, std::string_view text, Expression* expression);

// Before the run: every name that is no known field is a column of an input (CONTRACT L11).
absl::Status CheckUnknownNames(const std::vector<Reference>& references, const std::vector<FormatColumn>& columns);
// After the run: every known field that is named was in some format.
absl::Status CheckKnownNames(const std::vector<Reference>& references, const std::vector<FormatColumn>& columns,
                             const Stats& stats);

// A pass whose records go to sinks of a room to the right of this one. Two passes over the inputs, as for every query that
// depends on the whole input: the first gathers Observations and, beside them, what `survey` looks at; each record of the
// second that passes the query's filters is the sinks'. One sink a worker and pass; they live until `finish` returns.
struct SinkPass {
  std::vector<std::string> columns;  // named with underscores, that the sinks read
  std::function<std::unique_ptr<LocalSink>()> survey;
  std::function<void(std::span<LocalSink* const>, const Observations&)> surveyed;  // between the passes
  std::function<std::unique_ptr<LocalSink>(const RecordFilter&, const RunContext&)> sink;
  std::function<absl::Status(std::span<LocalSink* const>, const Stats&)> finish;
};
// REQUIRES: the query is a scan and its filters. The stats are those of the second pass.
absl::StatusOr<Stats> RunSinks(const Query& query, const SinkPass& pass);

// Rows of a run, gathered: appended chunk by chunk, sorted and cut at the end.
class RowCollector {
 public:
  explicit RowCollector(const RunPlan& plan) : plan_(plan), columns_(MakeColumns(plan.rows)) {}
  void Add(RowChunk chunk);
  std::vector<Column> Finish();

 private:
  void SortAndCut();
  const RunPlan& plan_;
  std::vector<Column> columns_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_PLAN_H_
