// Accumulators: one aggregate's states for all groups of one worker. Every one is a function of the multiset of records
// (CONTRACT L9), so states of workers merge in any order.
//
// A state is in the row of its group (lib/query/group_table.h) where it is a word or two; else the row has the number of
// the state, from 1. Zeros, with which a row begins, are the state of no record.
#ifndef FLOWLOGS_LIB_QUERY_ACCUMULATOR_H_
#define FLOWLOGS_LIB_QUERY_ACCUMULATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "flowlogs/query/table.h"
#include "lib/query/columns.h"
#include "lib/query/expression.h"
#include "lib/query/group_table.h"
#include "lib/query/interner.h"

namespace flowlogs {
inline namespace v1 {

// The rows of a batch and the group of each: groups[i] is the group of rows[i].
struct GroupedRows {
  RecordBatch* batch;
  Rows rows;
  const GroupRow* groups;
  ColumnReader* reader;
  Interner* interner;
  const FewGroups* few;  // the same groups by number; nullptr: there are many
  const BoundColumn* start;  // of the record; looked at by first() and last()
  const BoundColumn* end;
};

// How the codes of another worker's interner read in this one's.
struct CodeMap {
  CodeMap(const Interner& from, Interner* to) {
    for (std::string_view text : from.texts()) texts.push_back(to->Text(text));
    for (IpAddress address : from.odd_addresses()) addresses.push_back(to->Address(address));
  }
  uint32_t Text(uint32_t code) const { return code == kNullCode ? code : texts[code]; }
  uint32_t Address(uint32_t code) const {
    return code == kNullCode || code < Interner::kFirstOdd ? code : addresses[code - Interner::kFirstOdd];
  }
  std::vector<uint32_t> texts, addresses;
};

class Accumulator {
 public:
  virtual ~Accumulator() = default;
  // Words of a row that the state takes, and the first of them.
  virtual size_t state_words() const { return 1; }
  size_t place() const { return place_; }
  void set_place(size_t place) { place_ = place; }
  // `column` is the aggregate's column, bound to the batch's format.
  virtual void Add(const BoundColumn& column, const GroupedRows& rows) = 0;
  // Adds the states of rows of another worker, from[i] to into[i]; then, once all are added, what is not in rows.
  // REQUIRES: the same kind of accumulator, at the same place.
  virtual void MergeRows(const GroupRow* into, const Accumulator& other, const GroupRow* from, size_t count) = 0;
  virtual void EndMerge(const Accumulator&, const CodeMap&) {}
  // Whether the rows hold all there is, so that those of several workers can be merged by several threads.
  virtual bool is_in_rows() const { return false; }
  // Makes IsNull(), Compare() and AppendTo() ready. They tell what was there at the last call; Add() and Merge() may go
  // on afterwards.
  virtual void Prepare() {}
  virtual bool IsNull(const uint64_t* row) const = 0;
  // -1, 0, 1 by value; null after everything.
  virtual int Compare(const uint64_t* a, const uint64_t* b) const = 0;
  // A number whose order is that of the values, as far as it goes; equal ones need Compare(). REQUIRES: not null.
  virtual uint64_t RankOf(const uint64_t*) const { return 0; }
  // Appends the group's value. OUT_OF_RANGE if a sum does not fit into int64.
  virtual absl::Status AppendTo(const uint64_t* row, Column* out) const = 0;
  // An empty column of the aggregate's type.
  virtual Column MakeColumn() const = 0;
  // Of what is not in rows.
  virtual size_t bytes() const { return 0; }

 protected:
  size_t place_ = 0;
};

std::unique_ptr<Accumulator> MakeAccumulator(const AggregateExpression& aggregate);
// The same, for kApproxDistinct and kQuantile alone.
std::unique_ptr<Accumulator> MakeSketchAccumulator(const AggregateExpression& aggregate);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_ACCUMULATOR_H_
