// The estimator and the plan on a simulated machine, whose true ratios are known.  Nothing is timed.
//
// A simulated run has 70 gates, whose distances to their targets are those of a real machine, and lasts two minutes of
// simulated time.  Twenty such runs are compared as the real ones are: pairs of runs overlap, verdicts do not
// contradict each other, few gates are undecided.  The estimator that one would write first fails the same checks.
#include "timing/estimate.hpp"
#include "timing/plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace lanefold::bench;

namespace {

// What disturbs the simulated machine.
struct Noise {
  double steals = 0.002; // share of the repetitions from which another program takes time
  bool steps = false;    // the frequency changes every few seconds, by 10 to 30%
  bool drift = false;    // the machine becomes 5% slower during the run, and one variant 0.5% more than the other
  bool modes = false;    // a third of the cases have two modes: in half of the rounds, one variant is 2% slower
  bool busy = false;     // for a third of the time, half of the repetitions lose time, and one variant is 1% slower
  double unseen = 0.001; // standard deviation of what stays the same within a run
};

struct SimulatedCase {
  double ratio;      // logarithm of the true ratio of the first two variants; the target is 1
  double spread;     // standard deviation of the logarithm, over memory
  double placements; // by how much it grows from one placement to the next
  bool two_modes;
  // What a round costs.
  double preparation_seconds, repetition_seconds;
  size_t variants;
};

constexpr double quick_seconds = 110, full_seconds = 210, target = 1; // 3 s for a case in a full run
constexpr size_t fewest_samples = 3, most_samples = 10;

// One run of the simulated machine.
class Machine {
public:
  Machine(const Noise &noise, double run_seconds, unsigned seed)
      : noise_(noise), run_seconds_(run_seconds), random_(seed) {}

  double now() const { return now_; }
  double left() const { return run_seconds_ - now_; }
  double progress() const { return now_ / run_seconds_; }
  bool is_busy() const { return busy_; }
  void prepare(double seconds) { now_ += seconds; }
  double uniform() { return std::ldexp(random_(), -32); }
  size_t random_below(size_t count) { return random_() % count; }
  double normal(double deviation) { // Box and Muller, Annals of Mathematical Statistics 29, 1958
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return deviation * radius * std::cos(2 * std::numbers::pi * uniform());
  }

  // The seconds of a repetition that takes `seconds` on the machine when it is quiet.
  double repeat(double seconds) {
    while (now_ > next_step_) {
      next_step_ += exponential(3);
      level_ = noise_.steps ? std::array{1.0, 1.1, 1.3}[random_() % 3] : 1.0;
      busy_ = noise_.busy && uniform() < 1.0 / 3;
    }
    if (noise_.drift) seconds *= 1 + 0.05 * progress();
    seconds *= level_ * (1 + std::fabs(normal(0.004)));
    if (uniform() < (busy_ ? 0.5 : noise_.steals)) seconds *= 1.5 + exponential(2);
    now_ += seconds;
    return seconds;
  }

private:
  double exponential(double mean) { return -mean * std::log(1 - uniform()); }

