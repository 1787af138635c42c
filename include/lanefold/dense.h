/** @file
 * Dense layers, y = act(bn(x w + bias)): a whole forward or backward pass in one call, and inference on packed weights.
 */
#ifndef LANEFOLD_DENSE_H
#define LANEFOLD_DENSE_H

#include <lanefold/activation.h>
#include <lanefold/gemm.h>
#include <lanefold/norm.h>
#include <lanefold/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Weights in the layout that a plugin reads fastest.  They are a copy, so the source may change or go away afterwards.
 * They can also be the only copy: training uses them instead of w and updates them in place.  They can be unpacked at
 * any time.  Every context of the process can use them, whatever plugin it has.
 */
typedef struct lf_packed_weights lf_packed_weights;

/** The arguments of lf_pack_weights(). */
typedef struct lf_pack_weights_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_TRANSPOSE_B */
  int64_t n;            /**< the columns of w */
  int64_t k;            /**< the rows of w */
  const float *w;       /**< k x n; with LF_TRANSPOSE_B n x k */
  int64_t ldw;          /**< the row stride of w */
} lf_pack_weights_args;

/**
 * Packs w for the plugin of this context, and stores the result in *packed.  On an error *packed is NULL.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_pack_weights(lf_context *context, const lf_pack_weights_args *args, lf_packed_weights **packed);

/**
 * Frees packed weights, which may be NULL.  No call may be using them.  [thread-safe on different packed weights]
 */
LF_API void lf_packed_weights_destroy(lf_packed_weights *packed);

/** The arguments of lf_unpack_weights(). */
typedef struct lf_unpack_weights_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t n;            /**< the columns of the packed weights */
  int64_t k;            /**< the rows of the packed weights */
  float *w;             /**< k x n */
  int64_t ldw;          /**< the row stride of w */
} lf_unpack_weights_args;

/**
 * Copies packed weights back to w, bit for bit.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_UNSUPPORTED.  [thread-safe, if no other call updates these weights]
 */
LF_API lf_status lf_unpack_weights(lf_context *context, const lf_unpack_weights_args *args,
                                   const lf_packed_weights *packed);

/** The arguments of lf_dense_forward(). */
typedef struct lf_dense_forward_args {
  uint32_t struct_size;            /**< The size of this struct, in bytes. */
  uint32_t flags;                  /**< LF_TRAINING */
  int64_t m;                       /**< the rows of x and y */
  int64_t n;                       /**< the columns of w and y */
  int64_t k;                       /**< the columns of x and the rows of w */
  const float *x;                  /**< m x k */
  int64_t ldx;                     /**< the row stride of x */
  const float *w;                  /**< k x n */
  int64_t ldw;                     /**< the row stride of w */
  const lf_packed_weights *packed; /**< k x n: used in place of w, which is then not read; NULL: w is used */
  const float *bias;               /**< n; NULL: zeros */
  const lf_batch_norm *batch_norm; /**< NULL: no normalization */
  int32_t activation;              /**< LF_ELU, for example */
  float alpha;                     /**< the alpha of the activation */
  /** m x n: x w + bias, which the backward pass needs for a normalization, and for an activation whose derivative
   * follows from its input (activation.h); NULL: not kept */
  float *z;
  int64_t ldz; /**< the row stride of z */
  float *y;    /**< m x n */
  int64_t ldy; /**< the row stride of y */
} lf_dense_forward_args;

/**
 * Computes z = x w + bias, and y = act(bn(z)) or, without a normalization, y = act(z).
 *
 * Each element of z is one chain of fused multiply-adds over k in ascending order, which begins with the bias.  The
 * result has the same bits as lf_sgemm(), lf_batch_norm_forward() and lf_activation_forward(), called one after the
 * other.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe, if no other call uses the same
 * running statistics while this one updates them]
 */
LF_API lf_status lf_dense_forward(lf_context *context, const lf_dense_forward_args *args);

