#include "lib/synth/network.h"

#include "flowlogs/schema/address.h"

namespace flowlogs {
inline namespace v1 {

Network::Network(const World& built, uint64_t seed) : world(built) {
  Random random(seed ^ 0x6e6574776f726b73);
  Hosts workers;
  const size_t late = world.hosts.size() - 2;  // the last two come later
  for (size_t i = 0; i < world.hosts.size(); ++i) {
    const Interface* host = &world.hosts[i];
    if (i >= late) {
      newcomers.push_back(host);
      continue;
    }
    all.push_back(host);
    switch (host->role) {
      case Role::kWeb:
        web.push_back(host);
        break;
      case Role::kApp:
      case Role::kTask:
        app.push_back(host);
        break;
      case Role::kDatabase:
        database.push_back(host);
        break;
      case Role::kCache:
        cache.push_back(host);
        break;
      case Role::kBastion:
        bastion.push_back(host);
        break;
      case Role::kMail:
        mail.push_back(host);
        break;
      case Role::kNode:
        node.push_back(host);
        break;
      case Role::kWorker:
        workers.push_back(host);
        break;
    }
  }
  monitor = workers[0];
  resolver = workers[1];
  builder = workers[2];
  reporter = workers[3];
  batch.assign(workers.begin() + 4, workers.end());
  if (batch.empty()) batch.push_back(reporter);

  for (uint32_t i = 0; i < 6; ++i) admins.push_back(&Make("192.168.16." + std::to_string(20 + i * 7)));
  for (uint32_t i = 0; i < 6; ++i) mirrors.push_back(&Stranger(random));
  for (uint32_t i = 0; i < 3; ++i) agents.push_back(&Stranger(random));
  for (const char* text : {"1.1.1.1", "8.8.8.8"}) resolvers.push_back(&Make(text));
  for (uint32_t i = 0; i < 4; ++i) clocks.push_back(&Stranger(random));
  for (uint32_t i = 0; i < 2; ++i) forges.push_back(&Stranger(random));
  for (uint32_t i = 0; i < 24; ++i) partners.push_back(&Stranger(random, i % 4 == 3));
  for (uint32_t i = 0; i < 3; ++i) watchers.push_back(&Stranger(random));
  vault = &Stranger(random);
}

const NetworkAddress& Network::Make(std::string_view text) {
  made_.push_back({arena_.Add(text), world.missing, text.find(':') != std::string_view::npos});
  return made_.back();
}

const NetworkAddress& Network::Stranger(Random& random, bool v6) {
  static constexpr uint32_t kOctets[] = {31, 37, 45, 46, 62, 77, 80, 85, 89, 91, 94, 103, 141, 151, 185, 193, 194, 212};
  if (v6) {
    const uint64_t provider = (uint64_t{0x2a01} + random.Below(12)) << 48;
    const uint64_t network = provider | random.Next() >> 16;
    return Make(IpAddress::V6(network, random.Next()).ToString());
  }
  const uint32_t octet = random.Of(kOctets);
  return Make(IpAddress::V4(octet << 24 | random.Below(1 << 24)).ToString());
}

}  // namespace v1
}  // namespace flowlogs
