// Medians and their confidence intervals, without an assumption about the distribution of times.
#pragma once

#include <vector>

namespace lanefold::bench {

struct Interval {
  double value, low, high;
  // (high - low) / value
  double width() const { return (high - low) / value; }
};

// The median and its 95% confidence interval, from order statistics (Conover, Practical Nonparametric Statistics, 3.2).
// With fewer than 6 values the interval spans all of them.  Throws std::logic_error if there are none.
Interval median_of(std::vector<double> values);

// a / b of two independent medians.  The interval is the widest one that both intervals allow.
Interval quotient(const Interval &a, const Interval &b);

// exp(mean(log)) of independent values.
Interval geometric_mean(const std::vector<Interval> &all);

} // namespace lanefold::bench
