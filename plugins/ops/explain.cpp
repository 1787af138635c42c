// Describes in words how an operation would run.
#include <kernels/explain.hpp>

#include <tile.hpp>

template lf_status lanefold::explain<lanefold::PluginTile>(const lf_host *, int32_t, const void *, char *, uint64_t);
