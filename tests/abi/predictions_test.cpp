// The command's prediction and its confusion matrix say of each row what lf_top_k_correct counts.
#include "support/images.hpp"
#include "trainer/network/inference.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>

using namespace lanefold;
using test::make_images;
using trainer::largest;

TEST_CASE("the prediction is the label of exactly the rows that are correct") {
  const Context context(1);
  constexpr float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const float values[] = {-infinity, -1, -0.0f, 0.0f, 1, infinity, nan};
  std::mt19937 random(7);
  int without_class = 0;
  for (int repetition = 0; repetition < 3000; ++repetition) {
    const int64_t n = 1 + random() % 12;
    std::vector<float> row;
    for (int64_t j = 0; j < n; ++j) row.push_back(values[repetition % 4 ? random() % 7 : 5 + random() % 2]);
    const int32_t predicted = largest(row.data(), n);
    without_class += predicted < 0;
    for (int32_t label = 0; label < n; ++label)
      CHECK(context.top_k_correct({row.data(), 1, n}, {&label, 1}) == (label == predicted));
  }
  CHECK(without_class > 10);
}

TEST_CASE("a network that gives every class the same output has the accuracy that its confusion matrix shows") {
  const Context context(1);
  trainer::Network network(trainer::plain(4, {}, trainer::digit_classes, {}, "off")); // weights and bias are 0
  const trainer::Samples images = make_images(40, 2, 1);                              // four of each class
  const trainer::Evaluation result = trainer::evaluate(context, network, images, 3);
  CHECK(result.accuracy == doctest::Approx(0.1));
  CHECK(result.top_k_accuracy == doctest::Approx(0.3));
  int64_t diagonal = 0;
  for (size_t i = 0; i < trainer::digit_classes; ++i) diagonal += result.confusion[i * trainer::digit_classes + i];
  CHECK(static_cast<double>(diagonal) / 40 == doctest::Approx(result.accuracy));
}
