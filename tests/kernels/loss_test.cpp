// Softmax cross-entropy and the elementwise losses, against the formulas in double, on rows of any width.
#include "support/guarded.hpp"
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

std::vector<float> random_weights(int64_t m, Random &random) {
  std::vector<float> weights;
  for (int64_t i = 0; i < m; ++i) weights.push_back(random.uniform(0, 3));
  return weights;
}

std::vector<int32_t> random_labels(int64_t m, int64_t n, Random &random) {
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < m; ++i) labels.push_back(static_cast<int32_t>(random.below(n)));
  return labels;
}

// The largest rounding error of an element's loss or derivative, of operands up to `most`, in units of 2^-24.  Each error
// rounds twice or three times; a softplus and a logistic are within 2 ulp.
double rounding(double most) { return 8 * (1 + most * most); }

} // namespace

TEST_CASE("loss and gradient follow the formulas, for any number of classes, in place or not") {
  const Context one = context(1), three = context(3);
  Random random(41);
  const int64_t classes[] = {1, 2, 3, 9, 10, 15, 16, 17, 33, 100, 1000};
  for (const int64_t n : classes)
    for (const int64_t m : {1, 5, 200, 600}) {
      PaddedMatrix x(m, n, 1), dx(m, n, 2);
      x.random(random, -8, 8);
      std::vector<int32_t> labels;
      for (int64_t i = 0; i < m; ++i) labels.push_back(static_cast<int32_t>(random.below(n)));
      const float loss_only = one.softmax_cross_entropy(x, labels);
      const float loss = one.softmax_cross_entropy(x, labels, dx);
      CAPTURE(m);
      CAPTURE(n);
      CHECK(loss == doctest::Approx(cross_entropy(Doubles(x), labels)).epsilon(2e-6));
      CHECK(loss == loss_only);
      CHECK(dx.gaps_untouched());
      for (int64_t i = 0; i < m; ++i) {
        double most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < n; ++j) most = std::max<double>(most, x(i, j));
        for (int64_t j = 0; j < n; ++j) sum += std::exp(x(i, j) - most);
        for (int64_t j = 0; j < n; ++j) {
          const double p = std::exp(x(i, j) - most) / sum;
          const double exact = (p - (labels[static_cast<size_t>(i)] == j)) / static_cast<double>(m);
          REQUIRE(std::fabs(dx(i, j) - exact) <= 1e-6 / static_cast<double>(m));
        }
      }
      const float inplace_loss = three.softmax_cross_entropy(x, labels, x);
      CHECK(differing(x, dx) == 0);
      CHECK(loss == inplace_loss);
    }
}

TEST_CASE("huge logits do not overflow, and NaN reaches the loss") {
  const Context one = context(1);
  PaddedMatrix x(1, 3), dx(1, 3);
  x(0, 0) = 3e38f, x(0, 1) = -3e38f, x(0, 2) = 0;
  const int32_t label = 0;
  CHECK(one.softmax_cross_entropy(x, {&label, 1}, dx) == 0.0f);
  CHECK(dx(0, 0) == 0.0f);
  x(0, 1) = NAN;
  CHECK(std::isnan(one.softmax_cross_entropy(x, {&label, 1}, dx)));
}

TEST_CASE("the weight of a row multiplies its loss and its gradient, and weights of 1 change no bit") {
  const Context one = context(1), three = context(3);
  Random random(43);
  for (const int64_t n : {1, 3, 10, 16, 67, 300})
    for (const int64_t m : {1, 5, 200, 600}) {
      PaddedMatrix x(m, n, 1), dx(m, n, 2), plain(m, n), same(m, n);
      x.random(random, -8, 8);
      const auto labels = random_labels(m, n, random);
      const auto weights = random_weights(m, random);
      const float plain_loss = one.softmax_cross_entropy(x, labels, plain);
      const std::vector<float> ones(static_cast<size_t>(m), 1.0f);
      CAPTURE(m);
      CAPTURE(n);
      CHECK(plain_loss == one.softmax_cross_entropy(x, labels, same, ones));
      CHECK(differing(plain, same) == 0);
      const float loss = one.softmax_cross_entropy(x, labels, dx, weights);
      CHECK(loss == one.softmax_cross_entropy(x, labels, {}, weights));
      CHECK(std::fabs(loss - cross_entropy(Doubles(x), labels, weights)) <= 2e-5);
      CHECK(dx.gaps_untouched());
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) REQUIRE(dx(i, j) == plain(i, j) * weights[static_cast<size_t>(i)]);
      CHECK(loss == three.softmax_cross_entropy(x, labels, x, weights));
      CHECK(differing(x, dx) == 0);
    }
}

