#include "lib/query/arrow_batch.h"

#include <algorithm>
#include <limits>

#include "lib/parse/text_out.h"

namespace flowlogs {
inline namespace v1 {
namespace internal {
namespace {

constexpr size_t kMostBytes = std::numeric_limits<int32_t>::max();

bool HasHighBit(std::string_view bytes) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  size_t i = 0;
  uint64_t seen = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    seen |= word;
  }
  for (; i < bytes.size(); ++i) seen |= static_cast<unsigned char>(bytes[i]) & 0x80u;
  return (seen & kHighBits) != 0;
}

bool IsUtf8(std::string_view text) {
  const char* s = text.data();
  const char* const end = s + text.size();
  while (s != end) {
    const size_t length = DecodeUtf8(s, end).length;
    if (length == 0) return false;
    s += length;
  }
  return true;
}

// Bytes that are not UTF-8 as \xNN.
void Escape(std::string_view text, std::string* out) {
  static constexpr PlainBytes kPlain = [] {
    PlainBytes plain{};
    for (size_t c = 0; c < 0x80; ++c) plain[c] = true;
    return plain;
  }();
  out->resize(4 * text.size());
  char* const end = WriteText(text, kPlain, "\\x", out->data(),
                              [](uint32_t, std::string_view bytes, char* p) { return WriteBytes(bytes, p); });
  out->resize(static_cast<size_t>(end - out->data()));
}

// All texts of the rows, as they lie one after the other in the column.
std::string_view TextOfRows(const Column& column, size_t begin, size_t end) {
  const char* const first = column.text_value(begin).data();
  const std::string_view last = column.text_value(end - 1);
  return {first, static_cast<size_t>(last.data() + last.size() - first)};
}

// What the structs of one batch point into, which goes with the last of them.
struct BatchData {
  std::vector<ArrowColumn> columns;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
  const void* validity[1] = {nullptr};  // of the rows themselves: none is null
};

void ReleaseArray(ArrowArray* array) {
  if (array->private_data == nullptr) return;  // released before
  for (int64_t i = 0; i < array->n_children; ++i) {
    ArrowArray* child = array->children[i];
    if (child->release != nullptr) child->release(child);  // else moved out, or released
  }
  // `array` itself may be a child in the data: nothing is touched after the data has gone.
  const std::unique_ptr<std::shared_ptr<BatchData>> data(
      static_cast<std::shared_ptr<BatchData>*>(std::exchange(array->private_data, nullptr)));
  array->release = nullptr;
}

}  // namespace

// ---- ArrowBuffer ----------------------------------------------------------------------------------------------------

alignas(64) const char ArrowBuffer::kNothing[64] = {};

void ArrowBuffer::Reserve(size_t bytes) {
  constexpr size_t kStep = 64;
  const size_t capacity = (std::max(bytes, 2 * capacity_) + kStep - 1) / kStep * kStep;
  std::unique_ptr<char, Free> data(static_cast<char*>(::operator new(capacity, kAlignment)));
  if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
  data_ = std::move(data);
  capacity_ = capacity;
}

// ---- ArrowColumn ----------------------------------------------------------------------------------------------------

absl::Status ArrowColumn::Append(const Column& column, size_t begin, size_t end) {
  const size_t count = end - begin;
  if (count == 0) return absl::OkStatus();
  absl::Status status;
  switch (layout_) {
    case ArrowLayout::kInt32: {
      int32_t* const values = values_.Grow<int32_t>(count);
      for (size_t i = 0; i < count; ++i) values[i] = static_cast<int32_t>(column.int_value(begin + i));
      break;
    }
    case ArrowLayout::kInt64:
    case ArrowLayout::kTime: {
      int64_t* const values = values_.Grow<int64_t>(count);
      for (size_t i = 0; i < count; ++i) values[i] = column.int_value(begin + i);
      break;
    }
    case ArrowLayout::kDouble: {
      double* const values = values_.Grow<double>(count);
      for (size_t i = 0; i < count; ++i) values[i] = column.double_value(begin + i);
      break;
    }
    case ArrowLayout::kUtf8View:
    case ArrowLayout::kUtf8:
    case ArrowLayout::kLargeUtf8:
      status = AppendTexts(column, begin, end);
      break;
  }
  AppendValidity(column, begin, end);
  return status;
}

void ArrowColumn::AppendValidity(const Column& column, size_t begin, size_t end) {
  size_t nulls = 0;
  for (size_t row = begin; row < end; ++row) nulls += column.is_null(row);
  const size_t before = rows_;
  rows_ += end - begin;
  if (nulls + null_count_ == 0) return;
  // The bits of a byte come from the lowest up. Bits behind the last row are 0.
  const size_t old_bytes = validity_.size();
  const size_t more = (rows_ + 7) / 8 - old_bytes;
  std::memset(validity_.Grow<uint8_t>(more), 0, more);
  uint8_t* const bits = validity_.bytes();
  if (null_count_ == 0) {
    std::memset(bits, 0xFF, before / 8);
    if (before % 8 != 0) bits[before / 8] = static_cast<uint8_t>((1u << before % 8) - 1);
  }
  null_count_ += nulls;
  for (size_t row = begin, i = before; row < end; ++row, ++i) {
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | (column.is_null(row) ? 0u : 1u) << i % 8);
  }
}

