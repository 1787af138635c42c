// Dropout: which elements the random numbers drop, what becomes of the others, and that nothing else has an influence.
#include "support/guarded.hpp"
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

// The words of a block of Philox4x32-10 (Salmon et al. 2011).
struct Block {
  uint32_t words[4];
};
Block philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; ++round, k0 += 0x9e3779b9, k1 += 0xbb67ae85) {
    const uint64_t a = uint64_t{0xd2511f53} * c0, b = uint64_t{0xcd9e8d57} * c2;
    c0 = static_cast<uint32_t>(b >> 32) ^ c1 ^ k0, c1 = static_cast<uint32_t>(b);
    c2 = static_cast<uint32_t>(a >> 32) ^ c3 ^ k1, c3 = static_cast<uint32_t>(a);
  }
  return {{c0, c1, c2, c3}};
}

// The random number of an element, as activation.h describes it.
uint32_t number(const Dropout &dropout, int64_t i, int64_t j) {
  const auto low = [](auto x) { return static_cast<uint32_t>(x); };
  return philox(low(16 * (j / 64) + j % 16), low(dropout.first_row + i), low(dropout.stream), low(dropout.stream >> 32),
                low(dropout.seed), low(dropout.seed >> 32))
      .words[j / 16 % 4];
}

PaddedMatrix ones(int64_t m, int64_t n) {
  return PaddedMatrix(m, n).fill([](int64_t, int64_t) { return 1.0f; });
}

} // namespace

