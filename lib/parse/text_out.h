// Private: text of a log on its way out: what must not reach a terminal, JSON strings.
//
// The functions write to `p` without a check and return the end of what they wrote; the caller has made room.
#ifndef FLOWLOGS_LIB_PARSE_TEXT_OUT_H_
#define FLOWLOGS_LIB_PARSE_TEXT_OUT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "lib/io/utf8.h"

namespace flowlogs {
inline namespace v1 {
namespace internal {

// Whether a character acts on what shows it instead of being shown: C0, DEL and C1 (a terminal obeys U+009B as it does
// ESC [), line and paragraph separators (some readers of NDJSON break lines there), and the marks that turn the
// direction of the text (they make a value read as another one).
constexpr bool IsControl(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

// The bytes that a format writes as they are. Bytes from 0x80 on are never among them.
using PlainBytes = std::array<bool, 256>;
constexpr PlainBytes MakePlainBytes(std::string_view except) {
  PlainBytes plain{};
  for (size_t c = 0x20; c < 0x7F; ++c) plain[c] = except.find(static_cast<char>(c)) == std::string_view::npos;
  return plain;
}

inline bool AllPlain(std::string_view text, const PlainBytes& plain) {
  for (const char c : text) {
    if (!plain[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

inline char* WriteBytes(std::string_view bytes, char* p) {
  if (!bytes.empty()) std::memcpy(p, bytes.data(), bytes.size());
  return p + bytes.size();
}

inline char* WriteHexByte(unsigned char byte, char* p) {
  *p++ = "0123456789abcdef"[byte >> 4];
  *p++ = "0123456789abcdef"[byte & 15];
  return p;
}

// \xNN for each byte.
inline char* WriteHexEscapes(std::string_view bytes, char* p) {
  for (const char c : bytes) p = WriteHexByte(static_cast<unsigned char>(c), WriteBytes("\\x", p));
  return p;
}

// Writes `text`: plain bytes as they are, any other code point by special(code_point, its bytes, p), and a byte that is
// not UTF-8 as `escape` and two hex digits.
template <typename Special>
char* WriteText(std::string_view text, const PlainBytes& plain, std::string_view escape, char* p, Special&& special) {
  const char* s = text.data();
  const char* const end = s + text.size();
  while (true) {
    while (s != end && plain[static_cast<unsigned char>(*s)]) *p++ = *s++;
    if (s == end) return p;
    const CodePoint c = DecodeUtf8(s, end);
    if (c.length == 0) {
      p = WriteHexByte(static_cast<unsigned char>(*s++), WriteBytes(escape, p));
    } else {
      p = special(c.value, std::string_view(s, c.length), p);
      s += c.length;
    }
  }
}

// `text` as a JSON string with its quotes: see AppendJsonString(). Writes at most JsonStringRoom() bytes.
constexpr size_t JsonStringRoom(std::string_view text) { return 6 * text.size() + 2; }
inline char* WriteJsonString(std::string_view text, char* p) {
  static constexpr PlainBytes kPlain = MakePlainBytes("\"\\");
  *p++ = '"';
  p = WriteText(text, kPlain, "\\\\x", p, [](uint32_t c, std::string_view bytes, char* q) {
    switch (c) {
      case '"': return WriteBytes("\\\"", q);
      case '\\': return WriteBytes("\\\\", q);
      case '\n': return WriteBytes("\\n", q);
      case '\r': return WriteBytes("\\r", q);
      case '\t': return WriteBytes("\\t", q);
      default: break;
    }
    if (!IsControl(c)) return WriteBytes(bytes, q);
    q = WriteHexByte(static_cast<unsigned char>(c >> 8), WriteBytes("\\u", q));
    return WriteHexByte(static_cast<unsigned char>(c), q);
  });
  *p++ = '"';
  return p;
}

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_PARSE_TEXT_OUT_H_
