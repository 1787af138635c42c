// The one symbol that a plugin exports.  Name, priority and needs come from the table in plugins/meson.build.
#include <kernels/table.hpp>

#include <tile.hpp>

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), LANEFOLD_PLUGIN_PRIORITY,
    LANEFOLD_PLUGIN_NAME,    "lanefold",
    LANEFOLD_PLUGIN_NEEDS,   lanefold::fill_table<lanefold::PluginTile>};
