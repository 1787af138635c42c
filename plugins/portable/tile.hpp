// The register tile of the portable plugin, and with it the backend of its kernels.
#pragma once

#include <kernels/gemm/tile.hpp>
#include <kernels/simd/portable.hpp>

namespace lanefold {

// SSE2 has 16 registers: 8 accumulators, 2 for B, and room for the fused multiply-add in software.  NEON has 32: 24
// accumulators, 6 for B, 1 for A.  This tile differs from the NEON plugin's, so that tests have two to compare.
using PluginTile = gemm::Tile<simd::Portable, 4, simd::Portable::registers == 16 ? 2 : 6>;

} // namespace lanefold
