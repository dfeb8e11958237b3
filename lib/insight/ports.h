// Ports with a meaning for detections.
#ifndef FLOWLOGS_LIB_INSIGHT_PORTS_H_
#define FLOWLOGS_LIB_INSIGHT_PORTS_H_

#include <cstdint>

#include "lib/insight/flow_table.h"

namespace flowlogs {
inline namespace v1 {
namespace insight {

constexpr bool HasPorts(uint8_t protocol) { return protocol == 6 || protocol == 17 || protocol == 132; }

// Where people administer machines: telnet, SSH, RDP, VNC, WinRM, Docker, radmin.
constexpr bool IsAdminPort(uint16_t port) {
  switch (port) {
    case 22: case 23: case 2222: case 2375: case 2376: case 3389: case 4899:
    case 5900: case 5901: case 5902: case 5903: case 5985: case 5986:
      return true;
    default:
      return false;
  }
}
// Databases that ask for a password.
constexpr bool IsDatabasePort(uint16_t port) {
  switch (port) {
    case 1433: case 1521: case 3306: case 5432: case 5433: case 5439: case 6379: case 9042: case 27017:
      return true;
    default:
      return false;
  }
}
// Windows' own: RPC, NetBIOS, SMB.
constexpr bool IsWindowsPort(uint16_t port) { return port == 135 || port == 139 || port == 445; }
// Those of all three, as bits: which it is of a record's port cannot be predicted.
class LoginPorts {
 public:
  LoginPorts() {
    for (uint32_t port = 0; port < 65536; ++port) {
      const auto p = static_cast<uint16_t>(port);
      if (IsAdminPort(p) || IsDatabasePort(p) || IsWindowsPort(p)) bits_[port / 64] |= uint64_t{1} << port % 64;
    }
  }
  bool contains(uint16_t port) const { return (bits_[port / 64] >> port % 64 & 1) != 0; }

 private:
  uint64_t bits_[65536 / 64] = {};
};
inline const LoginPorts kLoginPorts;
inline bool IsLoginPort(uint16_t port) { return kLoginPorts.contains(port); }

// Whether attempts of the flow count for scans: those with ports, without traceroute's; and ICMP.
constexpr bool IsProbed(const FlowKey& key) {
  if (key.protocol == 17 && key.port >= 33434 && key.port <= 33534) return false;
  return HasPorts(key.protocol) || key.protocol == 1 || key.protocol == 58;
}

}  // namespace insight
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_INSIGHT_PORTS_H_
