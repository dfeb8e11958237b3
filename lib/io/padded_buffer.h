// Bytes with room behind them, as simdjson wants it.
#ifndef FLOWLOGS_LIB_IO_PADDED_BUFFER_H_
#define FLOWLOGS_LIB_IO_PADDED_BUFFER_H_

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace flowlogs {
inline namespace v1 {

// Grows in place where the system can (realloc): a large one is never held twice. Move only.
class PaddedBuffer {
 public:
  static constexpr size_t kPadding = 128;  // at least SIMDJSON_PADDING of any release

  PaddedBuffer() = default;
  PaddedBuffer(PaddedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  PaddedBuffer& operator=(PaddedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~PaddedBuffer() { std::free(data_); }

  char* data() const { return data_; }
  size_t capacity() const { return capacity_; }
  // Room for so many bytes and the padding; what is in it stays. Throws std::bad_alloc, as containers do.
  char* Reserve(size_t capacity) {
    if (data_ == nullptr || capacity > capacity_) {
      void* const grown = std::realloc(data_, capacity + kPadding);
      if (grown == nullptr) throw std::bad_alloc();
      data_ = static_cast<char*>(grown);
      capacity_ = capacity;
      std::memset(data_ + capacity_, 0, kPadding);
    }
    return data_;
  }
  void Free() { *this = PaddedBuffer(); }

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_PADDED_BUFFER_H_
