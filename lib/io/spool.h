// BlockSpool: the blocks of an input that can be read only once, kept in a temporary file for a second pass.
#ifndef FLOWLOGS_LIB_IO_SPOOL_H_
#define FLOWLOGS_LIB_IO_SPOOL_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "flowlogs/io/input.h"
#include "lib/io/block_access.h"

namespace flowlogs {
inline namespace v1 {

// The file lies in $TMPDIR (else /tmp), has no name, and is gone with the spool. Text is stored as it was inflated, with
// the borders, marks and events of its blocks, so that the second pass sees what the first one saw. Thread-safe.
class BlockSpool {
 public:
  static absl::StatusOr<std::shared_ptr<BlockSpool>> Create();
  ~BlockSpool();
  BlockSpool(const BlockSpool&) = delete;  // the file has one owner
  BlockSpool& operator=(const BlockSpool&) = delete;

  // Stores a loaded block, in any order of sequence().
  absl::Status Append(const Block& block);
  // An input that hands out the stored blocks again; `first` is the one they came from, read to its end. The spool must
  // outlive it. REQUIRES: no more Append().
  std::unique_ptr<Input> Open(const Input& first) const;

 private:
  friend class SpooledInput;
  struct Entry {
    uint64_t offset = 0;
    size_t size = 0;
    size_t events_size = 0;  // behind the text
    BlockAccess::Marks marks = {};
  };
  // All or nothing, at `offset`.
  bool Write(std::string_view bytes, uint64_t offset) const;
  size_t Read(char* to, size_t size, uint64_t offset) const;
  explicit BlockSpool(int fd) : fd_(fd) {}
  int fd_;
  std::mutex mutex_;
  uint64_t end_ = 0;
  std::vector<Entry> entries_;  // by sequence
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_SPOOL_H_
