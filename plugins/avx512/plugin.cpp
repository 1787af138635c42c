// The AVX-512 plugin.
#include <plugins/avx512/tile.hpp>

#include <kernels/table.hpp>

// What tests/gemm_plans.cpp takes from this object.
template lf_status lanefold::gemm::multiply<lanefold::PluginTile, lanefold::gemm::Leave>(
    const lf_host *, const lanefold::gemm::Product &, const lanefold::gemm::Plan &, const lanefold::gemm::Leave &);

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry),
    30,
    "avx512",
    "lanefold",
    LF_CPU_AVX512F | LF_CPU_AVX512BW | LF_CPU_AVX512CD | LF_CPU_AVX512DQ | LF_CPU_AVX512VL | LF_CPU_AVX2 | LF_CPU_FMA,
    lanefold::fill_table<lanefold::PluginTile>};
