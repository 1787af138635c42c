// What the numeric tests share: contexts, random data, matrices with gaps and canaries, distances in ulp.
#pragma once

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

// A small generator for data: splitmix64.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(n)); }
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  float uniform(float low, float high) { return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24f; }
  float integer(int64_t most) { return static_cast<float>(between(-most, most)); }

private:
  uint64_t state_;
};

// Of many like cases one in so many is enough under an emulator: LANEFOLD_TEST_EVERY says how many, chance which.
inline bool passed_over() {
  static const char *text = std::getenv("LANEFOLD_TEST_EVERY");
  static const int64_t every = text ? std::max<int64_t>(1, std::atoll(text)) : 1;
  static Random random(99);
  return random.below(every) != 0;
}

inline constexpr uint32_t canary_bits = 0x7fc0dead; // a NaN that no kernel makes

inline bool is_canary(float x) { return std::bit_cast<uint32_t>(x) == canary_bits; }

// rows x columns with a stride, at an odd offset from any alignment, canaries in every gap and on both sides.
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

  // Nothing but the elements was written.
  bool gaps_untouched() const {
    for (int64_t i = 0; i < static_cast<int64_t>(store_.size()); ++i) {
      const int64_t at = i - first_;
      const bool inside = at >= 0 && at < rows_ * stride_ && at % stride_ < columns_;
      if (!inside && !is_canary(store_[static_cast<size_t>(i)])) return false;
    }
    return true;
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

// Elements whose bits differ; two NaNs count as equal, whatever their payload.
template <class A, class B> int64_t differing(const A &a, const B &b) {
  int64_t count = 0;
  for (int64_t i = 0; i < a.rows(); ++i)
    for (int64_t j = 0; j < a.columns(); ++j)
      count += std::bit_cast<uint32_t>(a(i, j)) != std::bit_cast<uint32_t>(b(i, j)) &&
               !(std::isnan(a(i, j)) && std::isnan(b(i, j)));
  return count;
}

// |x - exact| in units of exact's last place as a float.
inline double ulps(float x, double exact) {
  if (std::isnan(x) || std::isnan(exact)) return std::isnan(x) && std::isnan(exact) ? 0.0 : INFINITY;
  const float nearest = static_cast<float>(exact);
  if (std::isinf(x) || std::isinf(nearest)) return x == nearest ? 0.0 : INFINITY;
  const double magnitude = std::max(std::fabs(exact), 0x1p-126);
  return std::fabs(x - exact) / std::ldexp(1.0, std::ilogb(magnitude) - 23);
}

} // namespace lanefold::test
