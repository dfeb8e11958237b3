// What this process may use of the machine.
#ifndef FLOWLOGS_LIB_QUERY_PROCESS_LIMITS_H_
#define FLOWLOGS_LIB_QUERY_PROCESS_LIMITS_H_

#include <cstdint>

namespace flowlogs {
inline namespace v1 {

// The CPUs: by its affinity and the quotas of its cgroups, rounded up; at least 1.
int UsableCpus();

// Bytes of memory: of the machine, of the limits of its cgroups and of its address space (ulimit -v) the least.
uint64_t UsableMemory();
// What groups may take of it if nobody has said how much: half.
inline uint64_t UsableGroupBytes() { return UsableMemory() / 2; }

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_PROCESS_LIMITS_H_
