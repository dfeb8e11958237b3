#include "lib/io/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr const char* kLostBytes = "flowlogs/lost-bytes";

// strerror_r has two signatures; which one is there is told by its return type.
[[maybe_unused]] const char* TextOf(int, const char* buffer) { return buffer; }  // POSIX
[[maybe_unused]] const char* TextOf(const char* text, const char*) { return text; }  // GNU

const char* Advice(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "check the spelling and the directory it is relative to";
    case EACCES:
    case EPERM:
      return "get the right to read it, or run as a user who has it";
    case ENXIO:
      return "a socket cannot be opened by its path; give \"-\" to read standard input";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n) or give fewer files at once";
    default:
      return "check that the file can be read, for example with cat";
  }
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (is_owned_) close(fd_);  // nothing was written, so there is no error to miss
}

int OpenForReading(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    errno = ENOENT;  // open() would take the part before it for the path
    return -1;
  }
  struct stat info;
  const bool is_fifo = stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
  int fd;
  do {
    fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | (is_fifo ? O_NONBLOCK : 0));
  } while (fd < 0 && errno == EINTR);
  return fd;
}

std::string ErrorText(int error) {
  char buffer[256] = "unknown error";
  return TextOf(strerror_r(error, buffer, sizeof(buffer)), buffer);
}

std::string Quoted(const std::string& name) { return absl::StrCat("\"", name, "\""); }

absl::Status CannotOpen(const std::string& path, int error) {
  const std::string message = absl::StrCat("cannot open ", Quoted(path), ": ", ErrorText(error), "; ", Advice(error));
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::NotFoundError(message);
}

absl::Status IsDirectory(const std::string& path) {
  const char* separator = path.ends_with('/') ? "" : "/";
  return absl::InvalidArgumentError(absl::StrCat("cannot read ", Quoted(path),
                                                 ": it is a directory; give the files in it: ",
                                                 Quoted(absl::StrCat(path, separator, "*"))));
}

absl::Status CheckStdin() {
  struct stat info;
  if (fstat(STDIN_FILENO, &info) != 0) {
    return absl::NotFoundError(absl::StrCat("cannot read \"-\": standard input: ", ErrorText(errno),
                                            "; it is closed: redirect it from a file or a pipe"));
  }
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        "cannot read \"-\": standard input is a directory; redirect it from a file or a pipe");
  }
  return absl::OkStatus();
}

absl::Status StoppedWhileOpening(const std::string& name, bool has_lost_bytes) {
  absl::Status status = absl::CancelledError(absl::StrCat("stopped before ", Quoted(name), " was read"));
  if (has_lost_bytes) status.SetPayload(kLostBytes, absl::Cord());
  return status;
}

bool HasLostBytes(const absl::Status& status) { return status.GetPayload(kLostBytes).has_value(); }

std::string CannotReadOn(int error) {
  return absl::StrCat("reading failed: ", ErrorText(error),
                      "; what was read before is good, try again or copy the file to another disk");
}

}  // namespace v1
}  // namespace flowlogs