/** The arguments of lf_dense_backward(). */
typedef struct lf_dense_backward_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_UPDATE_PACKED */
  int64_t m;            /**< the rows of x and y */
  int64_t n;            /**< the columns of w and y */
  int64_t k;            /**< the columns of x and the rows of w */
  const float *x;       /**< m x k: the input of the forward pass */
  int64_t ldx;          /**< the row stride of x */
  const float *w;       /**< k x n, as in the forward pass; may be NULL if neither dx nor updated_w is wanted */
  int64_t ldw;          /**< the row stride of w */
  /** k x n: used in place of w, which then matters only for updated_w; NULL: w is used.  One call may update both. */
  lf_packed_weights *packed;
  const lf_batch_norm
      *batch_norm;    /**< gamma, and mean and inv_std as the forward pass left them, and beta if the derivative of the
                         activation follows from its input; NULL: no normalization */
  int32_t activation; /**< LF_ELU, for example */
  float alpha;        /**< the alpha of the activation */
  /** m x n, from the forward pass; only read with a normalization, and for an activation whose derivative follows from
   * its input (activation.h) */
  const float *z;
  int64_t ldz; /**< the row stride of z */
  /** m x n, from the forward pass; not read for LF_IDENTITY, or if the derivative follows from the input */
  const float *y;
  int64_t ldy;     /**< the row stride of y */
  const float *dy; /**< m x n */
  int64_t lddy;    /**< the row stride of dy */
  float *dw;       /**< k x n; may be NULL (not wanted) with updated_w or LF_UPDATE_PACKED */
  int64_t lddw;    /**< the row stride of dw */
  float *dbias;    /**< n; NULL: not wanted */
  float *dx;       /**< m x k; NULL: not wanted */
  int64_t lddx;    /**< the row stride of dx */
  float *dgamma;   /**< n; NULL without a normalization */
  float *dbeta;    /**< n; NULL without a normalization */
  /** k x n, with the stride ldw: receives w - learning_rate * dw, as LF_SGD computes it, after dx has been
   * computed.  It may be w itself, and usually is.  NULL: not wanted. */
  float *updated_w;
  float learning_rate; /**< finite and at least 0; only read with updated_w or LF_UPDATE_PACKED */
  uint32_t reserved;   /**< Must be 0. */
} lf_dense_backward_args;

/**
 * Computes the gradients of a layer.  dt = dy * act', from y or from the input of the activation.  With a
 * normalization, dgamma, dbeta and dz follow from dt and z as in lf_batch_norm_backward(); without one, dz = dt.  Then:
 *
 *     dw = x^T dz
 *     dx = dz w^T
 *     dbias = sum over the rows of dz
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe, if no other call uses the
 * weights that this one updates]
 */
LF_API lf_status lf_dense_backward(lf_context *context, const lf_dense_backward_args *args);

/** The arguments of lf_dense_infer(). */
typedef struct lf_dense_infer_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t m;            /**< the rows of x and y */
  int64_t n;            /**< the columns of the packed weights and of y */
  int64_t k;            /**< the rows of the packed weights and the columns of x */
  const float *x;       /**< m x k */
  int64_t ldx;          /**< the row stride of x */
  const float *bias;    /**< n; NULL: zeros */
  int32_t activation;   /**< LF_ELU, for example */
  float alpha;          /**< the alpha of the activation */
  float *y;             /**< m x n */
  int64_t ldy;          /**< the row stride of y */
} lf_dense_infer_args;

/**
 * Computes y = act(x w + bias) with packed weights w, k x n.  The result has the bits of lf_dense_forward() without a
 * normalization.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe, if no other call updates these
 * weights]
 */
LF_API lf_status lf_dense_infer(lf_context *context, const lf_dense_infer_args *args, const lf_packed_weights *packed);

#ifdef __cplusplus
}
#endif

#endif
