/* One training step of a dense layer with batch normalization, ELU and softmax cross-entropy, on a batch in parts.  Each
 * thread has its own context and its own rows of the batch.  Where a block of 256 rows goes on in the next part, its carry
 * goes on to the next thread.  The threads make these calls in turn, and all others at the same time.  Whatever the number
 * of threads, loss, gradients, statistics and updated weights have the bits of the calls on the whole batch.
 * Compile it against an installed Lanefold:
 *   cc parts.c -llanefold -pthread -o parts */
#define _POSIX_C_SOURCE 200112L /* for pthread_barrier_t */
#include <lanefold/lanefold.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { rows = 700, inputs = 20, outputs = 10, blocks = (rows + LF_BLOCK_ROWS - 1) / LF_BLOCK_ROWS, most_threads = 5 };

/* What a step computes. */
typedef struct {
  float loss, dgamma[outputs], dbeta[outputs], mean[outputs], inv_std[outputs];
  float running_mean[outputs], running_var[outputs], dw[inputs * outputs], w[inputs * outputs];
} results;

static float x[rows * inputs], first_w[inputs * outputs], gamma1[outputs], beta1[outputs];
static int32_t labels[rows];
/* Of the batch.  Threads on several machines would each have their own rows, and send the carries. */
static float z[rows * outputs], y[rows * outputs], dy[rows * outputs], losses[rows];
static float moments[blocks * 3 * outputs], merged[3 * outputs], sums[4 * outputs], loss_sums[2];
static results made;
static pthread_barrier_t turn_ends;
static int threads;

static void check(lf_context *context, lf_status status) {
  if (status == LF_OK) return;
  fprintf(stderr, "parts: %s\n", lf_last_error(context));
  exit(1);
}

static lf_context *new_context(void) {
  lf_context_options options = {.struct_size = sizeof options, .threads = 1};
  lf_context *context = NULL;
  check(NULL, lf_context_create(&options, &context));
  return context;
}

static lf_batch_norm norm_of(results *r) {
  lf_batch_norm norm = {.struct_size = sizeof norm, .eps = 1e-3f, .momentum = 0.9f, .gamma = gamma1, .beta = beta1};
  norm.mean = r->mean, norm.inv_std = r->inv_std, norm.running_mean = r->running_mean,
  norm.running_var = r->running_var;
  return norm;
}

static void update(lf_context *context, results *r) {
  memcpy(r->w, first_w, sizeof first_w);
  lf_optimizer_step_args sgd = {.struct_size = sizeof sgd, .optimizer = LF_SGD, .n = inputs * outputs, .step = 1};
  sgd.w = r->w, sgd.g = r->dw, sgd.learning_rate = 0.1f;
  check(context, lf_optimizer_step(context, &sgd));
}

/* The step of one thread, on rows begin to begin + m - 1. */
static void *run_part(void *number) {
  const int me = (int)(intptr_t)number;
  const bool is_last = me == threads - 1;
  const int64_t begin = (int64_t)rows * me / threads, m = (int64_t)rows * (me + 1) / threads - begin;
  float *const z_here = z + begin * outputs, *const y_here = y + begin * outputs, *const dy_here = dy + begin * outputs;
  const float *const x_here = x + begin * inputs;
  const lf_batch_norm norm = norm_of(&made);
  lf_context *context = new_context();

  lf_sgemm_args product = {.struct_size = sizeof product, .m = m, .n = outputs, .k = inputs, .alpha = 1};
  product.a = x_here, product.lda = inputs, product.b = first_w, product.ldb = outputs;
  product.c = z_here, product.ldc = outputs;
  check(context, lf_sgemm(context, &product));

  /* The statistics.  Each pass has one turn for each thread, and the last one merges the blocks. */
  lf_batch_norm_moments_args pass = {.struct_size = sizeof pass, .m = m, .n = outputs, .first_row = begin};
  pass.batch_rows = rows, pass.x = z_here, pass.ldx = outputs;
  pass.moments = moments + begin / LF_BLOCK_ROWS * 3 * outputs; /* of the block in which this part begins */
  for (int turn = 0; turn < 2 * threads; ++turn, pthread_barrier_wait(&turn_ends)) {
    if (turn % threads != me) continue;
    pass.flags = turn < threads ? 0 : LF_SECOND_PASS;
    check(context, lf_batch_norm_moments(context, &pass));
    if (!is_last || turn < threads) continue;
    lf_batch_norm_merge_args merge = {.struct_size = sizeof merge, .n = outputs, .blocks = blocks, .batch_rows = rows};
    merge.moments = moments, merge.merged = merged, merge.batch_norm = &norm;
    check(context, lf_batch_norm_merge(context, &merge));
  }

  lf_batch_norm_forward_args forward = {.struct_size = sizeof forward, .flags = LF_BATCH_STATISTICS, .m = m};
  forward.n = outputs, forward.x = z_here, forward.ldx = outputs, forward.y = y_here, forward.ldy = outputs;
  forward.batch_norm = &norm, forward.activation = LF_ELU, forward.alpha = 1;
  check(context, lf_batch_norm_forward(context, &forward));
  float mean_loss; /* of these rows alone */
  lf_softmax_cross_entropy_args cost = {.struct_size = sizeof cost, .m = m, .n = outputs, .loss = &mean_loss};
  cost.x = y_here, cost.ldx = outputs, cost.labels = labels + begin, cost.dx = dy_here, cost.lddx = outputs;
  cost.batch_rows = rows, cost.losses = losses + begin;
  check(context, lf_softmax_cross_entropy(context, &cost));
  lf_activation_backward_args through = {.struct_size = sizeof through, .m = m, .n = outputs, .activation = LF_ELU};
  through.alpha = 1, through.y = y_here, through.ldy = outputs, through.dy = dy_here, through.lddy = outputs;
  through.dx = dy_here, through.lddx = outputs;
  check(context, lf_activation_backward(context, &through));

  /* The sums over the batch: of the losses, and for dbeta and dgamma. */
  lf_column_sums_args sum = {.struct_size = sizeof sum, .m = m, .n = outputs, .first_row = begin, .batch_rows = rows};
  sum.dy = dy_here, sum.lddy = outputs, sum.x = z_here, sum.ldx = outputs, sum.batch_norm = &norm, sum.sums = sums;
  lf_column_sums_args loss_sum = {.struct_size = sizeof loss_sum, .m = m, .n = 1, .first_row = begin};
  loss_sum.batch_rows = rows, loss_sum.dy = losses + begin, loss_sum.lddy = 1, loss_sum.sums = loss_sums;
  for (int turn = 0; turn < threads; ++turn, pthread_barrier_wait(&turn_ends))
    if (turn == me) check(context, lf_column_sums(context, &sum)), check(context, lf_column_sums(context, &loss_sum));

  lf_batch_norm_backward_args backward = {.struct_size = sizeof backward, .flags = LF_BATCH_STATISTICS, .m = m};
  backward.n = outputs, backward.x = z_here, backward.ldx = outputs, backward.dy = dy_here, backward.lddy = outputs;
  backward.dx = dy_here, backward.lddx = outputs, backward.batch_norm = &norm, backward.batch_rows = rows;
  backward.dbeta = sums, backward.dgamma = sums + 2 * outputs;
  check(context, lf_batch_norm_backward(context, &backward));

  /* dw is one chain over all rows of the batch, so it goes from part to part. */
  lf_sgemm_args gradient = {.struct_size = sizeof gradient, .flags = LF_TRANSPOSE_A, .m = inputs, .n = outputs, .k = m};
  gradient.alpha = 1, gradient.beta = begin == 0 ? 0 : 1, gradient.a = x_here, gradient.lda = inputs;
  gradient.b = dy_here, gradient.ldb = outputs, gradient.c = made.dw, gradient.ldc = outputs;
  for (int turn = 0; turn < threads; ++turn, pthread_barrier_wait(&turn_ends))
    if (turn == me) check(context, lf_sgemm(context, &gradient));
  if (is_last) {
    made.loss = loss_sums[0] / rows;
    memcpy(made.dbeta, sums, sizeof made.dbeta), memcpy(made.dgamma, sums + 2 * outputs, sizeof made.dgamma);
    update(context, &made);
  }
  lf_context_destroy(context);
  return NULL;
}

