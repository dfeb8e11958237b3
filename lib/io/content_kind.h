// What a content is, by its first bytes (never by its name).
#ifndef FLOWLOGS_LIB_IO_CONTENT_KIND_H_
#define FLOWLOGS_LIB_IO_CONTENT_KIND_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace flowlogs {
inline namespace v1 {

// So many first bytes decide: the first 16 what it is, the rest whether it is CSV with messages in it.
inline constexpr size_t kHeadBytes = 1024;

enum class Compression { kNone, kGzip, kZstd };

// "gzip".
const char* CompressionName(Compression compression);

// What inflated content is: lines as they are, or an envelope around them (see flowlogs/io/input.h).
enum class ContentForm {
  kLines,
  kJson,    // documents of JSON
  kBase64,  // texts in base64; what AWS writes to test an export is one of these lines, too
  kCsv,     // with a column of messages
};

// What a kHeadBytes long head says. It sees no compression.
ContentForm FormOf(std::string_view head);
Compression CompressionOf(std::string_view head);
bool IsParquet(std::string_view head);

// What AWS writes into the object aws-logs-write-test before an export: there is nothing in it.
inline constexpr std::string_view kWriteTest = "Permission Check Successful";

struct ContentKind {
  Compression compression = Compression::kNone;
  ContentForm form = ContentForm::kLines;
  size_t mark_bytes = 0;  // a UTF-8 byte order mark at the front, which is no content
  bool is_plain() const { return compression == Compression::kNone && form == ContentForm::kLines; }
};

// Whatever is not recognised is plain text. INVALID_ARGUMENT if `head` is of a kind that is known and not
// read here; the message names `name` and says what to do. `outside`: how `head` was compressed, at last, and by how
// many layers; with Input::kMaxNesting of them, one more is such a kind.
absl::StatusOr<ContentKind> RecogniseContent(const std::string& name, std::string_view head,
                                             Compression outside = Compression::kNone, int layers = 0);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_CONTENT_KIND_H_
