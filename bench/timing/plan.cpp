// Half the width of an interval is that of its logarithm, because a ratio has a symmetric interval there.
#include "plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lanefold::bench {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double most_first_rounds = 8, fewest_first_rounds = 4;
constexpr double first_share = 0.02;    // of the run, for the first rounds of one case
constexpr size_t most_rounds = 200;     // of a case; a gate that needs more is hopeless
constexpr size_t others_between = 4;    // rounds of other cases between two rounds of the same case
constexpr double widest_half = 0.02;    // an interval counts as no wider than this when it is a matter of width alone
constexpr double undecided_weight = 20; // of the width of an undecided gate, relative to other widths
constexpr size_t looked_ahead = 8;      // rounds; a single one may widen an interval, when it trims another two
constexpr double least_gain = 0.1;      // of the width; an interval that cannot shrink by this share is at its floor
// With fewer rounds, an interval may be wide only because its placements differ.
constexpr size_t telling_rounds = rounds_per_placement * placement_count;

bool is_undecided(const Goal &goal) {
  return goal.target > 0 && goal.interval.low <= goal.target && goal.target <= goal.interval.high;
}

double half_width(const Interval &interval) { return std::log(interval.high / interval.low) / 2; }

// How many more rounds the interval probably needs to end at the target.
double rounds_to_decide(const Goal &goal, size_t rounds) {
  const double half = half_width(goal.interval), distance = std::fabs(std::log(goal.interval.value / goal.target));
  const auto decides = [&](size_t later) { return half_width_after(half, goal.unseen, rounds, later) < distance; };
  if (rounds < telling_rounds && !decides(telling_rounds)) return static_cast<double>(telling_rounds - rounds);
  if (rounds >= most_rounds || !decides(most_rounds)) return infinite;
  size_t low = rounds, high = most_rounds; // the former does not decide it, the latter does
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (decides(middle) ? high : low) = middle;
  }
  return static_cast<double>(high - rounds);
}

// By how much the next rounds shrink the widest interval that is not at its floor, for each second.
double shrinking(const Progress &progress) {
  if (progress.rounds >= most_rounds) return 0;
  double most = 0;
  for (const Goal &goal : progress.goals) {
    const double half = half_width(goal.interval);
    const auto gain = [&](size_t later) {
      return 1 - half_width_after(half, goal.unseen, progress.rounds, later) / half;
    };
    if (gain(most_rounds) > least_gain)
      most = std::max(most, gain(progress.rounds + looked_ahead) * std::min(half, widest_half) *
                                (is_undecided(goal) ? undecided_weight : 1));
  }
  return most / progress.round_seconds;
}

} // namespace

size_t first_rounds(double round_seconds, double run_seconds) {
  return static_cast<size_t>(
      std::clamp(first_share * run_seconds / round_seconds, fewest_first_rounds, most_first_rounds));
}

double seconds_to_decide(const Progress &progress) {
  double fewest = infinite;
  for (const Goal &goal : progress.goals)
    if (is_undecided(goal)) fewest = std::min(fewest, rounds_to_decide(goal, progress.rounds) * progress.round_seconds);
  return fewest;
}

size_t next_case(const std::vector<Progress> &cases, double seconds_left, double run_seconds) {
  // The cases that the time left pays for.  The one that waits longest comes first.
  std::vector<size_t> waiting;
  for (size_t i = 0; i < cases.size(); ++i)
    if (cases[i].round_seconds <= seconds_left) waiting.push_back(i);
  if (waiting.empty()) return no_case;
  std::stable_sort(waiting.begin(), waiting.end(), [&](size_t a, size_t b) { return cases[a].last < cases[b].last; });

  for (size_t rounds = 0; rounds < static_cast<size_t>(most_first_rounds); ++rounds)
    for (const size_t i : waiting)
      if (cases[i].rounds == rounds && rounds < first_rounds(cases[i].round_seconds, run_seconds)) return i;

  std::vector<double> needed(cases.size()), shrunk(cases.size());
  for (const size_t i : waiting) needed[i] = seconds_to_decide(cases[i]), shrunk[i] = shrinking(cases[i]);
  std::erase_if(waiting, [&](size_t i) { return std::isinf(needed[i]) && shrunk[i] == 0; });
  if (waiting.empty()) return no_case;
  const size_t recent = std::min(others_between, waiting.size() - 1);
  waiting.resize(waiting.size() - recent);
  std::vector<size_t> cheapest = waiting;
  std::stable_sort(cheapest.begin(), cheapest.end(), [&](size_t a, size_t b) { return needed[a] < needed[b]; });
  double paid = 0, dearest = -1; // what the gates cost that the time left pays for
  for (const size_t i : cheapest)
    if ((paid += needed[i]) <= seconds_left) dearest = needed[i];
  for (const size_t i : waiting)
    if (needed[i] <= dearest) return i;

  return *std::max_element(waiting.begin(), waiting.end(), [&](size_t a, size_t b) { return shrunk[a] < shrunk[b]; });
}

} // namespace lanefold::bench
