#include "lib/query/plan.h"

#include <algorithm>
#include <numeric>

#include "lib/query/columns.h"
#include "lib/query/enrichment_data.h"

namespace flowlogs {
inline namespace v1 {
namespace {

std::string Quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

bool IsIn(const ColumnRef& column, const std::vector<FormatColumn>& columns) {
  if (column.kind == ColumnRef::Kind::kOther) {
    return std::any_of(columns.begin(), columns.end(), [&](const FormatColumn& c) {
      return !c.field && internal::FieldIndex::Equal(c.name, column.name);
    });
  }
  for (Field needed : NeededFields(column)) {
    if (std::none_of(columns.begin(), columns.end(), [&](const FormatColumn& c) { return c.field == needed; })) return false;
  }
  return true;
}

// What a column needs, for "no input has ...".
std::string NeededName(const ColumnRef& column) {
  std::string names;
  for (Field needed : NeededFields(column)) names += (names.empty() ? "" : " and ") + std::string(Info(needed).name);
  return names.empty() ? column.name : names;
}

bool IsProvenance(const ColumnRef& column) { return ColumnRef::IsProvenance(column.kind); }

bool NamesInternal(const Expression& expression) {
  return expression.test.internal ||
         std::any_of(expression.children.begin(), expression.children.end(), NamesInternal);
}

}  // namespace

absl::StatusOr<Expression> ParsedHaving(const Query::Plan& plan, const std::vector<AggregateExpression>& aggregates,
                                        bool complete) {
  Expression all;
  const std::vector<OutputColumn> outputs = OutputColumns(plan.keys, aggregates);
  for (const HavingText& having : plan.having) {
    const LanguageContext context{having.now_seconds, &plan.scan->options.sets, plan.scan->internal};
    absl::StatusOr<Expression> parsed = ParseHaving(having.text, outputs, context, complete);
    if (!parsed.ok()) return parsed.status();
    all.children.push_back(*std::move(parsed));
  }
  return all;
}

bool NamesProvenance(const Query::Plan& plan) {
  return std::any_of(plan.references.begin(), plan.references.end(), [](const Reference& reference) {
    return std::any_of(reference.columns.begin(), reference.columns.end(), IsProvenance);
  });
}

absl::StatusOr<RunPlan> MakeRunPlan(const Query::Plan& plan, const std::vector<FormatColumn>& columns) {
  if (!plan.status.ok()) return plan.status;
  RunPlan run;
  run.grouped = plan.grouped;
  run.tell_twice = plan.tell_twice && !plan.once;
  std::vector<std::string> names;
  if (plan.grouped) {
    if (plan.selected) {
      return absl::InvalidArgumentError("a query has either groups and aggregates or selected columns, not both");
    }
    run.groups.filter = plan.filter;
    run.groups.keys = plan.keys;
    run.groups.aggregates = plan.aggregates;
    run.groups.limit = plan.limit;
    run.groups.once = plan.once;
    if (run.groups.aggregates.empty()) {
      absl::StatusOr<AggregateExpression> count = ParseAggregate("count()");
      if (!count.ok()) return count.status();
      run.groups.aggregates.push_back(*std::move(count));
    }
    auto in_groups = [](const auto& parts) {
      return std::any_of(parts.begin(), parts.end(), [](const auto& part) { return IsProvenance(part.column); });
    };
    if (plan.dedup && (in_groups(plan.keys) || in_groups(plan.aggregates))) {
      return absl::InvalidArgumentError(
          "dedup: of identical records any one is counted, so that groups cannot tell its _source, _line or other "
          "columns of where it stands; select them");
    }
    for (const KeyExpression& key : run.groups.keys) names.push_back(key.name);
    for (const AggregateExpression& aggregate : run.groups.aggregates) names.push_back(aggregate.name);
  } else {
    run.rows.filter = plan.filter;
    run.rows.once = plan.once;
    run.rows.columns = plan.select;
    if (!plan.selected) {
      for (const FormatColumn& column : columns) {
        KeyExpression key;
        key.column.kind = column.field ? ColumnRef::Kind::kField : ColumnRef::Kind::kOther;
        if (column.field) key.column.field = *column.field;
        key.column.name = column.field ? column.column_name() : column.name;
        key.name = column.column_name();
        run.rows.columns.push_back(std::move(key));
      }
    }
    run.row_limit = plan.limit;
    for (const KeyExpression& column : run.rows.columns) names.push_back(column.name);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::find(names.begin() + static_cast<std::ptrdiff_t>(i) + 1, names.end(), names[i]) != names.end()) {
      return absl::InvalidArgumentError("two columns of the answer are called " + Quoted(names[i]) +
                                        "; name one of them, as in total=sum(bytes)");
    }
  }
  if (!plan.having.empty()) {
    if (!plan.grouped) return absl::InvalidArgumentError("having filters groups, and there are none: use a filter");
    absl::StatusOr<Expression> having = ParsedHaving(plan, run.groups.aggregates, /*complete=*/true);
    if (!having.ok()) return having.status();
    run.groups.having = *std::move(having);
  }
  for (const auto& [column, order] : plan.sort) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
      return internal::FieldIndex::Equal(name, column);
    });
    if (found == names.end()) {
      std::string message = "sort: the answer has no column " + Quoted(column) + "; it has ";
      for (size_t i = 0; i < names.size(); ++i) message += (i == 0 ? "" : ", ") + names[i];
      return absl::InvalidArgumentError(message);
    }
    if (plan.grouped) {
      run.groups.sort.emplace_back(*found, order);
    } else {
      run.row_sort.emplace_back(static_cast<size_t>(found - names.begin()), order);
    }
  }
  return run;
}

