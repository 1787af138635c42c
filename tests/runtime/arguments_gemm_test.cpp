// Bad arguments of lf_sgemm, and what holds for the structs and operands of every call.
#include "faults.hpp"

#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <random>

using namespace lanefold::test;

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

// The library has a quick way to accept arguments of ordinary sizes.  It does not take that way with a longer struct.
TEST_CASE("lf_sgemm gives a struct of its own length and a longer one the same status") {
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

TEST_CASE("a field that this library does not know is refused unless it is 0") {
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

TEST_CASE("a field that a smaller struct lacks counts as 0") {
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

TEST_CASE("different columns of one matrix may be the operands of one call") {
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
