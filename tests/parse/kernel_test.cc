// What kernels decode: every kernel against the functions that decode one value.
#include "lib/parse/kernel.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/schema/address.h"
#include "flowlogs/schema/value.h"
#include "lib/parse/line_index.h"
#include "tests/random_log.h"

namespace flowlogs {
namespace {

using flowlogs_test::Cases;
using flowlogs_test::Random;

// Tokens behind each other, with digits, dots and blanks around them: what is read there must not matter.
class TokenText {
 public:
  TokenText(const std::vector<std::string>& values, size_t stride, Random* random) : stride_(stride) {
    text_.assign(64, "0123456789. "[random->Below(12)]);
    for (const std::string& value : values) {
      before_.resize(before_.size() + stride, 0);
      after_.resize(after_.size() + stride, 0);
      before_[before_.size() - stride] = static_cast<uint32_t>(text_.size() - 64) - 1;
      text_ += value;
      after_[after_.size() - stride] = static_cast<uint32_t>(text_.size() - 64);
      text_ += random->Chance(0.5) ? ' ' : '\n';
    }
    text_.append(64, "0123456789. "[random->Below(12)]);
  }
  Tokens tokens(const std::vector<uint32_t>* rows) const {
    return {text_.data() + 64, before_.data(), after_.data(), stride_, rows == nullptr ? nullptr : rows->data(),
            rows == nullptr ? before_.size() / stride_ : rows->size()};
  }