bool NeedsObservations(const Query::Plan& plan, const std::vector<FormatColumn>& columns) {
  if (plan.once) return true;
  auto has = [&](Field field) {
    return std::any_of(columns.begin(), columns.end(), [&](const FormatColumn& c) { return c.field == field; });
  };
  const bool own_is_told = has(Field::kFlowDirection);
  const bool own_addresses = plan.scan->options.internal.empty();
  auto depends = [&](const ColumnRef& column) {
    switch (column.Read().kind) {
      case ColumnRef::Kind::kDirection:
      case ColumnRef::Kind::kOwn:
      case ColumnRef::Kind::kPeer:
        return !own_is_told;
      case ColumnRef::Kind::kClient:
      case ColumnRef::Kind::kServer:
      case ColumnRef::Kind::kServerPort:
      case ColumnRef::Kind::kService:
      case ColumnRef::Kind::kOrientation:
        return has(Field::kTcpFlags);  // without flags the ports alone decide
      default:
        return false;
    }
  };
  for (const Reference& reference : plan.references) {
    if (std::any_of(reference.columns.begin(), reference.columns.end(), depends)) return true;
  }
  if (!own_addresses) return false;
  for (const std::vector<KeyExpression>* keys : {&plan.keys, &plan.select}) {
    const auto is_scope = [](const KeyExpression& key) { return key.kind == KeyExpression::Kind::kScope; };
    if (std::any_of(keys->begin(), keys->end(), is_scope)) return true;  // it tells what is `internal`
  }
  const absl::StatusOr<Expression> having = ParsedHaving(plan, plan.aggregates, /*complete=*/false);
  return NamesInternal(plan.filter) || (having.ok() && NamesInternal(*having));
}

