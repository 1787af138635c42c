// Packing weights, and unpacking them.
#include <kernels/gemm/weights.hpp>

#include <tile.hpp>

template uint64_t lanefold::gemm::packed_weights_size<lanefold::PluginTile>(const lf_pack_weights_args *);
template lf_status lanefold::gemm::pack_weights<lanefold::PluginTile>(const lf_host *, const lf_pack_weights_args *,
                                                                      void *);
template lf_status lanefold::gemm::unpack_weights<lanefold::PluginTile>(const lf_host *, const lf_unpack_weights_args *,
                                                                        const void *);
