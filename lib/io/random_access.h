// Stored bytes that can be read at any place, by several threads at once: a regular file, or memory.
#ifndef FLOWLOGS_LIB_IO_RANDOM_ACCESS_H_
#define FLOWLOGS_LIB_IO_RANDOM_ACCESS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "flowlogs/io/source.h"
#include "lib/io/file.h"

namespace flowlogs {
inline namespace v1 {

class RandomAccess {
 public:
  struct Result {
    size_t size = 0;  // less than wanted: the end was met, or
    int error = 0;    // an errno
  };

  virtual ~RandomAccess() = default;
  // Copies bytes [offset, offset + size) to `to`. Thread-safe.
  virtual Result ReadAt(uint64_t offset, char* to, size_t size) const = 0;
  // All bytes, if they may be used where they stand, while mapping() is held; else nothing.
  virtual std::string_view view() const { return {}; }
  virtual std::shared_ptr<const void> mapping() const { return nullptr; }
};

// pread(2); interrupted and partial reads are continued.
std::unique_ptr<RandomAccess> NewFileAccess(FileDescriptor file);

// mmap(2) of the first `size` bytes of a regular file; nullptr where that cannot be done. See InputOptions::mmap.
std::unique_ptr<RandomAccess> NewMappedAccess(const FileDescriptor& file, uint64_t size);

// The content of Source::Bytes(). Keeps its owner alive.
std::unique_ptr<RandomAccess> NewMemoryAccess(const Source& source);
// `whole` up to `broken_at`, where every read fails with `error`: what was once found broken stays so.
std::unique_ptr<RandomAccess> NewBrokenAccess(std::unique_ptr<RandomAccess> whole, uint64_t broken_at, int error);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_RANDOM_ACCESS_H_
