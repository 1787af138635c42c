// Everything about the distribution of rounds is here; what a value is does not matter.
#include "estimate.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>

namespace lanefold::bench {
namespace {

// A round is trimmed at each end for every eight.
constexpr size_t rounds_per_trimmed = 8;
// The share of the spread of rounds that is also a spread between runs: what changes between rounds also changes, more
// slowly, between runs.
constexpr double unseen_share = 0.1;
constexpr double max_correlation = 0.8; // beyond this, a run is too short to tell correlation from drift

constexpr double confirmed_within = 0.01;

// The quantile of Student's distribution for 99.9%, two-sided, by degrees of freedom.
double student_quantile(size_t degrees) {
  static_assert(confidence == 0.999);
  constexpr double table[] = {636.62, 31.60, 12.92, 8.61, 6.87, 5.96, 5.41, 5.04, 4.78, 4.59,
                              4.44,   4.32,  4.22,  4.14, 4.07, 4.01, 3.97, 3.92, 3.88, 3.85};
  constexpr double normal = 3.29;
  constexpr size_t last = std::size(table);
  if (degrees <= last) return table[degrees - 1];
  // Beyond the table, the excess over the normal quantile is proportional to 1 / degrees.
  return normal + (table[last - 1] - normal) * last / static_cast<double>(degrees);
}

size_t trimmed_of(size_t rounds) { return rounds / rounds_per_trimmed; } // at each end

// The quantile for the interval of this many rounds.
double quantile_of(size_t rounds) { return student_quantile(rounds - 2 * trimmed_of(rounds) - 1); }

// By how much the variance of a mean exceeds that of independent values.  It treats them as a process of first order.
double excess_of_correlation(const std::vector<double> &values, double mean) {
  double squares = 0, products = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    squares += (values[i] - mean) * (values[i] - mean);
    if (i > 0) products += (values[i] - mean) * (values[i - 1] - mean);
  }
  if (squares == 0) return 1;
  const double correlation = std::clamp(products / squares, 0.0, max_correlation);
  return (1 + correlation) / (1 - correlation);
}

} // namespace

Interval estimate(const std::vector<double> &rounds, double unseen, double limit) {
  if (rounds.empty()) throw std::logic_error("no round yields no estimate");
  const size_t trimmed = trimmed_of(rounds.size()), kept = rounds.size() - 2 * trimmed;
  std::vector<double> sorted = rounds;
  std::sort(sorted.begin(), sorted.end());
  const double low = sorted[trimmed], high = sorted[trimmed + kept - 1];
  double value = 0;
  for (size_t i = 0; i < kept; ++i) value += sorted[trimmed + i] / static_cast<double>(kept);
  if (kept == 1) return {value, value - limit, value + limit};

  const double all = static_cast<double>(rounds.size()), degrees = static_cast<double>(kept - 1);
  std::vector<double> winsorized = rounds;
  double mean = 0, squares = 0;
  for (double &each : winsorized) mean += (each = std::clamp(each, low, high)) / all;
  for (const double each : winsorized) squares += (each - mean) * (each - mean);
  // The spread of one round: Yuen's variance of the trimmed mean, times the number of rounds.
  const double variance = squares / degrees * all / static_cast<double>(kept);
  const double error = std::sqrt(variance / all * excess_of_correlation(winsorized, mean) +
                                 unseen_share * unseen_share * variance + unseen * unseen);
  const double half = std::min(limit, quantile_of(rounds.size()) * error);
  return {value, value - half, value + half};
}

double half_width_after(double half_width, double unseen, size_t now, size_t later) {
  if (now < 2) return half_width;
  const double error = half_width / quantile_of(now);
  const auto parts = [](size_t rounds) { return 1 / static_cast<double>(rounds) + unseen_share * unseen_share; };
  const double variance = std::max(0.0, error * error - unseen * unseen) / parts(now); // of one round
  return quantile_of(later) * std::sqrt(variance * parts(later) + unseen * unseen);
}

Interval smallest(const std::vector<Interval> &all) {
  Interval result = all.at(0);
  for (const Interval &one : all)
    result = {std::min(result.value, one.value), std::min(result.low, one.low), std::min(result.high, one.high)};
  return result;
}

Interval largest(const std::vector<Interval> &all) {
  Interval result = all.at(0);
  for (const Interval &one : all)
    result = {std::max(result.value, one.value), std::max(result.low, one.low), std::max(result.high, one.high)};
  return result;
}

Verdict verdict_of(const Interval &interval, double target, bool at_least) {
  if (interval.low > target) return at_least ? Verdict::holds : Verdict::fails;
  if (interval.high < target) return at_least ? Verdict::fails : Verdict::holds;
  return Verdict::undecided;
}

const char *word_of(Verdict verdict) {
  switch (verdict) {
  case Verdict::holds: return "holds";
  case Verdict::fails: return "fails";
  default: return "undecided";
  }
}

void FastestTimes::begin_round() { rounds_.emplace_back(placements_ * variants_); }

void FastestTimes::add(size_t placement, const std::vector<double> &seconds) {
  for (size_t v = 0; v < variants_; ++v) {
    Fastest &fastest = rounds_.back()[placement * variants_ + v];
    const double time = seconds.at(v);
    if (fastest.first == 0 || time < fastest.first) fastest = {time, fastest.first};
    else if (fastest.second == 0 || time < fastest.second) fastest.second = time;
  }
}

bool FastestTimes::is_settled(size_t placement) const {
  for (size_t v = 0; v < variants_; ++v) {
    const Fastest &fastest = at(rounds_.back(), placement, v);
    if (fastest.second == 0 || fastest.second > fastest.first * (1 + confirmed_within)) return false;
  }
  return true;
}

std::vector<const FastestTimes::Round *> FastestTimes::complete_rounds() const {
  std::vector<const Round *> complete;
  for (const Round &round : rounds_)
    if (std::all_of(round.begin(), round.end(), [](const Fastest &fastest) { return fastest.first > 0; }))
      complete.push_back(&round);
  return complete;
}

template <class Value> std::vector<double> FastestTimes::by_round(const Value &value) const {
  std::vector<double> values;
  for (const Round *round : complete_rounds()) {
    double sum = 0;
    for (size_t p = 0; p < placements_; ++p) sum += value([&](size_t variant) { return at(*round, p, variant).first; });
    values.push_back(sum / static_cast<double>(placements_));
  }
  return values;
}

namespace {

const double widest_factor = std::log(10); // an interval ends at a tenth and at ten times its value

Interval exponential(const Interval &logs) { return {std::exp(logs.value), std::exp(logs.low), std::exp(logs.high)}; }

} // namespace

Interval FastestTimes::ratio(size_t a, size_t b) const {
  const auto logs = by_round([=](const auto &seconds) { return std::log(seconds(a) / seconds(b)); });
  return exponential(estimate(logs, unseen_ratio, widest_factor));
}

Interval FastestTimes::seconds(size_t variant) const {
  const auto logs = by_round([=](const auto &seconds) { return std::log(seconds(variant)); });
  return exponential(estimate(logs, unseen_time, widest_factor));
}

Interval FastestTimes::difference(size_t a, size_t b) const {
  const auto differences = by_round([=](const auto &seconds) { return seconds(a) - seconds(b); });
  const double time = seconds(a).value;
  return estimate(differences, unseen_ratio * time, 10 * time);
}

} // namespace lanefold::bench
