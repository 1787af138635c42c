// Input data, and plain loops in double whose results are the reference for verification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lanefold::bench {

// Where arrays begin: at a cache line plus `placement` bytes, which is 0, 16, 32 or 48, the alignments that malloc may
// return.  Speed depends on the alignment, so the rounds of a case take turns in their placements.
struct Place {
  size_t placement = 0;
  // Chooses a line within 64 KiB for each array.  Without it, malloc gives an instance the addresses of the one before,
  // and arrays that fall into the same cache sets do so in a whole run.
  std::shared_ptr<std::mt19937> lines = {};

  void *allocate(size_t bytes) const;
  static void free(void *memory);
};

template <class T> struct PlacedAllocator {
  using value_type = T;
  using is_always_equal = std::true_type; // each can free what another has allocated
  PlacedAllocator() = default;
  explicit PlacedAllocator(Place where) : place(std::move(where)) {}
  template <class U> PlacedAllocator(const PlacedAllocator<U> &other) : place(other.place) {}
  T *allocate(size_t count) { return static_cast<T *>(place.allocate(count * sizeof(T))); }
  void deallocate(T *memory, size_t) { Place::free(memory); }
  bool operator==(const PlacedAllocator &) const { return true; }

  Place place; // copies of an array have it too
};

using Floats = std::vector<float, PlacedAllocator<float>>;
using Doubles = std::vector<double>;

// Uniform over low..high.  The same seed gives the same numbers everywhere.
Floats random_floats(int64_t count, uint32_t seed, float low = -1, float high = 1, const Place &place = {});

// Makes the arrays of one instance of a case.
struct Memory {
  Place place = {};

  Floats floats(int64_t count, float value = 0) const; // all of this value
  Floats random(int64_t count, uint32_t seed, float low = -1, float high = 1) const {
    return random_floats(count, seed, low, high, place);
  }
};

template <class Values> Doubles widened(const Values &values) { return Doubles(values.begin(), values.end()); }

// op(A) op(B), with op(A) m x k and op(B) k x n.  A transposed A is stored k x m, a transposed B n x k.
Doubles product(const Doubles &a, bool transposed_a, const Doubles &b, bool transposed_b, int64_t m, int64_t n,
                int64_t k);

// f(x), and f'(x) from y = f(x), as activation.h defines them.
double activate(int32_t activation, double alpha, double x);
double derivative(int32_t activation, double alpha, double y); // y: the input if LF_DERIVES_FROM_INPUT

// Batch normalization of columns.  Training computes mean and variance; inference reads them.
struct Norm {
  double eps;
  Doubles gamma, beta, mean, variance;

  Doubles forward(const Doubles &x, bool training);
  // Returns dx and writes dgamma and dbeta.  Call it after forward() in training.
  Doubles backward(const Doubles &x, const Doubles &dy, Doubles &dgamma, Doubles &dbeta) const;
};

// Describes the first value that differs from the expected one by more than terms * 2^-24 * max |expected|, or returns
// "".  `terms` is the number of successive roundings on the way to a value.
std::string find_mismatch(const char *what, const Floats &values, const Doubles &expected, int64_t terms);

// Describes the first value whose bits differ, or returns "".
std::string find_bit_mismatch(const char *what, const Floats &values, const Floats &expected);

} // namespace lanefold::bench
