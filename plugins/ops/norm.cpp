// Batch normalization alone, folding it, and the statistics of a batch in parts.
#include <kernels/norm/backward.hpp>
#include <kernels/norm/fold.hpp>
#include <kernels/norm/forward.hpp>
#include <kernels/norm/parts.hpp>

#include <tile.hpp>

template lf_status lanefold::norm::batch_norm_forward<lanefold::PluginTile::Simd>(const lf_host *,
                                                                                  const lf_batch_norm_forward_args *);
template lf_status lanefold::norm::batch_norm_backward<lanefold::PluginTile::Simd>(const lf_host *,
                                                                                   const lf_batch_norm_backward_args *);
template lf_status lanefold::norm::fold_batch_norm<lanefold::PluginTile::Simd>(const lf_host *,
                                                                               const lf_fold_batch_norm_args *);
template lf_status lanefold::norm::batch_norm_moments<lanefold::PluginTile::Simd>(const lf_host *,
                                                                                  const lf_batch_norm_moments_args *);
template lf_status lanefold::norm::batch_norm_merge<lanefold::PluginTile::Simd>(const lf_host *,
                                                                                const lf_batch_norm_merge_args *);
template lf_status lanefold::norm::column_sums<lanefold::PluginTile::Simd>(const lf_host *,
                                                                           const lf_column_sums_args *);
