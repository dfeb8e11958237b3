// The inputs of a scan: resolved, opened, and their formats told.
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "lib/parse/lines.h"
#include "lib/query/scan_run.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr size_t kLookedAt = 256;  // CONTRACT L12
constexpr size_t kKeptOpen = 16;   // of these, the first stay open for the run

}  // namespace

absl::StatusOr<InputSet> InputSet::Open(const std::shared_ptr<ScanSpec>& spec, FormatTable* formats, size_t block_bytes) {
  absl::StatusOr<std::vector<Source>> sources = ResolveSources(spec->sources);
  if (!sources.ok()) return sources.status();
  InputSet set;
  set.spec_ = spec;
  set.formats_ = formats;
  set.block_bytes_ = block_bytes;
  for (size_t i = 0; i < sources->size(); ++i) {
    auto run = std::make_unique<InputRun>();
    run->index = static_cast<uint32_t>(i);
    run->source = (*sources)[i];
    std::error_code error;
    if (run->source.is_bytes()) {
      run->stored_bytes = run->source.content().size();
    } else if (!run->source.is_stdin() && !run->source.is_stream() &&
               std::filesystem::is_regular_file(run->source.name(), error)) {
      run->stored_bytes = std::filesystem::file_size(run->source.name(), error);
    }
    set.inputs_.push_back(std::move(run));
  }
  for (size_t i = 0; i < std::min(set.inputs_.size(), kLookedAt); ++i) {
    InputRun* run = set.inputs_[i].get();
    set.Prepare(run);
    if (run->first_format) {
      for (const FormatColumn& column : run->first_format->columns()) {
        const bool is_new = std::none_of(set.columns_.begin(), set.columns_.end(), [&](const FormatColumn& c) {
          return c.column_name() == column.column_name();
        });
        if (is_new) set.columns_.push_back(column);
      }
    }
    if (i >= kKeptOpen && run->input != nullptr && run->input->can_be_reopened()) run->input.reset();
  }
  return set;
}

void InputSet::Prepare(InputRun* run) const {
  if (run->input != nullptr || !run->status.ok()) return;
  {
    const std::lock_guard lock(spec_->mutex);
    const auto once = spec_->once.find(run->index);
    if (once != spec_->once.end() && once->second.read) {
      run->status = absl::FailedPreconditionError(
          run->source.name() + ": it can be read only once, and has been read; read it into a file or into memory first");
      return;
    }
    if (once != spec_->once.end()) run->input = std::move(once->second.input);
  }
  if (run->input == nullptr) {
    const ScanOptions& options = spec_->options;
    absl::StatusOr<std::unique_ptr<Input>> input =
        Input::Open(run->source, {.block_bytes = block_bytes_,
                                  .max_line_bytes = options.max_line_bytes,
                                  .max_inflated_bytes = options.max_inflated_bytes,
                                  .max_inflate_ratio = options.max_inflate_ratio,
                                  .stop = options.stop});
    if (!input.ok()) {
      run->status = input.status();
      return;
    }
    run->input = *std::move(input);
  }
  if (!run->input->can_be_reopened()) {
    const std::lock_guard lock(spec_->mutex);
    spec_->once[run->index].read = true;
  }
  const DetectedFormat detected =
      DetectFormat(run->input->prefix(), run->input->prefix_is_all(), spec_->options.format);
  if (!detected.error.empty()) {
    run->status = absl::InvalidArgumentError(run->source.name() + ": " + detected.error);
    run->input.reset();
    return;
  }
  run->first_format = detected.first;
  const int format_id = detected.format ? formats_->Intern(*detected.format) : -1;
  run->hand_over = std::make_unique<HandOver>(LineState{format_id, 0, false});
}

absl::Status InputSet::KeepForSecondPass() {
  for (const auto& run : inputs_) {
    Prepare(run.get());
    if (run->input == nullptr || run->input->can_be_reopened()) continue;
    absl::StatusOr<std::shared_ptr<BlockSpool>> spool = BlockSpool::Create();
    if (!spool.ok()) return spool.status();
    run->spool = *std::move(spool);
  }
  return absl::OkStatus();
}

void InputSet::Rewind() {
  for (const auto& run : inputs_) {
    if (run->input == nullptr) continue;
    if (run->spool != nullptr) {
      run->input = run->spool->Open(*run->input);
      const DetectedFormat detected =
          DetectFormat(run->input->prefix(), run->input->prefix_is_all(), spec_->options.format);
      run->hand_over =
          std::make_unique<HandOver>(LineState{detected.format ? formats_->Intern(*detected.format) : -1, 0, false});
    } else {
      run->input.reset();
    }
  }
}

void InputSet::ReturnUnread() {
  const std::lock_guard lock(spec_->mutex);
  for (const auto& run : inputs_) {
    if (run->input == nullptr || run->input->can_be_reopened()) continue;
    ScanSpec::Once& once = spec_->once[run->index];
    once.input = std::move(run->input);
    once.read = false;
  }
}

}  // namespace v1
}  // namespace flowlogs
