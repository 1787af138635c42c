// The microkernels of thin products.
#include <kernels/gemm/compile_microkernels.hpp>
#include <kernels/gemm/thin_body.hpp>

#include <tile.hpp>

template struct lanefold::gemm::CompiledMicrokernels<lanefold::PluginTile, lanefold::gemm::Part::thin>;
