// Where UTF-8 is broken.
#ifndef FLOWLOGS_LIB_IO_UTF8_H_
#define FLOWLOGS_LIB_IO_UTF8_H_

#include <cstddef>
#include <cstdint>

namespace flowlogs {
inline namespace v1 {
namespace internal {

// A code point and the number of its bytes; length 0 if the bytes are not UTF-8 (RFC 3629: no surrogates, nothing
// overlong, nothing beyond U+10FFFF).
struct CodePoint {
  uint32_t value;
  size_t length;
};

// REQUIRES: s < end. Never reads at or past end.
constexpr CodePoint DecodeUtf8(const char* s, const char* end) {
  const auto byte = [s](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(s[i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || static_cast<size_t>(end - s) < length) return {0, 0};
  uint32_t value = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    value = (value << 6) | (byte(i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {0, 0};
  return {value, length};
}

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_UTF8_H_
