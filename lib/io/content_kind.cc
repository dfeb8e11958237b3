#include "lib/io/content_kind.h"

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "flowlogs/io/input.h"
#include "lib/io/base64.h"
#include "lib/io/envelope_csv.h"
#include "lib/io/file.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGzipMagic = "\x1f\x8b"sv;
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd"sv;
#ifdef FLOWLOGS_HAVE_ZSTD
constexpr bool kReadsZstd = true;
constexpr const char* kWhatIsRead = "text, JSON, gzip and zstd are read";
#else
constexpr bool kReadsZstd = false;
constexpr const char* kWhatIsRead = "text, JSON and gzip are read";
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

}  // namespace

Compression CompressionOf(std::string_view head) {
  if (head.starts_with(kGzipMagic)) return Compression::kGzip;
  return IsZstd(head) ? Compression::kZstd : Compression::kNone;
}

bool IsParquet(std::string_view head) { return head.starts_with("PAR1"sv); }

ContentForm FormOf(std::string_view head) {
  if (head.starts_with(kUtf8Mark)) head.remove_prefix(kUtf8Mark.size());
  const size_t begin = head.find_first_not_of(" \t\r\n\x1e");
  if (begin == std::string_view::npos) return ContentForm::kLines;
  head.remove_prefix(begin);
  if (head[0] == '{') return ContentForm::kJson;
  if (head[0] == '[') {
    const size_t next = head.find_first_not_of(" \t\r\n", 1);
    const bool is_list =
        next != std::string_view::npos && (head[next] == '{' || head[next] == '[' || head[next] == '"');
    return is_list ? ContentForm::kJson : ContentForm::kLines;
  }
  if (LooksLikeBase64(head[0] == '"' ? head.substr(1) : head)) return ContentForm::kBase64;
  const std::string_view line = head.substr(0, head.find('\n'));
  if (line.starts_with(kWriteTest) && line.size() <= kWriteTest.size() + 1) return ContentForm::kBase64;
  return line.size() < head.size() && line.find("essage") != std::string_view::npos && CsvColumnsOf(line)
             ? ContentForm::kCsv
             : ContentForm::kLines;
}

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

absl::StatusOr<ContentKind> RecogniseContent(const std::string& name, std::string_view head, Compression outside,
                                             int layers) {
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
  if (IsParquet(head)) {
    return refuse("a Parquet file",
                  "open it with an Arrow library and pass its stream as a Source::Arrow(), or its opener as "
                  "ScanOptions::open_parquet; Python's flowlogs.scan() and the command read a Parquet file by its path");
  }
  if (head.starts_with("\xff\xfe"sv) || head.starts_with("\xfe\xff"sv)) {
    return refuse("UTF-16 text", "convert it first: iconv -f UTF-16 -t UTF-8 FILE");
  }
  ContentKind kind;
  kind.compression = CompressionOf(head);
  if (kind.compression == Compression::kZstd && !kReadsZstd) {
    return refuse("zstd-compressed", absl::StrCat(kPipe, "zstd -dc FILE | ... -"));
  }
  if (kind.compression != Compression::kNone && layers >= Input::kMaxNesting) {
    return refuse(absl::StrCat(CompressionName(kind.compression), ", in ", layers, " layers of compression"),
                  "it may be a decompression bomb; decompress it first if you trust it");
  }
  if (head.starts_with(kUtf8Mark)) kind.mark_bytes = kUtf8Mark.size();
  if (kind.compression == Compression::kNone) kind.form = FormOf(head);
  return kind;
}

}  // namespace v1
}  // namespace flowlogs
