// Folds batch normalization into the dense layer before it: w' = w * s, b' = beta + (b - mean) * s.
#pragma once

#include <kernels/norm/forward.hpp>

namespace lanefold::norm {

// With u = 2^-24: s is off by at most 4u of itself (sum, root, quotient, product), w' by 5u, b' by 5u of (b - mean) s and
// a rounding of its own.  The chain from b' over k rounds k sums, none larger than |b'| + sum |w'| X.  That makes
// u ((k + 5) sum |w'| X + (k + 1) |b'| + 5 |b - mean| s); one more of each stands for terms of u^2, k u < 1/8, and for
// the roundings of the bound itself.
template <class S> typename S::V fold_error(int64_t k, typename S::V sum, typename S::V bias, typename S::V shift) {
  using V = typename S::V;
  const float depth = static_cast<float>(k);
  const V terms = S::fma(V(depth + 6.0f), sum, S::fma(V(depth + 2.0f), bias, V(6.0f) * shift));
  return V(0x1.4p-24f) * terms;
}

template <class S> lf_status fold_batch_norm(const lf_host *host, const lf_fold_batch_norm_args *args) {
  using V = typename S::V;
  const lf_batch_norm *bn = args->batch_norm;
  const Scratch scale(host, args->n);
  if (!scale.valid()) return scale.failure();
  running_scale<S>(bn, args->n, scale.data());
  const auto magnitude = [](V v) { return S::select(v < V(0.0f), V(0.0f) - v, v); };
  simd::for_columns<S, 1>(0, args->n, [&](const auto &column) {
    const V s = column.load(scale.data(), 0), mean = column.load(bn->running_mean, 0);
    const V shift = (args->bias ? column.load(args->bias, 0) : V(0.0f)) - mean;
    const V bias = S::fma(shift, s, column.load(bn->beta, 0));
    column.store(args->folded_bias, 0, bias);
    V sum(0.0f);
    for (int64_t p = 0; p < args->k; ++p) {
      const V w = column.load(args->w + p * args->ldw, 0) * s;
      column.store(args->folded_w + p * args->ldf, 0, w);
      sum = sum + magnitude(w);
    }
    if (args->error_bound)
      column.store(args->error_bound, 0,
                   fold_error<S>(args->k, sum * V(args->largest_x), magnitude(bias), magnitude(shift * s)));
  });
  return LF_OK;
}

} // namespace lanefold::norm
