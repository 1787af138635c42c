// lf_top_k_correct against a reference that sorts the classes: ties, NaN, infinities and rows of any length. The test
// runs once for each instruction set.
#include <doctest/doctest.h>

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace {

using lanefold::Context;
using Floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

// All classes from the highest rank to the lowest: by output, then by index; NaN below every number.
std::vector<int32_t> ranking(const Floats &row) {
  std::vector<int32_t> classes(row.size());
  std::iota(classes.begin(), classes.end(), 0);
  std::stable_sort(classes.begin(), classes.end(), [&](int32_t a, int32_t b) {
    const float x = row[static_cast<size_t>(a)], y = row[static_cast<size_t>(b)];
    return std::isnan(y) ? !std::isnan(x) : x > y;
  });
  return classes;
}

bool expected(const Floats &row, int32_t label, int64_t k) {
  if (std::isnan(row[static_cast<size_t>(label)])) return false;
  const std::vector<int32_t> classes = ranking(row);
  return std::find(classes.begin(), classes.begin() + k, label) != classes.begin() + k;
}

int64_t answer(const Context &context, const Floats &row, int32_t label, int64_t k) {
  return context.top_k_correct({row.data(), 1, static_cast<int64_t>(row.size())}, {&label, 1}, k);
}

// Each label and each k of one row.
void check_row(const Context &context, const Floats &row) {
  const auto n = static_cast<int32_t>(row.size());
  CAPTURE(n);
  for (int32_t label = 0; label < n; ++label)
    for (int64_t k = 1; k <= n; k += k < 4 || k + 4 > n ? 1 : n / 3) {
      CAPTURE(label);
      CAPTURE(k);
      REQUIRE(answer(context, row, label, k) == expected(row, label, k));
    }
}

// Rows that end inside a vector, at its end and past it, for vectors of 4, 8 and 16 floats.
const int lengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 23, 31, 32, 33, 47, 64, 65};

} // namespace

TEST_CASE("of classes that tie, the one with the lowest index ranks highest") {
  const Context context(1);
  for (const int n : lengths)
    for (const float value : {0.0f, -0.0f, 1.0f, -2.5f, infinity, -infinity}) {
      const Floats row(static_cast<size_t>(n), value);
      check_row(context, row);
      // The network that gives the same output for every class predicts class 0, and is right only where that is true.
      for (int32_t label = 0; label < n; ++label) CHECK(answer(context, row, label, 1) == (label == 0));
    }
}

TEST_CASE("zeros of both signs tie") {
  const Context context(1);
  for (const int n : lengths) {
    Floats row(static_cast<size_t>(n));
    for (size_t j = 0; j < row.size(); ++j) row[j] = j % 2 ? 0.0f : -0.0f;
    check_row(context, row);
  }
}

TEST_CASE("a network of equal outputs is right exactly where its prediction, class 0, is right") {
  const Context context(1);
  constexpr int64_t m = 1000, n = 10;
  const Floats outputs(m * n, 0.25f);
  std::vector<int32_t> labels(m);
  for (size_t i = 0; i < m; ++i) labels[i] = static_cast<int32_t>(i % n);
  for (int64_t k = 1; k <= n; ++k) CHECK(context.top_k_correct({outputs.data(), m, n}, labels, k) == m / n * k);
}

TEST_CASE("outputs of a dead ReLU tie at 0 below the classes that are alive") {
  const Context context(1);
  for (const int n : lengths)
    for (const int alive : {0, 1, n / 2, n - 1}) {
      Floats row(static_cast<size_t>(n), 0.0f);
      row[static_cast<size_t>(alive % n)] = 3;
      check_row(context, row);
      row.back() = 3; // two that tie
      check_row(context, row);
    }
}

TEST_CASE("masked classes rank below the others, and infinite ones above") {
  const Context context(1);
  for (const int n : lengths)
    for (const int step : {1, 2, 3, 5}) {
      Floats row(static_cast<size_t>(n));
      for (size_t j = 0; j < row.size(); ++j) row[j] = static_cast<float>(j * 7 % 5) - 2;
      for (size_t j = 0; j < row.size(); j += static_cast<size_t>(step)) row[j] = -infinity;
      check_row(context, row);
      for (size_t j = static_cast<size_t>(step) - 1; j < row.size(); j += 2 * static_cast<size_t>(step))
        row[j] = infinity;
      check_row(context, row);
    }
}

TEST_CASE("a NaN ranks below every number, and a label whose output is NaN is never correct") {
  const Context context(1);
  for (const int n : lengths) {
    const auto size = static_cast<size_t>(n);
    check_row(context, Floats(size, not_a_number));
    check_row(context, Floats(size, -not_a_number));
    for (const float other : {-infinity, -1.0f, 0.0f, infinity})
      for (size_t position = 0; position < size; ++position) {
        Floats row(size, other);
        row[position] = not_a_number;
        CHECK(answer(context, row, static_cast<int32_t>(position), n) == 0);
        check_row(context, row);
      }
  }
}

TEST_CASE("with k = n every row is correct whose label is a number") {
  const Context context(1);
  for (const int n : lengths) {
    Floats row(static_cast<size_t>(n));
    for (size_t j = 0; j < row.size(); ++j)
      row[j] = j % 3 == 2 ? not_a_number : j % 3 ? -infinity : static_cast<float>(j);
    for (int32_t label = 0; label < n; ++label) CHECK(answer(context, row, label, n) == (label % 3 != 2));
  }
}

TEST_CASE("random outputs of few values, with a stride, give what the reference counts over all rows") {
  const Context context(1);
  std::mt19937 random(42);
  const Floats values = {-infinity, -1, -0.0f, 0.0f, 1, 2, infinity, not_a_number};
  for (int repetition = 0; repetition < 400; ++repetition) {
    const auto m = static_cast<int64_t>(random() % 20), n = static_cast<int64_t>(1 + random() % 70);
    const auto k = static_cast<int64_t>(1 + random() % static_cast<unsigned>(n)),
               stride = n + static_cast<int64_t>(random() % 5);
    Floats outputs(static_cast<size_t>(m * stride), 9e9f); // what lies between the rows ranks above all
    std::vector<int32_t> labels;
    int64_t count = 0;
    for (int64_t i = 0; i < m; ++i) {
      Floats row;
      for (int64_t j = 0; j < n; ++j) row.push_back(values[random() % values.size()]);
      std::copy(row.begin(), row.end(), outputs.begin() + i * stride);
      labels.push_back(static_cast<int32_t>(random() % static_cast<unsigned>(n)));
      count += expected(row, labels.back(), k);
    }
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    CHECK(context.top_k_correct({outputs.data(), m, n, stride}, labels, k) == count);
  }
}
