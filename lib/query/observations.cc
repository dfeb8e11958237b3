#include "lib/query/observations.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>
#include <vector>

#include "flowlogs/schema/services.h"
#include "lib/query/group_table.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr int64_t kAck = 16;
constexpr int64_t kFirstEphemeral = 32768;  // Linux's default; IANA's range begins at 49152

// IsKnownService() for all ports: a search for each record's two ports would be most of what orientation costs.
class KnownServices {
 public:
  KnownServices() {
    for (const Service& service : AllServices()) {
      for (size_t t = 0; t < std::size(kTransports); ++t) {
        if (IsKnownService(service.port, kTransports[t])) bits_[t][service.port / 64] |= uint64_t{1} << service.port % 64;
      }
    }
  }
  // REQUIRES: 0 <= port <= 65535.
  bool Has(int64_t port, int64_t protocol) const {
    for (size_t t = 0; t < std::size(kTransports); ++t) {
      if (protocol == kTransports[t]) return (bits_[t][port / 64] >> port % 64 & 1) != 0;
    }
    return false;
  }

 private:
  static constexpr int64_t kTransports[] = {6, 17, 132};
  uint64_t bits_[std::size(kTransports)][65536 / 64] = {};
};

bool IsPrivate(IpAddress address) { return ScopeOf(address) == AddressScope::kPrivate; }

// Which side the ports make the client's; kNone if they cannot tell.
Side ClientByPorts(const ObservedRecord& r) {
  if (r.srcport == kNullWord || r.dstport == kNullWord || r.srcport == r.dstport) return Side::kNone;
  const bool src_is_low = r.srcport < kFirstEphemeral, dst_is_low = r.dstport < kFirstEphemeral;
  if (src_is_low != dst_is_low) return src_is_low ? Side::kDestination : Side::kSource;  // whatever the services
  const int src = ServerPortRank(r.srcport, r.protocol);
  const int dst = ServerPortRank(r.dstport, r.protocol);
  if (src != dst) return src < dst ? Side::kSource : Side::kDestination;
  return r.dstport < r.srcport ? Side::kSource : Side::kDestination;
}

// Whether the flags tell who began. Transit gateways log the ACK of data and of FIN, too, OR-ed with the SYN of the same end:
// there SYN with ACK and more may be either end's.
bool TellsClient(const ObservedRecord& r) {
  if (r.tcp_flags == kNullWord || (r.tcp_flags & kSyn) == 0) return false;
  return !r.is_transit_gateway || (r.tcp_flags & kAck) == 0 || r.tcp_flags == (kSyn | kAck);
}

// True iff the source's end is the first of the conversation's two.
bool SourceIsFirst(const ObservedRecord& r) {
  return *r.source < *r.destination || (*r.source == *r.destination && r.srcport <= r.dstport);
}

}  // namespace

int ServerPortRank(int64_t port, int64_t protocol) {
  static const KnownServices kKnown;
  const bool known = port >= 0 && port <= 65535 && kKnown.Has(port, protocol);
  return port < kFirstEphemeral ? (known ? 3 : 2) : (known ? 1 : 0);
}

std::optional<uint64_t> ConversationOf(const ObservedRecord& r) {
  if (!r.source || !r.destination) return std::nullopt;
  std::array<uint64_t, 3> a = {r.source->high(), r.source->low(), static_cast<uint64_t>(r.srcport)};
  std::array<uint64_t, 3> b = {r.destination->high(), r.destination->low(), static_cast<uint64_t>(r.dstport)};
  if (!SourceIsFirst(r)) std::swap(a, b);
  uint64_t hash = MixWord(0x9e3779b97f4a7c15, static_cast<uint64_t>(r.protocol));
  for (uint64_t word : a) hash = MixWord(hash, word);
  for (uint64_t word : b) hash = MixWord(hash, word);
  return hash;
}

void Observations::Candidates::Intersect(IpAddress a, IpAddress b) {
  Candidates other;
  other.first = a;
  other.second = b;
  other.count = a == b ? 1 : 2;
  Intersect(other);
}

