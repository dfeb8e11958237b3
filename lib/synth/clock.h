// The time of a made-up log, and what the sources of flows do alike.
#ifndef FLOWLOGS_LIB_SYNTH_CLOCK_H_
#define FLOWLOGS_LIB_SYNTH_CLOCK_H_

#include <cstddef>
#include <cstdint>

#include "lib/synth/flow.h"
#include "lib/synth/random.h"

namespace flowlogs {
inline namespace v1 {

// Goes on by the number of records that were made, slower by day than by night (UTC): more traffic by day.
class Clock {
 public:
  // 200 hosts make about 50 records a second.
  // No record begins before `start_seconds`: the first ones end kWarmUp later.
  static constexpr int64_t kWarmUp = 70;
  Clock(int64_t start_seconds, uint32_t hosts)
      : now_us_((start_seconds + kWarmUp) * 1'000'000), step_us_(4'000'000 / hosts) {}

  int64_t seconds() const { return now_us_ / 1'000'000; }
  void Advance(size_t records, Random& random) {
    // Percent of the mean distance between records, by the hour.
    static constexpr uint32_t kHours[24] = {140, 150, 165, 170, 165, 150, 130, 110, 95, 85,  80,  78,
                                            80,  78,  76,  76,  78,  82,  86,  88,  92, 100, 112, 126};
    const uint64_t hour = static_cast<uint64_t>(now_us_ / 3'600'000'000) % 24;
    const uint64_t spread = step_us_ * records * kHours[hour] / 50;  // twice the mean
    now_us_ += static_cast<int64_t>(((random.Next() >> 32) * spread) >> 32);
  }

 private:
  int64_t now_us_;
  uint64_t step_us_;
};

// When the next record is NODATA or SKIPDATA: one in 500, every seventh of them SKIPDATA.
class StatusTurns {
 public:
  // Counts records; true if one is due.
  bool Due(size_t records, Random& random) {
    left_ -= static_cast<int64_t>(records);
    if (left_ > 0) return false;
    left_ += random.Between(400, 600);
    ++count_;
    return true;
  }
  Flow::Status status() const { return count_ % 7 == 2 ? Flow::Status::kSkipData : Flow::Status::kNoData; }

 private:
  int64_t left_ = 100;
  uint32_t count_ = 0;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_CLOCK_H_
