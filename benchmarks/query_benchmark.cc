// Questions to generated records in memory, one thread: filters by kind of test, groups by kind of key, whole queries.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/generated_log.h"

#include "flowlogs/query/query.h"

namespace {

namespace fl = flowlogs;
using namespace flowlogs_benchmark;  // NOLINT(google-build-using-namespace)

// What tables say: each /16 and eight /24 in it have a number, each interface a name.
std::vector<fl::EnrichmentTable> MakeTables() {
  fl::EnrichmentTable::Builder networks, interfaces;
  for (uint32_t block = 0; block < 1 << 16; ++block) {
    auto add = [&](uint32_t first, int length, uint32_t number) {
      networks.AddPrefix(fl::IpPrefix(fl::IpAddress::V4(first), length), networks.AddRow({{"asn", std::to_string(number)}}));
    };
    add(block << 16, 16, block % 30000);
    for (uint32_t i = 0; i < 8; ++i) add(block << 16 | (block + i * 37) % 256 << 8, 24, (block + i) % 1000);
  }
  const absl::StatusOr<fl::Table> seen = fl::Scan({fl::Source::Bytes(Log().text)}).GroupBy({"interface-id"}).Collect();
  Require(seen.ok());
  for (size_t row = 0; row < seen->num_rows(); ++row) {
    if (const auto id = seen->Text(row, "interface_id")) {
      interfaces.AddText(*id, interfaces.AddRow({{"name", "host-" + std::to_string(row)}}));
    }
  }
  return {networks.Build(), interfaces.Build({"interface-id"})};
}

fl::Query ScanLog() {
  static const std::vector<fl::EnrichmentTable> tables = MakeTables();
  return fl::Scan({fl::Source::Bytes(Log().text)}, {.threads = 1, .enrich = tables});
}

fl::Table CollectOrDie(const fl::Query& query) {
  absl::StatusOr<fl::Table> table = query.Collect();
  Require(table.ok());
  Require(table->stats().records == Log().records && table->stats().problem_count() == 0);
  return *std::move(table);
}

void Time(benchmark::State& state, const fl::Query& query) {
  for (auto _ : state) benchmark::DoNotOptimize(CollectOrDie(query).num_rows());
  SetRates(state, Log().text.size(), Log().records);
}

// `expected`: how many records pass, where it was counted beside.
void BM_Filter(benchmark::State& state, const char* filter, size_t GeneratedLog::* expected) {
  const auto count = [](const std::string& tests) { return ScanLog().Filter(tests).Aggregate({{"n", "count()"}}); };
  const auto answer = [&](const std::string& tests) { return *CollectOrDie(count(tests)).Int(0, "n"); };
  const std::string test = filter;
  const int64_t passing = answer(test);
  Require(passing > 0 && passing < static_cast<int64_t>(Log().records));
  Require(expected == nullptr || passing == static_cast<int64_t>(Log().*expected));
  // The test and its negation share out the records that have all values.
  const std::string present = " and action is not null";
  Require(answer(test + present) + answer("not (" + test + ")" + present) == answer("action is not null"));
  const fl::Query query = count(test);
  Time(state, query);
}
constexpr size_t GeneratedLog::* kNotCounted = nullptr;
BENCHMARK_CAPTURE(BM_Filter, text_equal, "action = 'REJECT'", &GeneratedLog::rejected)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Filter, int_equal, "dstport = 443", &GeneratedLog::port_443)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Filter, int_set, "dstport in (22, 80, 443, 3389, 5432, 8080)", kNotCounted)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Filter, address_prefix, "srcaddr in 10.1.0.0/16", kNotCounted)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Filter, any_address, "addr = 10.1.2.3", kNotCounted)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Filter, like, "interface-id like '%1234'", kNotCounted)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Filter, regex, "interface-id ~ '12.4$'", kNotCounted)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Filter, and_of_three, "rejected and dstport = 443 and bytes > 1k", kNotCounted)
    ->Unit(benchmark::kMillisecond);

