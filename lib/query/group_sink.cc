// Groups and aggregates of one worker, and how those of all workers become one table.
#include <algorithm>
#include <numeric>

#include "lib/query/accumulator.h"
#include "lib/query/group_table.h"
#include "lib/query/having.h"
#include "lib/query/sink.h"

namespace flowlogs {
inline namespace v1 {
namespace {

struct BoundGroups {
  Filter filter;
  std::vector<BoundKey> keys;
  std::vector<BoundColumn> aggregates;
  BoundColumn start, end;
  std::vector<int> places;  // of all columns that are read behind the filter

  static BoundGroups Bind(const GroupPlan& plan, const Format& format) {
    auto field = [&format](Field f) {
      ColumnRef column;
      column.field = f;
      return BoundColumn::Bind(column, format);
    };
    BoundGroups bound{
        Filter::Bind(plan.filter, format, plan.once), {}, {}, field(Field::kStart), field(Field::kEnd), {}};
    for (const KeyExpression& key : plan.keys) {
      bound.keys.push_back(BoundKey::Bind(key, format));
      bound.keys.back().AppendPlaces(&bound.places);
    }
    for (const AggregateExpression& aggregate : plan.aggregates) {
      bound.aggregates.push_back(BoundColumn::Bind(aggregate.column, format));
      if (aggregate.kind == AggregateExpression::Kind::kCount) continue;
      bound.aggregates.back().AppendPlaces(&bound.places);
      if (aggregate.kind != AggregateExpression::Kind::kFirst && aggregate.kind != AggregateExpression::Kind::kLast)
        continue;
      bound.start.AppendPlaces(&bound.places);
      bound.end.AppendPlaces(&bound.places);
    }
    return bound;
  }
};

class GroupSink final : public LocalSink {
 public:
  explicit GroupSink(const GroupPlan& plan) : plan_(plan), table_(plan.keys.size()) {
    for (const AggregateExpression& aggregate : plan.aggregates) {
      accumulators_.push_back(MakeAccumulator(aggregate));
      accumulators_.back()->Resize(table_.size());
    }
  }

  void BeginBlock(const BlockContext& block) override { reader_.SetContext(ContextOf(plan_.context, block)); }

  void Consume(RecordBatch& batch) override {
    const BoundGroups& bound =
        bound_.For(batch.run(), [&](const Format& format) { return BoundGroups::Bind(plan_, format); });
    pool_.Reset();
    const Rows rows = bound.filter.Select(batch, batch.AllRows(), &reader_, &pool_);
    if (rows.count == 0) return;
    batch.Locate(bound.places, rows);
    const size_t stride = plan_.keys.size();
    keys_.resize(rows.count * stride);
    groups_.resize(rows.count);
    for (size_t k = 0; k < stride; ++k)
      bound.keys[k].Words(batch, rows, &reader_, &interner_, keys_.data() + k, stride);
    table_.FindOrAdd(keys_.data(), rows.count, groups_.data());
    const GroupedRows grouped{&batch, rows, groups_.data(), &reader_, &interner_, &bound.start, &bound.end};
    for (size_t a = 0; a < accumulators_.size(); ++a) {
      accumulators_[a]->Resize(table_.size());
      accumulators_[a]->Add(bound.aggregates[a], grouped);
    }
  }

  void Merge(const GroupSink& other) {
    WordMap words;
    for (size_t id = 0; id < other.interner_.num_texts(); ++id) {
      words.texts.push_back(interner_.Text(other.interner_.text(static_cast<int64_t>(id))));
    }
    for (size_t id = 0; id < other.interner_.num_addresses(); ++id) {
      words.addresses.push_back(interner_.Address(other.interner_.address(kV6Tag | static_cast<int64_t>(id))));
    }
    const size_t stride = plan_.keys.size();
    std::vector<uint32_t> groups(other.table_.size());
    keys_.resize(groups.size() * stride);
    for (size_t g = 0; g < groups.size(); ++g) {
      for (size_t k = 0; k < stride; ++k) {
        const WordKind kind = WordKindOf(plan_.keys[k]);
        keys_[g * stride + k] = words.Map(other.table_.key(g)[k], kind == WordKind::kText,
                                          kind == WordKind::kAddress || kind == WordKind::kPrefix);
      }
    }
    table_.FindOrAdd(keys_.data(), groups.size(), groups.data());
    for (size_t a = 0; a < accumulators_.size(); ++a) {
      accumulators_[a]->Resize(table_.size());
      accumulators_[a]->Merge(*other.accumulators_[a], groups, words);
    }
  }

  absl::StatusOr<std::vector<Column>> Finish() const {
    for (const auto& accumulator : accumulators_) accumulator->Prepare();
    absl::StatusOr<std::vector<uint32_t>> passed = GroupsThatPass();
    if (!passed.ok()) return passed.status();
    std::vector<uint32_t> order = *std::move(passed);
    const std::vector<SortColumn> sort = SortColumns();
    auto before = [&](uint32_t a, uint32_t b) { return Before(a, b, sort); };
    if (plan_.limit && *plan_.limit < order.size()) {
      const auto end = order.begin() + static_cast<std::ptrdiff_t>(*plan_.limit);
      std::partial_sort(order.begin(), end, order.end(), before);
      order.erase(end, order.end());
    } else {
      std::sort(order.begin(), order.end(), before);
    }
    std::vector<Column> columns;
    for (size_t c = 0; c < plan_.keys.size() + accumulators_.size(); ++c) {
      absl::StatusOr<Column> column = Finished(c, order);
      if (!column.ok()) return column.status();
      columns.push_back(*std::move(column));
    }
    return columns;
  }

 private:
  struct SortColumn {
    size_t column;  // keys, then aggregates
    bool descending;
  };

  // The place of a column of the answer: keys, then aggregates.
  size_t PlaceOf(const std::string& name) const {
    size_t column = 0;
    for (const KeyExpression& key : plan_.keys) {
      if (key.name == name) return column;
      ++column;
    }
    for (const AggregateExpression& aggregate : plan_.aggregates) {
      if (aggregate.name == name) break;
      ++column;
    }
    return column;
  }

  // A column of the answer with these groups. REQUIRES: the accumulators are prepared.
  absl::StatusOr<Column> Finished(size_t place, const std::vector<uint32_t>& groups) const {
    if (place < plan_.keys.size()) {
      Column column = MakeColumn(plan_.keys[place]);
      for (uint32_t group : groups) AppendKey(place, group, &column);
      return column;
    }
    const Accumulator& accumulator = *accumulators_[place - plan_.keys.size()];
    Column column = accumulator.MakeColumn();
    for (uint32_t group : groups) {
      const absl::Status status = accumulator.AppendTo(group, &column);
      if (!status.ok()) return absl::OutOfRangeError(std::string(status.message()) + GroupText(group));
    }
    return column;
  }

  // All groups, or those for which `having` is true. A sum that it tests and that is beyond int64 is an error.
  absl::StatusOr<std::vector<uint32_t>> GroupsThatPass() const {
    std::vector<uint32_t> all(table_.size());
    std::iota(all.begin(), all.end(), 0);
    if (!plan_.having) return all;
    std::vector<Column> columns;
    for (const std::string& name : NamesOf(*plan_.having)) {
      absl::StatusOr<Column> column = Finished(PlaceOf(name), all);
      if (!column.ok()) return column.status();
      columns.push_back(*std::move(column));
    }
    const Observations* observations = plan_.context.observations;
    return RowsThatPass(*plan_.having, columns, all.size(), [observations](IpAddress address) {
      return observations != nullptr && observations->IsOwn(address);
    });
  }

  std::vector<SortColumn> SortColumns() const {
    std::vector<SortColumn> sort;
    for (const auto& [name, order] : plan_.sort) sort.push_back({PlaceOf(name), order == Order::kDescending});
    // Ties are in ascending order of the keys.
    for (size_t k = 0; k < plan_.keys.size(); ++k) sort.push_back({k, false});
    return sort;
  }

  bool Before(uint32_t a, uint32_t b, const std::vector<SortColumn>& sort) const {
    for (const SortColumn& s : sort) {
      const int order = CompareIn(s.column, a, b);
      if (order == 0) continue;
      // Nulls are last both ways, and compare as greater than everything.
      const bool has_null = IsNull(s.column, a) || IsNull(s.column, b);
      return s.descending && !has_null ? order > 0 : order < 0;
    }
    return false;
  }

  bool IsNull(size_t column, uint32_t group) const {
    if (column < plan_.keys.size()) return table_.key(group)[column] == kNullWord;
    return accumulators_[column - plan_.keys.size()]->IsNull(group);
  }

  int CompareIn(size_t column, uint32_t a, uint32_t b) const {
    if (column >= plan_.keys.size()) return accumulators_[column - plan_.keys.size()]->Compare(a, b);
    const int64_t x = table_.key(a)[column];
    const int64_t y = table_.key(b)[column];
    if (x == y) return 0;
    if (x == kNullWord || y == kNullWord) return x == kNullWord ? 1 : -1;
    auto compare = [](const auto& p, const auto& q) { return p < q ? -1 : (q < p ? 1 : 0); };
    switch (WordKindOf(plan_.keys[column])) {
      case WordKind::kInteger:
        return compare(x, y);
      case WordKind::kAddress:
        return compare(interner_.address(x), interner_.address(y));
      case WordKind::kText:
        return compare(interner_.text(x), interner_.text(y));
      case WordKind::kPrefix:
        break;
    }
    return compare(PrefixText(column, x), PrefixText(column, y));
  }

  std::string PrefixText(size_t key, int64_t word) const {
    const IpAddress address = interner_.address(word);
    return IpPrefix(address, address.is_v4() ? plan_.keys[key].prefix_v4 : plan_.keys[key].prefix_v6).ToString();
  }

  void AppendKey(size_t key, uint32_t group, Column* out) const {
    const int64_t word = table_.key(group)[key];
    if (word == kNullWord) return out->AppendNull();
    switch (WordKindOf(plan_.keys[key])) {
      case WordKind::kInteger:
        return out->AppendInt(word);
      case WordKind::kAddress:
        return out->AppendAddress(interner_.address(word));
      case WordKind::kText:
        return out->AppendText(interner_.text(word));
      case WordKind::kPrefix:
        return out->AppendText(PrefixText(key, word));
    }
  }

  // " (srcaddr=10.0.0.1, action=ACCEPT)"
  std::string GroupText(uint32_t group) const {
    if (plan_.keys.empty()) return "";
    std::string text;
    for (size_t k = 0; k < plan_.keys.size(); ++k) {
      Column column = MakeColumn(plan_.keys[k]);
      AppendKey(k, group, &column);
      text += (k == 0 ? " (" : ", ") + plan_.keys[k].name + "=" + (column.is_null(0) ? "null" : column.ToText(0));
    }
    return text + ")";
  }

  const GroupPlan& plan_;
  BoundByFormat<BoundGroups> bound_;
  GroupTable table_;
  std::vector<std::unique_ptr<Accumulator>> accumulators_;
  Interner interner_;
  ColumnReader reader_;
  SelectionPool pool_;
  std::vector<int64_t> keys_;
  std::vector<uint32_t> groups_;
};

}  // namespace

std::unique_ptr<LocalSink> MakeGroupSink(const GroupPlan& plan) { return std::make_unique<GroupSink>(plan); }

absl::StatusOr<std::vector<Column>> FinishGroups(const GroupPlan&, std::span<LocalSink* const> sinks) {
  GroupSink& first = static_cast<GroupSink&>(*sinks[0]);
  for (size_t i = 1; i < sinks.size(); ++i) first.Merge(static_cast<GroupSink&>(*sinks[i]));
  return first.Finish();
}

}  // namespace v1
}  // namespace flowlogs
