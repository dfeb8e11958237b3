// Groups and aggregates of one worker, and how those of all workers become one table.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <new>
#include <system_error>
#include <thread>

#include "lib/query/accumulator.h"
#include "lib/query/group_table.h"
#include "lib/query/having.h"
#include "lib/query/rank_sort.h"
#include "lib/query/sink.h"
#include "lib/query/status.h"

namespace flowlogs {
inline namespace v1 {
namespace {

// How the keys of a group stand in its row: words of 64 bits first, then codes of 32.
struct KeyLayout {
  std::vector<size_t> offsets;  // of each key, in bytes
  std::vector<bool> is_narrow;
  std::vector<WordKind> kinds;
  size_t words = 0;
  bool has_codes = false;  // that only the interner they come from can read

  explicit KeyLayout(const std::vector<KeyExpression>& keys) {
    size_t wide = 0, narrow = 0;
    for (const KeyExpression& key : keys) {
      is_narrow.push_back(BoundKey::IsNarrow(key));
      kinds.push_back(WordKindOf(key));
      wide += is_narrow.back() ? 0 : 1;
      has_codes |= kinds.back() != WordKind::kInteger;
    }
    size_t next = 0;
    for (size_t k = 0; k < keys.size(); ++k) {
      offsets.push_back(is_narrow[k] ? wide * sizeof(int64_t) + narrow++ * sizeof(uint32_t) : next++ * sizeof(int64_t));
    }
    words = wide + (narrow + 1) / 2;
  }
  uint32_t Code(const uint64_t* row, size_t key) const { return Read<uint32_t>(row, key); }
  int64_t Word(const uint64_t* row, size_t key) const { return Read<int64_t>(row, key); }
  bool IsNull(const uint64_t* row, size_t key) const {
    return is_narrow[key] ? Code(row, key) == kNullCode : Word(row, key) == kNullWord;
  }

 private:
  template <typename T>
  T Read(const uint64_t* row, size_t key) const {
    T value;
    std::memcpy(&value, reinterpret_cast<const char*>(row) + offsets[key], sizeof(T));
    return value;
  }
};

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
        Filter::Bind(plan.filter, format, plan.once, plan.seen), {}, {}, field(Field::kStart), field(Field::kEnd), {}};
    for (const KeyExpression& key : plan.keys) {
      bound.keys.push_back(BoundKey::Bind(key, format));
      bound.keys.back().AppendWritePlaces(&bound.places);
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

// Groups are merged in so many parts, each small enough for a core's cache.
constexpr size_t kParts = 256;
constexpr size_t PartOf(uint32_t hash) { return hash >> 24; }

// Calls f(0) .. f(count - 1), each in a thread of its own but the first. Throws std::bad_alloc if one does.
template <typename F>
void RunInThreads(size_t count, const F& f) {
  std::atomic<bool> failed = false;
  auto run = [&](size_t i) {
    try {
      f(i);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (size_t i = 1; i < count; ++i) {
    try {
      threads.emplace_back(run, i);
    } catch (const std::system_error&) {
      run(i);  // there are no more threads to be had: it takes longer
    }
  }
  run(0);
  for (std::thread& thread : threads) thread.join();
  if (failed) throw std::bad_alloc();
}

class GroupSink final : public LocalSink {
 public:
  explicit GroupSink(const GroupPlan& plan)
      : plan_(plan), layout_(plan.keys), accumulators_(MakeAccumulators(plan, layout_.words, &row_words_)),
        table_(layout_.words, row_words_ - layout_.words) {}

  void BeginBlock(const BlockContext& block) override { reader_.SetContext(ContextOf(plan_.context, block)); }

  void Consume(RecordBatch& batch) override {
    const BoundGroups& bound =
        bound_.For(batch.run(), [&](const Format& format) { return BoundGroups::Bind(plan_, format); });
    pool_.Reset();
    const Rows rows = bound.filter.Select(batch, batch.AllRows(), &reader_, &pool_);
    if (rows.count == 0) return;
    batch.Locate(bound.places, rows);
    keys_.assign(rows.count * layout_.words, 0);
    groups_.resize(rows.count);
    for (size_t k = 0; k < bound.keys.size(); ++k) {
      bound.keys[k].Write(batch, rows, &reader_, &interner_, reinterpret_cast<char*>(keys_.data()) + layout_.offsets[k],
                          layout_.words * sizeof(keys_[0]));
    }
    table_.FindOrAdd(keys_.data(), rows.count, groups_.data(), &few_);
    const GroupedRows grouped{&batch,     rows, groups_.data(), &reader_, &interner_, few_.is_valid ? &few_ : nullptr,
                              &bound.start, &bound.end};
    for (size_t a = 0; a < accumulators_.size(); ++a) accumulators_[a]->Add(bound.aggregates[a], grouped);
  }

  size_t num_groups() const { return table_.size(); }

  size_t state_bytes() const override {
    size_t bytes = table_.bytes() + interner_.bytes();
    for (const auto& accumulator : accumulators_) bytes += accumulator->bytes();
    return bytes;
  }

  // Adds the groups of another worker.
  void Merge(const GroupSink& other) {
    const CodeMap codes(other.interner_, &interner_);
    constexpr size_t kStep = 1024;
    std::vector<GroupRow> from(kStep);
    groups_.resize(kStep);
    keys_.resize(kStep * layout_.words);
    for (size_t begin = 0; begin < other.table_.size(); begin += kStep) {
      const size_t count = std::min(kStep, other.table_.size() - begin);
      for (size_t i = 0; i < count; ++i) {
        from[i] = other.table_.row(begin + i);
        uint64_t* const key = keys_.data() + i * layout_.words;
        std::copy(from[i], from[i] + layout_.words, key);
        Recode(codes, key);
      }
      table_.FindOrAdd(keys_.data(), count, groups_.data());
      for (size_t a = 0; a < accumulators_.size(); ++a) {
        accumulators_[a]->MergeRows(groups_.data(), *other.accumulators_[a], from.data(), count);
      }
    }
    for (size_t a = 0; a < accumulators_.size(); ++a) accumulators_[a]->EndMerge(*other.accumulators_[a], codes);
  }

  // The answer: `parts` have all groups, in any order.
  absl::StatusOr<std::vector<Column>> Finish(std::vector<std::vector<GroupRow>> parts, size_t threads) const {
    for (const auto& accumulator : accumulators_) accumulator->Prepare();
    if (plan_.having) {
      for (std::vector<GroupRow>& part : parts) {
        if (absl::Status status = KeepThoseThatPass(&part); !status.ok()) return status;
      }
    }
    const std::vector<GroupRow> groups = Sorted(parts, threads);
    std::vector<Column> columns;
    for (size_t c = 0; c < plan_.keys.size() + accumulators_.size(); ++c) {
      absl::StatusOr<Column> column = Finished(c, groups);
      if (!column.ok()) return column.status();
      columns.push_back(*std::move(column));
    }
    return columns;
  }

  // In parts, so that several threads can sort them.
  std::vector<std::vector<GroupRow>> Groups() const {
    constexpr size_t kPart = 1 << 15;
    std::vector<std::vector<GroupRow>> parts(table_.size() / kPart + 1);
    for (size_t g = 0; g < table_.size(); ++g) parts[g / kPart].push_back(table_.row(g));
    return parts;
  }

  // Whether MergeInParts() is for this sink: rows hold all there is of its groups.
  bool is_in_rows() const {
    return layout_.words > 0 && std::all_of(accumulators_.begin(), accumulators_.end(),
                                            [](const auto& accumulator) { return accumulator->is_in_rows(); });
  }

  // Merges the groups of all sinks, part by part of the hashes, in as many threads: nobody waits for anybody. Rows stay
  // where they are; equal ones become the one that the first of the sinks has. REQUIRES: is_in_rows() of all.
  static std::vector<std::vector<GroupRow>> MergeInParts(std::span<GroupSink* const> sinks) {
    struct Entry {
      uint32_t hash;
      GroupRow row;
    };
    struct Parts {
      ZeroedMemory memory;  // of entries, those of a part together
      Entry* entries() const { return memory.as<Entry>(); }
      std::array<size_t, kParts + 1> begins{};
    };
    GroupSink& first = *sinks[0];
    const size_t words = first.layout_.words;
    std::vector<CodeMap> codes;
    for (size_t s = 1; s < sinks.size(); ++s) codes.emplace_back(sinks[s]->interner_, &first.interner_);
    std::vector<Parts> parts(sinks.size());
    RunInThreads(sinks.size(), [&](size_t s) {
      const GroupTable& table = sinks[s]->table_;
      std::vector<uint32_t> hashes(table.size());
      std::array<size_t, kParts + 1>& begins = parts[s].begins;
      for (size_t g = 0; g < table.size(); ++g) {
        if (s > 0) first.Recode(codes[s - 1], table.row(g));
        hashes[g] = GroupTable::Hash(table.row(g), words);
        ++begins[PartOf(hashes[g]) + 1];
      }
      for (size_t part = 0; part < kParts; ++part) begins[part + 1] += begins[part];
      std::array<size_t, kParts + 1> next = begins;
      parts[s].memory = ZeroedMemory(table.size() * sizeof(Entry));
      for (size_t g = 0; g < table.size(); ++g) parts[s].entries()[next[PartOf(hashes[g])]++] = {hashes[g], table.row(g)};
    });
    std::vector<std::vector<GroupRow>> merged(kParts);
    std::atomic<size_t> next_part = 0;
    RunInThreads(sinks.size(), [&](size_t) {
      std::vector<std::pair<uint32_t, uint32_t>> slots;  // hash, number of the row + 1
      std::vector<GroupRow> into, from;
      for (size_t part; (part = next_part.fetch_add(1)) < kParts;) {
        size_t most = 0;
        for (const Parts& p : parts) most += p.begins[part + 1] - p.begins[part];
        const size_t mask = std::bit_ceil(2 * most + 1) - 1;
        slots.assign(mask + 1, {0, 0});
        std::vector<GroupRow>& rows = merged[part];
        rows.reserve(most);
        for (size_t s = 0; s < sinks.size(); ++s) {
          into.clear();
          from.clear();
          for (size_t e = parts[s].begins[part]; e < parts[s].begins[part + 1]; ++e) {
            const Entry& entry = parts[s].entries()[e];
            for (size_t at = entry.hash & mask;; at = (at + 1) & mask) {
              auto& [hash, number] = slots[at];
              if (number == 0) {
                rows.push_back(entry.row);
                hash = entry.hash;
                number = static_cast<uint32_t>(rows.size());
                break;
              }
              if (hash != entry.hash || !std::equal(entry.row, entry.row + words, rows[number - 1])) continue;
              into.push_back(rows[number - 1]);
              from.push_back(entry.row);
              break;
            }
          }
          for (size_t a = 0; a < first.accumulators_.size(); ++a) {
            first.accumulators_[a]->MergeRows(into.data(), *sinks[s]->accumulators_[a], from.data(), into.size());
          }
        }
      }
    });
    return merged;
  }

 private:
  // Sets the accumulators' places; *row_words: what a row has in all.
  static std::vector<std::unique_ptr<Accumulator>> MakeAccumulators(const GroupPlan& plan, size_t key_words,
                                                                    size_t* row_words) {
    std::vector<std::unique_ptr<Accumulator>> accumulators;
    *row_words = key_words;
    for (const AggregateExpression& aggregate : plan.aggregates) {
      accumulators.push_back(MakeAccumulator(aggregate));
      accumulators.back()->set_place(*row_words);
      *row_words += accumulators.back()->state_words();
    }
    return accumulators;
  }

  // Makes a key that another interner coded one of this sink's.
  void Recode(const CodeMap& codes, uint64_t* key) const {
    if (!layout_.has_codes) return;
    for (size_t k = 0; k < plan_.keys.size(); ++k) {
      const WordKind kind = layout_.kinds[k];
      if (kind == WordKind::kInteger) continue;
      const uint32_t code = layout_.Code(key, k);
      const uint32_t mapped = kind == WordKind::kText ? codes.Text(code) : codes.Address(code);
      std::memcpy(reinterpret_cast<char*>(key) + layout_.offsets[k], &mapped, sizeof(mapped));
    }
  }

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
  absl::StatusOr<Column> Finished(size_t place, const std::vector<GroupRow>& groups) const {
    if (place < plan_.keys.size()) {
      Column column = MakeColumn(plan_.keys[place]);
      for (const uint64_t* group : groups) AppendKey(place, group, &column);
      return column;
    }
    const Accumulator& accumulator = *accumulators_[place - plan_.keys.size()];
    Column column = accumulator.MakeColumn();
    for (const uint64_t* group : groups) {
      const absl::Status status = accumulator.AppendTo(group, &column);
      if (!status.ok()) return absl::OutOfRangeError(std::string(status.message()) + GroupText(group));
    }
    return column;
  }

  // Leaves those for which `having` is true. A sum that it tests and that is beyond int64 is an error.
  absl::Status KeepThoseThatPass(std::vector<GroupRow>* groups) const {
    std::vector<Column> columns;
    for (const std::string& name : NamesOf(*plan_.having)) {
      absl::StatusOr<Column> column = Finished(PlaceOf(name), *groups);
      if (!column.ok()) return column.status();
      columns.push_back(*std::move(column));
    }
    const Observations* observations = plan_.context.observations;
    const std::vector<uint32_t> passed =
        RowsThatPass(*plan_.having, columns, groups->size(), [observations](IpAddress address) {
          return observations != nullptr && observations->IsOwn(address);
        });
    std::vector<GroupRow> rows;
    for (uint32_t group : passed) rows.push_back((*groups)[group]);
    *groups = std::move(rows);
    return absl::OkStatus();
  }

  // Sorted by the plan's columns, then by keys, and cut at the limit.
  std::vector<GroupRow> Sorted(const std::vector<std::vector<GroupRow>>& parts, size_t threads) const {
    struct Ranked {
      uint64_t rank;  // what of the first column fits into a word
      GroupRow row;
    };
    const std::vector<SortColumn> sort = SortColumns();
    const size_t limit = plan_.limit ? *plan_.limit : std::numeric_limits<size_t>::max();
    auto before = [&](const Ranked& a, const Ranked& b) {
      return a.rank != b.rank ? a.rank < b.rank : Before(a.row, b.row, sort);
    };
    // Each thread sorts every so many-th part, and of many groups keeps a heap with the last one on top.
    threads = std::min(threads, parts.size());
    std::vector<std::vector<Ranked>> slices(threads);
    size_t first_word = 0;  // of the row, for the first column
    if (!sort.empty() && sort[0].column >= plan_.keys.size()) {
      first_word = accumulators_[sort[0].column - plan_.keys.size()]->place();
    }
    RunInThreads(threads, [&](size_t thread) {
      std::vector<Ranked>& kept = slices[thread];
      for (size_t part = thread; part < parts.size(); part += threads) {
        for (size_t g = 0; g < parts[part].size(); ++g) {
          if (g + 16 < parts[part].size()) __builtin_prefetch(parts[part][g + 16] + first_word);
          const GroupRow row = parts[part][g];
          const Ranked ranked{sort.empty() ? 0 : Rank(sort[0], row), row};
          if (kept.size() < limit) {
            kept.push_back(ranked);
            if (kept.size() == limit) std::make_heap(kept.begin(), kept.end(), before);
          } else if (limit > 0 && before(ranked, kept.front())) {
            std::pop_heap(kept.begin(), kept.end(), before);
            kept.back() = ranked;
            std::push_heap(kept.begin(), kept.end(), before);
          }
        }
      }
      SortByRank(kept, before);
    });
    std::vector<Ranked> all;
    for (std::vector<Ranked>& slice : slices) {
      const auto middle = static_cast<std::ptrdiff_t>(all.size());
      all.insert(all.end(), slice.begin(), slice.end());
      slice = {};
      std::inplace_merge(all.begin(), all.begin() + middle, all.end(), before);
    }
    std::vector<GroupRow> groups(std::min(limit, all.size()));
    for (size_t g = 0; g < groups.size(); ++g) groups[g] = all[g].row;
    return groups;
  }

  // A number whose order is that of the column, as far as it goes: a lower rank is before, equal ones need Before().
  uint64_t Rank(const SortColumn& sort, const uint64_t* row) const {
    constexpr uint64_t kLast = kLastRank;
    uint64_t rank = 0;
    if (sort.column >= plan_.keys.size()) {
      const Accumulator& accumulator = *accumulators_[sort.column - plan_.keys.size()];
      if (accumulator.IsNull(row)) return kLast;
      rank = accumulator.RankOf(row);
    } else if (layout_.IsNull(row, sort.column)) {
      return kLast;
    } else if (!layout_.is_narrow[sort.column]) {
      rank = static_cast<uint64_t>(layout_.Word(row, sort.column)) ^ uint64_t{1} << 63;
    } else {
      rank = layout_.Code(row, sort.column);
      if (layout_.kinds[sort.column] == WordKind::kAddress) rank = std::min<uint64_t>(rank, Interner::kFirstOdd);
      if (layout_.kinds[sort.column] == WordKind::kText) rank = RankOfText(interner_.text(static_cast<uint32_t>(rank)));
      if (layout_.kinds[sort.column] == WordKind::kPrefix) rank = 0;
    }
    return std::min(sort.descending ? ~rank : rank, kLast - 1);
  }

  static uint64_t RankOfText(std::string_view text) {
    uint64_t rank = 0;
    for (size_t i = 0; i < 8; ++i) {
      rank = rank << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
    }
    return rank;
  }

  std::vector<SortColumn> SortColumns() const {
    std::vector<SortColumn> sort;
    for (const auto& [name, order] : plan_.sort) sort.push_back({PlaceOf(name), order == Order::kDescending});
    // Ties are in ascending order of the keys.
    for (size_t k = 0; k < plan_.keys.size(); ++k) sort.push_back({k, false});
    return sort;
  }

  bool Before(const uint64_t* a, const uint64_t* b, const std::vector<SortColumn>& sort) const {
    for (const SortColumn& s : sort) {
      const int order = CompareIn(s.column, a, b);
      if (order == 0) continue;
      // Nulls are last both ways, and compare as greater than everything.
      const bool has_null = IsNull(s.column, a) || IsNull(s.column, b);
      return s.descending && !has_null ? order > 0 : order < 0;
    }
    return false;
  }

  bool IsNull(size_t column, const uint64_t* group) const {
    if (column < plan_.keys.size()) return layout_.IsNull(group, column);
    return accumulators_[column - plan_.keys.size()]->IsNull(group);
  }

  int CompareIn(size_t column, const uint64_t* a, const uint64_t* b) const {
    if (column >= plan_.keys.size()) return accumulators_[column - plan_.keys.size()]->Compare(a, b);
    const bool no_a = layout_.IsNull(a, column), no_b = layout_.IsNull(b, column);
    if (no_a || no_b) return static_cast<int>(no_a) - static_cast<int>(no_b);
    auto compare = [](const auto& p, const auto& q) { return p < q ? -1 : (q < p ? 1 : 0); };
    if (!layout_.is_narrow[column]) return compare(layout_.Word(a, column), layout_.Word(b, column));
    const uint32_t x = layout_.Code(a, column), y = layout_.Code(b, column);
    if (x == y) return 0;
    switch (layout_.kinds[column]) {
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

  std::string PrefixText(size_t key, uint32_t code) const {
    const IpAddress address = interner_.address(code);
    return IpPrefix(address, address.is_v4() ? plan_.keys[key].prefix_v4 : plan_.keys[key].prefix_v6).ToString();
  }

  void AppendKey(size_t key, const uint64_t* group, Column* out) const {
    if (layout_.IsNull(group, key)) return out->AppendNull();
    if (!layout_.is_narrow[key]) return out->AppendInt(layout_.Word(group, key));
    const uint32_t code = layout_.Code(group, key);
    switch (layout_.kinds[key]) {
      case WordKind::kInteger:
        return out->AppendInt(code);
      case WordKind::kAddress:
        return out->AppendAddress(interner_.address(code));
      case WordKind::kText:
        return out->AppendText(interner_.text(code));
      case WordKind::kPrefix:
        return out->AppendText(PrefixText(key, code));
    }
  }

  // " (srcaddr=10.0.0.1, action=ACCEPT)"
  std::string GroupText(const uint64_t* group) const {
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
  KeyLayout layout_;
  size_t row_words_ = 0;
  std::vector<std::unique_ptr<Accumulator>> accumulators_;
  GroupTable table_;
  Interner interner_;
  ColumnReader reader_;
  SelectionPool pool_;
  std::vector<uint64_t> keys_;
  std::vector<GroupRow> groups_;
  FewGroups few_;
};

}  // namespace

std::unique_ptr<LocalSink> MakeGroupSink(const GroupPlan& plan) { return std::make_unique<GroupSink>(plan); }

absl::StatusOr<std::vector<Column>> FinishGroups(const GroupPlan&, std::span<LocalSink* const> sinks) {
  constexpr size_t kManyGroups = 1 << 14;  // from here on threads are worth their start
  try {
    std::vector<GroupSink*> groups;
    for (LocalSink* sink : sinks) groups.push_back(static_cast<GroupSink*>(sink));
    GroupSink& first = *groups[0];
    const bool many = std::any_of(groups.begin(), groups.end(), [](const GroupSink* sink) { return sink->num_groups() > kManyGroups; });
    if (groups.size() > 1 && many && std::all_of(groups.begin(), groups.end(), [](const GroupSink* sink) { return sink->is_in_rows(); })) {
      return first.Finish(GroupSink::MergeInParts(groups), groups.size());
    }
    for (size_t i = 1; i < groups.size(); ++i) first.Merge(*groups[i]);
    return first.Finish(first.Groups(), groups.size());
  } catch (const std::bad_alloc&) {
    return OutOfMemoryStatus();
  }
}

}  // namespace v1
}  // namespace flowlogs
