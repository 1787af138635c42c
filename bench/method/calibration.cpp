// The reference time of a kernel is that of its fastest tenth of runs, so one lucky run does not set the standard.
#include "calibration.hpp"

#include "clock.hpp"
#include "machine.hpp"

#include <algorithm>
#include <limits>
#include <thread>

namespace lanefold::bench {
namespace {

constexpr size_t warm_up_runs = 50;
constexpr int64_t steps = 6'000; // about 20 us
constexpr int64_t bytes_read = 1 << 20;
// Relative excess over the reference time that a quarter of all runs show on a virtual machine without neighbours.
constexpr double usual_excess[] = {0.04, 0.06, 0.2};

// The best of three runs, so that an interrupt does not look like drift.
template <class Kernel> double fastest(const Kernel &kernel) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const Clock::time_point begin = Clock::now();
    kernel();
    best = std::min(best, seconds_since(begin));
  }
  return best;
}

// Memory of this thread: the last `floats` of a buffer as large as the L2 data.
const float *own_memory(int64_t floats) {
  thread_local const std::vector<float> memory(static_cast<size_t>(levels()[1].bytes / 4), 1.0f);
  return memory.data() + (static_cast<int64_t>(memory.size()) - floats);
}

double read_seconds(const MemoryLoops &loops, const Level &level) {
  const int64_t floats = level.bytes / 4 / 128 * 128;
  const float *const data = own_memory(floats);
  return fastest([&] {
    for (int64_t done = 0; done < bytes_read; done += 4 * floats) {
      int32_t mix = loops.read(data, floats);
      asm volatile("" : "+r"(mix));
    }
  });
}

std::array<double, 3> run_kernels(const FmaLoop &loop, const MemoryLoops &memory) {
  const double arithmetic = fastest([&] {
    float sum = loop.run(steps, 0.5f, 1.0f);
    asm volatile("" : "+x"(sum));
  });
  return {arithmetic, read_seconds(memory, levels()[0]), read_seconds(memory, levels()[1])};
}

} // namespace

Calibration::Calibration(const std::string &isa, int threads)
    : loop_(fma_loop(isa)), memory_(memory_loops(isa)), threads_(threads) {
  for (size_t i = 0; i < warm_up_runs; ++i) drift();
}

std::array<double, 3> Calibration::seconds() const {
  std::vector<std::array<double, 3>> times(static_cast<size_t>(threads_));
  std::vector<std::thread> other_threads;
  for (size_t i = 1; i < times.size(); ++i)
    other_threads.emplace_back([&, i] { times[i] = run_kernels(loop_, memory_); });
  times[0] = run_kernels(loop_, memory_);
  for (std::thread &thread : other_threads) thread.join();
  std::array<double, 3> slowest = times[0];
  for (const auto &time : times)
    for (size_t i = 0; i < slowest.size(); ++i) slowest[i] = std::max(slowest[i], time[i]);
  return slowest;
}

double Calibration::drift() {
  const std::array<double, 3> now = seconds();
  double worst = 0;
  for (size_t i = 0; i < now.size(); ++i) {
    std::vector<double> &history = history_[i];
    history.insert(std::upper_bound(history.begin(), history.end(), now[i]), now[i]);
    worst = std::max(worst, (now[i] / history[history.size() / 10] - 1) / usual_excess[i]);
  }
  return worst;
}

} // namespace lanefold::bench
