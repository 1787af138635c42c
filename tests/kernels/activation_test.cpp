// Activations alone: accuracy over all exponents, special values, strides, calls in place, and derivatives from y.
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

// The largest distance that the contract allows: 1 ulp for ELU, 4 for GELU, and 2 for the other functions that round.
double allowed_ulps(int32_t code) {
  switch (code) {
  case LF_IDENTITY:
  case LF_RELU6:
  case LF_RELU: return 0;
  case LF_HARD_SIGMOID:
  case LF_LEAKY_RELU: return 0.5;
  case LF_ELU: return 1;
  case LF_GELU:
  case LF_GELU_TANH: return 4;
  default: return 2;
  }
}

} // namespace

TEST_CASE("activations of all exponents and both signs stay within the promised distance of the exact value") {
  const Context one = context(1);
  constexpr int64_t count = 1 << 16;
  PaddedMatrix x(1, count), y(1, count);
  for (int32_t code = 0; code < LF_ACTIVATION_COUNT; ++code) {
    const float alpha = code == LF_LEAKY_RELU ? 0.01f : 1.0f;
    double worst = 0;
    float where = 0;
    for (uint32_t start = 0; start < 64; ++start) {
      if (passed_over()) continue;
      // 64 x 65536 floats are one in 1024 of all.  Every residue of the low bits occurs somewhere.
      x.fill([&](int64_t, int64_t j) {
        return std::bit_cast<float>((static_cast<uint32_t>(j) << 16) + start * 1021 +
                                    static_cast<uint32_t>(j * 7 % 1024));
      });
      one.activation_forward({code, alpha}, x, y);
      for (int64_t j = 0; j < count; ++j) {
        const double distance = ulps(y(0, j), activate(code, alpha, x(0, j)));
        if (distance > worst) worst = distance, where = x(0, j);
      }
    }
    CAPTURE(activation_name(code));
    CAPTURE(where);
    CHECK(worst <= allowed_ulps(code));
  }
}

TEST_CASE("activations of special values are what IEEE 754 prescribes") {
  const Context one = context(1);
  const float inf = INFINITY;
  PaddedMatrix x(1, 6), y(1, 6);
  const float values[] = {NAN, inf, -inf, 0.0f, -0.0f, 1e-42f};
  x.fill([&](int64_t, int64_t j) { return values[j]; });
  const float expected[LF_ACTIVATION_COUNT][6] = {
      {NAN, inf, -inf, 0.0f, -0.0f, 1e-42f},
      {NAN, inf, 0, 0.0f, 0.0f, 1e-42f},
      {NAN, inf, -inf, 0.0f, -0.0f, 1e-42f},
      {NAN, inf, -1, 0.0f, -0.0f, 1e-42f},
      {NAN, inf, -1.7580993408473769f, 0.0f, -0.0f, 1.0507009873554805f * 1e-42f},
      {NAN, 1, -1, 0.0f, -0.0f, 1e-42f},
      {NAN, 1, 0, 0.5f, 0.5f, 0.5f},
      {NAN, 6, 0, 0.0f, 0.0f, 1e-42f},
      {NAN, inf, 0, 0.69314718f, 0.69314718f, 0.69314718f},
      {NAN, 1, 0, 0.5f, 0.5f, 0.5f},
      {NAN, inf, -0.0f, 0.0f, -0.0f, 0.5f * 1e-42f},
      {NAN, inf, -0.0f, 0.0f, -0.0f, 0.5f * 1e-42f},
      {NAN, inf, -0.0f, 0.0f, -0.0f, 0.5f * 1e-42f},
      {NAN, inf, -0.0f, 0.0f, -0.0f, 0.5f * 1e-42f}};
  for (int32_t code = 0; code < LF_ACTIVATION_COUNT; ++code) {
    one.activation_forward({code, code == LF_LEAKY_RELU ? 0.5f : 1.0f}, x, y);
    for (int64_t j = 0; j < 6; ++j) {
      CAPTURE(activation_name(code));
      CAPTURE(j);
      if (std::isnan(expected[code][j])) CHECK(std::isnan(y(0, j)));
      else if (!((code == LF_RELU || code == LF_RELU6) && j == 4))
        CHECK(std::bit_cast<uint32_t>(y(0, j)) == std::bit_cast<uint32_t>(expected[code][j]));
      else CHECK(y(0, j) == 0.0f);
    }
  }
}

