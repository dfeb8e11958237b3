// How fast a table of results is written, by format: bytes of output and rows a second.
#include "flowlogs/query/table.h"

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

namespace flowlogs {
namespace {

// Rows as a scan of the default format gives them; every 50th is NODATA. The texts of the last column are tag values:
// plain ASCII, or with an accent and a quote in each.
Table MakeTable(size_t rows, bool plain) {
  std::mt19937_64 random(1);
  Column interface("interface_id", ColumnType::kText);
  Column srcaddr("srcaddr", ColumnType::kAddress);
  Column dstport("dstport", ColumnType::kInt32);
  Column bytes("bytes", ColumnType::kInt64);
  Column mean("mean_packets", ColumnType::kDouble);
  Column start("start", ColumnType::kInt64, /*is_time=*/true);
  Column action("action", ColumnType::kText);
  Column tag("instance_tag", ColumnType::kText);
  for (size_t row = 0; row < rows; ++row) {
    interface.AppendText("eni-0a1b2c3d4e5f60718");
    start.AppendInt(1630628288 + static_cast<int64_t>(row / 10));
    if (row % 50 == 0) {
      for (Column* column : {&srcaddr, &dstport, &bytes, &mean, &action, &tag}) column->AppendNull();
      continue;
    }
    srcaddr.AppendAddress(IpAddress::V4(static_cast<uint32_t>(random())));
    dstport.AppendInt(static_cast<int64_t>(random() % 65536));
    bytes.AppendInt(static_cast<int64_t>(random() >> (34 + random() % 20)));
    mean.AppendDouble(static_cast<double>(random() % 100'000) / 7);
    action.AppendText(row % 4 == 0 ? "REJECT" : "ACCEPT");
    tag.AppendText(plain ? "team a, checkout service" : "caf\xC3\xA9 \"Z\xC3\xBCrich\" =A1");
  }
  return Table({std::move(interface), std::move(srcaddr), std::move(dstport), std::move(bytes), std::move(mean),
                std::move(start), std::move(action), std::move(tag)},
               Stats());
}

void BM_Rows(benchmark::State& state) {
  constexpr size_t kRows = 100'000;
  const TableFormat format = static_cast<TableFormat>(state.range(0));
  const Table table = MakeTable(kRows, state.range(1) != 0);
  std::string out;
  table.AppendRows(format, &out);
  // The answer first: a row is a line, and kTable has its header too; kJson leaves the last line end to the caller.
  size_t lines = format == TableFormat::kTable ? 0 : format == TableFormat::kJson ? 2 : 1;
  for (const char c : out) lines += c == '\n';
  if (lines != kRows + 1) std::abort();
  for (auto _ : state) {
    out.clear();
    table.AppendRows(format, &out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kRows));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * out.size()));
}
BENCHMARK(BM_Rows)
    ->ArgNames({"format", "plain"})
    ->ArgsProduct({{static_cast<int>(TableFormat::kTable), static_cast<int>(TableFormat::kCsv),
                    static_cast<int>(TableFormat::kTsv), static_cast<int>(TableFormat::kJson),
                    static_cast<int>(TableFormat::kNdjson)},
                   {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace flowlogs
