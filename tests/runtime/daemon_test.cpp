// A process that forks before any of its calls has used two threads, as a daemon does, loses nothing.  The other test
// programs cannot check this, because oneTBB runs in them from their first test on.
#include "support/gemm.hpp"

#include <fstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace lanefold;
using namespace lanefold::test;

namespace {

int threads_of_process() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Threads:")) return std::stoi(line.substr(8));
  return 0;
}

} // namespace

TEST_CASE("a child of a process that has used no threads uses two") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(20);
    const Context two = context(2);
    PaddedMatrix a(200, 200), b(200, 200), c(200, 200);
    a.fill([](int64_t, int64_t) { return 1.0f; });
    b.fill([](int64_t, int64_t) { return 2.0f; });
    two.sgemm(a, b, c);
    const bool is_right = two.threads() == 2 && c(7, 9) == 400;
    const bool has_worker = sysconf(_SC_NPROCESSORS_ONLN) == 1 || threads_of_process() == 2;
    _exit((is_right ? 0 : 1) + (has_worker ? 0 : 2));
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
