// The register tile of the AVX2 plugin, and with it the vocabulary of its kernels.
#pragma once

#include <kernels/gemm/tile.hpp>
#include <kernels/simd/avx2.hpp>

namespace lanefold {

// 16 registers: 12 sums, 2 of B, 1 of A.  12 chains fill two FMA ports of latency 4 or 5.
using PluginTile = gemm::Tile<simd::Avx2, 6, 2>;

} // namespace lanefold
