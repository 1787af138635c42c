// The functions of calls.c, with the C++ interface: by views whose sizes agree by construction, and by the C structs.
// STRING and FIELD add a cost, which same_code.py must notice.
#include <lanefold/lanefold.hpp>

#include <string>

using namespace lanefold;

// As in calls.c: a status other than LF_OK is thrown, or else returned.
#ifdef FAILS
using View = ContextView;
using Owner = Context;
#define CALLS void
#define FINISH(call) call
#define FINISH_WITH(Value, call) return call
#else
using View = NothrowContextView;
using Owner = NothrowContext;
#define CALLS lf_status
#define FINISH(call) return (call).status()
#define FINISH_WITH(Value, call)                                                                                       \
  const Result<Value> result = call;                                                                                   \
  *status = result.status();                                                                                           \
  return *result
#endif

extern "C" {

CALLS product(lf_context *context, const float *a, const float *b, float *c, int64_t m, int64_t n, int64_t k) {
  FINISH(View(context).sgemm({a, m, k}, {b, k, n}, {c, m, n}));
}

CALLS product_of_transposes(const Owner &context, const float *a, const float *b, float *c, int64_t m, int64_t n,
                            int64_t k) {
  FINISH(context.sgemm(transpose({a, k, m}), transpose({b, n, k}), {c, m, n}, 0.5f, 2));
}

CALLS infer(lf_context *context, const PackedWeights &packed, const float *x, const float *bias, float *y, int64_t m) {
  FINISH(View(context).dense_infer({x, m, 784}, packed, {bias, 300}, {LF_ELU, 1}, {y, m, 300}));
}

CALLS forward(lf_context *context, const float *x, float *w, const float *bias, float *z, float *y, int64_t m) {
  const LayerView layer{{w, 784, 300}, {bias, 300}, {}, {LF_ELU, 1}};
  FINISH(View(context).dense_forward({x, m, 784}, layer, {y, m, 300}, {z, m, 300}, LF_TRAINING));
}

CALLS forward_with_norm(lf_context *context, const float *x, float *w, float *norm, float *z, float *y, int64_t m) {
  BatchNormView batch_norm;
  batch_norm.gamma = {norm, 300}, batch_norm.beta = {norm + 300, 300}, batch_norm.running_mean = {norm + 600, 300};
  batch_norm.running_var = {norm + 900, 300}, batch_norm.mean = {norm + 1200, 300};
  batch_norm.inv_std = {norm + 1500, 300};
  const LayerView layer{{w, 784, 300}, {}, batch_norm, {LF_ELU, 1}};
  FINISH(View(context).dense_forward({x, m, 784}, layer, {y, m, 300}, {z, m, 300}, LF_TRAINING));
}

CALLS backward(lf_context *context, const float *x, float *w, const float *y, const float *dy, float *dw, float *dx) {
  const LayerView layer{{w, 784, 300}, {}, {}, {LF_TANH, 1}};
  const GradientView gradients{{dw, 784, 300}, {}, {}, {}, {dx, 200, 784}};
  const ForwardPass pass{{x, 200, 784}, {}, {y, 200, 300}};
  FINISH(View(context).dense_backward_and_update(pass, layer, {dy, 200, 300}, gradients, 0.1f));
}

CALLS activate(lf_context *context, const float *x, float *y, int64_t m, int64_t n) {
#ifdef STRING
  const std::string cost(static_cast<size_t>(n), ' ');
  lf_status_name(cost[0]);
#endif
  FINISH(View(context).activation_forward({LF_ELU, 1}, {x, m, n}, {y, m, n}));
}

CALLS derive(lf_context *context, const float *y, float *dy, int64_t m, int64_t n) {
  const Matrix gradient(dy, m, n);
  FINISH(View(context).activation_backward({LF_ELU, 1}, {y, m, n}, gradient, gradient));
}

CALLS step(lf_context *context, float *w, const float *g, float *m, float *v, int64_t n, int64_t number) {
  const UpdateRule adam{LF_ADAM, 1e-3f};
  FINISH(View(context).optimizer_step(adam, {w, n}, {g, n}, {m, n}, {v, n}, number));
}

CALLS gather(lf_context *context, const uint8_t *x, int64_t count, const uint32_t *rows, float *y, int64_t m) {
  FINISH(View(context).gather({x, count, 784}, {rows, m}, 255, {y, m, 784}));
}

CALLS infer_network(lf_context *context, const InferenceNetwork &network, const float *x, float *y, int64_t m) {
  FINISH(View(context).network_infer({x, m, 784}, network, {y, m, 10}));
}

float loss(lf_context *context, const float *x, const int32_t *labels, float *dx, int64_t m, int64_t n,
           lf_status *status) {
  (void)status;
  FINISH_WITH(float, View(context).softmax_cross_entropy({x, m, n}, {labels, m}, {dx, m, n}));
}

float error(lf_context *context, const float *x, const float *targets, float *dx, int64_t m, int64_t n, float delta,
            lf_status *status) {
  (void)status;
  FINISH_WITH(float, View(context).elementwise_loss({LF_HUBER_ERROR, delta}, {x, m, n}, {targets, m, n}, {dx, m, n}));
}

CALLS drop(lf_context *context, const float *x, float *y, int64_t m, int64_t n, uint64_t stream) {
  FINISH(View(context).dropout({0.5f, 1, stream}, {x, m, n}, {y, m, n}));
}

CALLS moments(lf_context *context, const float *x, float *of_blocks, int64_t m, int64_t first_row, int64_t batch_rows) {
  const Part part{first_row, batch_rows};
  FINISH(View(context).batch_norm_moments(part, {x, m, 300}, {of_blocks, 900 * part.blocks(m)}, true));
}

CALLS merge(lf_context *context, const float *of_blocks, float *merged, int64_t first_block, int64_t batch_rows) {
  FINISH(View(context).batch_norm_merge(first_block, batch_rows, {of_blocks, 1800}, {merged, 900}));
}

CALLS sum_columns(lf_context *context, const float *dy, float *sums, int64_t m, int64_t first_row, int64_t batch_rows) {
  FINISH(View(context).column_sums({first_row, batch_rows}, {dy, m, 300}, {sums, 600}));
}

int64_t correct(lf_context *context, const float *x, const int32_t *labels, int64_t m, int64_t n, lf_status *status) {
  (void)status;
  FINISH_WITH(int64_t, View(context).top_k_correct({x, m, n}, {labels, m}));
}

CALLS by_struct(lf_context *context, const lf_dense_forward_args &args) {
#ifdef FIELD
  const_cast<lf_dense_forward_args &>(args).flags = 0;
#endif
  FINISH(View(context).dense_forward(args));
}

CALLS two_by_struct(lf_context *context, const lf_sgemm_args &product, const lf_activation_forward_args &activation) {
  const View view(context);
#ifdef FAILS
  view.sgemm(product);
#else
  if (const Result<void> done = view.sgemm(product); !done) return done.status();
#endif
  FINISH(view.activation_forward(activation));
}
}
