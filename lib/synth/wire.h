// From what two hosts do to what flow logs say of it: which interfaces see the packets, and what each records.
#ifndef FLOWLOGS_LIB_SYNTH_WIRE_H_
#define FLOWLOGS_LIB_SYNTH_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/synth/flow.h"
#include "lib/synth/random.h"
#include "lib/synth/world.h"

namespace flowlogs {
inline namespace v1 {

// What a client and a server exchange, as the two of them would tell it. Bytes are payload: headers are added.
struct Connection {
  enum class Outcome : uint8_t {
    kServed,
    kRejected,     // by the server's security group or ACL
    kRejectedOut,  // by the client's
    kUnanswered,   // nobody is there
    kReset,        // the port is closed: RST
    kHalfOpen,     // SYN, SYN-ACK, and no more
    kProbed,       // SYN, SYN-ACK, RST: somebody looked whether the port is open
  };
  const NetworkAddress* client = nullptr;
  const NetworkAddress* server = nullptr;
  const Interface* client_at = nullptr;  // null: no interface of ours
  const Interface* server_at = nullptr;
  int64_t start = 0;
  int64_t seconds = 0;  // until its last packet
  uint64_t up_bytes = 0;
  uint64_t down_bytes = 0;
  uint64_t packets = 0;  // of each direction; 0: what the bytes need. Of what is not served: SYNs, 0 is 1
  uint16_t client_port = 0;
  uint16_t server_port = 0;
  uint8_t protocol = 6;
  Outcome outcome = Outcome::kServed;
  bool opens = true;  // the first packets are in it, and the last: a long connection is several, one behind the other
  bool closes = true;
};

// Appends to a vector the records of connections. One record is one direction at one interface in at most a minute.
// What leaves a private subnet is seen at the NAT gateway as well, both legs; what goes to another VPC at the transit
// gateway.
class Wire {
 public:
  static constexpr int64_t kInterval = 60;

  // Does not own them.
  Wire(const World& world, std::vector<Flow>* out) : world_(world), out_(*out) {}

  void Add(const Connection& connection);
  // An interval of an interface of which AWS says nothing else.
  void AddStatus(const Interface& at, Flow::Status status, int64_t start, int64_t end);

 private:
  // The packets at one interface.
  struct Leg {
    const Interface* at;
    const Interface* hop = nullptr;
    const NetworkAddress* client;
    const NetworkAddress* server;
    const NetworkAddress* pkt_client;
    const NetworkAddress* pkt_server;
    uint16_t client_port;
    uint8_t path = 0;  // of what leaves
    bool at_client;    // the interface is on the client's side of the packets: they leave there
    int8_t encryption = -1;
  };
  void AddLeg(const Connection& connection, const Leg& leg);
  void AddClientLegs(const Connection& connection, const Leg& plain);
  Flow& AddOne(const Connection& connection, const Leg& leg, bool up);

  const World& world_;
  std::vector<Flow>& out_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_SYNTH_WIRE_H_
