// The register tile of the NEON plugin, and with it the backend of its kernels.
#pragma once

#include <kernels/gemm/tile.hpp>
#include <kernels/simd/neon.hpp>

namespace lanefold {

// 32 registers: 24 accumulators, 3 for B, 1 for A.  24 chains fill four FMA pipes with a latency of 4 cycles.
using PluginTile = gemm::Tile<simd::Neon, 8, 3>;

} // namespace lanefold
