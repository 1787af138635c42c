// Folds batch normalization into the dense layer before it: w' = w * s, b' = beta + (b - mean) * s.
#pragma once

#include <kernels/norm/normalize.hpp>

namespace lanefold::norm {

// The terms of the error of a folded column.
template <class S> struct FoldError {
  typename S::V weights, folded_weights; // sums of |w| and |w'|
  typename S::V bias, shift, scale;      // |b'|, |b - mean| and |s|
};

// Let u = 2^-24.  The relative error of s is at most 4u (sum, root, quotient, product), and that of w' is at most 5u.
// The error of b' is at most 5u |b - mean| s, plus its own rounding.  The chain from b' over k rounds k sums, and none of
// them is larger than |b'| + sum |w'| X.  Together: u ((k + 5) sum |w'| X + (k + 1) |b'| + 5 |b - mean| s).
// One more of each, and 1.25 u in place of u, cover the terms of u^2 and the roundings of the bound itself, as long as
// exp(2 k u) < 1.25; k <= 2^20 easily satisfies that.
// Each result below the smallest normal number adds an error of 2^-150: s, k products w', b', and k sums.
template <class S> typename S::V fold_bound(int64_t k, float largest_x, const FoldError<S> &error) {
  using V = typename S::V;
  constexpr int64_t most_depth = 1 << 20;
  if (k > most_depth) return V(__builtin_inff());
  const V depth(static_cast<float>(k)), x(largest_x);
  const V relative = S::fma(depth + V(6.0f), error.folded_weights * x,
                            S::fma(depth + V(2.0f), error.bias, V(6.0f) * (error.shift * error.scale)));
  const V absolute = S::fma(x, error.weights + depth, (depth + V(8.0f)) + error.shift);
  return S::fma(V(0x1p-148f), absolute, V(0x1.4p-24f) * relative);
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
    V sum(0.0f), folded_sum(0.0f);
    for (int64_t p = 0; p < args->k; ++p) {
      const V w = column.load(args->w + p * args->ldw, 0), folded = w * s;
      column.store(args->folded_w + p * args->ldfolded_w, 0, folded);
      sum = sum + magnitude(w), folded_sum = folded_sum + magnitude(folded);
    }
    const FoldError<S> error{sum, folded_sum, magnitude(bias), magnitude(shift), magnitude(s)};
    if (args->error_bound) column.store(args->error_bound, 0, fold_bound<S>(args->k, args->largest_x, error));
  });
  return LF_OK;
}

} // namespace lanefold::norm
