// Files and their errors, as io/ words them: what, where, why, what to do.
#ifndef FLOWLOGS_LIB_IO_FILE_H_
#define FLOWLOGS_LIB_IO_FILE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"

namespace flowlogs {
inline namespace v1 {

// Owns an open file, or borrows one that the process keeps (standard input). Move only: a file is closed once.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  static FileDescriptor Owned(int fd) { return FileDescriptor(fd, true); }
  static FileDescriptor Borrowed(int fd) { return FileDescriptor(fd, false); }
  FileDescriptor(FileDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), is_owned_(std::exchange(other.is_owned_, false)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(is_owned_, other.is_owned_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }

 private:
  FileDescriptor(int fd, bool is_owned) : fd_(fd), is_owned_(is_owned) {}
  int fd_ = -1;
  bool is_owned_ = false;
};

// open(2) for reading; -1 and errno. Never waits for a FIFO's writer: what is opened is read with O_NONBLOCK then.
int OpenForReading(const std::string& path);

// "No such file or directory".
std::string ErrorText(int error);

// The name as messages show it, in double quotes.
std::string Quoted(const std::string& name);

// NOT_FOUND or PERMISSION_DENIED: the path cannot be opened because of `error` (an errno).
absl::Status CannotOpen(const std::string& path, int error);

// INVALID_ARGUMENT: a directory was given.
absl::Status IsDirectory(const std::string& path);

// NOT_FOUND: standard input is closed. INVALID_ARGUMENT: it is a directory.
absl::Status CheckStdin();

// CANCELLED: InputOptions::stop was requested. `has_lost_bytes`: something that cannot be read again was taken from it.
absl::Status StoppedWhileOpening(const std::string& name, bool has_lost_bytes);
bool HasLostBytes(const absl::Status& status);

// The message of the damage "reading failed because of `error`".
std::string CannotReadOn(int error);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_FILE_H_
