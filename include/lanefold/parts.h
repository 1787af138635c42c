/** @file
 * A batch in parts: its statistics, from calls on a few consecutive rows each, on one machine or on many.
 *
 * The results have the bits of one call on the whole batch, however its rows are divided.  Sums over the rows of a batch
 * run in blocks of 256 rows (docs/numerics.md), and a part begins and ends anywhere.  So a part may share its first
 * block with the part before it, and its last block with the part after it.  What such a block has summed so far is the
 * carry: it goes on to the call on the next part.  Another thread or another machine may make that call, and Lanefold
 * does not care how the carry travels.
 *
 * A step of a training, in parts:
 *
 * | what                    | whole batch                | parts                                                   |
 * |-------------------------|----------------------------|---------------------------------------------------------|
 * | product, activation     | lf_dense_forward()         | the same call on the rows of a part                     |
 * | statistics              | lf_batch_norm_forward()    | lf_batch_norm_moments() twice, lf_batch_norm_merge()    |
 * | normalization           | lf_batch_norm_forward()    | the same call with LF_BATCH_STATISTICS                  |
 * | loss and its gradient   | lf_softmax_cross_entropy(), lf_elementwise_loss() | the same calls with batch_rows and losses; lf_column_sums() of the losses |
 * | dgamma, dbeta, dbias    | lf_dense_backward()        | lf_activation_backward(), lf_column_sums()              |
 * | gradient below it       | lf_batch_norm_backward()   | the same call with LF_BATCH_STATISTICS and batch_rows   |
 * | dw = x^T dz             | lf_dense_backward()        | lf_sgemm() with LF_TRANSPOSE_A: beta = 0 for the first part, and then beta = 1 on the dw of the parts before |
 * | dx = dz w^T             | lf_dense_backward()        | lf_sgemm() with LF_TRANSPOSE_B                          |
 *
 * examples/parts.c does such a step.
 */
#ifndef LANEFOLD_PARTS_H
#define LANEFOLD_PARTS_H

#include <lanefold/dense.h>
#include <lanefold/gemm.h>
#include <lanefold/loss.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The rows of a block, in which the sums over a batch run. */
#define LF_BLOCK_ROWS 256

/** The arguments of lf_batch_norm_moments(). */
typedef struct lf_batch_norm_moments_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_SECOND_PASS */
  int64_t m;            /**< the rows of this part; without rows, the call does nothing */
  int64_t n;            /**< the columns of x */
  int64_t first_row;    /**< the number of the part's first row in the batch, from 0 */
  int64_t batch_rows;   /**< the rows of the whole batch, at least 2 */
  const float *x;       /**< m x n */
  int64_t ldx;          /**< the row stride of x */
  /** blocks x 3 x n, for the blocks in which the part has rows: from block first_row / 256 to block
   * (first_row + m - 1) / 256 */
  float *moments;
} lf_batch_norm_moments_args;

/**
 * Computes the moments of the blocks of a part, in two passes over x.  The moments of a block are three rows of n
 * floats: the base and the shift, whose sum is the mean, and M2, the sum of squared deviations from the mean.
 *
 * The first pass, without a flag, finishes the blocks that lie in this part as a whole.  Of a block that the part
 * shares, it leaves the sum of the rows so far in the first of the three rows.  If the block began in an earlier part,
 * that row holds what the call on the part before left there.
 *
 * The second pass, with LF_SECOND_PASS, only treats the blocks that the part shares.  Before it, the first of the three
 * rows holds the sum of all rows of the block, which the last of its parts has.  The other two rows hold what the second
 * pass on the part before left there; if the block begins in this part, they are not read.  The last part of a block
 * leaves its moments.  Earlier ones leave the first row as it is, and the carry in the other two.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_UNSUPPORTED.  [thread-safe]
 */
LF_API lf_status lf_batch_norm_moments(lf_context *context, const lf_batch_norm_moments_args *args);

/** The arguments of lf_batch_norm_merge(). */
typedef struct lf_batch_norm_merge_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t n;            /**< the columns */
  int64_t first_block;  /**< the number of the first block, from 0 */
  int64_t blocks;       /**< the number of blocks, at least 1 */
  int64_t batch_rows;   /**< the rows of the whole batch, at least 2 */
  const float *moments; /**< blocks x 3 x n */
  float *merged; /**< 3 x n: the moments of all blocks before first_block, which block 0 does not read; updated */
  /** If these blocks are the last of the batch: receives mean and inv_std, and its running statistics are updated as in
   * lf_batch_norm_forward() with LF_TRAINING.  Otherwise NULL. */
  const lf_batch_norm *batch_norm;
} lf_batch_norm_merge_args;

/**
 * Merges the moments of consecutive blocks with those of all blocks before them, in ascending order, and finishes the
 * statistics with the last block.  gamma and beta of the normalization are not read.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_UNSUPPORTED.  [thread-safe, if no other call uses the same running
 * statistics]
 */
LF_API lf_status lf_batch_norm_merge(lf_context *context, const lf_batch_norm_merge_args *args);

/** The arguments of lf_column_sums(). */
typedef struct lf_column_sums_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< Must be 0. */
  int64_t m;            /**< the rows of this part; without rows, the call does nothing */
  int64_t n;            /**< the columns of dy */
  int64_t first_row;    /**< the number of the part's first row in the batch, from 0 */
  int64_t batch_rows;   /**< the rows of the whole batch */
  const float *dy;      /**< m x n: what is summed, such as the gradient that reaches a bias or a normalization */
  int64_t lddy;         /**< the row stride of dy */
  const float *x;       /**< m x n: the input of batch_norm; not read without one */
  int64_t ldx;          /**< the row stride of x */
  const lf_batch_norm *batch_norm; /**< mean and inv_std are read; NULL: only dy is summed */
  /** 2 x n, or 4 x n with batch_norm; updated, but not read if first_row is 0.  The first two rows hold the sum of dy
   * over all finished blocks, and over the rows of the block that goes on.  The other two hold the same of
   * dy * (x - mean) * inv_std. */
  float *sums;
} lf_column_sums_args;

/**
 * Sums columns over the rows of a part, in blocks, and goes on from the sums of the parts before.  After the last part,
 * the first row of sums is the sum over the batch, which is dbeta or dbias, and the third row is dgamma.  The other rows
 * are 0.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_UNSUPPORTED.  [thread-safe]
 */
LF_API lf_status lf_column_sums(lf_context *context, const lf_column_sums_args *args);

#ifdef __cplusplus
}
#endif

#endif
