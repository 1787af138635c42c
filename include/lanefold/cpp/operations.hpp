// The operation of each struct, for lf_explain().
#ifndef LANEFOLD_CPP_OPERATIONS_HPP
#define LANEFOLD_CPP_OPERATIONS_HPP

#include <lanefold/cpp/macros.hpp>
#include <lanefold/lanefold.h>

#include <cstdint>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// \cond
namespace detail {

// The code of the operation that takes a struct.
template <class Args> inline constexpr int32_t op_of = -1;
template <> inline constexpr int32_t op_of<lf_sgemm_args> = LF_OP_SGEMM;
template <> inline constexpr int32_t op_of<lf_pack_weights_args> = LF_OP_PACK_WEIGHTS;
template <> inline constexpr int32_t op_of<lf_unpack_weights_args> = LF_OP_UNPACK_WEIGHTS;
template <> inline constexpr int32_t op_of<lf_dense_infer_args> = LF_OP_DENSE_INFER;
template <> inline constexpr int32_t op_of<lf_dense_forward_args> = LF_OP_DENSE_FORWARD;
template <> inline constexpr int32_t op_of<lf_dense_backward_args> = LF_OP_DENSE_BACKWARD;
template <> inline constexpr int32_t op_of<lf_batch_norm_forward_args> = LF_OP_BATCH_NORM_FORWARD;
template <> inline constexpr int32_t op_of<lf_batch_norm_backward_args> = LF_OP_BATCH_NORM_BACKWARD;
template <> inline constexpr int32_t op_of<lf_fold_batch_norm_args> = LF_OP_FOLD_BATCH_NORM;
template <> inline constexpr int32_t op_of<lf_activation_forward_args> = LF_OP_ACTIVATION_FORWARD;
template <> inline constexpr int32_t op_of<lf_activation_backward_args> = LF_OP_ACTIVATION_BACKWARD;
template <> inline constexpr int32_t op_of<lf_softmax_cross_entropy_args> = LF_OP_SOFTMAX_CROSS_ENTROPY;
template <> inline constexpr int32_t op_of<lf_top_k_correct_args> = LF_OP_TOP_K_CORRECT;
template <> inline constexpr int32_t op_of<lf_optimizer_step_args> = LF_OP_OPTIMIZER_STEP;
template <> inline constexpr int32_t op_of<lf_gather_args> = LF_OP_GATHER;
template <> inline constexpr int32_t op_of<lf_softmax_args> = LF_OP_SOFTMAX;
template <> inline constexpr int32_t op_of<lf_elementwise_loss_args> = LF_OP_ELEMENTWISE_LOSS;
template <> inline constexpr int32_t op_of<lf_dropout_args> = LF_OP_DROPOUT;
template <> inline constexpr int32_t op_of<lf_batch_norm_moments_args> = LF_OP_BATCH_NORM_MOMENTS;
template <> inline constexpr int32_t op_of<lf_batch_norm_merge_args> = LF_OP_BATCH_NORM_MERGE;
template <> inline constexpr int32_t op_of<lf_column_sums_args> = LF_OP_COLUMN_SUMS;

} // namespace detail
/// \endcond

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
