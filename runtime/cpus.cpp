// Source: the kernel's documentation, admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (cpu.cfs_quota_us).
#include "runtime/cpus.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sched.h>
#include <sstream>
#include <thread>

namespace lanefold::runtime {
namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

// "50000 100000" is a quota and a period in microseconds; "max" and -1 stand for no quota.
double ratio(std::istream &&text) {
  double quota = 0, period = 0;
  return text >> quota >> period && quota > 0 && period > 0 ? quota / period : unlimited;
}

std::string first_line(const std::string &file) {
  std::string line;
  std::getline(std::ifstream(file), line);
  return line;
}

double quota_of(const std::string &folder, bool unified) {
  if (unified) return ratio(std::ifstream(folder + "/cpu.max"));
  return ratio(
      std::istringstream(first_line(folder + "/cpu.cfs_quota_us") + ' ' + first_line(folder + "/cpu.cfs_period_us")));
}

// The groups above a group limit it, too. A process in a container may see its path on the host; of that path, only the
// root exists in the container, and it is the container's own group.
double smallest_quota(const std::string &hierarchy, std::string group, bool unified) {
  double quota = unlimited;
  for (;;) {
    quota = std::min(quota, quota_of(hierarchy + group, unified));
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return quota;
    group.resize(slash);
  }
}

} // namespace

double cpu_quota(const std::string &root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  double quota = unlimited;
  // Lines such as "0::/a/b" in version 2 and "4:cpu,cpuacct:/a/b" in version 1.
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") quota = std::min(quota, smallest_quota(mounts, group, true));
    else if (controllers.find(",cpu,") != std::string::npos)
      quota = std::min(quota, smallest_quota(mounts + "/cpu", group, false));
  }
  return quota;
}

int32_t affinity_cpus() noexcept {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
  return std::max(static_cast<int32_t>(std::thread::hardware_concurrency()), 1); // more than 1024 CPUs
}

int32_t available_cpus() {
  const int32_t cpus = affinity_cpus();
  const double quota = cpu_quota();
  return quota < cpus ? std::max(static_cast<int32_t>(quota), 1) : cpus;
}

} // namespace lanefold::runtime
