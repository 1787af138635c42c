// Who runs the tasks of a call: oneTBB, or the application's own thread pool. The only file that knows oneTBB, with
// executor.cpp.
#pragma once

#include <lanefold/context.h>

#include <tbb/task_arena.h>

#include <cstdint>

namespace lanefold::runtime {

// Number of CPUs that this process may use, at least 1.
int32_t available_cpus() noexcept;

class Executor {
public:
  // own.parallel_for NULL: oneTBB.
  Executor(int32_t threads, const lf_executor &own);

  int32_t threads() const { return threads_; }

  // As lf_parallel_for; each task runs with the floating-point state that results are promised for. [thread-safe]
  void parallel_for(int64_t count, lf_task task, void *arg) noexcept;

private:
  const int32_t threads_;
  const lf_executor own_;
  tbb::task_arena arena_; // oneTBB is started by the first execute, not by this
};

} // namespace lanefold::runtime
