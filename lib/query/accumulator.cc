// The exact accumulators: count, sum, mean, min, max, distinct, first, last.
#include "lib/query/accumulator.h"

#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/io/hash_table.h"
#include "lib/query/accumulator_base.h"
#include "lib/query/group_table.h"

namespace flowlogs {
inline namespace v1 {
namespace {

__extension__ using Int128 = __int128;

// A word of a row as a number that may be missing: 0 is none, and what no value of a log is becomes 0.
constexpr uint64_t kSign = uint64_t{1} << 63;
constexpr int64_t ToNumber(uint64_t word) { return static_cast<int64_t>(word ^ kSign); }
constexpr uint64_t ToWord(int64_t number) { return static_cast<uint64_t>(number) ^ kSign; }

// count() and count(f).
class Count final : public AccumulatorBase {
 public:
  using AccumulatorBase::AccumulatorBase;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    const size_t place = place_;
    if (aggregate_.kind == Kind::kCount && in.few != nullptr) {
      FewSums counts(in);
      counts.AddAll([](uint32_t) { return 1; });
      counts.ForEach([&](GroupRow group, uint64_t count) { group[place] += count; });
    } else if (aggregate_.kind == Kind::kCount) {
      for (uint32_t i = 0; i < in.rows.count; ++i) ++in.groups[i][place];
    } else if (is_text()) {
      ForEachPresent<std::string>(column, in, [&](GroupRow group, std::string_view, uint32_t) { ++group[place]; });
    } else {
      ForEachPresent<int64_t>(column, in, [&](GroupRow group, int64_t, uint32_t) { ++group[place]; });
    }
  }
  void MergeRows(const GroupRow* into, const Accumulator&, const GroupRow* from, size_t count) override {
    for (size_t i = 0; i < count; ++i) into[i][place_] += from[i][place_];
  }
  bool is_in_rows() const override { return true; }
  int Compare(const uint64_t* a, const uint64_t* b) const override { return CompareValues(a[place_], b[place_]); }
  uint64_t RankOf(const uint64_t* row) const override { return row[place_]; }
  absl::Status AppendTo(const uint64_t* row, Column* out) const override {
    out->AppendInt(static_cast<int64_t>(row[place_]));
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return IntColumn(); }
};

// sum(f) and mean(f): 128 bits, so that nothing overflows on the way. The row has 64 of them; what goes beyond is kept
// beside it. Of mean(f) a second word counts the values.
class Sum final : public AccumulatorBase {
 public:
  using AccumulatorBase::AccumulatorBase;
  size_t state_words() const override { return is_mean() ? 2 : 1; }
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (AddToFew(column, in)) return;
    if (is_mean()) {
      ForEachPresent<int64_t>(column, in, [&](GroupRow group, int64_t value, uint32_t) {
        Add(group, value);
        ++group[place_ + 1];
      });
    } else {
      ForEachPresent<int64_t>(column, in, [&](GroupRow group, int64_t value, uint32_t) { Add(group, value); });
    }
  }
  void MergeRows(const GroupRow* into, const Accumulator& other, const GroupRow* from, size_t count) override {
    const Sum& theirs = static_cast<const Sum&>(other);
    for (size_t i = 0; i < count; ++i) {
      if (from[i][place_] == 0) continue;
      Add(into[i], ToNumber(from[i][place_]));
      if (is_mean()) into[i][place_ + 1] += from[i][place_ + 1];
      if (theirs.beyond_.empty()) continue;
      if (const auto it = theirs.beyond_.find(from[i]); it != theirs.beyond_.end()) Beyond(into[i]) += it->second;
    }
  }
  bool is_in_rows() const override { return beyond_.empty(); }
  bool IsNull(const uint64_t* row) const override { return row[place_] == 0; }
  int Compare(const uint64_t* a, const uint64_t* b) const override {
    const uint64_t x = a[place_], y = b[place_];
    if (x == 0 || y == 0) return static_cast<int>(x == 0) - static_cast<int>(y == 0);
    if (is_mean()) return CompareValues(MeanOf(a), MeanOf(b));
    return beyond_.empty() ? CompareValues(x, y) : CompareValues(SumOf(a), SumOf(b));
  }
  uint64_t RankOf(const uint64_t* row) const override { return is_mean() || !beyond_.empty() ? 0 : row[place_]; }
  absl::Status AppendTo(const uint64_t* row, Column* out) const override {
    if (row[place_] == 0) {
      out->AppendNull();
    } else if (is_mean()) {
      out->AppendDouble(MeanOf(row));
    } else if (const Int128 sum = SumOf(row);
               sum > std::numeric_limits<int64_t>::max() || sum < std::numeric_limits<int64_t>::min()) {
      return absl::OutOfRangeError(aggregate_.text + " does not fit into a 64-bit integer");
    } else {
      out->AppendInt(static_cast<int64_t>(sum));
    }
    return absl::OkStatus();
  }
  Column MakeColumn() const override {
    return Column(aggregate_.name, is_mean() ? ColumnType::kDouble : ColumnType::kInt64);
  }
  size_t bytes() const override { return beyond_.capacity() * 2 * sizeof(Int128); }

 private:
  bool is_mean() const { return aggregate_.kind == Kind::kMean; }
  // If there are few groups, and the values are not so big that one word could not add them up: a word's lower bits count
  // the present values, the upper ones are their sum.
  bool AddToFew(const BoundColumn& column, const GroupedRows& in) {
    constexpr unsigned kCountBits = 17;
    constexpr uint32_t kMostRows = 1 << 16;
    constexpr int64_t kLeastBig = int64_t{1} << 30;
    if (in.few == nullptr || in.rows.count > kMostRows) return false;
    if (column.lacking) return true;
    const int64_t* const words = in.reader->Words(column, *in.batch, in.rows);
    int64_t all = 0;  // the bits of all that are not null
    for (uint32_t i = 0; i < in.rows.count; ++i) {
      const int64_t word = words[in.rows[i]];
      all |= word == kNullWord ? 0 : word;
    }
    if (all < 0 || all >= kLeastBig) return false;
    FewSums sums(in);
    sums.AddAll([&](uint32_t i) {
      const int64_t word = words[in.rows[i]];
      return word == kNullWord ? 0 : (static_cast<uint64_t>(word) << kCountBits) + 1;
    });
    sums.ForEach([&](GroupRow group, uint64_t sum) {
      if (sum == 0) return;  // no value was present
      Add(group, static_cast<int64_t>(sum >> kCountBits));
      if (is_mean()) group[place_ + 1] += sum & ((uint64_t{1} << kCountBits) - 1);
    });
    return true;
  }
  void Add(GroupRow row, int64_t value) {
    uint64_t& word = row[place_];
    int64_t sum = word == 0 ? 0 : ToNumber(word);
    if (__builtin_add_overflow(sum, value, &sum) || ToWord(sum) == 0) [[unlikely]] {
      const std::lock_guard lock(mutex_);  // rows are merged by several threads, what is beyond them is one
      Beyond(row) += Int128{ToNumber(word)} + value;
      sum = 0;
    }
    word = ToWord(sum);
  }
  Int128& Beyond(const uint64_t* row) {
    return GrowTable(beyond_, [&](auto& table) -> Int128& { return table[row]; });
  }
  Int128 SumOf(const uint64_t* row) const {
    Int128 sum = ToNumber(row[place_]);
    if (beyond_.empty()) return sum;
    const auto it = beyond_.find(row);
    return it == beyond_.end() ? sum : sum + it->second;
  }
  double MeanOf(const uint64_t* row) const {
    return static_cast<double>(static_cast<long double>(SumOf(row)) / static_cast<long double>(row[place_ + 1]));
  }
  std::mutex mutex_;
  absl::flat_hash_map<const uint64_t*, Int128> beyond_;  // by row
};

// min(f) and max(f) of numbers.
class ExtremeNumber final : public AccumulatorBase {
 public:
  using AccumulatorBase::AccumulatorBase;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    ForEachPresent<int64_t>(column, in, [&](GroupRow group, int64_t value, uint32_t) { Take(group, ToWord(value)); });
  }
  void MergeRows(const GroupRow* into, const Accumulator&, const GroupRow* from, size_t count) override {
    for (size_t i = 0; i < count; ++i) {
      if (from[i][place_] != 0) Take(into[i], from[i][place_]);
    }
  }
  bool is_in_rows() const override { return true; }
  bool IsNull(const uint64_t* row) const override { return row[place_] == 0; }
  int Compare(const uint64_t* a, const uint64_t* b) const override {
    return CompareValues(a[place_] - 1, b[place_] - 1);  // null, 0, becomes the greatest
  }
  uint64_t RankOf(const uint64_t* row) const override { return row[place_]; }
  absl::Status AppendTo(const uint64_t* row, Column* out) const override {
    IsNull(row) ? out->AppendNull() : out->AppendInt(ToNumber(row[place_]));
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return ColumnOfItsType(); }

