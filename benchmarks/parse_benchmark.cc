// From text to values: single records, the index of each kernel, judging lines, decoding each type.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/generated_log.h"

#include "flowlogs/io/input.h"
#include "flowlogs/parse/record.h"
#include "flowlogs/parse/records.h"
#include "lib/parse/line_index.h"
#include "lib/parse/lines.h"
#include "lib/parse/record_batch.h"

namespace {

namespace fl = flowlogs;
using namespace flowlogs_benchmark;  // NOLINT(google-build-using-namespace)

void BM_ParseRecord(benchmark::State& state) {
  const std::string_view text = Log().text;
  const fl::Format& format = fl::Format::Default();
  fl::Record record;
  const auto pass = [&] {
    int64_t sum = 0;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = text.find('\n', begin);
      if (fl::ParseRecord(text.substr(begin, end - begin), format, &record) == fl::ParseError::kOk) {
        sum += record.bytes().value_or(0);
      }
      begin = end + 1;
    }
    return sum;
  };
  Require(pass() == Log().bytes);
  for (auto _ : state) benchmark::DoNotOptimize(pass());
  SetRates(state, text.size(), Log().records);
}
BENCHMARK(BM_ParseRecord)->Unit(benchmark::kMillisecond);

void BM_Records(benchmark::State& state) {
  const std::string_view text = Log().text;
  const auto pass = [&] {
    int64_t sum = 0;
    for (const fl::Record& record : fl::Records(text)) sum += record.bytes().value_or(0);
    return sum;
  };
  Require(pass() == Log().bytes);
  for (auto _ : state) benchmark::DoNotOptimize(pass());
  SetRates(state, text.size(), Log().records);
}
BENCHMARK(BM_Records)->Unit(benchmark::kMillisecond);

// Whole lines with the margins that a Block has.
struct Block {
  explicit Block(size_t bytes) : Block(Log().text.substr(0, Log().text.rfind('\n', bytes) + 1)) {}
  explicit Block(const std::string& whole_lines)
      : buffer(std::string(fl::Block::kMargin, '\n') + whole_lines + std::string(fl::Block::kMargin, '\n')),
        text(std::string_view(buffer).substr(fl::Block::kMargin, whole_lines.size())) {
    for (char c : text) lines += c == '\n';
  }
  std::string buffer;
  std::string_view text;
  size_t lines = 0;
};
constexpr size_t kBlockBytes = 128 << 10;

void BM_Index(benchmark::State& state, const fl::Kernel* kernel) {
  const Block block(kBlockBytes);
  fl::LineIndex index;
  index.Build(block.text, *kernel);
  Require(index.num_lines() == block.lines && index.AllLinesHave(14));
  for (auto _ : state) {
    index.Build(block.text, *kernel);
    benchmark::DoNotOptimize(index.num_lines());
  }
  SetRates(state, block.text.size(), block.lines);
}

void BM_Locate(benchmark::State& state, const fl::Kernel* kernel) {
  const Block block(kBlockBytes);
  fl::LineIndex index;
  index.Build(block.text, *kernel);
  const uint16_t wanted[] = {2, 3, 8, 9};  // around srcaddr and bytes
  std::vector<std::vector<uint32_t>> places(4, std::vector<uint32_t>(block.lines));
  uint32_t* const out[] = {places[0].data(), places[1].data(), places[2].data(), places[3].data()};
  const auto locate = [&] {
    kernel->locate(index.separators(), index.line_ends(), 0, 14, nullptr, block.lines, wanted, 4, out);
  };
  locate();
  Require(block.text[places[0].back()] == ' ' && places[3].back() > places[2].back());
  for (auto _ : state) {
    locate();
    benchmark::ClobberMemory();
  }
  SetRates(state, block.text.size(), block.lines);
}

const bool kKernelsAreRegistered = [] {
  for (const fl::Kernel* kernel : fl::AvailableKernels()) {
    benchmark::RegisterBenchmark((std::string("BM_Index/") + kernel->name).c_str(), BM_Index, kernel);
    if (kernel->locate == nullptr) continue;
    benchmark::RegisterBenchmark((std::string("BM_Locate/") + kernel->name).c_str(), BM_Locate, kernel);
  }
  return true;
}();

