#ifndef FLOWLOGS_LIB_QUERY_CPU_COUNT_H_
#define FLOWLOGS_LIB_QUERY_CPU_COUNT_H_

namespace flowlogs {
inline namespace v1 {

// The CPUs that this process may use: its affinity mask, and the quota of its cgroup, rounded up (CONTRACT P1). At least 1.
int UsableCpus();

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_CPU_COUNT_H_
