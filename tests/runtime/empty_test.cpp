// Empty problems: sizes of 0 are valid and need no pointers, and an empty sum is 0.
#include <doctest/doctest.h>

#include <lanefold/lanefold.hpp>

TEST_CASE("empty problems are valid, need no pointers, and write empty sums") {
  const lanefold::Context context;
  float ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  float out[8] = {7, 7, 7, 7, 7, 7, 7, 7};

  auto gemm = lanefold::args<lf_sgemm_args>();
  gemm.n = gemm.k = 2;
  gemm.alpha = 1;
  CHECK(lf_sgemm(context.get(), &gemm) == LF_OK);
  gemm.m = 2, gemm.k = 0, gemm.beta = 2;
  gemm.c = out, gemm.ldc = 2;
  CHECK(lf_sgemm(context.get(), &gemm) == LF_OK);
  gemm.k = 3, gemm.alpha = 0, gemm.beta = 0.5f;
  CHECK(lf_sgemm(context.get(), &gemm) == LF_OK);
  for (const float x : out) CHECK(x == 7);

  auto forward = lanefold::args<lf_dense_forward_args>();
  forward.m = 2, forward.n = 2;
  forward.bias = ones;
  forward.y = out, forward.ldy = 2;
  CHECK(lf_dense_forward(context.get(), &forward) == LF_OK);
  for (int i = 0; i < 4; ++i) CHECK(out[i] == 1);

  auto backward = lanefold::args<lf_dense_backward_args>();
  backward.n = backward.k = 2;
  backward.dw = out, backward.lddw = 2;
  backward.dbias = out + 4;
  CHECK(lf_dense_backward(context.get(), &backward) == LF_OK);
  for (int i = 0; i < 6; ++i) CHECK(out[i] == 0);

  auto pack = lanefold::args<lf_pack_weights_args>();
  pack.n = 2;
  const lanefold::PackedWeights packed = context.pack_weights(pack);
  auto infer = lanefold::args<lf_dense_infer_args>();
  infer.m = 1, infer.n = 2;
  infer.bias = ones;
  infer.y = out, infer.ldy = 2;
  CHECK(lf_dense_infer(context.get(), &infer, packed.get()) == LF_OK);
  for (int i = 0; i < 2; ++i) CHECK(out[i] == 1);

  auto softmax = lanefold::args<lf_softmax_args>();
  softmax.n = 3;
  CHECK(lf_softmax(context.get(), &softmax) == LF_OK);

  auto dropout = lanefold::args<lf_dropout_args>();
  dropout.m = 3;
  CHECK(lf_dropout(context.get(), &dropout) == LF_OK);

  auto moments = lanefold::args<lf_batch_norm_moments_args>();
  moments.n = 3, moments.first_row = 2, moments.batch_rows = 2;
  CHECK(lf_batch_norm_moments(context.get(), &moments) == LF_OK);
  moments.m = 2, moments.n = 0, moments.first_row = 0;
  CHECK(lf_batch_norm_moments(context.get(), &moments) == LF_OK);
  auto merge = lanefold::args<lf_batch_norm_merge_args>();
  merge.blocks = 1, merge.batch_rows = 2;
  CHECK(lf_batch_norm_merge(context.get(), &merge) == LF_OK);
  auto sums = lanefold::args<lf_column_sums_args>();
  sums.n = 3, sums.batch_rows = 1;
  CHECK(lf_column_sums(context.get(), &sums) == LF_OK);
  sums.m = 1, sums.n = 0;
  CHECK(lf_column_sums(context.get(), &sums) == LF_OK);

  auto gather = lanefold::args<lf_gather_args>();
  gather.divisor = 1, gather.n = 3;
  CHECK(lf_gather(context.get(), &gather) == LF_OK);

  int64_t correct = -7;
  auto top = lanefold::args<lf_top_k_correct_args>();
  top.n = top.k = 1;
  top.correct = &correct;
  CHECK(lf_top_k_correct(context.get(), &top) == LF_OK);
  CHECK(correct == 0);
}

TEST_CASE("training on no rows leaves the running statistics unchanged") {
  const lanefold::Context context;
  float gamma[3] = {1, 1, 1}, beta[3] = {0, 0, 0};
  float kept[4][3] = {{7, 7, 7}, {7, 7, 7}, {7, 7, 7}, {7, 7, 7}};
  auto norm = lanefold::args<lf_batch_norm>();
  norm.eps = 1e-3f, norm.momentum = 0.9f;
  norm.gamma = gamma, norm.beta = beta;
  norm.running_mean = kept[0], norm.running_var = kept[1];
  norm.mean = kept[2], norm.inv_std = kept[3];
  auto args = lanefold::args<lf_batch_norm_forward_args>();
  args.flags = LF_TRAINING;
  args.n = 3;
  args.batch_norm = &norm;
  CHECK(lf_batch_norm_forward(context.get(), &args) == LF_OK);
  for (const auto &array : kept)
    for (const float x : array) CHECK(x == 7);
}

TEST_CASE("an empty part changes neither sums nor gradients") {
  const lanefold::Context context;
  float ones[3] = {1, 1, 1}, kept[4][6] = {};
  for (auto &array : kept)
    for (float &value : array) value = 7;
  auto norm = lanefold::args<lf_batch_norm>();
  norm.eps = 1e-3f;
  norm.gamma = norm.beta = ones, norm.mean = kept[0], norm.inv_std = kept[1];
  auto forward = lanefold::args<lf_batch_norm_forward_args>();
  forward.flags = LF_BATCH_STATISTICS, forward.n = 3, forward.batch_norm = &norm;
  CHECK(lf_batch_norm_forward(context.get(), &forward) == LF_OK);
  auto backward = lanefold::args<lf_batch_norm_backward_args>();
  backward.flags = LF_BATCH_STATISTICS, backward.n = 3, backward.batch_rows = 2, backward.batch_norm = &norm;
  backward.dgamma = kept[2], backward.dbeta = kept[2] + 3;
  CHECK(lf_batch_norm_backward(context.get(), &backward) == LF_OK);
  auto sums = lanefold::args<lf_column_sums_args>();
  sums.n = 3, sums.batch_rows = 2, sums.sums = kept[3];
  CHECK(lf_column_sums(context.get(), &sums) == LF_OK);
  for (const auto &array : kept)
    for (const float value : array) CHECK(value == 7);
}

TEST_CASE("gradients over no columns write zeros to dx, and over no rows to dgamma and dbeta") {
  const lanefold::Context context;
  float x[4] = {1, 1, 1, 1}, dx[4] = {7, 7, 7, 7};
  auto dense = lanefold::args<lf_dense_backward_args>();
  dense.m = 2, dense.k = 2;
  dense.x = x, dense.ldx = 2;
  dense.dx = dx, dense.lddx = 2;
  CHECK(lf_dense_backward(context.get(), &dense) == LF_OK);
  for (const float gradient : dx) CHECK(gradient == 0);

  float parameters[3][3] = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}};
  float gradients[2][3] = {{7, 7, 7}, {7, 7, 7}};
  auto norm = lanefold::args<lf_batch_norm>();
  norm.eps = 1e-3f;
  norm.gamma = parameters[0], norm.mean = parameters[1], norm.inv_std = parameters[2];
  auto args = lanefold::args<lf_batch_norm_backward_args>();
  args.n = 3;
  args.batch_norm = &norm;
  args.dgamma = gradients[0], args.dbeta = gradients[1];
  CHECK(lf_batch_norm_backward(context.get(), &args) == LF_OK);
  for (const auto &array : gradients)
    for (const float gradient : array) CHECK(gradient == 0);
}
