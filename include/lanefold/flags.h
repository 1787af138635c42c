/** @file
 * The flags of all calls.
 *
 * Each flag has one bit of its own in the whole interface.  A call therefore recognizes the flags of other calls as
 * unknown.  Given one of them, it returns the status "unsupported" and writes nothing.  Each struct with a field
 * `flags` says which flags it takes.
 */
#ifndef LANEFOLD_FLAGS_H
#define LANEFOLD_FLAGS_H

/** The matrix A of a product is stored transposed, k x m. */
#define LF_TRANSPOSE_A 0x1u

/** The matrix B of a product, or a matrix of weights, is stored transposed, n x k. */
#define LF_TRANSPOSE_B 0x2u

/**
 * Normalize by the statistics of the batch, and update the running statistics with them.  Without this flag, a forward
 * pass normalizes by the running statistics.
 */
#define LF_TRAINING 0x4u

/**
 * Update the running variance with the unbiased variance of the batch, sum / (m - 1), as PyTorch does.  The batch
 * itself is still normalized by its biased variance, sum / m.  Only a forward pass with LF_TRAINING reads this flag.
 */
#define LF_UNBIASED_RUNNING_VAR 0x8u

/** A backward pass applies the update of plain SGD to the packed weights in place. */
#define LF_UPDATE_PACKED 0x10u

/**
 * A new context prints no warnings on standard error, such as the warning that a better plugin for this CPU is missing.
 * A log still receives warnings.
 */
#define LF_QUIET 0x20u

/** Compute the logarithm of the result. */
#define LF_LOGARITHM 0x40u

/** A layer of a network has no product: it applies its normalization and its activation to its input. */
#define LF_ELEMENTWISE 0x80u

/**
 * The statistics of the batch are known: a forward pass normalizes by the mean and inv_std that the normalization has,
 * and a backward pass reads dgamma and dbeta, which are the sums over the whole batch (parts.h).
 */
#define LF_BATCH_STATISTICS 0x100u

/** The second pass over the rows of a part, whose block sums are now known (parts.h). */
#define LF_SECOND_PASS 0x200u

#endif
