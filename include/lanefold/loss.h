/** @file
 * Softmax, softmax cross-entropy on integer labels, losses that compare numbers with targets, and the number of correct
 * predictions.
 */
#ifndef LANEFOLD_LOSS_H
#define LANEFOLD_LOSS_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The arguments of lf_softmax(). */
typedef struct lf_softmax_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_LOGARITHM */
  int64_t m;            /**< the rows of x and y */
  int64_t n;            /**< the columns of x and y */
  const float *x;       /**< m x n: the logits */
  int64_t ldx;          /**< the row stride of x */
  float *y;             /**< m x n; may be x itself, with the same stride */
  int64_t ldy;          /**< the row stride of y */
} lf_softmax_args;

/**
 * Computes y = softmax(x) in each row, which is exp(x - max) / sum(exp(x - max)).  With LF_LOGARITHM, it computes the
 * logarithm, (x - max) - log(sum(exp(x - max))).  max is the largest logit of the row, so no exponential overflows.  A
 * NaN or +infinity in a row makes elements of this row NaN.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_UNSUPPORTED.  [thread-safe]
 */
LF_API lf_status lf_softmax(lf_context *context, const lf_softmax_args *args);

/** The arguments of lf_softmax_cross_entropy(). */
typedef struct lf_softmax_cross_entropy_args {
  uint32_t struct_size;  /**< The size of this struct, in bytes. */
  uint32_t flags;        /**< Must be 0. */
  int64_t m;             /**< the number of samples, at least 1 */
  int64_t n;             /**< the number of classes, at least 1 */
  const float *x;        /**< m x n: the logits */
  int64_t ldx;           /**< the row stride of x */
  const int32_t *labels; /**< m classes, each in [0, n) */
  float *loss;           /**< one float: the mean loss of these m rows */
  float *dx;             /**< m x n; may be x itself, with the same stride; NULL: the gradient is not wanted */
  int64_t lddx;          /**< the row stride of dx */
  const float *weights;  /**< m: the weight of each row; NULL: each is 1 */
  int64_t batch_rows;    /**< the rows of the batch of which x is a part (parts.h); 0: x is the whole batch */
  float *losses;         /**< m: receives w l(row) of each row; NULL: not wanted */
} lf_softmax_cross_entropy_args;

/**
 * Computes p = softmax(x) in each row, the mean loss = mean over the rows of -w log(p[label]), and its gradient
 * dx = (p - [j == label]) / m * w, where w is the weight of the row.  The mean divides by m, not by the sum of the
 * weights.  Softmax subtracts the largest logit of the row first, so that no exponential overflows.
 *
 * In a part of a batch, the gradient divides by batch_rows instead of m.  The loss of the batch is the sum of all
 * losses, as the column sums of parts.h add them, divided by batch_rows.
 *
 * Returns LF_OK, LF_UNSUPPORTED, LF_OUT_OF_MEMORY, or LF_INVALID_ARGUMENT, whose message names a label that is out of
 * range.  [thread-safe]
 */
LF_API lf_status lf_softmax_cross_entropy(lf_context *context, const lf_softmax_cross_entropy_args *args);

/** @name Elementwise losses
 *
 * A loss compares each prediction x with its target t.
 *
 * | code                      | l(x, t)                                                          | dl/dx                 |
 * |---------------------------|------------------------------------------------------------------|-----------------------|
 * | LF_SQUARED_ERROR          | `(x - t)^2`                                                      | `2 (x - t)`           |
 * | LF_ABSOLUTE_ERROR         | `|x - t|`                                                        | `sign(x - t)`         |
 * | LF_HUBER_ERROR            | `|x - t| <= delta ? (x - t)^2 / 2 : delta (|x - t| - delta / 2)` | `min(max(x - t, -delta), delta)` |
 * | LF_LOGISTIC_CROSS_ENTROPY | `log(1 + exp(x)) - t x`                                          | `1 / (1 + exp(-x)) - t` |
 *
 * For LF_LOGISTIC_CROSS_ENTROPY, x is a logit and t a probability, such as 0 or 1 for two classes.  It is computed as
 * max(x, 0) - t x + log(1 + exp(-|x|)), so no exponential overflows.  A NaN in x or t gives NaN, and an
 * infinite logit may do so, too.  sign(0) is 0.  Source of the Huber error: Huber 1964 (doi 10.1214/aoms/1177703732).
 * @{
 */
