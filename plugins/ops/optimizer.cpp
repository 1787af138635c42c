// Steps of the optimizers.
#include <kernels/optimizer/step.hpp>

#include <tile.hpp>

template lf_status lanefold::optimizer::step<lanefold::PluginTile::Simd>(const lf_host *,
                                                                         const lf_optimizer_step_args *);