void Observations::Candidates::Intersect(const Candidates& other) {
  if (other.count < 0) return;
  if (count < 0) {
    *this = other;
    return;
  }
  const IpAddress mine[2] = {first, second};
  const int before = count;
  count = 0;
  for (int i = 0; i < before; ++i) {
    const bool in_other = (other.count >= 1 && mine[i] == other.first) || (other.count == 2 && mine[i] == other.second);
    if (in_other) (count++ == 0 ? first : second) = mine[i];
  }
}

void Observations::Observe(const ObservedRecord& r) {
  if (!r.source || !r.destination) return;
  if (r.is_transit_gateway) {
    has_gateway_ingress_ |= r.flow_direction == "ingress";
  } else if (r.flow_direction == "ingress") {
    Add(Key(*r.destination), &told_);
  } else if (r.flow_direction == "egress") {
    Add(Key(*r.source), &told_);
  } else if (!r.interface_id.empty() && r.source->is_v4() == r.destination->is_v4()) {
    auto it = interfaces_.find(absl::string_view(r.interface_id.data(), r.interface_id.size()));
    if (it == interfaces_.end()) {
      it = GrowTable(interfaces_, [&](auto& table) { return table.try_emplace(std::string(r.interface_id)).first; });
    }
    (r.source->is_v4() ? it->second.v4 : it->second.v6).Intersect(*r.source, *r.destination);
  }
  if (!TellsClient(r)) return;
  const Side client = (r.tcp_flags & kAck) == 0 ? Side::kSource : Side::kDestination;
  if (client == ClientByPorts(r)) return;
  const bool first = (client == Side::kSource) == SourceIsFirst(r);
  NoteConversation(*ConversationOf(r), first ? kFirstIsClient : kSecondIsClient);
}

void Observations::NoteConversation(uint64_t conversation, uint8_t client) {
  if (conversation > last_kept_) return;
  GrowTable(conversations_, [&](auto& table) -> uint8_t& { return table[conversation]; }) |= client;
  if (conversations_.size() >= 2 * kMaxConversations) TrimConversations();
}

void Observations::TrimConversations() {
  if (conversations_.size() <= kMaxConversations) return;
  std::vector<uint64_t> all;
  for (const auto& [conversation, client] : conversations_) all.push_back(conversation);
  const auto last = all.begin() + kMaxConversations - 1;
  std::nth_element(all.begin(), last, all.end());
  last_kept_ = *last;
  absl::erase_if(conversations_, [&](const auto& entry) { return entry.first > last_kept_; });
}

void Observations::Merge(const Observations& other) {
  for (const auto& [id, theirs] : other.interfaces_) {
    Interface& own = GrowTable(interfaces_, [&id = id](auto& table) -> Interface& { return table[id]; });
    own.v4.Intersect(theirs.v4);
    own.v6.Intersect(theirs.v6);
  }
  for (const AddressKey& key : other.told_) Add(key, &told_);
  last_kept_ = std::min(last_kept_, other.last_kept_);
  for (const auto& [conversation, client] : other.conversations_) NoteConversation(conversation, client);
  has_gateway_ingress_ |= other.has_gateway_ingress_;
}

