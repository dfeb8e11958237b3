// How fast logs are made: bytes and records a second, one thread.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "flowlogs/schema/format.h"
#include "flowlogs/synth/generator.h"

namespace flowlogs {
namespace {

void Generate(benchmark::State& state, const Format& format) {
  constexpr uint64_t kRecords = 500'000;
  int64_t bytes = 0;
  for (auto _ : state) {
    absl::StatusOr<Generator> generator = Generator::Create({.records = kRecords, .format = format});
    if (!generator.ok()) std::abort();
    uint64_t lines = 0;
    std::string_view block;
    while (generator->Next(&block)) {
      bytes += static_cast<int64_t>(block.size());
      if (bytes != static_cast<int64_t>(block.size())) continue;
      for (const char c : block) lines += c == '\n';  // the answer, of the first block: the header
      if (lines != 1) std::abort();
    }
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRecords));
}

// A day of incidents.
void BM_Scenario(benchmark::State& state) {
  int64_t bytes = 0, records = 0;
  for (auto _ : state) {
    absl::StatusOr<Generator> generator =
        Generator::Create({.hosts = 50, .scenario = Scenario::kIncidents, .days = 1, .header = false});
    if (!generator.ok() || !generator->truth().starts_with("{\"seed\": 0")) std::abort();
    std::string_view block;
    while (generator->Next(&block)) {
      bytes += static_cast<int64_t>(block.size());
      for (const char c : block) records += c == '\n';
    }
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(records);
}

void BM_Default(benchmark::State& state) { Generate(state, Format::Default()); }
void BM_All(benchmark::State& state) { Generate(state, Format::All()); }
void BM_TransitGateway(benchmark::State& state) { Generate(state, Format::TransitGateway()); }
BENCHMARK(BM_Scenario)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Default)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_All)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_TransitGateway)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace flowlogs
