// Dense layers forward, in training and inference.
#include <kernels/dense/forward.hpp>

#include <tile.hpp>

template lf_status lanefold::dense::forward<lanefold::PluginTile>(const lf_host *, const lf_dense_forward_args *);
template lf_status lanefold::dense::infer<lanefold::PluginTile>(const lf_host *, const lf_dense_infer_args *,
                                                                const void *);
