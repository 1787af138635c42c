// lf_sgemm on what is not an ordinary number: NaN, infinities, both zeros, subnormals, overflow.
#include "support/gemm.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

// Mostly numbers that an infinity keeps its sign with; both zeros, which make NaN of it.
float plain(Random &random) {
  const int64_t kind = random.below(8);
  return kind == 0 ? 0.0f : kind == 1 ? -0.0f : random.uniform(-1, 1);
}

float special(Random &random) {
  constexpr float values[] = {NAN, INFINITY, -INFINITY};
  return values[random.below(3)];
}

} // namespace

TEST_CASE("NaN and infinity come out as IEEE has it") {
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

TEST_CASE("NaN and infinity anywhere, also against 0, spread to the elements that the chain says, and no others") {
  const Context one = context(1), three = context(3);
  Random random(7);
  int64_t kinds[4] = {}; // finite, NaN, inf, -inf: each must come up for the test to mean anything
  for (int turn = 0; turn < 600; ++turn) {
    const float alpha = turn % 3 ? 1.0f : -2.0f, beta = turn % 5 < 3 ? 0.0f : 1.0f;
    const Case p{random.between(1, 70),
                 random.between(1, 130),
                 random.between(1, 40),
                 static_cast<uint32_t>(turn % 4),
                 alpha,
                 beta};
    PaddedMatrix a(p.a_rows(), p.a_columns(), random.below(3), random.below(16));
    PaddedMatrix b(p.b_rows(), p.b_columns(), random.below(3), random.below(16));
    PaddedMatrix c(p.m, p.n, random.below(3), random.below(16));
    for (PaddedMatrix *x : {&a, &b, &c}) x->fill([&](int64_t, int64_t) { return plain(random); });
    for (int i = 0; i < 4; ++i) {
      PaddedMatrix &x = i % 2 ? a : b;
      x(random.below(x.rows()), random.below(x.columns())) = special(random);
    }
    if (beta == 0.0f) c.nan(); // not read
    else c(random.below(p.m), random.below(p.n)) = special(random);
    PaddedMatrix expected = c;
    expected.fill([&](int64_t i, int64_t j) { return chain(p, a, b, c(i, j), i, j); });
    CAPTURE(p);
    (turn % 2 ? one : three).sgemm(arguments(p, a, b, c));
    CHECK(differing(c, expected) == 0); // any NaN equals any other
    CHECK(c.gaps_untouched());
    for (int64_t i = 0; i < p.m; ++i)
      for (int64_t j = 0; j < p.n; ++j) {
        const float x = expected(i, j);
        ++kinds[std::isfinite(x) ? 0 : std::isnan(x) ? 1 : x > 0 ? 2 : 3];
      }
  }
  for (const int64_t count : kinds) CHECK(count > 1000);
}

TEST_CASE("alpha and beta of 0 leave NaN and infinity unread, others carry them on") {
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
          PaddedMatrix expected = c;
          expected.fill([&](int64_t i, int64_t j) { return chain(p, a, b, c(i, j), i, j); });
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
