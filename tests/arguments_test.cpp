// Bad arguments of every public call: the right status, a message that names the argument, and not one byte written.
// Each operation has one good call, and a list of what can be wrong with it.
#include <doctest/doctest.h>

#include <lanefold/lanefold.hpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr int64_t huge = int64_t{1} << 61;
const float not_a_number = std::numeric_limits<float>::quiet_NaN();
const float infinity = std::numeric_limits<float>::infinity();

// All memory of one call: 16 floats for each operand, filled with a pattern that must still be there after an error.
struct Memory {
  Memory() {
    for (std::size_t i = 0; i < 16 * 16; ++i) floats[i] = 1 + 0.001f * static_cast<float>(i);
  }
  float *operand(int i) { return floats + 16 * i; }
  float floats[16 * 16];
  int32_t labels[4] = {0, 1, 2, 0};
  int64_t hits = -7;
};

// A good call with m = 4, n = 3, k = 2, and its nested struct.
template <class Args> struct Good {
  Memory memory;
  Args args = lanefold::args<Args>();
  lf_batch_norm norm = lanefold::args<lf_batch_norm>();
};

template <class Args> struct Fault {
  const char *named; // part of the message
  lf_status status;
  std::function<void(Good<Args> &)> make;
};

template <class Args> using Call = std::function<lf_status(lf_context *, const Args *)>;

// Checks that each fault alone is found.
template <class Args>
void check_faults(const Call<Args> &call, void (*prepare)(Good<Args> &), const std::vector<Fault<Args>> &faults) {
  const lanefold::Context context;
  const std::vector<Fault<Args>> general = {
      {"struct_size is 4", LF_INVALID_ARGUMENT, [](auto &g) { g.args.struct_size = 4; }},
      {"struct_size is 4294967295", LF_INVALID_ARGUMENT, [](auto &g) { g.args.struct_size = UINT32_MAX; }},
      {"flags", LF_UNSUPPORTED, [](auto &g) { g.args.flags |= 1u << 31; }},
  };
  for (const auto *list : {&general, &faults}) {
    for (const Fault<Args> &fault : *list) {
      Good<Args> good;
      prepare(good);
      fault.make(good);
      Memory before;
      std::memcpy(&before, &good.memory, sizeof before);
      const lf_status status = call(context.get(), &good.args);
      const std::string message = lf_last_error(context.get());
      CAPTURE(fault.named);
      CAPTURE(message);
      CHECK(status == fault.status);
      CHECK(message.find(fault.named) != std::string::npos);
      CHECK(message.starts_with("lf_"));
      CHECK(std::memcmp(&before, &good.memory, sizeof before) == 0);
    }
  }
  CHECK(call(context.get(), nullptr) == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(context.get())).find("args is NULL") != std::string::npos);
  Good<Args> good;
  CHECK(call(nullptr, &good.args) == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(nullptr)).find("context is NULL") != std::string::npos);
}

float *misaligned(const float *pointer) { return reinterpret_cast<float *>(reinterpret_cast<uintptr_t>(pointer) + 2); }

void prepare_norm(lf_batch_norm &norm, Memory &memory) {
  norm.eps = 1e-3f;
  norm.momentum = 0.9f;
  norm.gamma = memory.operand(8);
  norm.beta = memory.operand(9);
  norm.running_mean = memory.operand(10);
  norm.running_var = memory.operand(11);
  norm.mean = memory.operand(12);
  norm.inv_std = memory.operand(13);
}

