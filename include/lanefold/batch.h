/** @file
 * Batches of samples that are kept as bytes.
 */
#ifndef LANEFOLD_BATCH_H
#define LANEFOLD_BATCH_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The arguments of lf_gather(). */
typedef struct lf_gather_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t m;            /**< the rows of y */
  int64_t n;            /**< the columns of x and y */
  int64_t count;        /**< the rows of x */
  const uint8_t *x;     /**< count x n */
  int64_t ldx;          /**< the row stride of x */
  const uint32_t
      *rows;     /**< m row indices in any order, each in [0, count).  Repeats are allowed.  NULL: the first m rows. */
  float divisor; /**< 1 to 65536 */
  uint32_t reserved; /**< Must be 0. */
  float *y;          /**< m x n */
  int64_t ldy;       /**< the row stride of y */
} lf_gather_args;

/**
 * Computes y[i][j] = x[rows[i]][j] / divisor, rounded to nearest.
 *
 * Returns LF_OK, LF_UNSUPPORTED, or LF_INVALID_ARGUMENT, whose message names an index that is out of range.
 * [thread-safe]
 */
LF_API lf_status lf_gather(lf_context *context, const lf_gather_args *args);

#ifdef __cplusplus
}
#endif

#endif
