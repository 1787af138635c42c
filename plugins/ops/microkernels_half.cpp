// The microkernels with half last vectors.
#include <kernels/gemm/compile_microkernels.hpp>
#include <kernels/gemm/microkernel_body.hpp>

#include <tile.hpp>

[[gnu::used]] static constexpr auto compiled =
    lanefold::gemm::compiled_microkernels<lanefold::PluginTile, lanefold::gemm::Part::half>;
