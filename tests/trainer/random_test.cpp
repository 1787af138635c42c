// The trainer's random numbers: Philox against its published vectors, distributions against their moments, and initial
// weights against the formulas of their initializers.
#include "trainer/data/random.hpp"
#include "trainer/network/network.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

using namespace lanefold::trainer;

namespace {

struct Moments {
  double mean, variance, least, most;
};

template <class Draw> Moments moments(int count, const Draw &draw) {
  double sum = 0, squares = 0, least = INFINITY, most = -INFINITY;
  for (int i = 0; i < count; ++i) {
    const double x = draw();
    sum += x, squares += x * x;
    least = std::min(least, x), most = std::max(most, x);
  }
  return {sum / count, squares / count - sum / count * (sum / count), least, most};
}

} // namespace

TEST_CASE("Philox4x32-10 gives the published answers") {
  // From the file kat_vectors of Random123.
  constexpr uint32_t f = 0xffffffff;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({f, f, f, f}, {f, f}) == PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream repeats itself, and differs by either half of the seed, by purpose and by index") {
  const auto first = [](Stream stream) {
    std::array<uint32_t, 9> bits;
    for (uint32_t &b : bits) b = stream.bits();
    return bits;
  };
  const auto base = first(Stream(1, Purpose::weights, 0));
  CHECK(first(Stream(1, Purpose::weights, 0)) == base);
  CHECK(first(Stream(2, Purpose::weights, 0)) != base);
  CHECK(first(Stream(1 + (uint64_t{1} << 32), Purpose::weights, 0)) != base);
  CHECK(first(Stream(1, Purpose::shuffle, 0)) != base);
  CHECK(first(Stream(1, Purpose::weights, 1)) != base);
  // A counter numbers the blocks, so no block comes twice.
  CHECK_FALSE(std::equal(base.begin(), base.begin() + 4, base.begin() + 4));
}

TEST_CASE("the logarithm agrees with libm to 1e-14") {
  Stream random(1, Purpose::weights, 7);
  double worst = 0;
  const auto check = [&](double x) {
    const double exact = std::log(x);
    worst = std::max(worst, std::fabs(logarithm(x) - exact) / std::max(1.0, std::fabs(exact)));
  };
  for (const double x :
       {1.0, 0x1p-24, 0.5, 2.0, 0.70710678118654752, 0.70710678118654746, 1 - 0x1p-24, 1 + 0x1p-52, 1e-300, 1e300, 3.0})
    check(x);
  for (int i = 0; i < 20000; ++i) check(1.0 - random.uniform());
  CHECK(worst <= 1e-14);
  CHECK(logarithm(1.0) == 0.0);
}

TEST_CASE("sine and cosine of a fraction of the circle agree with libm to 1e-14") {
  double worst = 0;
  for (int i = 0; i < 20000; ++i) {
    const double u = i / 20000.0;
    const CosineAndSine t = cosine_and_sine(u);
    worst = std::max({worst, std::fabs(t.cosine - std::cos(2 * std::numbers::pi * u)),
                      std::fabs(t.sine - std::sin(2 * std::numbers::pi * u))});
  }
  CHECK(worst <= 1e-14);
  CHECK(cosine_and_sine(0.25).sine == 1.0);
  CHECK(cosine_and_sine(0.5).cosine == -1.0);
  CHECK(cosine_and_sine(0.75).sine == -1.0);
}

TEST_CASE("uniform numbers lie in [0, 1) with mean 1/2 and variance 1/12") {
  constexpr int count = 400000;
  Stream random(3, Purpose::weights, 0);
  const Moments m = moments(count, [&] { return random.uniform(); });
  // Five standard errors: of the mean sqrt(1/12/n), of the variance sqrt(1/180/n).
  CHECK(std::fabs(m.mean - 0.5) < 5 * std::sqrt(1 / 12.0 / count));
  CHECK(std::fabs(m.variance - 1 / 12.0) < 5 * std::sqrt(1 / 180.0 / count));
  CHECK(m.least >= 0);
  CHECK(m.most < 1);
  const Moments between = moments(10000, [&] { return random.uniform(-3, 5); });
  CHECK(between.least >= -3);
  CHECK(between.most < 5);
  CHECK(std::fabs(between.mean - 1) < 0.15);
}

