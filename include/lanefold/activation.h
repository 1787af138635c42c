/* Activations, applied element by element. */
#ifndef LANEFOLD_ACTIVATION_H
#define LANEFOLD_ACTIVATION_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The activations.  The derivative is a function of the output y, so that the backward pass does not need x.  Where a
 * formula has alpha, alpha is finite and at least 0.  The other activations do not read it.
 *
 * NaN gives NaN, forward and backward.  ELU keeps the sign of -0.  Sources: ELU, Clevert et al. 2015 (arXiv
 * 1511.07289); SELU, Klambauer et al. 2017 (arXiv 1706.02515).
 */
/* code                          y = f(x)                                       f'(x), from y */
#define LF_IDENTITY 0         /* x                                              1                               */
#define LF_RELU 1             /* x > 0 ? x : 0                                  y > 0 ? 1 : 0                   */
#define LF_LEAKY_RELU 2       /* x > 0 ? x : alpha * x                          y > 0 ? 1 : alpha               */
#define LF_ELU 3              /* x > 0 ? x : alpha * expm1(x)                   y > 0 ? 1 : y + alpha           */
#define LF_SELU 4             /* 1.0507.. * (x > 0 ? x : 1.6732.. * expm1(x))   y > 0 ? 1.0507.. : y + 1.7580.. */
#define LF_TANH 5             /* tanh(x)                                        1 - y^2                         */
#define LF_LOGISTIC 6         /* 1 / (1 + exp(-x))                              y * (1 - y)                     */
#define LF_ACTIVATION_COUNT 7 /* The number of activations; it may grow. */

typedef struct lf_activation_forward_args {
  uint32_t struct_size;
  uint32_t flags; /* Must be 0. */
  int64_t m, n;
  int32_t activation; /* LF_ELU, for example */
  float alpha;
  const float *x; /* m x n */
  int64_t ldx;
  float *y; /* m x n; may be x itself, with the same stride */
  int64_t ldy;
} lf_activation_forward_args;

/*
 * Computes y = f(x).
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, or LF_UNSUPPORTED if the code of the activation is unknown.  [thread-safe]
 */
LF_API lf_status lf_activation_forward(lf_context *context, const lf_activation_forward_args *args);

typedef struct lf_activation_backward_args {
  uint32_t struct_size;
  uint32_t flags; /* Must be 0. */
  int64_t m, n;
  int32_t activation;
  float alpha;
  const float *y; /* m x n: the output of the forward pass */
  int64_t ldy;
  const float *dy; /* m x n */
  int64_t lddy;
  float *dx; /* m x n; may be dy itself, with the same stride */
  int64_t lddx;
} lf_activation_backward_args;

/*
 * Computes dx = dy * f'(x), where f'(x) follows from y.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, or LF_UNSUPPORTED if the code of the activation is unknown.  [thread-safe]
 */
LF_API lf_status lf_activation_backward(lf_context *context, const lf_activation_backward_args *args);

#ifdef __cplusplus
}
#endif

#endif
