// Random numbers that are the same on every machine: splitmix64 and integer arithmetic, no std distribution.
#ifndef FLOWLOGS_LIB_SYNTH_RANDOM_H_
#define FLOWLOGS_LIB_SYNTH_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace flowlogs {
inline namespace v1 {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // 0 to n-1. REQUIRES: n > 0
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(((Next() >> 32) * n) >> 32); }
  // low to high, both included.
  uint32_t Between(uint32_t low, uint32_t high) { return low + Below(high - low + 1); }
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  // Every order of magnitude between 2^low and 2^(high+1) as likely as another. REQUIRES: low <= high < 63
  uint64_t Magnitude(uint32_t low, uint32_t high) {
    const uint64_t bits = Next();
    const uint64_t one = uint64_t{1} << (low + static_cast<uint32_t>(((bits & 0xffff) * (high - low + 1)) >> 16));
    return one + ((bits >> 16) & (one - 1));
  }
  // An element. REQUIRES: there is one.
  template <typename T>
  const T& Of(const std::vector<T>& all) {
    return all[Below(static_cast<uint32_t>(all.size()))];
  }
  template <typename T, size_t N>
  const T& Of(const T (&all)[N]) {
    return all[Below(static_cast<uint32_t>(N))];
  }

 private:
  uint64_t state_;
};

// Places 0 to n-1 of which few are drawn often and most seldom: place k with a weight of about 1/(k + flat), as in
// Zipf's law. A table, so that a draw is one look-up.
class SkewedPlaces {
 public:
  // REQUIRES: 0 < n < 2^24, flat > 0
  SkewedPlaces(uint32_t n, uint32_t flat) : slots_(1 << 16) {
    constexpr uint64_t kOne = uint64_t{1} << 36;
    uint64_t sum = 0;
    for (uint32_t k = 0; k < n; ++k) sum += kOne / (k + flat);
    uint64_t reached = kOne / flat;
    uint32_t place = 0;
    for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
      const uint64_t at = sum / slots_.size() * slot;
      while (reached <= at && place + 1 < n) reached += kOne / (++place + flat);
      slots_[slot] = place;
    }
  }
  uint32_t Draw(Random& random) const { return slots_[random.Next() >> 48]; }

 private:
  std::vector<uint32_t> slots_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_RANDOM_H_
