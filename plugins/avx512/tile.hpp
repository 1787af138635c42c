// The register tile of the AVX-512 plugin, and with it the backend of its kernels.
#pragma once

#include <kernels/gemm/tile.hpp>
#include <kernels/simd/avx512.hpp>

namespace lanefold {

// 32 registers: 24 accumulators, 4 for B, 1 for A.
using PluginTile = gemm::Tile<simd::Avx512, 6, 4, 8>;

} // namespace lanefold
