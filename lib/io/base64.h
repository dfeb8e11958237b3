// base64, as AWS wraps around what is not text.
#ifndef FLOWLOGS_LIB_IO_BASE64_H_
#define FLOWLOGS_LIB_IO_BASE64_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace flowlogs {
inline namespace v1 {

// So many bytes at most come out of `size`.
constexpr size_t Base64Room(size_t size) { return size / 4 * 3 + 3; }

// Decodes the standard alphabet into `out`, which has Base64Room(text.size()) bytes; line ends between the characters
// are left out, padding may be missing. Returns how many bytes came out; nullopt if the text is something else.
std::optional<size_t> DecodeBase64(std::string_view text, char* out);

bool IsBase64Character(char c);

// Whether the text is base64 of something that is read here: gzip, zstd, JSON. Looks at its first characters alone.
bool LooksLikeBase64(std::string_view text);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_BASE64_H_
