#include "lib/query/accumulator.h"

#include <limits>
#include <optional>
#include <utility>

#include "lib/query/group_table.h"

namespace flowlogs {
inline namespace v1 {
namespace {

__extension__ using Int128 = __int128;

template <typename T>
int CompareValues(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

// Nulls after everything; two nulls are equal.
template <typename T>
int CompareOptional(const std::optional<T>& a, const std::optional<T>& b) {
  if (!a || !b) return static_cast<int>(!a) - static_cast<int>(!b);
  return CompareValues(*a, *b);
}

// What all accumulators share: the aggregate, and a vector of states.
template <typename Self, typename State>
class Base : public Accumulator {
 public:
  explicit Base(const AggregateExpression& aggregate) : aggregate_(aggregate) {}
  void Resize(size_t groups) override { states_.resize(groups); }
  void Merge(const Accumulator& other, std::span<const uint32_t> groups, const WordMap&) override {
    const Self& from = static_cast<const Self&>(other);
    for (size_t g = 0; g < groups.size(); ++g) MergeState(groups[g], from, g);
  }
  bool IsNull(uint32_t) const override { return false; }
  // Adds the state of group g of `from` to that of `group`.
  virtual void MergeState(uint32_t, const Self&, size_t) {}

 protected:
  bool is_text() const { return aggregate_.column.type() == OperandType::kText; }
  bool is_address() const { return aggregate_.column.type() == OperandType::kAddress; }
  bool is_time() const { return aggregate_.column.type() == OperandType::kTime; }

  AggregateExpression aggregate_;
  std::vector<State> states_;
};

// count() and count(f).
class Count final : public Base<Count, uint64_t> {
 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (aggregate_.kind == AggregateExpression::Kind::kCount) {
      for (uint32_t i = 0; i < in.rows.count; ++i) ++states_[in.groups[i]];
    } else if (column.lacking()) {
      return;
    } else if (is_text()) {
      const std::string_view* texts = in.reader->Texts(column, *in.batch, in.rows);
      for (uint32_t i = 0; i < in.rows.count; ++i) states_[in.groups[i]] += texts[in.rows[i]].data() != nullptr;
    } else {
      const int64_t* words = in.reader->Words(column, *in.batch, in.rows);
      for (uint32_t i = 0; i < in.rows.count; ++i) states_[in.groups[i]] += words[in.rows[i]] != kNullWord;
    }
  }
  void MergeState(uint32_t group, const Count& from, size_t g) override { states_[group] += from.states_[g]; }
  int Compare(uint32_t a, uint32_t b) const override { return CompareValues(states_[a], states_[b]); }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    out->AppendInt(static_cast<int64_t>(states_[group]));
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return Column(aggregate_.name, ColumnType::kInt64); }
};

// sum(f) and mean(f): 128 bits, so that nothing overflows on the way.
struct SumState {
  Int128 sum = 0;
  uint64_t present = 0;
};
class Sum final : public Base<Sum, SumState> {
 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (column.lacking()) return;
    const int64_t* words = in.reader->Words(column, *in.batch, in.rows);
    for (uint32_t i = 0; i < in.rows.count; ++i) {
      const int64_t word = words[in.rows[i]];
      if (word == kNullWord) continue;
      SumState& state = states_[in.groups[i]];
      state.sum += word;
      ++state.present;
    }
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
  bool is_mean() const { return aggregate_.kind == AggregateExpression::Kind::kMean; }
  static double Mean(const SumState& state) {
    return static_cast<double>(static_cast<long double>(state.sum) / static_cast<long double>(state.present));
  }
};

// min(f) and max(f), of numbers, addresses or texts.
template <typename T>
class Extreme final : public Base<Extreme<T>, std::optional<T>> {
 public:
  using Base<Extreme<T>, std::optional<T>>::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (column.lacking()) return;
    if constexpr (std::is_same_v<T, std::string>) {
      const std::string_view* texts = in.reader->Texts(column, *in.batch, in.rows);
      for (uint32_t i = 0; i < in.rows.count; ++i) {
        if (texts[in.rows[i]].data() != nullptr) Take(in.groups[i], texts[in.rows[i]]);
      }
    } else {
      const int64_t* words = in.reader->Words(column, *in.batch, in.rows);
      for (uint32_t i = 0; i < in.rows.count; ++i) {
        const int64_t word = words[in.rows[i]];
        if (word == kNullWord) continue;
        if constexpr (std::is_same_v<T, IpAddress>) {
          Take(in.groups[i], in.batch->Address(word));
        } else {
          Take(in.groups[i], word);
        }
      }
    }
  }
  void MergeState(uint32_t group, const Extreme& from, size_t g) override {
    if (from.states_[g]) Take(group, *from.states_[g]);
  }
  bool IsNull(uint32_t group) const override { return !this->states_[group]; }
  int Compare(uint32_t a, uint32_t b) const override { return CompareOptional(this->states_[a], this->states_[b]); }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    const std::optional<T>& state = this->states_[group];
    if (!state) {
      out->AppendNull();
    } else if constexpr (std::is_same_v<T, std::string>) {
      out->AppendText(*state);
    } else if constexpr (std::is_same_v<T, IpAddress>) {
      out->AppendAddress(*state);
    } else {
      out->AppendInt(*state);
    }
    return absl::OkStatus();
  }
  Column MakeColumn() const override {
    const ColumnType type = this->is_text() ? ColumnType::kText : this->is_address() ? ColumnType::kAddress : ColumnType::kInt64;
    return Column(this->aggregate_.name, type, this->is_time());
  }

 private:
  template <typename V>
  void Take(uint32_t group, const V& value) {
    std::optional<T>& state = this->states_[group];
    const bool better = !state || (this->aggregate_.kind == AggregateExpression::Kind::kMin ? value < *state : *state < value);
    if (better) state = T(value);
  }
};

// distinct(f): exact.
class Distinct final : public Base<Distinct, uint64_t> {
 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    if (column.lacking()) return;
    if (is_text()) {
      const std::string_view* texts = in.reader->Texts(column, *in.batch, in.rows);
      for (uint32_t i = 0; i < in.rows.count; ++i) {
        const std::string_view text = texts[in.rows[i]];
        if (text.data() != nullptr) Take(in.groups[i], in.interner->Text(text));
      }
      return;
    }
    const int64_t* words = in.reader->Words(column, *in.batch, in.rows);
    for (uint32_t i = 0; i < in.rows.count; ++i) {
      const int64_t word = words[in.rows[i]];
      if (word == kNullWord) continue;
      const bool is_v6 = is_address() && (word & kV6Tag) != 0;
      Take(in.groups[i], is_v6 ? in.interner->Address(in.batch->Address(word)) : word);
    }
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
  Column MakeColumn() const override { return Column(aggregate_.name, ColumnType::kInt64); }

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
      break;
  }
  if (aggregate.column.type() == OperandType::kText) return std::make_unique<Extreme<std::string>>(aggregate);
  if (aggregate.column.type() == OperandType::kAddress) return std::make_unique<Extreme<IpAddress>>(aggregate);
  return std::make_unique<Extreme<int64_t>>(aggregate);
}

}  // namespace v1
}  // namespace flowlogs