/* The same step by calls on the whole batch. */
static void run_whole(lf_context *context, results *r) {
  const lf_batch_norm norm = norm_of(r);
  lf_dense_forward_args forward = {.struct_size = sizeof forward, .flags = LF_TRAINING, .m = rows, .n = outputs};
  forward.k = inputs, forward.x = x, forward.ldx = inputs, forward.w = first_w, forward.ldw = outputs;
  forward.batch_norm = &norm, forward.activation = LF_ELU, forward.alpha = 1;
  forward.z = z, forward.ldz = outputs, forward.y = y, forward.ldy = outputs;
  check(context, lf_dense_forward(context, &forward));
  lf_softmax_cross_entropy_args cost = {.struct_size = sizeof cost, .m = rows, .n = outputs, .loss = &r->loss};
  cost.x = y, cost.ldx = outputs, cost.labels = labels, cost.dx = dy, cost.lddx = outputs;
  check(context, lf_softmax_cross_entropy(context, &cost));
  lf_dense_backward_args backward = {.struct_size = sizeof backward, .m = rows, .n = outputs, .k = inputs};
  backward.x = x, backward.ldx = inputs, backward.batch_norm = &norm, backward.activation = LF_ELU, backward.alpha = 1;
  backward.z = z, backward.ldz = outputs, backward.y = y, backward.ldy = outputs, backward.dy = dy;
  backward.lddy = outputs, backward.dw = r->dw, backward.lddw = outputs;
  backward.dgamma = r->dgamma, backward.dbeta = r->dbeta;
  check(context, lf_dense_backward(context, &backward));
  update(context, r);
}

/* The same numbers in every run, between -1 and 1. */
static float number(void) {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) * 0x1p-23f - 1;
}

int main(void) {
  for (int i = 0; i < rows * inputs; ++i) x[i] = number();
  for (int i = 0; i < inputs * outputs; ++i) first_w[i] = number();
  for (int i = 0; i < rows; ++i) labels[i] = i % outputs;
  for (int i = 0; i < outputs; ++i) gamma1[i] = 1 + number() / 2, beta1[i] = number();
  static results whole;
  lf_context *context = new_context();
  run_whole(context, &whole);
  lf_context_destroy(context);
  int differing = 0;
  for (threads = 1; threads <= most_threads; threads += 1 + threads / 3) { /* 1, 2, 3 and 5 */
    memset(&made, 0, sizeof made);
    pthread_barrier_init(&turn_ends, NULL, (unsigned)threads);
    pthread_t thread[most_threads];
    for (int i = 0; i < threads; ++i) pthread_create(&thread[i], NULL, run_part, (void *)(intptr_t)i);
    for (int i = 0; i < threads; ++i) pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&turn_ends);
    const int same = memcmp(&made, &whole, sizeof made) == 0;
    printf("%d threads: loss %.6f, %s the bits of the whole batch\n", threads, made.loss, same ? "with" : "WITHOUT");
    differing += !same;
  }
  return differing;
}
