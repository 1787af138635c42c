// exp and expm1 for x <= 0, the half that ELU, logistic, tanh and softmax need.
// x = n ln 2 + r with |r| <= ln(2)/2;  expm1(r) = r + r^2 q(r), q minimax of degree 5 (relative error 1e-9);
// exp(x) = 2^n (1 + expm1(r)), expm1(x) = 2^n expm1(r) + (2^n - 1).  Error below 1 ulp; NaN gives NaN.
#pragma once

namespace lanefold::math {

template <class S> struct Reduced {
  typename S::V shifted; // n + magic, so that n stands in the low bits
  typename S::V n;       // x rounded to a multiple of ln 2
  typename S::V expm1_r; // expm1(x - n ln 2)
};

inline constexpr float magic = 0x1.8p23f; // adding it rounds to an integer, and leaves that in the low bits

// 2^n, for shifted = n + magic and -126 <= n <= 127.
template <class S> typename S::V power_of_two(typename S::V shifted) {
  using I = typename S::I;
  return S::from_bits((S::bits(shifted) << 23) + I(0x3f800000));
}

template <class S> Reduced<S> reduce(typename S::V x) {
  using V = typename S::V;
  const V shifted = S::fma(x, V(0x1.715476p0f), V(magic));
  const V n = shifted - V(magic);
  V r = S::fma(n, V(-0x1.62e430p-1f), x); // exact
  r = S::fma(n, V(0x1.05c610p-29f), r);
  V q = V(1.99723275727592408657073974609375e-4f);
  q = S::fma(q, r, V(1.39305018819868564605712890625e-3f));
  q = S::fma(q, r, V(8.333177305757999420166015625e-3f));
  q = S::fma(q, r, V(4.16665114462375640869140625e-2f));
  q = S::fma(q, r, V(0.16666667163372039794921875f));
  q = S::fma(q, r, V(0.5f));
  return {shifted, n, S::fma(r * r, q, r)};
}

// expm1(x), x <= 0.  Below -20 it is -1.
template <class S> typename S::V expm1_nonpositive(typename S::V x) {
  using V = typename S::V;
  const Reduced<S> e = reduce<S>(S::select(x < V(-20.0f), V(-20.0f), x));
  const V scale = power_of_two<S>(e.shifted);
  return S::fma(scale, e.expm1_r, scale - V(1.0f));
}

// exp(x), x <= 0.  The scale is applied in two halves, for 2^n may be subnormal; below -104 the result is 0.
template <class S> typename S::V exp_nonpositive(typename S::V x) {
  using V = typename S::V;
  const Reduced<S> e = reduce<S>(S::select(x < V(-104.0f), V(-104.0f), x));
  const V half = S::fma(e.n, V(0.5f), V(magic));
  const V scale = power_of_two<S>(half);
  const V rest = power_of_two<S>((e.n - (half - V(magic))) + V(magic));
  return S::fma(scale, e.expm1_r, scale) * rest;
}

} // namespace lanefold::math
