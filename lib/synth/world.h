// The network that the generator makes up, as text that is ready to be written. Built once from the seed.
#ifndef FLOWLOGS_LIB_SYNTH_WORLD_H_
#define FLOWLOGS_LIB_SYNTH_WORLD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "flowlogs/schema/address.h"
#include "lib/synth/random.h"

namespace flowlogs {
inline namespace v1 {

// Text of a TextArena: kTextPadding bytes can be read behind it.
using Text = std::string_view;
inline constexpr size_t kTextPadding = 32;

// Owns texts until it dies.
class TextArena {
 public:
  Text Add(std::string_view text);
  size_t longest() const { return longest_; }

 private:
  static constexpr size_t kBlock = 1 << 16;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t used_ = kBlock;
  size_t longest_ = 0;
};

struct NetworkAddress {
  Text text;
  Text service;  // of AWS's address ranges; "-" outside of them
  bool is_v6 = false;
};

// What a host does; each host has one role.
enum class Role : uint8_t {
  kWeb,  // public, ports 443 and 80
  kApp,  // private, 8080
  kDatabase,
  kCache,
  kBastion,  // public, 22
  kWorker,   // private, calls out
  kTask,     // an ECS task
  kMail,     // public, 25
  kNode,     // a Kubernetes node: its pods have addresses of their own
};

// A network interface, or a regional NAT gateway, which has none. "-" where AWS has nothing to write.
struct Interface {
  Text account, id, vpc, subnet, instance, az, sublocation_type, sublocation_id, resource, type;
  std::array<Text, 10> ecs;  // in the order of the fields
  std::array<Text, 6> tags;  // percent-encoded, in the order of the fields
  NetworkAddress v4;
  NetworkAddress v6;   // text empty: it has none
  NetworkAddress pod;  // of a kNode; text empty: it has none
  Role role = Role::kWeb;
  uint16_t port = 443;  // that it serves
  uint8_t vpc_number = 0;
  bool is_public = false;
  bool encrypted = false;  // its VPC has Encryption Controls
};

// A VPC or VPN attached to the transit gateway, with a place in two zones.
struct Attachment {
  Text id, account, vpc;
  std::array<Text, 2> subnet, interface, az;
};

// Somebody behind an attachment.
struct TransitHost {
  NetworkAddress address;
  uint8_t attachment;
  uint8_t zone;
};

struct World {
  World(uint64_t seed, uint32_t num_hosts);
  World(const World&) = delete;  // its texts point into it
  World& operator=(const World&) = delete;

  TextArena arena;
  Text missing;  // "-"
  Text region;

  std::vector<Interface> hosts;
  std::vector<uint32_t> public_hosts;   // places in hosts; never empty
  std::vector<uint32_t> private_hosts;  // never empty
  std::vector<uint32_t> nodes;          // with pods; may be empty
  std::vector<std::vector<uint32_t>> hosts_of_vpc;
  Interface nat;
  NetworkAddress nat_public;
  Interface regional_nat;
  NetworkAddress regional_nat_public;
  Interface load_balancer;
  Interface endpoint;
  Interface transit;  // the transit gateway's interface in the first VPC

  std::vector<NetworkAddress> clients;
  std::vector<NetworkAddress> scanners;
  std::vector<NetworkAddress> sites;     // that hosts call
  std::vector<NetworkAddress> services;  // of AWS
  std::vector<NetworkAddress> buckets;   // of S3
  std::vector<NetworkAddress> remote;    // behind peerings and VPNs, four kinds in turn (see traffic-path 3 to 6)
  SkewedPlaces client_place;
  SkewedPlaces scanner_place;
  SkewedPlaces site_place;

  Text transit_gateway, transit_account, transit_type;
  std::vector<Attachment> attachments;
  std::vector<TransitHost> transit_hosts;

 private:
  struct Builder;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_WORLD_H_