// `spoil` makes a block out of a regular one; `segments`: how many kinds of lines then stand beside each other.
void BM_LookAndJudge(benchmark::State& state, std::string (*spoil)(std::string text), size_t segments) {
  const Block regular(kBlockBytes);
  const Block block(spoil(std::string(regular.text)));
  fl::Lines lines;
  const auto pass = [&] {
    lines.Look(block.text, false, {});
    lines.Judge(&fl::Format::Default());
    return lines.segments().size();
  };
  Require(pass() == segments && lines.num_lines() == block.lines);
  for (auto _ : state) benchmark::DoNotOptimize(pass());
  SetRates(state, block.text.size(), block.lines);
}
BENCHMARK_CAPTURE(BM_LookAndJudge, regular, [](std::string text) { return text; }, 1);
BENCHMARK_CAPTURE(BM_LookAndJudge, repeated_header,
                  [](std::string text) { return text + fl::Format::Default().Header() + "\n" + text; }, 3);
BENCHMARK_CAPTURE(BM_LookAndJudge, one_problem, [](std::string text) { return text + "half a line\n" + text; }, 3);
BENCHMARK_CAPTURE(BM_LookAndJudge, crlf, [](std::string text) {
  std::string out;
  for (const char c : text) (out += c == '\n' ? "\r" : "") += c;
  return out;
}, 1);

// One column of a block, places included.
template <typename Decode>
void DecodeColumn(benchmark::State& state, const Block& block, const fl::Format& format, fl::Field field,
                  Decode decode) {
  fl::LineIndex index;
  index.Build(block.text);
  Require(index.AllLinesHave(static_cast<uint32_t>(format.size())));
  const fl::RegularRun run{&format, 0, &index, 0, static_cast<uint32_t>(index.num_lines()), nullptr};
  const int column = format.IndexOf(field);
  fl::RecordBatch batch;
  const auto pass = [&] {
    batch.Reset(run);
    return decode(batch, column);
  };
  pass();
  Require(batch.BadValues().empty());
  for (auto _ : state) benchmark::DoNotOptimize(pass());
  SetRates(state, block.text.size(), block.lines);
}
const auto kIntegers = [](fl::RecordBatch& batch, int c) { return batch.Integers(c, batch.AllRows()); };
const auto kAddresses = [](fl::RecordBatch& batch, int c) { return batch.Addresses(c, batch.AllRows()); };
const auto kTexts = [](fl::RecordBatch& batch, int c) { return batch.Texts(c, batch.AllRows()); };

// Of the default format.
template <typename Decode>
void BM_Decode(benchmark::State& state, fl::Field field, Decode decode) {
  DecodeColumn(state, Block(kBlockBytes), fl::Format::Default(), field, decode);
}
BENCHMARK_CAPTURE(BM_Decode, port, fl::Field::kDstport, kIntegers);
BENCHMARK_CAPTURE(BM_Decode, integer, fl::Field::kBytes, kIntegers);
BENCHMARK_CAPTURE(BM_Decode, time, fl::Field::kStart, kIntegers);
BENCHMARK_CAPTURE(BM_Decode, address_v4, fl::Field::kSrcaddr, kAddresses);
BENCHMARK_CAPTURE(BM_Decode, text, fl::Field::kAction, kTexts);

// Values that the default log does not have: `value` in each line, beside the number of the line.
template <typename Decode>
void BM_DecodeRare(benchmark::State& state, fl::Field field, const char* value, Decode decode) {
  const fl::Format format = *fl::Format::FromHeader("srcport " + std::string(fl::Info(field).name));
  std::string text;
  for (int i = 0; text.size() < kBlockBytes; ++i) {
    (text += std::to_string(i % 65536)) += std::string(" ") + value + "\n";
  }
  DecodeColumn(state, Block(text), format, field, decode);
}
BENCHMARK_CAPTURE(BM_DecodeRare, address_v6, fl::Field::kSrcaddr, "2001:db8:85a3::8a2e:370:7334", kAddresses);
BENCHMARK_CAPTURE(BM_DecodeRare, missing, fl::Field::kSrcaddr, "-", kAddresses);
BENCHMARK_CAPTURE(BM_DecodeRare, tag, fl::Field::kInstanceTag, "team%20a%2Cweb", kTexts);

}  // namespace
