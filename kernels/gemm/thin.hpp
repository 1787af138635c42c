// Thin products: a few rows times an operand that lies along k, such as a matrix times a vector.  Packing would cost more
// than the product, so a few elements of each line are transposed in registers and used immediately.
#pragma once

#include <kernels/gemm/load_transposed.hpp>
#include <kernels/gemm/microkernel_args.hpp>

namespace lanefold::gemm {

inline constexpr int most_thin_rows = 6, most_thin_blocks = 4;

// The number of blocks of lines side by side, so that the chains of one block hide the latency of another's.
constexpr int thin_blocks(int rows, int registers) {
  const int fit = (registers / 4 + 4) / rows; // the other registers transpose
  return fit > most_thin_blocks ? most_thin_blocks : fit > 1 ? fit : 1;
}

// As a microkernel for one tile, but column j of B lies at b[j * b_k + p].
template <class Tile, int rows, int blocks> void thin_microkernel(const TileArgs &t);

} // namespace lanefold::gemm
