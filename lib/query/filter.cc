#include "lib/query/filter.h"

#include <algorithm>

#include "lib/parse/text_out.h"
#include "lib/query/test_value.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr uint8_t kUnknown = 0;
constexpr uint8_t kFalse = 1;
constexpr uint8_t kTrue = 2;

// How dear a test is for a row: decode and compare. The scale is rough; only the order counts.
int CostOf(const Test& test) {
  const int per_column = [&] {
    switch (test.kind) {
      case Test::Kind::kIsNull:
        return 1;
      case Test::Kind::kTexts:
      case Test::Kind::kTextRange:
        return 2;
      case Test::Kind::kInts:
      case Test::Kind::kNumbers:
      case Test::Kind::kHasFlags:
        return 3;
      case Test::Kind::kAddresses:
        return 4;
      case Test::Kind::kLike:
        return 10;
      case Test::Kind::kRegex:
        return 50;
    }
    return 0;
  }();
  return per_column * static_cast<int>(test.columns.size());
}

bool MatchesWord(int64_t word, const BoundColumn& column, const RecordBatch& batch, const ColumnReader& reader,
                 const Test& test) {
  if (column.type != OperandType::kAddress) return HoldsFor(test, word);
  const IpAddress address = batch.Address(word);
  return HoldsFor(test, address) || (test.internal && reader.IsInternal(address));
}

}  // namespace

bool MatchesLike(std::string_view text, std::string_view pattern) {
  auto next = [](std::string_view s, size_t i) {
    return i + std::max<size_t>(internal::DecodeUtf8(s.data() + i, s.data() + s.size()).length, 1);
  };
  // Greedy with one point to go back to: the last %, which then takes one character more.
  size_t t = 0, p = 0;
  size_t back_text = 0, back_pattern = std::string_view::npos;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      back_pattern = ++p;
      back_text = t;
    } else if (p < pattern.size() && pattern[p] == '_') {
      t = next(text, t);
      ++p;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++t;
      ++p;
    } else if (back_pattern != std::string_view::npos) {
      p = back_pattern;
      t = back_text = next(text, back_text);
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

Filter Filter::Bind(const Expression& expression, const Format& format, bool once, SeenLines* seen) {
  Filter filter;
  filter.root_ = BindNode(expression, format);
  filter.once_ = once;
  filter.seen_ = seen;
  filter.observed_ = ObservedPlaces::Bind(format);
  return filter;
}

Rows Filter::Select(RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool) const {
  rows = Evaluate(root_, batch, rows, reader, pool);
  if (once_ && rows.count > 0) rows = SelectOnce(batch, rows, reader, pool);
  if (seen_ == nullptr || rows.count == 0) return rows;
  std::vector<uint32_t>& out = pool->Take(rows.count);
  uint32_t count = 0;
  const ColumnContext& context = reader->context();
  const LineHash format = HashFormat(batch.format());
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    out[count] = row;
    const uint64_t line = context.lines_before + batch.run().block_line(row);
    count += seen_->IsFirst(HashRecord(format, batch, row), SeenLines::Place(context.input, line)) ? 1 : 0;
  }
  return {out.data(), count, batch.NextSelectionId()};
}

Rows Filter::SelectOnce(RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool) const {
  const std::vector<ObservedRecord>& observed = reader->Observed(observed_, batch, rows);
  const std::vector<Orientation>& oriented = reader->Oriented(observed_, batch, rows);
  std::vector<uint32_t>& out = pool->Take(rows.count);
  uint32_t count = 0;
  for (uint32_t i = 0; i < rows.count; ++i) {
    const uint32_t row = rows[i];
    out[count] = row;
    count += reader->context().observations->IsCounted(observed[row], oriented[row]) ? 1 : 0;
  }
  return {out.data(), count, batch.NextSelectionId()};
}

Filter::Node Filter::BindNode(const Expression& expression, const Format& format) {
  Node node;
  node.kind = expression.kind;
  if (expression.kind == Expression::Kind::kTest) {
    node.test = &expression.test;
    node.cost = CostOf(expression.test);
    for (const ColumnRef& column : expression.test.columns) {
      const BoundColumn bound = BoundColumn::Bind(column, format);
      if (!bound.lacking) node.columns.push_back(bound);
    }
    return node;
  }
  for (const Expression& child : expression.children) {
    node.children.push_back(BindNode(child, format));
    node.cost += node.children.back().cost;
  }
  std::stable_sort(node.children.begin(), node.children.end(), [](const Node& a, const Node& b) { return a.cost < b.cost; });
  return node;
}

