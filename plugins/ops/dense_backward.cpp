// Dense layers backward.
#include <kernels/dense/backward.hpp>

#include <tile.hpp>

template lf_status lanefold::dense::backward<lanefold::PluginTile>(const lf_host *, const lf_dense_backward_args *);
