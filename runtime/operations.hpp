// What each operation demands of its arguments, as its public header states it. lf_explain uses the same checks.
#pragma once

#include "runtime/check.hpp"
#include "runtime/quick_check.hpp"

#include <lanefold/lanefold.h>

#include <cmath>

namespace lanefold::runtime {

// Each function checks args, and returns whether a kernel has anything to do. It replaces the pointer to a nested
// struct by one to a complete copy. Rules is QuickCheck, which decides whether all is right, or Check, which also
// writes the message.
template <class Rules> bool check_arguments(Rules &check, lf_sgemm_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_pack_weights_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_unpack_weights_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_dense_infer_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_dense_forward_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_dense_backward_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_forward_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_backward_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_fold_batch_norm_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_activation_forward_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_activation_backward_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_dropout_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_softmax_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_softmax_cross_entropy_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_elementwise_loss_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_top_k_correct_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_optimizer_step_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_gather_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_moments_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_batch_norm_merge_args &args);
template <class Rules> bool check_arguments(Rules &check, lf_column_sums_args &args);

// Checks the code of an activation, and its alpha.
template <class Rules> void check_activation(Rules &check, int32_t activation, float alpha) {
  check.code("activation", activation, LF_ACTIVATION_COUNT,
             "LF_IDENTITY 0, LF_RELU 1, LF_LEAKY_RELU 2, LF_ELU 3, LF_SELU 4, LF_TANH 5, LF_LOGISTIC 6, LF_RELU6 7, "
             "LF_SOFTPLUS 8, LF_HARD_SIGMOID 9, LF_SILU 10, LF_HARD_SWISH 11, LF_GELU 12, LF_GELU_TANH 13");
  if (activation == LF_LEAKY_RELU || activation == LF_ELU || activation == LF_HARD_SIGMOID)
    check.value("alpha", alpha, alpha >= 0 && std::isfinite(alpha), "at least 0 and finite");
}

// What a call does with a normalization: the rows of the table in norm.h.
enum class BatchNormUse { training, of_batch, inference, backward, backward_from_input, fold, merge, sums };

// Checks a normalization over n columns in a call on m rows. Returns a complete copy that lives as long as `check`, or
// NULL on an error.
template <class Rules>
const lf_batch_norm *check_batch_norm(Rules &check, const lf_batch_norm *given, BatchNormUse use, int64_t m, int64_t n);

} // namespace lanefold::runtime
