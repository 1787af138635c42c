// lf_sgemm: every element is the documented chain, bit for bit, at any size and stride and on any number of threads.
#include "support/gemm.hpp"
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

TEST_CASE("a product is the documented chain on sizes around every tile and block") {
  const Context one = context(1), three = context(3);
  Random random(1);
  const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 24, 31, 32, 33, 47, 64, 65, 127};
  const float factors[] = {0.0f, 1.0f, -1.0f, 0.3f};
  for (int i = 0; i < 1500; ++i) {
    Case p{sizes[random.below(24)],  sizes[random.below(24)],
           sizes[random.below(24)],  static_cast<uint32_t>(random.below(4)),
           factors[random.below(4)], factors[random.below(4)]};
    check_case({i % 2 ? &one : &three}, p, random, [&](int64_t, int64_t) { return random.uniform(-1, 1); });
  }
}

TEST_CASE("large products, with several blocks in each direction, are the same chain") {
  const Context one = context(1), three = context(3);
  Random random(2);
  const Case cases[] = {{200, 300, 784, 0, 1, 0},   {784, 300, 200, 1, 1, 0}, {200, 300, 100, 2, 1, 0},
                        {61, 67, 2111, 3, 0.7f, 1}, {1111, 33, 70, 0, 1, -2}, {2100, 10, 17, 1, 1, 0},
                        {17, 4200, 19, 2, 1, 0},    {1, 300, 784, 0, 1, 0},   {2, 301, 784, 0, 1, 0},
                        {1030, 130, 1030, 0, 1, 0}};
  for (const Case &p : cases)
    if (!passed_over()) check_case({&one, &three}, p, random, [&](int64_t, int64_t) { return random.uniform(-1, 1); });
}

TEST_CASE("small integers multiply exactly, whatever the transposes, factors and threads") {
  const Context one = context(1), three = context(3);
  Random random(3);
  for (const float alpha : {1.0f, 2.0f, -3.0f})
    for (const float beta : {0.0f, 1.0f, -2.0f})
      for (uint32_t flags = 0; flags < 4; ++flags)
        for (const Context *context : {&one, &three}) {
          if (passed_over()) continue;
          const Case p{random.between(1, 130), random.between(1, 130), random.between(1, 2000), flags, alpha, beta};
          const auto small = [&](int64_t, int64_t) { return random.integer(8); }; // every sum stays below 2^24
          PaddedMatrix a(p.a_rows(), p.a_columns()), b(p.b_rows(), p.b_columns()), c(p.m, p.n, 1);
          a.fill(small);
          b.fill(small);
          c.fill(small);
          Doubles left(p.m, p.k), right(p.k, p.n);
          left.fill([&](int64_t i, int64_t q) { return op_a(p, a, i, q); });
          right.fill([&](int64_t q, int64_t j) { return op_b(p, b, q, j); });
          const Doubles sums = product(left, right); // exact: every sum stays far below 2^53
          PaddedMatrix expected = c;
          expected.fill([&](int64_t i, int64_t j) {
            return static_cast<float>(alpha * sums(i, j) + beta * c(i, j) + 0.0);
          }); // 0, not -0
          if (beta == 0.0f) c.nan();
          CAPTURE(p);
          context->sgemm(arguments(p, a, b, c));
          CHECK(differing(c, expected) == 0);
          CHECK(c.gaps_untouched());
        }
}

// |c - exact| <= k u S for each element, S = sum |a b|, u = 2^-24, with no term in u^2 however long the chain.  With
// c_p the chain after p steps, E_p = |c_p - exact_p| and S_p the sum of the first p products, E_p <= p u S_p follows
// step by step.  A fused step errs by the distance from ab + c to the nearest float:
//   - if |ab| <= u S_(p-1): c itself is a float, so the step errs by at most |ab|, and
//     E_p <= (p-1) u S_(p-1) + u S_(p-1) <= p u S_p;
//   - else the step errs by at most u |ab + c| <= u (S_p + E_(p-1)) <= u S_p + (p-1) u u S_(p-1), which is at most
//     u S_p + (p-1) u |ab|, and E_p <= (p-1) u S_(p-1) + (p-1) u |ab| + u S_p = p u S_p.
// The first step, from 0, is of the second kind: it rounds the product.  Nothing underflows: every sum is a multiple of
// 2^-106, because the last bit of a factor is worth 2^-53 or more.  The reference, k sums in double, and S err by at
// most k 2^-53 S each, and the bound allows for both.
TEST_CASE("the error of a product stays within k 2^-24 sum |a||b|, element by element") {
  const Context one = context(1), three = context(3);
  Random random(6);
  const auto wide = [&](int64_t, int64_t) {
    const float sign = random.below(2) ? 1.0f : -1.0f;
    return std::ldexp(sign * random.uniform(1, 2), static_cast<int>(random.between(-30, 30)));
  };
  const auto even = [&](int64_t, int64_t) { return random.uniform(1, 2); }; // of one sign, so that errors add up
  for (int number = 0; number < 48; ++number) {
    const int64_t k = number < 8 ? 3000 : random.between(1, 3000);
    const Case p{random.between(1, 40), random.between(1, 40), k, static_cast<uint32_t>(number % 4), 1.0f, 0.0f};
    PaddedMatrix a(p.a_rows(), p.a_columns(), 1), b(p.b_rows(), p.b_columns(), 2), c(p.m, p.n);
    for (PaddedMatrix *x : {&a, &b}) number % 8 < 4 ? x->fill(wide) : x->fill(even);
    c.nan();
    (number % 3 ? one : three).sgemm(arguments(p, a, b, c));
    double worst = 0; // the largest error, divided by its bound
    for (int64_t i = 0; i < p.m; ++i)
      for (int64_t j = 0; j < p.n; ++j) {
        double exact = 0, magnitude = 0;
        for (int64_t q = 0; q < k; ++q) {
          const double product = static_cast<double>(op_a(p, a, i, q)) * op_b(p, b, q, j); // 48 bits, so it is exact
          exact += product;
          magnitude += std::fabs(product);
        }
        const double bound = static_cast<double>(k) * (0x1p-24 + 0x1p-52) * magnitude;
        const double error = std::fabs(c(i, j) - exact);
        worst = error <= bound ? std::max(worst, error / bound) : INFINITY; // also where the error is NaN
      }
    CAPTURE(p);
    CHECK(worst <= 1.0);
  }
}

TEST_CASE("columns of one larger matrix can be operands and result") {
  const Context one = context(1);
  Random random(5);
  PaddedMatrix whole(20, 60);
  whole.random(random);
  auto x = args<lf_sgemm_args>();
  x.m = x.n = x.k = 20;
  x.alpha = 1.0f;
  x.a = whole.data(), x.b = whole.data() + 20, x.c = whole.data() + 40;
  x.lda = x.ldb = x.ldc = whole.stride();
  PaddedMatrix before = whole;
  one.sgemm(x);
  float sum = 0;
  for (int64_t q = 0; q < 20; ++q) sum = std::fma(before(7, q), before(q, 20 + 9), sum);
  CHECK(whole(7, 40 + 9) == sum);
}

TEST_CASE("tiles of five rows by five vectors fit their buffer when the problem is transposed") {
  const Context one = context(1);
  Random random(8);
  for (const int64_t n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14})
    for (const int64_t m : {20, 25, 80, 100, 200, 330})
      check_case({&one}, {m, n, 60, LF_TRANSPOSE_A, 1, 0}, random,
                 [&](int64_t, int64_t) { return random.uniform(-1, 1); });
}
