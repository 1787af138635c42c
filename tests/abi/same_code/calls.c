/* Calls in C.  calls.cpp has the same functions in C++, and same_code.py compares their machine code. */
#include <lanefold/lanefold.h>

/* With FAILS a function hands a status other than LF_OK to fail(), as C++ code with exceptions does.  Otherwise it
 * returns the status. */
#ifdef FAILS
__attribute__((cold, noreturn)) void fail(lf_status status, const lf_context *context);
#define CALLS void
#define FINISH(context, call)                                                                                          \
  do {                                                                                                                 \
    const lf_status status = call;                                                                                     \
    if (status != LF_OK) fail(status, context);                                                                        \
  } while (0)
#else
#define CALLS lf_status
#define FINISH(context, call) return call
#endif

/* The same for calls that compute a number, which the function returns.  Without FAILS it stores the status. */
#ifdef FAILS
#define FINISH_WITH(Value, context, call, place)                                                                       \
  FINISH(context, call);                                                                                               \
  return place
#else
#define FINISH_WITH(Value, context, call, place)                                                                       \
  const lf_status returned = call;                                                                                     \
  const Value value = place;                                                                                           \
  *status = returned;                                                                                                  \
  return value
#endif

CALLS product(lf_context *context, const float *a, const float *b, float *c, int64_t m, int64_t n, int64_t k) {
  const lf_sgemm_args args = {.struct_size = sizeof args,
                              .m = m,
                              .n = n,
                              .k = k,
                              .alpha = 1,
                              .a = a,
                              .lda = k,
                              .b = b,
                              .ldb = n,
                              .c = c,
                              .ldc = n};
  FINISH(context, lf_sgemm(context, &args));
}

CALLS product_of_transposes(lf_context *const *context, const float *a, const float *b, float *c, int64_t m, int64_t n,
                            int64_t k) {
  const lf_sgemm_args args = {.struct_size = sizeof args,
                              .flags = LF_TRANSPOSE_A | LF_TRANSPOSE_B,
                              .m = m,
                              .n = n,
                              .k = k,
                              .alpha = 0.5f,
                              .beta = 2,
                              .a = a,
                              .lda = m,
                              .b = b,
                              .ldb = k,
                              .c = c,
                              .ldc = n};
  FINISH(*context, lf_sgemm(*context, &args));
}

CALLS infer(lf_context *context, lf_packed_weights *const *packed, const float *x, const float *bias, float *y,
            int64_t m) {
  const lf_dense_infer_args args = {.struct_size = sizeof args,
                                    .m = m,
                                    .n = 300,
                                    .k = 784,
                                    .x = x,
                                    .ldx = 784,
                                    .bias = bias,
                                    .activation = LF_ELU,
                                    .alpha = 1,
                                    .y = y,
                                    .ldy = 300};
  FINISH(context, lf_dense_infer(context, &args, *packed));
}

CALLS forward(lf_context *context, const float *x, float *w, const float *bias, float *z, float *y, int64_t m) {
  const lf_dense_forward_args args = {.struct_size = sizeof args,
                                      .flags = LF_TRAINING,
                                      .m = m,
                                      .n = 300,
                                      .k = 784,
                                      .x = x,
                                      .ldx = 784,
                                      .w = w,
                                      .ldw = 300,
                                      .bias = bias,
                                      .activation = LF_ELU,
                                      .alpha = 1,
                                      .z = z,
                                      .ldz = 300,
                                      .y = y,
                                      .ldy = 300};
  FINISH(context, lf_dense_forward(context, &args));
}

