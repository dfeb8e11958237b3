#include "lib/query/address_sets.h"

#include <algorithm>
#include <limits>

#include "lib/query/lexer.h"

namespace flowlogs {
inline namespace v1 {
namespace language {
namespace {

constexpr uint32_t kMaxV4 = std::numeric_limits<uint32_t>::max();
constexpr Uint128 kMaxV6 = ~Uint128{0};
// ::ffff:0:0/96, the IPv4 addresses.
constexpr Uint128 kFirstMapped = Uint128{0xffff} << 32;
constexpr Uint128 kLastMapped = kFirstMapped | kMaxV4;

constexpr Uint128 Number(IpAddress a) { return (Uint128{a.high()} << 64) | a.low(); }
constexpr IpAddress AddressOf(Uint128 n) {
  return IpAddress::V6(static_cast<uint64_t>(n >> 64), static_cast<uint64_t>(n));
}

// Sorts closed intervals and joins those that overlap or touch.
template <typename T>
void Normalize(std::vector<std::pair<T, T>>* intervals) {
  std::sort(intervals->begin(), intervals->end());
  size_t size = 0;
  for (const auto& next : *intervals) {
    if (size > 0 && (next.first <= (*intervals)[size - 1].second || next.first - 1 == (*intervals)[size - 1].second)) {
      (*intervals)[size - 1].second = std::max((*intervals)[size - 1].second, next.second);
    } else {
      (*intervals)[size++] = next;
    }
  }
  intervals->resize(size);
}

// The scopes of CONTRACT L4 as sorted intervals; what lies between is public.
struct V4Scope {
  uint32_t first, last;
  AddressScope scope;
};
constexpr V4Scope kV4Scopes[] = {
    {0x00000000, 0x00FFFFFF, AddressScope::kNone},       // 0/8
    {0x0A000000, 0x0AFFFFFF, AddressScope::kPrivate},    // 10/8
    {0x64400000, 0x647FFFFF, AddressScope::kPrivate},    // 100.64/10
    {0x7F000000, 0x7FFFFFFF, AddressScope::kPrivate},    // 127/8
    {0xA9FE0000, 0xA9FEFFFF, AddressScope::kPrivate},    // 169.254/16
    {0xAC100000, 0xAC1FFFFF, AddressScope::kPrivate},    // 172.16/12
    {0xC0A80000, 0xC0A8FFFF, AddressScope::kPrivate},    // 192.168/16
    {0xE0000000, 0xEFFFFFFF, AddressScope::kMulticast},  // 224/4
    {0xF0000000, 0xFFFFFFFF, AddressScope::kNone},       // 240/4
};
struct V6Scope {
  Uint128 first, last;
  AddressScope scope;
};
constexpr V6Scope Block(uint64_t high, int length, AddressScope scope) {
  return {Uint128{high} << 64, (Uint128{high} << 64) | (kMaxV6 >> length), scope};
}
constexpr V6Scope kV6Scopes[] = {
    {0, 0, AddressScope::kNone},     // ::
    {1, 1, AddressScope::kPrivate},  // ::1
    Block(0xFC00000000000000, 7, AddressScope::kPrivate),
    Block(0xFE80000000000000, 10, AddressScope::kPrivate),
    Block(0xFF00000000000000, 8, AddressScope::kMulticast),
};

// Calls add(first, last) for what `table` says of `scope`; kPublic is what the table leaves out of 0 to `max`.
template <typename Table, typename T, typename F>
void ForEachInScope(const Table& table, AddressScope scope, T max, F&& add) {
  T next = 0;
  bool open = true;  // whether addresses from `next` on are left
  for (const auto& row : table) {
    if (scope == AddressScope::kPublic) {
      if (row.first > next) add(next, row.first - 1);
      open = row.last != max;
      next = row.last + 1;
    } else if (row.scope == scope) {
      add(row.first, row.last);
    }
  }
  if (scope == AddressScope::kPublic && open) add(next, max);
}

}  // namespace

void AddressSetBuilder::AddV4(uint32_t first, uint32_t last) {
  if (first <= last) v4_.emplace_back(first, last);
}

void AddressSetBuilder::AddV6(Uint128 first, Uint128 last) {
  if (first > last) return;
  if (last < kFirstMapped || first > kLastMapped) {
    v6_.emplace_back(first, last);
    return;
  }
  if (first < kFirstMapped) v6_.emplace_back(first, kFirstMapped - 1);
  if (last > kLastMapped) v6_.emplace_back(kLastMapped + 1, last);
}

void AddressSetBuilder::Add(IpAddress address) {
  if (address.is_v4()) {
    AddV4(address.v4_bits(), address.v4_bits());
  } else {
    AddV6(Number(address), Number(address));
  }
}

void AddressSetBuilder::AddSet(const AddressSet& set) {
  v4_.insert(v4_.end(), set.v4.begin(), set.v4.end());
  for (const auto& [first, last] : set.v6) AddV6(Number(first), Number(last));
}

void AddressSetBuilder::AddScope(AddressScope scope) {
  ForEachInScope(kV4Scopes, scope, kMaxV4, [this](uint32_t first, uint32_t last) { AddV4(first, last); });
  ForEachInScope(kV6Scopes, scope, kMaxV6, [this](Uint128 first, Uint128 last) { AddV6(first, last); });
}

std::string AddressSetBuilder::AddPrefix(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::Parse(text.substr(0, slash));
  const std::string_view digits = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  if (!address || !AllDigits(digits)) return "is no prefix: write 10.0.0.0/8 or fc00::/7";
  // ::ffff:10.0.0.0/104 is written as IPv6 and counts its bits so, although it is 10.0.0.0/8.
  const bool as_v4 = text.find(':') == std::string_view::npos;
  const int bits = as_v4 ? 32 : 128;
  int length = 0;
  for (char c : digits.substr(0, 4)) length = length * 10 + (c - '0');
  if (length > bits || (digits.size() > 1 && digits[0] == '0')) {
    return as_v4 ? "has no such length: an IPv4 prefix has 0 to 32" : "has no such length: an IPv6 prefix has 0 to 128";
  }
  if (as_v4) length += 96;
  const Uint128 host = length == 128 ? 0 : kMaxV6 >> length;
  const Uint128 first = Number(*address) & ~host;
  const bool is_v4 = length >= 96 && first >= kFirstMapped && first <= kLastMapped;
  if (first != Number(*address)) {
    const int shown = is_v4 ? length - 96 : length;
    return "has host bits set: did you mean " + AddressOf(first).ToString() + "/" + std::to_string(shown) + "?";
  }
  if (is_v4) {
    AddV4(static_cast<uint32_t>(first), static_cast<uint32_t>(first | host));
  } else {
    AddV6(first, first | host);
  }
  return "";
}

void AddressSetBuilder::AddRange(std::optional<IpAddress> first, std::optional<IpAddress> last) {
  if (!first || first->is_v4()) {
    const bool to_the_end = !last || last->is_v6();
    AddV4(first ? first->v4_bits() : 0, to_the_end ? kMaxV4 : last->v4_bits());
  }
  if (!last || last->is_v6()) {
    AddV6(first && first->is_v6() ? Number(*first) : 0, last ? Number(*last) : kMaxV6);
  }
}

AddressSet AddressSetBuilder::Build() {
  Normalize(&v4_);
  Normalize(&v6_);
  AddressSet set;
  set.v4 = std::move(v4_);
  set.v6.reserve(v6_.size());
  for (const auto& [first, last] : v6_) set.v6.emplace_back(AddressOf(first), AddressOf(last));
  return set;
}

std::optional<IpAddress> AddressBefore(IpAddress address) {
  if (address.is_v4()) {
    if (address.v4_bits() == 0) return std::nullopt;
    return IpAddress::V4(address.v4_bits() - 1);
  }
  const Uint128 n = Number(address);
  if (n == 0) return IpAddress::V4(kMaxV4);
  return AddressOf(n == kLastMapped + 1 ? kFirstMapped - 1 : n - 1);
}

std::optional<IpAddress> AddressAfter(IpAddress address) {
  if (address.is_v4()) return address.v4_bits() == kMaxV4 ? IpAddress() : IpAddress::V4(address.v4_bits() + 1);
  const Uint128 n = Number(address);
  if (n == kMaxV6) return std::nullopt;
  return AddressOf(n == kFirstMapped - 1 ? kLastMapped + 1 : n + 1);
}

}  // namespace language

bool AddressSet::Contains(IpAddress address) const {
  // The last interval that begins at or before the address.
  auto holds = [](const auto& intervals, const auto& value) {
    auto after = std::upper_bound(intervals.begin(), intervals.end(), value,
                                  [](const auto& v, const auto& interval) { return v < interval.first; });
    return after != intervals.begin() && value <= std::prev(after)->second;
  };
  return address.is_v4() ? holds(v4, address.v4_bits()) : holds(v6, address);
}

}  // namespace v1
}  // namespace flowlogs
