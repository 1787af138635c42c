// The register tile of the AVX2 plugin, and with it the backend of its kernels.
#pragma once

#include <kernels/gemm/tile.hpp>
#include <kernels/simd/avx2.hpp>

namespace lanefold {

// 16 registers: 12 accumulators, 2 for B, 1 for A.  12 chains fill two FMA ports with a latency of 4 or 5 cycles.
using PluginTile = gemm::Tile<simd::Avx2, 6, 2>;

} // namespace lanefold
