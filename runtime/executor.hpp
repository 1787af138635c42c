// Runs the tasks of a call: on oneTBB, which only executor.cpp knows, or on the application's own thread pool.
#pragma once

#include "runtime/forks.hpp"

#include <lanefold/context.h>

#include <cstdint>
#include <memory>

namespace lanefold::runtime {

class Executor {
public:
  // If own.parallel_for is NULL, tasks run on oneTBB. They run on the calling thread alone if oneTBB is absent or
  // has failed, or if the parent of this process has used it. In a forked child, every executor of the parent runs tasks
  // on the calling thread.
  Executor(int32_t threads, const lf_executor &own);
  ~Executor();

  // The most tasks that run at once. A forked child has no thread but its own: it gets 1.
  int32_t threads() const noexcept;

  // Like lf_parallel_for. Each task runs with the floating-point state that the results need. [thread-safe]
  void parallel_for(int64_t count, lf_task task, void *arg) noexcept;

  // Starts oneTBB's workers, and waits up to 5 ms until each has run a task. Later calls on this thread then allocate
  // nothing, unless the workers were busy all the time.
  void start() noexcept;

private:
  class Team; // of oneTBB

  const int32_t threads_;
  const uint32_t made_after_forks_;
  const lf_executor own_;
  std::unique_ptr<Team> team_; // NULL with the application's own pool
};

} // namespace lanefold::runtime