TEST_CASE("normal numbers have mean 0, variance 1, no skew, normal tails, and no correlation") {
  constexpr int count = 400000;
  Stream random(4, Purpose::weights, 0);
  std::vector<double> x(count);
  for (double &v : x) v = random.normal();
  size_t next = 0;
  const Moments m = moments(count, [&] { return x[next++]; });
  CHECK(std::fabs(m.mean) < 5 / std::sqrt(count));
  CHECK(std::fabs(m.variance - 1) < 5 * std::sqrt(2.0 / count));
  double cubes = 0, beyond_two = 0, product = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    cubes += x[i] * x[i] * x[i];
    beyond_two += std::fabs(x[i]) > 2;
    if (i > 0) product += x[i] * x[i - 1];
  }
  CHECK(std::fabs(cubes / count) < 5 * std::sqrt(15.0 / count));
  CHECK(std::fabs(beyond_two / count - 0.0455) < 5 * std::sqrt(0.0455 / count));
  CHECK(std::fabs(product / count) < 5 / std::sqrt(count));
}

TEST_CASE("below() is in range and uniform, also for ranges that do not divide 2^32") {
  for (const uint32_t n : {1u, 2u, 3u, 10u, 1000u}) {
    CAPTURE(n);
    constexpr int count = 200000;
    Stream random(5, Purpose::weights, n);
    std::vector<int> seen(n);
    bool in_range = true;
    for (int i = 0; i < count; ++i) {
      const uint32_t x = random.below(n);
      if (x < n) ++seen[x];
      else in_range = false;
    }
    CHECK(in_range);
    // Chi squared has mean n - 1 and variance 2 (n - 1).
    const double expected = double{count} / n;
    double chi = 0;
    for (const int s : seen) chi += (s - expected) * (s - expected) / expected;
    CHECK(chi <= n - 1 + 5 * std::sqrt(2.0 * n));
  }
  // Of 3 * 2^30 values, remainders of 32 bits alone would put half of all numbers into the lowest third.
  constexpr uint32_t large = 3u << 30;
  constexpr int count = 30000;
  Stream random(6, Purpose::weights, 0);
  int low = 0;
  for (int i = 0; i < count; ++i) low += random.below(large) < large / 3;
  CHECK(std::fabs(low / double{count} - 1 / 3.0) < 0.02);
}