  const Noise noise_;
  const double run_seconds_;
  std::mt19937 random_;
  double now_ = 0, next_step_ = 0, level_ = 1;
  bool busy_ = false;
};

// The estimator that one would write first: the mean of all samples, with 1.96 standard errors to each side.
class Naive {
public:
  void add(double value) { sum_ += value, squares_ += value * value, ++count_; }
  Interval interval() const {
    const double mean = sum_ / count_, error = std::sqrt((squares_ / count_ - mean * mean) / count_);
    return {std::exp(mean), std::exp(mean - 1.96 * error), std::exp(mean + 1.96 * error)};
  }

private:
  double sum_ = 0, squares_ = 0, count_ = 0;
};

using Intervals = std::vector<Interval>; // by gate
struct Run {
  Intervals ours, naive;
};

// `offset`: what stays the same within the run.
void simulate_round(Machine &machine, const Noise &noise, const SimulatedCase &simulated, double offset,
                    FastestTimes &times, Naive &naive) {
  machine.prepare(simulated.preparation_seconds);
  times.begin_round();
  double ratio = simulated.ratio + offset + machine.normal(simulated.spread);
  if (noise.modes && simulated.two_modes) ratio += machine.uniform() < 0.5 ? 0.01 : -0.01;
  if (noise.drift) ratio += 0.005 * (machine.progress() - 0.5);
  if (noise.busy) ratio += machine.is_busy() ? 0.02 / 3 : -0.01 / 3;
  const auto placement = static_cast<double>((times.rounds() - 1) % placement_count);
  ratio += simulated.placements * (placement - 1.5); // each time alike
  std::vector<double> seconds(simulated.variants);
  for (size_t sample = 0; sample < most_samples && (sample < fewest_samples || !times.is_settled()); ++sample) {
    const size_t first = machine.random_below(simulated.variants);
    for (size_t i = 0; i < simulated.variants; ++i) {
      const size_t v = (first + i) % simulated.variants;
      seconds[v] = machine.repeat(simulated.repetition_seconds * (v == 0 ? std::exp(ratio) : 1));
    }
    for (size_t v = 0; v < seconds.size(); ++v) times.add(v, seconds[v]);
    naive.add(std::log(seconds[0] / seconds[1]));
  }
}

enum class Order { planned, even };

Run simulate(const Noise &noise, const std::vector<SimulatedCase> &cases, unsigned seed, Order order = Order::planned,
             double run_seconds = quick_seconds) {
  Machine machine(noise, run_seconds, seed);
  std::vector<FastestTimes> times;
  for (const SimulatedCase &each : cases) times.emplace_back(each.variants);
  std::vector<Naive> naive(cases.size());
  std::vector<Progress> progress(cases.size());
  std::vector<double> offsets, spent(cases.size());
  for (size_t i = 0; i < cases.size(); ++i) offsets.push_back(machine.normal(noise.unseen));
  for (size_t number = 1; machine.left() > 0; ++number) {
    const size_t i = order == Order::even ? number % cases.size() : next_case(progress, machine.left(), run_seconds);
    if (i == no_case) break;
    const double begin = machine.now();
    simulate_round(machine, noise, cases[i], offsets[i], times[i], naive[i]);
    spent[i] += machine.now() - begin;
    Progress &each = progress[i];
    each.rounds = times[i].rounds(), each.last = number;
    each.round_seconds = spent[i] / static_cast<double>(each.rounds);
    each.goals = {{times[i].ratio(0, 1), target}};
  }
  Run run;
  for (size_t i = 0; i < cases.size(); ++i)
    run.ours.push_back(times[i].ratio(0, 1)), run.naive.push_back(naive[i].interval());
  return run;
}

// How far the gates of a real machine are from their targets, in per mille.
constexpr int distances[] = {0,   0,   1,   1,   2,   3,   4,   4,   5,   8,   8,   9,   9,   11,  11,   12,  12, 13,
                             13,  15,  16,  18,  18,  20,  20,  21,  21,  23,  24,  24,  25,  26,  27,   31,  32, 36,
                             37,  39,  41,  43,  43,  44,  45,  46,  50,  55,  57,  61,  71,  77,  80,   82,  94, 108,
                             116, 118, 129, 137, 157, 193, 307, 311, 352, 359, 360, 460, 642, 833, 1279, 1402};

// Their spreads and costs are also those of a real machine.  Placements matter to a fifth of its cases.
std::vector<SimulatedCase> real_cases() {
  constexpr double spreads[] = {0.001, 0.002, 0.003, 0.003, 0.005, 0.008, 0.015};
  std::mt19937 random(7);
  const auto between = [&](double low, double high) { return low + (high - low) * std::ldexp(random(), -32); };
  std::vector<SimulatedCase> cases;
  for (const int distance : distances) {
    SimulatedCase one{};
    one.ratio = (random() % 2 ? 1e-3 : -1e-3) * distance;
    one.spread = spreads[random() % std::size(spreads)];
    one.placements = random() % 5 == 0 ? between(0.005, 0.05) : 0;
    one.two_modes = random() % 3 == 0;
    one.preparation_seconds = random() % 10 == 0 ? between(0.1, 1) : between(0.005, 0.02);
    one.repetition_seconds = 1e-4 * std::pow(20, between(0, 1)); // up to 2 ms
    one.variants = 2 + random() % 9;
    cases.push_back(one);
  }
  return cases;
}

// The hardest case for verdicts: any verdict is wrong.
std::vector<SimulatedCase> cases_on_target() {
  std::vector<SimulatedCase> cases = real_cases();
  for (SimulatedCase &each : cases) each.ratio = 0;
  return cases;
}

constexpr unsigned run_count = 20;

struct NamedNoise {
  const char *name;
  Noise noise;
};
const NamedNoise all_noises[] = {
    {"quiet", {}},
    {"steals", {.steals = 0.05}},
    {"steps", {.steps = true}},
    {"drift", {.drift = true}},
    {"two modes", {.modes = true}},
    {"all", {.steals = 0.02, .steps = true, .drift = true, .modes = true}},
    {"busy", {.steals = 0.02, .steps = true, .drift = true, .modes = true, .busy = true}},
};

struct Runs {
  std::vector<Intervals> ours, naive;
};
void append(Runs &runs, const Noise &noise, const std::vector<SimulatedCase> &cases, unsigned count, unsigned seed,
            Order order = Order::planned) {
  for (unsigned i = 0; i < count; ++i) {
    Run run = simulate(noise, cases, seed + i, order);
    runs.ours.push_back(std::move(run.ours)), runs.naive.push_back(std::move(run.naive));
  }
}
Runs simulate_runs(const Noise &noise, const std::vector<SimulatedCase> &cases, Order order = Order::planned) {
  Runs runs;
  append(runs, noise, cases, run_count, 1, order);
  return runs;
}

// Twenty runs of the real cases on each machine.
const std::vector<Runs> &real_runs() {
  static const std::vector<Runs> all = [] {
    std::vector<Runs> runs;
    for (const auto &[name, noise] : all_noises) runs.push_back(simulate_runs(noise, real_cases()));
    return runs;
  }();
  return all;
}

Verdict verdict(const Interval &interval) { return verdict_of(interval, target, true); }

// How many intervals do not contain the true ratio.
int count_misses(const std::vector<Intervals> &runs, const std::vector<SimulatedCase> &cases) {
  int misses = 0;
  for (const Intervals &run : runs)
    for (size_t i = 0; i < cases.size(); ++i)
      misses += verdict_of(run[i], std::exp(cases[i].ratio), true) != Verdict::undecided;
  return misses;
}

// The share of the gates whose intervals do not overlap, in the worst pair of runs.
double worst_pair(const std::vector<Intervals> &runs) {
  double worst = 0;
  for (size_t a = 0; a < runs.size(); ++a)
    for (size_t b = 0; b < a; ++b) {
      double apart = 0;
      for (size_t i = 0; i < runs[a].size(); ++i)
        apart += runs[a][i].low > runs[b][i].high || runs[b][i].low > runs[a][i].high;
      worst = std::max(worst, apart / static_cast<double>(runs[a].size()));
    }
  return worst;
}

// How many gates hold in one run and fail in another.
int count_contradictions(const std::vector<Intervals> &runs) {
  int contradictions = 0;
  for (size_t i = 0; i < runs[0].size(); ++i) {
    const auto any = [&](Verdict one) {
      return std::any_of(runs.begin(), runs.end(), [&](const Intervals &run) { return verdict(run[i]) == one; });
    };
    contradictions += any(Verdict::holds) && any(Verdict::fails);
  }
  return contradictions;
}

// Of the gates that are at least this far from their targets.
double undecided_share(const Intervals &run, const std::vector<SimulatedCase> &cases, double distance) {
  double gates = 0, undecided = 0;
  for (size_t i = 0; i < cases.size(); ++i)
    if (std::fabs(cases[i].ratio) >= distance) ++gates, undecided += verdict(run[i]) == Verdict::undecided;
  return undecided / gates;
}

// The undecided share of each run of the real cases, the largest last.
std::vector<double> undecided_shares(const std::vector<Intervals> &runs, double distance = 0) {
  std::vector<double> shares;
  for (const Intervals &run : runs) shares.push_back(undecided_share(run, real_cases(), distance));
  std::sort(shares.begin(), shares.end());
  return shares;
}

// The largest number of misses that happens by chance once in a thousand times, if each of `count` intervals misses
// with this probability.
int most_misses(int count, double probability) {
  double term = std::pow(1 - probability, count), sum = term;
  int misses = 0;
  while (sum < 0.999) {
    term *= probability / (1 - probability) * (count - misses) / (misses + 1);
    sum += term, ++misses;
  }
  return misses;
}

// What the intervals keep of their confidence when the plan looks at them after every round.
constexpr double sequential_misses = 0.005;

} // namespace

