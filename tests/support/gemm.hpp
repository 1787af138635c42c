// What the tests of products share: a problem, its documented chain in one float at a time, the arguments of a call.
// Operands are PaddedMatrix or Guarded.
#pragma once

#include "matrix.hpp"

#include <ostream>

namespace lanefold::test {

struct Case {
  int64_t m, n, k;
  uint32_t flags;
  float alpha, beta;

  bool transposes_a() const { return (flags & LF_TRANSPOSE_A) != 0; }
  bool transposes_b() const { return (flags & LF_TRANSPOSE_B) != 0; }
  // As the operands lie in memory.
  int64_t a_rows() const { return transposes_a() ? k : m; }
  int64_t a_columns() const { return transposes_a() ? m : k; }
  int64_t b_rows() const { return transposes_b() ? n : k; }
  int64_t b_columns() const { return transposes_b() ? k : n; }
};

// Elements of op(A) and op(B).
template <class A> auto op_a(const Case &p, const A &a, int64_t i, int64_t q) {
  return p.transposes_a() ? a(q, i) : a(i, q);
}
template <class B> auto op_b(const Case &p, const B &b, int64_t q, int64_t j) {
  return p.transposes_b() ? b(j, q) : b(q, j);
}

// The chain as gemm.h words it.
template <class A, class B> float chain(const Case &p, const A &a, const B &b, float c, int64_t i, int64_t j) {
  float sum = p.beta == 0.0f ? 0.0f : p.beta * c;
  for (int64_t q = 0; q < (p.alpha == 0.0f ? 0 : p.k); ++q)
    sum = std::fma(p.alpha * op_a(p, a, i, q), op_b(p, b, q, j), sum);
  return sum;
}

template <class A, class B, class C> lf_sgemm_args arguments(const Case &p, const A &a, const B &b, C &c) {
  auto x = args<lf_sgemm_args>();
  x.flags = p.flags;
  x.m = p.m, x.n = p.n, x.k = p.k;
  x.alpha = p.alpha, x.beta = p.beta;
  x.a = a.data(), x.lda = a.stride();
  x.b = b.data(), x.ldb = b.stride();
  x.c = c.data(), x.ldc = c.stride();
  return x;
}

inline std::ostream &operator<<(std::ostream &out, const Case &p) {
  return out << "m " << p.m << ", n " << p.n << ", k " << p.k << ", flags " << p.flags << ", alpha " << p.alpha
             << ", beta " << p.beta;
}

// Fills operands and C at random strides and offsets (C with NaN where it is not read), and compares with the chain.
template <class Fill> void check_case(const Context &context, const Case &p, Random &random, Fill fill) {
  PaddedMatrix a(p.a_rows(), p.a_columns(), random.below(4), random.below(16));
  PaddedMatrix b(p.b_rows(), p.b_columns(), random.below(4), random.below(16));
  PaddedMatrix c(p.m, p.n, random.below(4), random.below(16));
  a.fill(fill);
  b.fill(fill);
  if (p.beta == 0.0f) c.nan();
  else c.fill(fill);
  PaddedMatrix expected = c;
  expected.fill([&](int64_t i, int64_t j) { return chain(p, a, b, c(i, j), i, j); });
  CAPTURE(p);
  context.sgemm(arguments(p, a, b, c));
  CHECK(differing(c, expected) == 0);
  CHECK(c.gaps_untouched());
}

} // namespace lanefold::test
