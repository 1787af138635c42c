// exp and expm1 for x <= 0, the half that ELU, logistic, tanh and softmax need.
// x = n ln 2 + r with |r| <= ln(2)/2;  expm1(r) = r + r^2 q(r), q of degree 4 or 5;
// exp(x) = 2^n (1 + expm1(r)), expm1(x) = 2^n expm1(r) + (2^n - 1).  Error below 1 ulp; NaN gives NaN.
#pragma once

#include <kernels/simd/xsimd_base.hpp>

namespace lanefold::math {

// Adding it rounds a float to an integer and leaves the integer, with the bias of an exponent, in the low bits.
inline constexpr float magic = 0x1.8p23f + 127;

// 2^n, for shifted = n + magic and -126 <= n <= 127.
template <class S> [[gnu::always_inline]] inline typename S::V power_of_two(typename S::V shifted) {
  return S::from_bits(S::bits(shifted) << 23);
}

// n + magic, for x = n ln 2 + r.
inline constexpr simd::Addend magic_addend = magic;
template <class S> [[gnu::always_inline]] inline typename S::V multiple_of_ln2(typename S::V x) {
  return S::fma(x, typename S::V(0x1.715476p0f), S::addend(magic_addend));
}

// The minimax polynomials q, the highest power first.  The relative error of expm1(r) is 1.4e-8 for expm1 and 7e-10 for
// exp.  Where 1 is added to expm1(r), that rounding takes more of the error budget, and leaves less for q.
inline constexpr simd::Addend q_of_expm1[] = {0x1.6c6428p-10f, 0x1.122408p-7f, 0x1.5555acp-5f, 0x1.5554b6p-3f, 0.5f};
inline constexpr simd::Addend q_of_exp[] = {0x1.a2d99ep-13f, 0x1.6d2e04p-10f, 0x1.110fc2p-7f,
                                            0x1.555502p-5f,  0x1.555556p-3f,  0.5f};

// The polynomial in x with these coefficients, the highest power first, by Horner's rule.
template <class S, int Count>
[[gnu::always_inline]] inline typename S::V horner(typename S::V x, const simd::Addend (&coefficients)[Count]) {
  using V = typename S::V;
  V q = V(coefficients[0].lanes[0]);
  LANEFOLD_UNROLL
  for (int i = 1; i < Count; ++i) q = S::fma(q, x, S::addend(coefficients[i]));
  return q;
}

// expm1(r), |r| <= ln(2)/2.
template <class S, int Count>
[[gnu::always_inline]] inline typename S::V expm1_reduced(typename S::V r, const simd::Addend (&coefficients)[Count]) {
  return S::fma(r * r, horner<S>(r, coefficients), r);
}

// expm1(x), x <= 0.  Below -20 the result is -1.  The first 24 bits of ln 2 suffice: the rest of n ln 2 is less than
// 2e-9 n, and is multiplied by 2^n.
template <class S> [[gnu::always_inline]] inline typename S::V expm1_nonpositive(typename S::V x) {
  using V = typename S::V;
  x = S::at_least(x, V(-20.0f));
  const V shifted = multiple_of_ln2<S>(x);
  const V r = S::fma(shifted - V(magic), V(-0x1.62e430p-1f), x);
  const V scale = power_of_two<S>(shifted);
  return S::fma(scale, expm1_reduced<S>(r, q_of_expm1), scale - V(1.0f));
}

// body(scale, rest, e) with exp(x + low) = scale rest (1 + e), where scale and rest are powers of two, -110 <= x <= 0.
// There are two powers because 2^n may be subnormal.  low is what the rounding of x lost; it may be left out.  (The
// parts are arguments of a call: where they are members of a struct, GCC 12 keeps them in memory on AArch64.)
template <class S, class Body, class... Low>
[[gnu::always_inline]] inline typename S::V with_exp_parts(const Body &body, typename S::V x, const Low &...low) {
  using V = typename S::V;
  const V n = multiple_of_ln2<S>(x) - V(magic);
  V r = S::fma(n, V(0x1.05c610p-29f), S::fma(n, V(-0x1.62e430p-1f), x));
  ((r = r + low), ...);
  const V half = S::fma(n, V(0.5f), V(magic));
  const V scale = power_of_two<S>(half), rest = power_of_two<S>((n - (half - V(magic))) + V(magic));
  return body(scale, rest, expm1_reduced<S>(r, q_of_exp));
}

// factor rest (1 + e).  For a factor x scale it is x exp(...) rounded once less, because the product of x and a power of
// two is exact.
template <class S>
[[gnu::always_inline]] inline typename S::V exp_of_parts(const typename S::V &factor, const typename S::V &rest,
                                                         const typename S::V &e) {
  return S::fma(factor, e, factor) * rest;
}

// factor exp(x + low), -110 <= x <= 0.
template <class S, class... Low>
[[gnu::always_inline]] inline typename S::V times_exp(typename S::V factor, typename S::V x, const Low &...low) {
  using V = typename S::V;
  return with_exp_parts<S>(
      [&](const V &scale, const V &rest, const V &e) { return exp_of_parts<S>(factor * scale, rest, e); }, x, low...);
}

// exp(x), -110 <= x <= 0.
template <class S> [[gnu::always_inline]] inline typename S::V exp_in_range(typename S::V x) {
  using V = typename S::V;
  return with_exp_parts<S>([](const V &scale, const V &rest, const V &e) { return exp_of_parts<S>(scale, rest, e); },
                           x);
}

// exp(x), x <= 0.  Below -104 the result is 0.
template <class S> [[gnu::always_inline]] inline typename S::V exp_nonpositive(typename S::V x) {
  return exp_in_range<S>(S::at_least(x, typename S::V(-104.0f)));
}

} // namespace lanefold::math
