/* The flags of all calls.  Each flag has one bit of its own in the whole interface, so a flag that belongs to another
 * call is an unknown one: the call returns LF_UNSUPPORTED and writes nothing.  The struct that has a field `flags` says
 * which flags it accepts. */
#ifndef LANEFOLD_FLAGS_H
#define LANEFOLD_FLAGS_H

/* A holds the transpose of op(A), k x m.  Accepted by lf_sgemm_args. */
#define LF_TRANSPOSE_A 0x1u

/* B, or the weights, are stored transposed, n x k.  Accepted by lf_sgemm_args, lf_pack_weights_args and
 * lf_network_layer. */
#define LF_TRANSPOSE_B 0x2u

/* Normalize by the statistics of the batch, and update the running statistics.  Without this flag a call normalizes by
 * the running statistics.  Accepted by lf_dense_forward_args and lf_batch_norm_forward_args. */
#define LF_TRAINING 0x4u

/* Update running_var with the unbiased variance of the batch, as PyTorch does.  The batch itself is normalized by the
 * biased variance all the same.  Accepted by lf_batch_norm, where only a call with LF_TRAINING reads it. */
#define LF_UNBIASED_RUNNING_VAR 0x8u

/* Apply the update of plain SGD to the packed weights in place.  Accepted by lf_dense_backward_args. */
#define LF_UPDATE_PACKED 0x10u

#endif
