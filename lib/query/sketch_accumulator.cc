// approx_distinct(f) and quantile(f, q): what they keep is in lib/query/sketch.h.
#include <algorithm>
#include <limits>

#include "lib/query/accumulator.h"
#include "lib/query/accumulator_base.h"
#include "lib/query/sketch.h"

namespace flowlogs {
inline namespace v1 {
namespace {

__extension__ using Uint128 = unsigned __int128;

template <typename T>
class ApproxDistinct final : public NumberedAccumulator<ApproxDistinct<T>, HyperLogLog> {
  using Base = NumberedAccumulator<ApproxDistinct<T>, HyperLogLog>;

 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    ForEachPresent<T>(column, in, [&](GroupRow group, const auto& value, uint32_t) {
      HyperLogLog* const state = this->StateOf(group);
      const size_t before = state->bytes();
      state->Add(ValueHash(value));
      this->outside_bytes_ += state->bytes() - before;
    });
  }
  void MergeState(HyperLogLog* state, const HyperLogLog& from) { state->Merge(from); }
  void Prepare() override {
    results_.clear();
    for (const HyperLogLog& state : this->states_) results_.push_back(state.Estimate());
  }
  int Compare(const uint64_t* a, const uint64_t* b) const override { return CompareValues(Result(a), Result(b)); }
  absl::Status AppendTo(const uint64_t* row, Column* out) const override {
    out->AppendInt(Result(row));
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return this->IntColumn(); }

 private:
  int64_t Result(const uint64_t* row) const {
    return this->FindState(row) == nullptr ? 0 : results_[this->NumberOf(row)];
  }
  std::vector<int64_t> results_;
};

struct Range {
  int64_t min = std::numeric_limits<int64_t>::max();
  int64_t max = std::numeric_limits<int64_t>::min();
  uint64_t present = 0;
};
class Quantile final : public NumberedAccumulator<Quantile, Range> {
 public:
  using NumberedAccumulator::NumberedAccumulator;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    ForEachPresent<int64_t>(column, in, [&](GroupRow group, int64_t value, uint32_t) {
      MergeState(StateOf(group), {value, value, 1});
      if (needs_buckets()) buckets_.Add(NumberOf(group), BucketOf(value, bits()), 1);
    });
  }
  void EndMerge(const Accumulator& other, const CodeMap&) override {
    static_cast<const Quantile&>(other).buckets_.ForEach(
        [&](uint32_t group, int32_t bucket, uint64_t count) { buckets_.Add(merged_[group], bucket, count); });
  }
  void MergeState(Range* state, const Range& from) {
    state->min = std::min(state->min, from.min);
    state->max = std::max(state->max, from.max);
    state->present += from.present;
  }
  void Prepare() override {
    results_.assign(states_.size(), 0);
    std::vector<size_t> begins;
    const std::vector<BucketCounts::Count> counts = buckets_.Sorted(states_.size(), &begins);
    for (size_t g = 0; g < states_.size(); ++g) {
      const Range& state = states_[g];
      if (!needs_buckets()) {
        results_[g] = aggregate_.quantile == 0 ? state.min : state.max;
        continue;
      }
      const Uint128 scaled = Uint128{state.present} * aggregate_.quantile;
      uint64_t rest = static_cast<uint64_t>((scaled + (kWholeQuantile - 1)) / kWholeQuantile);  // the rank, not 0
      size_t at = begins[g];
      while (counts[at].count < rest) rest -= counts[at++].count;
      results_[g] = std::clamp(ValueOfBucket(counts[at].bucket, bits()), state.min, state.max);
    }
  }
  bool IsNull(const uint64_t* row) const override { return FindState(row) == nullptr; }
  int Compare(const uint64_t* a, const uint64_t* b) const override {
    const bool x = IsNull(a), y = IsNull(b);
    return x || y ? static_cast<int>(x) - static_cast<int>(y)
                  : CompareValues(results_[NumberOf(a)], results_[NumberOf(b)]);
  }
  absl::Status AppendTo(const uint64_t* row, Column* out) const override {
    IsNull(row) ? out->AppendNull() : out->AppendInt(results_[NumberOf(row)]);
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return ColumnOfItsType(); }

 private:
  size_t bytes() const override { return NumberedAccumulator::bytes() + buckets_.bytes(); }

  // 1/128 of a time is months: times have finer buckets, of 32 seconds until 2038.
  int bits() const { return is_time() ? 25 : 6; }
  bool needs_buckets() const { return aggregate_.quantile != 0 && aggregate_.quantile != kWholeQuantile; }

  BucketCounts buckets_;
  std::vector<int64_t> results_;
};

}  // namespace

std::unique_ptr<Accumulator> MakeSketchAccumulator(const AggregateExpression& aggregate) {
  if (aggregate.kind == AggregateExpression::Kind::kQuantile) return std::make_unique<Quantile>(aggregate);
  return MakeForType<ApproxDistinct>(aggregate);
}

}  // namespace v1
}  // namespace flowlogs
