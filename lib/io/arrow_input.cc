#include "lib/io/arrow_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "lib/io/block_access.h"
#include "lib/io/file.h"
#include "lib/io/source_access.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr size_t kBytesPerRow = 4;  // of block_bytes: 128 KiB are pieces of 32768 rows
constexpr int64_t kMostRows = 65536;

std::string ErrorOf(ArrowArrayStream* stream, int error) {
  const char* text = stream->get_last_error == nullptr ? nullptr : stream->get_last_error(stream);
  return text != nullptr && *text != '\0' ? text : std::strerror(error);
}

}  // namespace

ArrowInput::ArrowInput(const Source& source, const InputOptions& options)
    : can_be_repeated_(SourceAccess::CanBeRepeated(source)),
      stop_(options.stop),
      piece_rows_(std::clamp<int64_t>(static_cast<int64_t>(options.block_bytes / kBytesPerRow), 1, kMostRows)) {
  name_ = source.name();
}

ArrowInput::~ArrowInput() {
  batch_.reset();
  held_.clear();
  if (schema_.release != nullptr) schema_.release(&schema_);
  if (stream_.release != nullptr) stream_.release(&stream_);
}

absl::StatusOr<std::unique_ptr<Input>> ArrowInput::Open(const Source& source, const InputOptions& options) {
  std::unique_ptr<ArrowInput> input(new ArrowInput(source, options));
  if (absl::Status status = SourceAccess::OpenArrow(source, &input->stream_); !status.ok()) {
    input->stream_.release = nullptr;
    return status;
  }
  ArrowArrayStream& stream = input->stream_;
  if (stream.release == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(source.name(), ": the Arrow stream has been read or released"));
  }
  ArrowSchema& schema = input->schema_;
  if (const int error = stream.get_schema(&stream, &schema); error != 0) {
    schema.release = nullptr;
    return absl::InvalidArgumentError(absl::StrCat(source.name(), ": ", ErrorOf(&stream, error)));
  }
  const bool is_whole = schema.release != nullptr && schema.format != nullptr &&
                        (schema.n_children == 0 || (schema.n_children > 0 && schema.children != nullptr &&
                                                    std::all_of(schema.children, schema.children + schema.n_children,
                                                                [](const ArrowSchema* s) { return s != nullptr; })));
  if (!is_whole) return absl::InvalidArgumentError(absl::StrCat(source.name(), ": its Arrow schema is malformed"));
  if (std::string_view(schema.format) != "+s") {
    return absl::InvalidArgumentError(absl::StrCat(source.name(), ": its rows are no records but of the Arrow type '",
                                                   schema.format, "'; give a table or a data frame"));
  }
  for (int64_t c = 0; c < schema.n_children; ++c) input->types_.push_back(ArrowType::Of(*schema.children[c]));
  return input;
}

bool ArrowInput::Claim(Block* block) {
  if (stop_.stop_requested()) return false;
  while (!ended_ && (batch_ == nullptr || row_ == batch_->length)) {
    batch_ = nullptr;  // before the next one is made
    batch_ = NextBatch();
    row_ = 0;
    ended_ = batch_ == nullptr;
    if (stop_.stop_requested()) return false;
  }
  const std::optional<InputDamage> damaged = damage();
  if ((damaged && rows_ >= damaged->offset) || (ended_ && sequence_ > 0)) return false;
  BlockAccess::Begin(block, sequence_++, rows_);
  if (ended_) return true;  // no row at all: one block, so that the columns are seen
  const int64_t count = std::min(piece_rows_, batch_->length - row_);
  BlockAccess::SetArrow(block, {batch_, row_, static_cast<uint32_t>(count)});
  row_ += count;
  rows_ += static_cast<uint64_t>(count);
  return true;
}

std::shared_ptr<const ArrowArray> ArrowInput::NextBatch() {
  if (next_held_) return *next_held_ < held_.size() ? held_[(*next_held_)++] : nullptr;
  ArrowArray next{};
  if (const int error = stream_.get_next(&stream_, &next); error != 0) {
    SetDamage(rows_, ErrorOf(&stream_, error));
    return nullptr;
  }
  if (next.release == nullptr) return nullptr;
  std::shared_ptr<const ArrowArray> batch(new ArrowArray(next), [](const ArrowArray* array) {
    auto* const owned = const_cast<ArrowArray*>(array);
    owned->release(owned);
    delete owned;
  });
  if (absl::Status status = CheckBatch(*batch); !status.ok()) {
    SetDamage(rows_, std::string(status.message()));
    return nullptr;
  }
  if (holds_) held_.push_back(batch);
  return batch;
}

absl::Status ArrowInput::CheckBatch(const ArrowArray& batch) const {
  auto malformed = [](const std::string& what) { return absl::DataLossError("malformed Arrow data: " + what); };
  if (!IsArrowLength(batch.length) || !IsArrowLength(batch.offset)) {
    return malformed("the length or offset of a batch is out of range");
  }
  if (batch.n_children != static_cast<int64_t>(types_.size()) || (batch.n_children > 0 && batch.children == nullptr)) {
    return malformed(absl::StrCat("a batch has ", batch.n_children, " columns instead of ", types_.size()));
  }
  if (batch.n_buffers < 1 || batch.buffers == nullptr) {
    if (batch.null_count != 0) return malformed("a batch has no buffer");
  }
  for (size_t c = 0; c < types_.size(); ++c) {
    if (types_[c].kind == ArrowKind::kUnsupported) continue;  // nobody reads it
    const absl::Status status = CheckArrowArray(types_[c], batch.children[c], batch.offset + batch.length);
    if (!status.ok()) return malformed(absl::StrCat("column ", ColumnName(c), ": ", status.message()));
  }
  return absl::OkStatus();
}

void ArrowInput::Load(Block* block) {
  const ArrowPiece piece = block->arrow();
  if (piece.batch == nullptr) return;
  const ArrowArray& batch = *piece.batch;
  const int64_t first = batch.offset + piece.first;
  absl::Status status;
  for (uint32_t i = 0; i < piece.count && status.ok(); ++i) {
    if (ArrowIsNull(batch, piece.first + i)) status = absl::DataLossError("a row is null as a whole, in all columns");
  }
  for (size_t c = 0; c < types_.size() && status.ok(); ++c) {
    if (types_[c].kind == ArrowKind::kUnsupported) continue;
    status = CheckArrowRows(types_[c], *batch.children[c], first, piece.count);
    if (!status.ok()) status = absl::DataLossError(absl::StrCat("column ", ColumnName(c), ": ", status.message()));
  }
  if (status.ok()) return;
  SetDamage(BlockAccess::file_offset(*block), absl::StrCat("malformed Arrow data: ", status.message()));
  BlockAccess::SetArrow(block, {});
  BlockAccess::SetEndsInput(block);
}

void ArrowInput::Rewind() {
  batch_ = nullptr;
  row_ = 0;
  rows_ = sequence_ = 0;
  ended_ = false;
  next_held_ = 0;
}

std::optional<InputDamage> ArrowInput::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

void ArrowInput::SetDamage(uint64_t row, std::string message) {
  const std::lock_guard lock(mutex_);
  if (damage_ && damage_->offset <= row) return;
  damage_ = InputDamage{row, absl::StrCat("after row ", row, ": ", message)};
}

std::string ArrowInput::ColumnName(size_t column) const {
  const char* name = schema_.children[column]->name;
  return Quoted(name == nullptr ? "" : name);
}

}  // namespace v1
}  // namespace flowlogs
