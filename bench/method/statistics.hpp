// Medians and what is known of them, with no assumption about how times are spread.
#pragma once

#include <vector>

namespace lanefold::bench {

struct Interval {
  double value, low, high;
  // (high - low) / value
  double width() const { return (high - low) / value; }
};

// The median, and the interval that holds the true one in 95 of 100 cases (Conover, Practical Nonparametric
// Statistics, 3.2: order statistics around the median).  Below 6 values the interval is all of them.
Interval median_of(std::vector<double> values);

// a / b of two independent medians: the widest that both intervals allow.
Interval quotient(const Interval &a, const Interval &b);

// exp(mean(log)) of independent ones.
Interval geometric_mean(const std::vector<Interval> &all);

} // namespace lanefold::bench
