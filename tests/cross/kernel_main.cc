// The kernel of another CPU against the scalar one, in a program of these two files alone: an emulator runs it where
// there is no such CPU, and nothing but a compiler is needed for it. What the machine itself has is tested in tests/parse.
//
// Every text and every column of tokens ends, margins included, where a page begins that cannot be read, or begins behind
// one: a read too far is a crash. Behind all that a kernel writes stand canaries.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/parse/kernel.h"

namespace {

namespace fl = flowlogs;

#ifdef FLOWLOGS_HAVE_NEON_KERNEL
const fl::Kernel& kKernel = fl::kNeonKernel;
#else
#error "This program is for a CPU whose kernel the other tests cannot run: see tests/cross/CMakeLists.txt."
#endif

constexpr uint32_t kCanary = 0xdeadbeef;
constexpr size_t kMargin = 64;  // what of a text's surroundings may be read: Tokens in kernel.h

[[noreturn]] void Fail(const char* what, std::string_view text) {
  std::printf("kernel %s differs from the scalar one: %s. The input, %zu bytes:\n", kKernel.name, what, text.size());
  for (const char c : text.substr(0, 2000)) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      std::putchar(c);
    } else {
      std::printf("\\x%02x", static_cast<unsigned char>(c));
    }
  }
  std::putchar('\n');
  std::exit(1);
}

class Random {
 public:
  size_t Below(size_t n) { return static_cast<size_t>(engine_() % n); }
  bool Chance(double p) { return static_cast<double>(engine_() >> 11) * 0x1p-53 < p; }

 private:
  std::mt19937_64 engine_{20240229};
};

// Readable pages between two that are not.
class Fenced {
 public:
  explicit Fenced(size_t size) : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    size_ = (size + page_ - 1) / page_ * page_;
    void* const all = mmap(nullptr, size_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    begin_ = static_cast<char*>(all) + page_;
    if (all == MAP_FAILED || mprotect(begin_, size_, PROT_READ | PROT_WRITE) != 0) {
      std::printf("no memory\n");
      std::exit(2);
    }
  }
  ~Fenced() { munmap(begin_ - page_, size_ + 2 * page_); }
  Fenced(const Fenced&) = delete;  // the pages have one owner
  Fenced& operator=(const Fenced&) = delete;

  // The text, so that it ends where reading ends.
  std::string_view AtEnd(std::string_view text) const { return Put(text, begin_ + size_ - text.size()); }
  // `at` bytes behind where reading begins.
  std::string_view AtBegin(std::string_view text, size_t at) const { return Put(text, begin_ + at); }

 private:
  static std::string_view Put(std::string_view text, char* to) {
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  size_t page_, size_;
  char* begin_;
};

// ---- Index and offsets ----------------------------------------------------------------------------------------------

struct Indexed {
  std::vector<uint64_t> separators;
  std::vector<uint32_t> line_ends, ranks, offsets;
  std::vector<bool> all_lines_have;  // so many separators, from 0
  bool touching, control, high;