TEST_CASE("intervals contain the true ratio, whatever disturbs the machine; those of the mean of all samples do not") {
  const std::vector<SimulatedCase> cases = real_cases();
  const int most = most_misses(static_cast<int>(run_count * cases.size()), sequential_misses);
  for (size_t i = 0; i < std::size(all_noises); ++i) {
    CAPTURE(std::string(all_noises[i].name));
    CHECK(count_misses(real_runs()[i].ours, cases) <= most);
    CHECK(count_misses(real_runs()[i].naive, cases) > most);
  }
}

TEST_CASE("twenty runs overlap in pairs, contradict each other nowhere and leave at most a quarter undecided") {
  for (size_t i = 0; i < std::size(all_noises); ++i) {
    CAPTURE(std::string(all_noises[i].name));
    const std::vector<Intervals> &runs = real_runs()[i].ours;
    CHECK(worst_pair(runs) <= 0.05);
    CHECK(count_contradictions(runs) == 0);
    CHECK(undecided_shares(runs).back() <= 0.25);
  }
}

TEST_CASE("runs of a quiet hour and of a busy one overlap and do not contradict each other") {
  const std::vector<SimulatedCase> cases = real_cases();
  Runs runs;
  append(runs, all_noises[0].noise, cases, run_count / 2, 100);
  append(runs, std::rbegin(all_noises)->noise, cases, run_count / 2, 200);
  CHECK(worst_pair(runs.ours) <= 0.05);
  CHECK(count_contradictions(runs.ours) == 0);
}

