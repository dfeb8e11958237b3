// IPv4 and IPv6 addresses and prefixes as values. Standard library only, constexpr where it can be, no allocation but
// in ToString().
#ifndef FLOWLOGS_SCHEMA_ADDRESS_H_
#define FLOWLOGS_SCHEMA_ADDRESS_H_

#include <array>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace flowlogs {
inline namespace v1 {

// An IPv4 or IPv6 address: 16 bytes, a value type. Every IPv4-mapped IPv6 address is the IPv4 address (CONTRACT F7).
//
//      high_ 64 bits           low_ 64 bits
//   +-----------------+------------------+
//   | 0               | 0000ffff a.b.c.d |   IPv4
//   | 2001:db8:1:2    | 3:4:5:6          |   IPv6
//   +-----------------+------------------+
class IpAddress {
 public:
  // "::", the unspecified IPv6 address.
  constexpr IpAddress() = default;
  static constexpr IpAddress V4(uint32_t bits) { return IpAddress(0, (uint64_t{0xffff} << 32) | bits); }
  static constexpr IpAddress V6(uint64_t high, uint64_t low) { return IpAddress(high, low); }

  // Reads a dotted quad, or an IPv6 address as RFC 4291 writes it. nullopt for anything else: an octet with a leading
  // zero or above 255, a zone id, a prefix length, blanks. Never reads past text.
  static constexpr std::optional<IpAddress> Parse(std::string_view text);

  constexpr bool is_v4() const { return high_ == 0 && (low_ >> 32) == 0xffff; }
  constexpr bool is_v6() const { return !is_v4(); }
  // REQUIRES: is_v4()
  constexpr uint32_t v4_bits() const { return static_cast<uint32_t>(low_); }
  constexpr uint64_t high() const { return high_; }
  constexpr uint64_t low() const { return low_; }

  // Dotted quad, or RFC 5952. Format() writes at most kMaxText characters to `out` and returns how many.
  static constexpr size_t kMaxText = 39;
  size_t Format(char* out) const;
  std::string ToString() const;

  // IPv4 before IPv6, each by its number.
  friend constexpr std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    if (a.is_v4() != b.is_v4()) return a.is_v4() ? std::strong_ordering::less : std::strong_ordering::greater;
    if (a.high_ != b.high_) return a.high_ <=> b.high_;
    return a.low_ <=> b.low_;
  }
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) = default;

 private:
  constexpr IpAddress(uint64_t high, uint64_t low) : high_(high), low_(low) {}
  uint64_t high_ = 0;
  uint64_t low_ = 0;
};

// An address prefix such as 10.0.0.0/8 or fc00::/7. The host bits are 0. A value type.
class IpPrefix {
 public:
  // REQUIRES: length <= 32 for an IPv4 address, <= 128 for IPv6. Clears the host bits.
  constexpr IpPrefix(IpAddress address, int length);

  // Reads "10.0.0.0/8" or a single address (its full length); "::ffff:10.0.0.0/104" is 10.0.0.0/8. Host bits must be 0:
  // with host bits set it returns nullopt and, if `corrected` is given, stores the prefix that was perhaps meant there.
  static constexpr std::optional<IpPrefix> Parse(std::string_view text, std::optional<IpPrefix>* corrected = nullptr);

  constexpr IpAddress first() const { return first_; }
  // The last address that it contains: of ::/80, which ends among the IPv4-mapped addresses, the last before those.
  constexpr IpAddress last() const;
  // 0 to 32 for IPv4, 0 to 128 for IPv6.
  constexpr int length() const { return length_; }
  // An IPv4 prefix holds only IPv4 addresses, an IPv6 prefix only IPv6 addresses (CONTRACT L4).
  constexpr bool Contains(IpAddress address) const {
    return address.is_v4() == first_.is_v4() && IpPrefix(address, length_).first_ == first_;
  }
  std::string ToString() const { return first_.ToString() + "/" + std::to_string(length_); }

  friend constexpr bool operator==(const IpPrefix&, const IpPrefix&) = default;

 private:
  IpAddress first_;
  int length_;
};

// Where an address belongs (CONTRACT L4).
enum class AddressScope : uint8_t {
  kPrivate,    // 10/8 172.16/12 192.168/16 100.64/10 169.254/16 127/8 fc00::/7 fe80::/10 ::1
  kMulticast,  // 224/4 ff00::/8
  kPublic,     // any other, documentation prefixes too
  kNone,       // 0/8 240/4 ::
};
constexpr AddressScope ScopeOf(IpAddress address);

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

