// A register tile: MR = rows, NR = columns = vectors * width.  Each plugin names its own.
#pragma once

namespace lanefold::gemm {

// accumulators: registers that may hold sums at once, what the operands need left free.
template <class S, int Rows, int Vectors, int Accumulators> struct Tile {
  using Simd = S;
  static constexpr int rows = Rows;
  static constexpr int vectors = Vectors;
  static constexpr int columns = Vectors * S::width;
  static constexpr int accumulators = Accumulators;
  static_assert(Rows * Vectors <= Accumulators, "the tile does not fit the registers");
};

} // namespace lanefold::gemm
