// Everything about the distribution of rounds is here; what a value is does not matter.
#include "estimate.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace lanefold::bench {
namespace {

// For every eight rounds, the mean leaves out one at each end.  With few rounds it leaves out none: where memory has
// two modes, trimming would hide one of them.
constexpr size_t rounds_per_trimmed = 8, fewest_to_trim = 12;
// The share of the spread of rounds that is also a spread between runs: what changes between rounds also changes, more
// slowly, between runs.  It is calibrated on quick runs of a virtual machine with Zen 5: with half of it, two gates of 35
// contradicted each other in thirteen runs.
constexpr double unseen_share = 0.2;
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

size_t trimmed_of(size_t rounds) { return rounds < fewest_to_trim ? 0 : rounds / rounds_per_trimmed; } // at each end

// `means`: how many means were estimated from the rounds.
size_t degrees_of(size_t rounds, size_t means) { return rounds - 2 * trimmed_of(rounds) - means; }

// The rounds without the differences between placements: each placement's mean becomes that of all placements.
std::vector<double> without_placements(std::vector<double> rounds, size_t placements) {
  std::vector<double> means(placements);
  for (size_t p = 0; p < placements; ++p) {
    const double count = static_cast<double>((rounds.size() - p + placements - 1) / placements);
    for (size_t i = p; i < rounds.size(); i += placements) means[p] += rounds[i] / count;
  }
  double mean = 0;
  for (const double each : means) mean += each / static_cast<double>(placements);
  for (size_t i = 0; i < rounds.size(); ++i) rounds[i] += mean - means[i % placements];
  return rounds;
}

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

// `means`: how many means the rounds have in common with those they were taken from.
Interval estimate_alike(const std::vector<double> &rounds, size_t means, double unseen, double limit) {
  const size_t trimmed = trimmed_of(rounds.size()), kept = rounds.size() - 2 * trimmed;
  std::vector<double> sorted = rounds;
  std::sort(sorted.begin(), sorted.end());
  const double low = sorted[trimmed], high = sorted[trimmed + kept - 1];
  double value = 0;
  for (size_t i = 0; i < kept; ++i) value += sorted[trimmed + i] / static_cast<double>(kept);
  if (kept == 1) return {value, value - limit, value + limit};

  const double all = static_cast<double>(rounds.size());
  const size_t degrees = degrees_of(rounds.size(), means);
  std::vector<double> winsorized = rounds;
  double mean = 0, squares = 0;
  for (double &each : winsorized) mean += (each = std::clamp(each, low, high)) / all;
  for (const double each : winsorized) squares += (each - mean) * (each - mean);
  // The spread of one round: Yuen's variance of the trimmed mean, times the number of rounds.
  const double variance = squares / static_cast<double>(degrees) * all / static_cast<double>(kept);
  const double error = std::sqrt(variance / all * excess_of_correlation(winsorized, mean) +
                                 unseen_share * unseen_share * variance + unseen * unseen);
  const double half = std::min(limit, student_quantile(degrees) * error);
  return {value, value - half, value + half};
}

} // namespace

// Placements that differ widen the interval of the rounds as they are, and it stays right, because placements take turns.
// Without the differences there are fewer degrees of freedom.  So the narrower interval is the better one.
Interval estimate(const std::vector<double> &rounds, double unseen, double limit, size_t placements) {
  if (rounds.empty()) throw std::logic_error("no round yields no estimate");
  const Interval mixed = estimate_alike(rounds, 1, unseen, limit);
  if (placements == 1 || rounds.size() < rounds_per_placement * placements) return mixed;
  const Interval alike = estimate_alike(without_placements(rounds, placements), placements, unseen, limit);
  return alike.high - alike.low < mixed.high - mixed.low ? alike : mixed;
}

