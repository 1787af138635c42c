// As many workers as there are threads claim tasks from a counter, one by one. A limit of threads therefore holds in
// any pool. What a pool cannot run, because it is out of memory for example, the calling thread runs.
#include "runtime/executor.hpp"

#include "runtime/cpus.hpp"
#include "runtime/float_state.hpp"

#ifdef LANEFOLD_WITH_TBB
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
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

constexpr std::chrono::milliseconds start_time{5}; // a thread usually starts within 0.1 ms

void run_job(void *job, int64_t) { static_cast<Job *>(job)->run(); }

} // namespace

#ifdef LANEFOLD_WITH_TBB
// An arena of oneTBB, which one call at a time may use. A call that finds it in use runs on its own thread alone. It
// would otherwise wait there until the other call ends.
class Executor::Team {
public:
  // oneTBB has no more workers than CPUs, and prints a warning when asked for more.
  explicit Team(int32_t threads) : threads_(std::min(threads, affinity_cpus())) {}

  int32_t threads() const noexcept { return threads_; }

  // Whether oneTBB can no longer be used. It keeps its workers for all arenas of a process and knows nothing of forks, so
  // a forked child has none. If it lacked memory when it started, it would make its next caller wait forever.
  static bool is_lost() noexcept {
    const uint64_t state = process.load(std::memory_order_acquire);
    return state == failed || (state != not_started && forks_of(state) != forks());
  }

  // Returns whether this call had the team.
  bool run(Job &job, int64_t workers) noexcept {
    if (in_use_.test_and_set(std::memory_order_acquire)) return false;
    uint64_t state = not_started;
    const bool is_first = process.compare_exchange_strong(state, starting | forks(), std::memory_order_acquire);
    const bool may_enter = is_first || state == (ready | forks());
    if (may_enter) {
      try {
        std::optional<NoFork> no_fork; // oneTBB opens libraries when it starts
        if (is_first) no_fork.emplace();
        enter(job, workers);
        if (is_first) process.store(ready | forks(), std::memory_order_release);
      } catch (...) {
        // oneTBB lacked memory or a thread. It has waited for the tasks that it started.
        process.store(failed, std::memory_order_release);
      }
    }
    in_use_.clear(std::memory_order_release);
    return may_enter;
  }

private:
  // The state of oneTBB in this process. Two of these are combined with the number of forks before its start. While one
  // thread starts it, the calls of other threads run alone.
  static constexpr uint64_t not_started = 0, starting = uint64_t{1} << 32, ready = uint64_t{2} << 32,
                            failed = uint64_t{3} << 32;
  static uint32_t forks_of(uint64_t state) { return static_cast<uint32_t>(state); }
  static constinit std::atomic<uint64_t> process;

  // Isolation keeps a thread that waits here from taking a task of another call, which would need more memory and stack.
  void enter(Job &job, int64_t workers) {
    if (arena_ == nullptr) arena_ = std::make_unique<tbb::task_arena>(threads_);
    arena_->execute([&] {
      tbb::this_task_arena::isolate([&] {
        tbb::parallel_for(
            tbb::blocked_range<int64_t>(0, workers, 1), [&](const auto &) { job.run(); }, tbb::simple_partitioner());
      });
    });
  }

  const int32_t threads_;
  std::atomic_flag in_use_;
  std::unique_ptr<tbb::task_arena> arena_; // belongs to whoever set in_use_; NULL before the first call
};

constinit std::atomic<uint64_t> Executor::Team::process{not_started};
#else
class Executor::Team {
public:
  explicit Team(int32_t) {}
  static bool is_lost() noexcept { return true; }
  int32_t threads() const noexcept { return 1; }
  bool run(Job &, int64_t) noexcept { return false; }
};
#endif

Executor::Executor(int32_t threads, const lf_executor &own)
    : threads_(threads), made_after_forks_(forks()), own_(own),
      team_(own.parallel_for != nullptr ? nullptr : std::make_unique<Team>(threads)) {}

int32_t Executor::threads() const noexcept {
  const bool is_alone = forks() != made_after_forks_ || (team_ != nullptr && Team::is_lost());
  return is_alone ? 1 : threads_;
}

Executor::~Executor() {
  // In a forked child, a lock of oneTBB's may be in the hands of a thread that is gone.
  if (team_ != nullptr && (forks() != made_after_forks_ || Team::is_lost())) static_cast<void>(team_.release());
}

void Executor::start() noexcept {
  struct Arrival {
    const int64_t expected;
    const std::chrono::steady_clock::time_point deadline;
    std::atomic<int64_t> arrived{0};
  } arrival{team_ == nullptr ? 1 : std::min(threads(), team_->threads()),
            std::chrono::steady_clock::now() + start_time};
  if (arrival.expected < 2) return;
  const auto arrive = [](void *arg, int64_t) {
    auto &all = *static_cast<Arrival *>(arg);
    ++all.arrived;
    while (all.arrived < all.expected && std::chrono::steady_clock::now() < all.deadline) std::this_thread::yield();
  };
  // Another call may have the team for a while.
  while (std::chrono::steady_clock::now() < arrival.deadline && !Team::is_lost()) {
    Job job{arrival.expected, arrive, &arrival};
    if (team_->run(job, arrival.expected)) return;
    std::this_thread::yield();
  }
}

void Executor::parallel_for(int64_t count, lf_task task, void *arg) noexcept {
  Job job{count, task, arg};
  const int64_t workers = std::min<int64_t>(count, threads());
  if (workers > 1) {
    if (own_.parallel_for != nullptr) own_.parallel_for(own_.self, workers, run_job, &job);
    else team_->run(job, workers);
  }
  job.run();
}

} // namespace lanefold::runtime
