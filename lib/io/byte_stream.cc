#include "lib/io/byte_stream.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/io/source_access.h"

namespace flowlogs {
inline namespace v1 {
namespace {

class FileStream : public ByteStream {
 public:
  explicit FileStream(FileDescriptor file) : file_(std::move(file)) {
    struct stat info;
    is_live_ = fstat(file_.get(), &info) != 0 || !(S_ISREG(info.st_mode) || S_ISBLK(info.st_mode));
  }

  Result Read(char* to, size_t size) override {
    while (!is_ended_) {
      if (is_live_) {
        pollfd poll_fd = {file_.get(), POLLIN, 0};
        const int ready = poll(&poll_fd, 1, kSliceMilliseconds);
        if (ready == 0 || (ready < 0 && errno == EINTR)) return {0, State::kNothingYet};
        // Any other failure of poll() will be met, and named, by read().
      }
      const ssize_t n = read(file_.get(), to, size);
      if (n > 0) {
        bytes_read_ += static_cast<size_t>(n);
        return {static_cast<size_t>(n), State::kMore};
      }
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && is_live_ && (errno == EAGAIN || errno == EWOULDBLOCK)) return {0, State::kNothingYet};
      if (n < 0) damage_ = InputDamage{bytes_read_, CannotReadOn(errno)};
      is_ended_ = true;
    }
    return {};
  }

  std::optional<InputDamage> damage() const override { return damage_; }
  uint64_t stored_bytes_read() const override { return bytes_read_; }
  bool is_live() const override { return is_live_; }

 private:
  FileDescriptor file_;
  bool is_live_ = false;
  bool is_ended_ = false;
  uint64_t bytes_read_ = 0;
  std::optional<InputDamage> damage_;
};

class MemoryStream : public ByteStream {
 public:
  explicit MemoryStream(const Source& source) : source_(source) {}

  Result Read(char* to, size_t size) override {
    const std::string_view rest = source_.content().substr(position_);
    const size_t n = std::min(size, rest.size());
    if (n == 0) return {};
    std::memcpy(to, rest.data(), n);
    position_ += n;
    return {n, State::kMore};
  }
  std::string_view Take(size_t most) override {
    const std::string_view taken = source_.content().substr(position_, most);
    position_ += taken.size();
    return taken;
  }

  std::optional<InputDamage> damage() const override { return std::nullopt; }
  uint64_t stored_bytes_read() const override { return position_; }
  bool is_live() const override { return false; }

 private:
  const Source source_;
  size_t position_ = 0;
};

class ReaderStream : public ByteStream {
 public:
  explicit ReaderStream(const Source& source) : source_(source) {}

  Result Read(char* to, size_t size) override {
    if (is_ended_) return {};
    const absl::StatusOr<size_t> n = SourceAccess::Read(source_, to, size);
    if (n.ok() && *n > 0 && *n <= size) {
      bytes_read_ += *n;
      return {*n, State::kMore};
    }
    is_ended_ = true;
    if (!n.ok()) {
      damage_ = InputDamage{bytes_read_, absl::StrCat("reading failed: ", n.status().message())};
    } else if (*n > size) {
      damage_ = InputDamage{bytes_read_, absl::StrCat("reading failed: the reader brought ", *n, " bytes where ", size,
                                                      " were asked for; correct the reader")};
    }
    return {};
  }

  std::optional<InputDamage> damage() const override { return damage_; }
  uint64_t stored_bytes_read() const override { return bytes_read_; }
  bool is_live() const override { return true; }

 private:
  const Source source_;
  bool is_ended_ = false;
  uint64_t bytes_read_ = 0;
  std::optional<InputDamage> damage_;
};

}  // namespace

std::unique_ptr<ByteStream> NewFileStream(FileDescriptor file) { return std::make_unique<FileStream>(std::move(file)); }

std::unique_ptr<ByteStream> NewMemoryStream(const Source& source) { return std::make_unique<MemoryStream>(source); }

absl::StatusOr<std::unique_ptr<ByteStream>> NewReaderStream(const Source& source) {
  if (!SourceAccess::TakeOnce(source)) {
    return absl::FailedPreconditionError(absl::StrCat(
        source.name(), ": it can be read only once, and has been read; read it into a file or into memory first"));
  }
  return std::make_unique<ReaderStream>(source);
}

}  // namespace v1
}  // namespace flowlogs
