#include "lib/query/process_limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace flowlogs {
inline namespace v1 {
namespace {

// The quota of a cgroup folder in CPUs, rounded up; 0 if it has none. Version 2 has cpu.max ("200000 100000" or "max
// 100000"), version 1 has two files, -1 for no quota.
int Quota(const std::string& folder) {
  double quota = 0;
  double period = 0;
  std::ifstream v2(folder + "/cpu.max");
  if (!(v2 >> quota >> period)) {
    std::ifstream v1_quota(folder + "/cpu.cfs_quota_us");
    std::ifstream v1_period(folder + "/cpu.cfs_period_us");
    if (!(v1_quota >> quota) || !(v1_period >> period)) return 0;
  }
  if (quota <= 0 || period <= 0) return 0;
  return std::max(1, static_cast<int>((quota + period - 1) / period));
}

// The limit of a cgroup folder, of version 2 ("max" or a number) or 1; the greatest number if it has none.
uint64_t MemoryLimit(const std::string& folder) {
  for (const char* name : {"/memory.max", "/memory.limit_in_bytes"}) {
    std::ifstream file(folder + name);
    uint64_t bytes = 0;
    if (file >> bytes) return bytes;
  }
  return std::numeric_limits<uint64_t>::max();
}

// Calls f(folder) for the cgroups of this process that have the controller, and every one above them: each may have a
// limit. "0::/user.slice" (version 2), "4:cpu,cpuacct:/docker/..." (version 1).
template <typename F>
void ForEachFolder(const std::string& controller, F&& f) {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers.find(controller) == std::string::npos) continue;
    const std::string root = controllers.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + controllers;
    for (std::string path = line.substr(second + 1);; path.erase(path.rfind('/'))) {
      f(root + path);
      if (path.find('/') == std::string::npos) break;
    }
  }
}

}  // namespace

int UsableCpus() {
  int cpus = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#ifdef __linux__
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) cpus = std::max(1, CPU_COUNT(&mask));
  ForEachFolder("cpu", [&](const std::string& folder) {
    if (const int quota = Quota(folder)) cpus = std::min(cpus, quota);
  });
#endif
  return cpus;
}

uint64_t UsableMemory() {
  uint64_t bytes = std::numeric_limits<uint64_t>::max();
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
  rlimit address_space;
  if (getrlimit(RLIMIT_AS, &address_space) == 0) bytes = std::min<uint64_t>(bytes, address_space.rlim_cur);
#ifdef __linux__
  ForEachFolder("memory", [&](const std::string& folder) { bytes = std::min(bytes, MemoryLimit(folder)); });
#endif
  return bytes;
}

}  // namespace v1
}  // namespace flowlogs