  Indexed(const fl::Kernel& kernel, std::string_view text)
      : separators(text.size() / 64 + 3, kCanary), line_ends(text.size() + 65, kCanary), ranks(text.size() / 64 + 3, kCanary) {
    fl::IndexOutput out{separators.data(), ranks.data(), line_ends.data(), 99, false, false, false};
    kernel.index(text.data(), text.size(), &out);
    if (separators.back() != kCanary || line_ends.back() != kCanary || ranks.back() != kCanary) {
      Fail("it writes more than there is room for", text);
    }
    separators.pop_back();
    line_ends.resize(out.num_lines);
    ranks.pop_back();
    touching = out.touching;
    control = out.control;
    high = out.high;
    for (uint32_t per_line = 0; per_line < 20; ++per_line) {
      all_lines_have.push_back(kernel.all_lines_have(out, per_line));
    }
    size_t count = 0;
    for (const uint64_t word : separators) count += static_cast<size_t>(__builtin_popcountll(word));
    offsets.resize(count + 65, kCanary);
    kernel.offsets(separators.data(), text.size() / 64 + 1, offsets.data());
    if (offsets.back() != kCanary) Fail("offsets() writes more than there is room for", text);
    offsets.resize(count);
  }
};

void CompareIndex(std::string_view text) {
  const Indexed expected(fl::kScalarKernel, text), got(kKernel, text);
  if (got.separators != expected.separators) Fail("separators", text);
  if (got.line_ends != expected.line_ends) Fail("line ends", text);
  if (got.ranks != expected.ranks) Fail("ranks", text);
  if (got.all_lines_have != expected.all_lines_have) Fail("all_lines_have()", text);
  if (got.touching != expected.touching) Fail("touching", text);
  if (got.control != expected.control) Fail("control", text);
  if (got.high != expected.high) Fail("high", text);
  if (got.offsets != expected.offsets) Fail("offsets", text);
}

// Mostly values with blanks and line ends between them; what else there is, `kind` says.
std::string RandomText(size_t size, size_t kind, Random* random) {
  constexpr char kEdges[] = {0x00, 0x09, 0x0a, 0x0b, 0x0d, 0x1f, 0x20, 0x21, 0x7f, static_cast<char>(0x80),
                             static_cast<char>(0x8a), static_cast<char>(0xa0), static_cast<char>(0xff)};
  std::string text;
  while (text.size() < size) {
    if (kind == 0 || (kind == 1 && random->Chance(0.02))) {
      text += kEdges[random->Below(sizeof(kEdges))];
    } else if (kind == 2) {
      text += " \n"[random->Below(2)];
    } else if (kind == 3) {
      text += static_cast<char>(random->Below(256));
    } else {
      text.append(1 + random->Below(kind == 4 ? 100 : 12), static_cast<char>('0' + random->Below(75)));
      text += random->Chance(0.1) ? '\n' : ' ';
    }
  }
  text.resize(size);
  return text;
}

// Lines of `per_line` values, one of them perhaps with a value less or more.
std::string RegularText(size_t lines, size_t per_line, Random* random) {
  const size_t wrong = random->Below(2 * lines);
  std::string text;
  for (size_t line = 0; line < lines; ++line) {
    const size_t values = line != wrong ? per_line : random->Chance(0.5) ? per_line + 1 : per_line - 1;
    for (size_t i = 0; i < values; ++i) {
      text.append(1 + random->Below(12), 'v');
      text += i + 1 < values ? ' ' : '\n';
    }
  }
  return text;
}

size_t CompareIndexes(Random* random) {
  size_t inputs = 0;
  const Fenced small(4096);
  for (size_t size = 0; size <= 260; ++size) {
    for (size_t at = 0; at < 64; ++at, inputs += 2) {
      const std::string text = RandomText(size, (size + at) % 6, random);
      CompareIndex(small.AtBegin(text, at));
      CompareIndex(small.AtEnd(text));
    }
  }
  // One byte that is not like the others, at every place, and at every end.
  for (const char others : {'x', '\0'}) {
    for (int byte = 0; byte < 256; ++byte) {
      for (size_t at = 0; at < 130; ++at, inputs += 2) {
        std::string text(130, others);
        text[at] = static_cast<char>(byte);
        CompareIndex(small.AtEnd(text));
        CompareIndex(small.AtEnd(std::string_view(text).substr(0, at + 1)));
      }
    }
  }
  const Fenced large(400'000);
  for (size_t i = 0; i < 60; ++i, ++inputs) {
    CompareIndex(large.AtEnd(RandomText(random->Below(400'000), i % 6, random)));
  }
  for (size_t i = 0; i < 4000; ++i, ++inputs) {
    CompareIndex(large.AtEnd(RegularText(1 + random->Below(60), 1 + random->Below(16), random)));
  }
  return inputs;
}

// ---- Integers and addresses -----------------------------------------------------------------------------------------

void CompareDecoded(const std::vector<std::string>& values, size_t stride, bool all, bool at_end, const Fenced& memory,
                    Random* random) {
  std::string text(kMargin, "0123456789. "[random->Below(12)]);
  std::vector<uint32_t> before(values.size() * stride), after(values.size() * stride), rows;
  for (size_t i = 0; i < values.size(); ++i) {
    before[i * stride] = static_cast<uint32_t>(text.size() - kMargin) - 1;
    text += values[i];
    after[i * stride] = static_cast<uint32_t>(text.size() - kMargin);
    text += random->Chance(0.5) ? ' ' : '\n';
    if (random->Chance(0.4)) rows.push_back(static_cast<uint32_t>(i));
  }
  // The last value ends the text: its separator is where a block would have one.
  text.append(values.empty() ? kMargin : kMargin - 1, "0123456789. "[random->Below(12)]);
  const std::string_view placed = at_end ? memory.AtEnd(text) : memory.AtBegin(text, 0);
  const fl::Tokens tokens{placed.data() + kMargin, before.data(),           after.data(), stride,
                          all ? nullptr : rows.data(), all ? values.size() : rows.size()};
  struct Decoded {
    std::vector<int64_t> out;
    std::vector<uint32_t> failed;
  };
  const auto decode = [&](auto&& run) {
    Decoded decoded{std::vector<int64_t>(values.size() + 1, kCanary), std::vector<uint32_t>(tokens.count + 1, kCanary)};
    const size_t num_failed = run(decoded.out.data(), decoded.failed.data());
    if (num_failed > tokens.count || decoded.failed.back() != kCanary || decoded.out.back() != int64_t{kCanary}) {
      Fail("a decoder writes more than there is room for", placed);
    }
    decoded.failed.resize(num_failed);
    // What is left in the rows that failed is nobody's business, and so is what stands in the rows not asked for.
    for (const uint32_t row : decoded.failed) decoded.out[row] = 0;
    return decoded;
  };
  const auto compare = [&](const Decoded& expected, const Decoded& got, const char* what) {
    if (got.failed != expected.failed || got.out != expected.out) Fail(what, placed);
  };
  for (const int64_t max : {int64_t{255}, int64_t{std::numeric_limits<int32_t>::max()}, std::numeric_limits<int64_t>::max()}) {
    const auto integers = [&](const fl::Kernel& kernel) {
      return decode([&](int64_t* out, uint32_t* failed) { return kernel.integers(tokens, max, out, failed); });
    };
    compare(integers(fl::kScalarKernel), integers(kKernel), "integers");
  }
  const auto addresses = [&](const fl::Kernel& kernel) {
    return decode([&](int64_t* out, uint32_t* failed) { return kernel.v4_addresses(tokens, out, failed); });
  };
  compare(addresses(fl::kScalarKernel), addresses(kKernel), "addresses");
}

// A number or an address, one in four of them with a byte too much, too few or wrong.
std::string RandomValue(Random* random) {
  std::string value;
  if (random->Chance(0.5)) {
    const size_t size = random->Below(random->Chance(0.2) ? 24 : 17);
    while (value.size() < size) value += static_cast<char>('0' + random->Below(10));
  } else {
    for (int octet = 0; octet < 4; ++octet) {
      value += (octet > 0 ? "." : "") + std::to_string(random->Below(random->Chance(0.1) ? 1200 : 256));
    }
  }
  if (value.empty() || random->Chance(0.75)) return value;
  const size_t at = random->Below(value.size());
  if (random->Chance(0.3)) {
    value.erase(at, 1);
  } else if (random->Chance(0.5)) {
    value.insert(at, 1, "0.9 -/:"[random->Below(7)]);
  } else {
    value[at] = static_cast<char>(random->Below(256));
  }
  return value;
}

size_t CompareDecoders(Random* random) {
  size_t inputs = 0;
  const Fenced memory(100'000);
  const auto compare = [&](const std::vector<std::string>& values) {
    for (const size_t stride : {1, 3}) {
      for (const bool all : {true, false}) {
        for (const bool at_end : {true, false}) CompareDecoded(values, stride, all, at_end, memory, random);
      }
    }
    inputs += values.size();
  };
  std::vector<std::string> values = {"", "-", "+1", "1.2.3", "1.2.3.4.5", "1..2.3", ".1.2.3", "1.2.3.", "01.2.3.4",
                                     "1.2.3.04", "100.200.100.2000", "2147483647", "2147483648", "255", "256"};
  for (size_t size = 1; size <= 40; ++size) {
    for (const char c : {'0', '9', '.'}) values.push_back(std::string(size, c));
  }
  // Every byte in every place of a number and of an address.
  for (const std::string_view right : {"1234567890123456", "7", "192.168.255.100", "1.20.3.4"}) {
    for (size_t at = 0; at < right.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        values.emplace_back(right);
        values.back()[at] = static_cast<char>(byte);
      }
    }
  }
  // An address is what it is up to its end, not to sixteen bytes before that.
  for (const char c : {'0', 'x', '.'}) values.push_back("1.2.3.4" + std::string(16, c));
  // Every shape of an address, and every octet at and around its limits.
  const char* const octets[] = {"0", "00", "7", "09", "10", "99", "099", "100", "255", "256", "999"};
  for (const char* a : octets) {
    for (const char* b : octets) {
      for (const char* c : octets) {
        for (const char* d : octets) values.push_back(std::string(a) + "." + b + "." + c + "." + d);
      }
    }
  }
  for (const std::string& value : values) compare({value});
  for (size_t at = 0; at < values.size(); at += 500) {
    const auto begin = values.begin() + static_cast<ptrdiff_t>(at);
    compare({begin, begin + static_cast<ptrdiff_t>(std::min<size_t>(500, values.size() - at))});
  }
  for (size_t i = 0; i < 2000; ++i) {
    std::vector<std::string> column(random->Below(70));
    for (std::string& value : column) value = RandomValue(random);
    compare(column);
  }
  return inputs;
}

}  // namespace

int main() {
  Random random;
  const size_t texts = CompareIndexes(&random);
  const size_t values = CompareDecoders(&random);
  std::printf("kernel %s agrees with the scalar one: %zu texts indexed, %zu values decoded\n", kKernel.name, texts, values);
  return 0;
}
