// The portable plugin: what every CPU of the target has.
#include <plugins/portable/tile.hpp>

#include <kernels/table.hpp>

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), 0, "portable", "lanefold", 0, lanefold::fill_table<lanefold::PluginTile>};