 private:
  void Take(GroupRow row, uint64_t word) {
    uint64_t& state = row[place_];
    const bool is_outer = aggregate_.kind == Kind::kMin ? word < state : word > state;
    if (state == 0 || is_outer) state = word;
  }
};

// min(f) and max(f) of addresses and texts.
template <typename T>
class Extreme final : public NumberedAccumulator<Extreme<T>, std::optional<T>> {
  using Base = NumberedAccumulator<Extreme<T>, std::optional<T>>;

 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    ForEachPresent<T>(column, in,
                      [&](GroupRow group, const auto& value, uint32_t) { Take(this->StateOf(group), value); });
  }
  void MergeState(std::optional<T>* state, const std::optional<T>& from) { Take(state, *from); }
  bool IsNull(const uint64_t* row) const override { return this->FindState(row) == nullptr; }
  int Compare(const uint64_t* a, const uint64_t* b) const override {
    const std::optional<T>* const x = this->FindState(a);
    const std::optional<T>* const y = this->FindState(b);
    if (x == nullptr || y == nullptr) return static_cast<int>(x == nullptr) - static_cast<int>(y == nullptr);
    return CompareValues(**x, **y);
  }
  absl::Status AppendTo(const uint64_t* row, Column* out) const override {
    const std::optional<T>* const state = this->FindState(row);
    state != nullptr ? Base::Append(**state, out) : out->AppendNull();
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return this->ColumnOfItsType(); }

 private:
  template <typename V>
  void Take(std::optional<T>* state, const V& value) {
    const bool is_min = this->aggregate_.kind == AggregateExpression::Kind::kMin;
    if (*state && !(is_min ? value < **state : **state < value)) return;
    if (!*state) state->emplace();
    this->Assign(value, &**state);
  }
};

