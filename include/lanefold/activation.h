/** @file
 * Activations, applied element by element, and dropout.
 */
#ifndef LANEFOLD_ACTIVATION_H
#define LANEFOLD_ACTIVATION_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name Activations
 *
 * Where possible the derivative is a function of the output y, so that the backward pass does not need x.  The last four
 * activations are not monotonic, so their derivatives follow from x.  Where a formula has alpha, alpha is finite and at
 * least 0.  The other activations do not read it.
 *
 * | code            | y = f(x)                                       | f'(x)                             |
 * |-----------------|------------------------------------------------|-----------------------------------|
 * | LF_IDENTITY     | `x`                                            | `1`                               |
 * | LF_RELU         | `x <= 0 ? 0 : x`                               | `y > 0 ? 1 : 0`                   |
 * | LF_LEAKY_RELU   | `x > 0 ? x : alpha * x`                        | `y > 0 ? 1 : alpha`               |
 * | LF_ELU          | `x > 0 ? x : alpha * expm1(x)`                 | `y > 0 ? 1 : y + alpha`           |
 * | LF_SELU         | `1.0507.. * (x > 0 ? x : 1.6732.. * expm1(x))` | `y > 0 ? 1.0507.. : y + 1.7580..` |
 * | LF_TANH         | `tanh(x)`                                      | `1 - y^2`                         |
 * | LF_LOGISTIC     | `1 / (1 + exp(-x))`                            | `y * (1 - y)`                     |
 * | LF_RELU6        | `min(max(x, 0), 6)`                            | `0 < y && y < 6 ? 1 : 0`          |
 * | LF_SOFTPLUS     | `log(1 + exp(x))`                              | `1 - exp(-y)`                     |
 * | LF_HARD_SIGMOID | `min(max(alpha * x + 1/2, 0), 1)`              | `0 < y && y < 1 ? alpha : 0`      |
 * | LF_SILU         | `x / (1 + exp(-x))`                            | `s * (1 + x * (1 - s))`, where `s = 1 / (1 + exp(-x))` |
 * | LF_HARD_SWISH   | `x * min(max(x + 3, 0), 6) / 6`                | `x <= -3 ? 0 : x < 3 ? x / 3 + 1/2 : 1` |
 * | LF_GELU         | `x * Phi(x)`, where Phi is the standard normal distribution function | `Phi(x) + x * exp(-x^2 / 2) / sqrt(2 pi)` |
 * | LF_GELU_TANH    | `x / (1 + exp(-g(x)))`, `g(x) = 2 sqrt(2 / pi) (x + 0.044715 x^3)` | `s * (1 + x * dg * (1 - s))`, where `s = 1 / (1 + exp(-g(x)))` and `dg` is the derivative of g |
 *
 * NaN gives NaN, forward and backward.  ELU keeps the sign of -0.  PyTorch writes LF_GELU_TANH as x / 2 * (1 + tanh(g(x) /
 * 2)), which is the same.  Sources: ELU, Clevert et al. 2015 (arXiv 1511.07289); SELU, Klambauer et al. 2017 (arXiv
 * 1706.02515); GELU and SiLU, Hendrycks and Gimpel 2016 (arXiv 1606.08415); hard swish, Howard et al. 2019 (arXiv
 * 1905.02244).
 * @{
 */
#define LF_IDENTITY 0          /**< The output is the input. */
#define LF_RELU 1              /**< The rectified linear unit is 0 for every negative input. */
#define LF_LEAKY_RELU 2        /**< The leaky rectified linear unit multiplies a negative input by alpha. */
#define LF_ELU 3               /**< The exponential linear unit. */
#define LF_SELU 4              /**< The scaled exponential linear unit has two constants and no alpha. */
#define LF_TANH 5              /**< The hyperbolic tangent. */
#define LF_LOGISTIC 6          /**< The logistic function, or sigmoid. */
#define LF_RELU6 7             /**< The rectified linear unit that is also bounded above, by 6. */
#define LF_SOFTPLUS 8          /**< A smooth form of the rectified linear unit. */
#define LF_HARD_SIGMOID 9      /**< The line alpha * x + 1/2, cut off at 0 and 1.  PyTorch's alpha is 1/6. */
#define LF_SILU 10             /**< The sigmoid linear unit, or swish. */
#define LF_HARD_SWISH 11       /**< x times the hard sigmoid with alpha 1/6. */
#define LF_GELU 12             /**< The Gaussian error linear unit. */
#define LF_GELU_TANH 13        /**< The approximation of GELU by tanh. */
#define LF_ACTIVATION_COUNT 14 /**< The number of activations; it may grow. */
/** Whether the derivative of an activation follows from its input x, and not from its output y. */
#define LF_DERIVES_FROM_INPUT(activation) ((activation) >= LF_SILU && (activation) <= LF_GELU_TANH)
/** @} */

/** The arguments of lf_activation_forward(). */
typedef struct lf_activation_forward_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t m;            /**< the rows of x and y */
  int64_t n;            /**< the columns of x and y */
  int32_t activation;   /**< LF_ELU, for example */
  float alpha;          /**< the alpha of the activation */
  const float *x;       /**< m x n */
  int64_t ldx;          /**< the row stride of x */
  float *y;             /**< m x n; may be x itself, with the same stride */
  int64_t ldy;          /**< the row stride of y */
} lf_activation_forward_args;