// What can be wrong with the batch norm of any call.
template <class Args> std::vector<Fault<Args>> with_norm_faults(std::vector<Fault<Args>> faults) {
  const std::vector<Fault<Args>> more = {
      {"batch_norm.struct_size", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.struct_size = 0; }},
      {"batch_norm.flags", LF_UNSUPPORTED, [](auto &g) { g.norm.flags = 1; }},
      {"batch_norm.eps is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = 0; }},
      {"batch_norm.eps is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = -1; }},
      {"batch_norm.eps", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = not_a_number; }},
      {"batch_norm.eps", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.eps = infinity; }},
      {"batch_norm.gamma", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.gamma = nullptr; }},
      {"batch_norm.gamma", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.gamma = misaligned(g.norm.gamma); }},
  };
  faults.insert(faults.end(), more.begin(), more.end());
  return faults;
}

template <class Args> std::vector<Fault<Args>> with_training_faults(std::vector<Fault<Args>> faults) {
  const std::vector<Fault<Args>> more = {
      {"batch_norm.momentum", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.momentum = 1.5f; }},
      {"batch_norm.momentum", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.momentum = -0.1f; }},
      {"batch_norm.momentum", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.momentum = not_a_number; }},
      {"batch_norm.beta", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.beta = nullptr; }},
      {"batch_norm.running_var is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.running_var = nullptr; }},
      {"batch_norm.running_mean is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.running_mean = nullptr; }},
      {"batch_norm.inv_std is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.inv_std = nullptr; }},
      {"batch_norm.mean is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.mean = nullptr; }},
      {"batch_norm.inv_std overlaps", LF_INVALID_ARGUMENT, [](auto &g) { g.norm.inv_std = g.norm.mean + 1; }},
      {"batch_norm.running_mean overlaps batch_norm.gamma", LF_INVALID_ARGUMENT,
       [](auto &g) { g.norm.running_mean = const_cast<float *>(g.norm.gamma); }},
      {"batch_norm.running_var", LF_INVALID_ARGUMENT,
       [](auto &g) {
         g.args.flags = 0; // inference needs them
         g.norm.running_var = nullptr;
       }},
      {"variance of one sample", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = 1; }},
  };
  faults.insert(faults.end(), more.begin(), more.end());
  return with_norm_faults(faults);
}

template <class Args> std::vector<Fault<Args>> with_activation_faults(std::vector<Fault<Args>> faults) {
  const std::vector<Fault<Args>> more = {
      {"activation is 7, which is none of: LF_IDENTITY", LF_UNSUPPORTED, [](auto &g) { g.args.activation = 7; }},
      {"activation is -1", LF_UNSUPPORTED, [](auto &g) { g.args.activation = -1; }},
      {"alpha is -0.5", LF_INVALID_ARGUMENT, [](auto &g) { g.args.alpha = -0.5f; }},
      {"alpha", LF_INVALID_ARGUMENT, [](auto &g) { g.args.alpha = not_a_number; }},
      {"alpha", LF_INVALID_ARGUMENT,
       [](auto &g) {
         g.args.activation = LF_LEAKY_RELU;
         g.args.alpha = infinity;
       }},
  };
  faults.insert(faults.end(), more.begin(), more.end());
  return faults;
}

} // namespace

TEST_CASE("lf_sgemm finds bad arguments") {
  using Args = lf_sgemm_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.m = 4, g.args.n = 3, g.args.k = 2;
    g.args.alpha = 1;
    g.args.a = g.memory.operand(0), g.args.lda = 2;
    g.args.b = g.memory.operand(1), g.args.ldb = 3;
    g.args.c = g.memory.operand(2), g.args.ldc = 3;
  };
  check_faults<Args>(
      lf_sgemm, prepare,
      {
          {"m is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = -1; }},
          {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
          {"k is -9223372036854775808", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = INT64_MIN; }},
          {"a is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.a = nullptr; }},
          {"b is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.b = nullptr; }},
          {"c is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.c = nullptr; }},
          {"a is not aligned", LF_INVALID_ARGUMENT, [](auto &g) { g.args.a = misaligned(g.args.a); }},
          {"lda is 1, but a has 2 columns", LF_INVALID_ARGUMENT, [](auto &g) { g.args.lda = 1; }},
          {"lda is 2, but a has 4 columns", LF_INVALID_ARGUMENT, [](auto &g) { g.args.flags = LF_TRANSPOSE_A; }},
          {"ldb is 2, but b has 3 columns", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldb = 2; }},
          {"ldb is 1, but b has 2 columns", LF_INVALID_ARGUMENT,
           [](auto &g) {
             g.args.flags = LF_TRANSPOSE_B;
             g.args.ldb = 1;
           }},
          {"ldc is -3", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldc = -3; }},
          {"m is", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = huge; }},
          {"a is too large", LF_INVALID_ARGUMENT, [](auto &g) { g.args.lda = huge; }},
          {"c is too large", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldc = INT64_MAX; }},
          {"c overlaps a", LF_INVALID_ARGUMENT, [](auto &g) { g.args.c = const_cast<float *>(g.args.a) + 7; }},
          {"c overlaps b", LF_INVALID_ARGUMENT, [](auto &g) { g.args.c = const_cast<float *>(g.args.b); }},
      });
}