TEST_CASE("gates that lie exactly on their targets stay undecided; the mean of all samples decides them both ways") {
  const std::vector<SimulatedCase> cases = cases_on_target();
  const int most = most_misses(static_cast<int>(run_count * cases.size()), sequential_misses);
  for (const auto &[name, noise] : all_noises) {
    CAPTURE(std::string(name));
    const Runs runs = simulate_runs(noise, cases);
    CHECK(count_misses(runs.ours, cases) <= most);
    CHECK(count_contradictions(runs.ours) == 0);
    CHECK(count_misses(runs.naive, cases) > most);
    CHECK(count_contradictions(runs.naive) > 0);
  }
}

TEST_CASE("the plan decides gates that rounds for all alike do not") {
  const Noise noise{.steals = 0.02, .modes = true};
  const std::vector<double> planned = undecided_shares(simulate_runs(noise, real_cases()).ours),
                            even = undecided_shares(simulate_runs(noise, real_cases(), Order::even).ours);
  CHECK(planned.back() < even[even.size() / 2]);
}

TEST_CASE("a full run leaves at most a twentieth undecided of the gates that are 2% or more from their targets") {
  for (const auto &[name, noise] : {all_noises[0], all_noises[4], *std::rbegin(all_noises)}) {
    CAPTURE(std::string(name));
    std::vector<Intervals> runs;
    for (unsigned seed = 1; seed <= run_count / 2; ++seed)
      runs.push_back(simulate(noise, real_cases(), seed, Order::planned, full_seconds).ours);
    CHECK(undecided_shares(runs, 0.02).back() <= 0.05);
    CHECK(count_contradictions(runs) == 0);
    CHECK(count_misses(runs, real_cases()) <=
          most_misses(static_cast<int>(runs.size() * real_cases().size()), sequential_misses));
  }
}

TEST_CASE("if all rounds agree, the interval is only as wide as what no run can see") {
  const Interval interval = estimate(std::vector<double>(100, 2.0), 0.01, 1);
  CHECK(interval.value == doctest::Approx(2));
  CHECK(interval.high - interval.value == doctest::Approx(0.01 * 3.36).epsilon(0.01));
  CHECK(interval.value - interval.low == doctest::Approx(interval.high - interval.value));
}

