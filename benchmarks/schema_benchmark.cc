// Single values and headers: what a handler without the engine pays for.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/generated_log.h"

#include "flowlogs/schema/format.h"
#include "flowlogs/schema/value.h"

namespace {

namespace fl = flowlogs;
using namespace flowlogs_benchmark;  // NOLINT(google-build-using-namespace)

void BM_ParseAddress(benchmark::State& state, std::vector<std::string_view> texts, bool good) {
  size_t bytes = 0;
  for (std::string_view text : texts) {
    Require(fl::IpAddress::Parse(text).has_value() == good);
    bytes += text.size();
  }
  for (auto _ : state) {
    for (std::string_view text : texts) benchmark::DoNotOptimize(fl::IpAddress::Parse(text));
  }
  SetRates(state, bytes, texts.size());
}
BENCHMARK_CAPTURE(BM_ParseAddress, v4, {"10.0.0.1", "172.16.254.1", "8.8.8.8", "255.255.255.255", "192.168.1.77"},
                  true);
BENCHMARK_CAPTURE(BM_ParseAddress, v6, {"2001:db8::1", "fe80::1", "::", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"},
                  true);
BENCHMARK_CAPTURE(BM_ParseAddress, bad, {"10.0.0.01", "10.0.0.256", "host", "1::2::3"}, false);

void BM_ParseInteger(benchmark::State& state) {
  const std::vector<std::string_view> texts = {"0", "443", "50123", "1700000000", "9223372036854775807"};
  size_t bytes = 0;
  for (std::string_view text : texts) {
    Require(std::to_string(*fl::ParseInteger(text)) == text);
    bytes += text.size();
  }
  for (auto _ : state) {
    for (std::string_view text : texts) benchmark::DoNotOptimize(fl::ParseInteger(text));
  }
  SetRates(state, bytes, texts.size());
}
BENCHMARK(BM_ParseInteger);

void BM_WriteAddress(benchmark::State& state) {
  const std::vector<fl::IpAddress> addresses = {*fl::IpAddress::Parse("10.0.0.1"), *fl::IpAddress::Parse("2001:db8::1"),
                                                *fl::IpAddress::Parse("172.16.254.1"), *fl::IpAddress::Parse("::1")};
  char text[fl::IpAddress::kMaxText];
  for (const fl::IpAddress& address : addresses) {
    Require(fl::IpAddress::Parse({text, address.Format(text)}) == address);
  }
  for (auto _ : state) {
    for (const fl::IpAddress& address : addresses) {
      benchmark::DoNotOptimize(address.Format(text));
      benchmark::ClobberMemory();
    }
  }
  SetRates(state, 0, addresses.size());
}
BENCHMARK(BM_WriteAddress);

void BM_FormatFromHeader(benchmark::State& state) {
  const std::string header = fl::Format::Default().Header();
  Require(*fl::Format::FromHeader(header) == fl::Format::Default());
  for (auto _ : state) benchmark::DoNotOptimize(fl::Format::FromHeader(header));
  SetRates(state, header.size(), 1);
}
BENCHMARK(BM_FormatFromHeader);

void BM_FindField(benchmark::State& state) {
  for (const fl::FieldInfo& info : fl::AllFields()) Require(fl::FindField(info.column) == info.field);
  for (auto _ : state) {
    for (const fl::FieldInfo& info : fl::AllFields()) benchmark::DoNotOptimize(fl::FindField(info.name));
  }
  SetRates(state, 0, fl::kFieldCount);
}
BENCHMARK(BM_FindField);

}  // namespace
