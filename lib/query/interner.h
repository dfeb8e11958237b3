// Interner: texts and addresses as 32-bit codes, so that the keys of groups are few and small words.
#ifndef FLOWLOGS_LIB_QUERY_INTERNER_H_
#define FLOWLOGS_LIB_QUERY_INTERNER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "flowlogs/schema/address.h"
#include "lib/io/hash_table.h"
#include "lib/parse/record_batch.h"
#include "lib/query/group_table.h"

namespace flowlogs {
inline namespace v1 {

// What stands for null among codes.
inline constexpr uint32_t kNullCode = ~uint32_t{0};

// One per worker; not thread-safe. Copies what it is given, for blocks are used again. Numbers follow the order of first
// appearance, which depends on the worker: they never leave the run.
class Interner {
 public:
  // 0, 1, 2, ...
  uint32_t Text(std::string_view text) {
    // The last word of up to eight bytes at each place of a small table: most texts are ACCEPT, OK, tcp, ingress.
    if (text.size() > 8) return Find(text);
    const uint64_t word = ShortWord(text);
    Recent& recent = recent_[(word * 0x9e3779b97f4a7c15) >> 58];
    if (recent.word == word && recent.size == text.size()) [[likely]] return recent.code;
    recent = {word, static_cast<uint32_t>(text.size()), Find(text)};
    return recent.code;
  }
  // An IPv4 address below 240.0.0.0 is its bits. The others, which nobody has, and IPv6 are numbered from there on.
  uint32_t Address(IpAddress address) {
    if (address.is_v4() && address.v4_bits() < kFirstOdd) return address.v4_bits();
    const auto [it, is_new] = GrowTable(odd_codes_, [&](auto& table) {
      return table.try_emplace(std::pair(address.high(), address.low()), kFirstOdd + static_cast<uint32_t>(odd_.size()));
    });
    if (is_new) {
      if (odd_.size() == kNullCode - kFirstOdd) throw std::bad_alloc();  // a run ends with it as with full memory
      odd_.push_back(address);
    }
    return it->second;
  }

  std::string_view text(uint32_t code) const { return texts_[code]; }
  IpAddress address(uint32_t code) const { return code < kFirstOdd ? IpAddress::V4(code) : odd_[code - kFirstOdd]; }

  // The texts, and the addresses that have numbers, in the order of their codes.
  const std::vector<std::string_view>& texts() const { return texts_; }
  const std::vector<IpAddress>& odd_addresses() const { return odd_; }
  static constexpr uint32_t kFirstOdd = 0xf0000000;

  size_t bytes() const {
    return arena_bytes_ + slot_memory_.bytes() + texts_.capacity() * sizeof(texts_[0]) +
           odd_.capacity() * (sizeof(odd_[0]) + 2 * sizeof(*odd_codes_.begin()));
  }

 private:
  struct Slot {
    uint32_t hash;
    uint32_t code;  // + 1; 0: free
  };
  struct Recent {
    uint64_t word = 0;
    uint32_t size = ~uint32_t{0};
    uint32_t code = 0;
  };

  // Up to eight bytes, the missing ones 0. Nothing outside of the text is read.
  static uint64_t ShortWord(std::string_view text) {
    const size_t n = text.size();
    uint64_t word = 0;
    if (n == 8) {
      std::memcpy(&word, text.data(), 8);
    } else if (n >= 4) {
      uint32_t low, high;
      std::memcpy(&low, text.data(), 4);
      std::memcpy(&high, text.data() + n - 4, 4);
      word = low | static_cast<uint64_t>(high) << (8 * (n - 4));
    } else {
      for (size_t i = 0; i < n; ++i) word |= static_cast<uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
    }
    return word;
  }
  static uint32_t HashOf(std::string_view text) {
    uint64_t hash = 0x8bb84b93962eacc9 + text.size();
    while (text.size() > 8) {
      hash = FoldWord(hash ^ ShortWord(text.substr(0, 8)));
      text.remove_prefix(8);
    }
    return static_cast<uint32_t>(FoldWord(hash ^ ShortWord(text)));
  }

  // In words: an interface, of which each record has one, is 21 bytes.
  static bool IsSame(std::string_view a, std::string_view b) {
    const size_t n = a.size();
    if (n != b.size()) return false;
    if (n < 8) return a == b;
    auto differ = [&](size_t at) {
      uint64_t x, y;
      std::memcpy(&x, a.data() + at, 8);
      std::memcpy(&y, b.data() + at, 8);
      return x ^ y;
    };
    uint64_t difference = differ(n - 8);
    for (size_t at = 0; at + 8 < n; at += 8) difference |= differ(at);
    return difference == 0;
  }

  uint32_t Find(std::string_view text) {
    if ((texts_.size() + 1) * 2 > num_slots()) Grow();
    const uint32_t hash = HashOf(text);
    const size_t mask = num_slots() - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
      Slot& slot = slot_memory_.as<Slot>()[at];
      if (slot.code == 0) {
        if (texts_.size() == kNullCode - size_t{1}) throw std::bad_alloc();
        texts_.push_back(Copy(text));
        slot = {hash, static_cast<uint32_t>(texts_.size())};
        return slot.code - 1;
      }
      if (slot.hash == hash && IsSame(texts_[slot.code - 1], text)) return slot.code - 1;
    }
  }
  size_t num_slots() const { return slot_memory_.bytes() / sizeof(Slot); }
  void Grow() {
    const ZeroedMemory old = std::move(slot_memory_);
    const size_t before = old.bytes() / sizeof(Slot);
    slot_memory_ = ZeroedMemory((before == 0 ? 256 : before * 2) * sizeof(Slot));
    const size_t mask = num_slots() - 1;
    for (size_t i = 0; i < before; ++i) {
      const Slot& slot = old.as<Slot>()[i];
      if (slot.code == 0) continue;
      size_t at = slot.hash & mask;
      while (slot_memory_.as<Slot>()[at].code != 0) at = (at + 1) & mask;
      slot_memory_.as<Slot>()[at] = slot;
    }
  }
  std::string_view Copy(std::string_view text) {
    constexpr size_t kArenaBytes = 64 << 10;
    if (text.size() > free_) {
      free_ = std::max(kArenaBytes, text.size());
      arenas_.push_back(std::make_unique_for_overwrite<char[]>(free_));
      arena_bytes_ += free_;
      next_ = arenas_.back().get();
    }
    char* copy = next_;
    std::copy(text.begin(), text.end(), copy);
    next_ += text.size();
    free_ -= text.size();
    return {copy, text.size()};
  }

  Recent recent_[64];
  ZeroedMemory slot_memory_;
  std::vector<std::unique_ptr<char[]>> arenas_;
  size_t arena_bytes_ = 0;
  char* next_ = nullptr;
  size_t free_ = 0;
  std::vector<std::string_view> texts_;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint32_t> odd_codes_;
  std::vector<IpAddress> odd_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_INTERNER_H_
