// GroupTable: keys -> rows of groups, which hold the states of all aggregates. Open addressing, one fixed hash.
//
//   slots   | hash, number | hash, number | ...           8 bytes each
//   rows    | key words | state words |  | key words ...   a group each, in the order of their first appearance
//
// A row stays where it is: states are told by its address. What a record changes in a group stands in one place.
#ifndef FLOWLOGS_LIB_QUERY_GROUP_TABLE_H_
#define FLOWLOGS_LIB_QUERY_GROUP_TABLE_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/io/hash_table.h"
#include "lib/query/memory.h"

namespace flowlogs {
inline namespace v1 {

// A fixed mix of words (splitmix64's finalizer): the same in every process.
constexpr uint64_t MixWord(uint64_t hash, uint64_t word) {
  uint64_t h = hash ^ word;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
  return h ^ (h >> 31);
}

// A faster mix, for tables: both halves of the product of a word and a fixed number.
inline uint64_t FoldWord(uint64_t word) {
  __extension__ using Uint128 = unsigned __int128;
  const Uint128 product = static_cast<Uint128>(word) * 0xd6e8feb86659fd93;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// The words of one group: its key, then its states.
using GroupRow = uint64_t*;

// The groups of some rows by number, if they are few, as they often are in a block: of the same minutes, say.
struct FewGroups {
  static constexpr size_t kMost = 256;
  bool is_valid = false;         // if not, nothing else means anything
  std::vector<uint8_t> numbers;  // numbers[i]: of the group of row i
  std::vector<uint8_t> used;     // the numbers that occur, each once
  GroupRow rows[kMost] = {};     // by number; of one that is not used nullptr
};

// Not thread-safe.
class GroupTable {
 public:
  // With no key words everything is group 0, which is there from the beginning.
  GroupTable(size_t key_words, size_t state_words);

  size_t key_words() const { return key_words_; }
  size_t size() const { return size_; }
  // In the order of first appearance. Valid while the table lives.
  GroupRow row(size_t group) const {
    return chunks_[group >> chunk_bits_] + (group & chunk_mask_) * row_words_;
  }

  // rows[i] = the row of the key keys[i * key_words() ..], made if it is new, with zeros as its states: the caller
  // begins those of the rows from the size before. `few`, if it is given, is filled.
  void FindOrAdd(const uint64_t* keys, size_t count, GroupRow* rows, FewGroups* few = nullptr);

  // No keys are looked up any more: gives back what that needs.
  void EndKeys() { slot_memory_ = ZeroedMemory(); }

  static uint32_t Hash(const uint64_t* key, size_t words) {
    uint64_t hash = 0x9e3779b97f4a7c15;
    for (size_t k = 0; k < words; ++k) hash = FoldWord(hash ^ key[k]);
    return static_cast<uint32_t>(hash);
  }

  // Of the first chunk what is used of it: the rest is no memory yet.
  size_t bytes() const {
    return chunks_.size() > 1 ? bytes_ : slot_memory_.bytes() + size_ * row_words_ * sizeof(uint64_t);
  }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t group = 0;  // number + 1; 0: free
  };
  static constexpr size_t kStep = 1024;  // keys whose hashes are made at once

  Slot* slots() const { return slot_memory_.as<Slot>(); }
  void Grow(size_t room);
  GroupRow Add(const uint64_t* key);
  // `kWords`: key_words(), or 0 if it is more.
  template <size_t kWords>
  void FindOrAddStep(const uint64_t* keys, size_t count, GroupRow* rows);
  template <size_t kWords>
  void FindOrAddAll(const uint64_t* keys, size_t count, GroupRow* rows, FewGroups* few);
  // Looks among the last rows first, as long as that is worth it; returns for how many.
  template <size_t kWords>
  size_t FindRecent(const uint64_t* keys, size_t count, GroupRow* rows, FewGroups* few);

  size_t key_words_;
  size_t row_words_;
  size_t size_ = 0;
  GroupRow recent_[FewGroups::kMost] = {};  // the last row at each place, which a byte of the key's hash tells
  uint32_t without_recent_ = 0;             // calls to come that do not look there
  size_t mask_ = 0;  // number of slots - 1
  size_t chunk_bits_ = 0;
  size_t chunk_mask_ = 0;
  size_t bytes_ = 0;
  ZeroedMemory slot_memory_;
  std::vector<GroupRow> chunks_;
  size_t chunks_left_ = 0;  // of the last block of row_memory_
  std::vector<ZeroedMemory> row_memory_;
  std::vector<uint32_t> hashes_;  // of one step
};

// Pairs (group, word), each counted once: exact distinct counts for all groups in one table. A pair takes eight bytes;
// those whose word has more than 32 bits, which ports, addresses and texts have not, stand in a set of their own.
class PairSet {
 public:
  // Makes sure that Add() can be called `count` times without growing.
  void Reserve(size_t count) {
    while ((used_ + count) * 10 > num_slots() * 6) Grow();
  }
  // Brings the place of the pair near.
  void Prefetch(uint32_t group, uint64_t word) const { __builtin_prefetch(slots() + (HashOf(PairOf(group, word)) & mask_)); }
  // True iff the pair is new. REQUIRES: Reserve().
  bool Add(uint32_t group, uint64_t word) {
    if (word >> 32 != 0) [[unlikely]] {
      return GrowTable(wide_, [&](auto& table) { return table.emplace(group, word).second; });
    }
    const uint64_t pair = PairOf(group, word);
    for (size_t at = HashOf(pair) & mask_;; at = (at + 1) & mask_) {
      uint64_t& slot = slots()[at];
      if (slot == pair) return false;
      if (slot != 0) continue;
      slot = pair;
      ++used_;
      return true;
    }
  }
  size_t size() const { return used_ + wide_.size(); }
  size_t bytes() const { return slot_memory_.bytes() + wide_.capacity() * (sizeof(*wide_.begin()) + 1); }
  template <typename F>
  void ForEach(F&& f) const {
    for (size_t i = 0; i < num_slots(); ++i) {
      const uint64_t pair = slots()[i];
      if (pair != 0) f(static_cast<uint32_t>(pair >> 32) - 1, pair & 0xffffffff);
    }
    for (const auto& [group, word] : wide_) f(group, word);
  }

 private:
  // Never 0, which is a free slot.
  static uint64_t PairOf(uint32_t group, uint64_t word) { return (group + uint64_t{1}) << 32 | (word & 0xffffffff); }
  static uint64_t HashOf(uint64_t pair) { return MixWord(0, pair); }
  uint64_t* slots() const { return slot_memory_.as<uint64_t>(); }
  size_t num_slots() const { return slot_memory_.bytes() / sizeof(uint64_t); }
  void Grow();
  size_t used_ = 0;  // of the slots
  size_t mask_ = 0;
  ZeroedMemory slot_memory_;
  absl::flat_hash_set<std::pair<uint32_t, uint64_t>> wide_;
};

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

inline GroupTable::GroupTable(size_t key_words, size_t state_words)
    : key_words_(key_words), row_words_(key_words + state_words), hashes_(kStep) {
  if (row_words_ == 0) row_words_ = 1;
  constexpr size_t kChunkBytes = size_t{2} << 20;
  chunk_bits_ = static_cast<size_t>(std::bit_width(kChunkBytes / (row_words_ * sizeof(uint64_t)))) - 1;
  if (row_words_ * sizeof(uint64_t) > kChunkBytes) chunk_bits_ = 0;
  chunk_mask_ = (size_t{1} << chunk_bits_) - 1;
  if (key_words == 0) Add(nullptr);
}

inline GroupRow GroupTable::Add(const uint64_t* key) {
  if ((size_ & chunk_mask_) == 0) {
    // The first chunk is small pages, which cost what is used of them. The others come from larger blocks, for a chunk alone
    // seldom fills huge pages.
    constexpr size_t kChunksInBlock = 8;
    const size_t words = (size_t{1} << chunk_bits_) * row_words_;
    if (chunks_left_ == 0) {
      chunks_left_ = chunks_.empty() ? 1 : kChunksInBlock;
      const size_t bytes = chunks_left_ * words * sizeof(uint64_t);
      row_memory_.push_back(chunks_.empty() ? ZeroedMemory::NotZeroed(bytes) : ZeroedMemory(bytes));
      chunks_.push_back(row_memory_.back().as<uint64_t>());
    } else {
      chunks_.push_back(chunks_.back() + words);
    }
    --chunks_left_;
    bytes_ += words * sizeof(uint64_t);
  }
  const GroupRow added = row(size_++);
  if (size_ <= chunk_mask_ + 1) std::memset(added, 0, row_words_ * sizeof(*added));
  if (key != nullptr) std::memcpy(added, key, key_words_ * sizeof(*key));
  return added;
}

inline void GroupTable::Grow(size_t room) {
  size_t capacity = mask_ == 0 ? 1024 : mask_ + 1;
  while ((size_ + room) * 10 > capacity * 7) capacity *= 2;
  if (capacity == mask_ + 1) return;
  ZeroedMemory grown(capacity * sizeof(Slot));
  Slot* const to = grown.as<Slot>();
  const Slot* const from = slots();
  const size_t before = mask_ == 0 ? 0 : mask_ + 1;
  for (size_t i = 0; i < before; ++i) {
    if (from[i].group == 0) continue;
    size_t at = from[i].hash & (capacity - 1);
    while (to[at].group != 0) at = (at + 1) & (capacity - 1);
    to[at] = from[i];
  }
  bytes_ += grown.bytes() - slot_memory_.bytes();
  slot_memory_ = std::move(grown);
  mask_ = capacity - 1;
}

template <size_t kWords>
void GroupTable::FindOrAddStep(const uint64_t* keys, size_t count, GroupRow* rows) {
  const size_t words = kWords == 0 ? key_words_ : kWords;
  if (mask_ == 0 || (size_ + count) * 10 > (mask_ + 1) * 7) Grow(count);
  for (size_t i = 0; i < count; ++i) hashes_[i] = Hash(keys + i * words, words);
  // In big tables nearly every slot and every row would be waited for.
  const bool is_big = mask_ >= (size_t{1} << 14);
  constexpr size_t kFar = 24, kNear = 12;
  for (size_t i = 0; i < count; ++i) {
    if (is_big) {
      if (i + kFar < count) __builtin_prefetch(&slots()[hashes_[i + kFar] & mask_]);
      if (i + kNear < count) {
        const Slot& slot = slots()[hashes_[i + kNear] & mask_];
        if (slot.group != 0) {
          const GroupRow near = row(slot.group - 1);
          __builtin_prefetch(near, 1);
          __builtin_prefetch(near + row_words_ - 1, 1);  // mostly of the next line of the cache
        }
      }
    }
    const uint64_t* wanted = keys + i * words;
    const uint32_t hash = hashes_[i];
    for (size_t at = hash & mask_;; at = (at + 1) & mask_) {
      Slot& slot = slots()[at];
      if (slot.group == 0) {
        rows[i] = Add(wanted);
        slot = {hash, static_cast<uint32_t>(size_)};
        break;
      }
      if (slot.hash != hash) continue;
      const GroupRow found = row(slot.group - 1);
      bool is_same = true;
      for (size_t k = 0; k < words; ++k) is_same &= found[k] == wanted[k];
      if (is_same) {
        rows[i] = found;
        break;
      }
    }
  }
}

template <size_t kWords>
size_t GroupTable::FindRecent(const uint64_t* keys, size_t count, GroupRow* rows, FewGroups* few) {
  const size_t words = kWords == 0 ? key_words_ : kWords;
  for (const uint8_t number : few->used) few->rows[number] = nullptr;
  few->used.clear();
  few->numbers.resize(count);
  few->is_valid = true;
  size_t misses_left = 16 + count / 16;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t* const wanted = keys + i * words;
    // Codes and small numbers are told apart by their last byte, other keys by their hash.
    const uint8_t number = static_cast<uint8_t>(words == 1 ? wanted[0] : Hash(wanted, words) >> 24);
    const GroupRow recent = recent_[number];
    bool is_same = recent != nullptr;
    if (is_same) [[likely]] {
      for (size_t k = 0; k < words; ++k) is_same &= recent[k] == wanted[k];
    }
    if (!is_same || few->rows[number] != recent) [[unlikely]] {
      if (!is_same) {
        if (misses_left-- == 0) {
          few->is_valid = false;
          without_recent_ = 64;
          return i;
        }
        FindOrAddStep<kWords>(wanted, 1, &recent_[number]);
        few->is_valid &= few->rows[number] == nullptr;
      }
      if (few->rows[number] == nullptr) few->used.push_back(number);
      few->rows[number] = recent_[number];
    }
    rows[i] = recent_[number];
    few->numbers[i] = number;
  }
  return count;
}

template <size_t kWords>
void GroupTable::FindOrAddAll(const uint64_t* keys, size_t count, GroupRow* rows, FewGroups* few) {
  size_t begin = 0;
  if (few != nullptr) {
    few->is_valid = false;
    if (without_recent_ == 0) {
      begin = FindRecent<kWords>(keys, count, rows, few);
    } else {
      --without_recent_;
    }
  }
  for (; begin < count; begin += kStep) {
    const size_t n = count - begin < kStep ? count - begin : kStep;
    FindOrAddStep<kWords>(keys + begin * key_words_, n, rows + begin);
  }
}

inline void GroupTable::FindOrAdd(const uint64_t* keys, size_t count, GroupRow* rows, FewGroups* few) {
  switch (key_words_) {
    case 0:
      for (size_t i = 0; i < count; ++i) rows[i] = row(0);
      if (few != nullptr) {
        few->is_valid = true;
        few->numbers.assign(count, 0);
        few->used.assign(1, 0);
        few->rows[0] = row(0);
      }
      break;
    case 1:
      return FindOrAddAll<1>(keys, count, rows, few);
    case 2:
      return FindOrAddAll<2>(keys, count, rows, few);
    case 3:
      return FindOrAddAll<3>(keys, count, rows, few);
    default:
      return FindOrAddAll<0>(keys, count, rows, few);
  }
}

inline void PairSet::Grow() {
  const size_t before = num_slots();
  const ZeroedMemory old = std::move(slot_memory_);
  slot_memory_ = ZeroedMemory((before == 0 ? 1024 : before * 2) * sizeof(uint64_t));
  mask_ = num_slots() - 1;
  for (size_t i = 0; i < before; ++i) {
    const uint64_t pair = old.as<uint64_t>()[i];
    if (pair == 0) continue;
    size_t at = HashOf(pair) & mask_;
    while (slots()[at] != 0) at = (at + 1) & mask_;
    slots()[at] = pair;
  }
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_GROUP_TABLE_H_
