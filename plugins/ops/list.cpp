// The list of microkernels, for tests and benchmarks of each one alone.
#include <kernels/gemm/microkernel.hpp>

#include <tile.hpp>

namespace lanefold::gemm {

namespace {
template <size_t... index> constexpr auto all_functions(std::index_sequence<index...>) {
  return std::array<TileFunction, sizeof...(index)>{microkernel_at<PluginTile, index>()...};
}
constexpr const auto &names = microkernel_names<PluginTile>;
constexpr auto functions = all_functions(std::make_index_sequence<names.size()>());
} // namespace

MicrokernelList list_microkernels() {
  return {
      names.data(),       functions.data(), names.size(), PluginTile::Simd::width, Transposing<PluginTile::Simd>::width,
      PluginTile::columns};
}

} // namespace lanefold::gemm
