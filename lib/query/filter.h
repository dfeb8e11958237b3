// A filter bound to a format: it takes rows of a batch and gives those for which the expression is true.
#ifndef FLOWLOGS_LIB_QUERY_FILTER_H_
#define FLOWLOGS_LIB_QUERY_FILTER_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "flowlogs/schema/format.h"
#include "lib/parse/record_batch.h"
#include "lib/query/columns.h"
#include "lib/query/expression.h"
#include "lib/query/seen_lines.h"

namespace flowlogs {
inline namespace v1 {

// Lists of rows that live until the next batch.
class SelectionPool {
 public:
  // An empty list with room for `size` rows.
  std::vector<uint32_t>& Take(size_t size) {
    if (used_ == lists_.size()) lists_.emplace_back();
    std::vector<uint32_t>& list = lists_[used_++];
    list.resize(size);
    return list;
  }
  void Reset() { used_ = 0; }

 private:
  std::deque<std::vector<uint32_t>> lists_;
  size_t used_ = 0;
};

// Immutable once bound. The tests of an `and` run cheapest first, in an order that depends on the expression alone, so
// that what is decoded, and thus which bad values are met, does not depend on blocks or threads.
class Filter {
 public:
  // REQUIRES: `expression` outlives the filter.
  // `once`: of the records of the same packets only the one that counts passes (CONTRACT D2). `seen`, which outlives the
  // filter: of identical records one passes.
  static Filter Bind(const Expression& expression, const Format& format, bool once = false, SeenLines* seen = nullptr);

  // The rows among `rows` that pass. Valid until pool->Reset().
  Rows Select(RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool) const;

 private:
  struct Node {
    Expression::Kind kind = Expression::Kind::kAnd;
    std::vector<Node> children;
    const Test* test = nullptr;
    std::vector<BoundColumn> columns;  // those that the format has
    int cost = 0;
  };
  static Node BindNode(const Expression& expression, const Format& format);
  static Rows Evaluate(const Node& node, RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool);
  static Rows EvaluateOr(const Node& node, RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool);
  static Rows EvaluateTest(const Node& node, RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool);
  Node root_;
  Rows SelectOnce(RecordBatch& batch, Rows rows, ColumnReader* reader, SelectionPool* pool) const;
  bool once_ = false;
  SeenLines* seen_ = nullptr;
  ObservedPlaces observed_{};
};

// SQL's LIKE on the whole text: % any text, _ one character (of UTF-8; a byte that is none counts as one).
bool MatchesLike(std::string_view text, std::string_view pattern);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_FILTER_H_