// The library looks at arguments that are surely right more quickly; a longer struct is never looked at in that way.
TEST_CASE("lf_sgemm judges a struct of its own length and a longer one alike") {
  struct Longer {
    lf_sgemm_args args;
    uint64_t unknown;
  };
  constexpr int64_t most_stride = (1 << 20) + 1, floats = 4 * most_stride;
  const std::unique_ptr<float, void (*)(void *)> memory(static_cast<float *>(std::calloc(floats, sizeof(float))),
                                                        std::free);
  REQUIRE(memory);
  const lanefold::Context context;
  std::mt19937 random(1);
  const auto one_of = [&](std::initializer_list<int64_t> values) { return values.begin()[random() % values.size()]; };
  const auto size = [&] { return one_of({1, 1, 2, 2, 3, 3, 3, 0, -1, (int64_t{1} << 47) + 1, INT64_MIN}); };
  const auto stride = [&] {
    return one_of({1, 2, 3, 3, 4, 5, 8, 0, -1, most_stride - 2, most_stride - 1, most_stride});
  };
  const auto pointer = [&]() -> float * {
    if (random() % 16 == 0) return nullptr;
    float *const p = memory.get() + one_of({0, 1, 2, 3, 4, 6, 8, 9, 16, 64, 256, 1024, most_stride});
    return random() % 16 == 0 ? misaligned(p) : p;
  };
  int right = 0, wrong = 0;
  for (int i = 0; i < 200000; ++i) {
    Longer longer{lanefold::args<lf_sgemm_args>(), 0};
    lf_sgemm_args &args = longer.args;
    args.flags = static_cast<uint32_t>(random() % 4) | (random() % 32 == 0 ? 4u : 0u);
    args.m = size(), args.n = size(), args.k = size();
    args.alpha = static_cast<float>(one_of({1, 1, 0})), args.beta = static_cast<float>(one_of({0, 1}));
    args.a = pointer(), args.lda = stride();
    args.b = pointer(), args.ldb = stride();
    args.c = pointer(), args.ldc = stride();
    const lf_status status = lf_sgemm(context.get(), &args);
    args.struct_size = sizeof longer;
    REQUIRE(lf_sgemm(context.get(), &args) == status);
    ++(status == LF_OK ? right : wrong);
  }
  CHECK(right > 2000);
  CHECK(wrong > 2000);
}

TEST_CASE("fields that this library does not know are refused, and zeros there are not") {
  const lanefold::Context context;
  struct {
    lf_sgemm_args args;
    int64_t newer;
  } longer = {lanefold::args<lf_sgemm_args>(), 0};
  longer.args.struct_size = sizeof longer;
  CHECK(lf_sgemm(context.get(), &longer.args) == LF_OK);
  longer.newer = 1;
  CHECK(lf_sgemm(context.get(), &longer.args) == LF_UNSUPPORTED);
  CHECK(std::string(lf_last_error(context.get())).find("args uses a field") != std::string::npos);
}

