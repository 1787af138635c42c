// Philox, and the distributions drawn from it.
#include "trainer/data/random.hpp"

#include <cmath>
#include <numeric>
#include <utility>

namespace lanefold::trainer {

PhiloxBlock philox(PhiloxBlock c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t{0xD2511F53} * c[0], second = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(second >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(second),
         static_cast<uint32_t>(first >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(first)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return c;
}

Stream::Stream(uint64_t seed, Purpose purpose, uint32_t index)
    : counter_{0, 0, static_cast<uint32_t>(purpose), index}, block_{}, key_{static_cast<uint32_t>(seed),
                                                                            static_cast<uint32_t>(seed >> 32)} {}

uint32_t Stream::bits() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    if (++counter_[0] == 0) ++counter_[1];
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

uint32_t Stream::below(uint32_t n) {
  // 2^32 need not be a multiple of n.  Rejecting the numbers below 2^32 mod n makes all remainders equally likely.
  const uint32_t least = static_cast<uint32_t>(-n) % n;
  for (;;) {
    const uint32_t x = bits();
    if (x >= least) return x % n;
  }
}

double Stream::uniform() { return (bits() >> 8) * 0x1p-24; }

double Stream::uniform(double low, double high) { return low + (high - low) * uniform(); }

double Stream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * logarithm(1.0 - uniform()));
  const CosineAndSine angle = cosine_and_sine(uniform());
  spare_ = radius * angle.sine;
  has_spare_ = true;
  return radius * angle.cosine;
}

std::vector<uint32_t> permutation(uint32_t n, Stream stream) {
  std::vector<uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  for (uint32_t i = n; i > 1; --i) std::swap(order[i - 1], order[stream.below(i)]);
  return order;
}

double logarithm(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  // log m = 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.172.
  const double s = (m - 1) / (m + 1), square = s * s;
  double sum = 0;
  for (int n = 23; n >= 1; n -= 2) sum = sum * square + 1.0 / n;
  return exponent * 0.69314718055994531 + 2 * s * sum;
}

CosineAndSine cosine_and_sine(double u) {
  const double quarters = u * 4;
  const int quarter = static_cast<int>(quarters);
  const double x = (quarters - quarter) * 1.57079632679489662, square = x * x;
  double cosine = 1, sine = 1;
  for (int n = 22; n >= 2; n -= 2) {
    cosine = 1 - square / (n * (n - 1)) * cosine;
    sine = 1 - square / (n * (n + 1)) * sine;
  }
  sine *= x;
  switch (quarter & 3) {
  case 0: return {cosine, sine};
  case 1: return {-sine, cosine};
  case 2: return {-cosine, -sine};
  default: return {sine, -cosine};
  }
}

} // namespace lanefold::trainer
