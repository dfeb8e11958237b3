// Interner: texts and IPv6 addresses as small numbers, so that keys of groups are words.
#ifndef FLOWLOGS_LIB_QUERY_INTERNER_H_
#define FLOWLOGS_LIB_QUERY_INTERNER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "flowlogs/schema/address.h"
#include "lib/parse/record_batch.h"

namespace flowlogs {
inline namespace v1 {

// One per worker; not thread-safe. Copies what it is given, for blocks are used again. Numbers follow the order of first
// appearance, which depends on the worker: they never leave the run.
class Interner {
 public:
  int64_t Text(std::string_view text) {
    if (!texts_.empty() && texts_[last_text_] == text) return static_cast<int64_t>(last_text_);
    const auto it = text_ids_.find(absl::string_view(text.data(), text.size()));
    if (it != text_ids_.end()) {
      last_text_ = it->second;
    } else {
      last_text_ = texts_.size();
      const std::string_view copy = Copy(text);
      texts_.push_back(copy);
      text_ids_.emplace(absl::string_view(copy.data(), copy.size()), last_text_);
    }
    return static_cast<int64_t>(last_text_);
  }
  // The word of an address: IPv4 bits, or kV6Tag | id.
  int64_t Address(IpAddress address) {
    if (address.is_v4()) return address.v4_bits();
    auto [it, is_new] = v6_ids_.try_emplace({address.high(), address.low()}, v6_.size());
    if (is_new) v6_.push_back(address);
    return kV6Tag | static_cast<int64_t>(it->second);
  }

  std::string_view text(int64_t word) const { return texts_[static_cast<size_t>(word)]; }
  IpAddress address(int64_t word) const {
    return (word & kV6Tag) != 0 ? v6_[static_cast<size_t>(word ^ kV6Tag)] : IpAddress::V4(static_cast<uint32_t>(word));
  }
  size_t num_texts() const { return texts_.size(); }
  size_t num_addresses() const { return v6_.size(); }

 private:
  std::string_view Copy(std::string_view text) {
    constexpr size_t kArenaBytes = 64 << 10;
    if (text.size() > free_) {
      free_ = std::max(kArenaBytes, text.size());
      arenas_.push_back(std::make_unique<char[]>(free_));
      next_ = arenas_.back().get();
    }
    char* copy = next_;
    std::copy(text.begin(), text.end(), copy);
    next_ += text.size();
    free_ -= text.size();
    return {copy, text.size()};
  }

  std::vector<std::unique_ptr<char[]>> arenas_;
  char* next_ = nullptr;
  size_t free_ = 0;
  absl::flat_hash_map<absl::string_view, size_t> text_ids_;
  std::vector<std::string_view> texts_;
  size_t last_text_ = 0;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, size_t> v6_ids_;
  std::vector<IpAddress> v6_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_INTERNER_H_