void BM_GroupBy(benchmark::State& state, std::vector<fl::NamedExpression> keys) {
  const fl::Query query = ScanLog().GroupBy(std::move(keys)).Aggregate({{"n", "count()"}, {"total", "sum(bytes)"}});
  const fl::Table table = CollectOrDie(query);
  int64_t records = 0, bytes = 0;
  for (size_t row = 0; row < table.num_rows(); ++row) {
    records += *table.Int(row, "n");
    bytes += table.Int(row, "total").value_or(0);
  }
  Require(records == static_cast<int64_t>(Log().records) && bytes == Log().bytes);
  state.counters["groups"] = static_cast<double>(table.num_rows());
  Time(state, query);
}
BENCHMARK_CAPTURE(BM_GroupBy, nothing, {})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, text, {"action"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, integer, {"dstport"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, address, {"srcaddr"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, many_texts, {"interface-id"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, number_of_address, {"srcaddr.asn"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, name_of_interface, {"interface-id.name"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, bin, {"bin(start, 5m)"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, prefix, {"prefix(srcaddr, 16)"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, service, {"service(dstport)"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, pair_of_addresses, {"srcaddr", "dstaddr"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_GroupBy, five_tuple, {"srcaddr", "dstaddr", "srcport", "dstport", "protocol"})
    ->Unit(benchmark::kMillisecond);

// Aggregates, by kind, over the sources.
void BM_Aggregate(benchmark::State& state, const char* aggregate) {
  const fl::Query query = ScanLog().GroupBy({"srcaddr"}).Aggregate({{"value", aggregate}, {"n", "count()"}});
  const fl::Table table = CollectOrDie(query);
  int64_t records = 0;
  for (size_t row = 0; row < table.num_rows(); ++row) records += *table.Int(row, "n");
  Require(records == static_cast<int64_t>(Log().records));
  Time(state, query);
}
BENCHMARK_CAPTURE(BM_Aggregate, sum, "sum(bytes)")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Aggregate, max, "max(bytes)")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Aggregate, distinct, "distinct(dstport)")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Aggregate, approx_distinct, "approx_distinct(dstport)")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Aggregate, quantile, "quantile(bytes, 0.9)")->Unit(benchmark::kMillisecond);

void BM_Query(benchmark::State& state, fl::Query (*make)()) {
  const fl::Query query = make();
  Require(CollectOrDie(query).num_rows() > 0);
  Time(state, query);
}
BENCHMARK_CAPTURE(BM_Query, top_sources, [] {
  return ScanLog().GroupBy({"srcaddr"}).Aggregate({"sum(bytes)"}).Sort("sum_bytes", fl::Order::kDescending).Head(10);
})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, rejected_ports, [] {
  return ScanLog()
      .Filter("rejected")
      .GroupBy({"dstport"})
      .Aggregate({{"flows", "count()"}, {"sources", "distinct(srcaddr)"}})
      .Sort("flows", fl::Order::kDescending)
      .Head(5);
})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, rows_of_one_port, [] {
  return ScanLog().Filter("dstport = 22").Select({"start", "srcaddr", "dstaddr", "bytes"});
})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, traffic_over_time, [] {
  return ScanLog().GroupBy({"bin(start, 1m)", "action"}).Aggregate({"sum(bytes)", "sum(packets)", "count()"});
})->Unit(benchmark::kMillisecond);

void BM_Check(benchmark::State& state) {
  const auto pass = [] {
    const absl::StatusOr<fl::Stats> stats = ScanLog().Check();
    Require(stats.ok() && stats->records == Log().records && stats->bad_value_count() == 0);
  };
  pass();
  for (auto _ : state) pass();
  SetRates(state, Log().text.size(), Log().records);
}
BENCHMARK(BM_Check)->Unit(benchmark::kMillisecond);

}  // namespace
