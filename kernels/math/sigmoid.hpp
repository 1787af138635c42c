// tanh and the logistic function, for every float.
#pragma once

#include <kernels/math/exponential.hpp>

namespace lanefold::math {

// |x| for every x, NaN included; and the inverse, which gives a magnitude the sign of x.
template <class S> [[gnu::always_inline]] inline typename S::V magnitude(typename S::V x) {
  return S::from_bits(S::bits(x) & typename S::I(0x7fffffff));
}
template <class S> [[gnu::always_inline]] inline typename S::V with_sign_of(typename S::V value, typename S::V x) {
  using I = typename S::I;
  return S::from_bits((S::bits(value) & I(0x7fffffff)) | (S::bits(x) & I(INT32_MIN)));
}

// a / (b + c) for b >= |c|, corrected for the rounding errors of sum and quotient: just above half an ulp.
template <class S>
[[gnu::always_inline]] inline typename S::V divide_by_sum(typename S::V a, typename S::V b, typename S::V c) {
  using V = typename S::V;
  const V sum = b + c, lost = c - (sum - b);
  const V inverse = S::divide(V(1.0f), sum), q = a * inverse, minus_q = V(0.0f) - q;
  return S::fma(S::fma(minus_q, lost, S::fma(minus_q, sum, a)), inverse, q);
}

// tanh |x| = -t / (2 + t), t = expm1(-2 |x|).
template <class S> [[gnu::always_inline]] inline typename S::V tanh(typename S::V x) {
  using V = typename S::V;
  const V t = expm1_nonpositive<S>(magnitude<S>(x) * V(-2.0f));
  return with_sign_of<S>(divide_by_sum<S>(t, V(2.0f), t), x);
}

// 1 / (1 + exp(-x)) = (x < 0 ? e : 1) / (1 + e), e = exp(-|x|).
template <class S> [[gnu::always_inline]] inline typename S::V logistic(typename S::V x) {
  using V = typename S::V;
  const V e = exp_nonpositive<S>(V(0.0f) - magnitude<S>(x));
  return divide_by_sum<S>(S::select(x < V(0.0f), e, V(1.0f)), V(1.0f), e);
}

} // namespace lanefold::math
