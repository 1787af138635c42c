// GELU, x Phi(x), with the normal distribution Phi, and its approximation by tanh (Hendrycks and Gimpel 2016, arXiv
// 1606.08415).  For every float; NaN gives NaN.
#pragma once

#include <kernels/math/sigmoid.hpp>

namespace lanefold::math {

// From gelu_most on, a Phi(-a) is 0.
inline constexpr float gelu_most = 14.5f;
inline constexpr float phi_of_0 = 0x1.988454p-2f; // 1 / sqrt(2 pi)

// factor exp(-a^2 / 2), 0 <= a <= gelu_most: the square in two parts, because exp magnifies its rounding error up to 105
// times.
template <class S> [[gnu::always_inline]] inline typename S::V times_gauss(typename S::V factor, typename S::V a) {
  using V = typename S::V;
  const V square = a * a, low = S::fma(a, a, V(0.0f) - square);
  return times_exp<S>(factor, square * V(-0.5f), low * V(-0.5f));
}

// Phi(-a) = g(a) exp(-a^2 / 2).  Below tail_begin, g = (1/2 + a p) / q.  From there on a g is near 1 / sqrt(2 pi), so it is
// computed as 1 / sqrt(2 pi) - v / q, which has a smaller rounding error.  The three polynomials were fitted together, with
// a relative error of 2.3e-8.  All coefficients are positive, so that no polynomial loses digits.
inline constexpr float tail_begin = 1.0f;
inline constexpr simd::Addend tail_p[] = {0x1.c5744ep-8f, 0x1.d2dafap-5f, 0x1.d4d60ap-3f, 0x1.fa95c2p-2f};
inline constexpr simd::Addend tail_v[] = {0x1.c30830p-8f, 0x1.d4cb04p-5f, 0x1.b46984p-3f, 0x1.988272p-2f};
inline constexpr simd::Addend tail_q[] = {0x1.1abd86p-6f, 0x1.253c4ap-3f, 0x1.2e5e8ep-1f,
                                          0x1.62474cp0f,  0x1.c98d16p0f,  1.0f};

// x >= 0: x - x Phi(-x);  x < 0: -|x| Phi(-|x|).
template <class S> [[gnu::always_inline]] inline typename S::V gelu(typename S::V x) {
  using V = typename S::V;
  const V a = magnitude_up_to<S>(x, gelu_most);
  const auto near = a < V(tail_begin);
  const V near_zero = S::fma(a * horner<S>(a, tail_p), a, a * V(0.5f));
  const V ratio = S::divide(S::select(near, near_zero, horner<S>(a, tail_v)), horner<S>(a, tail_q));
  const V tail = times_gauss<S>(S::select(near, ratio, V(phi_of_0) - ratio), a); // a Phi(-a)
  return with_sign_of<S>(S::select(x < V(0.0f), tail, x - tail), x);
}

// Phi(x) + x phi(x).  At -a it is exp(-a^2 / 2) (g(a) - a / sqrt(2 pi)), and at a it is 1 minus that.
template <class S> [[gnu::always_inline]] inline typename S::V gelu_derivative(typename S::V x) {
  using V = typename S::V;
  const V a = magnitude_up_to<S>(x, gelu_most);
  const auto near = a < V(tail_begin);
  const V near_zero = S::fma(horner<S>(a, tail_p), a, V(0.5f));
  const V ratio = S::divide(S::select(near, near_zero, horner<S>(a, tail_v)), horner<S>(a, tail_q));
  const V g = S::select(near, ratio, S::divide(V(phi_of_0) - ratio, S::at_least(a, V(tail_begin))));
  const V left = times_gauss<S>(S::fma(a, V(-phi_of_0), g), a);
  return S::select(x < V(0.0f), left, V(1.0f) - left);
}

// x / (1 + exp(-f(x))), f(x) = 2 sqrt(2 / pi) (x + 0.044715 x^3) = x (c + d x^2).  From gelu_tanh_most on, the result is x
// or 0.
inline constexpr float gelu_tanh_most = 11;
inline constexpr float gelu_c = 0x1.988454p0f, gelu_c_low = -0x1.857936p-25f;
inline constexpr float gelu_d = 0x1.2444f2p-4f, gelu_d_low = 0x1.49b16ap-29f;

// f(a) is computed in two parts, because exp magnifies its rounding error up to 110 times.
template <class S> [[gnu::always_inline]] inline typename S::V gelu_tanh(typename S::V x) {
  using V = typename S::V;
  const V a = magnitude_up_to<S>(x, gelu_tanh_most), c = V(gelu_c), d = V(gelu_d), zero = V(0.0f);
  const V square = a * a, square_low = S::fma(a, a, zero - square);
  const V cubic = d * square;
  const V cubic_low = S::fma(d, square_low, S::fma(d, square, zero - cubic)) + V(gelu_d_low) * square;
  // Either term may be the larger one (Knuth's TwoSum).
  const V sum = c + cubic, back = sum - c;
  const V sum_low = ((c - (sum - back)) + (cubic - back)) + (cubic_low + V(gelu_c_low));
  const V f = a * sum, f_low = S::fma(a, sum_low, S::fma(a, sum, zero - f));
  return times_logistic<S>(x, a, gelu_tanh_most, f, f_low);
}
template <class S> [[gnu::always_inline]] inline typename S::V gelu_tanh_derivative(typename S::V x) {
  using V = typename S::V;
  const V a = magnitude_up_to<S>(x, gelu_tanh_most), square = a * a;
  const V f = a * S::fma(V(gelu_d), square, V(gelu_c)), df = S::fma(V(3 * gelu_d), square, V(gelu_c));
  return times_logistic_derivative<S>(x, a, f, df);
}

} // namespace lanefold::math
