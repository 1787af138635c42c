// Each flag has one bit in the whole interface. A call that is given a flag of another call, or an unknown one, returns
// LF_UNSUPPORTED, names the field and writes nothing. This holds for every call and for each of the 32 bits.
#include <doctest/doctest.h>

#include <lanefold/lanefold.hpp>

#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace {

using lanefold::args;
using lanefold::Context;

constexpr int64_t m = 4, n = 3, k = 2;

// All memory that a call can write. An operand has 16 floats, which hold matrices of m x n, m x k and k x n.
struct Memory {
  Memory() {
    for (size_t i = 0; i < std::size(floats); ++i) floats[i] = 0.5f + 0.001f * static_cast<float>(i);
  }
  float *operand(int i) { return floats + 16 * i; }
  float floats[16 * 20];
  int32_t labels[m] = {0, 1, 2, 0};
  int64_t correct = -7;
  uint8_t bytes[16] = {}; // m x n and a rest
  char text[512] = "untouched";
};
// The tests compare whole objects, so there must be no padding, whose bytes may differ.
static_assert(sizeof(Memory) == 4 * 16 * 20 + 4 * m + 8 + 16 + 512 && m * n <= 16);

lf_batch_norm norm_of(Memory &memory, uint32_t flags) {
  auto norm = args<lf_batch_norm>();
  norm.flags = flags;
  norm.eps = 1e-3f, norm.momentum = 0.9f;
  norm.gamma = memory.operand(10), norm.beta = memory.operand(11);
  norm.running_mean = memory.operand(12), norm.running_var = memory.operand(13);
  norm.mean = memory.operand(14), norm.inv_std = memory.operand(15);
  return norm;
}

struct Call {
  const char *name;
  uint32_t accepted; // the flags that the call knows
  std::function<lf_status(lf_context *, Memory &, uint32_t)> run;
  uint32_t exclusive = 0; // of these flags, a call takes one at most
};

lf_sgemm_args sgemm_args(Memory &memory, uint32_t flags) {
  auto a = args<lf_sgemm_args>();
  a.flags = flags, a.m = m, a.n = n, a.k = k, a.alpha = 1;
  a.a = memory.operand(0), a.lda = 4, a.b = memory.operand(1), a.ldb = 3, a.c = memory.operand(2), a.ldc = n;
  return a;
}

lf_dense_forward_args forward_args(Memory &memory, uint32_t flags) {
  auto a = args<lf_dense_forward_args>();
  a.flags = flags, a.m = m, a.n = n, a.k = k, a.activation = LF_ELU, a.alpha = 1;
  a.x = memory.operand(0), a.ldx = k, a.w = memory.operand(1), a.ldw = n, a.y = memory.operand(2), a.ldy = n;
  return a;
}

// packed may be NULL; with it the call may update the packed weights.
lf_dense_backward_args backward_args(Memory &memory, lf_packed_weights *packed, uint32_t flags) {
  auto a = args<lf_dense_backward_args>();
  a.flags = flags, a.m = m, a.n = n, a.k = k, a.packed = packed, a.learning_rate = 0.1f;
  a.x = memory.operand(0), a.ldx = k, a.w = memory.operand(1), a.ldw = n, a.dy = memory.operand(2), a.lddy = n;
  a.dw = memory.operand(3), a.lddw = n;
  return a;
}

lf_pack_weights_args pack_args(Memory &memory, uint32_t flags) {
  auto a = args<lf_pack_weights_args>();
  a.flags = flags, a.n = n, a.k = k, a.w = memory.operand(1), a.ldw = 4;
  return a;
}

lanefold::PackedWeights pack(lf_context *context, Memory &memory) {
  lf_packed_weights *packed = nullptr;
  const auto a = pack_args(memory, 0);
  REQUIRE(lf_pack_weights(context, &a, &packed) == LF_OK);
  return lanefold::PackedWeights(packed);
}

lf_network_layer layer_of(Memory &memory, uint32_t flags) {
  auto layer = args<lf_network_layer>();
  layer.flags = flags, layer.n = n, layer.k = k, layer.w = memory.operand(1), layer.ldw = 4;
  if ((flags & LF_ELEMENTWISE) != 0) layer.k = n, layer.w = nullptr; // such a layer has no weights
  return layer;
}

lf_status create_network(lf_context *context, const lf_network_layer &layer, uint32_t flags, lf_network **network) {
  auto a = args<lf_network_args>();
  a.flags = flags, a.count = 1, a.layers = &layer;
  return lf_network_create(context, &a, network);
}

