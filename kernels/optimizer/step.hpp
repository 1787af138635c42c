// One step of SGD, momentum, Nesterov or Adam on one array of parameters.
#pragma once

#include <kernels/activation/elementwise.hpp>

#include <lanefold/optimizer.h>

namespace lanefold::optimizer {

// base^exponent by squaring.  Plain products give the same bits everywhere.
inline double power(double base, int64_t exponent) {
  double result = 1.0;
  for (; exponent > 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

// Calls update(w, g, m, v) on vectors of all arrays, after w has decayed; update changes w, m and v.  It does not touch
// absent arrays.
template <class S, class Update>
void for_parameters(const lf_host *host, const lf_optimizer_step_args *a, const Update &update) {
  using V = typename S::V;
  const V keep(1.0f - a->learning_rate * a->weight_decay); // 1 changes no bit of w
  activation::for_rows(host, 1, a->n, true, [&](int64_t, int64_t first, int64_t end) {
    simd::for_columns<S, 2>(first, end, [&](const auto &column) {
      constexpr int count = std::remove_reference_t<decltype(column)>::count;
      LANEFOLD_UNROLL for (int i = 0; i < count; ++i) {
        V w = column.load(a->w, i), m(0.0f), v(0.0f);
        if (a->m) m = column.load(a->m, i);
        if (a->v) v = column.load(a->v, i);
        w = keep * w;
        update(w, column.load(a->g, i), m, v);
        column.store(a->w, i, w);
        if (a->m) column.store(a->m, i, m);
        if (a->v) column.store(a->v, i, v);
      }
    });
  });
}

template <class S> lf_status step(const lf_host *host, const lf_optimizer_step_args *args) {
  using V = typename S::V;
  lf_optimizer_step_args a = *args;
  if (a.optimizer != LF_ADAM) a.v = nullptr;
  if (a.optimizer == LF_SGD) a.m = nullptr;
  const V descent(-a.learning_rate), momentum(a.momentum);
  switch (a.optimizer) {
  case LF_SGD: for_parameters<S>(host, &a, [&](V &w, V g, V &, V &) { w = S::fma(descent, g, w); }); return LF_OK;
  case LF_MOMENTUM:
    for_parameters<S>(host, &a, [&](V &w, V g, V &m, V &) {
      m = S::fma(momentum, m, g);
      w = S::fma(descent, m, w);
    });
    return LF_OK;
  case LF_NESTEROV:
    for_parameters<S>(host, &a, [&](V &w, V g, V &m, V &) {
      m = S::fma(momentum, m, g);
      w = S::fma(descent, S::fma(momentum, m, g), w);
    });
    return LF_OK;
  default: break;
  }
  const V take1(1.0f - a.momentum), beta2(a.beta2), take2(1.0f - a.beta2), eps(a.eps);
  const V rate(static_cast<float>(-a.learning_rate / (1.0 - power(a.momentum, a.step))));
  const V correction2(static_cast<float>(1.0 / (1.0 - power(a.beta2, a.step))));
  for_parameters<S>(host, &a, [&](V &w, V g, V &m, V &v) {
    m = S::fma(momentum, m, take1 * g);
    v = S::fma(beta2, v, take2 * g * g);
    w = w + S::divide(rate * m, S::sqrt(v * correction2) + eps);
  });
  return LF_OK;
}

} // namespace lanefold::optimizer
