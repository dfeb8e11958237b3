// What a content is, by its first bytes (never by its name).
#ifndef FLOWLOGS_LIB_IO_CONTENT_KIND_H_
#define FLOWLOGS_LIB_IO_CONTENT_KIND_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace flowlogs {
inline namespace v1 {

// So many first bytes decide.
inline constexpr size_t kMagicBytes = 16;

enum class Compression { kNone, kGzip, kZstd };

// "gzip".
const char* CompressionName(Compression compression);

struct ContentKind {
  Compression compression = Compression::kNone;
  size_t mark_bytes = 0;  // a UTF-8 byte order mark at the front, which is no content
};

// Whatever is not recognised is plain text: JSON too. INVALID_ARGUMENT if `head` is of a kind that is known and not
// read here; the message names `name` and says what to do. `outside`: how `head` was compressed; inside of it, what is
// compressed is such a kind.
absl::StatusOr<ContentKind> RecogniseContent(const std::string& name, std::string_view head, Compression outside);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_CONTENT_KIND_H_
