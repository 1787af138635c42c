// lf_sgemm on special values: NaN, infinities, both zeros, subnormals and overflow.
#include "support/gemm.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

// Mostly ordinary numbers, whose product with infinity is infinite, and both zeros, whose product with it is NaN.
float plain(Random &random) {
  const int64_t kind = random.below(8);
  return kind == 0 ? 0.0f : kind == 1 ? -0.0f : random.uniform(-1, 1);
}

float special(Random &random) {
  constexpr float values[] = {NAN, INFINITY, -INFINITY};
  return values[random.below(3)];
}

} // namespace

TEST_CASE("products of NaN and infinity are what IEEE 754 prescribes") {
  const Context one = context(1);
  PaddedMatrix a(3, 4), b(4, 5), c(3, 5);
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

TEST_CASE("NaN and infinity reach the elements that the chain says, and no others") {
  const Context one = context(1), three = context(3);
  Random random(7);
  int64_t kinds[4] = {}; // finite, NaN, inf, -inf: the test needs all of them
  for (int i = 0; i < 600; ++i) {
    const float alpha = i % 3 ? 1.0f : -2.0f, beta = i % 5 < 3 ? 0.0f : 1.0f;
    const Case p{random.between(1, 70),
                 random.between(1, 130),
                 random.between(1, 40),
                 static_cast<uint32_t>(i % 4),
                 alpha,
                 beta};
    PaddedMatrix a(p.a_rows(), p.a_columns(), random.below(3), random.below(16));
    PaddedMatrix b(p.b_rows(), p.b_columns(), random.below(3), random.below(16));
    PaddedMatrix c(p.m, p.n, random.below(3), random.below(16));
    for (PaddedMatrix *x : {&a, &b, &c}) x->fill([&](int64_t, int64_t) { return plain(random); });
    for (int special_values = 0; special_values < 4; ++special_values) {
      PaddedMatrix &x = special_values % 2 ? a : b;
      x(random.below(x.rows()), random.below(x.columns())) = special(random);
    }
    if (beta == 0.0f) c.nan(); // the call must not read it
    else c(random.below(p.m), random.below(p.n)) = special(random);
    const PaddedMatrix expected = chains(p, a, b, c);
    CAPTURE(p);
    (i % 2 ? one : three).sgemm(arguments(p, a, b, c));
    CHECK(differing(c, expected) == 0); // any NaN equals any other
    CHECK(c.gaps_untouched());
    for (int64_t row = 0; row < p.m; ++row)
      for (int64_t j = 0; j < p.n; ++j) {
        const float x = expected(row, j);
        ++kinds[std::isfinite(x) ? 0 : std::isnan(x) ? 1 : x > 0 ? 2 : 3];
      }
  }
  for (const int64_t count : kinds) CHECK(count > 1000);
}

TEST_CASE("with alpha or beta of 0 a call ignores NaN and infinity, and with any other value it does not") {
  const Context one = context(1);
  Random random(8);
  for (const int64_t n : {1, 7, 16, 33, 130})
    for (uint32_t flags = 0; flags < 4; ++flags)
      for (const float alpha : {0.0f, -0.0f, 1.0f, -3.0f, NAN, INFINITY})
        for (const float beta : {0.0f, -0.0f, 1.0f, 0.5f, NAN, -INFINITY}) {
          const Case p{n / 2 + 1, n, 9, flags, alpha, beta};
          PaddedMatrix a(p.a_rows(), p.a_columns()), b(p.b_rows(), p.b_columns()), c(p.m, p.n);
          for (PaddedMatrix *x : {&a, &b, &c}) x->random(random, 0.5f, 1.0f);
          if (alpha == 0.0f) a.nan(), b.nan();
          if (beta == 0.0f) c.nan();
          else c(p.m / 2, n / 2) = special(random);
          const PaddedMatrix expected = chains(p, a, b, c);
          one.sgemm(arguments(p, a, b, c));
          CAPTURE(p);
          CHECK(differing(c, expected) == 0);
          if (std::isfinite(alpha) && beta == 0.0f) CHECK(std::isfinite(c(p.m / 2, n / 2)));
          if (beta != 0.0f) CHECK(!std::isfinite(c(p.m / 2, n / 2)));
        }
}

TEST_CASE("subnormal, huge and half-way sums round once") {
  const Context one = context(1);
  Random random(4);
  for (int i = 0; i < 60; ++i) {
    Case p{random.between(1, 20), random.between(1, 40), random.between(1, 40), 0, 1.0f, 1.0f};
    check_case({&one}, p, random, [&](int64_t, int64_t) {
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
