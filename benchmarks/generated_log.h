// Records of the default format for benchmarks, made in memory: the same on every machine.
#ifndef FLOWLOGS_BENCHMARKS_GENERATED_LOG_H_
#define FLOWLOGS_BENCHMARKS_GENERATED_LOG_H_

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace flowlogs_benchmark {

// What the records hold, added up while they are made: what an answer is checked against before it is timed.
struct GeneratedLog {
  std::string text;  // no header
  size_t records = 0;
  size_t rejected = 0;
  size_t port_443 = 0;
  int64_t bytes = 0;
};

// 2,000 interfaces, 50,000 sources, sizes over nine orders of magnitude, every 100th record NODATA.
inline GeneratedLog MakeLog(size_t records) {
  std::mt19937_64 random(1);
  GeneratedLog log;
  log.records = records;
  // One statement for each number: the order of operands is the compiler's choice.
  const auto add = [&](const char* before, uint64_t n) { (log.text += before) += std::to_string(random() % n); };
  for (size_t i = 0; i < records; ++i) {
    const std::string times =
        " " + std::to_string(1'700'000'000 + i / 100) + " " + std::to_string(1'700'000'060 + i / 100);
    add("2 123456789010 eni-0a1b2c3d4e5f6", 2000);
    if (i % 100 == 99) {
      log.text += " - - - - - - -" + times + " - NODATA\n";
      continue;
    }
    for (uint64_t n : {4, 50, 250}) add(n == 4 ? " 10." : ".", n);
    for (uint64_t n : {4, 250}) add(n == 4 ? " 172.16." : ".", n);
    add(" ", 65536);
    const size_t port = random() % 3 == 0 ? 443 : random() % 3 == 0 ? 22 : random() % 65536;
    log.text += " " + std::to_string(port) + (random() % 4 == 0 ? " 17" : " 6");
    add(" ", 1000);
    const uint64_t shift = 34 + random() % 30;
    const int64_t bytes = static_cast<int64_t>(random() >> shift);
    const bool rejected = random() % 5 == 0;
    log.text += " " + std::to_string(bytes) + times + (rejected ? " REJECT OK\n" : " ACCEPT OK\n");
    log.port_443 += port == 443;
    log.bytes += bytes;
    log.rejected += rejected;
  }
  return log;
}

inline const GeneratedLog& Log() {
  static const GeneratedLog log = MakeLog(200'000);  // 23 MB
  return log;
}

// Stops the program: an answer that is wrong is not worth timing.
inline void Require(bool condition) {
  if (!condition) std::abort();
}

inline void SetRates(benchmark::State& state, size_t bytes, size_t items) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * items));
}

}  // namespace flowlogs_benchmark

#endif  // FLOWLOGS_BENCHMARKS_GENERATED_LOG_H_
