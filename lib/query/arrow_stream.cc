// Arrow streams over tables and runs.
#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "lib/query/arrow_batch.h"
#include "lib/query/arrow_layout.h"
#include "lib/query/plan.h"
#include "lib/query/status.h"

namespace flowlogs {
inline namespace v1 {
namespace {

int ErrnoOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return 0;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition: return EINVAL;
    case absl::StatusCode::kNotFound: return ENOENT;
    case absl::StatusCode::kPermissionDenied: return EACCES;
    case absl::StatusCode::kResourceExhausted: return ENOMEM;
    case absl::StatusCode::kCancelled: return ECANCELED;
    case absl::StatusCode::kOutOfRange: return EOVERFLOW;
    default: return EIO;
  }
}

absl::Status DamageStatus(const Stats& stats) {
  const Stats::InputError& first = stats.errors.front();
  std::string message = first.source + ": " + first.message;
  if (message.find(std::to_string(first.offset)) == std::string::npos) {
    message += " (at byte " + std::to_string(first.offset) + ")";
  }
  if (stats.errors.size() > 1) message += ", and " + std::to_string(stats.errors.size() - 1) + " more";
  return absl::DataLossError(message);
}

// What is behind a stream: tables, one after the other, and where the next row stands.
class StreamState {
 public:
  StreamState(std::shared_ptr<const Table> table, std::unique_ptr<TableStream> run, bool fail_if_damaged,
              const ArrowOptions& options)
      : table_(std::move(table)),
        run_(std::move(run)),
        fail_if_damaged_(fail_if_damaged),
        batch_rows_(std::clamp<size_t>(options.batch_rows, 1, size_t{1} << 20)) {
    if (table_ != nullptr) {
      for (const Column& column : table_->columns()) {
        schema_.emplace_back(column.name(), column.type(), column.is_time());
      }
    } else {
      schema_ = run_->Schema();
    }
    layouts_ = internal::ChooseLayouts(schema_, options);
    makes_batches_ = run_ != nullptr && options.batch_rows == ArrowOptions().batch_rows && run_->MakesBatches(options);
  }

  void Schema(ArrowSchema* out) const { internal::MakeSchema(schema_, layouts_, out); }

  // The next batch; at the end *out stays unset.
  absl::Status Next(ArrowArray* out) {
    if (makes_batches_) {
      if (ended_) return status_;
      absl::Status status = run_->NextBatch(out);
      if (status.ok() && out->release == nullptr) status = StatusAtEnd(run_->stats());
      if (out->release == nullptr) End(std::move(status));
      return status_;
    }
    internal::ArrowBatchBuilder batch(layouts_);
    while (!ended_ && batch.rows() < batch_rows_ && !batch.is_full()) {
      if (table_ == nullptr || row_ == table_->num_rows()) {
        NextTable();
        continue;
      }
      size_t appended = 0;
      absl::Status status = batch.Append(table_->columns(), row_, batch_rows_ - batch.rows(), &appended);
      if (!status.ok()) {
        End(std::move(status));
        return status_;  // the batch is broken
      }
      row_ += appended;
    }
    if (batch.rows() > 0) {
      std::move(batch).Finish(out);
      return absl::OkStatus();
    }
    return status_;
  }

  // Nothing more comes. What the rows came from is let go at once: files, threads, memory.
  void End(absl::Status status) {
    status_ = std::move(status);
    ended_ = true;
    run_.reset();
    table_.reset();
  }

  std::string error;  // of the last call that failed

 private:
  void NextTable() {
    if (run_ == nullptr) return End(table_ == nullptr ? absl::OkStatus() : StatusAtEnd(table_->stats()));
    table_.reset();  // before the next one is made
    row_ = 0;
    absl::StatusOr<Table> next = run_->Next();
    if (!next.ok()) return End(next.status());
    if (next->num_rows() == 0) return End(StatusAtEnd(next->stats()));
    table_ = std::make_shared<const Table>(*std::move(next));
  }

