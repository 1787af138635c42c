/* Dense layers: y = act(bn(x w + bias)), forward and backward in one call each, and inference on packed weights. */
#ifndef LANEFOLD_DENSE_H
#define LANEFOLD_DENSE_H

#include <lanefold/activation.h>
#include <lanefold/norm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Weights in the layout that a plugin reads fastest.  A packed copy: the source may change or go afterwards.  Weights may
 * live in it: training calls take it in place of w, descend in it, and it can be unpacked at any time. */
typedef struct lf_packed_weights lf_packed_weights;

typedef struct lf_pack_weights_args {
  uint32_t struct_size;
  uint32_t flags; /* LF_TRANSPOSE_B: w holds the transpose, n x k */
  int64_t n, k;
  const float *w; /* k x n */
  int64_t ldw;
} lf_pack_weights_args;

/* Packs w for the plugin of this context.  On an error *packed is NULL.
 * Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED, LF_OUT_OF_MEMORY.  [thread-safe] */
LF_API lf_status lf_pack_weights(lf_context *context, const lf_pack_weights_args *args, lf_packed_weights **packed);

/* Frees packed weights; NULL is fine.  No call may be using them. */
LF_API void lf_packed_weights_destroy(lf_packed_weights *packed);

typedef struct lf_unpack_weights_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t n, k;
  float *w; /* k x n */
  int64_t ldw;
} lf_unpack_weights_args;

/* w = the packed weights, bit for bit; n and k must be those they were packed with.
 * Errors: LF_INVALID_ARGUMENT.  [thread-safe] */
LF_API lf_status lf_unpack_weights(lf_context *context, const lf_unpack_weights_args *args,
                                   const lf_packed_weights *packed);

typedef struct lf_dense_forward_args {
  uint32_t struct_size;
  uint32_t flags; /* LF_TRAINING */
  int64_t m, n, k;
  const float *x; /* m x k */
  int64_t ldx;
  const float *w; /* k x n */
  int64_t ldw;
  const lf_packed_weights *packed; /* k x n, in place of w, which is not looked at; NULL: w */
  const float *bias;               /* n; NULL: zeros */
  const lf_batch_norm *batch_norm; /* NULL: none */
  int32_t activation;              /* LF_ELU and so on (activation.h) */
  float alpha;
  float *z; /* m x n: x w + bias, for the backward pass; NULL: not kept */
  int64_t ldz;
  float *y; /* m x n */
  int64_t ldy;
} lf_dense_forward_args;

/* z = x w + bias, each element one chain over ascending k begun from the bias;  y = act(bn(z)), or act(z).
 * The same bits as lf_sgemm, lf_batch_norm_forward and lf_activation_forward one after the other.
 * Errors: LF_INVALID_ARGUMENT (with BN in training m == 1, ...), LF_UNSUPPORTED, LF_OUT_OF_MEMORY.
 * [thread-safe, if no other call updates the same running statistics] */
LF_API lf_status lf_dense_forward(lf_context *context, const lf_dense_forward_args *args);

typedef struct lf_dense_backward_args {
  uint32_t struct_size;
  uint32_t flags; /* LF_UPDATE_PACKED */
  int64_t m, n, k;
  const float *x; /* m x k, as in the forward call */
  int64_t ldx;
  const float *w; /* k x n, as in the forward call; NULL without dx and updated_w */
  int64_t ldw;
  /* k x n, in place of w, which then is looked at for updated_w only; NULL: w.  Both may be updated by one call. */
  lf_packed_weights *packed;
  const lf_batch_norm *batch_norm; /* NULL: none; gamma, and mean and inv_std as the forward call left them */
  int32_t activation;
  float alpha;
  const float *z; /* m x n, from the forward call; NULL without batch_norm */
  int64_t ldz;
  const float *y; /* m x n, from the forward call; NULL for LF_IDENTITY */
  int64_t ldy;
  const float *dy; /* m x n */
  int64_t lddy;
  float *dw; /* k x n; NULL with updated_w or LF_UPDATE_PACKED: not wanted */
  int64_t lddw;
  float *dbias; /* n; NULL: not wanted */
  float *dx;    /* m x k; NULL: not wanted */
  int64_t lddx;
  float *dgamma; /* n; NULL without batch_norm */
  float *dbeta;  /* n; NULL without batch_norm */
  /* k x n, stride ldw: w - learning_rate * dw, as LF_SGD (optimizer.h) has it, after dx; w itself, mostly.  NULL: no. */
  float *updated_w;
  float learning_rate; /* >= 0, finite; read with updated_w or LF_UPDATE_PACKED */
  uint32_t reserved;   /* 0 */
} lf_dense_backward_args;

/* dt = dy * act'(y);  with BN: dgamma, dbeta and dz as lf_batch_norm_backward has them from dt and z; else dz = dt.
 * dw = x^T dz, dx = dz w^T, dbias = sum_rows dz.
 * Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED, LF_OUT_OF_MEMORY.  [thread-safe, if no other call reads or updates the
 * weights that this one updates] */
LF_API lf_status lf_dense_backward(lf_context *context, const lf_dense_backward_args *args);

typedef struct lf_dense_infer_args {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  int64_t m, n, k;
  const float *x; /* m x k */
  int64_t ldx;
  const float *bias; /* n; NULL: zeros */
  int32_t activation;
  float alpha;
  float *y; /* m x n */
  int64_t ldy;
} lf_dense_infer_args;

/* y = act(x w + bias) with packed w (k x n): the same bits as lf_dense_forward without BN.  The packed weights may come
 * from any context of this process; n and k must be those they were packed with.
 * Errors: LF_INVALID_ARGUMENT, LF_UNSUPPORTED, LF_OUT_OF_MEMORY.  [thread-safe] */
LF_API lf_status lf_dense_infer(lf_context *context, const lf_dense_infer_args *args, const lf_packed_weights *packed);

#ifdef __cplusplus
}
#endif

#endif
