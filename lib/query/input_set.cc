// The inputs of a scan: resolved, opened, and their formats told.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "lib/io/arrow_input.h"
#include "lib/io/file.h"
#include "lib/io/read_ahead.h"
#include "lib/io/source_access.h"
#include "lib/parse/lines.h"
#include "lib/query/scan_run.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr size_t kLookedAt = 256;  // CONTRACT L12
constexpr size_t kKeptOpen = 16;   // of these, the first stay open for the run

// Those that are open tell how much is in them, if they know it.
bool AreSmall(const std::vector<std::unique_ptr<InputRun>>& inputs) {
  constexpr uint64_t kSmall = 2 << 20;
  uint64_t bytes = 0;
  for (const auto& run : inputs) {
    if (!run->status.ok()) continue;
    const std::optional<uint64_t> text = run->input != nullptr ? run->input->text_bytes() : std::nullopt;
    if (!text || *text > kSmall || (bytes += *text) > kSmall) return false;
  }
  return true;
}

// The first format of what stands under a header. Objects that are no flow records have no field among their names; a line
// may be a header all the same.
std::optional<Format> FirstFormat(std::string_view header, std::string_view text) {
  std::optional<Format> format = Format::Parse(header);
  while (!format && !text.empty()) {
    const size_t lf = text.find('\n');
    format = Format::FromHeader(text.substr(0, lf));
    text.remove_prefix(lf == std::string_view::npos ? text.size() : lf + 1);
  }
  return format;
}
std::optional<Format> FirstFormat(std::span<const Input::Part> parts) {
  std::optional<Format> format;
  for (size_t i = 0; i < parts.size() && !format; ++i) format = FirstFormat(parts[i].header, parts[i].text);
  return format;
}

}  // namespace

absl::StatusOr<InputSet> InputSet::Open(const std::shared_ptr<ScanSpec>& spec, FormatTable* formats, size_t block_bytes,
                                        bool events, RunControl* control) {
  absl::StatusOr<std::vector<Source>> sources = ResolveSources(spec->sources);
  if (!sources.ok()) return sources.status();
  InputSet set;
  set.spec_ = spec;
  set.formats_ = formats;
  set.block_bytes_ = block_bytes;
  set.events_ = events;
  set.control_ = control;
  std::vector<Source> remote;
  for (size_t i = 0; i < sources->size(); ++i) {
    auto run = std::make_unique<InputRun>();
    run->index = static_cast<uint32_t>(i);
    run->source = (*sources)[i];
    std::error_code error;
    if (run->source.is_bytes()) {
      run->stored_bytes = run->source.content().size();
    } else if (run->source.is_remote()) {
      if (const uint64_t bytes = SourceAccess::StoredBytes(run->source); bytes > 0) run->stored_bytes = bytes;
      run->remote = remote.size();
      remote.push_back(run->source);
    } else if (run->source.is_path() && std::filesystem::is_regular_file(run->source.name(), error)) {
      run->stored_bytes = std::filesystem::file_size(run->source.name(), error);
    }
    set.inputs_.push_back(std::move(run));
  }
  if (!remote.empty()) set.read_ahead_ = std::make_shared<ReadAhead>(std::move(remote));
  for (size_t i = 0; i < set.inputs_.size(); ++i) {
    InputRun* run = set.inputs_[i].get();
    // Streams of Arrow are opened in the calling thread: they may belong to a language that wants it so.
    if (i >= kLookedAt && !run->source.is_arrow()) continue;
    set.Prepare(run, [control] { return control->Ask(); });
    if (absl::Status status = control->status(); !status.ok()) {
      set.ReturnUnread();
      return status;
    }
    if (i >= kLookedAt) continue;
    if (run->first_format) {
      for (const FormatColumn& column : run->first_format->columns()) {
        const bool is_new = std::none_of(set.columns_.begin(), set.columns_.end(), [&](const FormatColumn& c) {
          return c.column_name() == column.column_name();
        });
        if (is_new) set.columns_.push_back(column);
      }
    }
    if (i < kKeptOpen || run->input == nullptr || run->source.is_arrow()) continue;
    if (run->input->can_be_reopened()) run->input.reset();
  }
  set.is_small_ = AreSmall(set.inputs_);
  return set;
}

