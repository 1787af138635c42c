// Loops that must be unrolled completely, so that the arrays that they index become registers.
#pragma once

#include <utility>

// Before a loop with a constant trip count of at most 32.  GCC and Clang both honour it.
#define LANEFOLD_UNROLL _Pragma("GCC unroll 32")

namespace lanefold::simd {

// Calls body(0) to body(count - 1), unrolled, unless the backend computes each fused multiply-add in software.  Then an
// unrolled loop would be large, and registers would gain nothing.
template <class S, int count, class Body> [[gnu::always_inline]] inline void for_each_fma(const Body &body) {
  if constexpr (S::software_fma) {
#pragma GCC unroll 1
    for (int i = 0; i < count; ++i) body(i);
  } else {
    LANEFOLD_UNROLL for (int i = 0; i < count; ++i) body(i);
  }
}

// Calls body(0) to body(count - 1) with constants, for loops that the compilers would not unroll early enough.
template <int count, class Body> [[gnu::always_inline]] inline void unrolled(const Body &body) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (body(std::integral_constant<int, i>()), ...);
  }
  (std::make_integer_sequence<int, count>());
}

// Like for_each_fma, but passes constants to body where it unrolls.
template <class S, int count, class Body> [[gnu::always_inline]] inline void unrolled_for_each_fma(const Body &body) {
  if constexpr (S::software_fma) for_each_fma<S, count>(body);
  else unrolled<count>(body);
}

} // namespace lanefold::simd
