// The microkernels with half last vectors.
#include <kernels/gemm/compile_microkernels.hpp>
#include <kernels/gemm/microkernel_body.hpp>

#include <tile.hpp>

template struct lanefold::gemm::CompiledMicrokernels<lanefold::PluginTile, lanefold::gemm::Part::half>;
