// The activations and their derivatives in double, for the references of conform.
#pragma once

#include "trainer/conform/bounded.hpp"

#include <lanefold/activation.h>

#include <algorithm>

namespace lanefold::trainer::conform {

// The error that a function may have, in units in the last place (ulp).
inline constexpr double function_ulps = 8;

inline constexpr double selu_scale = 1.0507009873554805, selu_alpha = 1.6732632423543772;

// The largest derivative of SiLU and GELU in magnitude is 1.13.
inline constexpr double steepest = 1.2;

// GELU by tanh is x / (1 + exp(-gelu_exponent(x))).
inline double gelu_exponent(double x) { return std::sqrt(8 / std::acos(-1.0)) * (x + 0.044715 * x * x * x); }

inline Bounded with_function_error(double value, double error) {
  return {value, error + function_ulps * 2 * unit_roundoff * std::abs(value) + smallest};
}

inline Bounded activate(int32_t code, double alpha, const Bounded &x) {
  const double v = x.value;
  if (!std::isfinite(x.error)) return std::isnan(v) ? v : activate(code, alpha, v); // a sum that overflows has no bound
  if (std::isnan(v)) return v;
  if (std::isinf(v) && LF_DERIVES_FROM_INPUT(code)) return std::max(v, -0.0);
  switch (code) {
  case LF_RELU: return {v > 0 ? v : 0, x.error};
  case LF_LEAKY_RELU: return rounded(v > 0 ? v : alpha * v, std::max(1.0, alpha) * x.error);
  case LF_ELU: return with_function_error(v > 0 ? v : alpha * std::expm1(v), std::max(1.0, alpha) * x.error);
  case LF_SELU:
    return with_function_error(selu_scale * (v > 0 ? v : selu_alpha * std::expm1(v)),
                               selu_scale * selu_alpha * x.error);
  case LF_TANH: return with_function_error(std::tanh(v), x.error);
  case LF_LOGISTIC: return with_function_error(1 / (1 + std::exp(-v)), x.error / 4);
  case LF_RELU6: return {std::min(std::max(v, 0.0), 6.0), x.error};
  case LF_SOFTPLUS: return with_function_error(std::max(v, 0.0) + std::log1p(std::exp(-std::abs(v))), x.error);
  case LF_HARD_SIGMOID: return rounded(std::min(std::max(alpha * v + 0.5, 0.0), 1.0), alpha * x.error);
  case LF_SILU: return with_function_error(v / (1 + std::exp(-v)), steepest * x.error);
  case LF_HARD_SWISH: return with_function_error(v * std::min(std::max(v + 3, 0.0), 6.0) / 6, 1.5 * x.error);
  case LF_GELU: return with_function_error(v * std::erfc(-v * std::sqrt(0.5)) / 2, steepest * x.error);
  case LF_GELU_TANH: return with_function_error(v / (1 + std::exp(-gelu_exponent(v))), steepest * x.error);
  default: return x;
  }
}

// The derivative, from the output y, or from the input if LF_DERIVES_FROM_INPUT(code).
inline Bounded derivative(int32_t code, double alpha, double y) {
  if (std::isnan(y)) return y;
  // Terms of about 1 cancel, so the error is absolute.
  const auto near_one = [](double value) { return Bounded(value, function_ulps * 2 * unit_roundoff); };
  const double x = y;
  if (std::isinf(x) && LF_DERIVES_FROM_INPUT(code)) return x > 0 ? 1.0 : 0.0;
  switch (code) {
  case LF_RELU: return y > 0 ? 1.0 : 0.0;
  case LF_LEAKY_RELU: return y > 0 ? 1.0 : alpha;
  case LF_ELU: return y > 0 ? Bounded(1) : Bounded(y) + alpha;
  case LF_SELU: return y > 0 ? rounded(selu_scale, 0) : Bounded(y) + rounded(selu_scale * selu_alpha, 0);
  case LF_TANH: return Bounded(1) - Bounded(y) * y;
  case LF_LOGISTIC: return Bounded(y) * (Bounded(1) - y);
  case LF_RELU6: return y > 0 && y < 6 ? 1.0 : 0.0;
  case LF_SOFTPLUS: return with_function_error(-std::expm1(-y), 0);
  case LF_HARD_SIGMOID: return y > 0 && y < 1 ? alpha : 0.0;
  case LF_HARD_SWISH: return x <= -3 ? 0.0 : x >= 3 ? 1.0 : near_one(x / 3 + 0.5);
  case LF_SILU: {
    const double s = 1 / (1 + std::exp(-x));
    return near_one(s * (1 + x * (1 - s)));
  }
  case LF_GELU:
    return near_one(std::erfc(-x * std::sqrt(0.5)) / 2 + x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0)));
  case LF_GELU_TANH: {
    const double s = 1 / (1 + std::exp(-gelu_exponent(x)));
    const double df = std::sqrt(8 / std::acos(-1.0)) * (1 + 3 * 0.044715 * x * x);
    return near_one(std::abs(x) > 20 ? s : s * (1 + x * df * (1 - s)));
  }
  default: return 1.0;
  }
}

} // namespace lanefold::trainer::conform
