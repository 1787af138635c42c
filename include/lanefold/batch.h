/* Batches of samples that are kept as bytes. */
#ifndef LANEFOLD_BATCH_H
#define LANEFOLD_BATCH_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_gather_args {
  uint32_t struct_size;
  uint32_t flags;   /* Must be 0. */
  int64_t m, n;     /* rows and columns of y */
  int64_t count;    /* rows of x */
  const uint8_t *x; /* count x n */
  int64_t ldx;
  const uint32_t
      *rows;     /* m row indices in any order, each in [0, count).  Repeats are allowed.  NULL: the first m rows. */
  float divisor; /* 1 to 65536 */
  uint32_t reserved;
  float *y; /* m x n */
  int64_t ldy;
} lf_gather_args;

/*
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
