#include "flowlogs/io/source.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "flowlogs/io/arrow_abi.h"
#include "lib/io/directory.h"
#include "lib/io/file.h"
#include "lib/io/source_access.h"

namespace flowlogs {
inline namespace v1 {
namespace {

bool LooksLikeGlob(const std::string& path) { return path.find_first_of("*?[") != std::string::npos; }

// glob(3) tells its error function nothing about who called it.
struct GlobError {
  std::string directory;
  int error = 0;
};
thread_local GlobError* glob_error = nullptr;

// A directory that cannot be read stops the glob: its files must not be left out in silence. One that does not exist
// only has no matches.
int OnGlobError(const char* directory, int error) {
  if (error == ENOENT || error == ENOTDIR) return 0;
  *glob_error = {directory, error};
  return 1;
}

absl::Status AppendMatches(const std::string& pattern, std::vector<Source>* sources) {
  GlobError error;
  glob_error = &error;
  glob_t matches = {};
  // Not sorted by glob: it would follow the locale. GLOB_MARK tells directories by a slash at the end.
  const int result = glob(pattern.c_str(), GLOB_NOSORT | GLOB_MARK, OnGlobError, &matches);
  glob_error = nullptr;
  std::vector<std::string> paths;
  if (result == 0) paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  globfree(&matches);
  if (error.error != 0) {
    return absl::PermissionDeniedError(absl::StrCat("cannot look for ", Quoted(pattern), ": directory ",
                                                    Quoted(error.directory), ": ", ErrorText(error.error),
                                                    "; get the right to read it, or give a narrower pattern"));
  }
  if (result != 0 && result != GLOB_NOMATCH) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot look for ", Quoted(pattern), ": out of memory; give a narrower pattern"));
  }
  const size_t found = paths.size();
  std::erase_if(paths, [](const std::string& path) { return path.ends_with('/'); });
  if (paths.empty() && found > 0) {
    return absl::NotFoundError(absl::StrCat("no file matches ", Quoted(pattern), ", only directories do; try ",
                                            Quoted(absl::StrCat(pattern, pattern.ends_with('/') ? "*" : "/*"))));
  }
  if (paths.empty()) {
    return absl::NotFoundError(absl::StrCat("no file matches ", Quoted(pattern),
                                            "; check the spelling and the directory it is relative to"));
  }
  std::sort(paths.begin(), paths.end());  // bytewise: std::string compares as unsigned char
  for (std::string& path : paths) sources->emplace_back(std::move(path));
  return absl::OkStatus();
}

// Whether Input::Open would succeed. A FIFO can be opened only once, so it is asked for, not opened.
absl::Status CheckPath(const std::string& path, const struct stat& info) {
  if (S_ISSOCK(info.st_mode)) return CannotOpen(path, ENXIO);
  if (!S_ISREG(info.st_mode)) {
    if (faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0) return CannotOpen(path, errno);
    return absl::OkStatus();
  }
  const int fd = OpenForReading(path);
  if (fd < 0) return CannotOpen(path, errno);
  close(fd);
  return absl::OkStatus();
}

absl::Status AppendPath(const std::string& path, std::vector<Source>* sources) {
  struct stat info;
  if (path.empty()) return absl::NotFoundError("cannot open \"\": the name is empty; give a path, a glob or \"-\"");
  if (path.find('\0') != std::string::npos) return CannotOpen(path, ENOENT);
  if (stat(path.c_str(), &info) != 0) {
    const int error = errno;
    // A dangling link exists: its message is that of a path.
    const bool exists = lstat(path.c_str(), &info) == 0;
    if (!exists && LooksLikeGlob(path) && (error == ENOENT || error == ENOTDIR)) return AppendMatches(path, sources);
    return CannotOpen(path, error);
  }
  if (S_ISDIR(info.st_mode)) {
    absl::StatusOr<std::vector<std::string>> files = FilesBelow(path);
    if (!files.ok()) return files.status();
    for (std::string& file : *files) sources->emplace_back(std::move(file));
    return absl::OkStatus();
  }
  absl::Status status = CheckPath(path, info);
  if (status.ok()) sources->emplace_back(path);
  return status;
}

// The stream until it is opened.
struct OwnedStream {
  ArrowArrayStream stream{};
  ~OwnedStream() {
    if (stream.release != nullptr) stream.release(&stream);
  }
};

}  // namespace

Source Source::Arrow(ArrowArrayStream* stream, std::string name) {
  auto owned = std::make_shared<OwnedStream>();
  owned->stream = *stream;
  stream->release = nullptr;
  return Arrow(
      [owned](ArrowArrayStream* out) {
        *out = owned->stream;
        owned->stream.release = nullptr;
        return absl::OkStatus();
      },
      /*can_be_repeated=*/false, std::move(name));
}

Source Source::Arrow(ArrowOpener open, bool can_be_repeated, std::string name) {
  Source source(std::move(name));
  source.arrow_ = std::make_shared<ArrowOrigin>();
  source.arrow_->open = std::move(open);
  source.arrow_->can_be_repeated = can_be_repeated;
  return source;
}

absl::StatusOr<std::vector<Source>> ResolveSources(std::span<const Source> sources) {
  if (sources.empty()) {
    return absl::InvalidArgumentError("nothing to read; give a file, a glob such as \"logs/*.log.gz\", or \"-\"");
  }
  std::vector<Source> resolved;
  bool has_stdin = false;
  for (const Source& source : sources) {
    absl::Status status;
    if (source.is_stream() || source.is_arrow()) {
      const bool is_known = std::any_of(resolved.begin(), resolved.end(), [&](const Source& other) {
        return SourceAccess::AreSame(source, other);
      });
      if (is_known && !SourceAccess::CanBeRepeated(source)) {
        return absl::InvalidArgumentError(
            absl::StrCat(Quoted(source.name()), " is given twice; a stream can be read once: give it once"));
      }
      resolved.push_back(source);
    } else if (source.is_bytes() || source.is_remote()) {
      resolved.push_back(source);
    } else if (source.is_stdin()) {
      if (has_stdin) {
        return absl::InvalidArgumentError("\"-\" is given twice; standard input can be read once: give it once");
      }
      has_stdin = true;
      status = CheckStdin();
      resolved.push_back(source);
    } else {
      status = AppendPath(source.name(), &resolved);
    }
    if (!status.ok()) return status;
  }
  return resolved;
}

}  // namespace v1
}  // namespace flowlogs