namespace internal {

// Four octets and three dots, nothing else. Returns false unless all of `text` is one.
constexpr bool ParseV4(std::string_view text, uint32_t* bits) {
  constexpr uint32_t kNoDigit = 10;  // and what is above
  uint32_t value = 0;
  size_t i = 0;
  const auto digit = [&] {
    return i < text.size() ? static_cast<uint32_t>(static_cast<unsigned char>(text[i])) - uint32_t{'0'} : kNoDigit;
  };
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0) {
      if (i >= text.size() || text[i] != '.') return false;
      ++i;
    }
    uint32_t number = digit();
    if (number >= kNoDigit) return false;
    ++i;
    if (const uint32_t second = digit(); second < kNoDigit) {
      if (number == 0) return false;
      number = number * 10 + second;
      ++i;
      if (const uint32_t third = digit(); third < kNoDigit) {
        number = number * 10 + third;
        ++i;
        if (number > 255) return false;
      }
    }
    value = (value << 8) | number;
  }
  *bits = value;
  return i == text.size();
}

inline constexpr std::array<int8_t, 256> kHexDigits = [] {
  std::array<int8_t, 256> digits{};
  digits.fill(-1);
  for (int i = 0; i < 10; ++i) digits[static_cast<size_t>('0' + i)] = static_cast<int8_t>(i);
  for (int i = 0; i < 6; ++i) digits[static_cast<size_t>('a' + i)] = digits[static_cast<size_t>('A' + i)] = static_cast<int8_t>(10 + i);
  return digits;
}();
// -1: it is none.
constexpr int HexDigit(char c) { return kHexDigits[static_cast<unsigned char>(c)]; }

// Up to eight groups of one to four hex digits, one "::" for at least one group, perhaps a dotted quad as the last two.
constexpr bool ParseV6(std::string_view text, uint64_t* high, uint64_t* low) {
  uint16_t groups[8] = {};
  int count = 0;
  int gap = -1;  // number of groups before "::"
  size_t i = 0;
  if (text.size() < 2 || text.size() > 45) return false;
  if (text[0] == ':') {
    if (text[1] != ':') return false;
    gap = 0;
    i = 2;
  }
  while (i < text.size()) {
    if (count == 8) return false;
    const size_t begin = i;
    uint32_t group = 0;
    for (int digit; i < text.size() && (digit = HexDigit(text[i])) >= 0;) {
      group = (group << 4) | static_cast<uint32_t>(digit);
      if (++i - begin > 4) return false;
    }
    if (i < text.size() && text[i] == '.') {
      uint32_t quad = 0;
      if (count > 6 || !ParseV4(text.substr(begin), &quad)) return false;
      groups[count++] = static_cast<uint16_t>(quad >> 16);
      groups[count++] = static_cast<uint16_t>(quad);
      i = text.size();
      break;
    }
    if (i == begin) return false;
    groups[count++] = static_cast<uint16_t>(group);
    if (i == text.size()) break;
    if (text[i] != ':') return false;
    ++i;
    if (i == text.size()) return false;  // ends with a single colon
    if (text[i] == ':') {
      if (gap >= 0) return false;
      gap = count;
      ++i;
    }
  }
  if (gap < 0 ? count != 8 : count > 7) return false;
  uint16_t full[8] = {};
  const int before = gap < 0 ? count : gap;
  for (int k = 0; k < before; ++k) full[k] = groups[k];
  for (int k = before; k < count; ++k) full[8 - count + k] = groups[k];
  *high = *low = 0;
  for (int k = 0; k < 4; ++k) *high = (*high << 16) | full[k];
  for (int k = 4; k < 8; ++k) *low = (*low << 16) | full[k];
  return true;
}

constexpr uint64_t HighBits(int n) { return n <= 0 ? 0 : n >= 64 ? ~uint64_t{0} : ~(~uint64_t{0} >> n); }

}  // namespace internal

constexpr std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  uint32_t bits = 0;
  if (internal::ParseV4(text, &bits)) return V4(bits);
  uint64_t high = 0;
  uint64_t low = 0;
  if (internal::ParseV6(text, &high, &low)) return V6(high, low);
  return std::nullopt;
}

