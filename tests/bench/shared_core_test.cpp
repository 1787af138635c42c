// Rounds in which another program used the same core.
#include "timing/estimate.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace lanefold::bench;

TEST_CASE("rounds in which a variant always shared its core do not count") {
  FastestTimes times(2);
  for (int i = 0; i < 12; ++i) {
    times.begin_round();
    times.add(0, i % 3 == 0 ? 3 : 2, i % 3 == 0), times.add(1, 1);
  }
  CHECK(times.ratio(0, 1).value == doctest::Approx(2));
  CHECK(times.ratio(1, 0).value == doctest::Approx(0.5));
  CHECK(times.seconds(0).value == doctest::Approx(2));
  CHECK(times.difference(0, 1).value == doctest::Approx(1));
  times.add(0, 1.5); // a repetition that had the core for itself
  CHECK(times.ratio(0, 1).value < 2);
}

TEST_CASE("each placement counts as often as the others, if enough rounds of each are left") {
  FastestTimes times(2);
  for (int i = 0; i < 24; ++i) { // the first placement takes 4 s, and shares its core in every other round
    times.begin_round();
    times.add(0, i % 4 == 0 ? 4 : 1, i % 8 == 0), times.add(1, 1);
  }
  CHECK(times.ratio(0, 1).value == doctest::Approx(std::pow(4, 0.25)));
}

TEST_CASE("if the core was shared all the time, nothing is known") {
  FastestTimes times(2);
  for (int i = 0; i < 40; ++i) {
    times.begin_round();
    times.add(0, 2, true), times.add(1, 1);
  }
  CHECK(times.ratio(0, 1).value == doctest::Approx(2));
  CHECK(times.ratio(0, 1).low == doctest::Approx(0.2));
  CHECK(times.ratio(0, 1).high == doctest::Approx(20));
  CHECK_FALSE(times.is_settled());
}