std::optional<std::vector<std::string>> NeededColumns(const Query::Plan& plan) {
  if (plan.dedup || (!plan.grouped && !plan.selected)) return std::nullopt;
  std::vector<std::string> names;
  auto add = [&names](Field field) { names.emplace_back(Info(field).column); };
  add(Field::kLogStatus);  // NODATA and SKIPDATA are counted
  bool is_observed = plan.once || plan.tell_twice;
  auto add_column = [&](const ColumnRef& column) {
    if (column.kind == ColumnRef::Kind::kOther) names.push_back(FormatColumn{column.name, std::nullopt}.column_name());
    for (Field field : NeededFields(column)) add(field);
    if (column.table != nullptr && EnrichmentAccess::DataOf(*column.table).is_timed) add(Field::kStart);
    is_observed |= BoundColumn::Bind(column, Format::All()).is_oriented();
  };
  for (const Reference& reference : plan.references) {
    for (const ColumnRef& column : reference.columns) add_column(column);
  }
  for (const std::vector<KeyExpression>* keys : {&plan.keys, &plan.select}) {
    for (const KeyExpression& key : *keys) {
      if (key.kind == KeyExpression::Kind::kService) add(Field::kProtocol);
      is_observed |= key.kind == KeyExpression::Kind::kScope;  // it tells what is `internal`
    }
  }
  for (const AggregateExpression& aggregate : plan.aggregates) {
    const bool is_by_time = aggregate.kind == AggregateExpression::Kind::kFirst ||
                            aggregate.kind == AggregateExpression::Kind::kLast;
    if (is_by_time) add(Field::kEnd);
  }
  is_observed |= NamesInternal(plan.filter) || !plan.having.empty();
  if (is_observed) {
    for (Field field : {Field::kInterfaceId, Field::kFlowDirection, Field::kSrcaddr, Field::kDstaddr, Field::kSrcport,
                        Field::kDstport, Field::kProtocol, Field::kTcpFlags}) {
      add(field);
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

absl::Status FindTable(const std::vector<EnrichmentTable>& tables, std::string_view text, ColumnRef* column) {
  if (column->kind != ColumnRef::Kind::kEnriched) return absl::OkStatus();
  const ColumnRef read = column->Read();
  const bool is_address = read.type() == OperandType::kAddress;
  const std::string base(is_address || read.kind != ColumnRef::Kind::kField ? read.name : Info(read.field).name);
  std::string all;
  std::vector<std::string_view> names;
  for (const EnrichmentTable& table : tables) {
    const std::vector<std::string>& fields = table.fields();
    const bool fits = is_address ? table.is_by_address()
                                 : std::any_of(fields.begin(), fields.end(), [&](const std::string& field) {
                                     return internal::FieldIndex::Equal(field, read.name);
                                   });
    if (!fits) continue;
    for (const std::string& name : table.columns()) {
      names.push_back(name);
      all += (all.empty() ? "" : ", ") + name;
    }
    if (!EnrichmentAccess::DataOf(table).ColumnOf(column->attribute)) continue;
    if (column->table != nullptr) {
      const std::string what = "two tables have " + Quoted(column->attribute) + " for " + base;
      return ExpressionError(text, column->position, what + "; give one of them a name: NAME=FILE");
    }
    column->table = &table;
  }
  if (column->table != nullptr) return absl::OkStatus();
  std::string what;
  if (tables.empty()) {
    what = Quoted(column->name) + " is a column of a table, and none was given: enrich=[FILE], --enrich FILE";
  } else if (names.empty()) {
    what = "no table that was given says anything of " + base + (is_address ? ", or of other addresses" : "");
  } else {
    const std::string near = Suggest(column->attribute, names);
    what = "no table has " + Quoted(column->attribute) + " for " + base;
    what += near.empty() ? "; there are " + all : "; did you mean " + base + "." + near + "?";
  }
  return ExpressionError(text, column->position, what);
}

absl::Status FindTables(const std::vector<EnrichmentTable>& tables, std::string_view text, Expression* expression) {
  for (ColumnRef& column : expression->test.columns) {
    if (absl::Status status = FindTable(tables, text, &column); !status.ok()) return status;
  }
  for (Expression& child : expression->children) {
    if (absl::Status status = FindTables(tables, text, &child); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckUnknownNames(const std::vector<Reference>& references, const std::vector<FormatColumn>& columns) {
  for (const Reference& reference : references) {
    for (const ColumnRef& column : reference.columns) {
      if (column.kind != ColumnRef::Kind::kOther || IsIn(column, columns)) continue;
      const std::string before_dot = column.name.substr(0, column.name.find('.'));
      if (before_dot != column.name && FindField(before_dot)) {
        const std::string what = "no table says anything of " + before_dot;
        return ExpressionError(reference.text, column.position,
                               what + ", only of addresses and of fields with text such as interface-id");
      }
      std::vector<std::string_view> candidates = {"duration", "service"};
      for (const FieldInfo& info : AllFields()) candidates.push_back(info.name);
      for (const FormatColumn& c : columns) candidates.push_back(c.name);
      const std::string near = Suggest(column.name, candidates);
      std::string what = "no field is called " + Quoted(column.name);
      what += near.empty() ? "; `flowlogs fields` lists them" : "; did you mean " + near + "?";
      return ExpressionError(reference.text, column.position, what);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckKnownNames(const std::vector<Reference>& references, const std::vector<FormatColumn>& columns,
                             const Stats& stats) {
  // Of what was not read to its end nobody knows, and an empty input lacks nothing.
  if (!stats.complete || (stats.formats.empty() && columns.empty())) return absl::OkStatus();
  std::vector<FormatColumn> seen = columns;
  for (const Stats::FormatCount& format : stats.formats) {
    for (const std::string& field : format.fields) seen.push_back({field, FindField(field)});
  }
  for (const Reference& reference : references) {
    if (std::any_of(reference.columns.begin(), reference.columns.end(),
                    [&](const ColumnRef& column) { return IsIn(column, seen); })) {
      continue;
    }
    std::string names;
    for (const ColumnRef& column : reference.columns) names += (names.empty() ? "" : " or ") + NeededName(column);
    return ExpressionError(reference.text, reference.columns[0].position, "no input has " + names);
  }
  return absl::OkStatus();
}

void RowCollector::Add(RowChunk chunk) {
  if (chunk.num_rows() == 0) return;
  if (columns_.empty() || columns_[0].size() == 0) {
    columns_ = std::move(chunk.columns);
  } else {
    for (size_t c = 0; c < columns_.size(); ++c) {
      for (size_t row = 0; row < chunk.num_rows(); ++row) columns_[c].AppendFrom(chunk.columns[c], row);
    }
  }
  // Rows that are sorted and cut anyway are cut on the way, so that a top list needs little memory.
  constexpr size_t kEnough = 1 << 16;
  if (!plan_.row_sort.empty() && plan_.row_limit && !columns_.empty() &&
      columns_[0].size() > std::max<uint64_t>(kEnough, *plan_.row_limit * 4)) {
    SortAndCut();
  }
}

std::vector<Column> RowCollector::Finish() {
  SortAndCut();
  return std::move(columns_);
}

void RowCollector::SortAndCut() {
  if (columns_.empty()) return;
  const size_t rows = columns_[0].size();
  const size_t wanted = plan_.row_limit ? std::min<uint64_t>(rows, *plan_.row_limit) : rows;
  if (plan_.row_sort.empty() && wanted == rows) return;
  std::vector<size_t> order(rows);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    for (const auto& [c, direction] : plan_.row_sort) {
      const Column& column = columns_[c];
      const int compared = column.Compare(a, b);
      if (compared == 0) continue;
      const bool has_null = column.is_null(a) || column.is_null(b);  // last both ways
      return direction == Order::kDescending && !has_null ? compared > 0 : compared < 0;
    }
    return false;
  });
  std::vector<Column> sorted = MakeColumns(plan_.rows);
  for (size_t c = 0; c < columns_.size(); ++c) {
    for (size_t i = 0; i < wanted; ++i) sorted[c].AppendFrom(columns_[c], order[i]);
  }
  columns_ = std::move(sorted);
}

}  // namespace v1
}  // namespace flowlogs
