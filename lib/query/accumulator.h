// Accumulators: the state of one aggregate for all groups of one worker. Every one is a function of the multiset of
// records (CONTRACT L9), so states of workers merge in any order.
#ifndef FLOWLOGS_LIB_QUERY_ACCUMULATOR_H_
#define FLOWLOGS_LIB_QUERY_ACCUMULATOR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "flowlogs/query/table.h"
#include "lib/query/columns.h"
#include "lib/query/expression.h"
#include "lib/query/interner.h"

namespace flowlogs {
inline namespace v1 {

// The rows of a batch and the group of each: groups[i] is the group of rows[i].
struct GroupedRows {
  RecordBatch* batch;
  Rows rows;
  const uint32_t* groups;
  ColumnReader* reader;
  Interner* interner;
  const BoundColumn* start;  // of the record; looked at by first() and last()
  const BoundColumn* end;
};

// How the numbers of another worker's interner read in this one's.
struct WordMap {
  std::vector<int64_t> texts;
  std::vector<int64_t> addresses;
  int64_t Map(int64_t word, bool is_text, bool is_address) const {
    if (word == kNullWord) return word;
    if (is_text) return texts[static_cast<size_t>(word)];
    return is_address && (word & kV6Tag) != 0 ? addresses[static_cast<size_t>(word ^ kV6Tag)] : word;
  }
};

class Accumulator {
 public:
  virtual ~Accumulator() = default;
  // Makes room for that many groups; new ones are empty.
  virtual void Resize(size_t groups) = 0;
  // `column` is the aggregate's column, bound to the batch's format.
  virtual void Add(const BoundColumn& column, const GroupedRows& rows) = 0;
  // Takes over the state of `other`: its group g is group groups[g] here. REQUIRES: the same kind of accumulator.
  virtual void Merge(const Accumulator& other, std::span<const uint32_t> groups, const WordMap& words) = 0;
  // Makes IsNull(), Compare() and AppendTo() ready. They tell what was there at the last call; Add() and Merge() may go
  // on afterwards.
  virtual void Prepare() {}
  virtual bool IsNull(uint32_t group) const = 0;
  // -1, 0, 1 by value; null after everything.
  virtual int Compare(uint32_t a, uint32_t b) const = 0;
  // Appends the group's value. OUT_OF_RANGE if a sum does not fit into int64.
  virtual absl::Status AppendTo(uint32_t group, Column* out) const = 0;
  // An empty column of the aggregate's type.
  virtual Column MakeColumn() const = 0;
};

std::unique_ptr<Accumulator> MakeAccumulator(const AggregateExpression& aggregate);
// The same, for kApproxDistinct and kQuantile alone.
std::unique_ptr<Accumulator> MakeSketchAccumulator(const AggregateExpression& aggregate);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_ACCUMULATOR_H_
