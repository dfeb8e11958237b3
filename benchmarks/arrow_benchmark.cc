// How fast answers become Arrow batches: a table that is there, and a scan of text as it is read.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "flowlogs/query/arrow.h"

namespace flowlogs {
namespace {

constexpr int64_t kRows = 500'000;

// Lines of the default format; every 50th is NODATA.
const std::string& Log() {
  static const std::string* const log = [] {
    auto* text = new std::string;
    uint32_t random = 1;
    for (int64_t i = 0; i < kRows; ++i) {
      random = random * 1664525 + 1013904223;
      const std::string start = std::to_string(1630628288 + i / 100);
      *text += "2 123456789012 eni-0a1b2c3d4e5f60718 ";
      if (i % 50 == 0) {
        *text += "- - - - - - - " + start + " " + start + " - NODATA\n";
      } else {
        *text += "10." + std::to_string(random >> 24) + "." + std::to_string(random >> 16 & 255) + ".7 172.31.9.69 " +
                 std::to_string(random & 0xFFFF) + " 443 6 10 " + std::to_string(random >> 12) + " " + start + " " +
                 start + (i % 4 == 0 ? " REJECT OK\n" : " ACCEPT OK\n");
      }
    }
    return text;
  }();
  return *log;
}

// Reads a stream to its end and checks the answer.
void Drain(ArrowArrayStream* stream) {
  int64_t rows = 0;
  for (;;) {
    ArrowArray batch;
    if (stream->get_next(stream, &batch) != 0) std::abort();
    if (batch.release == nullptr) break;
    rows += batch.length;
    benchmark::DoNotOptimize(batch.children[9]->buffers[1]);
    batch.release(&batch);
  }
  stream->release(stream);
  if (rows != kRows) std::abort();
}

void BM_Table(benchmark::State& state) {
  absl::StatusOr<Table> collected = Scan({Source::Bytes(Log())}).Collect();
  if (!collected.ok()) std::abort();
  const auto table = std::make_shared<const Table>(*std::move(collected));
  for (auto _ : state) {
    ArrowArrayStream stream;
    ExportStream(table, {}, &stream);
    Drain(&stream);
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(BM_Table)->Unit(benchmark::kMillisecond);

void BM_Scan(benchmark::State& state) {
  const Query scan = Scan({Source::Bytes(Log())}, {.threads = static_cast<int>(state.range(0))});
  for (auto _ : state) {
    ArrowArrayStream stream;
    if (!ExportStream(scan, {}, &stream).ok()) std::abort();
    Drain(&stream);
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(Log().size()));
}
BENCHMARK(BM_Scan)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

// The same rows without Arrow: what the export itself costs is the difference.
void BM_ScanWithoutArrow(benchmark::State& state) {
  const Query scan = Scan({Source::Bytes(Log())}, {.threads = 1});
  for (auto _ : state) {
    absl::StatusOr<std::unique_ptr<TableStream>> rows = scan.Stream();
    if (!rows.ok()) std::abort();
    int64_t count = 0;
    for (;;) {
      const absl::StatusOr<Table> next = (*rows)->Next();
      if (!next.ok()) std::abort();
      if (next->num_rows() == 0) break;
      count += static_cast<int64_t>(next->num_rows());
    }
    if (count != kRows) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(Log().size()));
}
BENCHMARK(BM_ScanWithoutArrow)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace flowlogs