lf_status create_and_destroy(lf_context *context, const lf_network_layer &layer, uint32_t flags) {
  lf_network *network = nullptr;
  const lf_status status = create_network(context, layer, flags, &network);
  CHECK((network != nullptr) == (status == LF_OK));
  lf_network_destroy(network);
  return status;
}

template <class Args> lf_status explain(lf_context *context, Memory &memory, int32_t op, const Args &a) {
  return lf_explain(context, op, &a, memory.text, sizeof memory.text, nullptr);
}

const std::vector<Call> calls = {
    {"lf_sgemm", LF_TRANSPOSE_A | LF_TRANSPOSE_B,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const auto a = sgemm_args(memory, flags);
       return lf_sgemm(context, &a);
     }},
    {"lf_pack_weights", LF_TRANSPOSE_B,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const auto a = pack_args(memory, flags);
       lf_packed_weights *packed = nullptr;
       const lf_status status = lf_pack_weights(context, &a, &packed);
       CHECK((packed != nullptr) == (status == LF_OK));
       lf_packed_weights_destroy(packed);
       return status;
     }},
    {"lf_unpack_weights", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const auto packed = pack(context, memory);
       auto a = args<lf_unpack_weights_args>();
       a.flags = flags, a.n = n, a.k = k, a.w = memory.operand(2), a.ldw = n;
       return lf_unpack_weights(context, &a, packed.get());
     }},
    {"lf_dense_infer", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const auto packed = pack(context, memory);
       auto a = args<lf_dense_infer_args>();
       a.flags = flags, a.m = m, a.n = n, a.k = k;
       a.x = memory.operand(0), a.ldx = k, a.y = memory.operand(2), a.ldy = n;
       return lf_dense_infer(context, &a, packed.get());
     }},
    {"lf_dense_forward", LF_TRAINING,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const auto a = forward_args(memory, flags);
       return lf_dense_forward(context, &a);
     }},
    {"lf_dense_forward with packed weights", LF_TRAINING,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const auto packed = pack(context, memory);
       auto a = forward_args(memory, flags);
       a.packed = packed.get();
       return lf_dense_forward(context, &a);
     }},
    {"lf_dense_backward", LF_UPDATE_PACKED,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto packed = pack(context, memory);
       const auto a = backward_args(memory, packed.get(), flags);
       return lf_dense_backward(context, &a);
     }},
    {"lf_batch_norm_forward", LF_TRAINING | LF_BATCH_STATISTICS,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const lf_batch_norm norm = norm_of(memory, 0);
       auto a = args<lf_batch_norm_forward_args>();
       a.flags = flags, a.m = m, a.n = n, a.batch_norm = &norm;
       a.x = memory.operand(0), a.ldx = n, a.y = memory.operand(1), a.ldy = n;
       return lf_batch_norm_forward(context, &a);
     },
     LF_TRAINING | LF_BATCH_STATISTICS},
    {"lf_batch_norm_backward", LF_BATCH_STATISTICS,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const lf_batch_norm norm = norm_of(memory, 0);
       auto a = args<lf_batch_norm_backward_args>();
       a.flags = flags, a.m = m, a.n = n, a.batch_norm = &norm;
       a.x = memory.operand(0), a.ldx = n, a.dy = memory.operand(1), a.lddy = n, a.dx = memory.operand(2), a.lddx = n;
       a.dgamma = memory.operand(3), a.dbeta = memory.operand(4), a.batch_rows = m;
       return lf_batch_norm_backward(context, &a);
     }},
    {"lf_batch_norm_moments", LF_SECOND_PASS,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_batch_norm_moments_args>();
       a.flags = flags, a.m = m, a.n = n, a.first_row = 1, a.batch_rows = m + 1; // both passes treat this block
       a.x = memory.operand(0), a.ldx = n, a.moments = memory.operand(1);
       return lf_batch_norm_moments(context, &a);
     }},
    {"lf_batch_norm_merge", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_batch_norm_merge_args>();
       a.flags = flags, a.n = n, a.blocks = 1, a.batch_rows = m;
       a.moments = memory.operand(0), a.merged = memory.operand(1);
       return lf_batch_norm_merge(context, &a);
     }},
    {"lf_column_sums", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_column_sums_args>();
       a.flags = flags, a.m = m, a.n = n, a.batch_rows = m, a.dy = memory.operand(0), a.lddy = n;
       a.sums = memory.operand(1);
       return lf_column_sums(context, &a);
     }},
    {"lf_fold_batch_norm", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const lf_batch_norm norm = norm_of(memory, 0);
       auto a = args<lf_fold_batch_norm_args>();
       a.flags = flags, a.n = n, a.k = k, a.batch_norm = &norm, a.w = memory.operand(0), a.ldw = n;
       a.folded_w = memory.operand(1), a.ldfolded_w = n, a.folded_bias = memory.operand(2);
       return lf_fold_batch_norm(context, &a);
     }},
    {"lf_activation_forward", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_activation_forward_args>();
       a.flags = flags, a.m = m, a.n = n, a.activation = LF_TANH;
       a.x = memory.operand(0), a.ldx = n, a.y = memory.operand(1), a.ldy = n;
       return lf_activation_forward(context, &a);
     }},
    {"lf_activation_backward", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_activation_backward_args>();
       a.flags = flags, a.m = m, a.n = n, a.activation = LF_TANH;
       a.y = memory.operand(0), a.ldy = n, a.dy = memory.operand(1), a.lddy = n, a.dx = memory.operand(2), a.lddx = n;
       return lf_activation_backward(context, &a);
     }},
    {"lf_softmax", LF_LOGARITHM,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_softmax_args>();
       a.flags = flags, a.m = m, a.n = n, a.x = memory.operand(0), a.ldx = n, a.y = memory.operand(1), a.ldy = n;
       return lf_softmax(context, &a);
     }},
    {"lf_softmax_cross_entropy", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_softmax_cross_entropy_args>();
       a.flags = flags, a.m = m, a.n = n, a.x = memory.operand(0), a.ldx = n, a.labels = memory.labels;
       a.loss = memory.operand(1), a.dx = memory.operand(2), a.lddx = n;
       return lf_softmax_cross_entropy(context, &a);
     }},
    {"lf_elementwise_loss", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_elementwise_loss_args>();
       a.flags = flags, a.m = m, a.n = n, a.x = memory.operand(0), a.ldx = n;
       a.targets = memory.operand(1), a.ldtargets = n, a.loss = memory.operand(2), a.dx = memory.operand(3), a.lddx = n;
       return lf_elementwise_loss(context, &a);
     }},
    {"lf_dropout", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_dropout_args>();
       a.flags = flags, a.m = m, a.n = n, a.rate = 0.5f;
       a.x = memory.operand(0), a.ldx = n, a.y = memory.operand(1), a.ldy = n;
       return lf_dropout(context, &a);
     }},
    {"lf_top_k_correct", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_top_k_correct_args>();
       a.flags = flags, a.m = m, a.n = n, a.k = 1, a.x = memory.operand(0), a.ldx = n, a.labels = memory.labels;
       a.correct = &memory.correct;
       return lf_top_k_correct(context, &a);
     }},
    {"lf_optimizer_step", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_optimizer_step_args>();
       a.flags = flags, a.optimizer = LF_ADAM, a.n = 5, a.step = 1, a.eps = 1e-8f, a.learning_rate = 0.1f;
       a.w = memory.operand(0), a.g = memory.operand(1), a.m = memory.operand(2), a.v = memory.operand(3);
       return lf_optimizer_step(context, &a);
     }},
    {"lf_gather", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       auto a = args<lf_gather_args>();
       a.flags = flags, a.m = m, a.n = n, a.count = m, a.x = memory.bytes, a.ldx = n, a.divisor = 255;
       a.y = memory.operand(0), a.ldy = n;
       return lf_gather(context, &a);
     }},
    {"lf_network_create", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       return create_and_destroy(context, layer_of(memory, 0), flags);
     }},
    {"lf_network_create, the layer's flags", LF_TRANSPOSE_B | LF_ELEMENTWISE,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       return create_and_destroy(context, layer_of(memory, flags), 0);
     }},
    {"lf_network_infer", 0,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       lf_network *network = nullptr;
       REQUIRE(create_network(context, layer_of(memory, 0), 0, &network) == LF_OK);
       const lanefold::InferenceNetwork owner(network);
       auto a = args<lf_network_infer_args>();
       a.flags = flags, a.m = m, a.x = memory.operand(0), a.ldx = k, a.y = memory.operand(2), a.ldy = n;
       return lf_network_infer(context, &a, network);
     }},
    {"batch_norm.flags of lf_dense_forward", LF_UNBIASED_RUNNING_VAR,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const lf_batch_norm norm = norm_of(memory, flags);
       auto a = forward_args(memory, LF_TRAINING);
       a.batch_norm = &norm;
       return lf_dense_forward(context, &a);
     }},
    {"batch_norm.flags of lf_dense_backward", LF_UNBIASED_RUNNING_VAR,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const lf_batch_norm norm = norm_of(memory, flags);
       auto a = backward_args(memory, nullptr, 0);
       a.batch_norm = &norm, a.z = memory.operand(4), a.ldz = n;
       a.dgamma = memory.operand(5), a.dbeta = memory.operand(6);
       return lf_dense_backward(context, &a);
     }},
    {"batch_norm.flags of lf_batch_norm_forward", LF_UNBIASED_RUNNING_VAR,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const lf_batch_norm norm = norm_of(memory, flags);
       auto a = args<lf_batch_norm_forward_args>();
       a.flags = LF_TRAINING, a.m = m, a.n = n, a.batch_norm = &norm;
       a.x = memory.operand(0), a.ldx = n, a.y = memory.operand(1), a.ldy = n;
       return lf_batch_norm_forward(context, &a);
     }},
    {"batch_norm.flags of lf_batch_norm_merge", LF_UNBIASED_RUNNING_VAR,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const lf_batch_norm norm = norm_of(memory, flags);
       auto a = args<lf_batch_norm_merge_args>();
       a.n = n, a.blocks = 1, a.batch_rows = m, a.batch_norm = &norm;
       a.moments = memory.operand(0), a.merged = memory.operand(1);
       return lf_batch_norm_merge(context, &a);
     }},
    {"batch_norm.flags of lf_network_create", LF_UNBIASED_RUNNING_VAR,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       const lf_batch_norm norm = norm_of(memory, flags);
       auto layer = layer_of(memory, 0);
       layer.batch_norm = &norm;
       return create_and_destroy(context, layer, 0);
     }},
    {"lf_explain of lf_dense_forward", LF_TRAINING,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       return explain(context, memory, LF_OP_DENSE_FORWARD, forward_args(memory, flags));
     }},
    {"lf_explain of lf_sgemm", LF_TRANSPOSE_A | LF_TRANSPOSE_B,
     [](lf_context *context, Memory &memory, uint32_t flags) {
       return explain(context, memory, LF_OP_SGEMM, sgemm_args(memory, flags));
     }},
};

} // namespace

