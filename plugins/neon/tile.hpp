// The register tile of the NEON plugin, and with it the vocabulary of its kernels.
#pragma once

#include <kernels/gemm/tile.hpp>
#include <kernels/simd/neon.hpp>

namespace lanefold {

// 32 registers: 24 sums, 3 of B, 1 of A.  24 chains fill four FMA pipes of latency 4.
using PluginTile = gemm::Tile<simd::Neon, 8, 3>;

} // namespace lanefold
