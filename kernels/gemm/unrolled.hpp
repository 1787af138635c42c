// Loops that must not be loops.
#pragma once

#include <utility>

namespace lanefold::gemm {

// f(0), f(1), ... f(Count - 1) with indices known when compiling: arrays indexed by them stay in registers.
template <int Count, class Function> [[gnu::always_inline]] inline void unrolled(const Function &f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>()), ...);
  }
  (std::make_integer_sequence<int, Count>());
}

} // namespace lanefold::gemm
