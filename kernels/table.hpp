// The one list of kernels: fills a table from the templates, for the tile of the plugin that asks.
#pragma once

#include <kernels/activation/elementwise.hpp>
#include <kernels/batch/gather.hpp>
#include <kernels/dense/backward.hpp>
#include <kernels/dense/infer.hpp>
#include <kernels/explain.hpp>
#include <kernels/gemm/sgemm.hpp>
#include <kernels/loss/softmax_cross_entropy.hpp>
#include <kernels/norm/fold.hpp>
#include <kernels/optimizer/step.hpp>

#include <lanefold/plugin.h>

#include <cstring>

namespace lanefold {

template <class Tile> lf_status fill_table(const lf_host *, lf_kernel_table *table) {
  using S = typename Tile::Simd;
  const uint32_t room = table->struct_size < sizeof(lf_kernel_table) ? table->struct_size : sizeof(lf_kernel_table);
  const lf_kernel_table all = {
      table->struct_size,
      0,
      gemm::sgemm<Tile>,
      gemm::packed_weights_size<Tile>,
      gemm::pack_weights<Tile>,
      gemm::unpack_weights<Tile>,
      dense::infer<Tile>,
      dense::forward<Tile>,
      dense::backward<Tile>,
      norm::batch_norm_forward<S>,
      norm::batch_norm_backward<S>,
      norm::fold_batch_norm<S>,
      activation::forward<S>,
      activation::backward<S>,
      loss::softmax_cross_entropy<S>,
      loss::top_k_correct<S>,
      optimizer::step<S>,
      batch::gather<S>,
      explain<Tile>,
  };
  std::memcpy(table, &all, room);
  return LF_OK;
}

} // namespace lanefold
