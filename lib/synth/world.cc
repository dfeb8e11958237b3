#include "lib/synth/world.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "flowlogs/schema/writer.h"

namespace flowlogs {
inline namespace v1 {

Text TextArena::Add(std::string_view text) {
  const size_t need = text.size() + kTextPadding;
  if (kBlock - used_ < need) {
    blocks_.push_back(std::make_unique<char[]>(std::max(kBlock, need)));
    used_ = 0;
  }
  char* at = blocks_.back().get() + used_;
  std::memcpy(at, text.data(), text.size());
  used_ = std::min(kBlock, used_ + text.size());
  longest_ = std::max(longest_, text.size());
  return {at, text.size()};
}

namespace {

struct RegionNames {
  const char* name;
  const char* az;  // prefix of AZ IDs
  const char* local;
};
constexpr RegionNames kRegions[] = {{"us-east-1", "use1", "bos1"},
                                    {"eu-central-1", "euc1", "ham1"},
                                    {"ap-southeast-2", "apse2", "per1"},
                                    {"us-west-2", "usw2", "lax1"}};

// First octets of networks of internet providers and hosters.
constexpr uint8_t kOctets[] = {24,  31,  37,  45,  46,  59,  62,  66,  71,  73,  77,  78,  79,  80,  81,  82,
                               83,  84,  85,  86,  87,  88,  89,  90,  91,  92,  93,  94,  95,  96,  98,  103,
                               104, 109, 114, 118, 121, 122, 125, 141, 151, 159, 167, 176, 178, 179, 181, 183,
                               185, 187, 188, 189, 193, 194, 195, 200, 201, 212, 213, 217, 220, 222};

struct ServiceRange {
  const char* name;
  uint32_t first;  // of a range of 64 addresses and more
  uint32_t count;
};
constexpr uint32_t V4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { return a << 24 | b << 16 | c << 8 | d; }
constexpr ServiceRange kServices[] = {{"DYNAMODB", V4(52, 94, 2, 0), 24},
                                      {"EC2", V4(54, 239, 28, 0), 24},
                                      {"AMAZON", V4(52, 119, 196, 0), 32},
                                      {"CLOUDFRONT", V4(13, 32, 100, 0), 48},
                                      {"API_GATEWAY", V4(3, 216, 136, 0), 8},
                                      {"EBS", V4(44, 192, 134, 0), 8},
                                      {"CODEBUILD", V4(34, 228, 4, 0), 4},
                                      {"GLOBALACCELERATOR", V4(75, 2, 8, 0), 12},
                                      {"ROUTE53_HEALTHCHECKS", V4(15, 177, 2, 0), 16}};

constexpr const char* kApplications[] = {"checkout",
                                         "search",
                                         "login",
                                         "billing & invoices",
                                         "payments-api",
                                         "caf\xC3\xA9",
                                         "reports/daily",
                                         "\xE6\xA4\x9C\xE7\xB4\xA2",
                                         "-"};
constexpr const char* kTeams[] = {"team a", "platform", "data+ml", "ops@example.com", "100%"};

}  // namespace

// Fills a World. At most one draw stands in an expression: the order of two would be the compiler's choice, and seeds
// would not give the same network everywhere.
struct World::Builder {
  Builder(World& built, uint64_t seed) : world(built), random(seed) {}
  World& world;
  Random random;
  std::string az_prefix;
  std::string account[3];
  Text account_text[3];

  struct Vpc {
    Text id;
    uint32_t base;  // 10.x.0.0
    uint64_t base6;
    Text subnets[9];  // three zones public, three private, then local zone, outpost, wavelength zone
    uint32_t used[9] = {};
  };
  Vpc vpcs[3];
  Text az[3];
  Text sublocations[3];
  // Things that several hosts share.
  std::string cluster[2], task_definition[3], container_instance[4];
  Text ecs_instance[4];

  Text Add(std::string_view text) { return world.arena.Add(text); }

  std::string Hex(int digits) {
    std::string text;
    for (int i = 0; i < digits; ++i) text += "0123456789abcdef"[random.Below(16)];
    return text;
  }
  std::string Digits(int digits) {
    std::string text;
    for (int i = 0; i < digits; ++i) text += static_cast<char>('0' + random.Below(10));
    return text;
  }
  Text Id(std::string_view prefix) { return Add(std::string(prefix) + "-0" + Hex(16)); }

  NetworkAddress Address(IpAddress ip) { return {Add(ip.ToString()), world.missing, ip.is_v6()}; }
  NetworkAddress Service(const char* name, IpAddress ip) { return {Add(ip.ToString()), Add(name), ip.is_v6()}; }
  NetworkAddress Internet(bool v6) {
    if (v6) {
      const uint64_t provider = (uint64_t{0x2a00} + random.Below(16)) << 48;
      const uint64_t network = provider | random.Next() >> 16;
      return Address(IpAddress::V6(network, random.Next()));
    }
    const uint32_t octet = random.Of(kOctets);
    return Address(IpAddress::V4(octet << 24 | random.Below(1 << 24)));
  }

  Interface Nothing() {
    Interface made;
    made.account = made.id = made.vpc = made.subnet = made.instance = made.az = made.sublocation_type =
        made.sublocation_id = made.resource = made.type = world.missing;
    made.ecs.fill(world.missing);
    made.tags.fill(world.missing);
    return made;
  }

  // An interface with an address of its own in a subnet.
  Interface In(int vpc, int subnet) {
    Interface made = Nothing();
    Vpc& network = vpcs[vpc];
    made.account = account_text[vpc];
    made.id = Id("eni");
    made.vpc = network.id;
    made.subnet = network.subnets[subnet];
    made.az = az[subnet % 3];
    if (subnet >= 6) {
      static constexpr const char* kKinds[] = {"localzone", "outpost", "wavelength"};
      made.az = world.missing;
      made.sublocation_type = Add(kKinds[subnet - 6]);
      made.sublocation_id = sublocations[subnet - 6];
    }
    // 7 and 4080 have no factor in common: no address is given twice.
    const uint32_t number = network.used[subnet]++;
    made.v4 = Address(IpAddress::V4(network.base + static_cast<uint32_t>(subnet) * 4096 + 8 + number * 7 % 4080));
    made.vpc_number = static_cast<uint8_t>(vpc);
    made.encrypted = vpc == 0;
    return made;
  }

  void AddPlaces() {
    const RegionNames& names = random.Of(kRegions);
    world.region = Add(names.name);
    az_prefix = names.az;
    account[0] = "1" + Digits(11);
    account[1] = "0" + Digits(11);
    account[2] = "5" + Digits(11);
    for (int i = 0; i < 3; ++i) account_text[i] = Add(account[i]);
    for (int i = 0; i < 3; ++i) az[i] = Add(az_prefix + "-az" + std::to_string(i + 1));
    sublocations[0] = Add(az_prefix + "-" + names.local + "-az1");
    sublocations[1] = Id("op");
    sublocations[2] = Add(az_prefix + "-wl1-" + std::string(names.local).substr(0, 3) + "1");
    for (int v = 0; v < 3; ++v) {
      vpcs[v].id = Id("vpc");
      vpcs[v].base = uint32_t{10} << 24 | static_cast<uint32_t>(v) << 16;
      vpcs[v].base6 = uint64_t{0x26001f18} << 32 | uint64_t{random.Below(1 << 24)} << 8;
      for (Text& subnet : vpcs[v].subnets) subnet = Id("subnet");
    }
  }

  void AddShared() {
    const std::string ecs = "arn:aws:ecs:" + std::string(world.region) + ":" + account[0] + ":";
    cluster[0] = "web";
    cluster[1] = "batch-jobs";
    for (int i = 0; i < 3; ++i)
      task_definition[i] = ecs + "task-definition/app:" + std::to_string(random.Between(1, 300));
    for (int i = 0; i < 4; ++i) {
      container_instance[i] = Hex(32);
      ecs_instance[i] = Id("i");
    }
  }

  // `number` counts the tasks. A third run on instances, the others on Fargate; a third were started by hand.
  void MakeTask(Interface& task, uint32_t number) {
    const std::string ecs = "arn:aws:ecs:" + std::string(world.region) + ":" + std::string(task.account) + ":";
    const std::string& name = cluster[number % 2];
    const std::string id = Hex(32);
    task.ecs[0] = Add(ecs + "cluster/" + name);
    task.ecs[1] = Add(name);
    if (number % 3 == 1) {
      task.ecs[2] = Add(ecs + "container-instance/" + name + "/" + container_instance[number % 4]);
      task.ecs[3] = Add(container_instance[number % 4]);
    }
    task.ecs[4] = Add(id + "-" + Digits(10));
    if (number % 2 == 0) task.ecs[5] = Add(id + "-" + Digits(10));
    if (number % 3 != 2) task.ecs[6] = Add("app-" + name);
    task.ecs[7] = Add(task_definition[number % 3]);
    task.ecs[8] = Add(ecs + "task/" + name + "/" + id);
    task.ecs[9] = Add(id);
  }

  void AddHosts(uint32_t count) {
    static constexpr Role kRoles[20] = {Role::kWeb,  Role::kApp,    Role::kTask,    Role::kDatabase, Role::kWeb,
                                        Role::kNode, Role::kWorker, Role::kBastion, Role::kWeb,      Role::kTask,
                                        Role::kApp,  Role::kCache,  Role::kWeb,     Role::kMail,     Role::kDatabase,
                                        Role::kWeb,  Role::kApp,    Role::kTask,    Role::kWorker,   Role::kWeb};
    world.hosts_of_vpc.resize(3);
    world.hosts.reserve(count);
    uint32_t tasks = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const Role role = kRoles[i % 20];
      const int vpc = i % 8 < 5 ? 0 : i % 8 < 7 ? 1 : 2;
      const bool is_public = role == Role::kWeb || role == Role::kBastion || role == Role::kMail;
      int subnet = static_cast<int>(random.Below(3)) + (is_public ? 0 : 3);
      if (vpc == 0 && i % 8 == 4) subnet = 6 + static_cast<int>(i / 8 % 3);
      Interface host = In(vpc, subnet);
      host.role = role;
      host.is_public = is_public;
      switch (role) {
        case Role::kWeb:
          host.port = 443;
          break;
        case Role::kApp:
        case Role::kTask:
        case Role::kNode:
          host.port = 8080;
          break;
        case Role::kDatabase:
          host.port = i % 3 == 0 ? 3306 : 5432;
          break;
        case Role::kCache:
          host.port = 6379;
          break;
        case Role::kBastion:
        case Role::kWorker:
          host.port = 22;
          break;
        case Role::kMail:
          host.port = 25;
          break;
      }
      if (role == Role::kTask) {
        MakeTask(host, tasks++);
      } else {
        host.instance = Id("i");
        if (i % 4 != 3) {
          host.tags[0] = Add(EncodeTag(random.Of(kApplications)));
          host.tags[1] = Add(EncodeTag(random.Of(kTeams)));
        }
        if (role == Role::kWeb || role == Role::kWorker) {
          host.tags[4] = Add(EncodeTag("asg-" + std::to_string(i % 5)));
          if (i % 2 == 0) host.tags[5] = Add(EncodeTag(i % 4 == 0 ? "blue" : "green 2"));
        }
      }
      if (i % 3 == 0) host.tags[2] = Add(EncodeTag("primary eth0"));
      if (i % 6 == 0) host.tags[3] = Add(EncodeTag(random.Of(kTeams)));
      if (i % 10 == 0 || i % 10 == 3 || i % 10 == 8) {
        const uint64_t net = vpcs[vpc].base6 | static_cast<uint64_t>(subnet);
        host.v6 = Address(IpAddress::V6(net, random.Next()));
      }
      if (role == Role::kNode) {
        host.pod = Address(IpAddress::V4(uint32_t{100} << 24 | uint32_t{64} << 16 | i));
        world.nodes.push_back(i);
      }
      (is_public ? world.public_hosts : world.private_hosts).push_back(i);
      world.hosts_of_vpc[static_cast<size_t>(vpc)].push_back(i);
      world.hosts.push_back(std::move(host));
    }
    if (world.private_hosts.empty()) world.private_hosts.push_back(0);
  }

  void AddMiddle() {
    world.nat = In(0, 0);
    world.nat.type = Add("nat_gateway");
    world.nat_public = Service("EC2", IpAddress::V4(V4(54, 160, 0, 0) + random.Below(1 << 18)));
    world.regional_nat = Nothing();
    world.regional_nat.account = account_text[0];
    world.regional_nat.vpc = vpcs[0].id;
    world.regional_nat.resource = Id("nat");
    world.regional_nat.type = Add("regional_nat_gateway");
    world.regional_nat.encrypted = true;
    world.regional_nat_public = Service("EC2", IpAddress::V4(V4(107, 20, 0, 0) + random.Below(1 << 18)));
    world.load_balancer = In(0, 1);
    world.load_balancer.type = Add("network_load_balancer");
    world.load_balancer.tags[2] = Add(EncodeTag("edge nlb"));
    world.endpoint = In(0, 4);
    world.endpoint.type = Add("vpc_endpoint");
    world.endpoint.account = Add("unknown");
    world.transit = In(0, 5);
    world.transit.type = Add("transit_gateway");
  }

  void AddOthers(uint32_t hosts) {
    for (uint32_t i = 0; i < hosts * 62; ++i) world.clients.push_back(Internet(i % 12 == 5));
    for (uint32_t i = 0; i < hosts * 41; ++i) world.scanners.push_back(Internet(i % 97 == 50));
    for (uint32_t i = 0; i < hosts * 3 + 8; ++i) world.sites.push_back(Internet(i % 12 == 5));
    for (const ServiceRange& range : kServices) {
      for (uint32_t i = 0; i < range.count; ++i)
        world.services.push_back(Service(range.name, IpAddress::V4(range.first + 1 + i * 3)));
    }
    for (uint32_t i = 0; i < 128; ++i) {
      world.buckets.push_back(Service("S3", IpAddress::V4(V4(52, 216, 0, 0) + random.Below(1 << 17))));
    }
    for (uint32_t i = 0; i < 64; ++i) {
      static constexpr uint32_t kNetworks[] = {V4(192, 168, 16, 0), V4(172, 20, 8, 0), V4(172, 24, 9, 0),
                                               V4(10, 60, 3, 0)};
      world.remote.push_back(Address(IpAddress::V4(kNetworks[i % 4] + 5 + i * 3)));
    }
  }

  void AddTransit(uint32_t hosts) {
    world.transit_gateway = Id("tgw");
    world.transit_account = account_text[2];
    world.transit_type = Add("TransitGateway");
    // Three VPCs, the VPC through which the internet is reached, a VPN.
    for (int i = 0; i < 5; ++i) {
      Attachment made;
      made.id = Id("tgw-attach");
      made.account = account_text[i % 3];
      made.vpc = world.missing;
      made.subnet.fill(world.missing);
      made.interface.fill(world.missing);
      made.az.fill(world.missing);
      if (i < 4) {
        made.vpc = i < 3 ? vpcs[i].id : Id("vpc");
        for (size_t zone = 0; zone < 2; ++zone) {
          made.subnet[zone] = Id("subnet");
          made.interface[zone] = Id("eni");
          made.az[zone] = az[zone];
        }
      } else {
        made.account = world.missing;
      }
      world.attachments.push_back(made);
    }
    for (uint32_t i = 0; i < hosts + 8; ++i) {
      const uint32_t place = i % 8 < 6 ? i % 3 : i % 8 == 6 ? 3 : 4;
      TransitHost host;
      host.attachment = static_cast<uint8_t>(place);
      host.zone = static_cast<uint8_t>(random.Below(2));
      if (place < 3) {
        const bool v6 = i % 8 == 2;
        host.address = v6 ? Address(IpAddress::V6(vpcs[place].base6 | 0xe0, random.Next()))
                          : Address(IpAddress::V4(vpcs[place].base + 57344 + 8 + i % 8000));
      } else if (place == 3) {
        host.address = random.OneIn(2) ? Internet(false) : random.Of(world.buckets);
      } else {
        host.address = Address(IpAddress::V4(V4(192, 168, 40, 0) + 1 + i / 8 % 250));
      }
      world.transit_hosts.push_back(host);
    }
  }
};

World::World(uint64_t seed, uint32_t num_hosts)
    : missing(arena.Add("-")),
      client_place(num_hosts * 62, 8),
      scanner_place(num_hosts * 41, 24),
      site_place(num_hosts * 3 + 8, 4) {
  Builder builder(*this, seed ^ 0x666c6f776c6f6773);
  builder.AddPlaces();
  builder.AddShared();
  builder.AddHosts(num_hosts);
  builder.AddMiddle();
  builder.AddOthers(num_hosts);
  builder.AddTransit(num_hosts);
}

}  // namespace v1
}  // namespace flowlogs
