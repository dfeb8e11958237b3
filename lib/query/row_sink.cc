// Rows: selected columns or whole records, block by block and in order; and the sinks that only look.
#include <algorithm>
#include <numeric>

#include "flowlogs/schema/value.h"
#include "lib/query/sink.h"

namespace flowlogs {
inline namespace v1 {
namespace {

struct BoundRows {
  Filter filter;
  std::vector<BoundKey> columns;
  std::vector<int> places;

  static BoundRows Bind(const RowPlan& plan, const Format& format) {
    BoundRows bound{Filter::Bind(plan.filter, format, plan.once), {}, {}};
    for (const KeyExpression& column : plan.columns) {
      bound.columns.push_back(BoundKey::Bind(column, format));
      bound.columns.back().AppendPlaces(&bound.places);
    }
    return bound;
  }
};

class RowSink final : public LocalSink {
 public:
  explicit RowSink(const RowPlan& plan) : plan_(plan) {}

  void BeginBlock(const BlockContext& block) override {
    block_ = block;
    reader_.SetContext(ContextOf(plan_.context, block));
    parts_.clear();
    hashes_.clear();
  }

  void Consume(RecordBatch& batch) override {
    const BoundRows& bound =
        bound_.For(batch.run(), [&](const Format& format) { return BoundRows::Bind(plan_, format); });
    pool_.Reset();
    const Rows rows = bound.filter.Select(batch, batch.AllRows(), &reader_, &pool_);
    if (rows.count == 0) return;
    RowChunk part;
    for (uint32_t i = 0; i < rows.count; ++i) part.block_lines.push_back(batch.run().block_line(rows[i]));
    if (plan_.seen != nullptr) {
      const LineHash format = HashFormat(batch.format());
      std::vector<LineHash>& hashes = hashes_.emplace_back();
      for (uint32_t i = 0; i < rows.count; ++i) hashes.push_back(HashRecord(format, batch, rows[i]));
    }
    if (plan_.whole_records) {
      part.records.groups.push_back({batch.format(), {}, {}, {}});
      std::string& lines = part.records.groups[0].lines;
      for (uint32_t i = 0; i < rows.count; ++i) {
        batch.run().AppendLine(rows[i], &lines);
        lines += '\n';
      }
    } else {
      part.columns = MakeColumns(plan_);
      batch.Locate(bound.places, rows);
      for (size_t c = 0; c < part.columns.size(); ++c) bound.columns[c].AppendTo(batch, rows, &reader_, &part.columns[c]);
    }
    parts_.push_back(std::move(part));
  }

  RowChunk EndBlock() override {
    if (parts_.empty()) return {};
    if (plan_.whole_records) return MergeRecords();
    if (parts_.size() == 1 && plan_.seen == nullptr) return std::move(parts_[0]);
    RowChunk chunk;
    chunk.columns = MakeColumns(plan_);
    ForEachInOrder([&](const RowChunk& part, size_t row) {
      if (!IsFirst(part, row)) return;
      chunk.block_lines.push_back(part.block_lines[row]);
      for (size_t c = 0; c < chunk.columns.size(); ++c) chunk.columns[c].AppendFrom(part.columns[c], row);
    });
    return chunk;
  }

 private:
  // Calls f(part, row) for the rows of all parts, in order of lines.
  template <typename F>
  void ForEachInOrder(F&& f) const {
    std::vector<size_t> next(parts_.size(), 0);
    for (;;) {
      size_t least = parts_.size();
      for (size_t p = 0; p < parts_.size(); ++p) {
        if (next[p] == parts_[p].num_rows()) continue;
        if (least == parts_.size() || parts_[p].block_lines[next[p]] < parts_[least].block_lines[next[least]]) least = p;
      }
      if (least == parts_.size()) return;
      f(parts_[least], next[least]++);
    }
  }

  // Whether the row is the first of identical records, or these do not matter.
  bool IsFirst(const RowChunk& part, size_t row) const {
    if (plan_.seen == nullptr) return true;
    const size_t p = static_cast<size_t>(&part - parts_.data());
    return plan_.seen->IsFirst(hashes_[p][row], SeenLines::Place(block_.input, block_.lines_before + part.block_lines[row]));
  }

  RowChunk MergeRecords() {
    RowChunk chunk;
    chunk.records.source = *block_.source;
    std::vector<size_t> read(parts_.size(), 0);  // bytes of each part's lines
    ForEachInOrder([&](const RowChunk& part, size_t row) {
      const RecordChunk::Group& from = part.records.groups[0];
      size_t& begin = read[static_cast<size_t>(&part - parts_.data())];
      const size_t line_begin = begin;
      begin = from.lines.find('\n', begin) + 1;
      if (!IsFirst(part, row)) return;
      auto& groups = chunk.records.groups;
      if (groups.empty() || !groups.back().format.IsSame(from.format)) groups.push_back({from.format, {}, {}, {}});
      RecordChunk::Group& to = groups.back();
      to.lines.append(from.lines, line_begin, begin - line_begin);
      block_.AppendLine(part.block_lines[row], &to.original);
      to.original += '\n';
      to.line_numbers.push_back(block_.lines_before + part.block_lines[row] + 1);
      chunk.block_lines.push_back(part.block_lines[row]);
    });
    return chunk;
  }

  const RowPlan& plan_;
  BlockContext block_;
  BoundByFormat<BoundRows> bound_;
  std::vector<RowChunk> parts_;
  std::vector<std::vector<LineHash>> hashes_;  // of the rows of each part, where identical ones matter
  ColumnReader reader_;
  SelectionPool pool_;
};

class ObservationSink final : public LocalSink {
 public:
  void Consume(RecordBatch& batch) override {
    ObservedPlaces places = ObservedPlaces::Bind(batch.format());
    if (places.tcp_flags < 0) places.srcport = places.dstport = places.protocol = -1;  // they say who began against the ports
    columns_.clear();
    places.AppendPlaces(&columns_);
    const Rows all = batch.AllRows();
    batch.Locate(columns_, all);
    const ObservedColumns columns = ObservedColumns::Of(places, batch, all);
    const bool by_interface = columns.interface_id != nullptr && columns.flow_direction == nullptr &&
                              columns.source != nullptr && columns.destination != nullptr;
    for (uint32_t row = 0; row < all.count; ++row) {
      const bool is_syn = columns.tcp_flags != nullptr && (columns.tcp_flags[row] & kSyn) != 0;
      if (!by_interface || is_syn || columns.interface_id[row].data() == nullptr) {
        observations_.Observe(columns.At(batch, row));
        continue;
      }
      // Nearly all records say what the ones before have said.
      const uint32_t interface = interner_.Text(columns.interface_id[row]);
      if (interface == known_.size()) known_.push_back(kNullWord);
      int64_t& known = known_[interface];
      if (columns.source[row] == known || columns.destination[row] == known) [[likely]] continue;
      observations_.Observe(columns.At(batch, row));
      const std::optional<IpAddress> address = observations_.InAllSoFar(columns.interface_id[row]);
      known = address ? int64_t{address->v4_bits()} : kNullWord;
    }
  }
  Observations& observations() { return observations_; }

 private:
  std::vector<int> columns_;
  Interner interner_;           // of interfaces
  std::vector<int64_t> known_;  // by its codes: the word of Observations::InAllSoFar()
  Observations observations_;
};

class CheckSink final : public LocalSink {
 public:
  void Consume(RecordBatch& batch) override {
    const auto columns = batch.format().columns();
    places_.resize(columns.size());
    std::iota(places_.begin(), places_.end(), 0);
    batch.Locate(places_, batch.AllRows());
    for (int place : places_) {
      switch (columns[static_cast<size_t>(place)].type()) {
        case ValueType::kInt32:
        case ValueType::kInt64:
        case ValueType::kTime:
          batch.Integers(place, batch.AllRows());
          break;
        case ValueType::kAddress:
          batch.Addresses(place, batch.AllRows());
          break;
        case ValueType::kText:
        case ValueType::kTag:
          break;  // any text is one
      }
    }
  }

 private:
  std::vector<int> places_;
};

}  // namespace

std::unique_ptr<LocalSink> MakeTableRowSink(const RowPlan& plan) { return std::make_unique<RowSink>(plan); }
std::unique_ptr<LocalSink> MakeRowSink(const RowPlan& plan) {
  return plan.arrow == nullptr ? MakeTableRowSink(plan) : MakeArrowSink(plan);
}

std::vector<Column> MakeColumns(const RowPlan& plan) {
  std::vector<Column> columns;
  for (const KeyExpression& column : plan.columns) columns.push_back(MakeColumn(column));
  return columns;
}

std::unique_ptr<LocalSink> MakeObservationSink() { return std::make_unique<ObservationSink>(); }

Observations FinishObservations(std::span<LocalSink* const> sinks) {
  Observations all;
  for (LocalSink* sink : sinks) all.Merge(static_cast<ObservationSink*>(sink)->observations());
  all.Resolve();
  return all;
}

std::unique_ptr<LocalSink> MakeCheckSink() { return std::make_unique<CheckSink>(); }

}  // namespace v1
}  // namespace flowlogs
