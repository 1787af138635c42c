// How many CPUs the process may use.
#pragma once

#include <cstdint>
#include <string>

namespace lanefold::runtime {

// The number of CPUs in the affinity mask of this thread, at least 1.
int32_t affinity_cpus() noexcept;

// The number of CPUs that this process may use, at least 1: those of its affinity mask, or fewer if the quota of a
// control group is smaller. A quota of 1.5 CPUs counts as 1. With 2 threads the group would use up its
// quota, and a call would wait while the system stops it.
int32_t available_cpus();

// The quota of the control groups in which this process is, in CPUs; infinite without one. It reads the files
// ROOT/proc/self/cgroup and below ROOT/sys/fs/cgroup. Both versions of control groups are understood.
double cpu_quota(const std::string &root = "");

} // namespace lanefold::runtime
