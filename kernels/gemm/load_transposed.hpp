// Loads of lines that lie along k, transposed in registers so that lanes run across the lines.
#pragma once

#include <kernels/simd/unroll.hpp>

#include <type_traits>

namespace lanefold::gemm {

// The backend that transposes: half vectors where there are some.
template <class S> using Transposing = std::conditional_t<std::is_void_v<typename S::Half>, S, typename S::Half>;

// x[q][j] = address(j)[q]: four contiguous elements of each of `width` lines.
template <class S, class Address>
[[gnu::always_inline]] inline void load_transposed(const Address &address, typename S::V (&x)[4]) {
  if constexpr (S::width == 4) {
    LANEFOLD_UNROLL for (int j = 0; j < 4; ++j) x[j] = S::load(address(j));
    S::transpose(x);
  } else {
    S::load_transposed(address, x);
  }
}

} // namespace lanefold::gemm
