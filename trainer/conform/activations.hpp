// The activations and their derivatives in double, for the references of conform.
#pragma once

#include "trainer/conform/bounded.hpp"

#include <lanefold/activation.h>

#include <algorithm>

namespace lanefold::trainer::conform {

// The error that a function may have, in units in the last place (ulp).
inline constexpr double function_ulps = 8;

inline constexpr double selu_scale = 1.0507009873554805, selu_alpha = 1.6732632423543772;

inline Bounded with_function_error(double value, double error) {
  return {value, error + function_ulps * 2 * unit_roundoff * std::abs(value) + smallest};
}

inline Bounded activate(int32_t code, double alpha, const Bounded &x) {
  const double v = x.value;
  if (!std::isfinite(x.error)) return std::isnan(v) ? v : activate(code, alpha, v); // a sum that overflows has no bound
  if (std::isnan(v)) return v;
  switch (code) {
  case LF_RELU: return {v > 0 ? v : 0, x.error};
  case LF_LEAKY_RELU: return rounded(v > 0 ? v : alpha * v, std::max(1.0, alpha) * x.error);
  case LF_ELU: return with_function_error(v > 0 ? v : alpha * std::expm1(v), std::max(1.0, alpha) * x.error);
  case LF_SELU:
    return with_function_error(selu_scale * (v > 0 ? v : selu_alpha * std::expm1(v)),
                               selu_scale * selu_alpha * x.error);
  case LF_TANH: return with_function_error(std::tanh(v), x.error);
  case LF_LOGISTIC: return with_function_error(1 / (1 + std::exp(-v)), x.error / 4);
  default: return x;
  }
}

// The derivative, from the output y.
inline Bounded derivative(int32_t code, double alpha, double y) {
  if (std::isnan(y)) return y;
  switch (code) {
  case LF_RELU: return y > 0 ? 1.0 : 0.0;
  case LF_LEAKY_RELU: return y > 0 ? 1.0 : alpha;
  case LF_ELU: return y > 0 ? Bounded(1) : Bounded(y) + alpha;
  case LF_SELU: return y > 0 ? rounded(selu_scale, 0) : Bounded(y) + rounded(selu_scale * selu_alpha, 0);
  case LF_TANH: return Bounded(1) - Bounded(y) * y;
  case LF_LOGISTIC: return Bounded(y) * (Bounded(1) - y);
  default: return 1.0;
  }
}

} // namespace lanefold::trainer::conform
