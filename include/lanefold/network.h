/** @file
 * Inference by a whole network of dense layers in one call.  The network folds the normalization of each product into
 * its weights, and packs them.
 */
#ifndef LANEFOLD_NETWORK_H
#define LANEFOLD_NETWORK_H

#include <lanefold/activation.h>
#include <lanefold/dense.h>
#include <lanefold/norm.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One layer of a network, as it was trained. */
typedef struct lf_network_layer {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_TRANSPOSE_B, LF_ELEMENTWISE */
  int64_t n;            /**< the outputs of the layer, at least 1 */
  int64_t k;            /**< the inputs of the layer, at least 1; k equals n of the layer before */
  const float *w;       /**< k x n; with LF_TRANSPOSE_B n x k; NULL with LF_ELEMENTWISE, and then k equals n */
  int64_t ldw;          /**< the row stride of w */
  const float *bias;    /**< n; NULL: zeros; NULL with LF_ELEMENTWISE */
  const lf_batch_norm *batch_norm; /**< folded into the product, as by lf_fold_batch_norm(), or with LF_ELEMENTWISE
                                      applied to the input of the layer; NULL: no normalization */
  int32_t activation;              /**< LF_ELU, for example */
  float alpha;                     /**< the alpha of the activation */
} lf_network_layer;

/** @name What follows the last layer of a network
 * @{
 */
#define LF_OUTPUT_VALUES 0      /**< Nothing: the output is that of the last layer. */
#define LF_OUTPUT_SOFTMAX 1     /**< the softmax of each row (loss.h) */
#define LF_OUTPUT_LOG_SOFTMAX 2 /**< the logarithm of the softmax of each row (loss.h) */
#define LF_OUTPUT_COUNT 3       /**< The number of these codes; it may grow. */
/** @} */

/** The layers of a network, for lf_network_create(). */
typedef struct lf_network_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t count;        /**< the number of layers, at least 1 */
  /** The layers from the first to the last.  All have the same struct_size, which is also the distance in bytes from
   * one to the next. */
  const lf_network_layer *layers;
  int32_t output;    /**< LF_OUTPUT_SOFTMAX, for example */
  uint32_t reserved; /**< Must be 0. */
} lf_network_args;

/** A network that owns copies of its weights and biases. */
typedef struct lf_network lf_network;

/**
 * Folds and packs the layers for the plugin of this context, and stores the network in *network.  On an error *network
 * is NULL, and the message names the layer.  On success the context is prepared for one call of lf_network_infer() at a
 * time: it has the scratch memory, and its threads have started.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT (also for a column that lf_fold_batch_norm() refuses), LF_UNSUPPORTED or
 * LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_network_create(lf_context *context, const lf_network_args *args, lf_network **network);

/** Frees a network, which may be NULL.  No call may be using it.  [thread-safe on different networks] */
LF_API void lf_network_destroy(lf_network *network);

/**
 * Prepares a context for `calls` (1 to 4096) calls of lf_network_infer() on this network at the same time.  It
 * allocates their scratch memory, and starts the context's threads, for which it waits up to 5 ms.  Call it for a
 * context that did not make the network, and for calls that several threads make at the same time.  Also call it in
 * each thread that will call lf_network_infer() on a context of several threads.  Networks share the memory of a
 * context: for several of them, reserve for the largest, with all calls that run at the same time.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_network_reserve(lf_context *context, const lf_network *network, int32_t calls);

/** The arguments of lf_network_infer(). */
typedef struct lf_network_infer_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t m;            /**< the number of samples */
  const float *x;       /**< m x k of the first layer */
  int64_t ldx;          /**< the row stride of x */
  float *y;             /**< m x n of the last layer */
  int64_t ldy;          /**< the row stride of y */
} lf_network_infer_args;

/**
 * Passes x through all layers, applies the softmax that lf_network_args.output names, and stores the result in y.  The
 * result has the bits that lf_dense_infer(), or with LF_ELEMENTWISE lf_batch_norm_forward() and
 * lf_activation_forward(), give layer by layer.  Every context of the process can use the network.
 *
 * A few rows at a time go through all layers, so that the values between two layers stay in cache.
 *
 * On a prepared context (lf_network_reserve()) even the first call allocates nothing.  This holds as long as no more
 * calls run on the context at the same time than were reserved.  The call takes no lock, so another thread of the same
 * context cannot hold it up.  While oneTBB's threads work for another call, this one computes on its own thread.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  If it runs out of memory, y may be partly
 * written.  [thread-safe]
 */
LF_API lf_status lf_network_infer(lf_context *context, const lf_network_infer_args *args, const lf_network *network);

#ifdef __cplusplus
}
#endif

#endif
