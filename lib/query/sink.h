// Sinks: what a query does with the records of a pass. Each worker has a LocalSink of its own for every query.
#ifndef FLOWLOGS_LIB_QUERY_SINK_H_
#define FLOWLOGS_LIB_QUERY_SINK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "flowlogs/query/query.h"
#include "flowlogs/query/table.h"
#include "lib/parse/arrow_rows.h"
#include "lib/parse/lines.h"
#include "lib/parse/record_batch.h"
#include "lib/query/columns.h"
#include "lib/query/expression.h"
#include "lib/query/filter.h"
#include "lib/query/seen_lines.h"

namespace flowlogs {
inline namespace v1 {

namespace internal {
enum class ArrowLayout : uint8_t;
class ArrowBatchBuilder;
}  // namespace internal

// The block whose batches come: of lines, or of rows.
struct BlockContext {
  const Lines* lines = nullptr;
  const ArrowRows* arrow = nullptr;
  const std::string* source = nullptr;
  const BlockEvents* events = nullptr;
  uint64_t lines_before = 0;  // in the input
  uint32_t input = 0;         // its place among the inputs

  // A line of the block as it stands in the input, without its LF.
  void AppendLine(uint32_t line, std::string* out) const {
    arrow == nullptr ? void(out->append(lines->line(line))) : arrow->AppendLine(line, out);
  }
};

// Rows of one block, in order.
struct RowChunk {
  std::vector<Column> columns;        // of a row query
  std::shared_ptr<internal::ArrowBatchBuilder> arrow;  // of a row query for Arrow, instead of columns
  absl::Status arrow_status;                           // why there is no batch
  RecordChunk records;                // of a record query
  std::vector<uint32_t> block_lines;  // of each row: its line in the block
  size_t num_rows() const { return block_lines.size(); }
};

// What every query of a run shares: what was observed, what `internal` means, which records count. Outlives the sinks.
struct RunContext {
  const Observations* observations = nullptr;
  const AddressSet* internal = nullptr;  // nullptr: the observed own addresses
};

// The context of a column reader for the records of a block.
inline ColumnContext ContextOf(const RunContext& run, const BlockContext& block) {
  return {run.observations, run.internal, block.source, block.events, block.lines_before, block.input};
}

// Which records a sink looks at: what Filter::Bind() takes beside the format. What it points to outlives the sinks.
struct RecordFilter {
  const Expression* expression = nullptr;
  bool once = false;
  SeenLines* seen = nullptr;
};

class LocalSink {
 public:
  virtual ~LocalSink() = default;
  virtual void BeginBlock(const BlockContext&) {}
  // All records of the block come in one or more batches; those of one batch are in order.
  virtual void Consume(RecordBatch& batch) = 0;
  // Rows of the block in order: for sinks whose rows leave while the run goes on.
  virtual RowChunk EndBlock() { return {}; }
  // The memory of what grows with the input, as max_group_bytes counts it. Cheap: asked after each block.
  virtual size_t state_bytes() const { return 0; }
};

// A filter and columns, bound to each format that the worker meets.
template <typename Bound>
class BoundByFormat {
 public:
  // `bind` makes a Bound from a format.
  template <typename Bind>
  const Bound& For(const RegularRun& run, Bind bind) {
    const size_t id = static_cast<size_t>(run.format_id);
    if (bound_.size() <= id) bound_.resize(id + 1);
    if (bound_[id] == nullptr) bound_[id] = std::make_unique<Bound>(bind(*run.format));
    return *bound_[id];
  }

 private:
  std::vector<std::unique_ptr<Bound>> bound_;
};

// Groups and aggregates. The plan outlives the sinks.
struct GroupPlan {
  Expression filter;
  std::vector<KeyExpression> keys;
  std::vector<AggregateExpression> aggregates;
  std::vector<std::pair<std::string, Order>> sort;  // by names of keys and aggregates
  std::optional<uint64_t> limit;
  std::optional<Expression> having;  // of ParseHaving(); before sort and limit
  bool once = false;  // one record of the same packets (CONTRACT D2)
  SeenLines* seen = nullptr;  // if not null, one of identical records
  RunContext context;
};
std::unique_ptr<LocalSink> MakeGroupSink(const GroupPlan& plan);
// The answer of all workers' sinks; merges them into the first. With a single sink nothing is changed.
absl::StatusOr<std::vector<Column>> FinishGroups(const GroupPlan& plan, std::span<LocalSink* const> sinks);

// Rows of selected columns, or the records themselves.
struct RowPlan {
  const std::vector<internal::ArrowLayout>* arrow = nullptr;  // not null: rows leave as Arrow batches in these layouts
  Expression filter;
  std::vector<KeyExpression> columns;  // of rows
  bool whole_records = false;          // records instead of columns
  bool once = false;
  SeenLines* seen = nullptr;  // if not null, the first of identical records: for one worker, blocks in order
  RunContext context;
};
std::unique_ptr<LocalSink> MakeRowSink(const RowPlan& plan);
// What MakeRowSink() makes of plans with and without `arrow`.
std::unique_ptr<LocalSink> MakeArrowSink(const RowPlan& plan);
std::unique_ptr<LocalSink> MakeTableRowSink(const RowPlan& plan);
// Empty columns for the rows.
std::vector<Column> MakeColumns(const RowPlan& plan);

// Takes note of every record: the first of two passes.
std::unique_ptr<LocalSink> MakeObservationSink();
// What all workers' sinks saw, resolved.
Observations FinishObservations(std::span<LocalSink* const> sinks);

// Finds out what share of the records that pass the filter Once() would leave out, about; nullopt of none. Filter and context
// outlive the sinks.
std::unique_ptr<LocalSink> MakeTwiceSink(const Expression& filter, const RunContext& context);
std::optional<double> FinishTwice(std::span<LocalSink* const> sinks);

// Decodes every value of every record and keeps nothing.
std::unique_ptr<LocalSink> MakeCheckSink();

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_SINK_H_