Rows Filter::Evaluate(const Node& node, RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool) {
  if (rows.count == 0) return rows;
  switch (node.kind) {
    case Expression::Kind::kAnd:
      for (const Node& child : node.children) rows = Evaluate(child, batch, rows, reader, pool);
      return rows;
    case Expression::Kind::kOr:
      return EvaluateOr(node, batch, rows, reader, pool);
    case Expression::Kind::kTest:
      break;
  }
  return EvaluateTest(node, batch, rows, reader, pool);
}

Rows Filter::EvaluateOr(const Node& node, RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool) {
  std::vector<uint8_t> passed(batch.run().num_rows);
  Rows rest = rows;
  for (const Node& child : node.children) {
    const Rows some = Evaluate(child, batch, rest, reader, pool);
    for (uint32_t i = 0; i < some.count; ++i) passed[some[i]] = 1;
    std::vector<uint32_t>& left = pool->Take(rest.count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < rest.count; ++i) {
      left[count] = rest[i];
      count += passed[rest[i]] == 0;
    }
    rest = {left.data(), count, batch.NextSelectionId()};
  }
  std::vector<uint32_t>& out = pool->Take(rows.count);
  uint32_t count = 0;
  for (uint32_t i = 0; i < rows.count; ++i) {
    out[count] = rows[i];
    count += passed[rows[i]];
  }
  return {out.data(), count, batch.NextSelectionId()};
}

Rows Filter::EvaluateTest(const Node& node, RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool) {
  const Test& test = *node.test;
  std::vector<uint32_t>& out = pool->Take(rows.count);
  uint32_t count = 0;
  // Branch-free: every row is written, and kept by moving on.
  auto keep = [&](auto passes) {
    for (uint32_t i = 0; i < rows.count; ++i) {
      const uint32_t row = rows[i];
      out[count] = row;
      count += passes(row) ? 1 : 0;
    }
  };
  const bool negated = test.negated;

  if (node.columns.size() == 1 && node.columns[0].is_text() && test.kind != Test::Kind::kIsNull) {
    const BoundColumn& column = node.columns[0];
    if (test.kind == Test::Kind::kTexts && test.texts.size() == 1 && column.kind == ColumnRef::Kind::kField &&
        batch.HasPlainText(column.places[0])) {
      count = batch.SelectText(column.places[0], rows, test.texts[0], negated, out.data());
      return {out.data(), count, batch.NextSelectionId()};
    }
    const std::string_view* texts = reader->Texts(column, batch, rows);
    keep([&](uint32_t row) { return texts[row].data() != nullptr && HoldsFor(test, texts[row]) != negated; });
    return {out.data(), count, batch.NextSelectionId()};
  }
  if (node.columns.size() == 1 && !node.columns[0].is_text() && test.kind != Test::Kind::kIsNull) {
    const BoundColumn& column = node.columns[0];
    const int64_t* words = reader->Words(column, batch, rows);
    if (test.kind == Test::Kind::kInts && test.ints.size() == 1) {
      const auto [low, high] = test.ints[0];
      keep([&, low = low, high = high](uint32_t row) {
        const int64_t word = words[row];
        return word != kNullWord && (word >= low && word <= high) != negated;
      });
    } else {
      keep([&](uint32_t row) {
        return words[row] != kNullWord && MatchesWord(words[row], column, batch, *reader, test) != negated;
      });
    }
    return {out.data(), count, batch.NextSelectionId()};
  }

  // Several columns (addr, src, dst, port), none, or `is null`: what each row knows so far.
  std::vector<uint8_t> known(batch.run().num_rows, kUnknown);
  for (const BoundColumn& column : node.columns) {
    const std::string_view* texts = column.is_text() ? reader->Texts(column, batch, rows) : nullptr;
    const int64_t* words = column.is_text() ? nullptr : reader->Words(column, batch, rows);
    for (uint32_t i = 0; i < rows.count; ++i) {
      const uint32_t row = rows[i];
      const bool present = texts != nullptr ? texts[row].data() != nullptr : words[row] != kNullWord;
      if (!present || known[row] == kTrue) continue;
      bool hit = true;
      if (test.kind != Test::Kind::kIsNull) {
        hit = texts != nullptr ? HoldsFor(test, texts[row]) : MatchesWord(words[row], column, batch, *reader, test);
      }
      known[row] = hit ? kTrue : kFalse;
    }
  }
  if (test.kind == Test::Kind::kIsNull) {
    keep([&](uint32_t row) { return (known[row] == kUnknown) != negated; });
  } else {
    keep([&](uint32_t row) { return known[row] == (negated ? kFalse : kTrue); });
  }
  return {out.data(), count, batch.NextSelectionId()};
}

}  // namespace v1
}  // namespace flowlogs
