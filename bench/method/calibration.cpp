// As fast as ever is what the fastest tenth of the last runs took: one lucky run sets no standard.
#include "calibration.hpp"

#include "clock.hpp"

#include <algorithm>
#include <limits>
#include <thread>

namespace lanefold::bench {
namespace {

constexpr size_t remembered = 200, first_runs = 20;
constexpr int64_t steps = 10'000; // 30 us or so

// The best of three: an interrupt is no drift.
double fastest(const FmaLoop &loop) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const Clock::time_point begin = Clock::now();
    float sum = loop.run(steps, 0.5f, 1.0f);
    asm volatile("" : "+x"(sum));
    best = std::min(best, seconds_since(begin));
  }
  return best;
}

} // namespace

Calibration::Calibration(const std::string &isa, int threads) : loop_(fma_loop(isa)), threads_(threads) {
  for (size_t i = 0; i < first_runs; ++i) drift();
}

double Calibration::seconds() const {
  std::vector<double> times(static_cast<size_t>(threads_));
  std::vector<std::thread> others;
  for (size_t i = 1; i < times.size(); ++i) others.emplace_back([&, i] { times[i] = fastest(loop_); });
  times[0] = fastest(loop_);
  for (std::thread &other : others) other.join();
  return *std::max_element(times.begin(), times.end());
}

double Calibration::drift() {
  const double now = seconds();
  if (history_.size() == remembered) history_.erase(history_.begin());
  history_.push_back(now);
  std::vector<double> sorted = history_;
  const auto tenth = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 10);
  std::nth_element(sorted.begin(), tenth, sorted.end());
  return now / *tenth;
}

} // namespace lanefold::bench
