// Sets of addresses, built from addresses, prefixes, scopes and comparisons.
#ifndef FLOWLOGS_LIB_QUERY_ADDRESS_SETS_H_
#define FLOWLOGS_LIB_QUERY_ADDRESS_SETS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/schema/address.h"
#include "lib/query/expression.h"

namespace flowlogs {
inline namespace v1 {
namespace language {

// 128 bits: an IPv6 address as a number. (__extension__: -Wpedantic objects to a plain __int128.)
__extension__ using Uint128 = unsigned __int128;

// Gathers intervals in any order; Build() sorts and joins them. IPv4 intervals are of 32-bit numbers; IPv6 intervals
// are of 128-bit numbers, and the IPv4-mapped addresses in them are left out: each is its IPv4 address (CONTRACT F7).
class AddressSetBuilder {
 public:
  void AddV4(uint32_t first, uint32_t last);
  void AddV6(Uint128 first, Uint128 last);
  void Add(IpAddress address);
  void AddSet(const AddressSet& set);
  // REQUIRES: scope is not kNone. Exactly the addresses for which ScopeOf() gives `scope` (CONTRACT L4).
  void AddScope(AddressScope scope);
  // Reads "10.0.0.0/8" or "fc00::/7" and adds it. Returns "", or what is wrong with it.
  std::string AddPrefix(std::string_view text);
  // The addresses from `first` to `last`, both included; no bound where there is none. IPv4 stands before IPv6.
  void AddRange(std::optional<IpAddress> first, std::optional<IpAddress> last);

  AddressSet Build();

 private:
  std::vector<std::pair<uint32_t, uint32_t>> v4_;
  std::vector<std::pair<Uint128, Uint128>> v6_;
};

// The neighbours in the order of addresses: IPv4 before IPv6. nullopt beyond the first and the last address.
std::optional<IpAddress> AddressBefore(IpAddress address);
std::optional<IpAddress> AddressAfter(IpAddress address);

}  // namespace language
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_ADDRESS_SETS_H_
