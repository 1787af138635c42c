// Reads what Linux reports in files and through sysconf.  A missing file counts as unknown.
#include "machine.hpp"

#include "revision.hpp"

#include <lanefold/lanefold.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace lanefold::bench {
namespace {

const std::string cpu_folder = "/sys/devices/system/cpu/";

// The first line of a file, or "" if it cannot be read.
std::string line_of(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// A field of /proc/cpuinfo, such as "flags".
std::string cpu_field(const std::string &name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const size_t colon = line.find(": ");
    return colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return "";
}

bool virtualized() { return (" " + cpu_field("flags") + " ").find(" hypervisor ") != std::string::npos; }

// "on", "off", or "" if unknown.
std::string turbo() {
  const std::string none = line_of(cpu_folder + "intel_pstate/no_turbo"), boost = line_of(cpu_folder + "cpufreq/boost");
  if (!none.empty()) return none == "0" ? "on" : "off";
  if (!boost.empty()) return boost == "1" ? "on" : "off";
  return "";
}

std::string governor() { return line_of(cpu_folder + "cpu0/cpufreq/scaling_governor"); }

double load() {
  double average = 0;
  return getloadavg(&average, 1) == 1 ? average : 0;
}

// The first usable CPU of each core, and the other usable CPUs.
std::pair<std::vector<int>, std::vector<int>> cpus_by_core() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> first, siblings;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    const std::string core = line_of(cpu_folder + "cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    const bool fresh = core.empty() || cores.insert(core).second;
    (fresh ? first : siblings).push_back(cpu);
  }
  return {first, siblings};
}

int64_t system_bytes(int name, int64_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? static_cast<int64_t>(bytes) : otherwise;
}

// The L3 that one core uses.  sysconf reports that of the whole socket on a virtual machine, or none.
int64_t l3_bytes() {
  const std::string size = line_of(cpu_folder + "cpu0/cache/index3/size"); // "32768K"
  if (size.ends_with("K") && size.size() < 12 && std::isdigit(size[0])) return std::stoll(size) << 10;
  return system_bytes(_SC_LEVEL3_CACHE_SIZE, 32 << 20);
}

} // namespace

const std::vector<Level> &levels() {
  static const std::vector<Level> all = [] {
    const int64_t l1 = system_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10),
                  l2 = system_bytes(_SC_LEVEL2_CACHE_SIZE, 1 << 20);
    const int64_t l3 = std::max(l3_bytes(), 4 * l2);
    const int64_t memory = system_bytes(_SC_PHYS_PAGES, 1 << 20) * system_bytes(_SC_PAGESIZE, 4096);
    const int64_t beyond = std::min({4 * l3, int64_t{256} << 20, memory / 16});
    return std::vector<Level>{{"L1", l1 / 2}, {"L2", l2 / 2}, {"L3", std::min(4 * l2, l3 / 2)}, {"memory", beyond}};
  }();
  return all;
}

Json environment() {
  char cpu[512] = "";
  lf_describe_cpu(cpu, sizeof cpu, nullptr);
  utsname kernel{};
  uname(&kernel);
  Json caches = Json::object();
  for (const auto &[name, key] : {std::pair{"L1d", _SC_LEVEL1_DCACHE_SIZE}, {"L2", _SC_LEVEL2_CACHE_SIZE}})
    if (const int64_t bytes = system_bytes(key, 0)) caches[name] = bytes;
  caches["L3"] = l3_bytes();
  Json sizes = Json::object();
  for (const Level &level : levels()) sizes[level.name] = level.bytes;
  const std::string smt = line_of(cpu_folder + "smt/active");
  const int version = lf_version();
  char libc[64] = "";
  confstr(_CS_GNU_LIBC_VERSION, libc, sizeof libc);
  return {{"cpu", cpu},
          {"caches", caches},
          {"level_bytes", sizes},
          {"cpus", usable_cpus().size()},
          {"kernel", std::string(kernel.sysname) + " " + kernel.release},
          {"libc", libc},
          {"compiler", LANEFOLD_COMPILER},
          {"flags", LANEFOLD_FLAGS},
          {"lanefold", std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
                           std::to_string(version % 100)},
          {"revision", LANEFOLD_REVISION},
          {"governor", governor()},
          {"turbo", turbo()},
          {"smt", smt == "1"   ? "on"
                  : smt == "0" ? "off"
                               : ""},
          {"virtual", virtualized()},
          {"load", load()}};
}

std::vector<std::string> warnings() {
  std::vector<std::string> all;
  if (virtualized()) all.push_back("this is a virtual machine, and its host may run others on the same cores");
  if (const std::string name = governor(); !name.empty() && name != "performance")
    all.push_back("the frequency governor is '" + name + "', not 'performance'");
  if (turbo() == "on") all.push_back("turbo is on, so the frequency depends on temperature and on the other cores");
  if (line_of(cpu_folder + "smt/active") == "1") all.push_back("SMT is on, so another program may use half of a core");
  if (load() > 0.5) all.push_back("the machine is not idle (load " + std::to_string(load()).substr(0, 4) + ")");
  if (line_of("/proc/thread-self/schedstat").empty())
    all.push_back("this system does not tell how long threads wait for a CPU, so no repetition can be discarded");
  if (const std::string quota = line_of("/sys/fs/cgroup/cpu.max"); !quota.empty() && !quota.starts_with("max"))
    all.push_back("the CPU time of this cgroup is limited (cpu.max " + quota + ")");
  const int64_t l3 = l3_bytes();
  if (levels().back().bytes < 2 * l3)
    all.push_back("the reported L3 of " + std::to_string(l3 >> 20) + " MB is so large that \"memory\" data of " +
                  std::to_string(levels().back().bytes >> 20) + " MB may fit in it");
  return all;
}

int cores() { return static_cast<int>(cpus_by_core().first.size()); }

std::vector<int> usable_cpus() {
  auto [first, siblings] = cpus_by_core();
  first.insert(first.end(), siblings.begin(), siblings.end());
  return first;
}

void pin_to(int threads) {
  const std::vector<int> cpus = usable_cpus();
  if (static_cast<size_t>(threads) > cpus.size())
    throw std::runtime_error(std::to_string(threads) + " threads need as many CPUs, but this process may use only " +
                             std::to_string(cpus.size()));
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int i = 0; i < threads; ++i) CPU_SET(cpus[static_cast<size_t>(i)], &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) throw std::runtime_error("the process could not be pinned to CPUs");
}

void evict_caches() {
  static std::vector<int64_t> unrelated(static_cast<size_t>(std::min(levels().back().bytes, int64_t{128} << 20)) / 8,
                                        1);
  int64_t sum = 0;
  for (size_t i = 0; i < unrelated.size(); i += 8) sum += unrelated[i];
  asm volatile("" : : "r"(sum));
}

namespace {

std::string find_module_folder(const std::string &part) {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const std::filesystem::path &folder : {own / part, own.parent_path() / "bench" / part})
    if (std::filesystem::is_directory(folder, error)) return folder.string();
  return "";
}

} // namespace

bool has_module_folder(const std::string &part) { return !find_module_folder(part).empty(); }

std::string module_folder(const std::string &part) {
  const std::string folder = find_module_folder(part);
  if (folder.empty())
    throw std::runtime_error("the modules of bench/" + part + " are not installed; run ./dev bench in the source tree");
  return folder;
}

} // namespace lanefold::bench
