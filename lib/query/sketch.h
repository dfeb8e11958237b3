// Sketches: what approx_distinct() and quantile() keep of their values. Each is a function of the multiset of values
// alone: whatever the order in which values come and states are merged, the state and the answer are the same.
//
//   approx_distinct  HyperLogLog with 2^12 registers: standard error 1.04 / sqrt(2^12) = 1.6 %. Up to 384 distinct
//                    values a group has their hashes instead, and the answer is exact.
//   quantile         Log-linear buckets: one for each value below 2^(bits + 1), above that 2^bits of equal width for
//                    each power of two. The answer is the middle of the bucket that holds the value at the rank
//                    max(1, ceil(q * n)) of the n present values in ascending order, never outside of their least and
//                    greatest: at most half a bucket, 2^-(bits + 1) of the value, away. q = 0 and q = 1 are exact.
//
//                      value   0 1 2 ... 127 | 128-129 130-131 ... 254-255 | 256-259 ... 508-511 | ...
//                      bucket  0 1 2 ... 127 |     128     129 ...     191 |     192 ...     255 | ...   (bits = 6)
#ifndef FLOWLOGS_LIB_QUERY_SKETCH_H_
#define FLOWLOGS_LIB_QUERY_SKETCH_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/schema/address.h"
#include "lib/query/group_table.h"

namespace flowlogs {
inline namespace v1 {

// Hashes of values, the same in every process and on every machine: of the number, of the 16 bytes of the address (of
// an IPv4 address those of the mapped one), of the bytes of the text.
inline uint64_t ValueHash(int64_t value) { return MixWord(0x9e3779b97f4a7c15, static_cast<uint64_t>(value)); }
inline uint64_t ValueHash(IpAddress value) { return MixWord(MixWord(0xd1b54a32d192ed03, value.high()), value.low()); }
inline uint64_t ValueHash(std::string_view value);

// Counts distinct hashes. A value type; empty it takes 32 bytes, at most 4 KiB more. Not thread-safe.
class HyperLogLog {
 public:
  static constexpr uint32_t kExact = 384;  // up to so many the count is exact
  static constexpr int kIndexBits = 12;

  void Add(uint64_t hash);
  void Merge(const HyperLogLog& other);
  // The number of distinct hashes, or about that.
  int64_t Estimate() const;
  // What it takes besides itself.
  size_t bytes() const { return words_.capacity() * sizeof(uint64_t); }

 private:
  static constexpr size_t kRegisters = size_t{1} << kIndexBits;
  static constexpr int kRankBits = 64 - kIndexBits;  // a register holds 0 to kRankBits + 1

  unsigned char* registers() { return reinterpret_cast<unsigned char*>(words_.data()); }
  const unsigned char* registers() const { return reinterpret_cast<const unsigned char*>(words_.data()); }
  bool AddExact(uint64_t hash);  // true iff the hash is new
  void AddRegister(uint64_t hash);
  void MakeDense();

  std::vector<uint64_t>
      words_;          // the hashes, by open addressing with 0 for free; when dense the registers, a byte each
  uint32_t size_ = 0;  // of the hashes
  bool dense_ = false;
};

// The bucket of a value, and the value that stands for a bucket; see above. Buckets of negative values are negative;
// buckets are in the order of their values. REQUIRES: 1 <= bits <= 25, value is not the least int64_t.
int32_t BucketOf(int64_t value, int bits);
int64_t ValueOfBucket(int32_t bucket, int bits);

// How many values of each group fell into each bucket, in one table for all groups. Not thread-safe.
class BucketCounts {
 public:
  struct Count {
    int32_t bucket;
    uint64_t count;
  };
  void Add(uint32_t group, int32_t bucket, uint64_t count);
  // Calls f(group, bucket, count), in no order.
  template <typename F>
  void ForEach(F&& f) const;
  // The buckets of all groups, those of a group together and in ascending order; (*begins)[g] is where those of group g
  // begin. REQUIRES: every group is below `groups`.
  std::vector<Count> Sorted(size_t groups, std::vector<size_t>* begins) const;
  size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    uint32_t group = 0;
    int32_t bucket = 0;
    uint64_t count = 0;  // 0: free
  };
  void Grow();
  size_t size_ = 0;
  size_t mask_ = 0;
  std::vector<Slot> slots_;
};

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

inline uint64_t ValueHash(std::string_view value) {
  uint64_t hash = MixWord(0x8bb84b93962eacc9, value.size());
  while (!value.empty()) {
    const std::string_view part = value.substr(0, 8);
    uint64_t word = 0;
    for (size_t i = 0; i < part.size(); ++i) word |= uint64_t{static_cast<unsigned char>(part[i])} << (8 * i);
    hash = MixWord(hash, word);
    value.remove_prefix(part.size());
  }
  return hash;
}

inline bool HyperLogLog::AddExact(uint64_t hash) {
  if ((size_ + 1) * 4 > words_.size() * 3) {
    std::vector<uint64_t> old = std::move(words_);
    words_.assign(old.empty() ? 4 : old.size() * 2, 0);
    size_ = 0;
    for (uint64_t one : old) {
      if (one != 0) AddExact(one);
    }
  }
  const size_t mask = words_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    if (words_[at] == hash) return false;
    if (words_[at] != 0) continue;
    words_[at] = hash;
    ++size_;
    return true;
  }
}

inline void HyperLogLog::AddRegister(uint64_t hash) {
  const uint64_t rest = hash << kIndexBits;
  const int rank = rest == 0 ? kRankBits + 1 : std::countl_zero(rest) + 1;
  unsigned char& found = registers()[hash >> kRankBits];
  if (found < rank) found = static_cast<unsigned char>(rank);
}