TEST_CASE("every flag has one bit of its own") {
  uint32_t seen = 0;
  for (const uint32_t flag : {LF_TRANSPOSE_A, LF_TRANSPOSE_B, LF_TRAINING, LF_UNBIASED_RUNNING_VAR, LF_UPDATE_PACKED,
                              LF_QUIET, LF_LOGARITHM, LF_ELEMENTWISE, LF_BATCH_STATISTICS, LF_SECOND_PASS}) {
    CHECK(flag != 0);
    CHECK((flag & (flag - 1)) == 0);
    CHECK((flag & seen) == 0);
    seen |= flag;
  }
}

TEST_CASE("a call refuses every flag that it does not know, and writes nothing") {
  const Context context;
  for (const Call &call : calls) {
    CAPTURE(call.name);
    for (int bit = 0; bit < 32; ++bit) {
      const uint32_t flag = 1u << bit;
      if ((flag & call.accepted) != 0) continue;
      Memory memory, before;
      CAPTURE(bit);
      CHECK(call.run(context.get(), memory, flag) == LF_UNSUPPORTED);
      CHECK(std::string(lf_last_error(context.get())).find("flags has unknown bits") != std::string::npos);
      CHECK(std::memcmp(&memory, &before, sizeof memory) == 0);
      // A flag that the call knows does not hide one that it does not.
      CHECK(call.run(context.get(), memory, flag | call.accepted) == LF_UNSUPPORTED);
      CHECK(std::memcmp(&memory, &before, sizeof memory) == 0);
    }
  }
}

