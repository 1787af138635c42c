// The formulas of the public headers, in double, written as plainly as there.
#pragma once

#include "matrix.hpp"

#include <string>

namespace lanefold::test {

// GELU by tanh is x / (1 + exp(-gelu_exponent(x))).
inline double gelu_exponent(double x) { return std::sqrt(8 / std::acos(-1.0)) * (x + 0.044715 * x * x * x); }

inline double activate(int32_t code, double alpha, double x) {
  if (std::isnan(x)) return x;
  switch (code) {
  case LF_RELU: return x > 0 ? x : 0;
  case LF_LEAKY_RELU: return x > 0 ? x : alpha * x;
  case LF_ELU: return x > 0 ? x : alpha * std::expm1(x);
  case LF_SELU: return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * std::expm1(x));
  case LF_TANH: return std::tanh(x);
  case LF_LOGISTIC: return 1 / (1 + std::exp(-x));
  case LF_RELU6: return x > 6 ? 6 : x > 0 ? x : 0;
  case LF_SOFTPLUS: return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
  case LF_HARD_SIGMOID: return std::min(std::max(alpha * x + 0.5, 0.0), 1.0);
  case LF_SILU: return std::isinf(x) ? std::max(x, -0.0) : x / (1 + std::exp(-x));
  case LF_HARD_SWISH: return x >= 3 ? x : x <= -3 ? -0.0 : x * (x + 3) / 6;
  case LF_GELU: return std::isinf(x) ? std::max(x, -0.0) : x * std::erfc(-x * std::sqrt(0.5)) / 2;
  case LF_GELU_TANH: return std::isinf(x) ? std::max(x, -0.0) : x / (1 + std::exp(-gelu_exponent(x)));
  default: return x;
  }
}

// The derivative at x of an activation that derives from its input.
inline double derivative_at(int32_t code, double x) {
  const auto of_logistic = [x](double exponent, double df) {
    const double s = 1 / (1 + std::exp(-exponent));
    return std::fabs(x) > 50 ? s : s * (1 + x * df * (1 - s));
  };
  switch (code) {
  case LF_SILU: return of_logistic(x, 1);
  case LF_HARD_SWISH: return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
  case LF_GELU:
    return std::erfc(-x * std::sqrt(0.5)) / 2 +
           (std::isinf(x) ? 0 : x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0)));
  default: return of_logistic(gelu_exponent(x), std::sqrt(8 / std::acos(-1.0)) * (1 + 3 * 0.044715 * x * x));
  }
}

inline std::string activation_name(int32_t code) {
  constexpr const char *names[] = {"identity", "relu",     "leaky-relu",   "elu",  "selu",       "tanh", "logistic",
                                   "relu6",    "softplus", "hard-sigmoid", "silu", "hard-swish", "gelu", "gelu-tanh"};
  return names[code];
}

// A small matrix of doubles.
struct Doubles {
  int64_t rows, columns;
  std::vector<double> values;
  Doubles(int64_t r, int64_t c) : rows(r), columns(c), values(static_cast<size_t>(r * c)) {}
  explicit Doubles(const PaddedMatrix &m) : Doubles(m.rows(), m.columns()) { fill(m); }
  template <class Make> Doubles &fill(Make make) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) (*this)(i, j) = make(i, j);
    return *this;
  }
  double &operator()(int64_t i, int64_t j) { return values[static_cast<size_t>(i * columns + j)]; }
  double operator()(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * columns + j)]; }
};

inline Doubles product(const Doubles &a, const Doubles &b) {
  Doubles c(a.rows, b.columns);
  for (int64_t i = 0; i < c.rows; ++i)
    for (int64_t q = 0; q < a.columns; ++q)
      for (int64_t j = 0; j < c.columns; ++j) c(i, j) += a(i, q) * b(q, j);
  return c;
}

// Mean and biased variance of a column.
struct Moments {
  double mean, variance;
};
inline Moments moments(const Doubles &x, int64_t column) {
  double mean = 0, variance = 0;
  for (int64_t i = 0; i < x.rows; ++i) mean += x(i, column) / static_cast<double>(x.rows);
  for (int64_t i = 0; i < x.rows; ++i)
    variance += (x(i, column) - mean) * (x(i, column) - mean) / static_cast<double>(x.rows);
  return {mean, variance};
}

// act(gamma * (z - mu) / sqrt(var + eps) + beta) with the batch's own statistics.
inline Doubles normalized(const Doubles &z, const Doubles &gamma, const Doubles &beta, double eps) {
  Doubles y(z.rows, z.columns);
  for (int64_t j = 0; j < z.columns; ++j) {
    const Moments s = moments(z, j);
    for (int64_t i = 0; i < z.rows; ++i)
      y(i, j) = gamma(0, j) * (z(i, j) - s.mean) / std::sqrt(s.variance + eps) + beta(0, j);
  }
  return y;
}

// An elementwise loss of a prediction x with the target t, and its derivative.
inline double loss_of(const Loss &loss, double x, double t) {
  const double d = std::fabs(x - t);
  switch (loss.code) {
  case LF_SQUARED_ERROR: return d * d;
  case LF_ABSOLUTE_ERROR: return d;
  case LF_HUBER_ERROR: return d <= loss.delta ? d * d / 2 : loss.delta * (d - 0.5 * loss.delta);
  default: return std::max(x, 0.0) - t * x + std::log1p(std::exp(-std::fabs(x)));
  }
}
inline double loss_derivative(const Loss &loss, double x, double t) {
  const double d = x - t, sign = (d > 0) - (d < 0);
  switch (loss.code) {
  case LF_SQUARED_ERROR: return 2 * d;
  case LF_ABSOLUTE_ERROR: return sign;
  case LF_HUBER_ERROR: return std::fabs(d) <= loss.delta ? d : loss.delta * sign;
  default: return 1 / (1 + std::exp(-x)) - t;
  }
}

inline std::string loss_name(int32_t code) {
  constexpr const char *names[] = {"squared", "absolute", "huber", "logistic"};
  return names[code];
}

// weights may be empty; then each is 1.
inline double cross_entropy(const Doubles &logits, const std::vector<int32_t> &labels,
                            const std::vector<float> &weights = {}) {
  double loss = 0;
  for (int64_t i = 0; i < logits.rows; ++i) {
    double most = logits(i, 0), sum = 0;
    for (int64_t j = 0; j < logits.columns; ++j) most = std::max(most, logits(i, j));
    for (int64_t j = 0; j < logits.columns; ++j) sum += std::exp(logits(i, j) - most);
    const double weight = weights.empty() ? 1 : weights[static_cast<size_t>(i)];
    loss += weight * (std::log(sum) + most - logits(i, labels[static_cast<size_t>(i)]));
  }
  return loss / static_cast<double>(logits.rows);
}

} // namespace lanefold::test
