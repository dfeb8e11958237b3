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
class ApproxDistinct final : public AccumulatorBase<ApproxDistinct<T>, HyperLogLog> {
  using Base = AccumulatorBase<ApproxDistinct<T>, HyperLogLog>;

 public:
  using Base::Base;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    ForEachPresent<T>(column, in,
                      [&](uint32_t group, const auto& value, uint32_t) { this->states_[group].Add(ValueHash(value)); });
  }
  void MergeState(uint32_t group, const ApproxDistinct& from, size_t g) override {
    this->states_[group].Merge(from.states_[g]);
  }
  void Prepare() override {
    results_.clear();
    for (const HyperLogLog& state : this->states_) results_.push_back(state.Estimate());
  }
  int Compare(uint32_t a, uint32_t b) const override { return CompareValues(results_[a], results_[b]); }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    out->AppendInt(results_[group]);
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return this->IntColumn(); }

 private:
  std::vector<int64_t> results_;
};

struct Range {
  int64_t min = std::numeric_limits<int64_t>::max();
  int64_t max = std::numeric_limits<int64_t>::min();
  uint64_t present = 0;
};
class Quantile final : public AccumulatorBase<Quantile, Range> {
 public:
  using AccumulatorBase::AccumulatorBase;
  void Add(const BoundColumn& column, const GroupedRows& in) override {
    ForEachPresent<int64_t>(column, in, [&](uint32_t group, int64_t value, uint32_t) {
      Range& state = states_[group];
      state.min = std::min(state.min, value);
      state.max = std::max(state.max, value);
      ++state.present;
      if (needs_buckets()) buckets_.Add(group, BucketOf(value, bits()), 1);
    });
  }
  void Merge(const Accumulator& other, std::span<const uint32_t> groups, const WordMap& words) override {
    AccumulatorBase::Merge(other, groups, words);
    static_cast<const Quantile&>(other).buckets_.ForEach(
        [&](uint32_t group, int32_t bucket, uint64_t count) { buckets_.Add(groups[group], bucket, count); });
  }
  void MergeState(uint32_t group, const Quantile& from, size_t g) override {
    Range& state = states_[group];
    const Range& other = from.states_[g];
    state.min = std::min(state.min, other.min);
    state.max = std::max(state.max, other.max);
    state.present += other.present;
  }
  void Prepare() override {
    results_.assign(states_.size(), 0);
    std::vector<size_t> begins;
    const std::vector<BucketCounts::Count> counts = buckets_.Sorted(states_.size(), &begins);
    for (size_t g = 0; g < states_.size(); ++g) {
      const Range& state = states_[g];
      if (state.present == 0) continue;
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
  bool IsNull(uint32_t group) const override { return states_[group].present == 0; }
  int Compare(uint32_t a, uint32_t b) const override {
    const bool x = IsNull(a), y = IsNull(b);
    return x || y ? static_cast<int>(x) - static_cast<int>(y) : CompareValues(results_[a], results_[b]);
  }
  absl::Status AppendTo(uint32_t group, Column* out) const override {
    IsNull(group) ? out->AppendNull() : out->AppendInt(results_[group]);
    return absl::OkStatus();
  }
  Column MakeColumn() const override { return ColumnOfItsType(); }

 private:
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
