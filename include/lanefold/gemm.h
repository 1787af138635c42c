/* Matrix product. */
#ifndef LANEFOLD_GEMM_H
#define LANEFOLD_GEMM_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_sgemm_args {
  uint32_t struct_size;
  uint32_t flags; /* LF_TRANSPOSE_A | LF_TRANSPOSE_B */
  int64_t m, n, k;
  float alpha, beta;
  const float *a;
  int64_t lda;
  const float *b;
  int64_t ldb;
  float *c;
  int64_t ldc;
} lf_sgemm_args;

/* C = alpha * op(A) * op(B) + beta * C.  op(A): m x k, op(B): k x n, C: m x n.
 * Each element is one chain of fused multiply-adds over ascending k, begun from beta * C rounded once, of
 * (alpha * A) rounded once times B.  beta == 0 writes C without reading it; alpha == 0 or k == 0 leave A and B unread.
 * During the call nobody may change *args, A or B, or touch C.
 * Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED, LF_OUT_OF_MEMORY.  [thread-safe] */
LF_API lf_status lf_sgemm(lf_context *context, const lf_sgemm_args *args);

#ifdef __cplusplus
}
#endif

#endif
