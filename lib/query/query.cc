// Building plans, and running them over the sources.
#include "flowlogs/query/query.h"

#include <algorithm>
#include <ctime>
#include <deque>

#include "lib/query/address_sets.h"
#include "lib/query/arrow_batch.h"
#include "lib/query/plan.h"
#include "lib/query/process_limits.h"
#include "lib/query/status.h"

namespace flowlogs {
inline namespace v1 {
namespace {

void AddReferences(const Expression& expression, const std::string& text, std::vector<Reference>* out) {
  if (expression.kind == Expression::Kind::kTest) out->push_back({expression.test.columns, text});
  for (const Expression& child : expression.children) AddReferences(child, text, out);
}

// The words of a key or aggregate for the parser: "name=text" is for one string, a given name goes beside it.
absl::StatusOr<KeyExpression> Parse(const NamedExpression& named, const KeyExpression*) {
  return ParseKey(named.text, named.name);
}
absl::StatusOr<AggregateExpression> Parse(const NamedExpression& named, const AggregateExpression*) {
  return ParseAggregate(named.text, named.name);
}

// One pass over the inputs, set up: they outlive the run.
struct Pass {
  explicit Pass(const ScanSpec& spec) : control(spec.options) {}
  RunControl control;
  FormatTable formats;
  std::optional<InputSet> inputs;
  std::vector<RunPlan> plans;
  std::vector<Reference> references;
  std::optional<Observations> observations;
  std::deque<SeenLines> seen;
  SeenLines* seen_by_groups = nullptr;
  std::unique_ptr<ScanRun> run;

  // Those of the run, at its end.
  absl::Status status() const {
    absl::Status status = run->status();
    for (const SeenLines& lines : seen) status.Update(lines.status());
    return status;
  }
  Stats stats() const {
    Stats stats = run->FinishStats();
    if (tells_twice()) stats.seen_twice = FinishTwice(run->sinks(plans.size()));
    return stats;
  }
  // Whether a sink behind those of the plans looks at what the first one counts twice. A run that stops early reads its last
  // block twice.
  bool tells_twice() const {
    return !plans.empty() && plans[0].tell_twice && (plans[0].grouped || !plans[0].row_limit);
  }
};

// `plans`: those that will be run. `least_block`: blocks are no smaller, unless the caller of Scan() has chosen their size.
absl::Status OpenPass(const std::shared_ptr<ScanSpec>& spec, std::span<const Query::Plan* const> plans, Pass* pass,
                      size_t least_block = 0) {
  size_t block_bytes = spec->options.block_bytes;
  if (block_bytes == ScanOptions().block_bytes) block_bytes = std::max(block_bytes, least_block);
  const bool events = std::any_of(plans.begin(), plans.end(), [](const Query::Plan* plan) { return NamesProvenance(*plan); });
  absl::StatusOr<InputSet> inputs = InputSet::Open(spec, &pass->formats, block_bytes, events, &pass->control);
  if (!inputs.ok()) return InputErrorStatus(inputs.status());
  pass->inputs = *std::move(inputs);
  return absl::OkStatus();
}

absl::Status PlanPass(const Query::Plan& plan, Pass* pass) {
  const absl::Status known = CheckUnknownNames(plan.references, pass->inputs->columns());
  if (!known.ok()) return known;
  absl::StatusOr<RunPlan> run = MakeRunPlan(plan, pass->inputs->columns());
  if (!run.ok()) return run.status();
  if (plan.dedup) {
    // Groups do not mind which of identical records counts, and can agree on one. Rows want the first, and filters by place
    // see others.
    const bool shares = plan.grouped && !NamesProvenance(plan);
    SeenLines* seen = shares ? pass->seen_by_groups : nullptr;
    if (seen == nullptr) seen = &pass->seen.emplace_back(MaxGroupBytes(plan.scan->options));
    if (shares) pass->seen_by_groups = seen;
    run->groups.seen = run->rows.seen = seen;
  }
  pass->plans.push_back(*std::move(run));
  pass->references.insert(pass->references.end(), plan.references.begin(), plan.references.end());
  return absl::OkStatus();
}

RunOptions OptionsOf(const ScanSpec& spec, const InputSet& inputs) {
  RunOptions options;
  options.threads = spec.options.threads > 0 ? spec.options.threads : inputs.is_small() ? 1 : UsableCpus();
  return options;
}

// The first of two passes, if a plan needs one: what it sees goes into the second one's context.
absl::Status Observe(const ScanSpec& spec, std::span<const Query::Plan* const> plans, Pass* pass,
                     const SinkPass* beside = nullptr) {
  const bool needed = beside != nullptr || std::any_of(plans.begin(), plans.end(), [&](const Query::Plan* plan) {
    return NeedsObservations(*plan, pass->inputs->columns());
  });
  if (needed) {
    if (absl::Status status = pass->inputs->KeepForSecondPass(); !status.ok()) return status;
    std::vector<ScanRun::SinkFactory> sinks = {MakeObservationSink};
    if (beside != nullptr) sinks.push_back(beside->survey);
    ScanRun run(&*pass->inputs, &pass->formats, std::move(sinks), OptionsOf(spec, *pass->inputs));
    run.RunToEnd();
    if (absl::Status status = run.status(); !status.ok()) return status;
    pass->observations = FinishObservations(run.sinks(0));
    if (beside != nullptr) beside->surveyed(run.sinks(1), *pass->observations);
    pass->inputs->Rewind();
  }
  RunContext context;
  if (pass->observations) context.observations = &*pass->observations;
  if (spec.internal) context.internal = &*spec.internal;
  for (RunPlan& plan : pass->plans) plan.groups.context = plan.rows.context = context;
  return absl::OkStatus();
}

void StartPass(const ScanSpec& spec, std::optional<uint64_t> limit, bool check, Pass* pass) {
  RunOptions options = OptionsOf(spec, *pass->inputs);
  options.limit = limit;
  options.raise = spec.options.on_error == OnError::kRaise;
  options.max_state_bytes = spec.options.max_group_bytes;
  std::vector<ScanRun::SinkFactory> sinks;
  if (check) sinks.push_back(MakeCheckSink);
  for (const RunPlan& plan : pass->plans) {
    options.ordered |= !plan.grouped;
    if (!plan.grouped && plan.rows.seen != nullptr) options.threads = 1;  // the first of identical records
    if (plan.grouped) {
      sinks.push_back([&plan] { return MakeGroupSink(plan.groups); });
    } else {
      sinks.push_back([&plan] { return MakeRowSink(plan.rows); });
    }
  }
  if (pass->tells_twice()) {
    const RunPlan& plan = pass->plans[0];
    sinks.push_back([&plan] {
      return plan.grouped ? MakeTwiceSink(plan.groups.filter, plan.groups.context)
                          : MakeTwiceSink(plan.rows.filter, plan.rows.context);
    });
  }
  pass->run = std::make_unique<ScanRun>(&*pass->inputs, &pass->formats, std::move(sinks), std::move(options));
}

// Rows without a sort stop the reading once there are enough.
std::optional<uint64_t> EarlyLimit(const RunPlan& plan) {
  return !plan.grouped && plan.row_sort.empty() ? plan.row_limit : std::nullopt;
}

// Of Parquet files only those columns are read that some plan asks for.
void NarrowPass(std::span<const Query::Plan* const> plans, Pass* pass) {
  std::vector<std::string> columns;
  for (const Query::Plan* plan : plans) {
    std::optional<std::vector<std::string>> needed = NeededColumns(*plan);
    if (!needed) return;
    columns.insert(columns.end(), needed->begin(), needed->end());
  }
  pass->inputs->SetNeededColumns(std::move(columns));
}

absl::StatusOr<std::vector<Table>> CollectPlans(std::span<const Query* const> queries) {
  if (queries.empty()) return std::vector<Table>();
  const std::shared_ptr<ScanSpec> spec = QueryAccess::PlanOf(*queries[0]).scan;
  std::vector<const Query::Plan*> plans;
  for (const Query* query : queries) {
    if (!query->status().ok()) return query->status();
    plans.push_back(&QueryAccess::PlanOf(*query));
    if (QueryAccess::PlanOf(*query).scan != spec) {
      return absl::InvalidArgumentError("the queries of one pass must come from the same scan");
    }
  }
  Pass pass(*spec);
  if (absl::Status status = OpenPass(spec, plans, &pass); !status.ok()) return status;
  for (const Query::Plan* plan : plans) {
    if (absl::Status status = PlanPass(*plan, &pass); !status.ok()) {
      pass.inputs->ReturnUnread();
      return status;
    }
  }
  NarrowPass(plans, &pass);
  if (absl::Status status = Observe(*spec, plans, &pass); !status.ok()) return status;
  StartPass(*spec, queries.size() == 1 ? EarlyLimit(pass.plans[0]) : std::nullopt, false, &pass);

  const bool ordered = std::any_of(pass.plans.begin(), pass.plans.end(), [](const RunPlan& p) { return !p.grouped; });
  std::vector<RowCollector> rows;
  for (const RunPlan& plan : pass.plans) rows.emplace_back(plan);
  if (ordered) {
    while (std::optional<std::vector<RowChunk>> chunks = pass.run->Next()) {
      for (size_t q = 0; q < rows.size(); ++q) rows[q].Add(std::move((*chunks)[q]));
    }
  } else {
    pass.run->RunToEnd();
  }
  if (absl::Status status = pass.status(); !status.ok()) return status;
  const Stats stats = pass.stats();
  if (absl::Status status = CheckKnownNames(pass.references, pass.inputs->columns(), stats); !status.ok()) return status;

  std::vector<Table> tables;
  for (size_t q = 0; q < pass.plans.size(); ++q) {
    if (!pass.plans[q].grouped) {
      tables.emplace_back(rows[q].Finish(), stats);
      continue;
    }
    absl::StatusOr<std::vector<Column>> columns = FinishGroups(pass.plans[q].groups, pass.run->sinks(q));
    if (!columns.ok()) return columns.status();
    tables.emplace_back(*std::move(columns), stats);
  }
  return tables;
}

absl::StatusOr<Stats> RunSinksOf(const Query::Plan& plan, const SinkPass& sinks) {
  if (!plan.status.ok()) return plan.status;
  const std::shared_ptr<ScanSpec>& spec = plan.scan;
  const Query::Plan* const one = &plan;
  Pass pass(*spec);
  if (absl::Status status = OpenPass(spec, {&one, 1}, &pass); !status.ok()) return status;
  if (absl::Status status = PlanPass(plan, &pass); !status.ok()) {
    pass.inputs->ReturnUnread();
    return status;
  }
  if (std::optional<std::vector<std::string>> columns = NeededColumns(plan)) {
    columns->insert(columns->end(), sinks.columns.begin(), sinks.columns.end());
    pass.inputs->SetNeededColumns(*std::move(columns));
  }
  if (absl::Status status = Observe(*spec, {&one, 1}, &pass, &sinks); !status.ok()) return status;
  RunOptions options = OptionsOf(*spec, *pass.inputs);
  options.raise = spec->options.on_error == OnError::kRaise;
  options.max_state_bytes = spec->options.max_group_bytes;
  const GroupPlan& group = pass.plans[0].groups;
  const RecordFilter filter{&group.filter, plan.once, group.seen};
  pass.run = std::make_unique<ScanRun>(
      &*pass.inputs, &pass.formats, std::vector<ScanRun::SinkFactory>{[&] { return sinks.sink(filter, group.context); }},
      std::move(options));
  pass.run->RunToEnd();
  if (absl::Status status = pass.status(); !status.ok()) return status;
  const Stats stats = pass.run->FinishStats();
  if (absl::Status status = CheckKnownNames(pass.references, pass.inputs->columns(), stats); !status.ok()) return status;
  if (absl::Status status = sinks.finish(pass.run->sinks(0), stats); !status.ok()) return status;
  return stats;
}

// Streams of rows share the way; they differ in what a chunk becomes.
class RowStream {
 public:
  static absl::StatusOr<std::unique_ptr<Pass>> Start(const Query::Plan& plan, bool whole_records) {
    if (!plan.status.ok()) return plan.status;
    auto pass = std::make_unique<Pass>(*plan.scan);
    // A block becomes a batch, and consumers like batches of some thousand rows.
    const size_t least_block = whole_records || plan.limit ? 0 : size_t{1} << 20;
    const Query::Plan* const one = &plan;
    if (absl::Status status = OpenPass(plan.scan, {&one, 1}, pass.get(), least_block); !status.ok()) return status;
    absl::Status status = PlanPass(plan, pass.get());
    if (status.ok() && pass->plans[0].grouped) {
      status = absl::InvalidArgumentError("a stream hands out rows; collect() groups and aggregates");
    } else if (status.ok() && !plan.sort.empty()) {
      status = absl::InvalidArgumentError("a stream is in input order; collect() sorts");
    }
    if (!status.ok()) {
      pass->inputs->ReturnUnread();
      return status;
    }
    pass->plans[0].rows.whole_records = whole_records;
    if (!whole_records) NarrowPass({&one, 1}, pass.get());
    status = Observe(*plan.scan, {&one, 1}, pass.get());
    if (!status.ok()) return status;
    StartPass(*plan.scan, EarlyLimit(pass->plans[0]), false, pass.get());
    if (status = pass->run->status(); !status.ok()) return status;  // nothing can be read
    return pass;
  }

  explicit RowStream(std::unique_ptr<Pass> pass) : pass_(std::move(pass)) {}

  // The next chunk with rows; nullopt at the end, once stats() are there.
  absl::StatusOr<std::optional<RowChunk>> Next() {
    if (!failed_.ok()) return failed_;
    absl::StatusOr<std::optional<RowChunk>> chunk = GuardMemory([this] { return NextChunk(); });
    failed_ = chunk.status();
    return chunk;
  }
  // Ends the stream with an error, unless it is none.
  absl::Status Fail(absl::Status status) {
    failed_.Update(status);
    return status;
  }
  const Stats& stats() const { return stats_; }
  std::vector<Column> EmptyColumns() const { return MakeColumns(pass_->plans[0].rows); }
  // From now on chunks are Arrow batches. REQUIRES: before the first Next().
  void MakeBatches(std::vector<internal::ArrowLayout> layouts) {
    layouts_ = std::move(layouts);
    pass_->plans[0].rows.arrow = &layouts_;
  }

 private:
  absl::StatusOr<std::optional<RowChunk>> NextChunk() {
    while (!ended_) {
      std::optional<std::vector<RowChunk>> chunks = pass_->run->Next();
      if (chunks && (*chunks)[0].num_rows() > 0) return std::move((*chunks)[0]);
      if (chunks) continue;
      ended_ = true;
      stats_ = pass_->stats();
      if (absl::Status status = pass_->status(); !status.ok()) return status;
      absl::Status status = CheckKnownNames(pass_->references, pass_->inputs->columns(), stats_);
      if (!status.ok()) return status;
    }
    return std::optional<RowChunk>();
  }

  std::vector<internal::ArrowLayout> layouts_;  // outlives the pass
  std::unique_ptr<Pass> pass_;
  bool ended_ = false;
  absl::Status failed_;  // what Next() said, and says again
  Stats stats_;
};

class TableStreamImpl final : public TableStream {
 public:
  explicit TableStreamImpl(std::unique_ptr<Pass> pass) : rows_(std::move(pass)) {}
  absl::StatusOr<Table> Next() override {
    absl::StatusOr<std::optional<RowChunk>> chunk = rows_.Next();
    if (!chunk.ok()) return chunk.status();
    absl::StatusOr<Table> table = GuardMemory([&]() -> absl::StatusOr<Table> {
      if (*chunk) return Table(std::move((*chunk)->columns), Stats());
      return Table(rows_.EmptyColumns(), rows_.stats());
    });
    rows_.Fail(table.status()).IgnoreError();
    return table;
  }
  const Stats& stats() const override { return rows_.stats(); }
  std::vector<Column> Schema() const override { return rows_.EmptyColumns(); }
  bool MakesBatches(const ArrowOptions& options) override {
    rows_.MakeBatches(internal::ChooseLayouts(rows_.EmptyColumns(), options));
    return true;
  }
  absl::Status NextBatch(ArrowArray* out) override {
    absl::StatusOr<std::optional<RowChunk>> chunk = rows_.Next();
    if (!chunk.ok()) return chunk.status();
    if (!*chunk) return absl::OkStatus();
    if (!(*chunk)->arrow_status.ok()) return (*chunk)->arrow_status;
    return rows_.Fail(GuardMemory([&] {
      std::move(*(*chunk)->arrow).Finish(out);
      return absl::OkStatus();
    }));
  }

 private:
  RowStream rows_;
};

class RecordStreamImpl final : public RecordStream {
 public:
  explicit RecordStreamImpl(std::unique_ptr<Pass> pass) : rows_(std::move(pass)) {}
  absl::StatusOr<RecordChunk> Next() override {
    absl::StatusOr<std::optional<RowChunk>> chunk = rows_.Next();
    if (!chunk.ok()) return chunk.status();
    return *chunk ? std::move((*chunk)->records) : RecordChunk();
  }
  const Stats& stats() const override { return rows_.stats(); }

 private:
  RowStream rows_;
};

absl::StatusOr<Stats> CheckPlan(const std::shared_ptr<ScanSpec>& spec) {
  Pass pass(*spec);
  if (absl::Status status = OpenPass(spec, {}, &pass); !status.ok()) return status;
  StartPass(*spec, std::nullopt, true, &pass);
  pass.run->RunToEnd();
  if (absl::Status status = pass.run->status(); !status.ok()) return status;
  return pass.run->FinishStats();
}

absl::StatusOr<std::vector<std::string>> ColumnsOf(const std::shared_ptr<ScanSpec>& spec) {
  Pass pass(*spec);
  if (absl::Status status = OpenPass(spec, {}, &pass); !status.ok()) return status;
  std::vector<std::string> names;
  for (const FormatColumn& column : pass.inputs->columns()) names.push_back(column.column_name());
  const auto& runs = pass.inputs->inputs();
  const bool none = std::all_of(runs.begin(), runs.end(), [](const auto& run) { return !run->status.ok(); });
  const absl::Status status = none && !runs.empty() ? InputErrorStatus(runs[0]->status) : absl::OkStatus();
  pass.inputs->ReturnUnread();
  if (!status.ok()) return status;
  return names;
}

}  // namespace

absl::StatusOr<Stats> RunSinks(const Query& query, const SinkPass& pass) {
  const Query counted = query.Aggregate({"count()"});  // groups, so that the filter alone decides
  return GuardMemory([&] { return RunSinksOf(QueryAccess::PlanOf(counted), pass); });
}

uint64_t MaxGroupBytes(const ScanOptions& options) {
  return options.max_group_bytes > 0 ? options.max_group_bytes : UsableGroupBytes();
}

Query Scan(std::vector<Source> sources, ScanOptions options) {
  auto plan = std::make_shared<Query::Plan>();
  plan->scan = std::make_shared<ScanSpec>();
  plan->scan->sources = std::move(sources);
  plan->scan->options = std::move(options);
  if (!plan->scan->options.internal.empty()) {
    language::AddressSetBuilder set;
    for (const std::string& prefix : plan->scan->options.internal) {
      const std::string wrong = set.AddPrefix(prefix);
      if (!wrong.empty() && plan->status.ok()) plan->status = absl::InvalidArgumentError("internal: '" + prefix + "' " + wrong);
    }
    plan->scan->internal = set.Build();
  }
  return Query(std::move(plan));
}

const absl::Status& Query::status() const { return plan_->status; }

Query Query::Filter(std::string_view expression) const {
  auto plan = std::make_shared<Plan>(*plan_);
  if (plan->status.ok()) {
    const LanguageContext context{std::time(nullptr), &plan->scan->options.sets, plan->scan->internal};
    absl::StatusOr<Expression> parsed = ParseFilter(expression, context);
    plan->status = parsed.status();
    if (parsed.ok()) plan->status = FindTables(plan->scan->options.enrich, expression, &*parsed);
    if (plan->status.ok()) {
      AddReferences(*parsed, std::string(expression), &plan->references);
      plan->filter.children.push_back(*std::move(parsed));
    }
  }
  return Query(std::move(plan));
}

template <typename Parsed>
void Query::AddExpressions(const std::vector<NamedExpression>& texts, std::vector<Parsed>* out, Plan* plan) {
  for (const NamedExpression& text : texts) {
    if (!plan->status.ok()) return;
    absl::StatusOr<Parsed> parsed = Parse(text, static_cast<const Parsed*>(nullptr));
    plan->status = parsed.status();
    if (parsed.ok()) plan->status = FindTable(plan->scan->options.enrich, text.text, &parsed->column);
    if (!plan->status.ok()) return;
    bool refers = true;
    if constexpr (std::is_same_v<Parsed, AggregateExpression>) {
      refers = parsed->kind != AggregateExpression::Kind::kCount;
    }
    if (refers) plan->references.push_back({{parsed->column}, text.text});
    if constexpr (std::is_same_v<Parsed, AggregateExpression>) {
      if (parsed->kind == AggregateExpression::Kind::kFirst || parsed->kind == AggregateExpression::Kind::kLast) {
        ColumnRef start;  // without it no record is before another
        start.field = Field::kStart;
        start.position = parsed->column.position;
        plan->references.push_back({{start}, text.text});
      }
    }
    out->push_back(*std::move(parsed));
  }
}

Query Query::GroupBy(std::vector<NamedExpression> keys) const {
  auto plan = std::make_shared<Plan>(*plan_);
  plan->grouped = true;
  AddExpressions(keys, &plan->keys, plan.get());
  return Query(std::move(plan));
}

Query Query::Aggregate(std::vector<NamedExpression> aggregates) const {
  auto plan = std::make_shared<Plan>(*plan_);
  plan->grouped = true;
  AddExpressions(aggregates, &plan->aggregates, plan.get());
  return Query(std::move(plan));
}

Query Query::Select(std::vector<NamedExpression> columns) const {
  auto plan = std::make_shared<Plan>(*plan_);
  plan->selected = true;
  AddExpressions(columns, &plan->select, plan.get());
  return Query(std::move(plan));
}

Query Query::Having(std::string_view expression) const {
  auto plan = std::make_shared<Plan>(*plan_);
  if (plan->status.ok()) {
    plan->having.push_back({std::string(expression), std::time(nullptr)});
    plan->status = ParsedHaving(*plan, plan->aggregates, /*complete=*/false).status();
  }
  return Query(std::move(plan));
}

Query Query::Sort(std::string_view column, Order order) const {
  auto plan = std::make_shared<Plan>(*plan_);
  plan->sort.emplace_back(std::string(column), order);
  return Query(std::move(plan));
}

Query Query::Head(uint64_t rows) const {
  auto plan = std::make_shared<Plan>(*plan_);
  plan->limit = plan->limit ? std::min(*plan->limit, rows) : rows;
  return Query(std::move(plan));
}

Query Query::Once() const {
  auto plan = std::make_shared<Plan>(*plan_);
  plan->once = true;
  return Query(std::move(plan));
}

Query Query::Dedup() const {
  auto plan = std::make_shared<Plan>(*plan_);
  plan->dedup = true;
  return Query(std::move(plan));
}

Query Query::TellTwice() const {
  auto plan = std::make_shared<Plan>(*plan_);
  plan->tell_twice = true;
  return Query(std::move(plan));
}

absl::StatusOr<Table> Query::Collect() const {
  return GuardMemory([this]() -> absl::StatusOr<Table> {
    const Query* const self = this;
    absl::StatusOr<std::vector<Table>> tables = CollectPlans({&self, 1});
    if (!tables.ok()) return tables.status();
    return std::move((*tables)[0]);
  });
}

absl::StatusOr<std::vector<Table>> CollectAll(std::span<const Query> queries) {
  return GuardMemory([queries] {
    std::vector<const Query*> all;
    for (const Query& query : queries) all.push_back(&query);
    return CollectPlans(all);
  });
}

absl::StatusOr<Stats> Query::Check() const {
  if (!plan_->status.ok()) return plan_->status;
  return GuardMemory([this] { return CheckPlan(plan_->scan); });
}

absl::StatusOr<std::vector<std::string>> Query::Columns() const {
  return GuardMemory([this] { return ColumnsOf(plan_->scan); });
}

absl::StatusOr<std::unique_ptr<TableStream>> Query::Stream() const {
  return GuardMemory([this]() -> absl::StatusOr<std::unique_ptr<TableStream>> {
    absl::StatusOr<std::unique_ptr<Pass>> pass = RowStream::Start(*plan_, false);
    if (!pass.ok()) return pass.status();
    return std::make_unique<TableStreamImpl>(*std::move(pass));
  });
}

absl::StatusOr<std::unique_ptr<RecordStream>> Query::Records() const {
  return GuardMemory([this]() -> absl::StatusOr<std::unique_ptr<RecordStream>> {
    absl::StatusOr<std::unique_ptr<Pass>> pass = RowStream::Start(*plan_, true);
    if (!pass.ok()) return pass.status();
    return std::make_unique<RecordStreamImpl>(*std::move(pass));
  });
}

}  // namespace v1
}  // namespace flowlogs
