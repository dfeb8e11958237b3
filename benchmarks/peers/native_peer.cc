// What is measured in C++: the floors, the tokenizer and the record loop. Speaks as worker.py says.
//
//   avx2_read    sums the bytes of a file in blocks of 128 KiB, read by each thread into its own buffer, as the engine
//                does
//   avx2_mmap    the same, mapped for each run, page faults and unmapping included
//   avx2_memory  one thread, text that is in memory already
//   tokenize     one thread, the same text: Look() and Judge(), with all that is proven of a regular run
//   records      one thread, the same text: fl::Records, reading srcaddr and bytes
//   inflate      ISA-L alone: reads a .gz, inflates it into the same buffer over and over, checksum included
//
// Whatever is "in memory" is read before the clock starts. The answer of a floor is its sum or its size, so that it
// cannot be optimised away, and is checked.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#ifdef FLOWLOGS_HAVE_ISAL
#include <isa-l.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "flowlogs/parse/records.h"
#include "lib/parse/lines.h"

namespace {

namespace fl = flowlogs;

constexpr size_t kBlockBytes = 128 << 10;
constexpr size_t kChunkBytes = 4 << 20;

// ---- One pass over bytes --------------------------------------------------------------------------------------------
uint64_t PlainSum(const char* p, size_t size) {
  uint64_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum += static_cast<unsigned char>(p[i]);
  return sum;
}

#if defined(__x86_64__)
constexpr char kFloor[] = "AVX2";
__attribute__((target("avx2"))) uint64_t Sum(const char* p, size_t size) {
  __m256i sums[4] = {};
  size_t i = 0;
  for (; i + 128 <= size; i += 128) {
    for (size_t k = 0; k < 4; ++k) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i + 32 * k));
      sums[k] = _mm256_add_epi64(sums[k], _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
    }
  }
  uint64_t lanes[4];
  const __m256i all = _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3]));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), all);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3] + PlainSum(p + i, size - i);
}
#else
constexpr char kFloor[] = "plain loop";
uint64_t Sum(const char* p, size_t size) { return PlainSum(p, size); }
#endif

// ---- Work -----------------------------------------------------------------------------------------------------------
struct Answer {
  std::vector<uint64_t> row;
  std::string error;
};

Answer Failed(const std::string& what) { return {{}, what}; }

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat info;
    if (fd_ >= 0 && fstat(fd_, &info) == 0) size_ = static_cast<size_t>(info.st_size);
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  size_t size() const { return size_; }

 private:
  int fd_;
  size_t size_ = 0;
};

// Runs `work` in `threads` threads, this one included, and adds up what they return.
uint64_t InThreads(int threads, const std::function<uint64_t()>& work) {
  std::atomic<uint64_t> sum = 0;
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&] { sum += work(); });
  sum += work();
  for (std::thread& other : others) other.join();
  return sum;
}

Answer SumByReading(const std::string& path, int threads) {
  const File file(path);
  if (!file.ok()) return Failed("cannot open " + path);
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const uint64_t sum = InThreads(threads, [&] {
    std::vector<char> buffer(kBlockBytes);
    uint64_t own = 0;
    for (size_t begin; (begin = next.fetch_add(kBlockBytes)) < file.size();) {
      const ssize_t size = pread(file.fd(), buffer.data(), kBlockBytes, static_cast<off_t>(begin));
      if (size != static_cast<ssize_t>(std::min(kBlockBytes, file.size() - begin))) failed = true;
      own += Sum(buffer.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
    }
    return own;
  });
  return failed ? Failed("cannot read " + path) : Answer{{sum}, ""};
}

Answer SumByMapping(const std::string& path, int threads) {
  const File file(path);
  void* const map = file.ok() ? mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0) : MAP_FAILED;
  if (map == MAP_FAILED) return Failed("cannot map " + path);
#ifdef MADV_HUGEPAGE
  madvise(map, file.size(), MADV_HUGEPAGE);
#endif
  std::atomic<size_t> next = 0;
  const uint64_t sum = InThreads(threads, [&] {
    uint64_t own = 0;
    for (size_t begin; (begin = next.fetch_add(kChunkBytes)) < file.size();) {
      own += Sum(static_cast<const char*>(map) + begin, std::min(kChunkBytes, file.size() - begin));
    }
    return own;
  });
  munmap(map, file.size());
  return {{sum}, ""};
}

// Every record of the text, in blocks of whole lines.
Answer Tokenize(std::string_view text) {
  fl::Lines lines;
  std::optional<fl::Format> format;
  uint64_t records = 0;
  bool first = true;
  for (size_t begin = 0; begin < text.size(); first = false) {
    const bool is_last = text.size() - begin <= kBlockBytes;
    const size_t last = is_last ? text.size() - 1 : text.rfind('\n', begin + kBlockBytes - 1);
    lines.Look(text.substr(begin, last + 1 - begin), first, {});
    lines.Judge(format ? &*format : nullptr);
    for (const fl::LineSegment& segment : lines.segments()) {
      if (segment.kind == fl::LineSegment::Kind::kRegular) records += segment.num_lines;
    }
    if (!lines.headers().empty()) format = lines.headers().back().format;
    begin = last + 1;
  }
  return {{records}, ""};
}

