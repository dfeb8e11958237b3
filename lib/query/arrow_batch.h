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
#include "lib/parse/record_batch.h"
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
  // Takes back what was not filled of the last Grow().
  void Shrink(size_t bytes) { size_ -= bytes; }
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

  // Appends words of a batch, kNullWord as null. REQUIRES: a layout of numbers.
  void AppendNumbers(const int64_t* words, Rows rows);
  // Appends tokens: judge(row, token, text) says of each what becomes of it. A number of bytes: it has written them to
  // text. REQUIRES: kUtf8View; tokens that stay as they are, are ASCII.
  static constexpr int kNull = -1;
  static constexpr int kAsItIs = -2;
  template <typename Judge>
  void AppendTokens(const Tokens& tokens, const Judge& judge);

  int64_t null_count() const { return static_cast<int64_t>(null_count_); }
  // Lists the buffers in Arrow's order. Nothing is appended any more.
  std::span<const void*> Finish();

 private:
  void AppendValidity(const Column& column, size_t begin, size_t end);
  // Of `count` more rows all but those of nulls_, which are counted from the first of them, are present.
  void AppendValidity(size_t count);
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
  std::vector<uint32_t> nulls_;
  int64_t view_sizes_[1] = {0};
  const void* pointers_[4] = {};
};

// Rows of several columns on their way into one batch.
class ArrowBatchBuilder {
 public:
  explicit ArrowBatchBuilder(std::span<const ArrowLayout> layouts);

  size_t rows() const { return rows_; }
  // To be filled column by column, each with as many rows; then SetRows().
  ArrowColumn& column(size_t place) { return columns_[place]; }
  void SetRows(size_t rows) { rows_ = rows; }
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

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

// A view, as Arrow lays it out: the text itself, padded with zeros, if it has at most 12 bytes; else where it is.
//
//   bytes  0..3     4 .. 15
//          length   text
//          length   4 bytes of text, number of the buffer, offset in it
struct TextView {
  static constexpr size_t kInline = 12;
  int32_t length;
  char text[4];
  int32_t buffer;
  int32_t offset;
};
static_assert(sizeof(TextView) == 16);

template <typename Judge>
void ArrowColumn::AppendTokens(const Tokens& tokens, const Judge& judge) {
  const auto row_of = [&](size_t i) { return tokens.rows == nullptr ? static_cast<uint32_t>(i) : tokens.rows[i]; };
  const auto begin_of = [&](size_t at) { return tokens.before[at] + 1; };
  // Room for what does not fit into views. Sixteen bytes are copied at a time; an address that is written anew has at
  // most IpAddress::kMaxText.
  size_t room = 64;
  for (size_t i = 0; i < tokens.count; ++i) {
    const size_t at = row_of(i) * tokens.stride;
    const size_t size = tokens.after[at] - begin_of(at);
    room += size > TextView::kInline ? size : 0;
  }
  const size_t slack = IpAddress::kMaxText;
  struct Words {
    uint64_t low, high;
  };
  Words* const views = values_.Grow<Words>(tokens.count);
  const size_t first_byte = chars_.size();
  char* chars = chars_.Grow<char>(room);
  size_t used = 0;
  nulls_.clear();
  char text[64];
  for (size_t i = 0; i < tokens.count; ++i) {
    const uint32_t row = row_of(i);
    const size_t at = row * tokens.stride;
    std::string_view token(tokens.text + begin_of(at), tokens.after[at] - begin_of(at));
    const int verdict = judge(row, token, text);
    if (verdict != kAsItIs) [[unlikely]] {
      if (verdict == kNull) nulls_.push_back(static_cast<uint32_t>(i));
      token = std::string_view(text, verdict == kNull ? 0 : static_cast<size_t>(verdict));
      if (used + token.size() + slack > room) {  // it may be longer than it was
        chars_.Shrink(room - used);
        room = room * 2 + slack;
        chars = chars_.Grow<char>(room - used) - used;
      }
    }
    uint64_t low, high;
    std::memcpy(&low, token.data(), 8);
    std::memcpy(&high, token.data() + 8, 8);
    const uint64_t size = token.size();
    if (size <= TextView::kInline) {
      low &= size >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1;
      high &= size <= 8 ? 0 : (uint64_t{1} << (8 * (size - 8))) - 1;
      views[i] = {size | low << 32, low >> 32 | high << 32};
      continue;
    }
    views[i] = {size | low << 32, static_cast<uint64_t>(first_byte + used) << 32};
    char* to = chars + used;
    std::memcpy(to, token.data(), 16);
    if (size > 16) {
      std::memcpy(to + 16, token.data() + 16, 16);
      if (size > 32) std::memcpy(to + 32, token.data() + 32, size - 32);
    }
    used += size;
  }
  chars_.Shrink(room - used);
  AppendValidity(tokens.count);
}

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_ARROW_BATCH_H_
