// How fast answers become Arrow batches: a table that is there, and a scan of text as it is read.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "benchmarks/generated_log.h"

#include "flowlogs/query/arrow.h"

namespace {

namespace fl = flowlogs;
using namespace flowlogs_benchmark;  // NOLINT(google-build-using-namespace)

fl::Query ScanLog(int threads) { return fl::Scan({fl::Source::Bytes(Log().text)}, {.threads = threads}); }

// Reads a stream to its end and checks the answer.
void Drain(ArrowArrayStream* stream) {
  int64_t rows = 0;
  for (;;) {
    ArrowArray batch;
    Require(stream->get_next(stream, &batch) == 0);
    if (batch.release == nullptr) break;
    rows += batch.length;
    benchmark::DoNotOptimize(batch.children[9]->buffers[1]);
    batch.release(&batch);
  }
  stream->release(stream);
  Require(rows == static_cast<int64_t>(Log().records));
}

void BM_Table(benchmark::State& state) {
  absl::StatusOr<fl::Table> collected = ScanLog(1).Collect();
  Require(collected.ok());
  const auto table = std::make_shared<const fl::Table>(*std::move(collected));
  for (auto _ : state) {
    ArrowArrayStream stream;
    fl::ExportStream(table, {}, &stream);
    Drain(&stream);
  }
  SetRates(state, Log().text.size(), Log().records);
}
BENCHMARK(BM_Table)->Unit(benchmark::kMillisecond);

void BM_Scan(benchmark::State& state) {
  const fl::Query scan = ScanLog(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    ArrowArrayStream stream;
    Require(fl::ExportStream(scan, {}, &stream).ok());
    Drain(&stream);
  }
  SetRates(state, Log().text.size(), Log().records);
}
BENCHMARK(BM_Scan)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

// The same rows without Arrow: what the export itself costs is the difference.
void BM_ScanWithoutArrow(benchmark::State& state) {
  const fl::Query scan = ScanLog(1);
  for (auto _ : state) {
    absl::StatusOr<std::unique_ptr<fl::TableStream>> rows = scan.Stream();
    Require(rows.ok());
    size_t count = 0;
    for (;;) {
      const absl::StatusOr<fl::Table> next = (*rows)->Next();
      Require(next.ok());
      if (next->num_rows() == 0) break;
      count += next->num_rows();
    }
    Require(count == Log().records);
  }
  SetRates(state, Log().text.size(), Log().records);
}
BENCHMARK(BM_ScanWithoutArrow)->Unit(benchmark::kMillisecond);

}  // namespace
