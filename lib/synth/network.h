// Who is who in a scenario: what each host of the World is for, and the parties outside that it knows.
#ifndef FLOWLOGS_LIB_SYNTH_NETWORK_H_
#define FLOWLOGS_LIB_SYNTH_NETWORK_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "lib/synth/random.h"
#include "lib/synth/world.h"

namespace flowlogs {
inline namespace v1 {

using Hosts = std::vector<const Interface*>;
using Addresses = std::vector<const NetworkAddress*>;

struct Network {
  // `world` must outlive it.
  Network(const World& world, uint64_t seed);
  Network(const Network&) = delete;  // its addresses point into it
  Network& operator=(const Network&) = delete;

  const World& world;
  Hosts web, app, database, cache, bastion, mail, node;
  // One host each, that does what all networks need. The rest of the workers are batch.
  const Interface* monitor = nullptr;
  const Interface* resolver = nullptr;
  const Interface* builder = nullptr;   // CI: builds and deploys
  const Interface* reporter = nullptr;  // writes a copy of the backups to a provider outside
  Hosts batch;
  Hosts all;        // that are there from the beginning
  Hosts newcomers;  // that start in the course of the scenario: no traffic before

  Addresses admins;                       // behind the VPN
  Addresses mirrors;                      // package updates
  Addresses agents;                       // a monitoring service that all hosts report to
  Addresses resolvers;                    // that the resolver asks
  Addresses clocks;                       // NTP
  Addresses forges;                       // where the code is
  Addresses partners;                     // APIs that some hosts call
  Addresses watchers;                     // uptime checks from outside
  const NetworkAddress* vault = nullptr;  // the provider of the copies

  // An address on the internet that nobody else has.
  const NetworkAddress& Stranger(Random& random, bool v6 = false);
  const NetworkAddress& Make(std::string_view text);

 private:
  TextArena arena_;
  std::deque<NetworkAddress> made_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_NETWORK_H_
