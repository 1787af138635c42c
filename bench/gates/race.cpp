// A turn is as many runs as take about 50 microseconds, timed as one.
#include "race.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <random>

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

int64_t runs_of_a_turn(const Runner &runner) {
  runner.run(); // warm
  int64_t runs = 1;
  for (double each; (each = time_of(runner, runs)) * static_cast<double>(runs) < turn;)
    runs = std::max(runs + 1, std::min(runs * 10, static_cast<int64_t>(1.1 * turn / each)));
  return runs;
}

} // namespace

std::vector<double> race(const std::vector<Runner> &runners, double seconds) {
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
      const double each = time_of(runners[i], runs[i]);
      spent += each * static_cast<double>(runs[i]);
      best[i] = std::min(best[i], each);
    }
  }
  return best;
}

} // namespace lanefold::bench
