// One step of SGD, momentum, Nesterov or Adam on one array of parameters.
#pragma once

#include <kernels/activation/elementwise.hpp>

#include <lanefold/optimizer.h>

namespace lanefold::optimizer {

// base^exponent by squaring: plain products, the same bits everywhere.
inline double power(double base, int64_t exponent) {
  double result = 1.0;
  for (; exponent > 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

// Calls update(w, g, v, s) on vectors of all arrays, with w decayed; update changes w, v and s.  Absent arrays are not
// touched.
template <class S, class Update>
void for_parameters(const lf_host *host, const lf_optimizer_step_args *a, const Update &update) {
  using V = typename S::V;
  const V keep(1.0f - a->learning_rate * a->weight_decay); // 1 changes no bit of w
  activation::for_rows(host, 1, a->n, true, [&](int64_t, int64_t first, int64_t end) {
    simd::for_columns<S, 2>(first, end, [&](const auto &column) {
      constexpr int count = std::remove_reference_t<decltype(column)>::count;
      for (int i = 0; i < count; ++i) {
        V w = column.load(a->w, i), v(0.0f), s(0.0f);
        if (a->v) v = column.load(a->v, i);
        if (a->s) s = column.load(a->s, i);
        w = keep * w;
        update(w, column.load(a->g, i), v, s);
        column.store(a->w, i, w);
        if (a->v) column.store(a->v, i, v);
        if (a->s) column.store(a->s, i, s);
      }
    });
  });
}

template <class S> lf_status step(const lf_host *host, const lf_optimizer_step_args *args) {
  using V = typename S::V;
  lf_optimizer_step_args a = *args;
  if (a.optimizer != LF_ADAM) a.s = nullptr;
  if (a.optimizer == LF_SGD) a.v = nullptr;
  const V descent(-a.learning_rate), momentum(a.momentum);
  switch (a.optimizer) {
  case LF_SGD: for_parameters<S>(host, &a, [&](V &w, V g, V &, V &) { w = S::fma(descent, g, w); }); return LF_OK;
  case LF_MOMENTUM:
    for_parameters<S>(host, &a, [&](V &w, V g, V &v, V &) {
      v = S::fma(momentum, v, g);
      w = S::fma(descent, v, w);
    });
    return LF_OK;
  case LF_NESTEROV:
    for_parameters<S>(host, &a, [&](V &w, V g, V &v, V &) {
      v = S::fma(momentum, v, g);
      w = S::fma(descent, S::fma(momentum, v, g), w);
    });
    return LF_OK;
  default: break;
  }
  const V take1(1.0f - a.momentum), beta2(a.beta2), take2(1.0f - a.beta2), eps(a.eps);
  const V rate(static_cast<float>(-a.learning_rate / (1.0 - power(a.momentum, a.step))));
  const V correction2(static_cast<float>(1.0 / (1.0 - power(a.beta2, a.step))));
  for_parameters<S>(host, &a, [&](V &w, V g, V &v, V &s) {
    v = S::fma(momentum, v, take1 * g);
    s = S::fma(beta2, s, take2 * g * g);
    w = w + S::divide(rate * v, S::sqrt(s * correction2) + eps);
  });
  return LF_OK;
}

} // namespace lanefold::optimizer
