// Runs the tasks of a call: on oneTBB, which only executor.cpp knows, or on the application's own thread pool.
#pragma once

#include <lanefold/context.h>

#include <cstdint>
#include <memory>

namespace lanefold::runtime {

// The number of CPUs that this process may use, at least 1.
int32_t available_cpus() noexcept;

class Executor {
public:
  // If own.parallel_for is NULL, tasks run on oneTBB.
  Executor(int32_t threads, const lf_executor &own);
  ~Executor();

  int32_t threads() const { return threads_; }

  // Like lf_parallel_for. Each task runs with the floating-point state that the results need. [thread-safe]
  void parallel_for(int64_t count, lf_task task, void *arg) noexcept;

private:
  struct Arena; // of oneTBB

  const int32_t threads_;
  const lf_executor own_;
  const std::unique_ptr<Arena> arena_; // NULL with the application's own pool
};

} // namespace lanefold::runtime
