// What share of a query's records shows packets that another interface showed too: those that Once() would leave out
// (CONTRACT D2). It is an estimate that costs next to nothing: of large inputs one block in 64 is looked at, chosen by its
// place in its input, and of the pairs of ends in them at most kMaxPairs are kept, chosen by a fixed hash. So it depends
// on the input alone, not on threads. What it decodes it decodes apart, so that no bad value is counted for its sake.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/io/hash_table.h"
#include "lib/query/group_table.h"
#include "lib/query/sink.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr size_t kMaxPairs = 1 << 13;
constexpr uint64_t kWholeLines = 20'000;  // of each of the first inputs: all of these are looked at
constexpr uint32_t kWholeInputs = 4;
constexpr uint64_t kStep = 64;

uint64_t MixText(uint64_t hash, std::string_view text) {
  hash = MixWord(hash, text.size());
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, text.data(), 8);
    hash = MixWord(hash, word);
  }
  uint64_t rest = 0;
  if (!text.empty()) std::memcpy(&rest, text.data(), text.size());
  return MixWord(hash, rest);
}

// The ends and the interface of records, as far as they decide who counts.
struct Pair {
  std::string interface_id, flow_direction;
  ObservedRecord record;  // its texts are those above
  uint64_t records = 0;
};

class TwiceSink final : public LocalSink {
 public:
  TwiceSink(const Expression& filter, const RunContext& context) : filter_(filter), context_(context) {}

  void BeginBlock(const BlockContext& block) override {
    reader_.SetContext(ContextOf(context_, block));
    const bool is_whole = block.input < kWholeInputs && block.lines_before < kWholeLines;
    weight_ = is_whole ? 1 : MixWord(block.input, block.lines_before) % kStep == 0 ? kStep : 0;
  }

  void Consume(RecordBatch& batch) override {
    if (weight_ == 0) return;
    batch_.Reset(batch.run());
    const Bound& bound = bound_.For(batch.run(), [&](const Format& format) {
      Bound made{Filter::Bind(filter_, format), ObservedPlaces::Bind(format), {}};
      ObservedPlaces& places = made.places;
      places.srcport = places.dstport = places.protocol = places.tcp_flags = -1;  // they decide nothing here
      places.AppendPlaces(&made.columns);
      return made;
    });
    batch_.Locate(bound.columns, batch_.AllRows());
    const std::vector<ObservedRecord>& observed = ends_.Observed(bound.places, batch_, batch_.AllRows());
    pool_.Reset();
    const Rows rows = bound.filter.Select(batch_, batch_.AllRows(), &reader_, &pool_);
    records_ += rows.count;
    uint32_t next = 0;  // of the rows that passed
    for (uint32_t row = 0; row < batch_.run().num_rows; ++row) {
      const bool passed = next < rows.count && rows[next] == row;
      next += passed ? 1 : 0;
      Note(observed[row], passed ? weight_ : 0);
    }
  }

  void Merge(const TwiceSink& other) {
    observations_.Merge(other.observations_);
    records_ += other.records_;
    last_kept_ = std::min(last_kept_, other.last_kept_);
    for (const auto& [hash, pair] : other.pairs_) {
      if (hash > last_kept_) continue;
      Pair& mine = GrowTable(pairs_, [&hash = hash](auto& table) -> Pair& { return table[hash]; });
      const uint64_t records = mine.records;
      mine = pair;
      mine.records += records;
    }
    Trim(kMaxPairs);
  }

  std::optional<double> Finish() {
    observations_.Resolve();
    Trim(kMaxPairs);
    uint64_t looked_at = 0, twice = 0;
    for (auto& [hash, pair] : pairs_) {
      if (hash > last_kept_) continue;
      pair.record.interface_id = pair.interface_id;
      pair.record.flow_direction = pair.flow_direction;
      looked_at += pair.records;
      if (!observations_.IsCounted(pair.record, observations_.Orient(pair.record))) twice += pair.records;
    }
    if (records_ == 0) return std::nullopt;
    return looked_at == 0 ? 0 : static_cast<double>(twice) / static_cast<double>(looked_at);
  }

 private:
  struct Bound {
    Filter filter;
    ObservedPlaces places;
    std::vector<int> columns;  // of the places
  };

  // All records tell whose addresses the interfaces are; those that passed count.
  void Note(const ObservedRecord& r, uint64_t weight) {
    uint64_t hash = r.is_transit_gateway ? 1 : 2;
    for (std::string_view text : {r.interface_id, r.flow_direction}) hash = MixText(hash, text);
    for (const std::optional<IpAddress>& address : {r.source, r.destination}) {
      if (address) hash = MixWord(MixWord(hash, address->high()), address->low());
    }
    if (hash > last_kept_) {
      observations_.Observe(r);
      return;
    }
    const auto [it, is_new] = GrowTable(pairs_, [&](auto& table) { return table.try_emplace(hash); });
    it->second.records += weight;
    if (!is_new) return;
    observations_.Observe(r);
    it->second.interface_id = r.interface_id;
    it->second.flow_direction = r.flow_direction;
    it->second.record = r;
    if (pairs_.size() >= 2 * kMaxPairs) Trim(kMaxPairs);
  }

  void Trim(size_t most) {
    if (pairs_.size() > most) {
      std::vector<uint64_t> hashes;
      for (const auto& [hash, pair] : pairs_) hashes.push_back(hash);
      const auto last = hashes.begin() + static_cast<std::ptrdiff_t>(most) - 1;
      std::nth_element(hashes.begin(), last, hashes.end());
      last_kept_ = std::min(last_kept_, *last);
    }
    absl::erase_if(pairs_, [&](const auto& entry) { return entry.first > last_kept_; });
  }

  const Expression& filter_;
  const RunContext& context_;
  uint64_t weight_ = 0;  // how many records each one of the block stands for
  RecordBatch batch_;
  ColumnReader reader_;  // of the filter
  ColumnReader ends_;
  BoundByFormat<Bound> bound_;
  SelectionPool pool_;
  Observations observations_;
  absl::flat_hash_map<uint64_t, Pair> pairs_;
  uint64_t last_kept_ = ~uint64_t{0};
  uint64_t records_ = 0;
};

}  // namespace

std::unique_ptr<LocalSink> MakeTwiceSink(const Expression& filter, const RunContext& context) {
  return std::make_unique<TwiceSink>(filter, context);
}

std::optional<double> FinishTwice(std::span<LocalSink* const> sinks) {
  if (sinks.empty()) return std::nullopt;
  auto& all = *static_cast<TwiceSink*>(sinks[0]);
  for (LocalSink* sink : sinks.subspan(1)) all.Merge(*static_cast<TwiceSink*>(sink));
  return all.Finish();
}

}  // namespace v1
}  // namespace flowlogs
