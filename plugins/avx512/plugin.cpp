// The AVX-512 plugin.
#include <kernels/simd/avx512.hpp>

#include <kernels/gemm/tile.hpp>
#include <kernels/table.hpp>

namespace {

// 32 registers: 24 sums, 4 of B, 1 of A.
using Tile = lanefold::gemm::Tile<lanefold::simd::Avx512, 6, 4, 8>;

} // namespace

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry),
    30,
    "avx512",
    "lanefold",
    LF_CPU_AVX512F | LF_CPU_AVX512BW | LF_CPU_AVX512CD | LF_CPU_AVX512DQ | LF_CPU_AVX512VL | LF_CPU_AVX2 | LF_CPU_FMA,
    lanefold::fill_table<Tile>};