TEST_CASE("a call takes the flags that it knows, one by one and together") {
  const Context context;
  for (const Call &call : calls) {
    CAPTURE(call.name);
    for (uint32_t flags = 0; flags < 2 * LF_SECOND_PASS; ++flags) {
      if ((flags & ~call.accepted) != 0) continue;
      if (call.exclusive != 0 && (flags & call.exclusive) == call.exclusive) continue;
      Memory memory, before;
      CAPTURE(flags);
      CHECK(call.run(context.get(), memory, flags) == LF_OK);
      // The calls that only make an object write into none of this memory.
      const std::string name = call.name;
      if (name.find("create") == std::string::npos && name != "lf_pack_weights")
        CHECK(std::memcmp(&memory, &before, sizeof memory) != 0);
    }
  }
}

TEST_CASE("the options of a context have the flag LF_QUIET and no other") {
  for (int bit = 0; bit < 32; ++bit) {
    auto options = args<lf_context_options>();
    options.flags = 1u << bit;
    lf_context *context = nullptr;
    const bool is_known = options.flags == LF_QUIET;
    CHECK(lf_context_create(&options, &context) == (is_known ? LF_OK : LF_UNSUPPORTED));
    CHECK((context != nullptr) == is_known);
    lf_context_destroy(context);
  }
}