// The words are those of Random123's known-answer tests.  A rate just above number / 2^32 drops an element, and a rate
// just below keeps it.
TEST_CASE("the random numbers are those of Random123") {
  const uint32_t zeros[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  const uint32_t ones_words[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  const uint32_t pi[] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  const Block of_ones = philox(UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
  const Block of_pi = philox(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0);
  const Context one = context(1);
  const auto y_at = [&](const Dropout &dropout, int64_t j) {
    PaddedMatrix x = ones(1, 64), y(1, 64);
    one.dropout(dropout, x, y);
    return y(0, j);
  };
  for (int w = 0; w < 4; ++w) {
    CHECK(of_ones.words[w] == ones_words[w]);
    CHECK(of_pi.words[w] == pi[w]);
    CHECK(number({}, 0, 16 * w) == zeros[w]);
    const float near = static_cast<float>(zeros[w] * 0x1p-32);
    const float above = std::nextafter(near, 1.0f), below = std::nextafter(near, 0.0f);
    CHECK(y_at({above}, 16 * w) == 0);
    CHECK(y_at({below}, 16 * w) == 1 / (1 - below));
  }
}

TEST_CASE("each element has the number that the header names, at any width, stride and first row, in place or not") {
  const Context one = context(1), three = context(3);
  Random random(61);
  const int64_t widths[] = {1,  2,  3,  4,  5,  7,  8,  9,  15, 16,  17,  23,  31,  32,  33,
                            47, 48, 49, 63, 64, 65, 79, 80, 96, 127, 128, 129, 200, 300, 1000};
  for (const int64_t n : widths)
    for (const int64_t m : {1, 3, 40}) {
      if (passed_over()) continue;
      const float rate = random.uniform(0, 0.99f);
      const Dropout dropout{rate, random.bits(), random.bits(),
                            random.below(2) ? random.below(int64_t{1} << 31) : (int64_t{1} << 32) - m};
      PaddedMatrix x(m, n, 3), y(m, n, 1);
      x.random(random, -9, 9);
      one.dropout(dropout, x, y);
      CAPTURE(m);
      CAPTURE(n);
      CAPTURE(rate);
      CHECK(y.gaps_untouched());
      const float scale = 1.0f / (1.0f - rate);
      const auto least = static_cast<uint32_t>(std::floor(rate * 0x1p32));
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) REQUIRE(y(i, j) == (number(dropout, i, j) < least ? 0.0f : x(i, j) * scale));
      three.dropout(dropout, x, x);
      CHECK(differing(x, y) == 0);
      CHECK(x.gaps_untouched());
    }
}

TEST_CASE("a rate of 0 keeps every bit") {
  const Context one = context(1);
  const float values[] = {1, -0.0f, 1e-45f, 3e38f, -INFINITY, NAN};
  PaddedMatrix x(4, 99), y(4, 99);
  x.fill([&](int64_t i, int64_t j) { return values[(i * 5 + j) % 6]; });
  one.dropout({0, 12345}, x, y);
  CHECK(differing(x, y) == 0);
}

TEST_CASE("a dropped NaN or infinity is 0") {
  const Context one = context(1);
  PaddedMatrix x(1, 200), y(1, 200);
  x.fill([](int64_t, int64_t j) { return j % 2 ? NAN : INFINITY; });
  const Dropout dropout{0.5f, 7};
  one.dropout(dropout, x, y);
  for (int64_t j = 0; j < 200; ++j) CHECK((y(0, j) == 0) == (number(dropout, 0, j) < uint32_t{1} << 31));
}

TEST_CASE("the backward call drops what the forward call dropped, and other streams and seeds drop others") {
  const Context one = context(1);
  Random random(67);
  PaddedMatrix x(30, 70), y(30, 70), dy(30, 70), dx(30, 70), other(30, 70);
  x.random(random, 1, 2), dy.random(random, 1, 2);
  const Dropout dropout{0.3f, 99, 4};
  one.dropout(dropout, x, y);
  one.dropout(dropout, dy, dx);
  const auto differs = [&](const Dropout &changed) {
    one.dropout(changed, x, other);
    return differing(y, other) > 100;
  };
  for (int64_t i = 0; i < 30; ++i)
    for (int64_t j = 0; j < 70; ++j) CHECK((y(i, j) == 0) == (dx(i, j) == 0));
  CHECK(differs({0.3f, 100, 4}));
  CHECK(differs({0.3f, 99, 5}));
  CHECK(differs({0.3f, 99 + (uint64_t{1} << 32), 4}));
  CHECK(differs({0.3f, 99, 4 + (uint64_t{1} << 32)}));
  CHECK(differs({0.3f, 99, 4, 1}));
}

TEST_CASE("a batch in two parts drops what the whole batch drops, on any number of threads") {
  const Context one = context(1), four = context(4);
  PaddedMatrix x = ones(301, 130), whole(301, 130), parts(301, 130), threads(301, 130);
  const Dropout dropout{0.4f, 3, 8, 1000};
  one.dropout(dropout, x, whole);
  four.dropout(dropout, x, threads);
  CHECK(differing(whole, threads) == 0);
  for (const int64_t cut : {1, 7, 150, 300}) {
    Dropout rest = dropout;
    rest.first_row += cut;
    one.dropout(dropout, {x.data(), cut, 130}, {parts.data(), cut, 130});
    one.dropout(rest, {x.data() + cut * 130, 301 - cut, 130}, {parts.data() + cut * 130, 301 - cut, 130});
    CHECK(differing(whole, parts) == 0);
  }
}

// The bound is five standard deviations of a binomial distribution.
TEST_CASE("the share of dropped elements is the rate, in every column and row") {
  const Context one = context(1);
  constexpr int64_t m = 500, n = 200;
  PaddedMatrix x = ones(m, n), y(m, n);
  for (const float rate : {0.01f, 0.1f, 0.5f, 0.9f}) {
    one.dropout({rate, 2024, 11}, x, y);
    const auto near = [&](int64_t dropped, int64_t all) {
      const double expected = static_cast<double>(all) * rate;
      return std::fabs(static_cast<double>(dropped) - expected) <= 5 * std::sqrt(expected * (1 - rate)) + 1;
    };
    int64_t total = 0;
    std::vector<int64_t> of_column(n);
    for (int64_t i = 0; i < m; ++i) {
      int64_t of_row = 0;
      for (int64_t j = 0; j < n; ++j)
        if (y(i, j) == 0) ++of_row, ++of_column[static_cast<size_t>(j)];
      CHECK(near(of_row, n));
      total += of_row;
    }
    for (const int64_t dropped : of_column) CHECK(near(dropped, m));
    CAPTURE(rate);
    CHECK(near(total, m * n));
  }
}

TEST_CASE("dropout neither reads nor writes beyond its operands") {
  const Context one = context(1);
  Random random(71);
  for (const int64_t n : {1, 3, 4, 8, 9, 15, 17, 31, 33, 48, 63, 64, 65, 100, 129})
    for (const Side side : {Side::begins, Side::ends}) {
      const FaultNote note("dropout", n);
      Guarded x(3, n, n + 1, side), y(3, n, n, side);
      x.random(random);
      one.dropout({0.5f, 1}, x, y);
      CHECK(y.gaps_untouched());
    }
}
