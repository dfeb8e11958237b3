// Rows that leave as Arrow batches, a batch a block: columns go from the text into Arrow's buffers in the worker, without
// becoming a Table on the way. Blocks that are not one regular run, and columns that are not fields, take the way of rows.
#include "lib/query/arrow_batch.h"
#include "lib/query/sink.h"

namespace flowlogs {
inline namespace v1 {
namespace {

struct BoundColumns {
  Filter filter;
  std::vector<BoundKey> keys;
  std::vector<int> fields;  // by column: its place in the format, if it is a field; else -1
  std::vector<int> places;

  static BoundColumns Bind(const RowPlan& plan, const Format& format) {
    BoundColumns bound{Filter::Bind(plan.filter, format, plan.once), {}, {}, {}};
    for (const KeyExpression& column : plan.columns) {
      bound.keys.push_back(BoundKey::Bind(column, format));
      bound.keys.back().AppendPlaces(&bound.places);
      const bool is_field =
          column.kind == KeyExpression::Kind::kColumn && column.column.kind == ColumnRef::Kind::kField;
      bound.fields.push_back(is_field ? format.IndexOf(column.column.field) : -1);
    }
    return bound;
  }
};

class ArrowSink final : public LocalSink {
 public:
  explicit ArrowSink(const RowPlan& plan) : plan_(plan), inner_(MakeTableRowSink(plan)) {}

  void BeginBlock(const BlockContext& block) override {
    reader_.SetContext(ContextOf(plan_.context, block));
    inner_->BeginBlock(block);
    chunk_ = {};
    const std::vector<LineSegment>& segments = block.lines->segments();
    is_one_run_ = block.arrow != nullptr || (segments.size() == 1 && segments[0].kind == LineSegment::Kind::kRegular);
  }

  void Consume(RecordBatch& batch) override {
    if (!is_one_run_) return inner_->Consume(batch);
    const BoundColumns& bound =
        bound_.For(batch.run(), [&](const Format& format) { return BoundColumns::Bind(plan_, format); });
    pool_.Reset();
    const Rows rows = bound.filter.Select(batch, batch.AllRows(), &reader_, &pool_);
    if (rows.count == 0) return;
    chunk_.block_lines.resize(rows.count);
    for (uint32_t i = 0; i < rows.count; ++i) chunk_.block_lines[i] = batch.run().block_line(rows[i]);
    batch.Locate(bound.places, rows);
    auto builder = std::make_shared<internal::ArrowBatchBuilder>(*plan_.arrow);
    for (size_t c = 0; c < plan_.columns.size(); ++c) {
      internal::ArrowColumn& out = builder->column(c);
      const int field = bound.fields[c];
      if (field >= 0 && AppendField(batch, rows, field, (*plan_.arrow)[c], &out)) continue;
      Column column = MakeColumn(plan_.columns[c]);
      bound.keys[c].AppendTo(batch, rows, &reader_, &column);
      chunk_.arrow_status.Update(out.Append(column, 0, rows.count));
    }
    builder->SetRows(rows.count);
    chunk_.arrow = std::move(builder);
  }

  RowChunk EndBlock() override {
    if (is_one_run_) return std::move(chunk_);
    RowChunk chunk = inner_->EndBlock();
    if (chunk.num_rows() == 0) return chunk;
    chunk.arrow = std::make_shared<internal::ArrowBatchBuilder>(*plan_.arrow);
    size_t appended = 0;
    chunk.arrow_status = chunk.arrow->Append(chunk.columns, 0, chunk.num_rows(), &appended);
    if (chunk.arrow_status.ok() && appended < chunk.num_rows()) {
      chunk.arrow_status = absl::OutOfRangeError("the texts of one block are too long for one batch");
    }
    chunk.columns.clear();
    return chunk;
  }

 private:
  // False if the column has no short way.
  bool AppendField(RecordBatch& batch, Rows rows, int field, internal::ArrowLayout layout, internal::ArrowColumn* out) {
    using internal::ArrowLayout;
    switch (batch.format().columns()[static_cast<size_t>(field)].type()) {
      case ValueType::kInt32:
      case ValueType::kInt64:
      case ValueType::kTime:
        out->AppendNumbers(batch.Integers(field, rows), rows);
        return true;
      case ValueType::kAddress: {
        if (layout != ArrowLayout::kUtf8View || !batch.has_tokens()) return false;
        const int64_t* words = batch.Addresses(field, rows);
        out->AppendTokens(batch.TokensOf(field, rows), [&](uint32_t row, std::string_view token, char* text) {
          if (words[row] == kNullWord) return internal::ArrowColumn::kNull;
          // Dotted quads, whose first octet ends within four characters, are as they leave. IPv6, and what was mapped into
          // it, is written anew.
          const bool is_dotted = token[1] == '.' || token[2] == '.' || token[3] == '.';
          if ((words[row] & kV6Tag) == 0 && is_dotted) return internal::ArrowColumn::kAsItIs;
          return static_cast<int>(batch.Address(words[row]).Format(text));
        });
        return true;
      }
      case ValueType::kText:
        if (layout != ArrowLayout::kUtf8View || !batch.has_tokens() || batch.run().index->high()) return false;
        out->AppendTokens(batch.TokensOf(field, rows), [](uint32_t, std::string_view token, char*) {
          return IsMissing(token) ? internal::ArrowColumn::kNull : internal::ArrowColumn::kAsItIs;
        });
        return true;
      case ValueType::kTag:
        return false;
    }
    return false;
  }

  const RowPlan& plan_;
  std::unique_ptr<LocalSink> inner_;
  BoundByFormat<BoundColumns> bound_;
  bool is_one_run_ = false;
  RowChunk chunk_;
  ColumnReader reader_;
  SelectionPool pool_;
};

}  // namespace

std::unique_ptr<LocalSink> MakeArrowSink(const RowPlan& plan) { return std::make_unique<ArrowSink>(plan); }

}  // namespace v1
}  // namespace flowlogs
