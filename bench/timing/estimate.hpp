// From the repetitions of a case to the interval of a ratio, of a time or of a difference of times, and to a verdict.
//
// The estimator.  A round yields the logarithm of the ratio of the fastest repetitions of two variants.  The rounds
// yield their trimmed mean with a Student interval (Yuen, Biometrika 61, 1974).  A round in which a variant always shared
// its core does not count; if no round is left, the interval is as wide as can be.  Two things widen it: the correlation
// of rounds that follow each other, and a spread between runs that no run can see.  Rounds take turns in the placements
// of memory.  Once each placement has three rounds, what placements differ by is subtracted, if that makes the interval
// narrower.
//
// Why these.  What disturbs a repetition on a virtual machine makes it slower and never faster, so the fastest one is
// the least disturbed.  On a busy virtual machine with Zen 5, rounds of five samples spread by 0.1 to 0.5% if the
// fastest repetitions count.  Medians spread by up to 5%, and means by 4 to 6%.  Variants alternate within
// milliseconds, so a change of frequency slows all of them.  Where memory lies changes a ratio by up to 2%, and that
// stays the same for as long as the memory does.  Therefore rounds are the independent units, however many samples they
// have.  A mean over rounds does not jump where memory has two modes, as a median would.  Because of the trimming, a
// few disturbed rounds hardly move it.  Placements do not visibly change four ratios in five, but they change those of
// small activations by up to 20%.  For the former, the subtraction would make the interval a third wider after twelve
// rounds.  For the latter, the interval without it is right, because every placement has its turn, but too wide.
//
// The confidence.  It is 99.9%, and not the usual 95%, because intervals decide verdicts.  A run has tens of gates,
// looks at them after every round, and stops at a verdict.  Twenty runs must not contradict each other.  On the
// simulated machine of tests/bench/clock_test.cpp, 0.05% of the intervals miss the true ratio in a busy hour.  A gate
// that lies exactly on its target gets a verdict in at most 0.3% of the runs.  The mean of all samples with 1.96
// standard errors misses 6%, under the same conditions.
//
// What it cannot see.  Whatever stays the same for a whole run: where the loader put the code, which neighbours share
// the core, which physical machine it is.  The interval includes an allowance for it, `unseen_ratio`.  On
// the machine with Zen 5 the values of short runs differed by this much, if each round drew new addresses for its
// operands.  Where operands kept their addresses, a product of 16x16x16 differed by five times as much.
#pragma once

#include "statistics.hpp"

#include <cstddef>
#include <limits>
#include <set>
#include <vector>

namespace lanefold::bench {

// The confidence of every interval, for a look at a number of rounds that was fixed before.
inline constexpr double confidence = 0.999;
// Standard deviations, relative, of what stays the same within a run and differs between runs.
inline constexpr double unseen_ratio = 0.0015, unseen_time = 0.01;

// In how many placements of memory the rounds of a case take turns, and how many rounds each needs before it has a mean
// that one disturbed round does not make up.
inline constexpr size_t placement_count = 4, rounds_per_placement = 3;

// The estimate from one value of each round, in the order in which they were taken.  `unseen` is in the unit of the
// values.  The interval reaches at most `limit` to each side, which it does if there is only one round.
// Throws std::logic_error if there is none.  Rounds take turns in `placements`: the next one has the next placement.
Interval estimate(const std::vector<double> &values, double unseen, double limit, size_t placements = 1);

// Predicts half the width of the interval after `later` rounds, from half its width after `now` rounds.  It assumes that
// later rounds spread like those so far.
double half_width_after(double half_width, double unseen, size_t now, size_t later);

// The fastest of several variants, from the interval of each one: the smallest value, low and high.  It does not matter
// which one is the fastest if several are close.
Interval smallest(const std::vector<Interval> &all);
Interval largest(const std::vector<Interval> &all);

enum class Verdict { holds, fails, undecided };
// Undecided if the interval contains the target.
Verdict verdict_of(const Interval &interval, double target, bool at_least);
const char *word_of(Verdict verdict); // "holds", "fails", "undecided"

// The fastest repetitions of a case, by round and variant.
class FastestTimes {
public:
  explicit FastestTimes(size_t variants) : variants_(variants) {}

  // All operands have got new memory, with the next placement.
  void begin_round();
  // Adds a repetition to the current round: the seconds of one call, and whether another program used the same core.
  void add(size_t variant, double seconds, bool shared_core = false);
  // Ends a round in which a variant has no repetition.  It does not count, and the next round has its placement.
  void discard_round() { rounds_.pop_back(); }
  // Whether the current round has a repetition of every variant.
  bool is_complete() const;
  // Later rounds do without this variant.  Its ratios come from the rounds that have it.
  void drop(size_t variant) { dropped_.insert(variant); }
  // Whether variant a took more than `factor` times as long as b in each round.
  bool is_always_slower(size_t a, size_t b, double factor) const;
  // Has each variant had the core for itself in this round, and is its fastest repetition confirmed by a second one that
  // takes at most 1% more?  Otherwise all repetitions may have been disturbed, and it is worth taking another sample.
  bool is_settled() const;

  size_t rounds() const { return rounds_.size(); }
  // Seconds of variant a / seconds of variant b.
  Interval ratio(size_t a, size_t b) const;
  Interval seconds(size_t variant) const;
  // Seconds of variant a - seconds of variant b.  May be negative.
  Interval difference(size_t a, size_t b) const;

private:
  struct Fastest {
    double first = std::numeric_limits<double>::infinity(), second = first; // seconds; infinite if there is none
    bool had_core = false;                                                  // for itself, in one repetition at least
  };
  using Round = std::vector<Fastest>; // by variant
  struct Values {
    std::vector<double> all, undisturbed;
    size_t placements = 1; // in which the undisturbed ones take turns
  };

  template <class Value> Values by_round(const std::vector<size_t> &of, const Value &value) const;
  template <class Value>
  Interval interval_of(const std::vector<size_t> &of, const Value &value, double unseen, double limit) const;

  // Whether the check holds in the current round for every variant that is not dropped.
  template <class Check> bool all_of_round(const Check &check) const;

  size_t variants_;
  std::vector<Round> rounds_;
  std::set<size_t> dropped_;
};

} // namespace lanefold::bench
