/* Activations, element by element. */
#ifndef LANEFOLD_ACTIVATION_H
#define LANEFOLD_ACTIVATION_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* code              y = f(x)                                         derivative, from y             alpha        */
#define LF_IDENTITY 0   /* x                                          1                              not used     */
#define LF_RELU 1       /* x > 0 ? x : 0                              y > 0 ? 1 : 0                  not used     */
#define LF_LEAKY_RELU 2 /* x > 0 ? x : alpha x                        y > 0 ? 1 : alpha              0 <= alpha   */
#define LF_ELU 3        /* x > 0 ? x : alpha expm1(x)                 y > 0 ? 1 : y + alpha          0 <= alpha   */
#define LF_SELU 4       /* 1.0507.. (x > 0 ? x : 1.6732.. expm1(x))   y > 0 ? 1.0507 : y + 1.7580..  not used     */
#define LF_TANH 5       /* tanh x                                     1 - y^2                        not used     */
#define LF_LOGISTIC 6   /* 1 / (1 + exp(-x))                          y (1 - y)                      not used     */
#define LF_ACTIVATION_COUNT 7
/* NaN gives NaN, forward and backward.  ELU keeps -0.  Sources: ELU, Clevert et al. 2015 (arXiv 1511.07289);
 * SELU, Klambauer et al. 2017 (arXiv 1706.02515). */

typedef struct lf_activation_forward_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t m, n;
  int32_t activation; /* LF_ELU and so on */
  float alpha;
  const float *x; /* m x n */
  int64_t ldx;
  float *y; /* m x n; may be x itself, with the same stride */
  int64_t ldy;
} lf_activation_forward_args;

/* y = f(x).  Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED (code or flag).  [thread-safe] */
LF_API lf_status lf_activation_forward(lf_context *context, const lf_activation_forward_args *args);

typedef struct lf_activation_backward_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t m, n;
  int32_t activation;
  float alpha;
  const float *y; /* m x n: what the forward call wrote */
  int64_t ldy;
  const float *dy; /* m x n */
  int64_t lddy;
  float *dx; /* m x n; may be dy itself, with the same stride */
  int64_t lddx;
} lf_activation_backward_args;

/* dx = dy * f'(x), which follows from y.  Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED.  [thread-safe] */
LF_API lf_status lf_activation_backward(lf_context *context, const lf_activation_backward_args *args);

#ifdef __cplusplus
}
#endif

#endif
