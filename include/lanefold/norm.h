/* Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167), alone, and folding it into the weights before it. */
#ifndef LANEFOLD_NORM_H
#define LANEFOLD_NORM_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The parameters of one normalization over n columns; every array holds n floats.  Which are read and written:
 *                        gamma beta  running_mean running_var  mean inv_std
 *   forward, training    read  read  updated      updated      written written
 *   forward, inference   read  read  read         read         -       -
 *   backward             read  -     -            -            read    read
 *   fold                 read  read  read         read         -       -
 * Arrays that a call does not touch may be NULL.  In training, running_mean and running_var may both be NULL (nothing
 * is kept), and so may mean and inv_std (no backward pass will follow).  An empty batch (m = 0) leaves all as it is. */
typedef struct lf_batch_norm {
  uint32_t struct_size;
  uint32_t flags; /* LF_UNBIASED_RUNNING_VAR */
  float eps;      /* > 0, finite */
  float momentum; /* 0..1: running = momentum * running + (1 - momentum) * batch; read in training only */
  const float *gamma;
  const float *beta;
  float *running_mean;
  float *running_var; /* of the batch variance: biased, sum / m, or with the flag unbiased, sum / (m - 1) */
  float *mean;        /* of the batch */
  float *inv_std;     /* 1 / sqrt(batch variance + eps) */
} lf_batch_norm;

typedef struct lf_batch_norm_forward_args {
  uint32_t struct_size;
  uint32_t flags; /* LF_TRAINING */
  int64_t m, n;   /* in training m != 1: one sample has no variance */
  const float *x; /* m x n */
  int64_t ldx;
  float *y; /* m x n; may be x itself, with the same stride */
  int64_t ldy;
  const lf_batch_norm *batch_norm;
} lf_batch_norm_forward_args;

/* Training:   mu = mean_rows x, var = mean_rows (x - mu)^2;  inference: mu, var = the running ones.
 * y = (x - mu) * (gamma * (1 / sqrt(var + eps))) + beta.
 * Sums over rows: blocks of 256 rows, merged in ascending order (docs/numerics.md).
 * Errors: LF_INVALID_ARGUMENT (m == 1 in training, eps <= 0, momentum outside 0..1, ...), LF_UNSUPPORTED,
 * LF_OUT_OF_MEMORY.  [thread-safe, if no other call updates the same running statistics] */
LF_API lf_status lf_batch_norm_forward(lf_context *context, const lf_batch_norm_forward_args *args);

typedef struct lf_batch_norm_backward_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t m, n;   /* m != 1 */
  const float *x; /* m x n: what the forward call read */
  int64_t ldx;
  const float *dy; /* m x n */
  int64_t lddy;
  float *dx; /* m x n; may be dy itself, with the same stride; NULL: not wanted */
  int64_t lddx;
  const lf_batch_norm *batch_norm; /* gamma, and mean and inv_std as the forward call left them */
  float *dgamma;                   /* n */
  float *dbeta;                    /* n */
} lf_batch_norm_backward_args;

/* xhat = (x - mean) * inv_std;  dbeta = sum_rows dy;  dgamma = sum_rows dy * xhat;
 * dx = gamma * inv_std * (dy - dbeta / m - xhat * dgamma / m).
 * Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED, LF_OUT_OF_MEMORY.  [thread-safe] */
LF_API lf_status lf_batch_norm_backward(lf_context *context, const lf_batch_norm_backward_args *args);

typedef struct lf_fold_batch_norm_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t n, k;
  const float *w; /* k x n */
  int64_t ldw;
  const float *bias;               /* n; NULL: zeros */
  const lf_batch_norm *batch_norm; /* gamma, beta, the running statistics, eps */
  float *folded_w;                 /* k x n; may be w itself, with the same stride */
  int64_t ldfolded_w;
  float *folded_bias; /* n; may be bias itself */
  float *error_bound; /* n; NULL: not wanted */
  float largest_x;    /* >= 0, finite; read with error_bound */
  uint32_t reserved;  /* 0 */
} lf_fold_batch_norm_args;

/* s = gamma * (1 / sqrt(running_var + eps));  folded_w = w * s;  folded_bias = beta + (bias - running_mean) * s.
 * error_bound[j]: for every x with |x[p]| <= largest_x, x folded_w + folded_bias as lf_dense_infer computes it lies no
 * further than this from the exact value of the layer and its normalization in column j; infinite for k above 2^20.
 * Where |bias - running_mean| >= 4096 sqrt(running_var + eps), the folded bias is so large beside the deviation that
 * fewer than 12 bits would be left of it: such a channel is refused by name, unless its gamma is 0; and so is one whose
 * running_var is negative or NaN.
 * Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED, LF_OUT_OF_MEMORY.  [thread-safe] */
LF_API lf_status lf_fold_batch_norm(lf_context *context, const lf_fold_batch_norm_args *args);

#ifdef __cplusplus
}
#endif

#endif
