// Random numbers that are the same on every machine: Philox4x32-10 (Salmon et al. 2011), a counter-based generator,
// with our own logarithm and trigonometry in double arithmetic.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace lanefold::trainer {

using PhiloxBlock = std::array<uint32_t, 4>;

// Ten rounds of Philox4x32 on one counter.
PhiloxBlock philox(PhiloxBlock counter, std::array<uint32_t, 2> key);

// What a stream of random numbers is for.  Streams with different purposes or indices are independent.
enum class Purpose : uint32_t { weights = 1, shuffle = 2, digits = 3, study = 4, validation = 5, dropout = 6 };

// A stream that (seed, purpose, index) identify.  Its n-th number depends on nothing else.
class Stream {
public:
  Stream(uint64_t seed, Purpose purpose, uint32_t index);

  uint32_t bits();
  uint32_t below(uint32_t n);              // 0..n-1, without bias; n > 0
  double uniform();                        // [0, 1), 24 bits
  double uniform(double low, double high); // [low, high)
  double normal();                         // mean 0, variance 1: Box-Muller

private:
  PhiloxBlock counter_, block_;
  std::array<uint32_t, 2> key_;
  int used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

// The numbers 0 to n-1 in random order (Fisher and Yates).
std::vector<uint32_t> permutation(uint32_t n, Stream stream);

// Natural logarithm of x > 0, and cosine and sine of 2 pi u, 0 <= u < 1, to about 1e-15.
double logarithm(double x);
struct CosineAndSine {
  double cosine, sine;
};
CosineAndSine cosine_and_sine(double u);

} // namespace lanefold::trainer
