// The NEON plugin, for AArch64.
#include <plugins/neon/tile.hpp>

#include <kernels/table.hpp>

// What tests/gemm_plans.cpp takes from this object.
template lf_status lanefold::gemm::multiply<lanefold::PluginTile, lanefold::gemm::Leave>(
    const lf_host *, const lanefold::gemm::Product &, const lanefold::gemm::Plan &, const lanefold::gemm::Leave &);

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 10, "neon", "lanefold", LF_CPU_NEON, lanefold::fill_table<lanefold::PluginTile>};