  absl::Status StatusAtEnd(const Stats& stats) const {
    return fail_if_damaged_ && !stats.errors.empty() ? DamageStatus(stats) : absl::OkStatus();
  }

  std::shared_ptr<const Table> table_;  // the only one, or the run's last
  std::unique_ptr<TableStream> run_;
  bool fail_if_damaged_;
  size_t batch_rows_;
  std::vector<Column> schema_;
  std::vector<internal::ArrowLayout> layouts_;
  size_t row_ = 0;  // of the table
  bool makes_batches_ = false;  // the run does
  bool ended_ = false;
  absl::Status status_;  // after the end
};

StreamState* StateOf(ArrowArrayStream* stream) { return static_cast<StreamState*>(stream->private_data); }

// Calls f(), which returns a status, for a consumer that knows errno and no exceptions.
template <typename F>
int Guard(StreamState* state, F&& f) {
  if (state == nullptr) return EINVAL;  // released
  try {
    const absl::Status status = f();
    if (status.ok()) return 0;
    state->error.assign(status.message().data(), status.message().size());
    return ErrnoOf(status);
  } catch (const std::bad_alloc&) {
    state->End(OutOfMemoryStatus());
    state->error = "out of memory";  // short: needs none
    return ENOMEM;
  } catch (const std::exception& e) {
    state->End(absl::InternalError(e.what()));
    state->error = e.what();
    return EIO;
  }
}

int GetSchema(ArrowArrayStream* stream, ArrowSchema* out) {
  *out = {};
  return Guard(StateOf(stream), [&] {
    StateOf(stream)->Schema(out);
    return absl::OkStatus();
  });
}

int GetNext(ArrowArrayStream* stream, ArrowArray* out) {
  *out = {};
  return Guard(StateOf(stream), [&] { return StateOf(stream)->Next(out); });
}

const char* GetLastError(ArrowArrayStream* stream) {
  const StreamState* state = StateOf(stream);
  if (state == nullptr) return "the stream was released";
  return state->error.empty() ? nullptr : state->error.c_str();
}

void ReleaseStream(ArrowArrayStream* stream) {
  StreamState* const state = StateOf(stream);
  stream->private_data = nullptr;
  stream->release = nullptr;
  delete state;
}

void SetStream(std::unique_ptr<StreamState> state, ArrowArrayStream* out) {
  *out = {.get_schema = &GetSchema,
          .get_next = &GetNext,
          .get_last_error = &GetLastError,
          .release = &ReleaseStream,
          .private_data = state.release()};
}

}  // namespace

void ExportStream(std::shared_ptr<const Table> table, const ArrowOptions& options, ArrowArrayStream* out) {
  SetStream(std::make_unique<StreamState>(std::move(table), nullptr, false, options), out);
}

void ExportStream(std::unique_ptr<TableStream> rows, const ArrowOptions& options, ArrowArrayStream* out) {
  SetStream(std::make_unique<StreamState>(nullptr, std::move(rows), options.fail_if_damaged, options), out);
}

absl::Status ExportStream(const Query& query, const ArrowOptions& options, ArrowArrayStream* out) {
  *out = {};
  const Query::Plan& plan = QueryAccess::PlanOf(query);
  if (!plan.grouped && plan.sort.empty()) {
    absl::StatusOr<std::unique_ptr<TableStream>> rows = query.Stream();
    if (!rows.ok()) return rows.status();
    ExportStream(*std::move(rows), options, out);
    return absl::OkStatus();
  }
  absl::StatusOr<Table> table = query.Collect();
  if (!table.ok()) return table.status();
  SetStream(std::make_unique<StreamState>(std::make_shared<const Table>(*std::move(table)), nullptr,
                                          options.fail_if_damaged, options),
            out);
  return absl::OkStatus();
}

void Table::ExportStream(ArrowArrayStream* out) const {
  flowlogs::ExportStream(std::make_shared<const Table>(*this), ArrowOptions(), out);
}

}  // namespace v1
}  // namespace flowlogs
