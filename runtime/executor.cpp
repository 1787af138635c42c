// As many workers as there are threads claim tasks from a counter, one by one. A limit of threads therefore holds in
// any pool. What a pool cannot run, because it is out of memory for example, the calling thread runs.
#include "runtime/executor.hpp"

#include "runtime/float_state.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <sched.h>
#include <thread>

namespace lanefold::runtime {
namespace {

struct Job {
  const int64_t count;
  const lf_task task;
  void *const arg;
  std::atomic<int64_t> next{0};

  void run() noexcept {
    const FloatState state;
    for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < count;
         i = next.fetch_add(1, std::memory_order_relaxed))
      task(arg, i);
  }
};

void run_job(void *job, int64_t) { static_cast<Job *>(job)->run(); }

// Isolation keeps a thread that waits here from taking a task of another call, which would need more memory and stack.
void run_on_tbb(tbb::task_arena &arena, Job &job, int64_t workers) noexcept {
  try {
    arena.execute([&] {
      tbb::this_task_arena::isolate([&] {
        tbb::parallel_for(
            tbb::blocked_range<int64_t>(0, workers, 1), [&](const auto &) { job.run(); }, tbb::simple_partitioner());
      });
    });
  } catch (...) {
    // oneTBB had no memory for its tasks. It has waited for those that it started.
  }
}

} // namespace

int32_t available_cpus() noexcept {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
  return std::max(static_cast<int32_t>(std::thread::hardware_concurrency()), 1); // more than 1024 CPUs
}

// Making an arena starts no thread; the first call that uses it does.
struct Executor::Arena {
  explicit Arena(int threads) : arena(threads) {}
  tbb::task_arena arena;
};

// oneTBB has no more workers than CPUs, and prints a warning when asked for more.
Executor::Executor(int32_t threads, const lf_executor &own)
    : threads_(threads), own_(own),
      arena_(own.parallel_for != nullptr ? nullptr : std::make_unique<Arena>(std::min(threads, available_cpus()))) {}

Executor::~Executor() = default;

void Executor::parallel_for(int64_t count, lf_task task, void *arg) noexcept {
  Job job{count, task, arg};
  const int64_t workers = std::min<int64_t>(count, threads_);
  if (workers > 1) {
    if (own_.parallel_for != nullptr) own_.parallel_for(own_.self, workers, run_job, &job);
    else run_on_tbb(arena_->arena, job, workers);
  }
  job.run();
}

} // namespace lanefold::runtime