TEST_CASE("each elementwise loss and its gradient follow the formulas, for any number of outputs, in place or not") {
  const Context one = context(1), three = context(3);
  Random random(47);
  for (int32_t code = 0; code < LF_LOSS_COUNT; ++code)
    for (const int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65, 257, 1000})
      for (const int64_t m : {1, 2, 5, 257, 600}) {
        if (passed_over()) continue;
        const Loss loss{code, random.uniform(0.2f, 3)};
        PaddedMatrix x(m, n, 1), targets(m, n, 3), dx(m, n, 2);
        x.random(random, -5, 5);
        const float low = code == LF_LOGISTIC_CROSS_ENTROPY ? 0.0f : -5.0f, high = low < 0 ? 5.0f : 1.0f;
        targets.random(random, low, high);
        if (m > 1) targets(1, n / 2) = x(1, n / 2); // no error at all
        const auto weights = random.below(2) ? random_weights(m, random) : std::vector<float>();
        CAPTURE(loss_name(code));
        CAPTURE(m);
        CAPTURE(n);
        const float value = one.elementwise_loss(loss, x, targets, dx, weights);
        CHECK(value == one.elementwise_loss(loss, x, targets, {}, weights));
        CHECK(dx.gaps_untouched());
        double sum = 0;
        const double elements = static_cast<double>(m) * static_cast<double>(n);
        for (int64_t i = 0; i < m; ++i) {
          const double weight = weights.empty() ? 1 : weights[static_cast<size_t>(i)];
          for (int64_t j = 0; j < n; ++j) {
            sum += weight * loss_of(loss, x(i, j), targets(i, j));
            const double exact = weight * loss_derivative(loss, x(i, j), targets(i, j)) / elements;
            REQUIRE(std::fabs(dx(i, j) - exact) <= 0x1p-24 * rounding(1) * 3 * 10 / elements);
          }
        }
        // The chains of a row's lanes and of a block add at most n / 16 + 256 rounded terms.
        const double terms = static_cast<double>(n) / 16 + 260;
        CHECK(std::fabs(value - sum / elements) <= 0x1p-24 * (terms * sum / elements + 3 * rounding(10)));
        CHECK(value == three.elementwise_loss(loss, x, targets, x, weights));
        CHECK(differing(x, dx) == 0);
      }
}

