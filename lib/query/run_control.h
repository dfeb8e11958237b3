// RunControl: how one run ends before its time, and how it tells how far it is (CONTRACT P7).
#ifndef FLOWLOGS_LIB_QUERY_RUN_CONTROL_H_
#define FLOWLOGS_LIB_QUERY_RUN_CONTROL_H_

#include <atomic>
#include <chrono>

#include "absl/status/status.h"
#include "flowlogs/query/query.h"

namespace flowlogs {
inline namespace v1 {

// Made for each run anew: what ends one run does not end the next one of the same plan. The calling thread asks, all
// threads look. Whoever waits, waits in slices, so that it looks often enough.
class RunControl {
 public:
  static constexpr std::chrono::milliseconds kSlice{50};

  // `options` outlive it.
  explicit RunControl(const ScanOptions& options) : options_(options) {}
  RunControl(const RunControl&) = delete;  // the threads of a run look at this one
  RunControl& operator=(const RunControl&) = delete;

  // Whether the run is to end: somebody said so, or the scan's stop is requested. Of any thread.
  bool is_ended() const { return is_ended_.load(std::memory_order_relaxed) || options_.stop.stop_requested(); }
  void End() { is_ended_.store(true, std::memory_order_relaxed); }

  // In the calling thread, between two blocks or slices: asks ScanOptions::keep_going, but not twice within a slice.
  // Returns whether the run goes on.
  bool Ask() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_asked_ < kSlice) return !is_ended();
    last_asked_ = now;
    return AskNow();
  }
  // The same, and tells ScanOptions::progress, every 100 ms at most, what `progress` returns.
  template <typename F>
  bool Ask(F&& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_asked_ < kSlice) return !is_ended();
    last_asked_ = now;
    if (!options_.progress || now - last_told_ < kBetweenProgress) return AskNow();
    last_told_ = now;
    return Tell(progress());
  }
  // At the end of the inputs: however short the run was, progress is told once.
  bool Tell(const Progress& progress) {
    if (is_ended()) return false;
    if (options_.progress) options_.progress(progress);
    return AskNow();
  }

  // CANCELLED once it is ended.
  absl::Status status() const {
    return is_ended() ? absl::CancelledError("the run was stopped") : absl::OkStatus();
  }

 private:
  static constexpr std::chrono::milliseconds kBetweenProgress{100};

  bool AskNow() {
    if (options_.keep_going && !options_.keep_going()) End();
    return !is_ended();
  }

  const ScanOptions& options_;
  std::atomic<bool> is_ended_ = false;
  std::chrono::steady_clock::time_point last_asked_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_told_ = last_asked_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_RUN_CONTROL_H_
