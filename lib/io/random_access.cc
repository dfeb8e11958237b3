#include "lib/io/random_access.h"

#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>
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

class MappedAccess : public RandomAccess {
 public:
  MappedAccess(std::string_view content, std::shared_ptr<const void> mapping)
      : content_(content), mapping_(std::move(mapping)) {}

  Result ReadAt(uint64_t offset, char* to, size_t size) const override {
    return {content_.copy(to, size, std::min<uint64_t>(offset, content_.size())), 0};
  }
  std::string_view view() const override { return content_; }
  std::shared_ptr<const void> mapping() const override { return mapping_; }

 private:
  const std::string_view content_;
  const std::shared_ptr<const void> mapping_;
};

class BrokenAccess : public RandomAccess {
 public:
  BrokenAccess(std::unique_ptr<RandomAccess> whole, uint64_t broken_at, int error)
      : whole_(std::move(whole)), broken_at_(broken_at), error_(error) {}

  Result ReadAt(uint64_t offset, char* to, size_t size) const override {
    if (offset >= broken_at_) return {0, error_};
    const size_t good = std::min<uint64_t>(size, broken_at_ - offset);
    Result result = whole_->ReadAt(offset, to, good);
    if (result.error == 0 && result.size == good && good < size) result.error = error_;
    return result;
  }

 private:
  const std::unique_ptr<RandomAccess> whole_;
  const uint64_t broken_at_;
  const int error_;
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

std::unique_ptr<RandomAccess> NewMappedAccess(const FileDescriptor& file, uint64_t size) {
  if (size == 0 || size > std::numeric_limits<size_t>::max() / 2) return nullptr;
  const size_t bytes = static_cast<size_t>(size);
  void* const begin = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (begin == MAP_FAILED) return nullptr;
#ifdef MADV_HUGEPAGE
  madvise(begin, bytes, MADV_HUGEPAGE);  // advice: the page cache may then hold the file in large pieces
#endif
  return std::make_unique<MappedAccess>(std::string_view(static_cast<const char*>(begin), bytes),
                                        std::shared_ptr<const void>(begin, [bytes](void* all) { munmap(all, bytes); }));
}

std::unique_ptr<RandomAccess> NewBrokenAccess(std::unique_ptr<RandomAccess> whole, uint64_t broken_at, int error) {
  return std::make_unique<BrokenAccess>(std::move(whole), broken_at, error);
}

std::unique_ptr<RandomAccess> NewMemoryAccess(const Source& source) { return std::make_unique<MemoryAccess>(source); }

}  // namespace v1
}  // namespace flowlogs
