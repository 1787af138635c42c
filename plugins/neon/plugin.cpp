// The NEON plugin, for AArch64.
#include <kernels/simd/neon.hpp>

#include <kernels/gemm/tile.hpp>
#include <kernels/table.hpp>

namespace {

// 32 registers: 24 sums, 3 of B, 1 of A.
using Tile = lanefold::gemm::Tile<lanefold::simd::Neon, 8, 3>;

} // namespace

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 10, "neon", "lanefold", LF_CPU_NEON, lanefold::fill_table<Tile>};