CALLS forward_with_norm(lf_context *context, const float *x, float *w, float *norm, float *z, float *y, int64_t m) {
  float *beta = norm + 300, *running_mean = norm + 600, *running_var = norm + 900, *mean = norm + 1200;
  float *inv_std = norm + 1500;
  const lf_batch_norm batch_norm = {.struct_size = sizeof batch_norm,
                                    .flags = 0,
                                    .eps = 1e-3f,
                                    .momentum = 0.9f,
                                    .gamma = norm,
                                    .beta = beta,
                                    .running_mean = running_mean,
                                    .running_var = running_var,
                                    .mean = mean,
                                    .inv_std = inv_std};
  const lf_dense_forward_args args = {.struct_size = sizeof args,
                                      .flags = LF_TRAINING,
                                      .m = m,
                                      .n = 300,
                                      .k = 784,
                                      .x = x,
                                      .ldx = 784,
                                      .w = w,
                                      .ldw = 300,
                                      .batch_norm = &batch_norm,
                                      .activation = LF_ELU,
                                      .alpha = 1,
                                      .z = z,
                                      .ldz = 300,
                                      .y = y,
                                      .ldy = 300};
  FINISH(context, lf_dense_forward(context, &args));
}

CALLS backward(lf_context *context, const float *x, float *w, const float *y, const float *dy, float *dw, float *dx) {
  const lf_dense_backward_args args = {.struct_size = sizeof args,
                                       .m = 200,
                                       .n = 300,
                                       .k = 784,
                                       .x = x,
                                       .ldx = 784,
                                       .w = w,
                                       .ldw = 300,
                                       .activation = LF_TANH,
                                       .alpha = 1,
                                       .y = y,
                                       .ldy = 300,
                                       .dy = dy,
                                       .lddy = 300,
                                       .dw = dw,
                                       .lddw = 300,
                                       .dx = dx,
                                       .lddx = 784,
                                       .updated_w = w,
                                       .learning_rate = 0.1f};
  FINISH(context, lf_dense_backward(context, &args));
}

CALLS activate(lf_context *context, const float *x, float *y, int64_t m, int64_t n) {
  const lf_activation_forward_args args = {
      .struct_size = sizeof args, .m = m, .n = n, .activation = LF_ELU, .alpha = 1, .x = x, .ldx = n, .y = y, .ldy = n};
  FINISH(context, lf_activation_forward(context, &args));
}

CALLS derive(lf_context *context, const float *y, float *dy, int64_t m, int64_t n) {
  const lf_activation_backward_args args = {.struct_size = sizeof args,
                                            .m = m,
                                            .n = n,
                                            .activation = LF_ELU,
                                            .alpha = 1,
                                            .y = y,
                                            .ldy = n,
                                            .dy = dy,
                                            .lddy = n,
                                            .dx = dy,
                                            .lddx = n};
  FINISH(context, lf_activation_backward(context, &args));
}

CALLS step(lf_context *context, float *w, const float *g, float *m, float *v, int64_t n, int64_t number) {
  const lf_optimizer_step_args args = {.struct_size = sizeof args,
                                       .optimizer = LF_ADAM,
                                       .weight_decay = 0,
                                       .n = n,
                                       .w = w,
                                       .g = g,
                                       .m = m,
                                       .v = v,
                                       .learning_rate = 1e-3f,
                                       .momentum = 0.9f,
                                       .beta2 = 0.999f,
                                       .eps = 1e-8f,
                                       .step = number};
  FINISH(context, lf_optimizer_step(context, &args));
}

CALLS gather(lf_context *context, const uint8_t *x, int64_t count, const uint32_t *rows, float *y, int64_t m) {
  const lf_gather_args args = {.struct_size = sizeof args,
                               .m = m,
                               .n = 784,
                               .count = count,
                               .x = x,
                               .ldx = 784,
                               .rows = rows,
                               .divisor = 255,
                               .y = y,
                               .ldy = 784};
  FINISH(context, lf_gather(context, &args));
}

CALLS infer_network(lf_context *context, lf_network *const *network, const float *x, float *y, int64_t m) {
  const lf_network_infer_args args = {.struct_size = sizeof args, .m = m, .x = x, .ldx = 784, .y = y, .ldy = 10};
  FINISH(context, lf_network_infer(context, &args, *network));
}