double half_width_after(double half_width, double unseen, size_t now, size_t later) {
  if (now < 2) return half_width;
  const auto quantile = [](size_t rounds) { return student_quantile(degrees_of(rounds, 1)); };
  const double error = half_width / quantile(now);
  const auto parts = [](size_t rounds) { return 1 / static_cast<double>(rounds) + unseen_share * unseen_share; };
  const double variance = std::max(0.0, error * error - unseen * unseen) / parts(now); // of one round
  return quantile(later) * std::sqrt(variance * parts(later) + unseen * unseen);
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

void FastestTimes::begin_round() { rounds_.emplace_back(variants_); }

void FastestTimes::add(size_t variant, double seconds, bool shared_core) {
  Fastest &fastest = rounds_.back().at(variant);
  if (seconds < fastest.first) fastest.second = std::exchange(fastest.first, seconds);
  else fastest.second = std::min(fastest.second, seconds);
  fastest.had_core |= !shared_core;
}

template <class Check> bool FastestTimes::all_of_round(const Check &check) const {
  for (size_t v = 0; v < variants_; ++v)
    if (!dropped_.contains(v) && !check(rounds_.back()[v])) return false;
  return true;
}

bool FastestTimes::is_settled() const {
  return all_of_round([](const Fastest &fastest) {
    return fastest.had_core && std::isfinite(fastest.second) &&
           fastest.second <= fastest.first * (1 + confirmed_within);
  });
}

bool FastestTimes::is_complete() const {
  return all_of_round([](const Fastest &fastest) { return std::isfinite(fastest.first); });
}

// Rounds with a variant that was dropped later come first.  If rounds of each placement are left, each placement gets the
// same number of them.
template <class Value>
FastestTimes::Values FastestTimes::by_round(const std::vector<size_t> &of, const Value &value) const {
  Values values;
  std::vector<double> by_placement[placement_count];
  for (size_t i = 0; i < rounds_.size(); ++i) {
    const double each = value([&](size_t variant) { return rounds_[i].at(variant).first; });
    if (!std::isfinite(each)) break;
    values.all.push_back(each);
    if (!std::all_of(of.begin(), of.end(), [&](size_t variant) { return rounds_[i].at(variant).had_core; })) continue;
    values.undisturbed.push_back(each);
    by_placement[i % placement_count].push_back(each);
  }
  size_t fewest = values.all.size();
  for (const auto &placement : by_placement) fewest = std::min(fewest, placement.size());
  if (values.undisturbed.size() == values.all.size()) values.placements = placement_count;
  else if (fewest >= rounds_per_placement) {
    values.undisturbed.clear();
    for (size_t i = 0; i < fewest; ++i)
      for (const auto &placement : by_placement) values.undisturbed.push_back(placement[i]);
    values.placements = placement_count;
  }
  return values;
}

template <class Value>
Interval FastestTimes::interval_of(const std::vector<size_t> &of, const Value &value, double unseen,
                                   double limit) const {
  const Values values = by_round(of, value);
  if (!values.undisturbed.empty()) return estimate(values.undisturbed, unseen, limit, values.placements);
  const double center = estimate(values.all, unseen, limit).value;
  return {center, center - limit, center + limit};
}

bool FastestTimes::is_always_slower(size_t a, size_t b, double factor) const {
  const Values ratios = by_round({a, b}, [=](const auto &seconds) { return seconds(a) / seconds(b); });
  return std::all_of(ratios.all.begin(), ratios.all.end(), [=](double ratio) { return ratio > factor; });
}

namespace {

const double widest_factor = std::log(10); // an interval ends at a tenth and at ten times its value

Interval exponential(const Interval &logs) { return {std::exp(logs.value), std::exp(logs.low), std::exp(logs.high)}; }

} // namespace

Interval FastestTimes::ratio(size_t a, size_t b) const {
  const auto log = [=](const auto &seconds) { return std::log(seconds(a) / seconds(b)); };
  return exponential(interval_of({a, b}, log, unseen_ratio, widest_factor));
}

Interval FastestTimes::seconds(size_t variant) const {
  const auto log = [=](const auto &seconds) { return std::log(seconds(variant)); };
  return exponential(interval_of({variant}, log, unseen_time, widest_factor));
}

Interval FastestTimes::difference(size_t a, size_t b) const {
  const double time = seconds(a).value;
  const auto difference = [=](const auto &seconds) { return seconds(a) - seconds(b); };
  return interval_of({a, b}, difference, unseen_ratio * time, 10 * time);
}

} // namespace lanefold::bench
