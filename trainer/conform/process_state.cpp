#include "trainer/conform/process_state.hpp"

#include "trainer/conform/trampoline.hpp"

#include <clocale>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lanefold::trainer::conform {
namespace {

std::string bytes_of(const void *data, size_t size) { return {static_cast<const char *>(data), size}; }

int entries_of(const char *folder) {
  int count = 0;
  std::error_code ignored;
  for (auto at = std::filesystem::directory_iterator(folder, ignored); at != std::filesystem::directory_iterator();
       ++at)
    ++count;
  return count;
}

std::vector<std::pair<std::string, std::string>> facts() {
  std::vector<std::pair<std::string, std::string>> facts;
  for (int signal = 1; signal <= 64; ++signal) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) != 0) continue; // the C library's own
    const char *name = sigabbrev_np(signal);
    facts.emplace_back(
        "the handler of " + (name == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(name)),
        bytes_of(&action.sa_sigaction, sizeof action.sa_sigaction) +
            bytes_of(&action.sa_flags, sizeof action.sa_flags) + bytes_of(&action.sa_mask, sizeof(uint64_t)));
  }
  stack_t stack = {};
  sigaltstack(nullptr, &stack);
  facts.emplace_back("the alternate signal stack", bytes_of(&stack.ss_sp, sizeof stack.ss_sp));
  for (const auto &[name, resource] :
       {std::pair("the limit on open files", RLIMIT_NOFILE), std::pair("the limit on memory", RLIMIT_AS),
        std::pair("the limit on the stack", RLIMIT_STACK)}) {
    rlimit limits = {};
    getrlimit(resource, &limits);
    facts.emplace_back(name, bytes_of(&limits, sizeof limits));
  }
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  facts.emplace_back("the CPU affinity", bytes_of(&cpus, sizeof cpus));
  facts.emplace_back("the open files", std::to_string(entries_of("/proc/self/fd")));
  sigset_t blocked;
  std::memset(&blocked, 0, sizeof blocked);
  sigprocmask(SIG_BLOCK, nullptr, &blocked);
  facts.emplace_back("the blocked signals", bytes_of(&blocked, sizeof blocked));
  std::error_code ignored;
  facts.emplace_back("the working directory", std::filesystem::current_path(ignored).string());
  std::string variables;
  for (char **variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    variables += std::string(*variable) + '\n';
  facts.emplace_back("the environment", variables);
  const char *locale = setlocale(LC_ALL, nullptr);
  facts.emplace_back("the locale", locale == nullptr ? "" : locale);
  const mode_t mask = umask(0);
  umask(mask);
  facts.emplace_back("the umask", std::to_string(mask));
  uint64_t controls[2];
  read_float_controls(controls);
  facts.emplace_back("the floating-point controls", bytes_of(controls, sizeof controls));
  return facts;
}

} // namespace

uint64_t feature_bit(std::string_view word) {
  for (const auto &[name, bit] : cpu_feature_bits)
    if (name == word) return bit;
  return 0;
}

ProcessState::ProcessState() : facts_(facts()) {}

std::vector<std::string> ProcessState::changes() const {
  std::vector<std::string> changes;
  const auto now = facts();
  for (size_t i = 0; i < now.size(); ++i)
    if (now[i] != facts_[i]) changes.push_back(now[i].first);
  return changes;
}

Allocated allocated() {
  const struct mallinfo2 heap = mallinfo2();
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return {heap.uordblks + heap.hblkhd, pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE))};
}

int count_threads() { return entries_of("/proc/self/task"); }

} // namespace lanefold::trainer::conform