inline void HyperLogLog::MakeDense() {
  std::vector<uint64_t> old = std::move(words_);
  words_.assign(kRegisters / sizeof(uint64_t), 0);
  dense_ = true;
  for (uint64_t one : old) {
    if (one != 0) AddRegister(one);
  }
}

inline void HyperLogLog::Add(uint64_t hash) {
  if (hash == 0) hash = 1;  // 0 marks what is free
  if (dense_) return AddRegister(hash);
  // Room for one more than kExact, then the registers: which of both does not depend on the order.
  if (AddExact(hash) && size_ > kExact) MakeDense();
}

inline void HyperLogLog::Merge(const HyperLogLog& other) {
  if (!other.dense_) {
    for (uint64_t one : other.words_) {
      if (one != 0) Add(one);
    }
    return;
  }
  if (!dense_) MakeDense();
  for (size_t i = 0; i < kRegisters; ++i) {
    if (registers()[i] < other.registers()[i]) registers()[i] = other.registers()[i];
  }
}

// The improved raw estimator of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
// algorithm 6: without bias in the whole range, and without tables.
inline int64_t HyperLogLog::Estimate() const {
  if (!dense_) return size_;
  std::array<double, kRankBits + 2> counts{};  // of registers, by value
  for (size_t i = 0; i < kRegisters; ++i) counts[registers()[i]] += 1;
  constexpr double m = kRegisters;
  const auto sigma = [](double x) {
    double sum = x;
    double last = -1;
    for (double y = 1; sum != last; y += y) {
      x *= x;
      last = sum;
      sum += x * y;
    }
    return sum;
  };
  const auto tau = [](double x) {
    if (x == 0 || x == 1) return 0.0;
    double sum = 1 - x;
    double last = -1;
    for (double y = 0.5; sum != last; y *= 0.5) {
      x = std::sqrt(x);
      last = sum;
      sum -= (1 - x) * (1 - x) * y;
    }
    return sum / 3;
  };
  double z = m * tau(1 - counts[kRankBits + 1] / m);
  for (size_t k = kRankBits; k >= 1; --k) z = 0.5 * (z + counts[k]);
  z += m * sigma(counts[0] / m);
  constexpr double kAlpha = 0.72134752044448170368;  // 1 / (2 ln 2)
  const double estimate = kAlpha * m * m / z;
  // More than kExact there are; all registers at their end are more than anybody counts.
  if (estimate >= 9e18) return std::numeric_limits<int64_t>::max();
  return std::max<int64_t>(kExact + 1, std::llround(estimate));
}

inline int32_t BucketOf(int64_t value, int bits) {
  const uint64_t size = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const int shift = std::max(0, static_cast<int>(std::bit_width(size)) - (bits + 1));
  const int32_t bucket = (shift << bits) + static_cast<int32_t>(size >> shift);
  return value < 0 ? -bucket : bucket;
}

inline int64_t ValueOfBucket(int32_t bucket, int bits) {
  const int32_t size = bucket < 0 ? -bucket : bucket;
  const int shift = std::max(0, (size >> bits) - 1);
  const int64_t first = static_cast<int64_t>(size - (shift << bits)) << shift;
  const int64_t value = first + ((int64_t{1} << shift) - 1) / 2;
  return bucket < 0 ? -value : value;
}

inline void BucketCounts::Grow() {
  std::vector<Slot> old = std::move(slots_);
  slots_.assign(old.empty() ? 1024 : old.size() * 2, Slot{});
  mask_ = slots_.size() - 1;
  size_ = 0;
  for (const Slot& slot : old) {
    if (slot.count != 0) Add(slot.group, slot.bucket, slot.count);
  }
}

inline void BucketCounts::Add(uint32_t group, int32_t bucket, uint64_t count) {
  if (size_ * 10 >= slots_.size() * 6) Grow();
  const uint64_t key = uint64_t{group} << 32 | static_cast<uint32_t>(bucket);
  for (size_t at = MixWord(0x9e3779b97f4a7c15, key) & mask_;; at = (at + 1) & mask_) {
    Slot& slot = slots_[at];
    if (slot.count == 0) {
      slot = {group, bucket, count};
      ++size_;
      return;
    }
    if (slot.group == group && slot.bucket == bucket) {
      slot.count += count;
      return;
    }
  }
}

template <typename F>
void BucketCounts::ForEach(F&& f) const {
  for (const Slot& slot : slots_) {
    if (slot.count != 0) f(slot.group, slot.bucket, slot.count);
  }
}

inline std::vector<BucketCounts::Count> BucketCounts::Sorted(size_t groups, std::vector<size_t>* begins) const {
  begins->assign(groups + 1, 0);
  ForEach([&](uint32_t group, int32_t, uint64_t) { ++(*begins)[group + 1]; });
  for (size_t g = 0; g < groups; ++g) (*begins)[g + 1] += (*begins)[g];
  std::vector<size_t> next = *begins;
  std::vector<Count> counts(size_);
  ForEach([&](uint32_t group, int32_t bucket, uint64_t count) { counts[next[group]++] = {bucket, count}; });
  for (size_t g = 0; g < groups; ++g) {
    std::sort(counts.begin() + static_cast<std::ptrdiff_t>((*begins)[g]),
              counts.begin() + static_cast<std::ptrdiff_t>((*begins)[g + 1]),
              [](const Count& a, const Count& b) { return a.bucket < b.bucket; });
  }
  return counts;
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_SKETCH_H_
