// The last step of batch normalization, with the activation that follows it.
#pragma once

#include <kernels/activation/functions.hpp>
#include <kernels/norm/reduce.hpp>

#include <lanefold/norm.h>

namespace lanefold::norm {

// 1 / sqrt(var + eps).
template <class S> typename S::V inverse_deviation(typename S::V variance, float eps) {
  using V = typename S::V;
  return S::divide(V(1.0f), S::sqrt(variance + V(eps)));
}

// x and y: m x n; y may be x.  mean, scale, beta: n.
struct NormalizeArgs {
  const float *x;
  int64_t ldx;
  float *y;
  int64_t ldy;
  const float *mean, *scale, *beta;
  float alpha = 0; // of the activation
};

// y = act((x - mean) * scale + beta).
template <class S, class Activation> void normalize(const NormalizeArgs &args, Range rows, Range columns) {
  using V = typename S::V;
  const auto strip = [&](int64_t begin, int64_t end, const auto column) {
    constexpr int count = decltype(column)::count;
    // Lockstep needs registers, so the mean is then loaded again for each row.
    constexpr bool keeps_mean = S::in_lockstep == 1;
    V mu[count], s[count];
    LANEFOLD_UNROLL for (int v = 0; v < count; ++v) {
      if constexpr (keeps_mean) mu[v] = column.load(args.mean, v);
      s[v] = column.load(args.scale, v);
    }
    // Local copies, which no store to y can change.
    const Activation act = activation::make<Activation>(args.alpha);
    const float *from = args.x + begin * args.ldx;
    float *to = args.y + begin * args.ldy;
    const float *const center = args.mean, *const shift = args.beta;
    const int64_t from_stride = args.ldx, to_stride = args.ldy;
    for (int64_t i = begin; i < end; ++i, from += from_stride, to += to_stride) {
      activation::map<S, count>(
          act,
          [&](int v) {
            const V mean_v = keeps_mean ? mu[v] : column.load(center, v);
            return S::fma(column.load(from, v) - mean_v, s[v], column.load(shift, v));
          },
          [&](int v, V t) { column.store(to, v, t); });
    }
  };
  for_strips<S>(rows, columns, strip);
}

using NormalizeFunction = void (*)(const NormalizeArgs &args, Range rows, Range columns);

// The normalization that ends with this activation.
template <class S> NormalizeFunction normalize_with(int32_t activation) {
  return activation::with(activation, 0.0f, [](const auto &act) -> NormalizeFunction {
    return &normalize<S, std::remove_cvref_t<decltype(act)>>;
  });
}

// scale[n] for the statistics of a batch: gamma inv_std.
template <class S> void batch_scale(const lf_batch_norm *bn, int64_t n, float *scale) {
  simd::for_columns<S, 1>(0, n, [&](const auto &column) {
    column.store(scale, 0, column.load(bn->gamma, 0) * column.load(bn->inv_std, 0));
  });
}

// scale[n] for inference: gamma / sqrt(running_var + eps).
template <class S> void running_scale(const lf_batch_norm *bn, int64_t n, float *scale) {
  simd::for_columns<S, 1>(0, n, [&](const auto &column) {
    column.store(scale, 0, column.load(bn->gamma, 0) * inverse_deviation<S>(column.load(bn->running_var, 0), bn->eps));
  });
}

} // namespace lanefold::norm
