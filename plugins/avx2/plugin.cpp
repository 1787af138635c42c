// The AVX2 plugin.
#include <kernels/simd/avx2.hpp>

#include <kernels/gemm/tile.hpp>
#include <kernels/table.hpp>

namespace {

// 16 registers: 12 sums, 2 of B, 1 of A.  12 chains fill two FMA ports of latency 4 or 5.
using Tile = lanefold::gemm::Tile<lanefold::simd::Avx2, 6, 2>;

} // namespace

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 20, "avx2", "lanefold", LF_CPU_AVX2 | LF_CPU_FMA, lanefold::fill_table<Tile>};