/**
 * Computes y = f(x).
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, or LF_UNSUPPORTED if the code of the activation is unknown.  [thread-safe]
 */
LF_API lf_status lf_activation_forward(lf_context *context, const lf_activation_forward_args *args);

/** The arguments of lf_activation_backward(). */
typedef struct lf_activation_backward_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t m;            /**< the rows of y, dy and dx */
  int64_t n;            /**< the columns of y, dy and dx */
  int32_t activation;   /**< LF_ELU, for example */
  float alpha;          /**< the alpha of the activation */
  const float *y;       /**< m x n: the output of the forward pass; not read if the derivative follows from x */
  int64_t ldy;          /**< the row stride of y */
  const float *dy;      /**< m x n */
  int64_t lddy;         /**< the row stride of dy */
  float *dx;            /**< m x n; may be dy itself, with the same stride */
  int64_t lddx;         /**< the row stride of dx */
  const float *x;       /**< m x n: the input of the forward pass; only read if the derivative follows from x */
  int64_t ldx;          /**< the row stride of x */
} lf_activation_backward_args;

/**
 * Computes dx = dy * f'(x), where f'(x) follows from y or, if LF_DERIVES_FROM_INPUT(activation), from x.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, or LF_UNSUPPORTED if the code of the activation is unknown.  [thread-safe]
 */
LF_API lf_status lf_activation_backward(lf_context *context, const lf_activation_backward_args *args);

/** The arguments of lf_dropout(). */
typedef struct lf_dropout_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t m;            /**< the rows of x and y */
  int64_t n;            /**< the columns of x and y */
  const float *x;       /**< m x n */
  int64_t ldx;          /**< the row stride of x */
  float *y;             /**< m x n; may be x itself, with the same stride */
  int64_t ldy;          /**< the row stride of y */
  float rate;           /**< the probability that an element is dropped: at least 0, and less than 1 */
  uint32_t reserved;    /**< Must be 0. */
  uint64_t seed;        /**< the key of the random numbers */
  uint64_t stream;      /**< which of the key's streams: a number for each layer and step, for example */
  int64_t first_row;    /**< the number of the first row, from 0; first_row + m is at most 2^32 */
} lf_dropout_args;

/**
 * Drops elements at random and scales the others: y = dropped ? 0 : x / (1 - rate), as a product with the reciprocal.
 * A second call with the same seed, stream and rows drops the same elements, so this is also the backward pass.
 *
 * The random numbers are those of Philox4x32-10, a counter-based generator.  Element (i, j) is dropped if its number is
 * below floor(2^32 rate).  Its number is word floor(j / 16) mod 4 of the block whose counter has the words
 * 16 floor(j / 64) + j mod 16, first_row + i, and the low and the high half of stream.  The key has the low and the high
 * half of seed.  Hence neither threads nor the split of a batch change what is dropped.  Sources: dropout, Srivastava et
 * al. 2014; Philox, Salmon et al. 2011 (doi 10.1145/2063384.2063405).
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_UNSUPPORTED.  [thread-safe]
 */
LF_API lf_status lf_dropout(lf_context *context, const lf_dropout_args *args);

#ifdef __cplusplus
}
#endif

#endif
