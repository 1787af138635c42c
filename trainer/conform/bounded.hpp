// A number in double, with a bound on how far the same computation in float may lie from it (a running error analysis,
// Wilkinson 1963).  Sums may be made in any order, and products may be fused into them or not.
#pragma once

#include <cmath>
#include <vector>

namespace lanefold::trainer::conform {

inline constexpr double unit_roundoff = 0x1p-24, smallest = 0x1p-149;

struct Bounded {
  double value = 0, error = 0;

  Bounded() = default;
  Bounded(double exact) : value(exact) {}
  Bounded(double v, double e) : value(v), error(e) {}
  double magnitude() const { return std::abs(value) + error; }
};

// The result of one more operation in float.  `error` is what the errors of its operands contribute.
inline Bounded rounded(double value, double error) {
  return {value, error + unit_roundoff * (std::abs(value) + error) + smallest};
}

inline Bounded operator+(const Bounded &a, const Bounded &b) { return rounded(a.value + b.value, a.error + b.error); }
inline Bounded operator-(const Bounded &a, const Bounded &b) { return rounded(a.value - b.value, a.error + b.error); }
inline Bounded operator*(const Bounded &a, const Bounded &b) {
  return rounded(a.value * b.value, std::abs(a.value) * b.error + std::abs(b.value) * a.error + a.error * b.error);
}
inline Bounded operator/(const Bounded &a, const Bounded &b) {
  const double least = std::abs(b.value) - b.error;
  return rounded(a.value / b.value, (a.error + std::abs(a.value / b.value) * b.error) / least);
}
inline Bounded square_root(const Bounded &a) {
  const double root = std::sqrt(a.value);
  return rounded(root, a.error == 0 ? 0 : root - std::sqrt(a.value > a.error ? a.value - a.error : 0));
}

// The sum of the terms in any order.  The start of a chain is one of the terms.
inline Bounded sum(const std::vector<Bounded> &terms) {
  double value = 0, magnitudes = 0, error = 0;
  for (const Bounded &term : terms) value += term.value, magnitudes += term.magnitude(), error += term.error;
  const double n = static_cast<double>(terms.size());
  return {value, error + 1.01 * n * unit_roundoff * magnitudes + n * smallest};
}

} // namespace lanefold::trainer::conform
