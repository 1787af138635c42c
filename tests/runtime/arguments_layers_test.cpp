// Bad arguments of activations, batch normalization, dense layers and packed weights.
#include "faults.hpp"

#include <deque>

using namespace lanefold::test;

namespace {

// Packed weights of n columns and k rows, which stay until the program ends.
lanefold::PackedWeights &packed_of(int64_t n, int64_t k) {
  static const lanefold::Context context;
  static std::deque<lanefold::PackedWeights> kept;
  const std::vector<float> w(static_cast<size_t>(n * k), 1.0f);
  auto a = lanefold::args<lf_pack_weights_args>();
  a.n = n, a.k = k, a.w = w.data(), a.ldw = n;
  kept.push_back(context.pack_weights(a));
  return kept.back();
}

} // namespace

TEST_CASE("activations find bad arguments") {
  using Forward = lf_activation_forward_args;
  const auto prepare_forward = [](Good<Forward> &g) {
    g.args.m = 4, g.args.n = 3;
    g.args.activation = LF_ELU, g.args.alpha = 1;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.y = g.memory.operand(1), g.args.ldy = 3;
  };
  check_faults<Forward>(
      lf_activation_forward, prepare_forward,
      with_activation_faults<Forward>({
          {"m is -2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -2; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"y is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = nullptr; }},
          {"ldx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldx = 2; }},
          {"ldy is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldy = 0; }},
          {"m is", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = huge; }},
          {"y overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = const_cast<float *>(g.args.x) + 1; }},
          {"y overlaps x", LF_INVALID_ARGUMENT,
           [](auto &g) {
             g.args.y = const_cast<float *>(g.args.x); // in place, but with another stride
             g.args.ldy = 4;
           }},
      }));
  using Backward = lf_activation_backward_args;
  const auto prepare_backward = [](Good<Backward> &g) {
    g.args.m = 4, g.args.n = 3;
    g.args.activation = LF_ELU, g.args.alpha = 1;
    g.args.y = g.memory.operand(0), g.args.ldy = 3;
    g.args.dy = g.memory.operand(1), g.args.lddy = 3;
    g.args.dx = g.memory.operand(2), g.args.lddx = 3;
  };
  check_faults<Backward>(
      lf_activation_backward, prepare_backward,
      with_activation_faults<Backward>({
          {"n is -2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -2; }},
          {"y is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = nullptr; }},
          {"dy is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dy = nullptr; }},
          {"dx is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = nullptr; }},
          {"lddy is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.lddy = 2; }},
          {"dx overlaps y", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = const_cast<float *>(g.args.y); }},
      }));
}

TEST_CASE("batch normalization finds bad arguments") {
  using Forward = lf_batch_norm_forward_args;
  const auto prepare_forward = [](Good<Forward> &g) {
    g.args.m = 4, g.args.n = 3;
    g.args.flags = LF_TRAINING;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.y = g.memory.operand(1), g.args.ldy = 3;
    prepare_norm(g.norm, g.memory);
    g.args.batch_norm = &g.norm;
  };
  check_faults<Forward>(
      lf_batch_norm_forward, prepare_forward,
      with_training_faults<Forward>({
          {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
          {"batch_norm is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_norm = nullptr; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"ldy is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldy = 2; }},
          {"y overlaps batch_norm.mean", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = g.norm.mean; }},
      }));
  using Backward = lf_batch_norm_backward_args;
  const auto prepare_backward = [](Good<Backward> &g) {
    g.args.m = 4, g.args.n = 3;
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
          {"variance of one sample", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = 1; }},
          {"batch_norm is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.batch_norm = nullptr; }},
          {"batch_norm.mean", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.mean = nullptr; }},
          {"batch_norm.inv_std", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.inv_std = nullptr; }},
          {"dgamma is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dgamma = nullptr; }},
          {"dbeta is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dbeta = nullptr; }},
          {"dbeta overlaps dgamma", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dbeta = g.args.dgamma + 2; }},
          {"dx overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = const_cast<float *>(g.args.x); }},
      }));
  using Fold = lf_fold_batch_norm_args;
  const auto prepare_fold = [](Good<Fold> &g) {
    g.args.k = 2, g.args.n = 3;
    g.args.w = g.memory.operand(0), g.args.ldw = 3;
    g.args.bias = g.memory.operand(1);
    g.args.folded_w = g.memory.operand(2), g.args.ldfolded_w = 3;
    g.args.folded_bias = g.memory.operand(3);
    prepare_norm(g.norm, g.memory);
    g.args.batch_norm = &g.norm;
  };
  check_faults<Fold>(
      lf_fold_batch_norm, prepare_fold,
      with_norm_faults<Fold>({
          {"k is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = -1; }},
          {"w is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.w = nullptr; }},
          {"folded_bias is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.folded_bias = nullptr; }},
          {"reserved", LF_UNSUPPORTED, [](auto &g) { g.args.reserved = 9; }},
          {"largest_x is -1", LF_INVALID_ARGUMENT,
           [](auto &g) {
             g.args.error_bound = g.memory.operand(4);
             g.args.largest_x = -1;
           }},
          {"error_bound overlaps", LF_INVALID_ARGUMENT, [](auto &g) { g.args.error_bound = g.args.folded_bias + 1; }},
          {"ldfolded_w is 2, but folded_w has 3 columns", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldfolded_w = 2; }},
          {"batch_norm.running_mean", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.running_mean = nullptr; }},
          {"folded_bias overlaps folded_w", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.folded_bias = g.args.folded_w + 4; }},
          {"folded_bias overlaps bias", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.folded_bias = const_cast<float *>(g.args.bias) + 1; }},
      }));
}

TEST_CASE("dense layers find bad arguments") {
  using Forward = lf_dense_forward_args;
  const auto prepare_forward = [](Good<Forward> &g) {
    g.args.m = 4, g.args.n = 3, g.args.k = 2;
    g.args.flags = LF_TRAINING;
    g.args.x = g.memory.operand(0), g.args.ldx = 2;
    g.args.w = g.memory.operand(1), g.args.ldw = 3;
    g.args.bias = g.memory.operand(2);
    g.args.activation = LF_ELU, g.args.alpha = 1;
    g.args.z = g.memory.operand(3), g.args.ldz = 3;
    g.args.y = g.memory.operand(4), g.args.ldy = 3;
    prepare_norm(g.norm, g.memory);
    g.args.batch_norm = &g.norm;
  };
  check_faults<Forward>(
      lf_dense_forward, prepare_forward,
      with_activation_faults<Forward>(with_training_faults<Forward>({
          {"k is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = -1; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"w is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.w = nullptr; }},
          {"y is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = nullptr; }},
          {"ldw is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldw = 2; }},
          {"ldz is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldz = 2; }},
          {"bias is not aligned", LF_INVALID_ARGUMENT, [](auto &g) { g.args.bias = misaligned(g.args.bias); }},
          {"z overlaps", LF_INVALID_ARGUMENT, [](auto &g) { g.args.z = const_cast<float *>(g.args.x); }},
          {"y overlaps z", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = g.args.z; }},
          {"k is 2, but packed has 3 rows", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.packed = packed_of(3, 3).get(); }},
          {"n is 3, but packed has 5 columns", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.packed = packed_of(5, 2).get(); }},
          {"y overlaps bias", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = const_cast<float *>(g.args.bias) - 9; }},
      })));
  using Backward = lf_dense_backward_args;
  const auto prepare_backward = [](Good<Backward> &g) {
    g.args.m = 4, g.args.n = 3, g.args.k = 2;
    g.args.x = g.memory.operand(0), g.args.ldx = 2;
    g.args.w = g.memory.operand(1), g.args.ldw = 3;
    g.args.activation = LF_ELU, g.args.alpha = 1;
    g.args.z = g.memory.operand(2), g.args.ldz = 3;
    g.args.y = g.memory.operand(3), g.args.ldy = 3;
    g.args.dy = g.memory.operand(4), g.args.lddy = 3;
    g.args.dw = g.memory.operand(5), g.args.lddw = 3;
    g.args.dbias = g.memory.operand(6);
    g.args.dx = g.memory.operand(7), g.args.lddx = 2;
    g.args.dgamma = g.memory.operand(14), g.args.dbeta = g.memory.operand(15);
    prepare_norm(g.norm, g.memory);
    g.args.batch_norm = &g.norm;
  };
  check_faults<Backward>(
      lf_dense_backward, prepare_backward,
      with_activation_faults<Backward>(with_norm_faults<Backward>({
          {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
          {"variance of one sample", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = 1; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"w is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.w = nullptr; }},
          {"z is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.z = nullptr; }},
          {"y is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = nullptr; }},
          {"dy is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dy = nullptr; }},
          {"dw is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dw = nullptr; }},
          {"dgamma is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dgamma = nullptr; }},
          {"dgamma is given, but batch_norm is NULL", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.batch_norm = nullptr; }},
          {"lddx is 1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.lddx = 1; }},
          {"dx overlaps dw", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = g.args.dw + 1; }},
          {"dx overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = const_cast<float *>(g.args.x); }},
          {"packed is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.flags = LF_UPDATE_PACKED; }},
          {"reserved", LF_UNSUPPORTED, [](auto &g) { g.args.reserved = 77; }},
          {"k is 2, but packed has 3 rows", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.packed = packed_of(3, 3).get(); }},
          {"learning_rate is -1", LF_INVALID_ARGUMENT,
           [](auto &g) {
             g.args.updated_w = const_cast<float *>(g.args.w);
             g.args.learning_rate = -1;
           }},
          {"learning_rate", LF_INVALID_ARGUMENT,
           [](auto &g) {
             g.args.updated_w = const_cast<float *>(g.args.w);
             g.args.learning_rate = not_a_number;
           }},
          {"w is NULL", LF_INVALID_ARGUMENT,
           [](auto &g) {
             g.args.updated_w = const_cast<float *>(g.args.w);
             g.args.w = g.args.dx = nullptr;
           }},
          {"updated_w overlaps w", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.updated_w = const_cast<float *>(g.args.w) + 1; }},
          {"updated_w overlaps x", LF_INVALID_ARGUMENT,
           [](auto &g) { g.args.updated_w = const_cast<float *>(g.args.x); }},
          {"dbias overlaps dy", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dbias = const_cast<float *>(g.args.dy); }},
      })));
}

TEST_CASE("packing and inference find bad arguments") {
  using Pack = lf_pack_weights_args;
  const auto prepare_pack = [](Good<Pack> &g) {
    g.args.n = 3, g.args.k = 2;
    g.args.w = g.memory.operand(0), g.args.ldw = 3;
  };
  const auto pack = [](lf_context *context, const Pack *args) {
    auto *packed = reinterpret_cast<lf_packed_weights *>(context);
    const lf_status status = lf_pack_weights(context, args, &packed);
    CHECK(packed == nullptr);
    return status;
  };
  check_faults<Pack>(pack, prepare_pack,
                     {
                         {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
                         {"w is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.w = nullptr; }},
                         {"ldw is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldw = 2; }},
                         {"k is", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = huge; }},
                     });
  const lanefold::Context context;
  Good<Pack> good_pack;
  prepare_pack(good_pack);
  CHECK(lf_pack_weights(context.get(), &good_pack.args, nullptr) == LF_INVALID_ARGUMENT);
  lf_packed_weights_destroy(nullptr);
  using Unpack = lf_unpack_weights_args;
  const auto prepare_unpack = [](Good<Unpack> &g) {
    g.args.n = 3, g.args.k = 2;
    g.args.w = g.memory.operand(0), g.args.ldw = 3;
  };
  const auto unpack = [](lf_context *context_, const Unpack *args) {
    return lf_unpack_weights(context_, args, packed_of(3, 2).get());
  };
  check_faults<Unpack>(unpack, prepare_unpack,
                       {
                           {"n is 4, but packed has 3 columns", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = 4; }},
                           {"k is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = -1; }},
                           {"w is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.w = nullptr; }},
                           {"ldw is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldw = 2; }},
                       });
  Good<Unpack> good_unpack;
  prepare_unpack(good_unpack);
  CHECK(lf_unpack_weights(context.get(), &good_unpack.args, nullptr) == LF_INVALID_ARGUMENT);

  using Infer = lf_dense_infer_args;
  const auto prepare_infer = [](Good<Infer> &g) {
    g.args.m = 4, g.args.n = 3, g.args.k = 2;
    g.args.x = g.memory.operand(0), g.args.ldx = 2;
    g.args.bias = g.memory.operand(1);
    g.args.activation = LF_ELU, g.args.alpha = 1;
    g.args.y = g.memory.operand(2), g.args.ldy = 3;
  };
  const auto infer = [](lf_context *on, const Infer *args) { return lf_dense_infer(on, args, packed_of(3, 2).get()); };
  check_faults<Infer>(
      infer, prepare_infer,
      with_activation_faults<Infer>({
          {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
          {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
          {"n is 2, but packed has 3 columns", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = 2; }},
          {"k is 1, but packed has 2 rows", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = 1; }},
          {"ldy is 1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldy = 1; }},
          {"y overlaps x", LF_INVALID_ARGUMENT, [](auto &g) { g.args.y = const_cast<float *>(g.args.x); }},
      }));
  Good<Infer> good_infer;
  prepare_infer(good_infer);
  CHECK(lf_dense_infer(context.get(), &good_infer.args, nullptr) == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(context.get())) == "lf_dense_infer: packed is NULL");
}
