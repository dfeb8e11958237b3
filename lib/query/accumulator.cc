// The exact accumulators: count, sum, mean, min, max, distinct, first, last.
#include "lib/query/accumulator.h"

#include <limits>
#include <optional>
#include <utility>

#include "lib/query/accumulator_base.h"
#include "lib/query/group_table.h"

namespace flowlogs {
inline namespace v1 {
namespace {

__extension__ using Int128 = __int128;

// count() and count(f).
class Count final : public AccumulatorBase<Count, uint64_t> {
 public:
  using AccumulatorBase::AccumulatorBase;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (aggregate_.kind == Kind::kCount) {
      for (uint32_t i = 0; i < in.rows.count; ++i) ++states_[in.groups[i]];
    } else if (is_text()) {
      ForEachPresent<std::string>(column, in, [&](uint32_t group, std::string_view, uint32_t) { ++states_[group]; });
    } else {
      ForEachPresent<int64_t>(column, in, [&](uint32_t group, int64_t, uint32_t) { ++states_[group]; });
    }
  }
  void MergeState(uint32_t group, const Count& from, size_t g) override { states_[group] += from.states_[g]; }
  int Compare(uint32_t a, uint32_t b) const override { return CompareValues(states_[a], states_[b]); }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    out->AppendInt(static_cast<int64_t>(states_[group]));
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return IntColumn(); }
};

// sum(f) and mean(f): 128 bits, so that nothing overflows on the way.
struct SumState {
  Int128 sum = 0;
  uint64_t present = 0;
};
class Sum final : public AccumulatorBase<Sum, SumState> {
 public:
  using AccumulatorBase::AccumulatorBase;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    ForEachPresent<int64_t>(column, in, [&](uint32_t group, int64_t value, uint32_t) {
      states_[group].sum += value;
      ++states_[group].present;
    });
  }
  void MergeState(uint32_t group, const Sum& from, size_t g) override {
    states_[group].sum += from.states_[g].sum;
    states_[group].present += from.states_[g].present;
  }
  bool IsNull(uint32_t group) const override { return states_[group].present == 0; }
  int Compare(uint32_t a, uint32_t b) const override {
    const SumState& x = states_[a];
    const SumState& y = states_[b];
    if (x.present == 0 || y.present == 0) return static_cast<int>(x.present == 0) - static_cast<int>(y.present == 0);
    return is_mean() ? CompareValues(Mean(x), Mean(y)) : CompareValues(x.sum, y.sum);
  }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    const SumState& state = states_[group];
    if (state.present == 0) {
      out->AppendNull();
    } else if (is_mean()) {
      out->AppendDouble(Mean(state));
    } else if (state.sum > std::numeric_limits<int64_t>::max() || state.sum < std::numeric_limits<int64_t>::min()) {
      return absl::OutOfRangeError(aggregate_.text + " does not fit into a 64-bit integer");
    } else {
      out->AppendInt(static_cast<int64_t>(state.sum));
    }
    return absl::OkStatus();
  }
  Column MakeColumn() const override {
    return Column(aggregate_.name, is_mean() ? ColumnType::kDouble : ColumnType::kInt64);
  }

 private:
  bool is_mean() const { return aggregate_.kind == Kind::kMean; }
  static double Mean(const SumState& state) {
    return static_cast<double>(static_cast<long double>(state.sum) / static_cast<long double>(state.present));
  }
};

