#include "lib/io/content_kind.h"

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/io/file.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGzipMagic = "\x1f\x8b"sv;
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd"sv;
#ifdef FLOWLOGS_HAVE_ZSTD
constexpr bool kReadsZstd = true;
constexpr const char* kWhatIsRead = "plain text, gzip and zstd are read";
#else
constexpr bool kReadsZstd = false;
constexpr const char* kWhatIsRead = "plain text and gzip are read";
#endif
constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf"sv;

struct ForeignKind {
  std::string_view magic;
  const char* what;
  const char* advice;
};

constexpr const char* kPipe = "decompress it first, or pipe it in: ";
constexpr ForeignKind kForeignKinds[] = {
    {"\xfd\x37zXZ\0"sv, "xz-compressed", "xz -dc FILE | ... -"},
    {"\x04\x22\x4d\x18"sv, "lz4-compressed", "lz4 -dc FILE | ... -"},
    {"PK\x03\x04"sv, "a zip archive", "unzip -p FILE | ... -"},
    {"PK\x05\x06"sv, "an empty zip archive", "unzip -p FILE | ... -"},
};

// "BZh", the level, and the first bytes of a block or of the end: a line of text can begin with "BZh9".
bool IsBzip2(std::string_view head) {
  return head.size() >= 10 && head.starts_with("BZh"sv) && head[3] >= '1' && head[3] <= '9' &&
         (head.substr(4, 6) == "\x31\x41\x59\x26\x53\x59"sv || head.substr(4, 6) == "\x17\x72\x45\x38\x50\x90"sv);
}

// A frame, or one that is skipped (pzstd begins with such a one; their magic is 0x184D2A50 to 0x184D2A5F).
bool IsZstd(std::string_view head) {
  return head.starts_with(kZstdMagic) ||
         (head.substr(0, 4).ends_with("\x2a\x4d\x18"sv) && head[0] >= '\x50' && head[0] <= '\x5f');
}

Compression CompressionOf(std::string_view head) {
  if (head.starts_with(kGzipMagic)) return Compression::kGzip;
  return IsZstd(head) ? Compression::kZstd : Compression::kNone;
}

}  // namespace

const char* CompressionName(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      break;
    case Compression::kGzip:
      return "gzip";
    case Compression::kZstd:
      return "zstd";
  }
  return "plain";
}

absl::StatusOr<ContentKind> RecogniseContent(const std::string& name, std::string_view head, Compression outside) {
  const auto refuse = [&](const std::string& what, const std::string& advice) {
    std::string place = "it is ";
    if (outside != Compression::kNone) place = absl::StrCat("its content inside ", CompressionName(outside), " is ");
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read ", Quoted(name), ": ", place, what, "; ", kWhatIsRead, ": ", advice));
  };
  for (const ForeignKind& kind : kForeignKinds) {
    if (head.starts_with(kind.magic)) return refuse(kind.what, absl::StrCat(kPipe, kind.advice));
  }
  if (IsBzip2(head)) return refuse("bzip2-compressed", absl::StrCat(kPipe, "bzip2 -dc FILE | ... -"));
  if (head.starts_with("PAR1"sv)) {
    return refuse("a Parquet file",
                  "open it with an Arrow library and pass its stream, or have the logs delivered as text");
  }
  if (head.starts_with("\xff\xfe"sv) || head.starts_with("\xfe\xff"sv)) {
    return refuse("UTF-16 text", "convert it first: iconv -f UTF-16 -t UTF-8 FILE");
  }
  ContentKind kind;
  kind.compression = CompressionOf(head);
  if (kind.compression == Compression::kZstd && !kReadsZstd) {
    return refuse("zstd-compressed", absl::StrCat(kPipe, "zstd -dc FILE | ... -"));
  }
  if (kind.compression != Compression::kNone && outside != Compression::kNone) {
    const char* again = kind.compression == outside ? " again" : " in its turn";
    return refuse(absl::StrCat(CompressionName(kind.compression), again),
                  "it was compressed twice: decompress it once");
  }
  if (head.starts_with(kUtf8Mark)) kind.mark_bytes = kUtf8Mark.size();
  return kind;
}

}  // namespace v1
}  // namespace flowlogs