Answer LoopOverRecords(std::string_view text) {
  fl::Stats stats;
  uint64_t records = 0, sources = 0, bytes = 0;
  for (const fl::Record& record : fl::Records(text, {.stats = &stats})) {
    ++records;
    sources += record.srcaddr().has_value();
    bytes += static_cast<uint64_t>(record.bytes().value_or(0));
  }
  if (stats.problem_count() != 0) return Failed("the log has problems");
  return {{records, sources, bytes}, ""};
}

Answer Inflate(const std::string& path) {
#ifdef FLOWLOGS_HAVE_ISAL
  const File file(path);
  if (!file.ok()) return Failed("cannot open " + path);
  std::vector<uint8_t> in(1 << 20), out(256 << 10);
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  uint64_t total = 0;
  for (ssize_t size; (size = read(file.fd(), in.data(), in.size())) > 0;) {
    state.next_in = in.data();
    state.avail_in = static_cast<uint32_t>(size);
    do {
      state.next_out = out.data();
      state.avail_out = static_cast<uint32_t>(out.size());
      if (isal_inflate(&state) != ISAL_DECOMP_OK) return Failed("ISA-L cannot inflate " + path);
      total += out.size() - state.avail_out;
    } while (state.avail_out == 0);
  }
  if (state.block_state != ISAL_BLOCK_FINISH) return Failed(path + " ends too early, or has more than one member");
  return {{total}, ""};
#else
  return Failed("built without ISA-L; cannot inflate " + path);
#endif
}

// The text of the last path that was asked for.
std::string_view InMemory(const std::string& path) {
  static std::string loaded_path, text;
  if (path != loaded_path) {
    std::ifstream file(path, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
    loaded_path = path;
  }
  return text;
}

Answer SumInMemory(std::string_view text) { return {{Sum(text.data(), text.size())}, ""}; }

std::string Json(const Answer& answer, double seconds) {
  if (!answer.error.empty()) return "{\"error\": \"" + answer.error + "\"}";
  std::string row;
  for (const uint64_t value : answer.row) row += (row.empty() ? "" : ", ") + std::to_string(value);
  return "{\"seconds\": " + std::to_string(seconds) + ", \"answer\": [[" + row + "]]}";
}

std::string Versions() {
  std::string text = std::string(kFloor) + ", kernel " + fl::ActiveKernel().name;
#ifdef FLOWLOGS_HAVE_ISAL
  text += ", ISA-L " + std::to_string(ISAL_MAJOR_VERSION) + "." + std::to_string(ISAL_MINOR_VERSION) + "." +
          std::to_string(ISAL_PATCH_VERSION);
#endif
  return text;
}

std::string Reply(const std::string& work, const std::string& path, int threads) {
  std::function<Answer()> run;
  if (work == "avx2_read") run = [&] { return SumByReading(path, threads); };
  if (work == "avx2_mmap") run = [&] { return SumByMapping(path, threads); };
  if (work == "inflate") run = [&] { return Inflate(path); };
  if (work == "avx2_memory" || work == "tokenize" || work == "records") {
    const std::string_view text = InMemory(path);
    if (text.empty()) return Json(Failed("cannot read " + path), 0);
    if (work == "avx2_memory") run = [text] { return SumInMemory(text); };
    if (work == "tokenize") run = [text] { return Tokenize(text); };
    if (work == "records") run = [text] { return LoopOverRecords(text); };
  }
  if (!run) return Json(Failed("no such work: " + work), 0);
  const auto begin = std::chrono::steady_clock::now();
  const Answer answer = run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  return Json(answer, seconds.count());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string bytes = [] {
    std::string all;
    for (int i = 0; i < 1000; ++i) all += static_cast<char>(i);
    return all;
  }();
  if (Sum(bytes.data() + 1, 999) != PlainSum(bytes.data() + 1, 999)) {
    std::cout << "{\"error\": \"the sum of the floor is wrong\"}" << std::endl;
    return 0;
  }
  const int threads = argc > 2 && std::string_view(argv[1]) == "--threads" ? std::atoi(argv[2]) : 1;
  std::cout << "{\"version\": \"" << Versions() << "\"}" << std::endl;
  for (std::string request; std::getline(std::cin, request);) {
    const size_t tab = request.find('\t');
    const std::string path = tab == std::string::npos ? "" : request.substr(tab + 1);
    std::cout << Reply(request.substr(0, tab), path, threads) << std::endl;
  }
}
