// The blocked product behind every operation that multiplies.
#include <kernels/gemm/multiply_body.hpp>

#include <tile.hpp>

template class lanefold::gemm::Multiply<lanefold::PluginTile>;
