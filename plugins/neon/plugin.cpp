// The NEON plugin, for AArch64.
#include <plugins/neon/tile.hpp>

#include <kernels/table.hpp>

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 10, "neon", "lanefold", LF_CPU_NEON, lanefold::fill_table<lanefold::PluginTile>};
