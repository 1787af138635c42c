// The microkernels of thin products.
#include <kernels/gemm/compile_microkernels.hpp>
#include <kernels/gemm/thin_body.hpp>

#include <tile.hpp>

[[gnu::used]] static constexpr auto compiled =
    lanefold::gemm::compiled_microkernels<lanefold::PluginTile, lanefold::gemm::Part::thin>;
