// The portable plugin: what every CPU of the target has.
#include <plugins/portable/tile.hpp>

#include <kernels/table.hpp>

// What tests/gemm_plans.cpp takes from this object.
template lf_status lanefold::gemm::multiply<lanefold::PluginTile, lanefold::gemm::Leave>(
    const lf_host *, const lanefold::gemm::Product &, const lanefold::gemm::Plan &, const lanefold::gemm::Leave &);

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 0, "portable", "lanefold", 0, lanefold::fill_table<lanefold::PluginTile>};
