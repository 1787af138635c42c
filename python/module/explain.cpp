// What a call would use, and why.
#include "families.hpp"
#include "layer.hpp"

#include <cstring>

namespace lanefold::python {
namespace {

const char *const operation_words[] = {"sgemm",
                                       "pack_weights",
                                       "unpack_weights",
                                       "dense_infer",
                                       "dense_forward",
                                       "dense_backward",
                                       "batch_norm_forward",
                                       "batch_norm_backward",
                                       "fold_batch_norm",
                                       "activation_forward",
                                       "activation_backward",
                                       "softmax_cross_entropy",
                                       "top_k_correct",
                                       "optimizer_step",
                                       "gather",
                                       "softmax",
                                       "elementwise_loss",
                                       "dropout",
                                       "batch_norm_moments",
                                       "batch_norm_merge",
                                       "column_sums",
                                       nullptr};

enum { operation_, m_, n_, k_, activation_, batch_norm_, training_, transpose_a_, transpose_b_, context_ };

lf_batch_norm any_norm() {
  auto norm = args<lf_batch_norm>();
  norm.eps = 1;
  return norm;
}

// Asks about the struct of one operation, after `fill` has set what it has beside the sizes.
template <class Args, class Fill> std::string ask(const Call &call, int32_t op, const Fill &fill) {
  auto args = python::args<Args>();
  fill(args);
  std::string text;
  uint64_t size = 0;
  call.run(0, {}, lf_explain, op, static_cast<const void *>(&args), static_cast<char *>(nullptr), uint64_t{0}, &size);
  text.resize(size);
  call.run(0, {}, lf_explain, op, static_cast<const void *>(&args), text.data(), size,
           static_cast<uint64_t *>(nullptr));
  text.pop_back();
  return text;
}

py::object explain(const Arguments &given) {
  const Call call(given, context_);
  const int32_t op = given.word(operation_, operation_words, 0);
  const int64_t m = given.whole(m_, 1), n = given.whole(n_, 1), k = given.whole(k_, 1);
  const int32_t activation = given.word(activation_, activation_words, LF_IDENTITY);
  const uint32_t transposed =
      (given.flag(transpose_a_) ? LF_TRANSPOSE_A : 0) | (given.flag(transpose_b_) ? LF_TRANSPOSE_B : 0);
  const uint32_t training = given.flag(training_) ? LF_TRAINING : 0;
  const lf_batch_norm norm = any_norm();
  const lf_batch_norm *batch_norm = given.flag(batch_norm_) ? &norm : nullptr;
  const auto sizes = [&](auto &a) { a.m = m, a.n = n; };
  const auto all = [&](auto &a) { a.m = m, a.n = n, a.k = k; };
  std::string text;
  switch (op) {
  case LF_OP_SGEMM:
    text = ask<lf_sgemm_args>(call, op, [&](auto &a) { all(a), a.alpha = 1, a.flags = transposed; });
    break;
  case LF_OP_PACK_WEIGHTS:
    text = ask<lf_pack_weights_args>(call, op, [&](auto &a) { a.n = n, a.k = k, a.flags = transposed; });
    break;
  case LF_OP_UNPACK_WEIGHTS: text = ask<lf_unpack_weights_args>(call, op, [&](auto &a) { a.n = n, a.k = k; }); break;
  case LF_OP_DENSE_INFER:
    text = ask<lf_dense_infer_args>(call, op, [&](auto &a) { all(a), a.activation = activation; });
    break;
  case LF_OP_DENSE_FORWARD:
    text = ask<lf_dense_forward_args>(
        call, op, [&](auto &a) { all(a), a.activation = activation, a.batch_norm = batch_norm, a.flags = training; });
    break;
  case LF_OP_DENSE_BACKWARD:
    text = ask<lf_dense_backward_args>(call, op,
                                       [&](auto &a) { all(a), a.activation = activation, a.batch_norm = batch_norm; });
    break;
  case LF_OP_BATCH_NORM_FORWARD:
    text =
        ask<lf_batch_norm_forward_args>(call, op, [&](auto &a) { sizes(a), a.batch_norm = &norm, a.flags = training; });
    break;
  case LF_OP_BATCH_NORM_BACKWARD:
    text = ask<lf_batch_norm_backward_args>(call, op, [&](auto &a) { sizes(a), a.batch_norm = &norm; });
    break;
  case LF_OP_FOLD_BATCH_NORM:
    text = ask<lf_fold_batch_norm_args>(call, op, [&](auto &a) { a.n = n, a.k = k, a.batch_norm = &norm; });
    break;
  case LF_OP_ACTIVATION_FORWARD:
    text = ask<lf_activation_forward_args>(call, op, [&](auto &a) { sizes(a), a.activation = activation; });
    break;
  case LF_OP_ACTIVATION_BACKWARD:
    text = ask<lf_activation_backward_args>(call, op, [&](auto &a) { sizes(a), a.activation = activation; });
    break;
  case LF_OP_SOFTMAX_CROSS_ENTROPY: text = ask<lf_softmax_cross_entropy_args>(call, op, sizes); break;
  case LF_OP_TOP_K_CORRECT: text = ask<lf_top_k_correct_args>(call, op, all); break;
  case LF_OP_OPTIMIZER_STEP: text = ask<lf_optimizer_step_args>(call, op, [&](auto &a) { a.n = n; }); break;
  case LF_OP_SOFTMAX: text = ask<lf_softmax_args>(call, op, sizes); break;
  case LF_OP_ELEMENTWISE_LOSS: text = ask<lf_elementwise_loss_args>(call, op, sizes); break;
  case LF_OP_DROPOUT: text = ask<lf_dropout_args>(call, op, sizes); break;
  case LF_OP_BATCH_NORM_MOMENTS:
    text = ask<lf_batch_norm_moments_args>(call, op, [&](auto &a) { sizes(a), a.batch_rows = m; });
    break;
  case LF_OP_BATCH_NORM_MERGE:
    text = ask<lf_batch_norm_merge_args>(
        call, op, [&](auto &a) { a.n = n, a.batch_rows = m, a.blocks = (m + LF_BLOCK_ROWS - 1) / LF_BLOCK_ROWS; });
    break;
  case LF_OP_COLUMN_SUMS:
    text = ask<lf_column_sums_args>(call, op, [&](auto &a) { sizes(a), a.batch_rows = m, a.batch_norm = batch_norm; });
    break;
  default: text = ask<lf_gather_args>(call, op, [&](auto &a) { sizes(a), a.count = m, a.divisor = 1; });
  }
  return string_of(text);
}

} // namespace

void define_explain(py::module_ &module) {
  Function<explain>::define(
      module,
      R"(explain(operation, *, m=1, n=1, k=1, activation='identity', batch_norm=False, training=False, transpose_a=False, transpose_b=False, context=None)
--

Returns one line that names what a call of this operation would use (the plugin, the kernel, its tile, the number of
tasks), and says why.  operation is the name of a function, such as 'sgemm'.  Only the other arguments that describe
this function matter.

>>> 'tasks' in lanefold.explain('sgemm', m=200, n=300, k=784)
True
)");
}

} // namespace lanefold::python