void ArrowColumn::AppendValidity(size_t count) {
  const size_t before = rows_;
  rows_ += count;
  if (nulls_.size() + null_count_ == 0) return;
  // The bits of a byte come from the lowest up. Bits behind the last row are 0.
  const size_t old_bytes = validity_.size();
  const size_t more = (rows_ + 7) / 8 - old_bytes;
  std::memset(validity_.Grow<uint8_t>(more), 0, more);
  uint8_t* const bits = validity_.bytes();
  const size_t first = null_count_ == 0 ? 0 : before;
  for (size_t i = first; i < rows_ && i % 8 != 0; ++i) bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | 1u << i % 8);
  const size_t whole = (first + 7) / 8;
  if (rows_ / 8 > whole) std::memset(bits + whole, 0xFF, rows_ / 8 - whole);
  for (size_t i = std::max(whole * 8, rows_ / 8 * 8); i < rows_; ++i) {
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | 1u << i % 8);
  }
  null_count_ += nulls_.size();
  for (uint32_t null : nulls_) {
    const size_t i = before + null;
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] & ~(1u << i % 8));
  }
}

void ArrowColumn::AppendNumbers(const int64_t* words, Rows rows) {
  nulls_.clear();
  auto append = [&]<typename T>(T* values) {
    for (uint32_t i = 0; i < rows.count; ++i) {
      const int64_t word = words[rows[i]];
      if (word == kNullWord) [[unlikely]] nulls_.push_back(i);
      values[i] = word == kNullWord ? T{0} : static_cast<T>(word);
    }
  };
  if (layout_ == ArrowLayout::kInt32) {
    append(values_.Grow<int32_t>(rows.count));
  } else {
    append(values_.Grow<int64_t>(rows.count));
  }
  AppendValidity(rows.count);
}

template <typename Offset>
void ArrowColumn::AppendOffset() {
  *values_.Grow<Offset>(1) = static_cast<Offset>(chars_.size());
}

absl::Status ArrowColumn::AppendText(std::string_view text) {
  if (layout_ == ArrowLayout::kUtf8View && text.size() <= TextView::kInline) {
    char* const view = values_.Grow<char>(sizeof(TextView));
    const int32_t length = static_cast<int32_t>(text.size());
    std::memset(view, 0, sizeof(TextView));
    std::memcpy(view, &length, sizeof(length));
    if (length > 0) std::memcpy(view + offsetof(TextView, text), text.data(), text.size());
    return absl::OkStatus();
  }
  if (layout_ != ArrowLayout::kLargeUtf8 && text.size() > kMostBytes - chars_.size()) {
    return absl::OutOfRangeError("a text of " + std::to_string(text.size()) +
                                 " bytes is too long for utf8 and utf8_view; ask for large_utf8");
  }
  const size_t offset = chars_.size();
  if (!text.empty()) std::memcpy(chars_.Grow<char>(text.size()), text.data(), text.size());
  if (layout_ == ArrowLayout::kUtf8View) {
    TextView* const view = values_.Grow<TextView>(1);
    *view = {static_cast<int32_t>(text.size()), {}, 0, static_cast<int32_t>(offset)};
    std::memcpy(view->text, text.data(), sizeof(view->text));
  } else if (layout_ == ArrowLayout::kUtf8) {
    AppendOffset<int32_t>();
  } else {
    AppendOffset<int64_t>();
  }
  return absl::OkStatus();
}