TEST_CASE("one round has the widest interval, and none has no estimate") {
  const Interval one = estimate({5}, 0.01, 3);
  CHECK(one.value == 5);
  CHECK(one.low == 2);
  CHECK(one.high == 8);
  CHECK_THROWS_AS(estimate({}, 0.01, 3), std::logic_error);
  CHECK(estimate({5, 9}, 0.01, 3).high == 10); // two rounds reach the limit as well
}

TEST_CASE("an interval of independent normal rounds is that of Student, where nothing is trimmed") {
  // The mean is 0, the deviation sqrt(10 / 6), the quantile of six degrees of freedom 5.96.
  const Interval interval = estimate({-1, 1, -2, 2, 0, 0, 0}, 0, 100);
  CHECK(interval.value == doctest::Approx(0));
  const double variance = 10.0 / 6;
  CHECK(interval.high == doctest::Approx(5.96 * std::sqrt(variance / 7 + 0.04 * variance)));
}

TEST_CASE("a few disturbed rounds hardly move an estimate") {
  std::vector<double> rounds;
  for (int i = 0; i < 24; ++i) rounds.push_back(0.01 * (i * 7 % 5 - 2)); // in an order without trend
  const Interval clean = estimate(rounds, 0.001, 10);
  rounds[3] = rounds[12] = rounds[20] = 2;
  const Interval disturbed = estimate(rounds, 0.001, 10);
  CHECK(std::fabs(disturbed.value - clean.value) < 0.01);
  CHECK(disturbed.high - disturbed.low < 2 * (clean.high - clean.low));
}

TEST_CASE("rounds that follow each other closely count for less") {
  std::vector<double> slow, fast;
  for (int i = 0; i < 32; ++i) slow.push_back(i / 8 % 2), fast.push_back(i % 2);
  const Interval wide = estimate(slow, 0.001, 100), narrow = estimate(fast, 0.001, 100);
  CHECK(wide.value == doctest::Approx(narrow.value));
  CHECK(wide.high - wide.low > 1.7 * (narrow.high - narrow.low));
}

TEST_CASE("the width after more rounds is the width that more rounds have") {
  const auto half_of = [](int count) {
    std::vector<double> rounds;
    for (int i = 0; i < count; ++i) rounds.push_back(i % 2 ? 0.01 : -0.01);
    const Interval interval = estimate(rounds, unseen_ratio, 1);
    return (interval.high - interval.low) / 2;
  };
  CHECK(half_width_after(half_of(8), unseen_ratio, 8, 64) == doctest::Approx(half_of(64)).epsilon(0.05));
  CHECK(half_width_after(half_of(16), unseen_ratio, 16, 16) == doctest::Approx(half_of(16)));
}

TEST_CASE("a verdict is undecided while the interval contains the target") {
  const Interval interval{1.0, 0.9, 1.1};
  CHECK(verdict_of(interval, 0.8, true) == Verdict::holds);
  CHECK(verdict_of(interval, 0.8, false) == Verdict::fails);
  CHECK(verdict_of(interval, 1.2, true) == Verdict::fails);
  CHECK(verdict_of(interval, 1.2, false) == Verdict::holds);
  for (const double inside : {0.9, 1.0, 1.05, 1.1})
    for (const bool at_least : {true, false}) CHECK(verdict_of(interval, inside, at_least) == Verdict::undecided);
  CHECK(std::string(word_of(Verdict::holds)) == "holds");
  CHECK(std::string(word_of(Verdict::fails)) == "fails");
  CHECK(std::string(word_of(Verdict::undecided)) == "undecided");
}

TEST_CASE("of several peers, the interval of the fastest does not depend on which one it is") {
  const Interval fastest = smallest({{1.0, 0.9, 1.2}, {1.01, 0.95, 1.07}});
  CHECK(fastest.value == 1.0);
  CHECK(fastest.low == 0.9);
  CHECK(fastest.high == 1.07);
  const Interval slowest = largest({{1.0, 0.9, 1.2}, {1.01, 0.95, 1.07}});
  CHECK(slowest.value == 1.01);
  CHECK(slowest.low == 0.95);
  CHECK(slowest.high == 1.2);
}

