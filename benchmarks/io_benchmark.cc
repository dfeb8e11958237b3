// How fast io/ hands out blocks: plain files by position, and inflated ones.
//
// The figure to read is bytes_per_second of text. Each benchmark first checks what it is going to measure, once: the
// number of lines and bytes. The files were just written and so lie in the page cache: nothing here measures a disk.
#include <unistd.h>
#include <zlib.h>
#ifdef FLOWLOGS_HAVE_ZSTD
#include <zstd.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"

namespace {

constexpr size_t kTextBytes = 128 << 20;

std::string MakeText() {
  std::mt19937 random(1);
  std::string text;
  text.reserve(kTextBytes + 256);
  const auto octet = [&] { return std::to_string(random() % 256); };
  while (text.size() < kTextBytes) {
    text += "2 123456789010 eni-0a1b2c3d4e5f6071" + std::to_string(random() % 10) + " 10.0." + octet() + "." + octet() +
            " 172.16." + octet() + "." + octet() + " " + std::to_string(1024 + random() % 60000) + " 443 6 " +
            std::to_string(random() % 1000) + " " + std::to_string(random() % 1000000) + " 1418530010 1418530070 " +
            (random() % 6 == 0 ? "REJECT" : "ACCEPT") + " OK\n";
  }
  return text;
}

std::string Gzip(std::string_view text) {
  z_stream stream = {};
  if (deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

#ifdef FLOWLOGS_HAVE_ZSTD
std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), ZSTD_CLEVEL_DEFAULT);
  if (ZSTD_isError(size)) std::abort();
  out.resize(size);
  return out;
}
#endif

// The text, in files that are removed at exit.
struct Files {
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "flowlogs_bench_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    directory = name;
    const std::string text = MakeText();
    bytes = text.size();
    lines = static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
    plain = (directory / "v2.log").string();
    gzip = (directory / "v2.log.gz").string();
    std::ofstream(plain, std::ios::binary) << text;
    std::ofstream(gzip, std::ios::binary) << Gzip(text);
#ifdef FLOWLOGS_HAVE_ZSTD
    zstd = (directory / "v2.log.zst").string();
    std::ofstream(zstd, std::ios::binary) << Zstd(text);
#endif
  }
  ~Files() {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  std::filesystem::path directory;
  std::string plain, gzip, zstd;
  uint64_t bytes = 0, lines = 0;
};

const Files& TheFiles() {
  static const Files files;
  return files;
}

// Reads the whole input; `count_lines` looks at every byte, without it only the hand-over is measured.
std::pair<uint64_t, uint64_t> ReadAll(const std::string& path, const flowlogs::InputOptions& options, int threads,
                                      bool count_lines) {
  auto input = flowlogs::Input::Open(path, options);
  if (!input.ok()) std::abort();
  std::mutex mutex;
  uint64_t bytes = 0, lines = 0;
  const auto work = [&] {
    flowlogs::Block block;
    uint64_t own_bytes = 0, own_lines = 0;
    while (true) {
      {
        std::lock_guard lock(mutex);
        if (!(*input)->Claim(&block)) break;
      }
      (*input)->Load(&block);
      own_bytes += block.text().size();
      if (count_lines) own_lines += static_cast<uint64_t>(std::count(block.text().begin(), block.text().end(), '\n'));
    }
    std::lock_guard lock(mutex);
    bytes += own_bytes;
    lines += own_lines;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  if ((*input)->damage()) std::abort();
  return {bytes, lines};
}

void Run(benchmark::State& state, const std::string& path, int threads) {
  const flowlogs::InputOptions options{.block_bytes = static_cast<size_t>(state.range(0)) << 10};
  if (ReadAll(path, options, threads, true) != std::pair(TheFiles().bytes, TheFiles().lines)) {
    state.SkipWithError("wrong answer");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(ReadAll(path, options, threads, false));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(TheFiles().bytes));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(TheFiles().lines));
}

// block KiB, threads
void BM_PlainFile(benchmark::State& state) { Run(state, TheFiles().plain, static_cast<int>(state.range(1))); }
BENCHMARK(BM_PlainFile)->ArgsProduct({{32, 64, 128, 256, 1024}, {1, 2}})->UseRealTime()->Unit(benchmark::kMillisecond);

// block KiB; with the library that FLOWLOGS_INFLATE selects
void BM_Inflate(benchmark::State& state) {
  unsetenv("FLOWLOGS_INFLATE");
  state.SetLabel(flowlogs::InflateLibrary());
  Run(state, TheFiles().gzip, 1);
}
BENCHMARK(BM_Inflate)->Arg(64)->Arg(128)->Arg(256)->Arg(1024)->Unit(benchmark::kMillisecond);

void BM_InflateZlib(benchmark::State& state) {
  setenv("FLOWLOGS_INFLATE", "zlib", 1);
  state.SetLabel(flowlogs::InflateLibrary());
  Run(state, TheFiles().gzip, 1);
  unsetenv("FLOWLOGS_INFLATE");
}
BENCHMARK(BM_InflateZlib)->Arg(128)->Unit(benchmark::kMillisecond);

#ifdef FLOWLOGS_HAVE_ZSTD
void BM_InflateZstd(benchmark::State& state) { Run(state, TheFiles().zstd, 1); }
BENCHMARK(BM_InflateZstd)->Arg(128)->Unit(benchmark::kMillisecond);
#endif

}  // namespace

BENCHMARK_MAIN();