// first(f) and last(f): the value of the record with the least or the greatest (start, end, value), among those that
// have a start and a value. Of equal starts, a record without end is neither before nor behind one that has it.
template <typename T>
struct PlacedValue {
  int64_t start = kNullWord;  // kNullWord: there is no value
  int64_t end = 0;
  T value = {};
};
template <typename T>
class Outermost final : public NumberedAccumulator<Outermost<T>, PlacedValue<T>> {
  using Base = NumberedAccumulator<Outermost<T>, PlacedValue<T>>;

 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (column.lacking || in.start->lacking) return;
    const int64_t* starts = in.reader->Words(*in.start, *in.batch, in.rows);
    const int64_t* ends = in.end->lacking ? nullptr : in.reader->Words(*in.end, *in.batch, in.rows);
    const int64_t no_end = is_first() ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
    ForEachPresent<T>(column, in, [&](GroupRow group, const auto& value, uint32_t row) {
      if (starts[row] == kNullWord) return;
      Take(this->StateOf(group), starts[row], ends == nullptr || ends[row] == kNullWord ? no_end : ends[row], value);
    });
  }
  void MergeState(PlacedValue<T>* state, const PlacedValue<T>& from) { Take(state, from.start, from.end, from.value); }
  bool IsNull(const uint64_t* row) const override { return this->FindState(row) == nullptr; }
  int Compare(const uint64_t* a, const uint64_t* b) const override {
    const PlacedValue<T>* const x = this->FindState(a);
    const PlacedValue<T>* const y = this->FindState(b);
    if (x == nullptr || y == nullptr) return static_cast<int>(x == nullptr) - static_cast<int>(y == nullptr);
    return CompareValues(x->value, y->value);
  }
  absl::Status AppendTo(const uint64_t* row, Column* out) const override {
    const PlacedValue<T>* const state = this->FindState(row);
    state == nullptr ? out->AppendNull() : Base::Append(state->value, out);
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return this->ColumnOfItsType(); }

 private:
  bool is_first() const { return this->aggregate_.kind == AggregateExpression::Kind::kFirst; }
  template <typename V>
  void Take(PlacedValue<T>* state, int64_t start, int64_t end, const V& value) {
    auto is_outer = [this](const auto& a, const auto& b) { return is_first() ? a < b : b < a; };
    if (state->start != kNullWord) {
      if (start != state->start) {
        if (!is_outer(start, state->start)) return;
      } else if (end != state->end) {
        if (!is_outer(end, state->end)) return;
      } else if (!is_outer(value, state->value)) {
        return;
      }
    }
    state->start = start;
    state->end = end;
    this->Assign(value, &state->value);
  }
};

