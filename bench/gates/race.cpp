// A turn is as many runs as take about 50 microseconds, timed as one.  The threads of some libraries wait for more work
// without sleeping, for as long as 30 ms, and would slow down whoever comes next.
#include "race.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <random>
#include <sys/resource.h>
#include <thread>

namespace lanefold::bench {
namespace {

constexpr double turn = 50e-6;
constexpr int least_rounds = 7, most_rounds = 2000;

double time_of(const Runner &runner, int64_t runs) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  for (int64_t i = 0; i < runs; ++i) runner.run();
  return std::chrono::duration<double>(Clock::now() - begin).count() / static_cast<double>(runs);
}

double processor_seconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval &t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Returns when no thread of this process has run for a millisecond, or after a tenth of a second.
void rest() {
  for (int i = 0; i < 100; ++i) {
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (processor_seconds() - before < 1e-4) return;
  }
}

int64_t runs_of_a_turn(const Runner &runner) {
  runner.run(); // warm
  int64_t runs = 1;
  for (double each; (each = time_of(runner, runs)) * static_cast<double>(runs) < turn;)
    runs = std::max(runs + 1, std::min(runs * 10, static_cast<int64_t>(1.1 * turn / each)));
  return runs;
}

} // namespace

std::vector<double> race(const std::vector<Runner> &runners, double seconds, int threads) {
  std::vector<int64_t> runs;
  for (const Runner &runner : runners) runs.push_back(runs_of_a_turn(runner));
  std::vector<double> best(runners.size(), std::numeric_limits<double>::infinity());
  std::vector<size_t> order(runners.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937 random(1);
  double spent = 0;
  const double budget = seconds * static_cast<double>(runners.size());
  for (int round = 0; round < least_rounds || (spent < budget && round < most_rounds); ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const size_t i : order) {
      if (threads > 1) {
        rest();
        time_of(runners[i], runs[i]);
      }
      const double each = time_of(runners[i], runs[i]);
      spent += each * static_cast<double>(runs[i]);
      best[i] = std::min(best[i], each);
    }
  }
  return best;
}

} // namespace lanefold::bench
