// Memory for what grows with the number of groups: zeroed, in huge pages where it is big, for half the time of filling
// fresh memory is the kernel's time to bring it page by page.
#ifndef FLOWLOGS_LIB_QUERY_MEMORY_H_
#define FLOWLOGS_LIB_QUERY_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace flowlogs {
inline namespace v1 {

// A block of zeros. Move only. Throws std::bad_alloc, which a run turns into its status.
class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  // `huge`: in huge pages, if the block is big enough. They cost what they are, not what is used of them.
  explicit ZeroedMemory(size_t bytes, bool huge = true) : bytes_(bytes), is_mapped_(huge && bytes >= kHugePage) {
    data_ = is_mapped_ ? Map(bytes) : std::calloc(1, bytes);
    if (data_ == nullptr && bytes > 0) throw std::bad_alloc();
  }
  // As malloc() brings it: whoever uses it zeroes it, bit by bit. What is not used costs nothing, even where it was used
  // before.
  static ZeroedMemory NotZeroed(size_t bytes) {
    ZeroedMemory memory;
    memory.data_ = std::malloc(bytes);
    if (memory.data_ == nullptr && bytes > 0) throw std::bad_alloc();
    memory.bytes_ = bytes;
    return memory;
  }
  ZeroedMemory(ZeroedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)), is_mapped_(other.is_mapped_) {}
  ZeroedMemory& operator=(ZeroedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(is_mapped_, other.is_mapped_);
    return *this;
  }
  ~ZeroedMemory() {
    if (is_mapped_) {
      Unmap(data_, bytes_);
    } else {
      std::free(data_);
    }
  }

  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;

#ifdef __linux__
  // Mapped so that it begins with a huge page.
  static void* Map(size_t bytes) {
    void* const all = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return nullptr;
    char* const begin = static_cast<char*>(all);
    const size_t skip = -reinterpret_cast<uintptr_t>(all) % kHugePage;
    if (skip > 0) munmap(begin, skip);
    constexpr size_t kPage = 4096;
    const size_t end = (skip + bytes + kPage - 1) / kPage * kPage;
    if (end < bytes + kHugePage) munmap(begin + end, bytes + kHugePage - end);
    madvise(begin + skip, bytes, MADV_HUGEPAGE);  // a hint: without it all works as well
    return begin + skip;
  }
  static void Unmap(void* data, size_t bytes) {
    if (data != nullptr) munmap(data, bytes);
  }
#else
  static void* Map(size_t bytes) { return std::calloc(1, bytes); }
  static void Unmap(void* data, size_t) { std::free(data); }
#endif

  void* data_ = nullptr;
  size_t bytes_ = 0;
  bool is_mapped_ = false;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_MEMORY_H_