TEST_CASE("fields that a smaller struct does not have count as 0") {
  const lanefold::Context context;
  const float x[] = {1, 2};
  const int32_t label = 0;
  float loss = -1, gradient[] = {7, 7};
  auto args = lanefold::args<lf_softmax_cross_entropy_args>();
  args.m = 1, args.n = 2, args.x = x, args.ldx = 2, args.labels = &label, args.loss = &loss;
  args.dx = gradient, args.lddx = 2;
  args.struct_size = offsetof(lf_softmax_cross_entropy_args, dx);
  CHECK(lf_softmax_cross_entropy(context.get(), &args) == LF_OK);
  CHECK(loss == doctest::Approx(1.3132617));
  CHECK(gradient[0] == 7);
  args.struct_size = offsetof(lf_softmax_cross_entropy_args, loss);
  CHECK(lf_softmax_cross_entropy(context.get(), &args) == LF_INVALID_ARGUMENT);
  args.struct_size = offsetof(lf_softmax_cross_entropy_args, loss) + 4;
  CHECK(lf_softmax_cross_entropy(context.get(), &args) == LF_INVALID_ARGUMENT);
}

TEST_CASE("columns of one larger matrix may be operands of one call, if they are different columns") {
  const lanefold::Context context;
  std::vector<float> all(4 * 10, 1.0f);
  auto args = lanefold::args<lf_activation_forward_args>();
  args.m = 4, args.n = 4;
  args.activation = LF_RELU;
  args.ldx = args.ldy = 10;
  args.x = all.data();
  const auto status_at = [&](std::ptrdiff_t column) {
    args.y = all.data() + column;
    return lf_activation_forward(context.get(), &args);
  };
  CHECK(status_at(0) == LF_OK);
  for (const std::ptrdiff_t column : {1, 2, 3, 7, 8, 9}) CHECK(status_at(column) == LF_INVALID_ARGUMENT);
  args.m = 3;
  for (const std::ptrdiff_t column : {4, 5, 6, 14, 16}) CHECK(status_at(column) == LF_OK);
  args.ldy = 8;
  for (const std::ptrdiff_t column : {0, 4}) CHECK(status_at(column) == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(context.get())) == "lf_activation_forward: y overlaps x");
}

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
    g.args.folded_w = g.memory.operand(2), g.args.ldf = 3;
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
          {"ldf is 2, but folded_w has 3 columns", LF_INVALID_ARGUMENT, [](auto &g) { g.args.ldf = 2; }},
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

  using Infer = lf_dense_infer_args;
  const auto prepare_infer = [](Good<Infer> &g) {
    g.args.m = 4, g.args.n = 3, g.args.k = 2;
    g.args.x = g.memory.operand(0), g.args.ldx = 2;
    g.args.bias = g.memory.operand(1);
    g.args.activation = LF_ELU, g.args.alpha = 1;
    g.args.y = g.memory.operand(2), g.args.ldy = 3;
  };
  const lanefold::PackedWeights packed = context.pack_weights(good_pack.args);
  const auto infer = [&](lf_context *on, const Infer *args) { return lf_dense_infer(on, args, packed.get()); };
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

