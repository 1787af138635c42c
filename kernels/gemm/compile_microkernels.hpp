// Compiles a part of the list of microkernels: one source file for each part keeps the objects small.
#pragma once

#include <kernels/gemm/microkernel.hpp>

namespace lanefold::gemm {

// The parts: the microkernels with one kind of tail, and the thin ones.
enum class Part { whole, partial, half, thin };

constexpr Part part_of(const MicrokernelName &name) {
  return name.b_load == BLoad::transposed ? Part::thin
         : name.tail == Tail::whole       ? Part::whole
         : name.tail == Tail::partial     ? Part::partial
                                          : Part::half;
}

// The addresses of the microkernels of one part; NULL for the others.  Taking them instantiates the microkernels, where
// their bodies are included.
template <class Tile, Part part, size_t index> constexpr TileFunction compile_microkernel() {
  if constexpr (part_of(microkernel_names<Tile>[index]) == part) return microkernel_at<Tile, index>();
  else return nullptr;
}
template <class Tile, Part part, size_t... index> constexpr auto compile_microkernels(std::index_sequence<index...>) {
  return std::array<TileFunction, sizeof...(index)>{compile_microkernel<Tile, part, index>()...};
}
template <class Tile, Part part>
inline constexpr auto compiled_microkernels =
    compile_microkernels<Tile, part>(std::make_index_sequence<microkernel_names<Tile>.size()>());

} // namespace lanefold::gemm
