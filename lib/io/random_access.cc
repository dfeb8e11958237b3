#include "lib/io/random_access.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace flowlogs {
inline namespace v1 {
namespace {

class FileAccess : public RandomAccess {
 public:
  explicit FileAccess(FileDescriptor file) : file_(std::move(file)) {}

  Result ReadAt(uint64_t offset, char* to, size_t size) const override {
    Result result;
    while (result.size < size) {
      const ssize_t n =
          pread(file_.get(), to + result.size, size - result.size, static_cast<off_t>(offset + result.size));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) result.error = errno;
      if (n <= 0) break;
      result.size += static_cast<size_t>(n);
    }
    return result;
  }

 private:
  FileDescriptor file_;
};

class MemoryAccess : public RandomAccess {
 public:
  explicit MemoryAccess(const Source& source) : source_(source) {}

  Result ReadAt(uint64_t offset, char* to, size_t size) const override {
    const std::string_view content = source_.content();
    if (offset >= content.size()) return {};
    const size_t n = std::min<uint64_t>(size, content.size() - offset);
    std::memcpy(to, content.data() + offset, n);
    return {n, 0};
  }

 private:
  const Source source_;
};

}  // namespace

std::unique_ptr<RandomAccess> NewFileAccess(FileDescriptor file) {
  return std::make_unique<FileAccess>(std::move(file));
}

std::unique_ptr<RandomAccess> NewMemoryAccess(const Source& source) { return std::make_unique<MemoryAccess>(source); }

}  // namespace v1
}  // namespace flowlogs
