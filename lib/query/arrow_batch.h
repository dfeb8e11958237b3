// Batches of an Arrow stream: rows of our columns, copied into Arrow's buffers.
#ifndef FLOWLOGS_LIB_QUERY_ARROW_BATCH_H_
#define FLOWLOGS_LIB_QUERY_ARROW_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/query/arrow_layout.h"

namespace flowlogs {
inline namespace v1 {
namespace internal {

// Memory that grows, aligned as Arrow recommends, not cleared. Move only. data() is never null.
class ArrowBuffer {
 public:
  static constexpr std::align_val_t kAlignment{64};

  const void* data() const { return data_ == nullptr ? static_cast<const void*>(kNothing) : data_.get(); }
  size_t size() const { return size_; }
  // Room for `count` more values, for the caller to fill. The pointer is valid until the next Grow().
  template <typename T>
  T* Grow(size_t count) {
    const size_t bytes = count * sizeof(T);
    if (capacity_ - size_ < bytes) Reserve(size_ + bytes);
    T* const place = reinterpret_cast<T*>(data_.get() + size_);
    size_ += bytes;
    return place;
  }
  // REQUIRES: bytes <= size()
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(data_.get()); }

 private:
  struct Free {
    void operator()(char* data) const { ::operator delete(data, kAlignment); }
  };
  void Reserve(size_t bytes);

  alignas(64) static const char kNothing[64];
  std::unique_ptr<char, Free> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// The buffers of one column of a batch, while they are filled and when they have left.
class ArrowColumn {
 public:
  explicit ArrowColumn(ArrowLayout layout) : layout_(layout) {}

  // Appends rows [begin, end). REQUIRES: Fits(column.type(), layout).
  // OUT_OF_RANGE if a text is too long for the layout.
  absl::Status Append(const Column& column, size_t begin, size_t end);

  int64_t null_count() const { return static_cast<int64_t>(null_count_); }
  // Lists the buffers in Arrow's order. Nothing is appended any more.
  std::span<const void*> Finish();

 private:
  void AppendValidity(const Column& column, size_t begin, size_t end);
  absl::Status AppendTexts(const Column& column, size_t begin, size_t end);
  absl::Status AppendText(std::string_view text);
  template <typename Offset>
  void AppendOffset();

  ArrowLayout layout_;
  size_t rows_ = 0;
  size_t null_count_ = 0;
  ArrowBuffer validity_;  // empty until the first null
  ArrowBuffer values_;    // numbers, views or offsets
  ArrowBuffer chars_;     // the texts: of views, those that do not fit into them
  std::string escaped_;
  int64_t view_sizes_[1] = {0};
  const void* pointers_[4] = {};
};

// Rows of several columns on their way into one batch.
class ArrowBatchBuilder {
 public:
  explicit ArrowBatchBuilder(std::span<const ArrowLayout> layouts);

  size_t rows() const { return rows_; }
  // Whether the texts are enough for one batch, however few its rows are.
  bool is_full() const { return text_bytes_ >= kTextBytes; }
  // Appends rows from `begin` on, at most `most` of them and no more than the texts allow; at least one if the batch
  // has none yet. Returns how many in *appended.
  absl::Status Append(std::span<const Column> columns, size_t begin, size_t most, size_t* appended);
  // The batch; the builder is used up. The caller releases it.
  void Finish(ArrowArray* out) &&;

 private:
  // Text of one column in a batch, about: offsets are 32 bits, and consumers hold whole batches in memory.
  static constexpr size_t kTextBytes = size_t{64} << 20;

  std::vector<ArrowLayout> layouts_;
  std::vector<ArrowColumn> columns_;
  size_t rows_ = 0;
  size_t text_bytes_ = 0;  // of the column that has most, at least
};

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_ARROW_BATCH_H_
