// lf_sgemm: every element is the documented chain, bit for bit, on every shape, stride and thread count.
#include "support.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

struct Case {
  int64_t m, n, k;
  uint32_t flags;
  float alpha, beta;
};

// The chain as gemm.h words it, in one float at a time.
float chain(const Case &p, const Matrix &a, const Matrix &b, float c, int64_t i, int64_t j) {
  float sum = p.beta == 0.0f ? 0.0f : p.beta * c;
  for (int64_t q = 0; q < (p.alpha == 0.0f ? 0 : p.k); ++q) {
    const float x = p.flags & LF_TRANSPOSE_A ? a(q, i) : a(i, q);
    const float y = p.flags & LF_TRANSPOSE_B ? b(j, q) : b(q, j);
    sum = std::fma(p.alpha * x, y, sum);
  }
  return sum;
}

lf_sgemm_args arguments(const Case &p, const Matrix &a, const Matrix &b, Matrix &c) {
  auto x = args<lf_sgemm_args>();
  x.flags = p.flags;
  x.m = p.m, x.n = p.n, x.k = p.k;
  x.alpha = p.alpha, x.beta = p.beta;
  x.a = a.data(), x.lda = a.stride();
  x.b = b.data(), x.ldb = b.stride();
  x.c = c.data(), x.ldc = c.stride();
  return x;
}

template <class Fill> void check_case(const Context &context, const Case &p, Random &random, Fill fill) {
  const bool ta = p.flags & LF_TRANSPOSE_A, tb = p.flags & LF_TRANSPOSE_B;
  Matrix a(ta ? p.k : p.m, ta ? p.m : p.k, random.below(4), random.below(16));
  Matrix b(tb ? p.n : p.k, tb ? p.k : p.n, random.below(4), random.below(16));
  Matrix c(p.m, p.n, random.below(4), random.below(16));
  a.fill(fill);
  b.fill(fill);
  if (p.beta == 0.0f) c.nan();
  else c.fill(fill);
  Matrix expected = c;
  expected.fill([&](int64_t i, int64_t j) { return chain(p, a, b, c(i, j), i, j); });
  context.sgemm(arguments(p, a, b, c));
  CAPTURE(p.m);
  CAPTURE(p.n);
  CAPTURE(p.k);
  CAPTURE(p.flags);
  CAPTURE(p.alpha);
  CAPTURE(p.beta);
  CHECK(differing(c, expected) == 0);
  CHECK(c.gaps_untouched());
}

} // namespace

TEST_CASE("a product is the documented chain on sizes around every tile and block") {
  const Context one = context(1), three = context(3);
  Random random(1);
  const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 24, 31, 32, 33, 47, 64, 65, 127};
  const float factors[] = {0.0f, 1.0f, -1.0f, 0.3f};
  for (int i = 0; i < 1500; ++i) {
    Case p{sizes[random.below(24)],  sizes[random.below(24)],
           sizes[random.below(24)],  static_cast<uint32_t>(random.below(4)),
           factors[random.below(4)], factors[random.below(4)]};
    check_case(i % 2 ? one : three, p, random, [&](int64_t, int64_t) { return random.uniform(-1, 1); });
  }
}

TEST_CASE("large products, more than one block in every direction, are the same chain") {
  const Context one = context(1), three = context(3);
  Random random(2);
  const Case cases[] = {{200, 300, 784, 0, 1, 0},   {784, 300, 200, 1, 1, 0}, {200, 300, 100, 2, 1, 0},
                        {61, 67, 2111, 3, 0.7f, 1}, {1111, 33, 70, 0, 1, -2}, {2100, 10, 17, 1, 1, 0},
                        {17, 4200, 19, 2, 1, 0},    {1, 300, 784, 0, 1, 0},   {2, 301, 784, 0, 1, 0},
                        {1030, 130, 1030, 0, 1, 0}};
  for (const Case &p : cases)
    for (const Context *context : {&one, &three})
      check_case(*context, p, random, [&](int64_t, int64_t) { return random.uniform(-1, 1); });
}

TEST_CASE("small integers multiply exactly") {
  const Context one = context(1);
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    Case p{random.between(1, 80),
           random.between(1, 80),
           random.between(1, 300),
           static_cast<uint32_t>(random.below(4)),
           1.0f,
           0.0f};
    check_case(one, p, random, [&](int64_t, int64_t) { return random.integer(8); });
  }
}

TEST_CASE("NaN and infinity come out as IEEE has it, also where the other operand is 0") {
  const Context one = context(1);
  Matrix a(3, 4), b(4, 5), c(3, 5);
  a.fill([](int64_t, int64_t) { return 0.0f; });
  b.fill([](int64_t, int64_t) { return 1.0f; });
  a(1, 2) = INFINITY;
  b(0, 3) = NAN;
  b(3, 4) = -INFINITY;
  one.sgemm(arguments({3, 5, 4, 0, 1, 0}, a, b, c));
  CHECK(c(0, 0) == 0.0f);
  CHECK(c(1, 0) == INFINITY);
  CHECK(std::isnan(c(0, 3)));
  CHECK(std::isnan(c(2, 4)));
}

TEST_CASE("subnormal, huge and half-way sums round once") {
  const Context one = context(1);
  Random random(4);
  for (int i = 0; i < 60; ++i) {
    Case p{random.between(1, 20), random.between(1, 40), random.between(1, 40), 0, 1.0f, 1.0f};
    check_case(one, p, random, [&](int64_t, int64_t) {
      const int kind = static_cast<int>(random.below(5));
      const float x = std::bit_cast<float>(static_cast<uint32_t>(random.bits()) & 0x007fffffu); // subnormal
      if (kind == 0) return x;
      if (kind == 1) return std::ldexp(random.uniform(1, 2), -70);
      if (kind == 2) return std::ldexp(1.0f + random.integer(1) * 0x1p-23f, static_cast<int>(random.between(-1, 24)));
      if (kind == 3) return random.integer(2) * 0x1p-12f;
      return std::ldexp(random.uniform(-2, 2), static_cast<int>(random.between(-60, 60)));
    });
  }
}

TEST_CASE("columns of one larger matrix can be operands and result") {
  const Context one = context(1);
  Random random(5);
  Matrix whole(20, 60);
  whole.random(random);
  auto x = args<lf_sgemm_args>();
  x.m = x.n = x.k = 20;
  x.alpha = 1.0f;
  x.a = whole.data(), x.b = whole.data() + 20, x.c = whole.data() + 40;
  x.lda = x.ldb = x.ldc = whole.stride();
  Matrix before = whole;
  one.sgemm(x);
  float sum = 0;
  for (int64_t q = 0; q < 20; ++q) sum = std::fma(before(7, q), before(q, 20 + 9), sum);
  CHECK(whole(7, 40 + 9) == sum);
}
