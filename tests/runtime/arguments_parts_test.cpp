// Bad arguments of a batch in parts: its own operations, and what other calls have for it.
#include "faults.hpp"

using namespace lanefold::test;

namespace {

constexpr int64_t largest = int64_t{1} << 47;

} // namespace

TEST_CASE("moments of blocks find bad arguments") {
  using Args = lf_batch_norm_moments_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.m = 4, g.args.n = 3, g.args.first_row = 5, g.args.batch_rows = 9;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.moments = g.memory.operand(1);
  };
  check_faults<Args>(
      lf_batch_norm_moments, prepare,
      {
          {"flags has unknown bits", LF_UNSUPPORTED, [](auto &g) { g.args.flags = LF_BATCH_STATISTICS; }},
          {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
          {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
          {"n is 2305843009213693952", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = huge; }},
          {"first_row is -1, but must be at least 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.first_row = -1; }},
          {"first_row is 9223372036854775807", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.first_row = std::numeric_limits<int64_t>::max(); }},
          {"batch_rows is 1, but must be at least 2", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.m = 1, g.args.first_row = 0, g.args.batch_rows = 1; }},
          {"batch_rows is 2305843009213693952", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_rows = huge; }},
          {"first_row is 5 and m is 4, but the batch has 8 rows", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.batch_rows = 8; }},
          {"first_row is 0 and m is 4, but the batch has 3 rows", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.first_row = 0, g.args.batch_rows = 3; }},
          {"first_row is 10 and m is 0, but the batch has 9 rows", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.m = 0, g.args.first_row = 10; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"ldx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldx = 2; }},
          {"moments is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.moments = nullptr; }},
          {"moments is not aligned to 4", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.moments = misaligned(g.args.moments); }},
          {"moments overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.moments = g.memory.operand(0) + 11; }},
          // The three blocks have nine floats.
          {"moments overlaps x", LF_INVALID_ARGUMENT,
           [](auto &g) {
             g.args.m = 258, g.args.first_row = 255, g.args.batch_rows = 600, g.args.n = 1, g.args.ldx = 1;
             g.args.moments = g.memory.operand(4), g.args.x = g.memory.operand(4) + 8;
           }},
      });
}

TEST_CASE("merging moments finds bad arguments") {
  using Args = lf_batch_norm_merge_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.n = 3, g.args.first_block = 1, g.args.blocks = 1, g.args.batch_rows = 300;
    g.args.moments = g.memory.operand(0), g.args.merged = g.memory.operand(1);
    prepare_norm(g.norm, g.memory);
    g.args.batch_norm = &g.norm;
  };
  check_faults<Args>(
      lf_batch_norm_merge, prepare,
      {
          {"flags has unknown bits", LF_UNSUPPORTED, [](auto &g) { g.args.flags = LF_SECOND_PASS; }},
          {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
          {"first_block is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.first_block = -1; }},
          {"blocks is 0, but must be at least 1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.blocks = 0; }},
          {"batch_rows is 1, but must be at least 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_rows = 1; }},
          {"batch_rows is 2305843009213693952", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_rows = huge; }},
          {"first_block is 1 and blocks is 1, but the batch has 1 blocks", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.batch_rows = 256; }},
          {"first_block is 0 and blocks is 3, but the batch has 2 blocks", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.first_block = 0, g.args.blocks = 3; }},
          {"first_block is 140737488355328 and blocks is 140737488355328, but the batch has 2 blocks",
           LF_INVALID_ARGUMENT, [](auto &g) { g.args.first_block = g.args.blocks = largest; }},
          {"batch_norm must be NULL, because more blocks of the batch follow", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.batch_rows = 513; }},
          {"moments is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.moments = nullptr; }},
          {"merged is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.merged = nullptr; }},
          {"merged is not aligned to 4", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.merged = misaligned(g.args.merged); }},
          {"merged overlaps moments", LF_INVALID_ARGUMENT, [](auto &g) { g.args.merged = g.memory.operand(0) + 8; }},
          {"merged overlaps batch_norm.mean", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.mean = g.args.merged + 8; }},
          {"batch_norm.inv_std overlaps moments", LF_INVALID_ARGUMENT,
           [](auto &g) { g.norm.inv_std = g.memory.operand(0); }},
          {"batch_norm.struct_size", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.struct_size = 0; }},
          {"batch_norm.flags", LF_UNSUPPORTED, [](auto &g) { g.norm.flags = LF_TRANSPOSE_B; }},
          {"batch_norm.eps is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = 0; }},
          {"batch_norm.momentum is 1.5", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.momentum = 1.5f; }},
          {"batch_norm.running_var is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.running_var = nullptr; }},
          {"batch_norm.inv_std is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.inv_std = nullptr; }},
          {"batch_norm.running_var overlaps batch_norm.running_mean", LF_INVALID_ARGUMENT,
           [](auto &g) { g.norm.running_var = g.norm.running_mean + 1; }},
      });
  const lanefold::Context context(1);
  Good<Args> good;
  prepare(good);
  good.norm.gamma = good.norm.beta = nullptr; // which this call does not read
  good.norm.running_mean = good.norm.running_var = nullptr;
  CHECK(lf_batch_norm_merge(context.get(), &good.args) == LF_OK);
  good.args.batch_norm = nullptr; // the last block may come without a normalization
  CHECK(lf_batch_norm_merge(context.get(), &good.args) == LF_OK);
}

