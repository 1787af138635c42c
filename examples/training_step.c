/* A training step by hand, with one call for each operation.  The network has a dense layer with batch normalization
 * and ELU, and a dense layer for the logits.  A step computes both layers forward, the loss, and both layers backward.
 * Then Adam updates each array of parameters.  The network learns whether a point lies inside a circle.
 * Compile it against an installed Lanefold:
 *   cc training_step.c -llanefold -lm -o training_step */
#include <lanefold/lanefold.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { samples = 256, inputs = 2, hidden = 32, classes = 2, steps = 200 };

static lf_context *context;

static void check(lf_status status) {
  if (status == LF_OK) return;
  fprintf(stderr, "training_step: %s\n", lf_last_error(context));
  exit(1);
}

/* The parameters of one array with their gradient, and the optimizer state of Adam, which begins with zeros. */
typedef struct {
  float w[hidden * classes], g[hidden * classes], m[hidden * classes], v[hidden * classes];
} parameters;

static void update(parameters *p, int64_t n, int64_t step) {
  lf_optimizer_step_args adam = {.struct_size = sizeof adam, .optimizer = LF_ADAM, .n = n, .step = step};
  adam.w = p->w, adam.g = p->g, adam.m = p->m, adam.v = p->v;
  adam.learning_rate = 0.01f, adam.momentum = 0.9f, adam.beta2 = 0.999f, adam.eps = 1e-8f;
  check(lf_optimizer_step(context, &adam));
}

/* The same numbers in every run, between -1 and 1. */
static float number(void) {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) * 0x1p-23f - 1;
}

static float x[samples][inputs], z[samples][hidden], y[samples][hidden], dy[samples][hidden];
static float logits[samples][classes], dlogits[samples][classes];
static int32_t labels[samples];
static parameters w1, gamma1, beta1, w2, bias2;

int main(void) {
  if (lf_context_create(NULL, &context) != LF_OK) return fputs(lf_last_error(NULL), stderr), 1;
  for (int i = 0; i < samples; ++i) {
    x[i][0] = number(), x[i][1] = number();
    labels[i] = hypotf(x[i][0], x[i][1]) < 0.8f; /* this circle covers half of the square */
  }
  for (int i = 0; i < inputs * hidden; ++i) w1.w[i] = number();
  for (int i = 0; i < hidden * classes; ++i) w2.w[i] = number() * 0.3f;
  for (int i = 0; i < hidden; ++i) gamma1.w[i] = 1;

  /* No inference follows, so the normalization keeps no running statistics. */
  float mean[hidden], inv_std[hidden], loss = 0, first_loss = 0;
  const lf_batch_norm norm = {
      .struct_size = sizeof norm, .eps = 1e-3f, .gamma = gamma1.w, .beta = beta1.w, .mean = mean, .inv_std = inv_std};

  lf_dense_forward_args forward1 = {.struct_size = sizeof forward1, .flags = LF_TRAINING};
  forward1.m = samples, forward1.n = hidden, forward1.k = inputs;
  forward1.x = x[0], forward1.ldx = inputs, forward1.w = w1.w, forward1.ldw = hidden, forward1.batch_norm = &norm;
  forward1.activation = LF_ELU, forward1.alpha = 1;
  forward1.z = z[0], forward1.ldz = hidden, forward1.y = y[0], forward1.ldy = hidden;

  lf_dense_forward_args forward2 = {.struct_size = sizeof forward2, .m = samples, .n = classes, .k = hidden};
  forward2.x = y[0], forward2.ldx = hidden, forward2.w = w2.w, forward2.ldw = classes, forward2.bias = bias2.w;
  forward2.y = logits[0], forward2.ldy = classes;

  lf_softmax_cross_entropy_args cost = {.struct_size = sizeof cost, .m = samples, .n = classes, .loss = &loss};
  cost.x = logits[0], cost.ldx = classes, cost.labels = labels, cost.dx = dlogits[0], cost.lddx = classes;

  lf_dense_backward_args backward2 = {.struct_size = sizeof backward2, .m = samples, .n = classes, .k = hidden};
  backward2.x = y[0], backward2.ldx = hidden, backward2.w = w2.w, backward2.ldw = classes;
  backward2.dy = dlogits[0], backward2.lddy = classes;
  backward2.dw = w2.g, backward2.lddw = classes, backward2.dbias = bias2.g, backward2.dx = dy[0],
  backward2.lddx = hidden;

  lf_dense_backward_args backward1 = {.struct_size = sizeof backward1, .m = samples, .n = hidden, .k = inputs};
  backward1.x = x[0], backward1.ldx = inputs, backward1.batch_norm = &norm, backward1.activation = LF_ELU;
  backward1.alpha = 1, backward1.z = z[0], backward1.ldz = hidden, backward1.y = y[0], backward1.ldy = hidden;
  backward1.dy = dy[0], backward1.lddy = hidden;
  backward1.dw = w1.g, backward1.lddw = hidden, backward1.dgamma = gamma1.g, backward1.dbeta = beta1.g;

  for (int step = 1; step <= steps; ++step) {
    check(lf_dense_forward(context, &forward1));
    check(lf_dense_forward(context, &forward2));
    check(lf_softmax_cross_entropy(context, &cost));
    check(lf_dense_backward(context, &backward2));
    check(lf_dense_backward(context, &backward1));
    update(&w1, inputs * hidden, step), update(&gamma1, hidden, step), update(&beta1, hidden, step);
    update(&w2, hidden * classes, step), update(&bias2, classes, step);
    if (step == 1) first_loss = loss;
    if (step == 1 || step % 50 == 0) printf("step %3d: loss %.4f\n", step, loss);
  }

  int64_t correct = 0;
  lf_top_k_correct_args count = {.struct_size = sizeof count, .m = samples, .n = classes, .k = 1, .correct = &correct};
  count.x = logits[0], count.ldx = classes, count.labels = labels;
  check(lf_top_k_correct(context, &count));
  printf("%d of %d points are right\n", (int)correct, samples);
  lf_context_destroy(context);
  return correct > samples * 95 / 100 && loss < first_loss / 4 ? 0 : 1;
}