TEST_CASE("a ratio is that of the fastest repetitions of each round") {
  FastestTimes times(2);
  times.begin_round();
  const auto add = [&](double first, double second) { times.add(0, first), times.add(1, second); };
  add(2, 1);
  CHECK_FALSE(times.is_settled()); // nothing confirms it
  add(9, 1.005), add(2.01, 5);     // fastest: 2 and 1
  CHECK(times.is_settled());
  CHECK(times.ratio(0, 1).value == doctest::Approx(2));
  times.begin_round();
  CHECK_FALSE(times.is_settled());
  add(8, 1);
  CHECK(times.rounds() == 2);
  CHECK(times.ratio(0, 1).value == doctest::Approx(4)); // sqrt(2 * 8)
  CHECK(times.seconds(0).value == doctest::Approx(4));
  CHECK(times.difference(1, 0).value == doctest::Approx(-4)); // (1 - 2 + 1 - 8) / 2
}

namespace {

// What else the rounds differ by is the same for any `step`.
std::vector<double> rounds_of_placements(size_t count, double step) {
  std::mt19937 random(3);
  std::vector<double> rounds;
  for (size_t i = 0; i < count; ++i) rounds.push_back(std::ldexp(random(), -32) + step * static_cast<double>(i % 4));
  return rounds;
}

double width(const Interval &interval) { return interval.high - interval.low; }

} // namespace

TEST_CASE("differences between placements widen no interval once each placement has three rounds") {
  for (size_t count = 12; count <= 40; ++count) {
    CAPTURE(count);
    const auto estimated = [&](double step) { return estimate(rounds_of_placements(count, step), 0, 1e6, 4); };
    const Interval same = estimated(0), different = estimated(100), more = estimated(200);
    CHECK(width(different) == doctest::Approx(width(more)));
    CHECK(more.value - different.value == doctest::Approx(150)); // of the placements, whichever had one more round
    CHECK(std::fabs(different.value - 150 - same.value) < width(same) / 2);
    CHECK(width(same) <= width(different) * (1 + 1e-12)); // fewer means are estimated from the rounds
    CHECK(width(different) < 2 * width(same));
  }
  // Fewer rounds do not tell placements from the rest.
  CHECK(width(estimate(rounds_of_placements(11, 100), 0, 1e6, 4)) > 100);
}

TEST_CASE("one placement has no differences to subtract") {
  CHECK(width(estimate(rounds_of_placements(16, 100), 0, 1e6)) > 100);
}

namespace {

Progress progress_of(double value, double half, size_t rounds, size_t last, double round_seconds = 0.1) {
  return {{{{value, value - half, value + half}, 1}}, rounds, last, round_seconds};
}

} // namespace

TEST_CASE("every case gets its first rounds, in turns") {
  std::vector<Progress> cases(3);
  std::vector<size_t> order;
  for (size_t number = 1; number <= 24; ++number) {
    const size_t i = next_case(cases, 100, 100);
    order.push_back(i);
    cases[i] = progress_of(2, 0.1, cases[i].rounds + 1, number);
  }
  for (size_t number = 0; number < order.size(); ++number) CHECK(order[number] == number % 3);
  CHECK(first_rounds(0, 100) == 8);
  CHECK(first_rounds(0.4, 100) == 5);
  CHECK(first_rounds(5, 100) == 4);
}

TEST_CASE("after the first rounds, time goes to the undecided gates that it can decide") {
  std::vector<Progress> cases;
  for (size_t i = 0; i < 8; ++i) cases.push_back(progress_of(1.2, 0.1, 8, i + 1)); // decided
  cases[2] = progress_of(1.03, 0.04, 8, 3);
  CHECK(next_case(cases, 100, 100) == 2);
  cases[1] = progress_of(1.001, 0.04, 12, 2); // hopeless: nothing shrinks its interval that far
  CHECK(std::isinf(seconds_to_decide(cases[1])));
  CHECK(next_case(cases, 100, 100) == 2);
  CHECK(std::isinf(seconds_to_decide(cases[0])));
  CHECK(seconds_to_decide(cases[2]) < 1);
  cases[2].round_seconds = 15; // hopeless, for it takes more than the time left
  CHECK(next_case(cases, 20, 100) != 2);
}