absl::Status ArrowColumn::AppendTexts(const Column& column, size_t begin, size_t end) {
  if (rows_ == 0 && layout_ == ArrowLayout::kUtf8) AppendOffset<int32_t>();
  if (rows_ == 0 && layout_ == ArrowLayout::kLargeUtf8) AppendOffset<int64_t>();
  if (column.type() == ColumnType::kAddress) {
    char text[IpAddress::kMaxText];
    for (size_t row = begin; row < end; ++row) {
      const size_t size = column.is_null(row) ? 0 : column.address_value(row).Format(text);
      if (absl::Status status = AppendText({text, size}); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  // Nearly all text is ASCII: only where a high bit occurs is each value looked at.
  const bool is_ascii = !HasHighBit(TextOfRows(column, begin, end));
  for (size_t row = begin; row < end; ++row) {
    std::string_view text = column.text_value(row);  // "" for null
    if (!is_ascii && !IsUtf8(text)) {
      Escape(text, &escaped_);
      text = escaped_;
    }
    if (absl::Status status = AppendText(text); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::span<const void*> ArrowColumn::Finish() {
  const bool is_text = Fits(ColumnType::kText, layout_);
  size_t count = 0;
  pointers_[count++] = null_count_ == 0 ? nullptr : validity_.data();
  pointers_[count++] = values_.data();
  // Views have any number of buffers for texts (here one or none), then the sizes of those.
  const bool has_chars = is_text && (layout_ != ArrowLayout::kUtf8View || chars_.size() > 0);
  if (has_chars) pointers_[count++] = chars_.data();
  if (layout_ == ArrowLayout::kUtf8View) {
    view_sizes_[0] = static_cast<int64_t>(chars_.size());
    pointers_[count++] = view_sizes_;
  }
  return {pointers_, count};
}

// ---- ArrowBatchBuilder ----------------------------------------------------------------------------------------------

ArrowBatchBuilder::ArrowBatchBuilder(std::span<const ArrowLayout> layouts) : layouts_(layouts.begin(), layouts.end()) {
  for (ArrowLayout layout : layouts_) columns_.emplace_back(layout);
}

absl::Status ArrowBatchBuilder::Append(std::span<const Column> columns, size_t begin, size_t most, size_t* appended) {
  *appended = 0;
  if (columns.size() != columns_.size()) return absl::InternalError("rows of other columns than the stream's schema");
  size_t end = columns.empty() ? begin : std::min(begin + most, columns[0].size());
  for (size_t c = 0; c < columns.size(); ++c) {
    const Column& column = columns[c];
    if (!Fits(column.type(), layouts_[c]) || column.size() < end) {
      return absl::InternalError("rows of other types than the stream's schema");
    }
    if (column.type() != ColumnType::kText || begin == end) continue;
    const size_t room = kTextBytes - std::min(kTextBytes, text_bytes_);
    if (TextOfRows(column, begin, end).size() <= room) continue;
    size_t low = begin;  // rows up to here are few enough, rows up to `end` too many
    while (end - low > 1) {
      const size_t middle = low + (end - low) / 2;
      (TextOfRows(column, begin, middle).size() <= room ? low : end) = middle;
    }
    end = low;
  }
  if (end == begin && rows_ == 0 && most > 0 && !columns.empty() && begin < columns[0].size()) end = begin + 1;
  if (end == begin) {
    text_bytes_ = std::max(text_bytes_, kTextBytes);  // the next row is for the next batch
    return absl::OkStatus();
  }
  size_t text_bytes = 0;
  for (size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].type() == ColumnType::kText) {
      text_bytes = std::max(text_bytes, TextOfRows(columns[c], begin, end).size());
    }
    if (absl::Status status = columns_[c].Append(columns[c], begin, end); !status.ok()) return status;
  }
  text_bytes_ += text_bytes;
  rows_ += end - begin;
  *appended = end - begin;
  return absl::OkStatus();
}

void ArrowBatchBuilder::Finish(ArrowArray* out) && {
  const size_t count = columns_.size();
  auto data = std::make_shared<BatchData>();
  data->columns = std::move(columns_);
  data->children.resize(count);
  std::vector<std::unique_ptr<std::shared_ptr<BatchData>>> owners;
  for (size_t i = 0; i <= count; ++i) owners.push_back(std::make_unique<std::shared_ptr<BatchData>>(data));
  const int64_t length = static_cast<int64_t>(rows_);
  for (size_t i = 0; i < count; ++i) {
    const std::span<const void*> buffers = data->columns[i].Finish();
    data->children[i] = {.length = length,
                         .null_count = data->columns[i].null_count(),
                         .offset = 0,
                         .n_buffers = static_cast<int64_t>(buffers.size()),
                         .n_children = 0,
                         .buffers = buffers.data(),
                         .children = nullptr,
                         .dictionary = nullptr,
                         .release = &ReleaseArray,
                         .private_data = nullptr};
    data->child_pointers.push_back(&data->children[i]);
  }
  for (size_t i = 0; i < count; ++i) data->children[i].private_data = owners[i].release();
  *out = {.length = length,
          .null_count = 0,
          .offset = 0,
          .n_buffers = 1,
          .n_children = static_cast<int64_t>(count),
          .buffers = data->validity,
          .children = data->child_pointers.data(),
          .dictionary = nullptr,
          .release = &ReleaseArray,
          .private_data = owners.back().release()};
}

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs
