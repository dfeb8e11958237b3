// Questions about flow logs: a lazy plan, run over all inputs in one pass.
//
//   absl::StatusOr<fl::Table> top = fl::Scan({"logs/*.log.gz"})
//                                       .Filter("action = 'REJECT' and dstport in (22, 3389)")
//                                       .GroupBy({"srcaddr"})
//                                       .Aggregate({{"flows", "count()"}, {"ports", "distinct(dstport)"}})
//                                       .Sort("flows", fl::Order::kDescending)
//                                       .Head(10)
//                                       .Collect();
//
// The language of filters, keys and aggregates is the same in C++, Python and on the command line: CONTRACT L.
#ifndef FLOWLOGS_QUERY_QUERY_H_
#define FLOWLOGS_QUERY_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "flowlogs/io/source.h"
#include "flowlogs/parse/stats.h"
#include "flowlogs/query/enrichment.h"
#include "flowlogs/query/table.h"
#include "flowlogs/schema/format.h"

struct ArrowArray;  // of the Arrow C data interface: flowlogs/query/arrow.h

namespace flowlogs {
inline namespace v1 {

struct ArrowOptions;

enum class Order : uint8_t { kAscending, kDescending };

// What a run does at the first problem, bad value or damage (CONTRACT F4, P5).
enum class OnError : uint8_t {
  kReport,  // goes on and counts it
  kRaise,   // stops and fails with the first in input order
};

// How far a run is; see ScanOptions::progress.
struct Progress {
  uint64_t done_bytes = 0;   // of the inputs as stored
  uint64_t total_bytes = 0;  // 0: not known (pipes)
  uint64_t records = 0;
};

// Makes *stream a stream of the rows of the Parquet file, as Source::ArrowOpener does. `columns`: what the query reads, named
// with underscores; nullptr: all. The stream has every column of the file all the same: one that is not read may be of the
// type null (format "n"), which costs nothing, so that formats and columns do not depend on the query. Must not throw.
using ParquetOpener =
    std::function<absl::Status(const std::string& path, const std::vector<std::string>* columns, ArrowArrayStream* stream)>;

//   name                (default)   effect
//   format              (none)      the format of inputs without a header; a header beats it
//   threads             (0)         worker threads; 0: the CPUs that this process may use (affinity, cgroup); what is known
//                                   to be up to 2 MB of text the calling thread then reads alone
//   on_error            (kReport)   see OnError
//   sets                (none)      what `in @name` means: values as text, by name (CONTRACT L5)
//   internal            (none)      prefixes that are `internal`; none: the addresses seen as an interface's own
//   enrich              (none)      tables whose columns stand behind addresses and ids: srcaddr.asn (CONTRACT L14); two
//                                   that say the same column of the same field are an error where that is named
//   stop                (none)      once stop is requested every run ends within about 0.3 s, with CANCELLED
//   keep_going          (none)      asked by the calling thread, about every 50 ms, while it works or waits: false ends
//                                   this run, with CANCELLED, and the plan can run again; must not throw
//   progress            (none)      called by the calling thread, at most ten times a second, and at the end of the
//                                   inputs; must not throw
//   mmap                (false)     plain files are mapped into memory, not read. A file that becomes shorter while it is
//                                   mapped ends the process with SIGBUS: see InputOptions
//   open_parquet        (none)      opens Parquet files, which are told by their content, never by their name; called in any
//                                   thread, for several files at once. Without it such a file is an error. Of a sample of a
//                                   bad value, columns that the query does not read are "-"
//   block_bytes         (128 KiB)   size of the blocks that are read; answers do not depend on it
//   max_line_bytes      (1 MiB)     a longer line is a problem
//   max_inflated_bytes  (0: none)   of one compressed input: see InputOptions
//   max_inflate_ratio   (1000)      the same
//   max_event_bytes     (64 MiB)    of one envelope (a CloudWatch event, a document of JSON), inflated: the same
//   max_group_bytes     (0)         memory for groups, distinct values, sketches and the texts in them, of all threads
//                                   together, and as much for Dedup(): a run that needs more ends with RESOURCE_EXHAUSTED.
//                                   At its end up to as much again is used for a moment. 0: half of what this process may use (cgroup, ulimit -v)
//
// OUT OF MEMORY  A call that runs a plan (Collect(), CollectAll(), Check(), Columns(), Schema(), Stream(), Records(), Start(),
// and what they return: Next(), Feed(), Snapshot(), Finish()) and is refused memory ends with RESOURCE_EXHAUSTED; the threads
// have ended, files are closed, and the plan can run again. Of a run that was fed, start another one. Making a plan, a Format
// or a Source and reading a Table takes memory as std::string does, and like it throws std::bad_alloc: nothing else is thrown.
//
// Fixed: a format has at most Format::kMaxColumns fields, a filter 256 patterns of 8 MiB each (a larger one is an error).
struct ScanOptions {
  std::optional<Format> format = std::nullopt;
  int threads = 0;
  OnError on_error = OnError::kReport;
  std::map<std::string, std::vector<std::string>> sets = {};
  std::vector<std::string> internal = {};
  std::vector<EnrichmentTable> enrich = {};
  std::stop_token stop = {};
  std::function<bool()> keep_going = {};
  std::function<void(const Progress&)> progress = {};
  bool mmap = false;
  ParquetOpener open_parquet = {};
  size_t block_bytes = 128 << 10;
  size_t max_line_bytes = 1 << 20;
  uint64_t max_inflated_bytes = 0;
  uint64_t max_inflate_ratio = 1000;
  uint64_t max_event_bytes = 64 << 20;
  uint64_t max_group_bytes = 0;
};

// A key or an aggregate: its text, and the name of its column. Without a name it is called by its text, every run of
// other characters than letters and digits as one underscore: "sum(bytes)" -> sum_bytes.
struct NamedExpression {
  NamedExpression(const char* expression) : text(expression) {}                    // NOLINT(google-explicit-constructor)
  NamedExpression(std::string expression) : text(std::move(expression)) {}        // NOLINT(google-explicit-constructor)
  NamedExpression(std::string column, std::string expression)
      : name(std::move(column)), text(std::move(expression)) {}
  std::string name;  // "" for the default
  std::string text;
};

// The selected records of one block of one input, in order: what Query::Records() hands out.
struct RecordChunk {
  // Records of the same format that stand together. `lines` has one line per record, each with LF: the original text,
  // or, where the original had runs of blanks, commas or CRLF, the same values with single blanks.
  struct Group {
    Format format;
    std::string lines;                    // as the engine reads them
    std::string original;                 // as they stand in the input, each with LF
    std::vector<uint64_t> line_numbers;   // in the input, from 1
  };
  std::string source;
  std::vector<Group> groups;
};

class Run;
class TableStream;
class RecordStream;

// A lazy plan: sources, filter, and either groups with aggregates or selected columns. A value type, cheap to copy;
// every method returns a new plan and leaves this one alone. Const use from any thread.
//
// A wrong expression makes the plan wrong: status() says so at once, and Collect() returns it.
class Query {
 public:
  struct Plan;  // defined by the library
  // OK, or what is wrong with the plan: INVALID_ARGUMENT, with the caret under the place (see ExpressionColumn()).
  const absl::Status& status() const;

  // Keeps the records for which `expression` is true. Several filters must all be true.
  [[nodiscard]] Query Filter(std::string_view expression) const;
  // Keys of the groups: "srcaddr", "bin(start, 5m)", {"net", "prefix(srcaddr, 16)"}. Without Aggregate(): count().
  [[nodiscard]] Query GroupBy(std::vector<NamedExpression> keys) const;
  // Aggregates per group, or over everything without GroupBy(): {{"bytes", "sum(bytes)"}, {"flows", "count()"}}.
  [[nodiscard]] Query Aggregate(std::vector<NamedExpression> aggregates) const;
  // Keeps the groups for which `expression` is true; before Sort() and Head(). Its names are those of keys and aggregates:
  // "flows > 10 and srcaddr not in private". Several must all be true. Names are looked up when the plan runs.
  [[nodiscard]] Query Having(std::string_view expression) const;
  // Columns of the rows; any key expression. Without Select(), GroupBy() and Aggregate(): every column (CONTRACT L12).
  [[nodiscard]] Query Select(std::vector<NamedExpression> columns) const;
  // Sorts by a column of the answer; the first call is the first sort key. Nulls are last both ways; ties are in
  // ascending order of the group's keys, or in input order.
  [[nodiscard]] Query Sort(std::string_view column, Order order = Order::kAscending) const;
  // At most `rows` rows. Rows without Sort() stop the reading early: then Stats::complete is false.
  [[nodiscard]] Query Head(uint64_t rows) const;

  // Counts every packet once: of the records of the same packets at several interfaces, the one of the sender's interface,
  // else of the receiver's, else all (CONTRACT D2). Reads the inputs twice.
  [[nodiscard]] Query Once() const;

  // Drops identical records, as overlapping flow logs write them: of records of the same fields in the same order whose
  // values are the same text, the first in input order stays (CONTRACT D2). Those that overlapping flow logs of different
  // formats write of the same packets are not identical. Filters and Once() come before it. Memory: about 45 bytes for each
  // record that stays; more than 3/4 of the machine's memory is RESOURCE_EXHAUSTED. Rows are read by one thread.
  //   Fails with aggregates and keys of _source, _line and the like: of identical records any one is counted.
  [[nodiscard]] Query Dedup() const;

  // Lets Stats::seen_twice tell what share of the records Once() would leave out. Costs next to nothing: of large inputs
  // little is looked at.
  [[nodiscard]] Query TellTwice() const;

  // Runs the plan. An error only if the plan is wrong, a limit was hit, or no input could be read (CONTRACT C4);
  // otherwise Table::complete() and Stats::errors tell of damage.
  absl::StatusOr<Table> Collect() const;

  // Every value of every record is decoded and nothing is kept: the only complete count of bad values.
  absl::StatusOr<Stats> Check() const;

  // The columns of a scan: the union, in order of first appearance, of the first format of each input (of more than
  // 256 inputs, the first 256), as names with underscores. Reads only the beginning of each input.
  absl::StatusOr<std::vector<std::string>> Columns() const;

  // The columns of the answer, without rows: names and types. Opens inputs only if they decide (a plan without Select()
  // and groups), and then only their beginnings.
  absl::StatusOr<std::vector<Column>> Schema() const;

  // Rows (not groups), handed out block by block in input order while the run goes on in bounded memory.
  absl::StatusOr<std::unique_ptr<TableStream>> Stream() const;
  // The filtered records themselves, in input order. Head() applies; Select() and Sort() do not.
  absl::StatusOr<std::unique_ptr<RecordStream>> Records() const;

  // A run that is fed by the caller instead of reading its sources. REQUIRES: groups or aggregates, or Select().
  absl::StatusOr<Run> Start() const;

 private:
  friend Query Scan(std::vector<Source> sources, ScanOptions options);
  friend absl::StatusOr<std::vector<Table>> CollectAll(std::span<const Query> queries);
  friend struct QueryAccess;  // lib/query only
  template <typename Parsed>
  static void AddExpressions(const std::vector<NamedExpression>& texts, std::vector<Parsed>* out, Plan* plan);
  explicit Query(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}
  absl::StatusOr<Run> StartRun() const;
  absl::StatusOr<std::vector<Column>> MakeSchema() const;
  std::shared_ptr<const Plan> plan_;
};

// A plan that reads every record of the sources. Nothing is opened before the plan runs. Standard input and some sources
// of Arrow can be read once: a second run says so.
Query Scan(std::vector<Source> sources, ScanOptions options = {});

// Runs several plans in one pass over their common sources. REQUIRES: all come from the same Scan().
// Each table carries the stats of the one pass.
absl::StatusOr<std::vector<Table>> CollectAll(std::span<const Query> queries);
inline absl::StatusOr<std::vector<Table>> CollectAll(std::initializer_list<Query> queries) {
  return CollectAll(std::span<const Query>(queries.begin(), queries.size()));
}

// A pushed run: the caller brings the text in pieces of any size. Move only; one thread at a time.
class Run {
 public:
  Run(Run&&) noexcept;
  Run& operator=(Run&&) noexcept;
  ~Run();
  // Takes the next piece of plain text (compressed input is refused); lines may go on from piece to piece. The piece is copied or used up.
  // Fails if the format cannot be told, or after Finish(); and with CANCELLED as ScanOptions::keep_going wishes: then the
  // piece was taken all the same, and the next call goes on.
  absl::Status Feed(std::string_view text);
  // The answer for the whole lines fed so far (stats: complete is false).
  absl::StatusOr<Table> Snapshot();
  // Takes the unfinished last line as a line and gives the answer.
  absl::StatusOr<Table> Finish();

 private:
  friend class Query;
  struct State;
  explicit Run(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Tables in input order. Dropping a half-read stream stops the run and joins its threads.
class TableStream {
 public:
  virtual ~TableStream() = default;
  // The next rows (at least one), or an empty table at the end. Its stats are those of the whole run at the end only.
  virtual absl::StatusOr<Table> Next() = 0;
  virtual const Stats& stats() const = 0;
  // The columns of every table, without rows.
  virtual std::vector<Column> Schema() const = 0;

  // For ExportStream() of flowlogs/query/arrow.h. Whether the stream makes Arrow batches itself, with these options: then
  // NextBatch() is called instead of Next(). It leaves *out unset at the end. Asked before the first row.
  virtual bool MakesBatches(const ArrowOptions&) { return false; }
  virtual absl::Status NextBatch(ArrowArray*) { return absl::UnimplementedError("the stream makes tables"); }
};

// Records in input order. Dropping a half-read stream stops the run and joins its threads.
class RecordStream {
 public:
  virtual ~RecordStream() = default;
  // The next records, or no groups at the end.
  virtual absl::StatusOr<RecordChunk> Next() = 0;
  virtual const Stats& stats() const = 0;
};

// Place of an error in its expression: a column counted from 1; nullopt if the status tells of something else.
std::optional<size_t> ExpressionColumn(const absl::Status& status);

// The source and line of a problem that OnError::kRaise stopped at; nullopt if the status tells of something else.
struct ErrorPlace {
  std::string source;
  uint64_t line = 0;
};
std::optional<ErrorPlace> ParseErrorPlace(const absl::Status& status);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_QUERY_QUERY_H_
