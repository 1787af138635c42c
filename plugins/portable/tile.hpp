// The register tile of the portable plugin, and with it the vocabulary of its kernels.
#pragma once

#include <kernels/gemm/tile.hpp>
#include <kernels/simd/portable.hpp>

namespace lanefold {

// SSE2, 16 registers: 8 sums, 2 of B, and room for the software multiply-add.  AArch64's NEON, 32: 24 sums, 6 of B,
// 1 of A; its tile is not the NEON plugin's, so that tests have two to compare.
using PluginTile = gemm::Tile<simd::Portable, 4, simd::Portable::registers == 16 ? 2 : 6>;

} // namespace lanefold
