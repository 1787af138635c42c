// The register tile of the AVX-512 plugin, and with it the vocabulary of its kernels.
#pragma once

#include <kernels/gemm/tile.hpp>
#include <kernels/simd/avx512.hpp>

namespace lanefold {

// 32 registers: 24 sums, 4 of B, 1 of A.
using PluginTile = gemm::Tile<simd::Avx512, 6, 4, 8>;

} // namespace lanefold
