/* A whole network of dense layers for inference, in one call: batch normalization folded away, weights packed. */
#ifndef LANEFOLD_NETWORK_H
#define LANEFOLD_NETWORK_H

#include <lanefold/activation.h>
#include <lanefold/norm.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_network_layer {
  uint32_t struct_size;
  uint32_t flags; /* LF_TRANSPOSE_B: w holds the transpose, n x k */
  int64_t n, k;   /* at least 1; k is n of the layer before */
  const float *w; /* k x n */
  int64_t ldw;
  const float *bias;               /* n; NULL: zeros */
  const lf_batch_norm *batch_norm; /* NULL: none; else folded, as lf_fold_batch_norm has it */
  int32_t activation;
  float alpha;
} lf_network_layer;

typedef struct lf_network_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t count;  /* at least 1 */
  /* The first to the last; they lie layers[0].struct_size bytes apart. */
  const lf_network_layer *layers;
} lf_network_args;

/* The layers' own copies of their weights and biases. */
typedef struct lf_network lf_network;

/* Folds and packs the layers for the plugin of this context.  On an error *network is NULL; the message names the layer.
 * Errors: LF_INVALID_ARGUMENT (also where lf_fold_batch_norm refuses a channel), LF_UNSUPPORTED, LF_OUT_OF_MEMORY.
 * [thread-safe] */
LF_API lf_status lf_network_create(lf_context *context, const lf_network_args *args, lf_network **network);

/* Frees a network; NULL is fine.  No call may be using it. */
LF_API void lf_network_destroy(lf_network *network);

typedef struct lf_network_infer_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t m;
  const float *x; /* m x k of the first layer */
  int64_t ldx;
  float *y; /* m x n of the last layer */
  int64_t ldy;
} lf_network_infer_args;

/* y = the last layer of ... of the first layer of x: the same bits as lf_dense_infer on one layer after the other.
 * Rows are taken some at a time, so that what lies between two layers stays in cache; it needs scratch memory for as
 * many rows as threads take at once.  The network may come from any context of this process.
 * Errors: LF_INVALID_ARGUMENT, LF_OUT_OF_MEMORY (y may then be partly written).  [thread-safe] */
LF_API lf_status lf_network_infer(lf_context *context, const lf_network_infer_args *args, const lf_network *network);

#ifdef __cplusplus
}
#endif

#endif
