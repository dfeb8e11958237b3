// What a scan reads: paths, globs, standard input, or bytes in memory.
#ifndef FLOWLOGS_IO_SOURCE_H_
#define FLOWLOGS_IO_SOURCE_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace flowlogs {
inline namespace v1 {

// One source as a person names it: a path, a glob ("logs/*.gz"), "-" for standard input, or bytes in memory.
// A value type; copying it does not copy the bytes.
class Source {
 public:
  // A path, a glob or "-". Implicit, so that Scan({"a.log", "logs/*.gz"}) reads as it should.
  Source(std::string path) : name_(std::move(path)) {}  // NOLINT(google-explicit-constructor)
  Source(const char* path) : name_(path) {}             // NOLINT(google-explicit-constructor)

  // The content itself, plain or gzip. Does not own `content`, which stays valid while `owner` lives (or, without an
  // owner, for as long as the caller promises).
  static Source Bytes(std::string_view content, std::shared_ptr<const void> owner = nullptr,
                      std::string name = "<bytes>") {
    Source source(std::move(name));
    source.is_bytes_ = true;
    source.content_ = content;
    source.owner_ = std::move(owner);
    return source;
  }

  // The path, "-", or the name given to the bytes: what errors and samples show.
  const std::string& name() const { return name_; }
  bool is_bytes() const { return is_bytes_; }
  bool is_stdin() const { return !is_bytes_ && name_ == "-"; }
  std::string_view content() const { return content_; }

 private:
  std::string name_;
  std::string_view content_;
  std::shared_ptr<const void> owner_;
  bool is_bytes_ = false;
};

// Turns globs into paths (sorted bytewise; a path that exists is never taken for a glob) and checks that every literal
// path can be opened. Order is kept. Fails, before anything is read, with
//   NOT_FOUND / PERMISSION_DENIED  a literal path cannot be opened; the message names it and says why
//   NOT_FOUND                      a glob matches nothing, or only directories (which are left out of what it matches)
//   PERMISSION_DENIED              a glob meets a directory that cannot be read: files are never left out in silence
//   INVALID_ARGUMENT               no source was given; a directory was given; "-" was given twice
absl::StatusOr<std::vector<Source>> ResolveSources(std::span<const Source> sources);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_IO_SOURCE_H_
