// C = alpha * op(A) * op(B) + beta * C.
#include <kernels/gemm/sgemm.hpp>

#include <tile.hpp>

template lf_status lanefold::gemm::sgemm<lanefold::PluginTile>(const lf_host *, const lf_sgemm_args *);