float loss(lf_context *context, const float *x, const int32_t *labels, float *dx, int64_t m, int64_t n,
           lf_status *status) {
  (void)status;
  float computed = 0;
  const lf_softmax_cross_entropy_args args = {.struct_size = sizeof args,
                                              .m = m,
                                              .n = n,
                                              .x = x,
                                              .ldx = n,
                                              .labels = labels,
                                              .loss = &computed,
                                              .dx = dx,
                                              .lddx = n};
  FINISH_WITH(float, context, lf_softmax_cross_entropy(context, &args), computed);
}

float error(lf_context *context, const float *x, const float *targets, float *dx, int64_t m, int64_t n, float delta,
            lf_status *status) {
  (void)status;
  float computed = 0;
  const lf_elementwise_loss_args args = {.struct_size = sizeof args,
                                         .function = LF_HUBER_ERROR,
                                         .delta = delta,
                                         .m = m,
                                         .n = n,
                                         .x = x,
                                         .ldx = n,
                                         .targets = targets,
                                         .ldtargets = n,
                                         .loss = &computed,
                                         .dx = dx,
                                         .lddx = n};
  FINISH_WITH(float, context, lf_elementwise_loss(context, &args), computed);
}

CALLS drop(lf_context *context, const float *x, float *y, int64_t m, int64_t n, uint64_t stream) {
  const lf_dropout_args args = {.struct_size = sizeof args,
                                .m = m,
                                .n = n,
                                .x = x,
                                .ldx = n,
                                .y = y,
                                .ldy = n,
                                .rate = 0.5f,
                                .seed = 1,
                                .stream = stream};
  FINISH(context, lf_dropout(context, &args));
}

CALLS moments(lf_context *context, const float *x, float *of_blocks, int64_t m, int64_t first_row, int64_t batch_rows) {
  const lf_batch_norm_moments_args args = {.struct_size = sizeof args,
                                           .flags = LF_SECOND_PASS,
                                           .m = m,
                                           .n = 300,
                                           .first_row = first_row,
                                           .batch_rows = batch_rows,
                                           .x = x,
                                           .ldx = 300,
                                           .moments = of_blocks};
  FINISH(context, lf_batch_norm_moments(context, &args));
}

CALLS merge(lf_context *context, const float *of_blocks, float *merged, int64_t first_block, int64_t batch_rows) {
  const lf_batch_norm_merge_args args = {.struct_size = sizeof args,
                                         .n = 300,
                                         .first_block = first_block,
                                         .blocks = 2,
                                         .batch_rows = batch_rows,
                                         .moments = of_blocks,
                                         .merged = merged};
  FINISH(context, lf_batch_norm_merge(context, &args));
}

CALLS sum_columns(lf_context *context, const float *dy, float *sums, int64_t m, int64_t first_row, int64_t batch_rows) {
  const lf_column_sums_args args = {.struct_size = sizeof args,
                                    .m = m,
                                    .n = 300,
                                    .first_row = first_row,
                                    .batch_rows = batch_rows,
                                    .dy = dy,
                                    .lddy = 300,
                                    .sums = sums};
  FINISH(context, lf_column_sums(context, &args));
}

int64_t correct(lf_context *context, const float *x, const int32_t *labels, int64_t m, int64_t n, lf_status *status) {
  (void)status;
  int64_t computed = 0;
  const lf_top_k_correct_args args = {
      .struct_size = sizeof args, .m = m, .n = n, .k = 1, .x = x, .ldx = n, .labels = labels, .correct = &computed};
  FINISH_WITH(int64_t, context, lf_top_k_correct(context, &args), computed);
}

CALLS by_struct(lf_context *context, const lf_dense_forward_args *args) {
  FINISH(context, lf_dense_forward(context, args));
}

CALLS two_by_struct(lf_context *context, const lf_sgemm_args *product, const lf_activation_forward_args *activation) {
#ifdef FAILS
  FINISH(context, lf_sgemm(context, product));
#else
  const lf_status status = lf_sgemm(context, product);
  if (status != LF_OK) return status;
#endif
  FINISH(context, lf_activation_forward(context, activation));
}
