// Softmax, the losses and top-k.
#include <kernels/loss/elementwise.hpp>
#include <kernels/loss/softmax_cross_entropy.hpp>

#include <tile.hpp>

template lf_status lanefold::loss::softmax<lanefold::PluginTile::Simd>(const lf_host *, const lf_softmax_args *);
template lf_status
lanefold::loss::softmax_cross_entropy<lanefold::PluginTile::Simd>(const lf_host *,
                                                                  const lf_softmax_cross_entropy_args *);
template lf_status lanefold::loss::top_k_correct<lanefold::PluginTile::Simd>(const lf_host *,
                                                                             const lf_top_k_correct_args *);
template lf_status lanefold::loss::elementwise_loss<lanefold::PluginTile::Simd>(const lf_host *,
                                                                                const lf_elementwise_loss_args *);
