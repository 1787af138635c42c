// Activations alone, and dropout.
#include <kernels/activation/dropout.hpp>
#include <kernels/activation/elementwise.hpp>

#include <tile.hpp>

template lf_status lanefold::activation::forward<lanefold::PluginTile::Simd>(const lf_host *,
                                                                             const lf_activation_forward_args *);
template lf_status lanefold::activation::backward<lanefold::PluginTile::Simd>(const lf_host *,
                                                                              const lf_activation_backward_args *);
template lf_status lanefold::activation::dropout<lanefold::PluginTile::Simd>(const lf_host *, const lf_dropout_args *);
