// tanh, the logistic function and what is made of it, for every float.
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

// |x|, but at most `most`.  NaN stays NaN.
template <class S> [[gnu::always_inline]] inline typename S::V magnitude_up_to(typename S::V x, float most) {
  using V = typename S::V;
  const V a = magnitude<S>(x);
  return S::select(V(most) < a, V(most), a);
}

// log(1 + exp(x)) = max(x, 0) + log(1 + e), e = exp(-|x|);  log(1 + e) = 2 atanh(w / 2) = w + w^3 q(w^2), w = 2 e / (2 + e).
// q is minimax of degree 3; the relative error of log(1 + e) that it causes is 5.4e-9.
inline constexpr simd::Addend q_of_log1p[] = {0x1.1ed7c8p-11f, 0x1.1ebd0cp-9f, 0x1.99d208p-7f, 0x1.555502p-4f};
template <class S> [[gnu::always_inline]] inline typename S::V softplus(typename S::V x) {
  using V = typename S::V;
  const V e = exp_nonpositive<S>(V(0.0f) - magnitude<S>(x));
  const V w = divide_by_sum<S>(e + e, V(2.0f), e), square = w * w;
  const V least = S::select(x < V(0.0f), V(0.0f), x);
  return S::fma(w * square, horner<S>(square, q_of_log1p), least) + w; // the smallest term first
}

// x / (1 + exp(-v)) for v = f(x), f odd and increasing.  a: |x|, at most `most`, from where the result is x or 0.
// f_a: f(a); low: what its rounding lost, which may be left out.
template <class S, class... Low>
[[gnu::always_inline]] inline typename S::V times_logistic(typename S::V x, typename S::V a, float most,
                                                           typename S::V f_a, const Low &...low) {
  using V = typename S::V;
  const auto quotient = [&](const V &scale, const V &rest, const V &e) {
    const V part = S::select(x < V(0.0f), exp_of_parts<S>(a * scale, rest, e), a);
    return divide_by_sum<S>(part, V(1.0f), exp_of_parts<S>(scale, rest, e));
  };
  const V y = with_exp_parts<S>(quotient, S::at_least(V(0.0f) - f_a, V(-110.0f)), V(0.0f) - low...);
  return with_sign_of<S>(S::select(V(most) <= x, x, y), x);
}

// The derivative of x / (1 + exp(-f(x))); df: f'(a).  At -a it is s (1 - a f'(a) (1 - s)), s = 1 / (1 + exp(f(a))), and
// at a it is 1 minus that.
template <class S>
[[gnu::always_inline]] inline typename S::V times_logistic_derivative(typename S::V x, typename S::V a,
                                                                      typename S::V f_a, typename S::V df) {
  using V = typename S::V;
  const V e = exp_in_range<S>(S::at_least(V(0.0f) - f_a, V(-110.0f))), r = S::divide(V(1.0f), V(1.0f) + e);
  const V left = (e * r) * S::fma(V(0.0f) - a * df, r, V(1.0f));
  return S::select(x < V(0.0f), left, V(1.0f) - left);
}

// SiLU: x / (1 + exp(-x)).
inline constexpr float silu_most = 110;
template <class S> [[gnu::always_inline]] inline typename S::V silu(typename S::V x) {
  const auto a = magnitude_up_to<S>(x, silu_most);
  return times_logistic<S>(x, a, silu_most, a);
}
template <class S> [[gnu::always_inline]] inline typename S::V silu_derivative(typename S::V x) {
  const auto a = magnitude_up_to<S>(x, silu_most);
  return times_logistic_derivative<S>(x, a, a, typename S::V(1.0f));
}

} // namespace lanefold::math
