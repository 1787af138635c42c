// What the tests of products share: a problem, its chains as gemm.h defines them, and the arguments of a call.
// Operands are PaddedMatrix or Guarded.
#pragma once

#include "matrix.hpp"

#include <initializer_list>
#include <ostream>
#include <vector>

namespace lanefold::test {

struct Case {
  int64_t m, n, k;
  uint32_t flags;
  float alpha, beta;

  bool transposes_a() const { return (flags & LF_TRANSPOSE_A) != 0; }
  bool transposes_b() const { return (flags & LF_TRANSPOSE_B) != 0; }
  // The sizes of the operands in memory.
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

// C += A B, one chain of fused multiply-adds for each element.  A: m x k and B: k x n, both without gaps.  C: m x n.
void add_chains(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c, int64_t ldc);

// The result of a product.  c(i, j) is C before the call.
template <class A, class B, class C> PaddedMatrix chains(const Case &p, const A &a, const B &b, const C &c) {
  const int64_t k = p.alpha == 0.0f ? 0 : p.k;
  std::vector<float> left, right;
  left.reserve(static_cast<size_t>(p.m * k));
  right.reserve(static_cast<size_t>(k * p.n));
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t q = 0; q < k; ++q) left.push_back(p.alpha * op_a(p, a, i, q));
  for (int64_t q = 0; q < k; ++q)
    for (int64_t j = 0; j < p.n; ++j) right.push_back(op_b(p, b, q, j));
  PaddedMatrix result(p.m, p.n);
  result.fill([&](int64_t i, int64_t j) { return p.beta == 0.0f ? 0.0f : p.beta * c(i, j); });
  add_chains(p.m, p.n, k, left.data(), right.data(), result.data(), result.stride());
  return result;
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

// Fills operands and C at random strides and offsets, and compares the result on each context with the chains.  C begins
// with NaN where beta is 0, because the call must not read it.
template <class Fill>
void check_case(std::initializer_list<const Context *> contexts, const Case &p, Random &random, Fill fill) {
  PaddedMatrix a(p.a_rows(), p.a_columns(), random.below(4), random.below(16));
  PaddedMatrix b(p.b_rows(), p.b_columns(), random.below(4), random.below(16));
  PaddedMatrix before(p.m, p.n, random.below(4), random.below(16));
  a.fill(fill);
  b.fill(fill);
  if (p.beta == 0.0f) before.nan();
  else before.fill(fill);
  const PaddedMatrix expected = chains(p, a, b, before);
  CAPTURE(p);
  for (const Context *context : contexts) {
    PaddedMatrix c = before;
    context->sgemm(arguments(p, a, b, c));
    CHECK(differing(c, expected) == 0);
    CHECK(c.gaps_untouched());
  }
}

} // namespace lanefold::test