TEST_CASE("when nothing is left to decide, the interval that shrinks most for its time gets the round") {
  std::vector<Progress> cases;
  for (size_t i = 0; i < 8; ++i) cases.push_back(progress_of(1.5, 0.05, 20, i + 1));
  cases[1] = progress_of(1.5, 0.2, 20, 2);
  CHECK(next_case(cases, 100, 100) == 1);
  cases[1].round_seconds = 10;
  CHECK(next_case(cases, 100, 100) != 1);
}

TEST_CASE("a case whose width is mostly what no run can see, or whose ratio is noise, does not take all the time") {
  std::vector<Progress> cases;
  for (size_t i = 0; i < 8; ++i) cases.push_back(progress_of(1.5, 0.03, 20, i + 1));
  cases[1] = progress_of(1, 0.035, 20, 2);
  cases[1].goals[0] = {{1, 0.965, 1.035}, 0, unseen_time};
  CHECK(next_case(cases, 100, 100) != 1);
  cases[1].goals[0] = {{1, 1e-6, 2}, 0};
  cases[1].rounds = 40;
  CHECK(next_case(cases, 100, 100) != 1);
}

TEST_CASE("an undecided gate gets twelve rounds, which tell whether only placements made its interval wide") {
  CHECK(seconds_to_decide(progress_of(1.001, 0.04, 8, 1)) == doctest::Approx(0.4));
  CHECK(seconds_to_decide(progress_of(1.001, 0.04, 11, 1)) == doctest::Approx(0.1));
  CHECK(std::isinf(seconds_to_decide(progress_of(1.001, 0.04, 12, 1))));
}

TEST_CASE("time left over goes to undecided gates first") {
  std::vector<Progress> cases;
  for (size_t i = 0; i < 8; ++i) cases.push_back(progress_of(1.5, 0.05, 20, i + 1, 0.02));
  cases[1] = progress_of(1, 0.05, 20, 2);
  CHECK(std::isinf(seconds_to_decide(cases[1])));
  CHECK(next_case(cases, 100, 100) == 1);
}

TEST_CASE("a run does not end where the next round trims two more and so widens the interval") {
  std::vector<Progress> cases;
  for (size_t i = 0; i < 8; ++i) cases.push_back(progress_of(1.5, 0.02, 15 + i, i + 1));
  for (const Progress &each : cases) CHECK(next_case({each}, 100, 100) == 0);
}

TEST_CASE("a run ends early when every interval is at its floor") {
  const auto at_floor = [](double unseen, size_t rounds) { // the rounds agree, so the rest is what no run can see
    const Interval logs = estimate(std::vector<double>(rounds, 0.0), unseen, 1);
    return Progress{{{{1, std::exp(logs.low), std::exp(logs.high)}, 0, unseen}}, rounds, 1, 0.1};
  };
  CHECK(next_case({at_floor(unseen_ratio, 40), at_floor(unseen_time, 40)}, 100, 100) == no_case);
  CHECK(next_case({at_floor(unseen_ratio, 40), progress_of(1.5, 0.03, 40, 2), at_floor(unseen_time, 40)}, 100, 100) ==
        1);
  CHECK(next_case({progress_of(1.5, 0.03, 200, 2)}, 100, 100) == no_case); // more would not help
  CHECK(next_case({progress_of(1, 0.03, 200, 2)}, 100, 100) == no_case);
}

TEST_CASE("a case waits while others have a few rounds") {
  std::vector<Progress> cases;
  for (size_t i = 0; i < 8; ++i) cases.push_back(progress_of(1.2, 0.1, 8, i + 1));
  cases[7] = progress_of(1.03, 0.04, 9, 8);
  for (size_t number = 9; number < 13; ++number) {
    const size_t i = next_case(cases, 100, 100);
    CHECK(i != 7);
    cases[i].last = number;
  }
  CHECK(next_case(cases, 100, 100) == 7);
  CHECK(next_case({progress_of(1.03, 0.04, 9, 9)}, 100, 100) == 0); // the only case
}

TEST_CASE("a run ends when it cannot pay for another round") {
  CHECK(next_case({progress_of(1, 0.1, 9, 1, 2)}, 1, 100) == no_case);
  CHECK(next_case({progress_of(1, 0.1, 9, 1, std::numeric_limits<double>::infinity())}, 1, 100) == no_case);
  CHECK(next_case({}, 1, 100) == no_case);
}