TEST_CASE("sums of columns find bad arguments") {
  using Args = lf_column_sums_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.m = 4, g.args.n = 3, g.args.first_row = 5, g.args.batch_rows = 9;
    g.args.dy = g.memory.operand(0), g.args.lddy = 3;
    g.args.x = g.memory.operand(1), g.args.ldx = 3;
    g.args.sums = g.memory.operand(2);
    prepare_norm(g.norm, g.memory);
    g.args.batch_norm = &g.norm;
  };
  check_faults<Args>(
      lf_column_sums, prepare,
      {
          {"flags has unknown bits", LF_UNSUPPORTED, [](auto &g) { g.args.flags = LF_SECOND_PASS; }},
          {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
          {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
          {"first_row is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.first_row = -1; }},
          {"batch_rows is 0, but must be at least 1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_rows = 0; }},
          {"first_row is 5 and m is 4, but the batch has 8 rows", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.batch_rows = 8; }},
          {"dy is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dy = nullptr; }},
          {"lddy is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.lddy = 2; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"ldx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldx = 2; }},
          {"sums is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.sums = nullptr; }},
          {"sums is not aligned to 4", LF_INVALID_ARGUMENT, [](auto &g) { g.args.sums = misaligned(g.args.sums); }},
          {"sums overlaps dy", LF_INVALID_ARGUMENT, [](auto &g) { g.args.sums = g.memory.operand(0) + 11; }},
          {"sums overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.sums = g.memory.operand(1) + 11; }},
          {"sums overlaps batch_norm.mean", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.mean = g.args.sums + 11; }},
          {"batch_norm.struct_size", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.struct_size = 0; }},
          {"batch_norm.eps is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = -1; }},
          {"batch_norm.mean is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.mean = nullptr; }},
          {"batch_norm.inv_std is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.inv_std = nullptr; }},
      });
  const lanefold::Context context(1);
  Good<Args> good;
  prepare(good);
  good.norm.gamma = good.norm.beta = good.norm.running_mean = good.norm.running_var = nullptr;
  CHECK(lf_column_sums(context.get(), &good.args) == LF_OK);
  // Without a normalization, neither x nor the sums of products count.
  good.args.batch_norm = nullptr, good.args.x = nullptr, good.args.ldx = 0;
  good.args.sums = good.memory.operand(1);
  const float behind = good.args.sums[6];
  CHECK(lf_column_sums(context.get(), &good.args) == LF_OK);
  CHECK(good.args.sums[6] == behind);
}

TEST_CASE("normalization by the statistics of a batch finds bad arguments") {
  using Forward = lf_batch_norm_forward_args;
  const auto prepare_forward = [](Good<Forward> &g) {
    g.args.m = 4, g.args.n = 3, g.args.flags = LF_BATCH_STATISTICS, g.args.activation = LF_ELU, g.args.alpha = 1;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.y = g.memory.operand(1), g.args.ldy = 3;
    prepare_norm(g.norm, g.memory);
    g.args.batch_norm = &g.norm;
  };
  check_faults<Forward>(
      lf_batch_norm_forward, prepare_forward,
      with_activation_faults<Forward>(with_norm_faults<Forward>({
          {"flags has LF_TRAINING and LF_BATCH_STATISTICS, but must have one of them", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.flags |= LF_TRAINING; }},
          {"batch_norm is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_norm = nullptr; }},
          {"batch_norm.beta is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.beta = nullptr; }},
          {"batch_norm.mean is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.mean = nullptr; }},
          {"batch_norm.inv_std is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.inv_std = nullptr; }},
          {"y overlaps batch_norm.mean", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = g.norm.mean; }},
      })));
  using Backward = lf_batch_norm_backward_args;
  const auto prepare_backward = [](Good<Backward> &g) {
    g.args.m = 4, g.args.n = 3, g.args.flags = LF_BATCH_STATISTICS, g.args.batch_rows = 9;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.dy = g.memory.operand(1), g.args.lddy = 3;
    g.args.dx = g.memory.operand(2), g.args.lddx = 3;
    g.args.dgamma = g.memory.operand(3), g.args.dbeta = g.memory.operand(4);
    prepare_norm(g.norm, g.memory);
    g.args.batch_norm = &g.norm;
  };
  check_faults<Backward>(
      lf_batch_norm_backward, prepare_backward,
      with_norm_faults<Backward>({
          {"flags has unknown bits", LF_UNSUPPORTED, [](auto &g) { g.args.flags |= LF_TRAINING; }},
          {"batch_rows is 3, but must be at least 4", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_rows = 3; }},
          {"batch_rows is 1, but must be at least 2", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.m = g.args.batch_rows = 1; }},
          {"batch_rows is 2305843009213693952", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_rows = huge; }},
          {"dgamma is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dgamma = nullptr; }},
          {"dbeta is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dbeta = nullptr; }},
          {"dx overlaps dgamma", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dgamma = g.args.dx + 11; }},
          {"dx overlaps dbeta", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dbeta = g.args.dx + 11; }},
      }));
  // One row is a part, and without LF_BATCH_STATISTICS batch_rows is not read.
  const lanefold::Context context(1);
  Good<Forward> forward;
  prepare_forward(forward);
  forward.args.m = 1, forward.norm.running_mean = forward.norm.running_var = nullptr;
  CHECK(lf_batch_norm_forward(context.get(), &forward.args) == LF_OK);
  Good<Backward> backward;
  prepare_backward(backward);
  backward.args.m = 1;
  CHECK(lf_batch_norm_backward(context.get(), &backward.args) == LF_OK);
  backward.args.m = 4, backward.args.flags = 0, backward.args.batch_rows = -1;
  CHECK(lf_batch_norm_backward(context.get(), &backward.args) == LF_OK);
}

TEST_CASE("losses in a part of a batch find bad arguments") {
  const auto faults = [](auto args) {
    using Args = decltype(args);
    return std::vector<Fault<Args>>{
        {"batch_rows is 3, but must be at least 4", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_rows = 3; }},
        {"batch_rows is -1, but must be at least 4", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_rows = -1; }},
        {"batch_rows is 140737488355329, but must be at most 140737488355328", LF_INVALID_ARGUMENT,
         [](auto &g) { g.args.batch_rows = largest + 1; }},
        {"batch_rows is 140737488355328 and n is 2049, but a batch must have at most 2^58 elements",
         LF_INVALID_ARGUMENT,
         [](auto &g) {
           g.args.batch_rows = largest, g.args.n = g.args.ldx = 2049;
           if constexpr (requires { g.args.targets; }) g.args.ldtargets = 2049;
         }},
        {"losses is not aligned to 4", LF_INVALID_ARGUMENT, [](auto &g) { g.args.losses = misaligned(g.args.losses); }},
        {"losses overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.losses = g.memory.operand(0) + 11; }},
        {"losses overlaps weights", LF_INVALID_ARGUMENT, [](auto &g) { g.args.losses = g.memory.operand(4) + 3; }},
        {"loss overlaps losses", LF_INVALID_ARGUMENT, [](auto &g) { g.args.loss = g.args.losses + 3; }},
        {"dx overlaps losses", LF_INVALID_ARGUMENT, [](auto &g) { g.args.losses = g.args.dx + 11; }},
    };
  };
  const auto prepare = [](auto &g) {
    g.args.m = 4, g.args.n = 3, g.args.batch_rows = 9;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.loss = g.memory.operand(1);
    g.args.dx = g.memory.operand(2), g.args.lddx = 3;
    g.args.losses = g.memory.operand(3), g.args.weights = g.memory.operand(4);
    if constexpr (requires { g.args.labels; }) g.args.labels = g.memory.labels;
    else g.args.targets = g.memory.operand(5), g.args.ldtargets = 3;
  };
  check_faults<lf_softmax_cross_entropy_args>(lf_softmax_cross_entropy, prepare,
                                              faults(lf_softmax_cross_entropy_args{}));
  check_faults<lf_elementwise_loss_args>(lf_elementwise_loss, prepare, faults(lf_elementwise_loss_args{}));
}
