/* Batches of samples that are kept as bytes. */
#ifndef LANEFOLD_BATCH_H
#define LANEFOLD_BATCH_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_gather_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t m, n;
  int64_t count;    /* rows of x */
  const uint8_t *x; /* count x n */
  int64_t ldx;
  const uint32_t *rows; /* m, each below count, in any order and as often as wanted; NULL: the first m rows */
  float divisor;        /* 1 to 65536 */
  uint32_t reserved;    /* 0 */
  float *y;             /* m x n */
  int64_t ldy;
} lf_gather_args;

/* y[i][j] = x[rows[i]][j] / divisor, correctly rounded.
 * Errors: LF_INVALID_ARGUMENT (a row out of range is named), LF_UNSUPPORTED.  [thread-safe] */
LF_API lf_status lf_gather(lf_context *context, const lf_gather_args *args);

#ifdef __cplusplus
}
#endif

#endif