TEST_CASE("a permutation holds each number once, repeats itself, and differs by seed and by epoch") {
  for (const uint32_t n : {0u, 1u, 2u, 1000u}) {
    CAPTURE(n);
    auto order = permutation(n, Stream(1, Purpose::shuffle, 1));
    std::sort(order.begin(), order.end());
    std::vector<uint32_t> numbers(n);
    std::iota(numbers.begin(), numbers.end(), 0u);
    CHECK(order == numbers);
  }
  const auto order = permutation(1000, Stream(1, Purpose::shuffle, 1));
  CHECK(order == permutation(1000, Stream(1, Purpose::shuffle, 1)));
  for (const auto &other :
       {permutation(1000, Stream(1, Purpose::shuffle, 2)), permutation(1000, Stream(2, Purpose::shuffle, 1))}) {
    int in_place = 0;
    for (size_t i = 0; i < other.size(); ++i) in_place += other[i] == order[i];
    CHECK(in_place < 10); // one on average
  }
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("each order of three is as likely as any other") {
  std::array<int, 27> seen{};
  constexpr int count = 60000;
  for (uint32_t i = 0; i < count; ++i) {
    const auto order = permutation(3, Stream(1, Purpose::shuffle, i));
    ++seen[order[0] * 9 + order[1] * 3 + order[2]];
  }
  for (const size_t code : {5u, 7u, 11u, 15u, 19u, 21u}) // 012 021 102 120 201 210
    CHECK(std::abs(seen[code] - count / 6) < 5 * std::sqrt(count / 6.0));
}

TEST_CASE("initial weights have mean 0, the variance of their initializer and fan within 1%, and its shape") {
  struct Case {
    const char *name;
    double scale; // variance = scale / fan
    const char *usual_fan;
  };
  const Case cases[] = {{"he-truncated", 2 * 1.3 * 0.7737413, "in"},
                        {"he-normal", 2, "in"},
                        {"he-uniform", 2, "in"},
                        {"xavier-normal", 1, "avg"},
                        {"xavier-uniform", 1, "avg"},
                        {"xavier-tanh-normal", 16, "avg"},
                        {"xavier-tanh-uniform", 16, "avg"},
                        {"lecun-normal", 1, "in"}};
  CHECK(std::size(cases) == initializer_names().size());
  for (const Case &c : cases) {
    const std::string name = c.name;
    CHECK(usual(name).fan == c.usual_fan);
    for (const std::string &fan : fan_names()) {
      CAPTURE(name);
      CAPTURE(fan);
      LayerDescription layer;
      layer.init = {name, fan};
      Network network(plain(784, {600}, 500, layer));
      initialize(network, 1);
      for (const lanefold::DenseLayer &each : network.layers) {
        const auto in = static_cast<double>(each.inputs), out = static_cast<double>(each.outputs);
        const double variance = c.scale / (fan == "in" ? in : fan == "out" ? out : (in + out) / 2);
        CHECK(layer.init.variance(each.inputs, each.outputs) == doctest::Approx(variance).epsilon(1e-6));
        size_t next = 0;
        const int count = static_cast<int>(each.w.size());
        const Moments m = moments(count, [&] { return double{each.w[next++]}; });
        CHECK(m.variance == doctest::Approx(variance).epsilon(0.01));
        CHECK(std::fabs(m.mean) < 5 * std::sqrt(variance / count));
        if (name.ends_with("uniform") || name == "he-truncated") {
          // The limit is the end of the interval, or two standard deviations of the normal before truncation.
          const double limit = name == "he-truncated" ? 2 * std::sqrt(variance / 0.7737413) : std::sqrt(3 * variance);
          CHECK(m.most <= limit * (1 + 1e-6));
          CHECK(m.least >= -limit * (1 + 1e-6));
          CHECK(m.most > 0.99 * limit);
        } else {
          CHECK(m.most > 4 * std::sqrt(variance));
        }
      }
    }
  }
}

TEST_CASE("he-truncated is within 1% of He's variance, and a gain multiplies the deviation") {
  Network network(plain(784, {}, 600)), large(network.description);
  initialize(network, 3);
  initialize(large, 3, 10);
  CHECK(Initializer{}.variance(784, 600) == doctest::Approx(2.0 / 784).epsilon(0.01));
  for (size_t i = 0; i < network.layers[0].w.size(); i += 1000)
    CHECK(large.layers[0].w[i] == doctest::Approx(10 * network.layers[0].w[i]).epsilon(1e-6));
}

TEST_CASE("initial weights depend on the seed and on the layer, and repeat for the same seed") {
  const Description description = plain(50, {50}, 50);
  Network first(description), second(description), third(description);
  initialize(first, 1);
  initialize(second, 1);
  initialize(third, 2);
  CHECK(sha256(first) == sha256(second));
  CHECK(sha256(first) != sha256(third));
  CHECK(first.layers[0].w != first.layers[1].w);
  CHECK(std::all_of(first.layers[0].batch_norm->gamma.begin(), first.layers[0].batch_norm->gamma.end(),
                    [](float g) { return g == 1; }));
  CHECK(std::all_of(first.layers[0].batch_norm->beta.begin(), first.layers[0].batch_norm->beta.end(),
                    [](float b) { return b == 0; }));
}
