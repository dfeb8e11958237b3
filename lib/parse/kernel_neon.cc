// The kernel for AArch64, where NEON is always there: 64 bytes a step, a token at a time.
#include "lib/parse/kernel.h"

#ifdef FLOWLOGS_HAVE_NEON_KERNEL

#include <arm_neon.h>

#include "lib/parse/kernel_v4_patterns.h"

#define FLOWLOGS_NEON_INLINE inline __attribute__((always_inline))

namespace flowlogs {
inline namespace v1 {
namespace {

alignas(16) constexpr uint8_t kBits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
alignas(16) constexpr uint8_t kPlaces[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

FLOWLOGS_NEON_INLINE uint8x16_t Load(const void* p) { return vld1q_u8(static_cast<const uint8_t*>(p)); }

// Of no bit at all: 63. A zero to __builtin_ctzll would be undefined, and a branch cannot be predicted.
FLOWLOGS_NEON_INLINE uint32_t FirstBit(uint64_t bits) {
  return static_cast<uint32_t>(__builtin_ctzll(bits | uint64_t{1} << 63));
}
FLOWLOGS_NEON_INLINE uint32_t CountBits(uint64_t bits) { return static_cast<uint32_t>(__builtin_popcountll(bits)); }

// There is no movemask: each byte keeps the bit of its place in eight, and three rounds of adding neighbours bring eight
// bytes into one. The arguments hold 0 or 0xff in each byte.
FLOWLOGS_NEON_INLINE uint64_t MaskOf(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
  const uint8x16_t bits = Load(kBits);
  const uint8x16_t ab = vpaddq_u8(vandq_u8(a, bits), vandq_u8(b, bits));
  const uint8x16_t cd = vpaddq_u8(vandq_u8(c, bits), vandq_u8(d, bits));
  const uint8x16_t abcd = vpaddq_u8(ab, cd);
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(abcd, abcd)), 0);
}

struct Progress {
  uint32_t* line_end;
  uint32_t rank;       // separators so far
  uint64_t carry;      // 1 if the byte before was a separator
  uint64_t touching;   // any bit: two separators side by side
  uint8x16_t control;  // any byte not 0: a control byte other than LF
  uint8x16_t high;     // any byte with its high bit set: not ASCII
};

FLOWLOGS_NEON_INLINE uint64_t Step(const char* text, uint32_t base, Progress* p) {
  uint8x16_t bytes[4], lf[4], separator[4];
  for (int i = 0; i < 4; ++i) {
    bytes[i] = Load(text + 16 * i);
    lf[i] = vceqq_u8(bytes[i], vdupq_n_u8('\n'));
    separator[i] = vorrq_u8(vceqq_u8(bytes[i], vdupq_n_u8(' ')), lf[i]);
    p->control = vorrq_u8(p->control, vbicq_u8(vcltq_u8(bytes[i], vdupq_n_u8(0x20)), lf[i]));
    p->high = vorrq_u8(p->high, bytes[i]);
  }
  const uint64_t separators = MaskOf(separator[0], separator[1], separator[2], separator[3]);
  uint64_t line_ends = MaskOf(lf[0], lf[1], lf[2], lf[3]);
  p->touching |= separators & ((separators << 1) | p->carry);
  p->carry = separators >> 63;
  p->rank += CountBits(separators);
  // The first line end is written whether there is one or not: which of the two cannot be predicted. More are rare.
  const size_t count = CountBits(line_ends);
  p->line_end[0] = base + FirstBit(line_ends);
  if (count > 1) [[unlikely]] {
    for (size_t i = 1; i < count; ++i) {
      line_ends &= line_ends - 1;
      p->line_end[i] = base + FirstBit(line_ends);
    }
  }
  p->line_end += count;
  return separators;
}

void Index(const char* text, size_t size, IndexOutput* out) {
  Progress p{out->line_ends, 0, 1, 0, vdupq_n_u8(0), vdupq_n_u8(0)};
  uint64_t* word = out->separators;
  uint32_t* rank = out->ranks;
  size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    *rank++ = p.rank;
    *word++ = Step(text + at, static_cast<uint32_t>(at), &p);
  }
  if (at < size) {
    // The rest is copied, and filled up with what leaves no mark: nothing behind the text is read.
    char rest[64];
    for (size_t i = 0; i < 64; ++i) rest[i] = at + i < size ? text[at + i] : 'x';
    *rank++ = p.rank;
    *word++ = Step(rest, static_cast<uint32_t>(at), &p);
  }
  for (uint64_t* end = out->separators + size / 64 + 2; word < end; ++word) {
    *word = 0;
    *rank++ = p.rank;
  }
  out->num_lines = static_cast<size_t>(p.line_end - out->line_ends);
  out->touching = p.touching != 0;
  out->control = vmaxvq_u8(p.control) != 0;
  out->high = vmaxvq_u8(p.high) > 0x7f;
}

bool AllLinesHave(const IndexOutput& index, uint32_t per_line) {
  uint32_t wrong = 0;
  uint32_t expected = 0;  // separators up to the line's end, with it
  for (size_t line = 0; line < index.num_lines; ++line) {
    const uint32_t end = index.line_ends[line];
    const uint64_t before = index.separators[end / 64] & ((uint64_t{1} << (end % 64)) - 1);
    expected += per_line;
    wrong |= (index.ranks[end / 64] + CountBits(before) + 1) ^ expected;
  }
  return wrong == 0;
}

void Offsets(const uint64_t* separators, size_t words, uint32_t* out) {
  for (size_t w = 0; w < words; ++w) {
    uint64_t bits = separators[w];
    const size_t count = CountBits(bits);
    const uint32_t base = static_cast<uint32_t>(w * 64);
    // Eight at a time, whether there are as many or not.
    for (size_t i = 0; i < count; i += 8) {
      for (size_t k = 0; k < 8; ++k) {
        out[i + k] = base + FirstBit(bits);
        bits &= bits - 1;
      }
    }
    out += count;
  }
}

struct Token {
  const char* begin;
  const char* end;
  uint32_t size;
};

FLOWLOGS_NEON_INLINE uint32_t RowOf(const Tokens& tokens, size_t i) {
  return tokens.rows == nullptr ? static_cast<uint32_t>(i) : tokens.rows[i];
}

FLOWLOGS_NEON_INLINE Token TokenOf(const Tokens& tokens, uint32_t row) {
  const uint32_t begin = tokens.before[row * tokens.stride] + 1;
  const uint32_t end = tokens.after[row * tokens.stride];
  return {tokens.text + begin, tokens.text + end, end - begin};
}

// The sixteen bytes in front of the token's end, what is not of the token made 0; then neighbours are joined: to numbers
// of two digits, of four, of eight.
size_t Integers(const Tokens& tokens, int64_t max, int64_t* out, uint32_t* failed) {
  const uint8x16_t tens = vreinterpretq_u8_u16(vdupq_n_u16(0x010a));         // 10, 1, 10, 1, ...
  const uint16x8_t hundreds = vreinterpretq_u16_u32(vdupq_n_u32(0x00010064));  // 100, 1, ...
  const uint32x4_t myriads = vreinterpretq_u32_u64(vdupq_n_u64(0x0000000100002710));
  const uint8x16_t places = Load(kPlaces);
  size_t num_failed = 0;
  for (size_t i = 0; i < tokens.count; ++i) {
    const uint32_t row = RowOf(tokens, i);
    const Token token = TokenOf(tokens, row);
    const bool fits = token.size - 1 < 16;
    const uint8x16_t keep = vcgeq_u8(places, vdupq_n_u8(static_cast<uint8_t>(16 - (fits ? token.size : 0))));
    const uint8x16_t digits = vandq_u8(vsubq_u8(Load(token.end - 16), vdupq_n_u8('0')), keep);
    const uint16x8_t pairs = vpaddlq_u8(vmulq_u8(digits, tens));
    const uint32x4_t fours = vpaddlq_u16(vmulq_u16(pairs, hundreds));
    const uint64x2_t eights = vpaddlq_u32(vmulq_u32(fours, myriads));
    const int64_t value =
        static_cast<int64_t>(vgetq_lane_u64(eights, 0) * 100000000 + vgetq_lane_u64(eights, 1));
    out[row] = value;
    failed[num_failed] = row;
    num_failed += !fits || vmaxvq_u8(digits) > 9 || value > max ? 1 : 0;
  }
  return num_failed;
}

size_t V4Addresses(const Tokens& tokens, int64_t* out, uint32_t* failed) {
  const uint8x16_t weights = vreinterpretq_u8_u32(vdupq_n_u32(0x010a6400));   // 0, 100, 10, 1, ...
  const uint8x16_t last_first = vreinterpretq_u8_u32(vdupq_n_u32(0x0004080c));  // the low bytes of four words, reversed
  const uint8x16_t bits = Load(kBits);
  size_t num_failed = 0;
  for (size_t i = 0; i < tokens.count; ++i) {
    const uint32_t row = RowOf(tokens, i);
    const Token token = TokenOf(tokens, row);
    const uint8x16_t text = Load(token.begin);
    const uint8x16_t dot_bits = vandq_u8(vceqq_u8(text, vdupq_n_u8('.')), bits);
    const uint32_t dots = vaddv_u8(vget_low_u8(dot_bits)) | uint32_t{vaddv_u8(vget_high_u8(dot_bits))} << 8;
    const uint32_t end = uint32_t{1} << (token.size & 15);
    const uint32_t mask = (dots & (end - 1)) | end;
    const size_t slot = V4Patterns::SlotOf(mask);
    const bool shape = kV4.mask[slot] == mask && token.size < 16;
    const uint8x16_t digits = vqtbl1q_u8(vsubq_u8(text, vdupq_n_u8('0')), Load(kV4.shuffle[slot]));
    const uint32x4_t octets = vpaddq_u32(vpaddlq_u16(vmull_u8(vget_low_u8(digits), vget_low_u8(weights))),
                                         vpaddlq_u16(vmull_high_u8(digits, weights)));
    const uint32x4_t least = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(kV4.least[slot]))));
    const uint32x4_t wrong =
        vorrq_u32(vreinterpretq_u32_u8(vcgtq_u8(digits, vdupq_n_u8(9))),
                  vorrq_u32(vcgtq_u32(octets, vdupq_n_u32(255)), vcgtq_u32(least, octets)));
    const uint32x4_t address = vreinterpretq_u32_u8(vqtbl1q_u8(vreinterpretq_u8_u32(octets), last_first));
    out[row] = vgetq_lane_u32(address, 0);
    failed[num_failed] = row;
    num_failed += !shape || vmaxvq_u32(wrong) != 0 ? 1 : 0;
  }
  return num_failed;
}

}  // namespace

const Kernel kNeonKernel = {"neon", Index, AllLinesHave, 0, Offsets, nullptr, Integers, V4Addresses};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_HAVE_NEON_KERNEL
