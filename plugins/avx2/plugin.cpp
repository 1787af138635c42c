// The AVX2 plugin.
#include <plugins/avx2/tile.hpp>

#include <kernels/table.hpp>

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {sizeof(lf_plugin_entry),
                                                           20,
                                                           "avx2",
                                                           "lanefold",
                                                           LF_CPU_AVX2 | LF_CPU_FMA,
                                                           lanefold::fill_table<lanefold::PluginTile>};
