/** @file
 * One step of an optimizer on one array of parameters.
 */
#ifndef LANEFOLD_OPTIMIZER_H
#define LANEFOLD_OPTIMIZER_H

#include <lanefold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name Optimizers
 *
 * w are the parameters and g is their gradient.  Each step first decays the parameters,
 * w *= 1 - rate * weight_decay (Loshchilov and Hutter 2019, arXiv 1711.05101).
 *
 * | code          | step                                                      |
 * |---------------|-----------------------------------------------------------|
 * | LF_SGD        | `w -= rate * g`                                           |
 * | LF_MOMENTUM   | `m = momentum * m + g;  w -= rate * m`                    |
 * | LF_NESTEROV   | `m = momentum * m + g;  w -= rate * (g + momentum * m)`   |
 * | LF_ADAM       | `m = beta1 * m + (1 - beta1) * g`                         |
 * |               | `v = beta2 * v + (1 - beta2) * g^2`                       |
 * |               | `w -= rate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)` |
 *
 * beta1 is the field `momentum`.  Sources: Nesterov, Sutskever et al. 2013; Adam, Kingma and Ba 2014 (arXiv 1412.6980).
 * @{
 */
#define LF_SGD 0             /**< Plain stochastic gradient descent. */
#define LF_MOMENTUM 1        /**< Stochastic gradient descent with momentum. */
#define LF_NESTEROV 2        /**< Momentum that looks one step ahead. */
#define LF_ADAM 3            /**< Steps that are scaled by the moments of the gradient. */
#define LF_OPTIMIZER_COUNT 4 /**< The number of optimizers; it may grow. */
/** @} */

/** The arguments of lf_optimizer_step(). */
typedef struct lf_optimizer_step_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int32_t optimizer;    /**< LF_SGD, for example */
  float weight_decay;   /**< at least 0; it is finite, and so is its product with learning_rate */
  int64_t n;            /**< the number of parameters */
  float *w;             /**< n parameters, updated */
  const float *g;       /**< n: the gradient */
  float *m; /**< n, updated: momentum or first moment, zeros before the first step.  LF_SGD does not use it. */
  float *v; /**< n, updated: second moment, zeros before the first step.  Only LF_ADAM uses it. */
  float learning_rate; /**< the rate; finite and at least 0 */
  float momentum;      /**< in [0, 1).  LF_SGD does not read it. */
  float beta2;         /**< in [0, 1).  Only LF_ADAM reads it. */
  float eps;           /**< finite and above 0.  Only LF_ADAM reads it. */
  int64_t step;        /**< 1 for the first step, then 2, and so on.  Only LF_ADAM reads it. */
} lf_optimizer_step_args;

/**
 * Takes one step.  Each parameter is updated independently of the others.  w, g, m and v do not overlap.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, or LF_UNSUPPORTED if the code of the optimizer is unknown.  [thread-safe]
 */
LF_API lf_status lf_optimizer_step(lf_context *context, const lf_optimizer_step_args *args);

#ifdef __cplusplus
}
#endif

#endif
