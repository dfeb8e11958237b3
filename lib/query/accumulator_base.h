// What the accumulators share: states that are not in rows, and the present values of a column.
#ifndef FLOWLOGS_LIB_QUERY_ACCUMULATOR_BASE_H_
#define FLOWLOGS_LIB_QUERY_ACCUMULATOR_BASE_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lib/query/accumulator.h"

namespace flowlogs {
inline namespace v1 {

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

// Calls f(group, value, row) for each present value of the column: an int64_t, an IpAddress, or of a text a view, as T
// asks. REQUIRES: T suits the column's type. Of addresses T may be int64_t: then the value is the batch's word.
template <typename T, typename F>
void ForEachPresent(const BoundColumn& column, const GroupedRows& in, F&& f) {
  if (column.lacking) return;
  if constexpr (std::is_same_v<T, std::string>) {
    const std::string_view* texts = in.reader->Texts(column, *in.batch, in.rows);
    for (uint32_t i = 0; i < in.rows.count; ++i) {
      const uint32_t row = in.rows[i];
      if (texts[row].data() != nullptr) f(in.groups[i], texts[row], row);
    }
  } else {
    const int64_t* words = in.reader->Words(column, *in.batch, in.rows);
    for (uint32_t i = 0; i < in.rows.count; ++i) {
      const uint32_t row = in.rows[i];
      if (words[row] == kNullWord) continue;
      if constexpr (std::is_same_v<T, IpAddress>) {
        f(in.groups[i], in.batch->Address(words[row]), row);
      } else {
        f(in.groups[i], words[row], row);
      }
    }
  }
}

// Adds up words for few groups, in four places each: what a record adds to its group waits for the record before only if
// that is four records away. Without it, the counter of a group is a chain of loads and stores as long as the input.
class FewSums {
 public:
  explicit FewSums(const GroupedRows& in) : in_(in) {
    for (const uint8_t number : in.few->used) std::fill(std::begin(words_[number]), std::end(words_[number]), 0);
  }
  // Adds word_of(i), for rows[i], to its group.
  template <typename F>
  void AddAll(F&& word_of) {
    const uint8_t* const numbers = in_.few->numbers.data();
    uint32_t i = 0;
    for (; i + 4 <= in_.rows.count; i += 4) {
      for (uint32_t k = 0; k < 4; ++k) words_[numbers[i + k]][k] += word_of(i + k);
    }
    for (; i < in_.rows.count; ++i) words_[numbers[i]][0] += word_of(i);
  }
  // Calls f(row, sum) for each group.
  template <typename F>
  void ForEach(F&& f) const {
    for (const uint8_t number : in_.few->used) {
      const uint64_t* const words = words_[number];
      f(in_.few->rows[number], words[0] + words[1] + words[2] + words[3]);
    }
  }

 private:
  const GroupedRows& in_;
  uint64_t words_[FewGroups::kMost][4];
};

// An accumulator of T for the column's type: std::string, IpAddress, int64_t.
template <template <typename> typename Of>
std::unique_ptr<Accumulator> MakeForType(const AggregateExpression& aggregate) {
  switch (aggregate.column.type()) {
    case OperandType::kText:
      return std::make_unique<Of<std::string>>(aggregate);
    case OperandType::kAddress:
      return std::make_unique<Of<IpAddress>>(aggregate);
    default:
      return std::make_unique<Of<int64_t>>(aggregate);
  }
}

// The aggregate.
class AccumulatorBase : public Accumulator {
 public:
  explicit AccumulatorBase(const AggregateExpression& aggregate) : aggregate_(aggregate) {}
  bool IsNull(const uint64_t*) const override { return false; }

 protected:
  using Kind = AggregateExpression::Kind;
  bool is_text() const { return aggregate_.column.type() == OperandType::kText; }
  bool is_address() const { return aggregate_.column.type() == OperandType::kAddress; }
  bool is_time() const { return aggregate_.column.type() == OperandType::kTime; }

  Column IntColumn() const { return Column(aggregate_.name, ColumnType::kInt64); }
  // An empty column of the type that the aggregate's column has.
  Column ColumnOfItsType() const {
    const ColumnType type = is_text() ? ColumnType::kText : is_address() ? ColumnType::kAddress : ColumnType::kInt64;
    return Column(aggregate_.name, type, is_time());
  }
  static void Append(int64_t value, Column* out) { out->AppendInt(value); }
  static void Append(IpAddress value, Column* out) { out->AppendAddress(value); }
  static void Append(const std::string& value, Column* out) { out->AppendText(value); }

  AggregateExpression aggregate_;
};

// States beside the rows. Self has MergeState(State*, const State&).
template <typename Self, typename State>
class NumberedAccumulator : public AccumulatorBase {
 public:
  using AccumulatorBase::AccumulatorBase;
  void MergeRows(const GroupRow* into, const Accumulator& other, const GroupRow* from, size_t count) override {
    const Self& theirs = static_cast<const Self&>(other);
    merged_.resize(theirs.states_.size());
    for (size_t i = 0; i < count; ++i) {
      const uint64_t number = from[i][place_];
      if (number == 0) continue;
      State* const state = StateOf(into[i]);
      merged_[number - 1] = NumberOf(into[i]);
      static_cast<Self*>(this)->MergeState(state, theirs.states_[number - 1]);
    }
  }
  size_t bytes() const override { return states_.capacity() * sizeof(State) + outside_bytes_; }

 protected:
  // Gives the value to a part of a state.
  template <typename T, typename V>
  void Assign(const V& value, T* to) {
    const size_t before = OutsideBytes(*to);
    *to = T(value);
    outside_bytes_ += OutsideBytes(*to) - before;
  }
  // What a value has outside of itself.
  static size_t OutsideBytes(const std::string& text) { return text.capacity() < sizeof(text) / 2 ? 0 : text.capacity(); }
  template <typename T>
  static size_t OutsideBytes(const T&) {
    return 0;
  }
  size_t outside_bytes_ = 0;  // of what states have outside of themselves

  // The state of a group, made if it has none. Valid until the next call.
  State* StateOf(GroupRow row) {
    uint64_t& number = row[place_];
    if (number == 0) {
      states_.emplace_back();
      number = states_.size();
    }
    return &states_[number - 1];
  }
  const State* FindState(const uint64_t* row) const {
    return row[place_] == 0 ? nullptr : &states_[row[place_] - 1];
  }
  // The place of a group's state. REQUIRES: it has one.
  uint32_t NumberOf(const uint64_t* row) const { return static_cast<uint32_t>(row[place_] - 1); }

  std::vector<State> states_;
  std::vector<uint32_t> merged_;  // by the place of another worker's state: where it is here
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_ACCUMULATOR_BASE_H_
