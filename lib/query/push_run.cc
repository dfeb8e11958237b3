// Run: a query that is fed by its caller. The same lines, batches and sinks as a scan; one thread, no files.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "flowlogs/io/input.h"
#include "lib/io/content_kind.h"
#include "lib/query/block_scanner.h"
#include "lib/query/plan.h"
#include "lib/query/status.h"

namespace flowlogs {
inline namespace v1 {

struct Run::State {
  State(std::shared_ptr<ScanSpec> scan, RunPlan run_plan, std::vector<Reference> names, bool dedup)
      : spec(std::move(scan)), plan(std::move(run_plan)), references(std::move(names)), rows(plan) {
    plan.groups.context = plan.rows.context = {&observations, spec->internal ? &*spec->internal : nullptr};
    if (dedup) {
      seen.emplace(max_group_bytes);
      plan.groups.seen = plan.rows.seen = &*seen;
    }
    sink = plan.grouped ? MakeGroupSink(plan.groups) : MakeRowSink(plan.rows);
    scanner = std::make_unique<BlockScanner>(&formats, std::vector<LocalSink*>{sink.get()});
    observer = MakeObservationSink();
    observing_scanner = std::make_unique<BlockScanner>(&formats, std::vector<LocalSink*>{observer.get()});
    buffer.assign(Block::kMargin, '\n');
  }

  size_t text_size() const { return buffer.size() - begin; }
  std::string_view text() const { return std::string_view(buffer).substr(begin); }

  void Take(std::string_view text);
  // A call of the run. After one that was refused memory nobody knows what was counted: the others fail, too.
  template <typename F>
  auto Guarded(F&& call) -> decltype(call()) {
    if (is_torn) return absl::FailedPreconditionError("the run was refused memory: start another one");
    is_torn = true;
    return GuardMemory([&] {
      auto result = call();
      is_torn = false;
      return result;
    });
  }
  absl::Status FeedAll(std::string_view text);
  absl::Status Feed(std::string_view text);
  absl::StatusOr<Table> Snapshot();
  absl::StatusOr<Table> Finish();
  absl::Status Detect(bool whole);
  absl::Status ScanLines(bool whole);
  absl::Status ScanBlock(size_t size, BlockEnd end);
  absl::Status Raised() const;
  absl::StatusOr<Table> Answer(bool complete);

  std::shared_ptr<ScanSpec> spec;
  const uint64_t max_group_bytes = MaxGroupBytes(spec->options);
  RunPlan plan;
  std::vector<Reference> references;
  std::optional<RunControl> control;  // of the call that goes on
  FormatTable formats;
  std::optional<SeenLines> seen;
  std::unique_ptr<LocalSink> sink;
  std::unique_ptr<BlockScanner> scanner;
  // What was seen so far is what derived columns know (CONTRACT D1).
  bool observes = false;
  Observations observations;
  std::unique_ptr<LocalSink> observer;
  std::unique_ptr<BlockScanner> observing_scanner;
  RowCollector rows;
  RunStats stats;
  std::string source = "<fed>";
  std::string buffer;         // at least Block::kMargin bytes, then, from `begin` on, what was fed and not yet scanned
  size_t begin = Block::kMargin;
  bool skipping = false;      // inside of the rest of a line that is too long
  bool detected = false;
  std::vector<FormatColumn> columns;  // of the first format
  bool first_in_input = true;
  LineState line_state;
  bool finished = false;
  bool is_torn = false;  // while a call goes on, and after one that was refused memory
};

absl::Status Run::State::Detect(bool whole) {
  // However much was fed at once: the first 64 KiB decide, as in a scan.
  const std::string_view prefix = text().substr(0, Input::kPrefixBytes);
  const DetectedFormat found = DetectFormat(prefix, whole && prefix.size() == text_size(), spec->options.format);
  if (!found.error.empty()) return absl::DataLossError(source + ": " + found.error);
  if (found.first) columns.assign(found.first->columns().begin(), found.first->columns().end());
  line_state.format_id = found.format ? formats.Intern(*found.format) : -1;
  detected = true;
  if (absl::Status status = CheckUnknownNames(references, columns); !status.ok()) return status;
  return absl::OkStatus();
}

// Scans the first `size` bytes of text().
absl::Status Run::State::ScanBlock(size_t size, BlockEnd end) {
  buffer.append(Block::kMargin, '\n');
  const BlockScanner::Text block{std::string_view(buffer).substr(begin, size), first_in_input, end, 0, &source};
  first_in_input = first_in_input && size == 0;
  const LineState before = line_state;
  if (observes) {
    RunStats not_counted;
    observing_scanner->Look(block);
    observing_scanner->Scan(before, &not_counted);
    LocalSink* const one = observer.get();
    observations = FinishObservations({&one, 1});
  }
  scanner->Look(block);
  line_state = scanner->After(before);
  scanner->Scan(before, &stats);
  rows.Add(sink->EndBlock());
  buffer.resize(buffer.size() - Block::kMargin);
  begin += size;
  if (const size_t bytes = sink->state_bytes(); bytes > max_group_bytes) return GroupLimitStatus(bytes, max_group_bytes);
  return Raised();
}

// The first problem of a run that raises: it stays failed.
absl::Status Run::State::Raised() const {
  if (spec->options.on_error != OnError::kRaise) return absl::OkStatus();
  const std::optional<RunStats::First> first = stats.first();
  return first ? ParseErrorStatus(source, first->place.line, first->reason, first->text) : absl::OkStatus();
}

// Scans all whole lines of the buffer; `whole`: the last line ends here, with or without LF. When it is stopped, what is
// left stays in the buffer: the next call goes on with it.
absl::Status Run::State::ScanLines(bool whole) {
  const size_t limit = spec->options.max_line_bytes;
  for (;;) {
    if (!control->Ask()) return control->status();
    // Whole lines up to the first that is too long, at most about a block.
    const std::string_view rest = text();
    size_t end = 0;
    bool too_long = false;
    while (end < rest.size() && end < spec->options.block_bytes) {
      const void* lf = std::memchr(rest.data() + end, '\n', rest.size() - end);
      const size_t line_end = lf == nullptr ? rest.size() : static_cast<size_t>(static_cast<const char*>(lf) - rest.data());
      too_long = line_end - end > limit;
      if (too_long) break;
      if (lf == nullptr && !whole) break;
      end = std::min(line_end + 1, rest.size());
    }
    if (end > 0) {
      if (absl::Status status = ScanBlock(end, {}); !status.ok()) return status;
      continue;
    }
    if (!too_long) return absl::OkStatus();
    // The line's beginning is kept for the sample, the rest of it is dropped, now and as it comes.
    const size_t lf = rest.find('\n');
    const size_t kept = std::min<size_t>(256, limit);
    skipping = lf == std::string_view::npos;
    buffer.replace(begin + kept, (skipping ? rest.size() : lf + 1) - kept, "\n");
    if (absl::Status status = ScanBlock(kept + 1, {.too_long = true}); !status.ok()) return status;
  }
}

absl::StatusOr<Table> Run::State::Answer(bool complete) {
  if (absl::Status status = Raised(); !status.ok()) return status;
  if (seen && !seen->status().ok()) return seen->status();
  Stats answer_stats = stats.Finish(formats, {source});
  answer_stats.inputs = 1;
  answer_stats.complete = complete;
  AddNewFields(columns, &answer_stats);
  if (absl::Status status = CheckKnownNames(references, columns, answer_stats); !status.ok()) return status;
  std::vector<Column> answer;
  if (plan.grouped) {
    LocalSink* const one = sink.get();
    absl::StatusOr<std::vector<Column>> groups = FinishGroups(plan.groups, {&one, 1});
    if (!groups.ok()) return groups.status();
    answer = *std::move(groups);
  } else {
    RowCollector copy = rows;
    answer = copy.Finish();
  }
  return Table(std::move(answer), std::move(answer_stats));
}

Run::Run(std::unique_ptr<State> state) : state_(std::move(state)) {}
Run::Run(Run&&) noexcept = default;
Run& Run::operator=(Run&&) noexcept = default;
Run::~Run() = default;

absl::StatusOr<Run> Query::Start() const {
  return GuardMemory([this] { return StartRun(); });
}

absl::StatusOr<Run> Query::StartRun() const {
  if (!plan_->status.ok()) return plan_->status;
  if (!plan_->grouped && !plan_->selected) {
    return absl::InvalidArgumentError("a run that is fed needs groups, aggregates or selected columns");
  }
  absl::StatusOr<RunPlan> plan = MakeRunPlan(*plan_, {});
  if (!plan.ok()) return plan.status();
  auto state = std::make_unique<Run::State>(plan_->scan, *std::move(plan), plan_->references, plan_->dedup);
  state->observes = NeedsObservations(*plan_, {FormatColumn{"tcp-flags", Field::kTcpFlags}});
  return Run(std::move(state));
}

// Into the buffer, but for the rest of a line that is too long.
void Run::State::Take(std::string_view text) {
  if (skipping) {
    const size_t lf = text.find('\n');
    if (lf == std::string_view::npos) return;
    text.remove_prefix(lf + 1);
    skipping = false;
  }
  buffer.erase(Block::kMargin, begin - Block::kMargin);
  begin = Block::kMargin;
  buffer += text;
}

absl::Status Run::State::Feed(std::string_view text) {
  Take(text);
  if (!detected) {
    if (text_size() <= Input::kPrefixBytes) return absl::OkStatus();
    if (absl::Status status = Detect(false); !status.ok()) return status;
  }
  return text_size() < spec->options.block_bytes ? absl::OkStatus() : ScanLines(false);
}

absl::Status Run::Feed(std::string_view text) {
  return state_->Guarded([&] { return state_->FeedAll(text); });
}

absl::Status Run::State::FeedAll(std::string_view text) {
  State& s = *this;
  if (s.finished) return absl::FailedPreconditionError("the run is finished: start another one");
  if (absl::Status status = s.Raised(); !status.ok()) return status;
  constexpr std::string_view kGzip = "\x1f\x8b";
  if (s.first_in_input && s.text_size() < 2 && (std::string(s.text()) + std::string(text.substr(0, 2))).starts_with(kGzip)) {
    return absl::DataLossError("feed: this is gzip; feed the inflated text, or scan the bytes");
  }
  if (s.first_in_input && s.text_size() == 0 && FormOf(text.substr(0, kHeadBytes)) != ContentForm::kLines) {
    return absl::DataLossError("feed: this is JSON, base64 or CSV around records; feed takes lines; scan the bytes");
  }
  s.control.emplace(s.spec->options);
  // Much text is taken in parts, so that it is not copied as a whole.
  constexpr size_t kPart = 1 << 20;
  absl::Status status;
  do {
    const std::string_view part = text.substr(0, kPart);
    text.remove_prefix(part.size());
    status = s.Feed(part);
  } while (status.ok() && !text.empty());
  if (status.code() == absl::StatusCode::kCancelled) s.Take(text);
  return status;
}

absl::StatusOr<Table> Run::Snapshot() {
  return state_->Guarded([this] { return state_->Snapshot(); });
}

absl::StatusOr<Table> Run::Finish() {
  return state_->Guarded([this] { return state_->Finish(); });
}

absl::StatusOr<Table> Run::State::Snapshot() {
  State& s = *this;
  s.control.emplace(s.spec->options);
  if (!s.finished) {
    // Without 64 KiB the format is told by what is there, if there is a whole line.
    if (!s.detected && s.text().find('\n') != std::string_view::npos) {
      if (absl::Status status = s.Detect(false); !status.ok()) return status;
    }
    if (s.detected) {
      if (absl::Status status = s.ScanLines(false); !status.ok()) return status;
    }
  }
  return s.Answer(s.finished);
}

absl::StatusOr<Table> Run::State::Finish() {
  State& s = *this;
  s.control.emplace(s.spec->options);
  if (s.finished) return absl::FailedPreconditionError("the run is finished: start another one");
  s.finished = true;
  if (!s.detected) {
    if (absl::Status status = s.Detect(true); !status.ok()) return status;
  }
  if (absl::Status status = s.ScanLines(true); !status.ok()) {
    s.finished = status.code() != absl::StatusCode::kCancelled;
    return status;
  }
  return s.Answer(true);
}

}  // namespace v1
}  // namespace flowlogs
