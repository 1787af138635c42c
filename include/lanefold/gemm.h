/** @file
 * The matrix product.
 */
#ifndef LANEFOLD_GEMM_H
#define LANEFOLD_GEMM_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The arguments of lf_sgemm(). */
typedef struct lf_sgemm_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_TRANSPOSE_A, LF_TRANSPOSE_B */
  int64_t m;            /**< the rows of op(A) and C */
  int64_t n;            /**< the columns of op(B) and C */
  int64_t k;            /**< the columns of op(A) and the rows of op(B) */
  float alpha;          /**< the factor of the product */
  float beta;           /**< the factor of the old C */
  const float *a;       /**< m x k; with LF_TRANSPOSE_A k x m */
  int64_t lda;          /**< the row stride of a */
  const float *b;       /**< k x n; with LF_TRANSPOSE_B n x k */
  int64_t ldb;          /**< the row stride of b */
  float *c;             /**< m x n */
  int64_t ldc;          /**< the row stride of c */
} lf_sgemm_args;

/**
 * Computes C = alpha * op(A) * op(B) + beta * C, where op(A) is m x k, op(B) is k x n, and C is m x n.
 *
 * Each element of C is one chain of fused multiply-adds over k in ascending order.  The chain begins with beta * C,
 * rounded once, and adds the products of alpha * A, rounded once, and B.  If beta is 0, the call writes C without
 * reading it.  If alpha or k is 0, it reads neither A nor B.  C overlaps neither A nor B; A and B may overlap.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_sgemm(lf_context *context, const lf_sgemm_args *args);

#ifdef __cplusplus
}
#endif

#endif
