// Folds batch normalization into the dense layer before it: w' = w * s, b' = beta + (b - mean) * s.
#pragma once

#include <kernels/norm/forward.hpp>

namespace lanefold::norm {

template <class S> lf_status fold_batch_norm(const lf_host *host, const lf_fold_batch_norm_args *args) {
  using V = typename S::V;
  const lf_batch_norm *bn = args->batch_norm;
  const Scratch scale(host, args->n);
  if (!scale.valid()) return scale.failure();
  running_scale<S>(bn, args->n, scale.data());
  simd::for_columns<S, 1>(0, args->n, [&](const auto &column) {
    const V s = column.load(scale.data(), 0), mean = column.load(bn->running_mean, 0);
    const V bias = args->bias ? column.load(args->bias, 0) : V(0.0f);
    column.store(args->folded_bias, 0, S::fma(bias - mean, s, column.load(bn->beta, 0)));
    for (int64_t p = 0; p < args->k; ++p)
      column.store(args->folded_w + p * args->ldf, 0, column.load(args->w + p * args->ldw, 0) * s);
  });
  return LF_OK;
}

} // namespace lanefold::norm
