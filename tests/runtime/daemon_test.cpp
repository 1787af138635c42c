// A process that forks before any of its calls has used two threads, as a daemon does, loses nothing.  The other test
// programs cannot check this, because oneTBB runs in them from their first test on.
#include "support/gemm.hpp"
#include "support/threads.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lanefold;
using namespace lanefold::test;

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
    cpu_set_t cpus;
    const bool has_one_cpu = sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == 1;
    const bool has_worker = threads_of_process() == (has_one_cpu ? 1 : 2);
    _exit((is_right ? 0 : 1) + (has_worker ? 0 : 2));
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
