/** @file
 * Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167): alone, and folded into the weights before it.
 * dense.h has it fused with the product.
 */
#ifndef LANEFOLD_NORM_H
#define LANEFOLD_NORM_H

#include <lanefold/activation.h>
#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The parameters of a normalization over n columns.  Every array holds n floats.  Calls use the arrays like this:
 *
 * | call                         | gamma | beta | running_mean | running_var | mean    | inv_std |
 * |------------------------------|-------|------|--------------|-------------|---------|---------|
 * | forward, LF_TRAINING         | read  | read | updated      | updated     | written | written |
 * | forward, LF_BATCH_STATISTICS | read  | read | -            | -           | read    | read    |
 * | forward, inference           | read  | read | read         | read        | -       | -       |
 * | backward                     | read  | -    | -            | -           | read    | read    |
 * | fold                         | read  | read | read         | read        | -       | -       |
 * | merge (parts.h)              | -     | -    | updated      | updated     | written | written |
 * | column sums (parts.h)        | -     | -    | -            | -           | read    | read    |
 *
 * The backward pass of a dense layer also reads beta if the derivative of its activation follows from the input
 * (activation.h).
 *
 * An array that a call does not use may be NULL.  In training, running_mean and running_var may both be NULL, and then
 * no running statistics are kept.  mean and inv_std may both be NULL if no backward pass follows.  An empty batch,
 * m = 0, changes nothing.
 */
typedef struct lf_batch_norm {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_UNBIASED_RUNNING_VAR */
  float eps;            /**< finite and above 0 */
  float momentum;       /**< in [0, 1]; only training reads it: running = momentum * running + (1 - momentum) * batch */
  const float *gamma;   /**< the scale */
  const float *beta;    /**< the shift */
  float *running_mean;  /**< of the means of batches */
  float *running_var;   /**< of the biased variance sum / m or, with LF_UNBIASED_RUNNING_VAR, of sum / (m - 1) */
  float *mean;          /**< of the batch */
  float *inv_std;       /**< of the batch: 1 / sqrt(variance + eps), where the variance is the biased one */
} lf_batch_norm;

/** The arguments of lf_batch_norm_forward(). */
typedef struct lf_batch_norm_forward_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_TRAINING or LF_BATCH_STATISTICS, but not both */
  int64_t m;            /**< the rows of x and y; with LF_TRAINING not 1, because one sample has no variance */
  int64_t n;            /**< the columns of x and y */
  const float *x;       /**< m x n */
  int64_t ldx;          /**< the row stride of x */
  float *y;             /**< m x n; may be x itself, with the same stride */
  int64_t ldy;          /**< the row stride of y */
  const lf_batch_norm *batch_norm; /**< must not be NULL */
  int32_t activation;              /**< of the result: LF_ELU, for example; 0, LF_IDENTITY: none */
  float alpha;                     /**< the alpha of the activation */
} lf_batch_norm_forward_args;

/**
 * Normalizes each column, and applies an activation:
 *
 *     y = act((x - mu) * (gamma * (1 / sqrt(var + eps))) + beta)
 *
 * With LF_TRAINING, mu is the mean of the column and var = mean((x - mu)^2) is its biased variance.  With
 * LF_BATCH_STATISTICS, mu and 1 / sqrt(var + eps) are mean and inv_std of the normalization, which a batch in parts has
 * (parts.h).  Otherwise mu and var are the running statistics.
 *
 * Sums run over blocks of 256 rows, which are merged in ascending order (docs/numerics.md).
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe, if no other call uses the same
 * running statistics while this one updates them]
 */
LF_API lf_status lf_batch_norm_forward(lf_context *context, const lf_batch_norm_forward_args *args);

/** The arguments of lf_batch_norm_backward(). */
typedef struct lf_batch_norm_backward_args {
  uint32_t struct_size;            /**< The size of this struct, in bytes. */
  uint32_t flags;                  /**< LF_BATCH_STATISTICS */
  int64_t m;                       /**< the rows of x, dy and dx; not 1, except with LF_BATCH_STATISTICS */
  int64_t n;                       /**< the columns of x, dy and dx */
  const float *x;                  /**< m x n: the input of the forward pass */
  int64_t ldx;                     /**< the row stride of x */
  const float *dy;                 /**< m x n */
  int64_t lddy;                    /**< the row stride of dy */
  float *dx;                       /**< m x n; may be dy itself, with the same stride; NULL: not wanted */
  int64_t lddx;                    /**< the row stride of dx */
  const lf_batch_norm *batch_norm; /**< gamma, and mean and inv_std as the forward pass left them */
  float *dgamma;                   /**< n; with LF_BATCH_STATISTICS only read */
  float *dbeta;                    /**< n; with LF_BATCH_STATISTICS only read */
  int64_t batch_rows; /**< with LF_BATCH_STATISTICS the rows of the whole batch, at least 2; otherwise not read */
} lf_batch_norm_backward_args;

/**
 * Computes the gradients of a forward pass with LF_TRAINING.
 *
 *     xhat = (x - mean) * inv_std
 *     dbeta = sum over the rows of dy
 *     dgamma = sum over the rows of dy * xhat
 *     dx = gamma * inv_std * (dy - dbeta / m - xhat * dgamma / m)
 *
 * With LF_BATCH_STATISTICS, x is a part of a batch of batch_rows rows (parts.h).  dgamma and dbeta then are the sums
 * over the batch, and only dx is computed, with batch_rows in place of m.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_batch_norm_backward(lf_context *context, const lf_batch_norm_backward_args *args);

/** The arguments of lf_fold_batch_norm(). */
typedef struct lf_fold_batch_norm_args {
  uint32_t struct_size;            /**< The size of this struct, in bytes. */
  uint32_t flags;                  /**< Must be 0. */
  int64_t n;                       /**< the columns of w */
  int64_t k;                       /**< the rows of w */
  const float *w;                  /**< k x n */
  int64_t ldw;                     /**< the row stride of w */
  const float *bias;               /**< n; NULL: zeros */
  const lf_batch_norm *batch_norm; /**< gamma, beta, the running statistics and eps */
  float *folded_w;                 /**< k x n; may be w itself, with the same stride */
  int64_t ldfolded_w;              /**< the row stride of folded_w */
  float *folded_bias;              /**< n; may be bias itself */
  float *error_bound;              /**< n; NULL: not wanted */
  float largest_x;                 /**< finite and at least 0; only read with error_bound */
  uint32_t reserved;               /**< Must be 0. */
} lf_fold_batch_norm_args;

/**
 * Folds a normalization into the layer before it, so that inference needs no normalization.  In each column:
 *
 *     s = gamma * (1 / sqrt(running_var + eps))
 *     folded_w = w * s
 *     folded_bias = beta + (bias - running_mean) * s
 *
 * error_bound[j] bounds the error of column j of x folded_w + folded_bias, as inference computes it.  The error is the
 * distance from the exact value of the layer and its normalization.  The bound holds for every x whose elements are at
 * most largest_x in magnitude, and is infinite for k above 2^20.
 *
 * The call refuses two kinds of columns, and its message names the column.  In the first, running_var is negative or
 * NaN.  In the second, |bias - running_mean| >= 4096 * sqrt(running_var + eps), and gamma is not 0: the folded bias
 * would be so large that fewer than 12 bits would be left for what varies.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_fold_batch_norm(lf_context *context, const lf_fold_batch_norm_args *args);

#ifdef __cplusplus
}
#endif

#endif
