// The portable plugin: what every CPU of the target has.
#include <kernels/simd/portable.hpp>

#include <kernels/gemm/tile.hpp>
#include <kernels/table.hpp>

namespace {

// Both SSE2 and AArch64's NEON have lanes of 4; 16 registers (32 on AArch64): 8 sums, 2 of B, and room for the software
// multiply-add.
using Tile = lanefold::gemm::Tile<lanefold::simd::Portable, 4, 2>;

} // namespace

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {sizeof(lf_plugin_entry),   0, "portable", "lanefold", 0,
                                                           lanefold::fill_table<Tile>};
