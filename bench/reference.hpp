// Data to compute from, and plain loops in double that say what a kernel should have made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

namespace lanefold::bench {

// How many bytes behind a cache line the memory of all Floats begins that are made now: 0, 16, 32 or 48, as far apart
// as malloc lets memory be.  Speed depends on it, so each problem is measured at all four.
inline size_t placement = 0;

template <class T> struct PlacedAllocator {
  using value_type = T;
  PlacedAllocator() = default;
  template <class U> PlacedAllocator(const PlacedAllocator<U> &) {}
  T *allocate(size_t count) {
    return reinterpret_cast<T *>(static_cast<char *>(::operator new(count * sizeof(T) + 64, line)) + placement);
  }
  // Back to the line on which the memory began.
  void deallocate(T *memory, size_t) {
    ::operator delete(reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(memory) / 64 * 64), line);
  }
  bool operator==(const PlacedAllocator &) const { return true; }

private:
  static constexpr std::align_val_t line{64};
};

using Floats = std::vector<float, PlacedAllocator<float>>;
using Doubles = std::vector<double>;

// Evenly spread over low..high; the same seed gives the same numbers everywhere.
Floats random_floats(int64_t count, uint32_t seed, float low = -1, float high = 1);
Doubles widened(const Floats &values);

// op(A) op(B), with op(A) m x k and op(B) k x n; a transposed operand is stored k x m, or n x k.
Doubles product(const Doubles &a, bool transposed_a, const Doubles &b, bool transposed_b, int64_t m, int64_t n,
                int64_t k);

// f(x), and its slope from y = f(x), as activation.h has them.
double activate(int32_t activation, double alpha, double x);
double slope(int32_t activation, double alpha, double y);

// A normalization over columns.  mean and variance are made in training and read in inference.
struct Norm {
  double eps;
  Doubles gamma, beta, mean, variance;

  Doubles forward(const Doubles &x, bool training);
  // dx; writes dgamma and dbeta.  After a forward pass in training.
  Doubles backward(const Doubles &x, const Doubles &dy, Doubles &dgamma, Doubles &dbeta) const;
};

// "" if each value lies within terms * 2^-24 * max |expected| of the expected one, else the first that does not.
// terms: how many roundings lie one after the other on the way to a value.
std::string compare(const char *what, const Floats &values, const Doubles &expected, int64_t terms);

// "" if both hold the same bits.
std::string compare_bits(const char *what, const Floats &values, const Floats &expected);

} // namespace lanefold::bench
