// GroupTable: keys of words -> dense group numbers. Open addressing, one fixed hash.
#ifndef FLOWLOGS_LIB_QUERY_GROUP_TABLE_H_
#define FLOWLOGS_LIB_QUERY_GROUP_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace flowlogs {
inline namespace v1 {

// A fixed mix of words (splitmix64's finalizer): the same in every process.
inline uint64_t MixWord(uint64_t hash, uint64_t word) {
  uint64_t h = hash ^ word;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
  return h ^ (h >> 31);
}

// Groups get numbers 0, 1, 2, ... in the order of their first appearance. Not thread-safe.
class GroupTable {
 public:
  // Without keys everything is group 0, which is there from the beginning.
  explicit GroupTable(size_t num_keys) : num_keys_(num_keys), size_(num_keys == 0 ? 1 : 0) {}

  size_t num_keys() const { return num_keys_; }
  size_t size() const { return size_; }
  const int64_t* key(size_t group) const { return keys_.data() + group * num_keys_; }

  // groups[i] = the group of keys[i * num_keys() .. ], made if it is new.
  void FindOrAdd(const int64_t* keys, size_t count, uint32_t* groups);

 private:
  struct Slot {
    uint32_t tag = 0;    // upper bits of the hash
    uint32_t group = 0;  // number + 1; 0: free
  };
  uint64_t Hash(const int64_t* key) const {
    uint64_t hash = 0x9e3779b97f4a7c15;
    for (size_t k = 0; k < num_keys_; ++k) hash = MixWord(hash, static_cast<uint64_t>(key[k]));
    return hash;
  }
  void Grow(size_t room);

  size_t num_keys_;
  size_t size_;
  size_t mask_ = 0;
  std::vector<Slot> slots_;
  std::vector<int64_t> keys_;
  std::vector<uint64_t> hashes_;  // of the keys of one call
};

// Pairs (group, word), each counted once: exact distinct counts for all groups in one table.
class PairSet {
 public:
  // True iff the pair is new.
  bool Add(uint32_t group, int64_t word);
  size_t size() const { return size_; }
  template <typename F>
  void ForEach(F&& f) const {
    for (const Slot& slot : slots_) {
      if (slot.group != kFree) f(slot.group, slot.word);
    }
  }

 private:
  static constexpr uint32_t kFree = ~uint32_t{0};
  struct Slot {
    uint32_t group = kFree;
    int64_t word = 0;
  };
  void Grow();
  size_t size_ = 0;
  size_t mask_ = 0;
  std::vector<Slot> slots_;
};

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

inline void GroupTable::Grow(size_t room) {
  size_t capacity = slots_.empty() ? 1024 : slots_.size();
  while ((size_ + room) * 10 > capacity * 6) capacity *= 2;
  if (capacity == slots_.size()) return;
  slots_.assign(capacity, Slot{});
  mask_ = capacity - 1;
  for (size_t group = 0; group < size_; ++group) {
    const uint64_t hash = Hash(key(group));
    size_t at = hash & mask_;
    while (slots_[at].group != 0) at = (at + 1) & mask_;
    slots_[at] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(group + 1)};
  }
}

inline void GroupTable::FindOrAdd(const int64_t* keys, size_t count, uint32_t* groups) {
  if (num_keys_ == 0) {
    std::memset(groups, 0, count * sizeof(*groups));
    return;
  }
  constexpr size_t kStep = 1024;
  constexpr size_t kAhead = 8;
  hashes_.resize(kStep);
  for (size_t begin = 0; begin < count; begin += kStep) {
    const size_t n = count - begin < kStep ? count - begin : kStep;
    if (slots_.empty() || (size_ + n) * 10 > slots_.size() * 6) Grow(n);
    const int64_t* key_of = keys + begin * num_keys_;
    for (size_t i = 0; i < n; ++i) hashes_[i] = Hash(key_of + i * num_keys_);
    for (size_t i = 0; i < n; ++i) {
      if (i + kAhead < n) __builtin_prefetch(&slots_[hashes_[i + kAhead] & mask_]);
      const uint64_t hash = hashes_[i];
      const uint32_t tag = static_cast<uint32_t>(hash >> 32);
      const int64_t* wanted = key_of + i * num_keys_;
      for (size_t at = hash & mask_;; at = (at + 1) & mask_) {
        Slot& slot = slots_[at];
        if (slot.group == 0) {
          slot = {tag, static_cast<uint32_t>(++size_)};
          keys_.insert(keys_.end(), wanted, wanted + num_keys_);
          groups[begin + i] = slot.group - 1;
          break;
        }
        if (slot.tag == tag && std::memcmp(key(slot.group - 1), wanted, num_keys_ * sizeof(*wanted)) == 0) {
          groups[begin + i] = slot.group - 1;
          break;
        }
      }
    }
  }
}

inline void PairSet::Grow() {
  std::vector<Slot> old = std::move(slots_);
  slots_.assign(old.empty() ? 1024 : old.size() * 2, Slot{});
  mask_ = slots_.size() - 1;
  size_ = 0;
  for (const Slot& slot : old) {
    if (slot.group != kFree) Add(slot.group, slot.word);
  }
}

inline bool PairSet::Add(uint32_t group, int64_t word) {
  if (size_ * 10 >= slots_.size() * 6) Grow();
  for (size_t at = MixWord(MixWord(0x9e3779b97f4a7c15, group), static_cast<uint64_t>(word)) & mask_;; at = (at + 1) & mask_) {
    Slot& slot = slots_[at];
    if (slot.group == kFree) {
      slot = {group, word};
      ++size_;
      return true;
    }
    if (slot.group == group && slot.word == word) return false;
  }
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_GROUP_TABLE_H_
