/* Softmax cross-entropy on integer labels, and top-k accuracy. */
#ifndef LANEFOLD_LOSS_H
#define LANEFOLD_LOSS_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_softmax_cross_entropy_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t m, n;   /* both at least 1 */
  const float *x; /* m x n logits */
  int64_t ldx;
  const int32_t *labels; /* m, each in 0..n-1 */
  float *loss;           /* 1 */
  float *dx;             /* m x n; may be x itself, with the same stride; NULL: not wanted */
  int64_t lddx;
} lf_softmax_cross_entropy_args;

/* p = exp(x - max_row x) / sum_row;  loss = mean_rows -log p[label];  dx = (p - [j == label]) / m.
 * Errors: LF_INVALID_ARGUMENT (a label out of range names its row), LF_UNSUPPORTED, LF_OUT_OF_MEMORY.  [thread-safe] */
LF_API lf_status lf_softmax_cross_entropy(lf_context *context, const lf_softmax_cross_entropy_args *args);

typedef struct lf_top_k_correct_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t m, n, k;
  const float *x; /* m x n scores; k in 1..n */
  int64_t ldx;
  const int32_t *labels; /* m, each in 0..n-1 */
  int64_t *correct;      /* 1 */
} lf_top_k_correct_args;

/* Number of rows in which fewer than k scores are larger than the label's, and that one is not NaN.
 * Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED.  [thread-safe] */
LF_API lf_status lf_top_k_correct(lf_context *context, const lf_top_k_correct_args *args);

#ifdef __cplusplus
}
#endif

#endif
