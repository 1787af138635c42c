// What each operation demands of its arguments, as its public header states it. lf_explain uses the same checks.
#pragma once

#include "runtime/check.hpp"

#include <lanefold/lanefold.h>

namespace lanefold::runtime {

// Each function checks args, and returns whether a kernel has anything to do. It replaces the pointer to a nested
// struct by one to a complete copy.
bool check_arguments(Check &check, lf_sgemm_args &args);
bool check_arguments(Check &check, lf_pack_weights_args &args);
bool check_arguments(Check &check, lf_unpack_weights_args &args);
bool check_arguments(Check &check, lf_dense_infer_args &args);
bool check_arguments(Check &check, lf_dense_forward_args &args);
bool check_arguments(Check &check, lf_dense_backward_args &args);
bool check_arguments(Check &check, lf_batch_norm_forward_args &args);
bool check_arguments(Check &check, lf_batch_norm_backward_args &args);
bool check_arguments(Check &check, lf_fold_batch_norm_args &args);
bool check_arguments(Check &check, lf_activation_forward_args &args);
bool check_arguments(Check &check, lf_activation_backward_args &args);
bool check_arguments(Check &check, lf_softmax_cross_entropy_args &args);
bool check_arguments(Check &check, lf_top_k_correct_args &args);
bool check_arguments(Check &check, lf_optimizer_step_args &args);
bool check_arguments(Check &check, lf_gather_args &args);

// Checks the code of an activation, and its alpha.
void check_activation(Check &check, int32_t activation, float alpha);

// What a call does with a normalization: the rows of the table in norm.h.
enum class BatchNormUse { training, inference, backward, fold };

// Checks a normalization over n columns in a call on m rows. Returns a complete copy that lives as long as `check`, or
// NULL on an error.
const lf_batch_norm *check_batch_norm(Check &check, const lf_batch_norm *given, BatchNormUse use, int64_t m, int64_t n);

} // namespace lanefold::runtime
