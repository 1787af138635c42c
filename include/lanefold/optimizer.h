/* One step of an optimizer on one array of parameters. */
#ifndef LANEFOLD_OPTIMIZER_H
#define LANEFOLD_OPTIMIZER_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each step begins with w *= 1 - rate * weight_decay (Loshchilov and Hutter 2019).
 * LF_ADAM:  m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2;
 *           w -= rate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)    (Kingma and Ba 2014) */
#define LF_SGD 0      /* w -= rate * g */
#define LF_MOMENTUM 1 /* m = momentum * m + g;  w -= rate * m */
#define LF_NESTEROV 2 /* m = momentum * m + g;  w -= rate * (g + momentum * m)    (Sutskever et al. 2013) */
#define LF_ADAM 3
#define LF_OPTIMIZER_COUNT 4

typedef struct lf_optimizer_step_args {
  uint32_t struct_size;
  uint32_t flags;     /* 0 */
  int32_t optimizer;  /* LF_SGD and so on */
  float weight_decay; /* >= 0; finite, times learning_rate too */
  int64_t n;
  float *w;            /* n, updated */
  const float *g;      /* n: the gradient */
  float *m;            /* n, updated: first moment or momentum; zeros before the first step; not read for LF_SGD */
  float *v;            /* n, updated: second moment; zeros before the first step; read for LF_ADAM only */
  float learning_rate; /* >= 0, finite */
  float momentum;      /* 0 <= momentum < 1; beta1 for LF_ADAM; not read for LF_SGD */
  float beta2;         /* 0 <= beta2 < 1; read for LF_ADAM only */
  float eps;           /* > 0; read for LF_ADAM only */
  int64_t step;        /* 1, 2, ...; read for LF_ADAM only */
} lf_optimizer_step_args;

/* The step that the code names, each element by itself.  w, m, v and g do not overlap.
 * Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED.  [thread-safe] */
LF_API lf_status lf_optimizer_step(lf_context *context, const lf_optimizer_step_args *args);

#ifdef __cplusplus
}
#endif

#endif
