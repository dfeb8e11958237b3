// kernel_differential [EXECUTIONS] [SEED]: the kernels of this machine against a plain loop, against each other and
// against the reference splitter, on made-up logs. Without sanitizers and without a fuzzer's bookkeeping it runs a hundred
// times as many inputs in a minute as the fuzz target; a page that cannot be read begins where each text ends.
//
// Every second input is longer than 1 KiB and is also indexed as two blocks, cut at a random byte.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/kernel/kernel_comparison.h"
#include "tests/random_log.h"
#include "tests/reference_splitter.h"

namespace {

using flowlogs_test::KernelComparison;
using flowlogs_test::Random;
using flowlogs_test::RandomLogMaker;
using flowlogs_test::ReferenceSplitter;

constexpr size_t kLarge = 1024;      // an input over so many bytes is cut in two blocks
constexpr size_t kLargest = 8 << 10;
constexpr size_t kPoolText = 32 << 10;

// Random numbers at the price of a multiplication: there are some of them in each input.
class Quick {
 public:
  explicit Quick(uint64_t seed) : state_(seed * 2 + 1) {}
  size_t Below(size_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>((state_ >> 33) % n);
  }

 private:
  uint64_t state_;
};

// What inputs are cut from: logs with and without hostile lines, regular text of other widths, and bytes at which a
// comparison may go wrong.
std::vector<std::string> MakePool(uint64_t seed) {
  constexpr unsigned char kEdges[] = {0x00, 0x09, 0x0b, 0x0d, 0x1f, 0x21, 0x7f, 0x80, 0x8a, 0xa0, 0xff};
  Random random(seed);
  std::vector<std::string> pool(192);
  for (size_t i = 0; i < pool.size(); ++i) {
    std::string& text = pool[i];
    const size_t values = 1 + random.Below(40), longest = 1 + random.Below(random.Chance(0.2) ? 200 : 15);
    const double separators = 0.02 + static_cast<double>(random.Below(90)) / 100;
    while (text.size() < kPoolText) {
      if (i % 3 != 0) {
        text += RandomLogMaker(&random).Make(100).text + "\n";
      } else if (i % 2 == 0) {
        for (size_t k = 1; k <= values; ++k) {
          text.append(1 + random.Below(longest), static_cast<char>('0' + random.Below(10)));
          text += k == values ? '\n' : ' ';
        }
      } else if (random.Chance(separators)) {
        text += random.Chance(0.3) ? '\n' : ' ';
      } else {
        text += random.Chance(0.05) ? static_cast<char>(kEdges[random.Below(sizeof(kEdges))]) : 'x';
      }
    }
    text.resize(kPoolText);
  }
  return pool;
}

// Pages of which the one behind the last cannot be read.
char* FencedEnd(size_t size) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  size = (size + page - 1) / page * page;
  void* const all = mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED || mprotect(static_cast<char*>(all) + size, page, PROT_NONE) != 0) {
    std::fprintf(stderr, "no memory\n");
    std::exit(2);
  }
  return static_cast<char*>(all) + size;
}

void RequireReference(std::string_view text, const flowlogs_test::OracleIndex& oracle) {
  const std::vector<std::string_view> lines = ReferenceSplitter::LinesOf(text);
  bool same = lines.size() == oracle.line_ends.size() + (text.empty() || text.back() == '\n' ? 0 : 1);
  uint32_t begin = 0;
  for (size_t i = 0; same && i < oracle.line_ends.size(); ++i) {
    same = lines[i] == text.substr(begin, oracle.line_ends[i] - begin);
    begin = oracle.line_ends[i] + 1;
  }
  if (same) return;
  std::fprintf(stderr, "the reference splitter finds other lines\n");
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t executions = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const std::vector<std::string> pool = MakePool(seed);
  char* const end = FencedEnd(kLargest);
  Quick random(seed);
  KernelComparison comparison;
  uint64_t large = 0, decoded = 0, split = 0, bytes = 0;
  const auto started = std::chrono::steady_clock::now();
  for (uint64_t i = 0; i < executions; ++i) {
    const bool is_large = i % 2 == 1;
    // Mostly near the shortest: the carry from word to word is what may go wrong, and there are enough words in 1 KiB.
    const size_t size = is_large ? kLarge + 1 + random.Below(random.Below(4) == 0 ? kLargest - kLarge : 1000)
                                 : random.Below(random.Below(4) == 0 ? kLarge + 1 : 300);
    const std::string& from = pool[random.Below(pool.size())];
    char* const text = end - size;
    std::memcpy(text, from.data() + random.Below(from.size() - size), size);
    for (size_t changes = random.Below(5); size > 0 && changes > 0; --changes) {
      constexpr char kBytes[] = " \n\t\r\x1f\x7f\x80\xffx0.";
      text[random.Below(size)] = kBytes[random.Below(sizeof(kBytes))];  // its last one is 0
    }
    comparison.Index({text, size});
    bytes += size;
    if (is_large) {
      comparison.InTwoBlocks(1 + random.Below(size - 1));
      ++large;
    }
    if (i % 16 >= 14) {
      comparison.Locate();
      comparison.Decode(1 + random.Below(4));
      ++decoded;
    }
    if (i % 64 >= 62) {
      RequireReference({text, size}, comparison.oracle());
      ++split;
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::string names;
  for (const flowlogs::Kernel* kernel : flowlogs::AvailableKernels()) names += std::string(" ") + kernel->name;
  std::printf("kernels equal:%s\n%llu executions in %.1f s (%.0f/s, %.0f MB), %llu of them over 1 KiB and across a block border; "
              "values decoded in %llu, lines compared with the reference splitter in %llu\n",
              names.c_str(), static_cast<unsigned long long>(executions), seconds,
              static_cast<double>(executions) / seconds, static_cast<double>(bytes) / 1e6,
              static_cast<unsigned long long>(large), static_cast<unsigned long long>(decoded),
              static_cast<unsigned long long>(split));
  return 0;
}
