// The ranks of the interval come from the normal approximation of the binomial distribution.
#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace lanefold::bench {

Interval median_of(std::vector<double> values) {
  if (values.empty()) throw std::logic_error("the median of no values does not exist");
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  const double median = (values[(n - 1) / 2] + values[n / 2]) / 2;
  const double count = static_cast<double>(n);
  const auto low = static_cast<size_t>(std::max(0.0, std::floor((count - 1.96 * std::sqrt(count) - 1) / 2)));
  return {median, values[low], values[n - 1 - low]};
}

Interval quotient(const Interval &a, const Interval &b) { return {a.value / b.value, a.low / b.high, a.high / b.low}; }

Interval geometric_mean(const std::vector<Interval> &all) {
  double logs = 0, squares = 0;
  for (const Interval &one : all) {
    logs += std::log(one.value);
    const double half = std::log(one.high / one.low) / 2;
    squares += half * half;
  }
  const double count = static_cast<double>(all.size()), half = std::sqrt(squares) / count;
  return {std::exp(logs / count), std::exp(logs / count - half), std::exp(logs / count + half)};
}

} // namespace lanefold::bench
