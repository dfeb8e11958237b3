// Answers as Arrow streams: what DuckDB, polars, pyarrow, pandas and all other readers of Arrow's C stream interface
// take. Nothing of Arrow is linked; the three structs of flowlogs/io/arrow_abi.h are all there is between the two sides.
// The other way, Arrow as input, is Source::Arrow() in flowlogs/io/source.h.
//
//   ArrowArrayStream stream;
//   absl::Status status = fl::ExportStream(fl::Scan({"logs/*.log.gz"}).Filter("action = 'REJECT'"), {}, &stream);
//   if (status.ok()) Use(&stream);       // the consumer calls get_schema, then get_next until the end, then release
//
//   absl::StatusOr<fl::Table> t = query.Collect();
//   t->ExportStream(&stream);            // a new stream on each call; `t` may go first
//
// TYPES
//   int32, int64, double   with a validity bitmap, which is left out of a batch without nulls
//   text, addresses        utf8_view, or utf8 or large_utf8 where the consumer's schema asks for it; addresses are in
//                          their canonical form, bytes that are not UTF-8 are \xNN
//   times                  int64 seconds since 1970, or timestamp[s, UTC]: see ArrowOptions
// No dictionaries, no run-end encoding. ArrowOptions::batch_rows says how many rows a batch has.
//
// LIFETIME. A stream, and each batch, owns what it points into: a batch outlives its stream, the stream outlives the
// Table or Query. The columns of a batch may be moved out of it and released on their own, in any order and thread.
// Releasing a stream that is not at its end stops the run and joins its threads. A stream serves one thread at a time.
#ifndef FLOWLOGS_QUERY_ARROW_H_
#define FLOWLOGS_QUERY_ARROW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "flowlogs/io/arrow_abi.h"
#include "flowlogs/query/query.h"
#include "flowlogs/query/table.h"

namespace flowlogs {
inline namespace v1 {

//   name             (default)   effect
//   times            (false)     start, end, bins and their least and greatest are timestamp[s, UTC], not int64
//   requested        (nullptr)   the consumer's schema. A text column that is utf8, large_utf8 or utf8_view there
//                                becomes that, a time int64 or timestamp[s, UTC]; every other wish is not met, and the
//                                consumer sees so from the schema. Columns are found by name. Read during the call.
//   batch_rows       (65536)     rows of a batch (1 to 1048576), where there are as many; fewer if their text is long. With
//                                the default, rows that are read while they are asked for come as a block has them
//   fail_if_damaged  (true)      of streams that read inputs: after the last batch of a run with damaged inputs
//                                (Stats::errors), get_next fails, since a consumer cannot see the stats
struct ArrowOptions {
  bool times = false;
  const ArrowSchema* requested = nullptr;
  size_t batch_rows = 65536;
  bool fail_if_damaged = true;
};

// Each fills *out, which the caller releases, and takes it for unset before. REQUIRES: out != nullptr.

// The schema of answers with these columns (empty ones, as of Query::Schema(), or those of a table).
void ExportSchema(std::span<const Column> columns, const ArrowOptions& options, ArrowSchema* out);
// The rows of a table, which is shared, not copied; it does not change while the stream lives.
void ExportStream(std::shared_ptr<const Table> table, const ArrowOptions& options, ArrowArrayStream* out);
// Takes ownership of a run. Batches are made as they are asked for; rows that come before an error come out before it.
void ExportStream(std::unique_ptr<TableStream> rows, const ArrowOptions& options, ArrowArrayStream* out);
// Runs the plan: rows are read while the consumer asks for batches; groups and sorted rows are collected first. On
// failure *out is unset (its release is null).
absl::Status ExportStream(const Query& query, const ArrowOptions& options, ArrowArrayStream* out);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_QUERY_ARROW_H_