TEST_CASE("elementwise losses of special values are what the formulas say") {
  const Context one = context(1);
  constexpr float inf = INFINITY;
  struct Special {
    int32_t code;
    float x, t, loss, derivative;
  };
  const Special cases[] = {
      {LF_SQUARED_ERROR, 2, 2, 0, 0},
      {LF_SQUARED_ERROR, 3e38f, -3e38f, inf, inf},
      {LF_SQUARED_ERROR, -inf, 0, inf, -inf},
      {LF_SQUARED_ERROR, inf, inf, NAN, NAN},
      {LF_SQUARED_ERROR, NAN, 1, NAN, NAN},
      {LF_ABSOLUTE_ERROR, 2, 2, 0, 0},
      {LF_ABSOLUTE_ERROR, 1e-45f, 0, 1e-45f, 1},
      {LF_ABSOLUTE_ERROR, 0, 1e-45f, 1e-45f, -1},
      {LF_ABSOLUTE_ERROR, -inf, 5, inf, -1},
      {LF_ABSOLUTE_ERROR, 5, NAN, NAN, NAN},
      {LF_HUBER_ERROR, 2, 2, 0, 0},
      {LF_HUBER_ERROR, 2, 1.5f, 0.125f, 0.5f}, // delta is 0.5
      {LF_HUBER_ERROR, 1, 3, 0.875f, -0.5f},
      {LF_HUBER_ERROR, inf, 3, inf, 0.5f},
      {LF_HUBER_ERROR, NAN, 3, NAN, NAN},
      {LF_HUBER_ERROR, 3e38f, -1e38f, inf, 0.5f}, // the difference overflows
      {LF_LOGISTIC_CROSS_ENTROPY, 0, 0, 0.69314718f, 0.5f},
      {LF_LOGISTIC_CROSS_ENTROPY, 1000, 1, 0, 0},
      {LF_LOGISTIC_CROSS_ENTROPY, 1000, 0, 1000, 1},
      {LF_LOGISTIC_CROSS_ENTROPY, -1000, 0, 0, 0},
      {LF_LOGISTIC_CROSS_ENTROPY, -1000, 1, 1000, -1},
      {LF_LOGISTIC_CROSS_ENTROPY, inf, 0, NAN, 1}, // 0 * infinity
      {LF_LOGISTIC_CROSS_ENTROPY, -inf, 1, inf, -1},
      {LF_LOGISTIC_CROSS_ENTROPY, NAN, 1, NAN, NAN},
      {LF_LOGISTIC_CROSS_ENTROPY, 1, NAN, NAN, NAN},
  };
  const auto same = [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  for (const Special &c : cases)
    for (const int64_t n : {1, 20}) {
      // Every position of a row gives the same derivative.
      for (int64_t place = 0; place < n; ++place) {
        PaddedMatrix x(1, n), targets(1, n), dx(1, n);
        x.fill([](int64_t, int64_t) { return 0.0f; }), targets.fill([](int64_t, int64_t) { return 0.0f; });
        x(0, place) = c.x, targets(0, place) = c.t;
        const float loss = one.elementwise_loss({c.code, 0.5f}, x, targets, dx);
        CAPTURE(loss_name(c.code));
        CAPTURE(c.x);
        CAPTURE(c.t);
        CAPTURE(place);
        if (n == 1) CHECK(same(loss, c.loss));
        if (n == 1) CHECK(same(dx(0, 0), c.derivative));
        else CHECK(std::isnan(loss) == std::isnan(c.loss));
        CHECK(std::isnan(dx(0, place)) == std::isnan(c.derivative));
      }
    }
}

TEST_CASE("a row of weight 0 has no gradient, and adds nothing to the loss") {
  const Context one = context(1);
  PaddedMatrix x(2, 3), targets(2, 3), dx(2, 3);
  Random random(53);
  x.random(random), targets.random(random);
  const float weights[] = {0, 1};
  for (int32_t code = 0; code < LF_LOSS_COUNT; ++code) {
    const float loss = one.elementwise_loss({code, 1}, x, targets, dx, {weights, 2});
    double sum = 0;
    for (int64_t j = 0; j < 3; ++j) {
      CHECK(dx(0, j) == 0);
      sum += loss_of({code, 1}, x(1, j), targets(1, j));
    }
    CHECK(loss == doctest::Approx(sum / 6).epsilon(1e-6));
  }
}

TEST_CASE("elementwise losses neither read nor write beyond their operands") {
  const Context one = context(1);
  Random random(59);
  for (const int64_t n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 33})
    for (const Side side : {Side::begins, Side::ends})
      for (int32_t code = 0; code < LF_LOSS_COUNT; ++code) {
        const FaultNote note(loss_name(code), n);
        Guarded x(5, n, n + 2, side), targets(5, n, n + 1, side), dx(5, n, n, side), weights(1, 5, 5, side);
        x.random(random), targets.random(random), weights.random(random);
        one.elementwise_loss({code, 0.5f}, x, targets, dx, {weights.data(), 5});
        CHECK(dx.gaps_untouched());
        const auto labels = random_labels(5, n, random);
        one.softmax_cross_entropy(x, labels, dx, {weights.data(), 5});
        CHECK(dx.gaps_untouched());
      }
}