#define LF_SQUARED_ERROR 0          /**< The square of the difference. */
#define LF_ABSOLUTE_ERROR 1         /**< The magnitude of the difference, which outliers affect less. */
#define LF_HUBER_ERROR 2            /**< Half the square up to delta, and linear beyond. */
#define LF_LOGISTIC_CROSS_ENTROPY 3 /**< The cross-entropy of one logit for two classes. */
#define LF_LOSS_COUNT 4             /**< The number of elementwise losses; it may grow. */
/** @} */

/** The arguments of lf_elementwise_loss(). */
typedef struct lf_elementwise_loss_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int32_t function;     /**< the code of the loss: LF_HUBER_ERROR, for example */
  float delta;          /**< of LF_HUBER_ERROR: more than 0, and finite.  The other losses do not read it. */
  int64_t m;            /**< the number of samples, at least 1 */
  int64_t n;            /**< the number of outputs, at least 1 */
  const float *x;       /**< m x n: the predictions, or logits */
  int64_t ldx;          /**< the row stride of x */
  const float *targets; /**< m x n */
  int64_t ldtargets;    /**< the row stride of targets */
  const float *weights; /**< m: the weight of each row; NULL: each is 1 */
  float *loss;          /**< one float: the mean loss of these m rows */
  float *dx;            /**< m x n; may be x itself, with the same stride; NULL: the gradient is not wanted */
  int64_t lddx;         /**< the row stride of dx */
  int64_t batch_rows;   /**< the rows of the batch of which x is a part (parts.h); 0: x is the whole batch */
  float *losses;        /**< m: receives the sum over j of w l(x, t) of each row; NULL: not wanted */
} lf_elementwise_loss_args;

/**
 * Computes the mean loss = mean over rows and columns of w l(x, t), and its gradient dx = w l'(x, t) / (m n), where w is
 * the weight of the row.  The mean divides by m n, not by the sum of the weights.
 *
 * In a part of a batch, the gradient divides by batch_rows n instead of m n.  The loss of the batch is the sum of all
 * losses, as the column sums of parts.h add them, divided by batch_rows n.
 *
 * Returns LF_OK, LF_OUT_OF_MEMORY, LF_INVALID_ARGUMENT, or LF_UNSUPPORTED if the code of the loss is unknown.
 * [thread-safe]
 */
LF_API lf_status lf_elementwise_loss(lf_context *context, const lf_elementwise_loss_args *args);

/** The arguments of lf_top_k_correct(). */
typedef struct lf_top_k_correct_args {
  uint32_t struct_size;  /**< The size of this struct, in bytes. */
  uint32_t flags;        /**< Must be 0. */
  int64_t m;             /**< the number of samples */
  int64_t n;             /**< the number of classes */
  int64_t k;             /**< the number of predictions for each sample, in [1, n] */
  const float *x;        /**< m x n: the outputs, such as logits */
  int64_t ldx;           /**< the row stride of x */
  const int32_t *labels; /**< m classes, each in [0, n) */
  int64_t *correct;      /**< one number: how many rows are correct */
} lf_top_k_correct_args;

/**
 * Counts the rows whose prediction is correct.  A row is correct if fewer than k classes rank above its label.  A class
 * ranks above the label if its output is larger, or if its output is equal and its index is lower.  A NaN ranks below
 * every number, and a row is never correct if the output of its label is NaN.
 *
 * With k = 1, the prediction of a row is the first of its largest outputs.
 *
 * Returns LF_OK, LF_UNSUPPORTED, or LF_INVALID_ARGUMENT, whose message names a label that is out of range.
 * [thread-safe]
 */
LF_API lf_status lf_top_k_correct(lf_context *context, const lf_top_k_correct_args *args);

#ifdef __cplusplus
}
#endif

#endif