void InputSet::Prepare(InputRun* run, std::function<bool()> keep_going) const {
  if (run->input != nullptr || !run->status.ok()) return;
  {
    const std::lock_guard lock(spec_->mutex);
    const auto once = spec_->once.find(run->index);
    if (once != spec_->once.end() && once->second.read) {
      run->status = absl::FailedPreconditionError(
          run->source.name() +
          ": it can be read only once, and has been read; read it into a file or into memory first");
      return;
    }
    if (once != spec_->once.end()) run->input = std::move(once->second.input);
  }
  if (run->input == nullptr) {
    const ScanOptions& options = spec_->options;
    std::function<absl::Status(const std::string&, ArrowArrayStream*)> open_parquet;
    if (options.open_parquet) {
      open_parquet = [&](const std::string& path, ArrowArrayStream* stream) {
        return options.open_parquet(path, needed_columns_ ? &*needed_columns_ : nullptr, stream);
      };
    }
    const InputOptions input_options = {.block_bytes = block_bytes_,
                                        .max_line_bytes = options.max_line_bytes,
                                        .max_inflated_bytes = options.max_inflated_bytes,
                                        .max_inflate_ratio = options.max_inflate_ratio,
                                        .max_event_bytes = options.max_event_bytes,
                                        .mmap = options.mmap,
                                        .events = events_,
                                        .stop = options.stop,
                                        .keep_going = std::move(keep_going),
                                        .open_parquet = std::move(open_parquet)};
    absl::StatusOr<std::unique_ptr<Input>> input =
        run->remote ? OpenRemote(run->source, read_ahead_->Open(*run->remote), input_options)
                    : Input::Open(run->source, input_options);
    if (!input.ok()) {
      if (HasLostBytes(input.status())) {
        const std::lock_guard lock(spec_->mutex);
        spec_->once[run->index].read = true;
      }
      run->status = input.status();
      return;
    }
    run->input = *std::move(input);
  }
  if (!run->input->can_be_reopened()) {
    const std::lock_guard lock(spec_->mutex);
    spec_->once[run->index].read = true;
  }
  if (absl::Status status = Begin(run); !status.ok()) {
    run->status = std::move(status);
    run->input.reset();
  }
}

absl::Status InputSet::Begin(InputRun* run) const {
  LineState first;
  auto failed = [&](const std::string& what) { return absl::InvalidArgumentError(run->source.name() + ": " + what); };
  if (const ArrowSchema* schema = run->input->arrow_schema()) {
    absl::StatusOr<ArrowFormat> format = ArrowFormat::Of(*schema);
    if (!format.ok()) return failed(std::string(format.status().message()));
    run->arrow = *std::move(format);
    run->first_format = run->arrow->format();
    first.format_id = formats_->Intern(run->arrow->format());
  } else if (!run->input->prefix_header().empty()) {
    // The block with it sets the format in force.
    run->first_format = FirstFormat(run->input->prefix_header(), run->input->prefix());
    if (!run->first_format) run->first_format = FirstFormat(run->input->next_parts());
  } else {
    const DetectedFormat detected =
        DetectFormat(run->input->prefix(), run->input->prefix_is_all(), spec_->options.format);
    const std::span<const Input::Part> next = run->input->next_parts();
    if (!detected.error.empty() && next.empty()) {
      // Of a damaged beginning it is the damage that has to be mended.
      run->damage = run->input->damage();
      return failed(run->damage ? run->damage->message : detected.error);
    }
    run->first_format = detected.first ? detected.first : FirstFormat(next);
    if (detected.format) first.format_id = formats_->Intern(*detected.format);
  }
  run->hand_over = std::make_unique<HandOver>(first);
  return absl::OkStatus();
}

absl::Status InputSet::KeepForSecondPass() {
  for (const auto& run : inputs_) {
    if (run->remote) continue;  // they can be read again, and are waited for no earlier than need be
    Prepare(run.get(), [this] { return control_->Ask(); });
    if (absl::Status status = control_->status(); !status.ok()) return status;
    if (run->input == nullptr) continue;
    if (run->input->can_be_reopened()) {
      if (run->index >= kKeptOpen && !run->source.is_arrow()) run->input.reset();
      continue;
    }
    if (run->arrow) {
      static_cast<ArrowInput*>(run->input.get())->HoldBatches();
      continue;
    }
    absl::StatusOr<std::shared_ptr<BlockSpool>> spool = BlockSpool::Create();
    if (!spool.ok()) return spool.status();
    run->spool = *std::move(spool);
  }
  return absl::OkStatus();
}

void InputSet::Rewind() {
  for (const auto& run : inputs_) {
    run->ended = false;
    run->damage.reset();
    if (run->source.is_arrow() && (run->input == nullptr || run->input->can_be_reopened())) {
      run->input.reset();
      Prepare(run.get(), [this] { return control_->Ask(); });  // in the calling thread, as in Open()
      continue;
    }
    if (run->input == nullptr) continue;
    if (run->source.is_arrow()) {
      static_cast<ArrowInput*>(run->input.get())->Rewind();
    } else if (run->spool != nullptr) {
      run->input = run->spool->Open(*run->input);
    } else {
      run->input.reset();
      continue;
    }
    run->status = Begin(run.get());  // as the first time
  }
  if (read_ahead_ != nullptr) read_ahead_->Restart();
}

void InputSet::BeginReading(bool all) {
  if (read_ahead_ != nullptr) read_ahead_->BeginReading(all);
}

void InputSet::SetNeededColumns(std::vector<std::string> columns) {
  needed_columns_ = std::move(columns);
  for (const auto& run : inputs_) {
    // Parquet files that are open were opened with all columns, for their formats.
    if (run->arrow && run->input != nullptr && !run->source.is_arrow()) run->input.reset();
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