// min(f) and max(f), of numbers, addresses or texts.
template <typename T>
class Extreme final : public AccumulatorBase<Extreme<T>, std::optional<T>> {
  using Base = AccumulatorBase<Extreme<T>, std::optional<T>>;

 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    ForEachPresent<T>(column, in, [&](uint32_t group, const auto& value, uint32_t) { Take(group, value); });
  }
  void MergeState(uint32_t group, const Extreme& from, size_t g) override {
    if (from.states_[g]) Take(group, *from.states_[g]);
  }
  bool IsNull(uint32_t group) const override { return !this->states_[group]; }
  int Compare(uint32_t a, uint32_t b) const override { return CompareOptional(this->states_[a], this->states_[b]); }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    const std::optional<T>& state = this->states_[group];
    state ? Base::Append(*state, out) : out->AppendNull();
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return this->ColumnOfItsType(); }

 private:
  template <typename V>
  void Take(uint32_t group, const V& value) {
    std::optional<T>& state = this->states_[group];
    const bool is_min = this->aggregate_.kind == AggregateExpression::Kind::kMin;
    if (!state || (is_min ? value < *state : *state < value)) state = T(value);
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
class Outermost final : public AccumulatorBase<Outermost<T>, PlacedValue<T>> {
  using Base = AccumulatorBase<Outermost<T>, PlacedValue<T>>;

 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (column.lacking || in.start->lacking) return;
    const int64_t* starts = in.reader->Words(*in.start, *in.batch, in.rows);
    const int64_t* ends = in.end->lacking ? nullptr : in.reader->Words(*in.end, *in.batch, in.rows);
    const int64_t no_end = is_first() ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
    ForEachPresent<T>(column, in, [&](uint32_t group, const auto& value, uint32_t row) {
      if (starts[row] == kNullWord) return;
      Take(group, starts[row], ends == nullptr || ends[row] == kNullWord ? no_end : ends[row], value);
    });
  }
  void MergeState(uint32_t group, const Outermost& from, size_t g) override {
    const PlacedValue<T>& other = from.states_[g];
    if (other.start != kNullWord) Take(group, other.start, other.end, other.value);
  }
  bool IsNull(uint32_t group) const override { return this->states_[group].start == kNullWord; }
  int Compare(uint32_t a, uint32_t b) const override {
    const bool x = IsNull(a), y = IsNull(b);
    return x || y ? static_cast<int>(x) - static_cast<int>(y)
                  : CompareValues(this->states_[a].value, this->states_[b].value);
  }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    IsNull(group) ? out->AppendNull() : Base::Append(this->states_[group].value, out);
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return this->ColumnOfItsType(); }

 private:
  bool is_first() const { return this->aggregate_.kind == AggregateExpression::Kind::kFirst; }
  template <typename V>
  void Take(uint32_t group, int64_t start, int64_t end, const V& value) {
    PlacedValue<T>& state = this->states_[group];
    auto is_outer = [this](const auto& a, const auto& b) { return is_first() ? a < b : b < a; };
    if (state.start != kNullWord) {
      if (start != state.start) {
        if (!is_outer(start, state.start)) return;
      } else if (end != state.end) {
        if (!is_outer(end, state.end)) return;
      } else if (!is_outer(value, state.value)) {
        return;
      }
    }
    state.start = start;
    state.end = end;
    state.value = value;
  }
};

// distinct(f): exact.
class Distinct final : public AccumulatorBase<Distinct, uint64_t> {
 public:
  using AccumulatorBase::AccumulatorBase;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (is_text()) {
      ForEachPresent<std::string>(
          column, in, [&](uint32_t group, std::string_view text, uint32_t) { Take(group, in.interner->Text(text)); });
      return;
    }
    ForEachPresent<int64_t>(column, in, [&](uint32_t group, int64_t word, uint32_t) {
      const bool is_v6 = is_address() && (word & kV6Tag) != 0;
      Take(group, is_v6 ? in.interner->Address(in.batch->Address(word)) : word);
    });
  }
  void Merge(const Accumulator& other, std::span<const uint32_t> groups, const WordMap& words) override {
    static_cast<const Distinct&>(other).pairs_.ForEach(
        [&](uint32_t group, int64_t word) { Take(groups[group], words.Map(word, is_text(), is_address())); });
  }
  int Compare(uint32_t a, uint32_t b) const override { return CompareValues(states_[a], states_[b]); }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    out->AppendInt(static_cast<int64_t>(states_[group]));
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return IntColumn(); }

 private:
  void Take(uint32_t group, int64_t word) { states_[group] += pairs_.Add(group, word); }
  PairSet pairs_;
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
      return MakeForType<Extreme>(aggregate);
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
