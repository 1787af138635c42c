// Softmax cross-entropy, against the formulas in double, on rows of any width.
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

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
