// What the numeric tests share: contexts, matrices with gaps and canaries, and distances in ulp.
#pragma once

#include "random.hpp"

#include <lanefold/lanefold.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

namespace lanefold::test {

// A context on the plugin under test.
inline Context context(int threads = 1) {
  auto options = args<lf_context_options>();
  options.threads = threads;
  return Context(options);
}

inline constexpr uint32_t canary_bits = 0x7fc0dead; // a NaN that no kernel makes

inline bool is_canary(float x) { return std::bit_cast<uint32_t>(x) == canary_bits; }

// True if every float of [begin, end) is a canary, except for the elements of a matrix that begins at `data`.
bool canaries_alive(const float *begin, const float *end, const float *data, int64_t rows, int64_t columns,
                    int64_t stride);

// rows x columns floats with a stride.  By default the first one is not aligned.  Canaries fill every gap and both sides.
class PaddedMatrix {
public:
  PaddedMatrix(int64_t rows, int64_t columns, int64_t gap = 0, int64_t offset = 1)
      : rows_(rows), columns_(columns), stride_(columns + gap), first_(16 + offset),
        store_(static_cast<size_t>(rows * stride_ + 32 + offset), std::bit_cast<float>(canary_bits)) {}

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t stride() const { return stride_; }
  float *data() { return store_.data() + first_; }
  const float *data() const { return store_.data() + first_; }
  operator Matrix() { return {data(), rows_, columns_, stride_}; }
  operator ConstMatrix() const { return {data(), rows_, columns_, stride_}; }
  operator Operand() const { return ConstMatrix(*this); }
  // The first row.
  VectorView<float> vector() { return {data(), columns_}; }
  float &operator()(int64_t i, int64_t j) { return data()[i * stride_ + j]; }
  float operator()(int64_t i, int64_t j) const { return data()[i * stride_ + j]; }

  template <class Make> PaddedMatrix &fill(Make make) {
    for (int64_t i = 0; i < rows_; ++i)
      for (int64_t j = 0; j < columns_; ++j) (*this)(i, j) = make(i, j);
    return *this;
  }
  PaddedMatrix &random(Random &random, float low = -1.0f, float high = 1.0f) {
    return fill([&](int64_t, int64_t) { return random.uniform(low, high); });
  }
  PaddedMatrix &nan() {
    return fill([](int64_t, int64_t) { return std::numeric_limits<float>::quiet_NaN(); });
  }

  // True if nothing was written outside the elements.
  bool gaps_untouched() const {
    return canaries_alive(store_.data(), store_.data() + store_.size(), data(), rows_, columns_, stride_);
  }

private:
  int64_t rows_, columns_, stride_, first_;
  std::vector<float> store_;
};

// The same elements at another stride and another offset.
inline PaddedMatrix moved(const PaddedMatrix &source, int64_t gap, int64_t offset) {
  PaddedMatrix to(source.rows(), source.columns(), gap, offset);
  return to.fill([&](int64_t i, int64_t j) { return source(i, j); });
}

// The number of elements whose bits differ.  Two NaNs count as equal, whatever their payload.
template <class A, class B> int64_t differing(const A &a, const B &b) {
  int64_t count = 0;
  for (int64_t i = 0; i < a.rows(); ++i)
    for (int64_t j = 0; j < a.columns(); ++j)
      count += std::bit_cast<uint32_t>(a(i, j)) != std::bit_cast<uint32_t>(b(i, j)) &&
               !(std::isnan(a(i, j)) && std::isnan(b(i, j)));
  return count;
}

// |x - exact| in units in the last place of `exact` as a float.
inline double ulps(float x, double exact) {
  if (std::isnan(x) || std::isnan(exact)) return std::isnan(x) && std::isnan(exact) ? 0.0 : INFINITY;
  const float nearest = static_cast<float>(exact);
  if (std::isinf(x) || std::isinf(nearest)) return x == nearest ? 0.0 : INFINITY;
  const double magnitude = std::max(std::fabs(exact), 0x1p-126);
  return std::fabs(x - exact) / std::ldexp(1.0, std::ilogb(magnitude) - 23);
}

} // namespace lanefold::test