inline size_t IpAddress::Format(char* out) const {
  char* p = out;
  auto decimal = [&p](uint32_t v) {
    if (v >= 100) *p++ = static_cast<char>('0' + v / 100);
    if (v >= 10) *p++ = static_cast<char>('0' + v / 10 % 10);
    *p++ = static_cast<char>('0' + v % 10);
  };
  if (is_v4()) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      decimal((v4_bits() >> shift) & 255);
      if (shift > 0) *p++ = '.';
    }
    return static_cast<size_t>(p - out);
  }
  uint16_t groups[8];
  for (int k = 0; k < 4; ++k) {
    groups[k] = static_cast<uint16_t>(high_ >> (48 - 16 * k));
    groups[k + 4] = static_cast<uint16_t>(low_ >> (48 - 16 * k));
  }
  // RFC 5952: the first of the longest runs of at least two zero groups becomes "::".
  int best = -1;
  int best_length = 1;
  for (int k = 0; k < 8;) {
    int end = k;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - k > best_length) {
      best = k;
      best_length = end - k;
    }
    k = end > k ? end : k + 1;
  }
  for (int k = 0; k < 8;) {
    if (k == best) {
      *p++ = ':';
      *p++ = ':';
      k += best_length;
      continue;
    }
    if (k > 0 && k != best + best_length) *p++ = ':';
    p = std::to_chars(p, p + 4, groups[k], 16).ptr;
    ++k;
  }
  return static_cast<size_t>(p - out);
}

inline std::string IpAddress::ToString() const {
  char text[kMaxText + 1];
  return std::string(text, Format(text));
}

constexpr IpPrefix::IpPrefix(IpAddress address, int length) : length_(length) {
  const int bits = address.is_v4() ? length + 96 : length;
  const uint64_t high = address.high() & internal::HighBits(bits);
  const uint64_t low = address.low() & internal::HighBits(bits - 64);
  // Not V6(): of an IPv4 address the mapped bits stay, since bits >= 96.
  first_ = IpAddress::V6(high, low);
}

constexpr IpAddress IpPrefix::last() const {
  const int bits = first_.is_v4() ? length_ + 96 : length_;
  const uint64_t high = first_.high() | ~internal::HighBits(bits);
  const uint64_t low = first_.low() | ~internal::HighBits(bits - 64);
  const IpAddress last = IpAddress::V6(high, low);
  if (last.is_v4() && first_.is_v6()) return IpAddress::V6(0, 0xfffe'ffff'ffff);
  return last;
}

constexpr std::optional<IpPrefix> IpPrefix::Parse(std::string_view text, std::optional<IpPrefix>* corrected) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::Parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const int full = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return IpPrefix(*address, full);
  const std::string_view digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  int length = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    length = length * 10 + (c - '0');
  }
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8. A length below 96 of a mapped address reaches beyond IPv4: refused, not read as
  // one of the IPv4 address.
  if (address->is_v4() && text.substr(0, slash).find(':') != std::string_view::npos) length -= 96;
  if (length < 0 || length > full) return std::nullopt;
  const IpPrefix prefix(*address, length);
  if (prefix.first() == *address) return prefix;
  if (corrected != nullptr) *corrected = prefix;
  return std::nullopt;
}

constexpr AddressScope ScopeOf(IpAddress a) {
  if (a.is_v4()) {
    const uint32_t v = a.v4_bits();
    if ((v >> 24) == 10 || (v >> 20) == 0xAC1 || (v >> 16) == 0xC0A8 || (v >> 22) == 0x191 || (v >> 16) == 0xA9FE ||
        (v >> 24) == 127) {
      return AddressScope::kPrivate;
    }
    if ((v >> 28) == 0xE) return AddressScope::kMulticast;
    return (v >> 24) == 0 || (v >> 28) == 0xF ? AddressScope::kNone : AddressScope::kPublic;
  }
  if ((a.high() >> 57) == 0x7E || (a.high() >> 54) == 0x3FA) return AddressScope::kPrivate;
  if ((a.high() >> 56) == 0xFF) return AddressScope::kMulticast;
  if (a.high() == 0 && a.low() == 0) return AddressScope::kNone;
  return a.high() == 0 && a.low() == 1 ? AddressScope::kPrivate : AddressScope::kPublic;
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_SCHEMA_ADDRESS_H_