 private:
  size_t stride_;
  std::string text_;
  std::vector<uint32_t> before_, after_;
};

using Decode = size_t (*)(const Kernel&, const Tokens&, int64_t*, uint32_t*);

// `expected`: of each value; nullopt for those that the kernel leaves to its caller.
void ExpectDecoded(const std::vector<std::string>& values, const std::vector<std::optional<int64_t>>& expected,
                   Decode decode, Random* random) {
  for (const Kernel* kernel : AvailableKernels()) {
    for (size_t stride : {1, 3}) {
      const TokenText text(values, stride, random);
      for (bool all : {true, false}) {
        std::vector<uint32_t> rows;
        for (uint32_t row = 0; row < values.size(); ++row) {
          if (all || random->Chance(0.4)) rows.push_back(row);
        }
        std::vector<int64_t> out(values.size(), 77);
        std::vector<uint32_t> failed(rows.size() + 1, 88);
        failed.resize(decode(*kernel, text.tokens(all ? nullptr : &rows), out.data(), failed.data()));
        std::vector<uint32_t> expected_failed;
        for (uint32_t row : rows) {
          if (!expected[row]) {
            expected_failed.push_back(row);
          } else {
            ASSERT_EQ(out[row], *expected[row]) << kernel->name << ": " << values[row];
          }
        }
        ASSERT_EQ(failed, expected_failed) << kernel->name;
      }
    }
  }
}

void ExpectIntegers(const std::vector<std::string>& values, int64_t max, Random* random) {
  std::vector<std::optional<int64_t>> expected;
  for (const std::string& value : values) {
    expected.push_back(value.size() > 16 ? std::nullopt : ParseInteger(value, max));
  }
  if (max == std::numeric_limits<int32_t>::max()) {
    ExpectDecoded(values, expected, [](const Kernel& kernel, const Tokens& tokens, int64_t* out, uint32_t* failed) {
      return kernel.integers(tokens, std::numeric_limits<int32_t>::max(), out, failed);
    }, random);
  } else {
    ExpectDecoded(values, expected, [](const Kernel& kernel, const Tokens& tokens, int64_t* out, uint32_t* failed) {
      return kernel.integers(tokens, std::numeric_limits<int64_t>::max(), out, failed);
    }, random);
  }
}

void ExpectAddresses(const std::vector<std::string>& values, Random* random) {
  std::vector<std::optional<int64_t>> expected;
  for (const std::string& value : values) {
    const std::optional<IpAddress> address = IpAddress::Parse(value);
    const bool dotted = address && address->is_v4() && value.find(':') == std::string::npos;
    expected.push_back(dotted ? std::optional<int64_t>(address->v4_bits()) : std::nullopt);
  }
  ExpectDecoded(values, expected, [](const Kernel& kernel, const Tokens& tokens, int64_t* out, uint32_t* failed) {
    return kernel.v4_addresses(tokens, out, failed);
  }, random);
}

TEST(KernelTest, DecodesIntegersOfEveryLength) {
  Random random(1);
  std::vector<std::string> values = {"", "-", "0", "00", "+1", "1_0", "0x1f", "2147483647", "2147483648", "9999999999999999"};
  for (size_t length = 1; length <= 20; ++length) {
    values.push_back(std::string(length, '9'));
    values.push_back("1" + std::string(length, '0'));
    for (unsigned byte : {0x2f, 0x3a, 0x20 + 0x80, 0xff, 0x00, 0x30 + 0x80}) {
      std::string wrong(length, '7');
      wrong[random.Below(length)] = static_cast<char>(byte);
      values.push_back(wrong);
    }
  }
  for (int64_t max : {int64_t{std::numeric_limits<int32_t>::max()}, std::numeric_limits<int64_t>::max()}) {
    ExpectIntegers(values, max, &random);
    for (const std::string& value : values) ExpectIntegers({value}, max, &random);
  }
}

TEST(KernelTest, DecodesRandomIntegers) {
  Random random(2);
  for (size_t i = 0; i < Cases(200); ++i) {
    std::vector<std::string> values(random.Below(70));
    for (std::string& value : values) {
      for (size_t size = random.Below(random.Chance(0.1) ? 22 : 12); value.size() < size;) {
        value += static_cast<char>('0' + random.Below(10));
      }
      if (!value.empty() && random.Chance(0.1)) value[random.Below(value.size())] = static_cast<char>(random.Below(256));
    }
    ExpectIntegers(values, random.Chance(0.5) ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int64_t>::max(),
                   &random);
  }
}

TEST(KernelTest, DecodesEveryShapeOfAnAddress) {  // CONTRACT F7
  Random random(3);
  std::vector<std::string> values = {"",        "-",          "1.2.3",     "1.2.3.4.5", "1..2.3",      ".1.2.3",  "1.2.3.",
                                     "1.2.3.x", "01.2.3.4",   "1.2.3.04",  "1.2.3.256", "999.1.1.1",   "0.0.0.0", "255.255.255.255",
                                     "::1",     "2001:db8::1", "::ffff:1.2.3.4", "1.2.3.4/8", "1.2.3.4567", "100.200.100.2000"};
  values.push_back("1.2.3.4" + std::string(16, 'x'));  // where a place in the token is taken modulo 16
  const char* octets[] = {"0", "7", "10", "99", "100", "255"};
  for (const char* a : octets) {
    for (const char* b : octets) {
      for (const char* c : octets) {
        for (const char* d : octets) values.push_back(std::string(a) + "." + b + "." + c + "." + d);
      }
    }
  }
  ExpectAddresses(values, &random);
}

TEST(KernelTest, DecodesAddressesWithOneByteWrong) {
  Random random(4);
  for (size_t i = 0; i < Cases(200); ++i) {
    std::vector<std::string> values(random.Below(50));
    for (std::string& value : values) {
      for (int octet = 0; octet < 4; ++octet) {
        value += (octet > 0 ? "." : "") + std::to_string(random.Below(random.Chance(0.1) ? 1200 : 256));
      }
      if (!random.Chance(0.3)) continue;
      const size_t at = random.Below(value.size());
      if (random.Chance(0.3)) {
        value.erase(at, 1);
      } else if (random.Chance(0.5)) {
        value.insert(at, 1, "0.9 -"[random.Below(5)]);
      } else {
        value[at] = static_cast<char>(random.Below(256));
      }
    }
    ExpectAddresses(values, &random);
  }
}

}  // namespace
}  // namespace flowlogs
