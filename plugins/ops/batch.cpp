// Gathering batches of bytes.
#include <kernels/batch/gather.hpp>

#include <tile.hpp>

template lf_status lanefold::batch::gather<lanefold::PluginTile::Simd>(const lf_host *, const lf_gather_args *);