TEST_CASE("a derivative that follows from y is the one from the left at 0, and NaN stays NaN") {
  const Context one = context(1);
  PaddedMatrix y(1, 5), dy(1, 5), dx(1, 5);
  const float values[] = {-0.5f, 0.0f, 0.25f, 1.5f, NAN};
  y.fill([&](int64_t, int64_t j) { return values[j]; });
  dy.fill([](int64_t, int64_t) { return 2.0f; });
  const double expected[LF_SILU][4] = {{1, 1, 1, 1},
                                       {0, 0, 1, 1},
                                       {0.25, 0.25, 1, 1},
                                       {0.5, 1, 1, 1},
                                       {1.2580993408, 1.7580993408, 1.0507009873, 1.0507009873},
                                       {0.75, 1, 0.9375, -1.25},
                                       {-0.75, 0, 0.1875, -0.75},
                                       {0, 0, 1, 1},
                                       {-0.6487212707, 0, 0.2211992169, 0.7768698398},
                                       {0, 0, 0.25, 0}};
  for (int32_t code = 0; code < LF_SILU; ++code) {
    one.activation_backward({code, code == LF_LEAKY_RELU || code == LF_HARD_SIGMOID ? 0.25f : 1.0f}, y, dy, dx);
    CAPTURE(activation_name(code));
    for (int64_t j = 0; j < 4; ++j)
      if (code != LF_SOFTPLUS || j > 0) // softplus is never negative
        CHECK(dx(0, j) == doctest::Approx(2 * expected[code][j]).epsilon(1e-6));
    if (code != LF_IDENTITY) CHECK(std::isnan(dx(0, 4)));
  }
}

TEST_CASE("a derivative that follows from x is right everywhere, and at both infinities, and does not read y") {
  const Context one = context(1);
  constexpr int64_t n = 4003;
  PaddedMatrix x(1, n), dy(1, n), dx(1, n);
  x.fill([](int64_t, int64_t j) {
    constexpr float special[] = {INFINITY, -INFINITY, 3e38f, -3e38f, 3, -3, 1e-30f, 0, -0.0f, 1e-45f, -1e-45f, NAN};
    return j < 12 ? special[j] : static_cast<float>(j - n / 2) * 0.01f;
  });
  dy.fill([](int64_t, int64_t) { return 2.0f; });
  for (int32_t code = LF_SILU; code < LF_ACTIVATION_COUNT; ++code) {
    REQUIRE(LF_DERIVES_FROM_INPUT(code));
    one.activation_backward({code, 1}, {}, dy, dx, x);
    CAPTURE(activation_name(code));
    for (int64_t j = 0; j < n; ++j) {
      CAPTURE(x(0, j));
      if (j == 11) CHECK(std::isnan(dx(0, j)));
      else CHECK(std::fabs(dx(0, j) / 2 - derivative_at(code, x(0, j))) <= 1e-6);
    }
  }
}

TEST_CASE("what an activation reads must be there") {
  const Context one = context(1);
  PaddedMatrix x(2, 3), dx(2, 3);
  CHECK_THROWS_WITH(one.activation_backward({LF_GELU, 1}, x, x, dx),
                    "lf_activation_backward: x is NULL, but has 2 x 3 elements");
  CHECK_THROWS_WITH(one.activation_backward({LF_ELU, 1}, {}, x, dx, x),
                    "lf_activation_backward: y is NULL, but has 2 x 3 elements");
}

TEST_CASE("activations have the same bits at any stride, in place or not, on any number of threads") {
  const Context one = context(1), three = context(3);
  Random random(7);
  const int64_t sizes[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 33, 65, 200};
  for (int i = 0; i < 200; ++i) {
    const int64_t m = i == 0 ? 300 : sizes[random.below(13)], n = i == 0 ? 700 : sizes[random.below(13)];
    const auto code = static_cast<int32_t>(random.below(LF_ACTIVATION_COUNT));
    PaddedMatrix x(m, n, random.below(3), random.below(16)), y(m, n, random.below(3), random.below(16));
    x.random(random, -5, 5);
    y.nan();
    PaddedMatrix inplace = x;
    one.activation_forward({code, 0.5f}, x, y);
    three.activation_forward({code, 0.5f}, inplace, inplace);
    CHECK(differing(y, inplace) == 0);
    CHECK(y.gaps_untouched());
    CHECK(inplace.gaps_untouched());
    PaddedMatrix dy(m, n), dx(m, n, random.below(3));
    dy.random(random);
    one.activation_backward({code, 0.5f}, y, dy, dx, x);
    CHECK(dx.gaps_untouched());
    three.activation_backward({code, 0.5f}, y, dy, dy, x);
    CHECK(differing(dx, dy) == 0);
  }
}

TEST_CASE("an array larger than every cache gives the bits of its parts, at any alignment") {
  const Context two = context(2);
  Random random(31);
  constexpr int64_t n = (8 << 20) + 12345, part = 1 << 20;
  for (const int64_t offset : {1, 2, 16}) {
    PaddedMatrix x(1, n, 0, 3), y(1, n, 0, offset), expected(1, n);
    x.random(random, -6, 3);
    two.activation_forward({LF_ELU, 0.5f}, x, y);
    for (int64_t first = 0; first < n; first += part) {
      const int64_t count = std::min(part, n - first);
      two.activation_forward({LF_ELU, 0.5f}, {x.data() + first, 1, count}, {expected.data() + first, 1, count});
    }
    CHECK(differing(y, expected) == 0);
    CHECK(y.gaps_untouched());
  }
}