TEST_CASE("losses find bad arguments") {
  using Softmax = lf_softmax_cross_entropy_args;
  const auto prepare_softmax = [](Good<Softmax> &g) {
    g.args.m = 4, g.args.n = 3;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.labels = g.memory.labels;
    g.args.loss = g.memory.operand(1);
    g.args.dx = g.memory.operand(2), g.args.lddx = 3;
  };
  check_faults<Softmax>(lf_softmax_cross_entropy, prepare_softmax,
                        {
                            {"m is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.m = 0; }},
                            {"n is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = 0; }},
                            {"x is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.x = nullptr; }},
                            {"labels is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.labels = nullptr; }},
                            {"loss is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.loss = nullptr; }},
                            {"labels[2] is 3", LF_INVALID_ARGUMENT, [](auto &g) { g.memory.labels[2] = 3; }},
                            {"labels[3] is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.memory.labels[3] = -1; }},
                            {"lddx is 2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.lddx = 2; }},
                            {"dx overlaps loss", LF_INVALID_ARGUMENT, [](auto &g) { g.args.dx = g.args.loss - 3; }},
                            {"loss overlaps labels", LF_INVALID_ARGUMENT,
                             [](auto &g) { g.args.loss = reinterpret_cast<float *>(g.memory.labels + 1); }},
                        });
  using TopK = lf_top_k_hits_args;
  const auto prepare_top_k = [](Good<TopK> &g) {
    g.args.m = 4, g.args.n = 3, g.args.k = 2;
    g.args.x = g.memory.operand(0), g.args.ldx = 3;
    g.args.labels = g.memory.labels;
    g.args.hits = &g.memory.hits;
  };
  check_faults<TopK>(lf_top_k_hits, prepare_top_k,
                     {
                         {"k is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = 0; }},
                         {"k is 4, but must be in 1..n", LF_INVALID_ARGUMENT, [](auto &g) { g.args.k = 4; }},
                         {"hits is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.hits = nullptr; }},
                         {"hits is not aligned to 8", LF_INVALID_ARGUMENT,
                          [](auto &g) { g.args.hits = reinterpret_cast<int64_t *>(g.memory.labels + 1); }},
                         {"labels[0] is 9", LF_INVALID_ARGUMENT, [](auto &g) { g.memory.labels[0] = 9; }},
                     });
}

TEST_CASE("optimizers find bad arguments") {
  using Args = lf_optimizer_step_args;
  const auto prepare = [](Good<Args> &g) {
    g.args.n = 5;
    g.args.optimizer = LF_ADAM;
    g.args.w = g.memory.operand(0), g.args.g = g.memory.operand(1);
    g.args.v = g.memory.operand(2), g.args.s = g.memory.operand(3);
    g.args.learning_rate = 0.1f, g.args.momentum = 0.9f, g.args.beta2 = 0.999f, g.args.eps = 1e-8f;
    g.args.step = 1;
  };
  check_faults<Args>(
      lf_optimizer_step, prepare,
      {
          {"optimizer is 4, which is none of: LF_SGD", LF_UNSUPPORTED, [](auto &g) { g.args.optimizer = 4; }},
          {"reserved", LF_UNSUPPORTED, [](auto &g) { g.args.reserved = 1; }},
          {"n is -1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.n = -1; }},
          {"learning_rate is -0.1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.learning_rate = -0.1f; }},
          {"learning_rate", LF_INVALID_ARGUMENT, [](auto &g) { g.args.learning_rate = not_a_number; }},
          {"momentum is 1", LF_INVALID_ARGUMENT, [](auto &g) { g.args.momentum = 1; }},
          {"beta2", LF_INVALID_ARGUMENT, [](auto &g) { g.args.beta2 = -1; }},
          {"eps is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.eps = 0; }},
          {"step is 0", LF_INVALID_ARGUMENT, [](auto &g) { g.args.step = 0; }},
          {"w is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.w = nullptr; }},
          {"g is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.g = nullptr; }},
          {"v is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.v = nullptr; }},
          {"s is NULL", LF_INVALID_ARGUMENT, [](auto &g) { g.args.s = nullptr; }},
          {"s overlaps v", LF_INVALID_ARGUMENT, [](auto &g) { g.args.s = g.args.v + 4; }},
          {"w overlaps g", LF_INVALID_ARGUMENT, [](auto &g) { g.args.g = g.args.w; }},
      });
}

TEST_CASE("contexts find bad options") {
  struct Fault {
    const char *named;
    lf_status status;
    std::function<void(lf_context_options &, lf_executor &)> make;
  };
  const std::vector<Fault> faults = {
      {"options.struct_size", LF_INVALID_ARGUMENT, [](auto &o, auto &) { o.struct_size = 1; }},
      {"flags", LF_UNSUPPORTED, [](auto &o, auto &) { o.flags = 1; }},
      {"reserved", LF_UNSUPPORTED, [](auto &o, auto &) { o.reserved = 1; }},
      {"threads is -1", LF_INVALID_ARGUMENT, [](auto &o, auto &) { o.threads = -1; }},
      {"threads is 3, but executor.threads is 2", LF_INVALID_ARGUMENT, [](auto &o, auto &) { o.threads = 3; }},
      {"executor.struct_size", LF_INVALID_ARGUMENT, [](auto &, auto &e) { e.struct_size = 0; }},
      {"executor.threads is 0", LF_INVALID_ARGUMENT, [](auto &, auto &e) { e.threads = 0; }},
      {"executor.parallel_for is NULL", LF_INVALID_ARGUMENT, [](auto &, auto &e) { e.parallel_for = nullptr; }},
      {"isa is 'warp'", LF_NOT_FOUND, [](auto &o, auto &) { o.isa = "warp"; }},
  };
  for (const Fault &fault : faults) {
    auto options = lanefold::args<lf_context_options>();
    auto executor = lanefold::args<lf_executor>();
    executor.threads = 2;
    executor.parallel_for = [](void *, int64_t count, lf_task task, void *arg) {
      for (int64_t i = 0; i < count; ++i) task(arg, i);
    };
    options.executor = &executor;
    fault.make(options, executor);
    auto *context = reinterpret_cast<lf_context *>(&options);
    CAPTURE(fault.named);
    CHECK(lf_context_create(&options, &context) == fault.status);
    CHECK(context == nullptr);
    CHECK(std::string(lf_last_error(nullptr)).find(fault.named) != std::string::npos);
    CHECK(lf_enumerate_plugins(
              &options, [](void *, const lf_plugin_candidate *) {}, nullptr) == fault.status);
  }
  CHECK(lf_context_create(nullptr, nullptr) == LF_INVALID_ARGUMENT);
  CHECK(lf_enumerate_plugins(nullptr, nullptr, nullptr) == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(nullptr)) == "lf_enumerate_plugins: visit is NULL");
  lf_context_destroy(nullptr);
  CHECK(lf_context_threads(nullptr) == 0);
}

TEST_CASE("lf_explain finds bad sizes, flags and codes, and passes over pointers") {
  const lanefold::Context context;
  auto args = lanefold::args<lf_dense_forward_args>();
  args.m = 4, args.n = 3, args.k = 2;
  args.alpha = not_a_number;
  args.activation = LF_ELU;
  char text[200] = "";
  const auto status = [&] { return lf_explain(context.get(), LF_OP_DENSE_FORWARD, &args, text, sizeof text, nullptr); };
  CHECK(status() == LF_OK);
  CHECK(std::string(text).starts_with(context.isa()));
  uint64_t needed = 0;
  CHECK(lf_explain(context.get(), LF_OP_DENSE_FORWARD, &args, nullptr, 0, &needed) == LF_OK);
  CHECK(needed == std::strlen(text) + 1);
  CHECK(lf_explain(context.get(), LF_OP_DENSE_FORWARD, &args, nullptr, 1, nullptr) == LF_INVALID_ARGUMENT);
  args.activation = 99;
  CHECK(status() == LF_UNSUPPORTED);
  args.activation = LF_ELU;
  args.m = huge;
  CHECK(status() == LF_INVALID_ARGUMENT);
  CHECK(lf_explain(context.get(), -1, &args, text, sizeof text, nullptr) == LF_UNSUPPORTED);
  CHECK(lf_explain(context.get(), LF_OP_SGEMM, nullptr, text, sizeof text, nullptr) == LF_INVALID_ARGUMENT);
}
