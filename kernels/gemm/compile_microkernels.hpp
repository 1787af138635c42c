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

// Taking their addresses instantiates them, where their bodies are included.
template <class Tile, Part part> struct CompiledMicrokernels {
  template <size_t index> static constexpr TileFunction compile() {
    if constexpr (part_of(microkernel_names<Tile>[index]) == part) return microkernel_at<Tile, index>();
    else return nullptr;
  }
  template <size_t... index> static constexpr auto compile_all(std::index_sequence<index...>) {
    return std::array<TileFunction, sizeof...(index)>{compile<index>()...};
  }
  [[gnu::used]] static constexpr auto all = compile_all(std::make_index_sequence<microkernel_names<Tile>.size()>());
};

} // namespace lanefold::gemm
