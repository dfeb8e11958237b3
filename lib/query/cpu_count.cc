#include "lib/query/cpu_count.h"

#include <algorithm>
#include <fstream>
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

}  // namespace

int UsableCpus() {
  int cpus = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#ifdef __linux__
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) cpus = std::max(1, CPU_COUNT(&mask));
  // "0::/user.slice" (version 2), "4:cpu,cpuacct:/docker/..." (version 1). Every folder above may have a quota as well.
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers.find("cpu") == std::string::npos) continue;
    const std::string root = controllers.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + controllers;
    for (std::string path = line.substr(second + 1);; path.erase(path.rfind('/'))) {
      if (const int quota = Quota(root + path)) cpus = std::min(cpus, quota);
      if (path.find('/') == std::string::npos) break;
    }
  }
#endif
  return cpus;
}

}  // namespace v1
}  // namespace flowlogs
