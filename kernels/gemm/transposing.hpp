// Reading lines that lie along k as if they were neighbours.
#pragma once

#include <kernels/gemm/unrolled.hpp>

#include <type_traits>

namespace lanefold::gemm {

// The vectors on which it is done.
template <class S> using Transposing = std::conditional_t<std::is_void_v<typename S::Half>, S, typename S::Half>;

// x[q][j] = at(j)[q]: four neighbours of each line.
template <class S, class Address>
[[gnu::always_inline]] inline void load_transposed(const Address &at, typename S::V (&x)[4]) {
  if constexpr (S::width == 4) {
    unrolled<4>([&](auto j) __attribute__((always_inline)) { x[j] = S::load(at(j)); });
    S::transpose(x);
  } else {
    S::load_transposed(at, x);
  }
}

} // namespace lanefold::gemm
