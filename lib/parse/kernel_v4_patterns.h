// How the dots of an IPv4 address lie: a table for the kernels that decode it sixteen bytes at a time. Data alone, with
// internal linkage, made at compile time: see kernel.h for why.
//
//   1 0 . 0 . 2 0 9 . 7 _        the mask of the dots and of the end: bits 2, 4, 8, 10
//   0 0 1 0 | 0 0 0 0 | 0 2 0 9 | 0 0 0 7        digits after the shuffle: an octet in each 32 bits
#ifndef FLOWLOGS_LIB_PARSE_KERNEL_V4_PATTERNS_H_
#define FLOWLOGS_LIB_PARSE_KERNEL_V4_PATTERNS_H_

#include <stddef.h>
#include <stdint.h>

namespace flowlogs {
inline namespace v1 {
namespace {

// The 81 ways of four octets of one to three digits, found by a multiplication that happens to keep them apart.
struct V4Patterns {
  static constexpr size_t kSlots = 256;
  static constexpr uint32_t kFactor = 0xa9a2122d;

  uint16_t mask[kSlots];  // 0: no pattern
  alignas(16) uint8_t shuffle[kSlots][16];
  uint32_t least[kSlots];  // a byte an octet: 10 of two digits, 100 of three, so that none has a leading zero
  bool perfect;              // no two patterns share a slot

  static constexpr size_t SlotOf(uint32_t mask) { return (mask * kFactor) >> 24; }
};

consteval V4Patterns MakeV4Patterns() {
  V4Patterns table{};
  table.perfect = true;
  const int count = 81;
  for (int i = 0; i < count; ++i) {
    const int digits[4] = {i / 27 + 1, i / 9 % 3 + 1, i / 3 % 3 + 1, i % 3 + 1};
    uint32_t mask = 0;
    uint8_t shuffle[16] = {};
    uint32_t least = 0;
    int at = 0;
    for (int octet = 0; octet < 4; ++octet) {
      for (int b = 0; b < 4; ++b) {
        const int from_end = 3 - b;  // 0: the last digit
        shuffle[octet * 4 + b] =
            from_end < digits[octet] ? static_cast<uint8_t>(at + digits[octet] - 1 - from_end) : uint8_t{0x80};
      }
      least |= uint32_t{digits[octet] == 1 ? 0u : (digits[octet] == 2 ? 10u : 100u)} << (8 * octet);
      at += digits[octet];
      mask |= uint32_t{1} << at;
      ++at;
    }
    const size_t slot = (mask * V4Patterns::kFactor) >> 24;
    table.perfect = table.perfect && table.mask[slot] == 0;
    table.mask[slot] = static_cast<uint16_t>(mask);
    for (int b = 0; b < 16; ++b) table.shuffle[slot][b] = shuffle[b];
    table.least[slot] = least;
  }
  return table;
}

constexpr V4Patterns kV4 = MakeV4Patterns();
static_assert(kV4.perfect);

}  // namespace
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_KERNEL_V4_PATTERNS_H_