void Observations::Resolve() {
  TrimConversations();
  own_.clear();
  for (const AddressKey& key : told_) Add(key, &own_);
  // First those that are sure, then those of two that the sure ones decide: what is another interface's is not this one's, and
  // of two IPv6 addresses the one of a VPC that is known is.
  for (auto& [id, interface] : interfaces_) {
    for (auto [candidates, own] : {std::pair(&interface.v4, &interface.own.v4), std::pair(&interface.v6, &interface.own.v6)}) {
      *own = std::nullopt;
      if (candidates->count == 1) *own = candidates->first;
      if (candidates->count == 2 && IsPrivate(candidates->first) != IsPrivate(candidates->second)) {
        *own = IsPrivate(candidates->first) ? candidates->first : candidates->second;
      }
      if (*own) Add(Key(**own), &own_);
    }
  }
  absl::flat_hash_set<AddressKey> sure;
  absl::flat_hash_set<uint64_t> sure_v6_networks;  // by the first 56 bits: what AWS gives to a VPC
  constexpr int kVpcShift = 64 - 56;
  for (const AddressKey& key : own_) {
    Add(key, &sure);
    if (!IpAddress::V6(key.first, key.second).is_v4()) sure_v6_networks.insert(key.first >> kVpcShift);
  }
  for (auto& [id, interface] : interfaces_) {
    for (auto [candidates, own] : {std::pair(&interface.v4, &interface.own.v4), std::pair(&interface.v6, &interface.own.v6)}) {
      if (*own || candidates->count != 2) continue;
      const bool first_taken = sure.contains(Key(candidates->first));
      const bool second_taken = sure.contains(Key(candidates->second));
      if (first_taken != second_taken) {
        *own = first_taken ? candidates->second : candidates->first;
      } else if (!candidates->first.is_v4()) {
        const bool first_near = sure_v6_networks.contains(candidates->first.high() >> kVpcShift);
        const bool second_near = sure_v6_networks.contains(candidates->second.high() >> kVpcShift);
        if (first_near == second_near) continue;
        *own = first_near ? candidates->first : candidates->second;
      } else {
        continue;
      }
      Add(Key(**own), &own_);
    }
  }
}

std::optional<IpAddress> Observations::InAllSoFar(std::string_view interface_id) const {
  const auto it = interfaces_.find(absl::string_view(interface_id.data(), interface_id.size()));
  if (it == interfaces_.end() || it->second.v4.count != 1) return std::nullopt;
  return it->second.v4.first;
}

Observations::Own Observations::OwnOf(std::string_view interface_id) const {
  const auto it = interfaces_.find(absl::string_view(interface_id.data(), interface_id.size()));
  return it == interfaces_.end() ? Own() : it->second.own;
}

Orientation Observations::Orient(const ObservedRecord& r, const Own* known) const {
  Orientation o;
  const bool has_addresses = r.source && r.destination;
  if (has_addresses && !r.is_transit_gateway) {
    if (r.flow_direction == "ingress") {
      o.own = Side::kDestination;
    } else if (r.flow_direction == "egress") {
      o.own = Side::kSource;
    } else {
      const Own looked_up = known != nullptr ? Own() : OwnOf(r.interface_id);
      const Own& addresses = known != nullptr ? *known : looked_up;
      const std::optional<IpAddress>& own = r.source->is_v4() ? addresses.v4 : addresses.v6;
      if (own == r.source) {
        o.own = Side::kSource;
      } else if (own == r.destination) {
        o.own = Side::kDestination;
      } else if (IsPrivate(*r.source) != IsPrivate(*r.destination)) {
        o.own = IsPrivate(*r.source) ? Side::kSource : Side::kDestination;
      }
    }
  }
  if (TellsClient(r)) {
    o.evidence = (r.tcp_flags & kAck) == 0 ? Evidence::kSyn : Evidence::kSynAck;
    o.client = o.evidence == Evidence::kSyn ? Side::kSource : Side::kDestination;
    return o;
  }
  if (has_addresses && !conversations_.empty()) {
    const auto it = conversations_.find(*ConversationOf(r));
    // Both ends began one: two connections on the same ports, and nothing is told.
    if (it != conversations_.end() && it->second != (kFirstIsClient | kSecondIsClient)) {
      o.client = (it->second == kFirstIsClient) == SourceIsFirst(r) ? Side::kSource : Side::kDestination;
      o.evidence = Evidence::kSyn;
      return o;
    }
  }
  o.client = ClientByPorts(r);
  o.evidence = o.client == Side::kNone ? Evidence::kUnknown : Evidence::kPort;
  return o;
}

bool Observations::IsCounted(const ObservedRecord& r, const Orientation& o) const {
  if (!r.source || !r.destination) return true;
  if (r.is_transit_gateway) return !has_gateway_ingress_ || r.flow_direction != "egress";
  if (o.own == Side::kSource) return true;
  if (IsOwn(*r.source)) return false;  // the sender's interface has a record of its own
  return o.own == Side::kDestination || !IsOwn(*r.destination);
}

}  // namespace v1
}  // namespace flowlogs
