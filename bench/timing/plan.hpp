// Which case gets the next round, so that time goes to where a verdict is undecided and can still be decided.
//
// Every case first gets a few rounds, in turns.  Then the plan asks for each undecided gate how many rounds would pull
// the end of its interval past the target, if its value and the spread of its rounds stayed as they are.  It serves the
// cases whose gates cost the least, in turns, as far as the time left pays for them.  A gate that needs more time than
// is left is hopeless for now.  When no gate can be decided, each round goes where an interval shrinks most for its
// time.  There half the width of an interval counts as at most 2%, because a difference close to 0 would take all the
// time.  An interval is at its floor when more rounds hardly shrink it, because most of it is what no run can see.  The
// run ends early when all intervals are at their floors.  After a round, a case waits while others have a few rounds,
// because rounds that lie far apart see more of the machine.
//
// Looking often and stopping at a verdict raises the share of wrong verdicts, because a value may pass its target by
// chance.  The confidence of an interval allows for it: see estimate.hpp.
#pragma once

#include "estimate.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lanefold::bench {

// A ratio or a time that a case yields.
struct Goal {
  Interval interval{};
  double target = 0;            // 0: it has none, so there is nothing to decide
  double unseen = unseen_ratio; // or unseen_time
};

// What the plan knows of a case.
struct Progress {
  std::vector<Goal> goals;  // from the rounds so far
  size_t rounds = 0;        // of this case
  size_t last = 0;          // the run's number of the latest of them, counted from 1
  double round_seconds = 0; // the mean cost of one, its preparation included; infinite to leave the case out
};

// How many rounds a case gets before the plan chooses: 8, or down to 4 where these would take too much of the run.
size_t first_rounds(double round_seconds, double run_seconds);

// The seconds that a case probably needs until its next gate is decided.  Infinite if no number of rounds decides one.
double seconds_to_decide(const Progress &progress);

inline constexpr size_t no_case = SIZE_MAX;

// The case that gets the next round, or no_case if the time left pays for none or none is worth it.
size_t next_case(const std::vector<Progress> &cases, double seconds_left, double run_seconds);

} // namespace lanefold::bench
