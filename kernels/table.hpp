// The one list of operations.  Each is a template over the plugin's tile or its backend; plugins/ops/ compiles one source
// for each family of them, and fill_table puts them into the table that the library reads.
#pragma once

#include "kernels/compiler_flags.h"

#include <lanefold/plugin.h>

#include <cstring>

namespace lanefold {

namespace gemm {
template <class Tile> lf_status sgemm(const lf_host *, const lf_sgemm_args *);
template <class Tile> uint64_t packed_weights_size(const lf_pack_weights_args *);
template <class Tile> lf_status pack_weights(const lf_host *, const lf_pack_weights_args *, void *packed);
template <class Tile> lf_status unpack_weights(const lf_host *, const lf_unpack_weights_args *, const void *packed);
} // namespace gemm

namespace dense {
template <class Tile> lf_status infer(const lf_host *, const lf_dense_infer_args *, const void *packed);
template <class Tile> lf_status forward(const lf_host *, const lf_dense_forward_args *);
template <class Tile> lf_status backward(const lf_host *, const lf_dense_backward_args *);
} // namespace dense

namespace norm {
template <class S> lf_status batch_norm_forward(const lf_host *, const lf_batch_norm_forward_args *);
template <class S> lf_status batch_norm_backward(const lf_host *, const lf_batch_norm_backward_args *);
template <class S> lf_status fold_batch_norm(const lf_host *, const lf_fold_batch_norm_args *);
template <class S> lf_status batch_norm_moments(const lf_host *, const lf_batch_norm_moments_args *);
template <class S> lf_status batch_norm_merge(const lf_host *, const lf_batch_norm_merge_args *);
template <class S> lf_status column_sums(const lf_host *, const lf_column_sums_args *);
} // namespace norm

namespace activation {
template <class S> lf_status forward(const lf_host *, const lf_activation_forward_args *);
template <class S> lf_status backward(const lf_host *, const lf_activation_backward_args *);
template <class S> lf_status dropout(const lf_host *, const lf_dropout_args *);
} // namespace activation

namespace loss {
template <class S> lf_status softmax(const lf_host *, const lf_softmax_args *);
template <class S> lf_status softmax_cross_entropy(const lf_host *, const lf_softmax_cross_entropy_args *);
template <class S> lf_status top_k_correct(const lf_host *, const lf_top_k_correct_args *);
template <class S> lf_status elementwise_loss(const lf_host *, const lf_elementwise_loss_args *);
} // namespace loss

namespace optimizer {
template <class S> lf_status step(const lf_host *, const lf_optimizer_step_args *);
}

namespace batch {
template <class S> lf_status gather(const lf_host *, const lf_gather_args *);
}

template <class Tile> lf_status explain(const lf_host *, int32_t op, const void *args, char *text, uint64_t size);

// Whether this plugin knows the code in args.  A newer library may know more codes.
template <class Args> bool knows_codes(const Args &args) {
  if constexpr (requires { args.activation; })
    return static_cast<uint32_t>(args.activation) < static_cast<uint32_t>(LF_ACTIVATION_COUNT);
  else if constexpr (requires { args.optimizer; })
    return static_cast<uint32_t>(args.optimizer) < static_cast<uint32_t>(LF_OPTIMIZER_COUNT);
  else return static_cast<uint32_t>(args.function) < static_cast<uint32_t>(LF_LOSS_COUNT);
}

// The operation for codes that this plugin knows.  For others the library asks the next plugin.
template <auto operation> struct Known;
template <class Args, class... Packed, lf_status (*operation)(const lf_host *, const Args *, Packed...)>
struct Known<operation> {
  static lf_status call(const lf_host *host, const Args *args, Packed... packed) {
    return knows_codes(*args) ? operation(host, args, packed...) : LF_UNSUPPORTED;
  }
};

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
      Known<dense::infer<Tile>>::call,
      Known<dense::forward<Tile>>::call,
      Known<dense::backward<Tile>>::call,
      Known<norm::batch_norm_forward<S>>::call,
      norm::batch_norm_backward<S>,
      norm::fold_batch_norm<S>,
      Known<activation::forward<S>>::call,
      Known<activation::backward<S>>::call,
      loss::softmax_cross_entropy<S>,
      loss::top_k_correct<S>,
      Known<optimizer::step<S>>::call,
      batch::gather<S>,
      explain<Tile>,
      loss::softmax<S>,
      Known<loss::elementwise_loss<S>>::call,
      activation::dropout<S>,
      norm::batch_norm_moments<S>,
      norm::batch_norm_merge<S>,
      norm::column_sums<S>,
  };
  std::memcpy(table, &all, room);
  return LF_OK;
}

} // namespace lanefold
