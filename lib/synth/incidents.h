// Incidents, as those who cause them would: at random times, of random size, by and against random hosts.
#ifndef FLOWLOGS_LIB_SYNTH_INCIDENTS_H_
#define FLOWLOGS_LIB_SYNTH_INCIDENTS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/synth/network.h"
#include "lib/synth/random.h"
#include "lib/synth/truth.h"
#include "lib/synth/wire.h"

namespace flowlogs {
inline namespace v1 {

// Plans all of them at once: their connections, by start, and what the truth says of them. Besides, what looks like an
// incident and is none (Truth::decoys). Knows nothing of how logs are judged.
class Incidents {
 public:
  // An interface whose records are lost in a time: without a trace, or told of by SKIPDATA.
  struct Loss {
    const Interface* at;
    int64_t start;
    int64_t end;
    bool told;
  };

  // `truth` and `network` must outlive it.
  Incidents(Network* network, uint64_t seed, Truth* truth);
  void Plan(int64_t start, int64_t end);
  const std::vector<Connection>& connections() const { return connections_; }
  const std::vector<Loss>& losses() const { return losses_; }

 private:
  // One of a kind, or two that differ: incidents_reach.cc, incidents_take.cc.
  void ScanFast();
  void ScanSlowly();
  void ScanV6();
  void ScanInside();
  void SweepFromOutside();
  void SweepInside();
  void GuessPasswords();
  void GuessInside();
  void ExposeAdminPort();
  void ProbeAndGet();
  void Flood();
  void FloodByReflection();
  void MoveLaterally();
  void Exfiltrate(bool v6);
  void Beacon(bool v6);
  void Spike();
  void AddNewcomer();
  void Tunnel();
  void MeetListed();
  void TryForbidden();
  void BypassDns();
  void BreakPolicy();
  void StayConnected();
  void GoSilent();
  void SkipData();
  void AddDecoys();

  // Parts.
  void WritePolicy();
  const Interface& Take(const Hosts& hosts);           // one that has no part in anything else, if there is one
  const Interface& TakeV6(const Hosts& hosts);         // with an IPv6 address
  const Interface& TakeBehindNat(const Hosts& hosts);  // in the first VPC
  int64_t Begin(int64_t seconds);                      // of something that takes so long
  uint16_t Port() { return static_cast<uint16_t>(random_.Between(32768, 60999)); }
  // Not yet added: its times and bytes follow.
  Connection In(const NetworkAddress& client, const Interface& server, uint16_t port, int64_t start);
  Connection Out(const Interface& client, const NetworkAddress& server, uint16_t port, int64_t start);
  Connection Inside(const Interface& client, const Interface& server, uint16_t port, int64_t start);
  void Add(const Connection& connection) { connections_.push_back(connection); }
  // A connection of hours, in pieces.
  void AddLong(Connection connection, int64_t seconds, uint64_t up_a_minute, uint64_t down_a_minute);
  TruthEntry& Tell(std::string_view kind, std::string_view actor, int64_t start, int64_t end, std::string why);
  // The actor is an own host that reaches out: its gateway shows the same.
  void TellGateway(const Interface& host, TruthEntry* entry) const;

  Network& network_;
  const World& world_;
  const uint64_t seed_;
  Random random_;
  Truth& truth_;
  int64_t start_ = 0, end_ = 0;
  std::set<const Interface*> taken_;
  std::vector<Connection> connections_;
  std::vector<Loss> losses_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_INCIDENTS_H_