// distinct(f): exact. The row has the group's number in the set of pairs, from 1, and how many it has there.
class Distinct final : public AccumulatorBase {
 public:
  using AccumulatorBase::AccumulatorBase;
  size_t state_words() const override { return 2; }
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    groups_.clear();
    words_.clear();
    if (is_text()) {
      ForEachPresent<std::string>(column, in, [&](GroupRow group, std::string_view text, uint32_t) {
        Note(group, in.interner->Text(text));
      });
    } else if (is_address()) {
      ForEachPresent<IpAddress>(column, in, [&](GroupRow group, IpAddress address, uint32_t) {
        Note(group, in.interner->Address(address));
      });
    } else {
      ForEachPresent<int64_t>(column, in, [&](GroupRow group, int64_t word, uint32_t) {
        Note(group, static_cast<uint64_t>(word));
      });
    }
    TakeNoted();
  }
  void MergeRows(const GroupRow* into, const Accumulator& other, const GroupRow* from, size_t count) override {
    merged_.resize(static_cast<const Distinct&>(other).num_groups_);
    for (size_t i = 0; i < count; ++i) {
      if (from[i][place_] != 0) merged_[from[i][place_] - 1] = into[i];
    }
  }
  void EndMerge(const Accumulator& other, const CodeMap& codes) override {
    groups_.clear();
    words_.clear();
    static_cast<const Distinct&>(other).pairs_.ForEach([&](uint32_t group, uint64_t word) {
      const uint32_t code = static_cast<uint32_t>(word);
      Note(merged_[group], is_text() ? codes.Text(code) : is_address() ? codes.Address(code) : word);
      if (groups_.size() == 1024) {
        TakeNoted();
        groups_.clear();
        words_.clear();
      }
    });
    TakeNoted();
  }
  int Compare(const uint64_t* a, const uint64_t* b) const override {
    return CompareValues(a[place_ + 1], b[place_ + 1]);
  }
  uint64_t RankOf(const uint64_t* row) const override { return row[place_ + 1]; }
  absl::Status AppendTo(const uint64_t* row, Column* out) const override {
    out->AppendInt(static_cast<int64_t>(row[place_ + 1]));
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return IntColumn(); }
  size_t bytes() const override { return pairs_.bytes(); }

 private:
  void Note(GroupRow group, uint64_t word) {
    if (group[place_] == 0) group[place_] = ++num_groups_;
    groups_.push_back(group);
    words_.push_back(word);
  }
  uint32_t NumberOf(GroupRow group) const { return static_cast<uint32_t>(group[place_] - 1); }
  void TakeNoted() {
    pairs_.Reserve(groups_.size());
    constexpr size_t kAhead = 16;
    for (size_t i = 0; i < groups_.size(); ++i) {
      if (i + kAhead < groups_.size()) pairs_.Prefetch(NumberOf(groups_[i + kAhead]), words_[i + kAhead]);
      groups_[i][place_ + 1] += pairs_.Add(NumberOf(groups_[i]), words_[i]);
    }
  }

  PairSet pairs_;
  uint64_t num_groups_ = 0;
  std::vector<GroupRow> groups_;  // noted, and not yet in the set
  std::vector<uint64_t> words_;
  std::vector<GroupRow> merged_;  // by the number of another worker's group
};

}  // namespace

std::unique_ptr<Accumulator> MakeAccumulator(const AggregateExpression& aggregate) {
  using Kind = AggregateExpression::Kind;
  switch (aggregate.kind) {
    case Kind::kCount:
    case Kind::kCountPresent:
      return std::make_unique<Count>(aggregate);
    case Kind::kSum:
    case Kind::kMean:
      return std::make_unique<Sum>(aggregate);
    case Kind::kDistinct:
      return std::make_unique<Distinct>(aggregate);
    case Kind::kMin:
    case Kind::kMax:
      switch (aggregate.column.type()) {
        case OperandType::kText:
          return std::make_unique<Extreme<std::string>>(aggregate);
        case OperandType::kAddress:
          return std::make_unique<Extreme<IpAddress>>(aggregate);
        default:
          return std::make_unique<ExtremeNumber>(aggregate);
      }
    case Kind::kFirst:
    case Kind::kLast:
      return MakeForType<Outermost>(aggregate);
    case Kind::kApproxDistinct:
    case Kind::kQuantile:
      break;
  }
  return MakeSketchAccumulator(aggregate);
}

}  // namespace v1
}  // namespace flowlogs
