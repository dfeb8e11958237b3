// Stored bytes that can be read at any place, by several threads at once: a regular file, or memory.
#ifndef FLOWLOGS_LIB_IO_RANDOM_ACCESS_H_
#define FLOWLOGS_LIB_IO_RANDOM_ACCESS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

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
};

// pread(2); interrupted and partial reads are continued.
std::unique_ptr<RandomAccess> NewFileAccess(FileDescriptor file);

// The content of Source::Bytes(). Keeps its owner alive.
std::unique_ptr<RandomAccess> NewMemoryAccess(const Source& source);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_RANDOM_ACCESS_H_
