// Dense layers: fused calls agree with separate calls bit for bit, forward and backward, with packed weights or without,
// on any number of threads.
#include "support/dense.hpp"
#include "support/reference.hpp"

#include <cstdlib>
#include <cstring>

using namespace lanefold;
using namespace lanefold::test;

namespace {

// The forward pass by separate calls.
void forward_unfused(const Context &context, Layer &layer, uint32_t flags) {
  PaddedMatrix &z = layer.z, &y = layer.y;
  if (layer.with_bias) z.fill([&](int64_t, int64_t j) { return layer.bias(0, j); });
  context.sgemm(layer.x, layer.w, z, 1, layer.with_bias ? 1.0f : 0.0f);
  if (layer.with_norm) context.batch_norm_forward(z, layer.norm_view(), y, flags);
  context.activation_forward({layer.activation, layer.alpha}, layer.with_norm ? y : z, y);
}

// The backward pass by separate calls: the activation, the normalization and the two products.
void backward_unfused(const Context &context, Layer &layer, const PaddedMatrix &dy, Gradients &g) {
  PaddedMatrix dz(dy.rows(), dy.columns()), x = layer.z; // x: the input of the activation
  if (layer.with_norm)
    x.fill([&](int64_t i, int64_t j) {
      return std::fma(layer.z(i, j) - layer.mean(0, j), layer.gamma(0, j) * layer.inv_std(0, j), layer.beta(0, j));
    });
  context.activation_backward({layer.activation, layer.alpha}, layer.y, dy, dz, x);
  if (layer.with_norm)
    context.batch_norm_backward(layer.z, layer.norm_view(), dz, dz, g.dgamma.vector(), g.dbeta.vector());
  context.sgemm(transpose(layer.x), dz, g.dw);
  context.sgemm(dz, transpose(layer.w), g.dx);
}

struct Shape {
  int64_t m, n, k;
};
constexpr Shape shapes[] = {{2, 1, 1},      {3, 5, 7},        {200, 10, 100},  {200, 100, 300}, {257, 33, 65},
                            {14, 32, 16},   {600, 300, 84},   {2500, 10, 20},  {1100, 130, 70}, {200, 300, 784},
                            {256, 64, 600}, {512, 100, 1100}, {513, 33, 1024}, {257, 300, 600}};

} // namespace

TEST_CASE("one fused call gives the bits of separate calls, whatever the activation, norm, bias and threads") {
  const Context one = context(1), three = context(3);
  Random random(21);
  int number = 0;
  for (const Shape &s : shapes)
    for (int variant = 0; variant < 8; ++variant, ++number) {
      if (passed_over()) continue;
      Layer fused(s.m, s.n, s.k, random, number % 3);
      fused.with_bias = variant & 1;
      fused.with_norm = variant & 2;
      const uint32_t flags = variant & 4 ? LF_TRAINING : 0;
      fused.activation = number % LF_ACTIVATION_COUNT;
      fused.alpha = 0.75f;
      Layer unfused = fused, parallel = fused;
      fused.forward(one, flags);
      forward_unfused(one, unfused, flags);
      parallel.forward(three, flags);
      CAPTURE(s.m);
      CAPTURE(s.n);
      CAPTURE(s.k);
      CAPTURE(variant);
      CAPTURE(activation_name(fused.activation));
      for (const Layer *other : {&unfused, &parallel}) {
        CHECK(differing(fused.y, other->y) == 0);
        CHECK(differing(fused.z, other->z) == 0);
        CHECK(differing(fused.mean, other->mean) == 0);
        CHECK(differing(fused.inv_std, other->inv_std) == 0);
        CHECK(differing(fused.running_mean, other->running_mean) == 0);
        CHECK(differing(fused.running_var, other->running_var) == 0);
      }
      CHECK(fused.y.gaps_untouched());
      CHECK(fused.z.gaps_untouched());

      if (fused.with_norm && flags == 0) continue; // inference has no batch statistics for a backward pass
      PaddedMatrix dy(s.m, s.n, number % 2);
      dy.random(random);
      Gradients g(fused, 1), separate(fused, 0), g3(fused, 2);
      backward(one, fused, dy, g);
      backward_unfused(one, fused, dy, separate);
      backward(three, fused, dy, g3);
      for (const Gradients *other : {&separate, &g3}) {
        CHECK(differing(g.dw, other->dw) == 0);
        CHECK(differing(g.dx, other->dx) == 0);
        CHECK(differing(g.dgamma, other->dgamma) == 0);
        CHECK(differing(g.dbeta, other->dbeta) == 0);
      }
      CHECK(differing(g.dbias, g3.dbias) == 0);
      CHECK(g.dw.gaps_untouched());
      CHECK(g.dx.gaps_untouched());
    }
}

TEST_CASE("without z the forward pass gives the same y") {
  const Context one = context(1);
  Random random(22);
  Layer kept(200, 100, 30, random, 0);
  kept.with_norm = true;
  Layer dropped = kept;
  kept.forward(one, LF_TRAINING);
  one.dense_forward(dropped.x, dropped.view(), dropped.y, {}, LF_TRAINING);
  CHECK(differing(kept.y, dropped.y) == 0);
}

TEST_CASE("packed weights give the bits of the unpacked layer, for any batch, transposed or not, in any context") {
  const Context one = context(1), three = context(3);
  Random random(23);
  for (const Shape &s :
       {Shape{1, 300, 784}, {2, 10, 100}, {5, 33, 17}, {16, 64, 64}, {200, 100, 300}, {1100, 10, 1500}, {3, 7, 0}}) {
    Layer layer(s.m, s.n, s.k, random, 1);
    layer.with_bias = true;
    layer.forward(one, 0);
    PaddedMatrix transposed(s.n, s.k, 1);
    transposed.fill([&](int64_t i, int64_t j) { return layer.w(j, i); });
    for (const bool transpose : {false, true}) {
      const PackedWeights packed = pack(one, transpose ? transposed : layer.w, transpose);
      for (const Context *context : {&one, &three}) {
        Layer inferred = layer;
        inferred.y.nan();
        inferred.infer(*context, packed);
        CHECK(differing(inferred.y, layer.y) == 0);
        CHECK(inferred.y.gaps_untouched());
      }
    }
  }
}

TEST_CASE("the stride of a single row may be any number") {
  constexpr int64_t n = 37, any = INT64_MAX;
  const Context context;
  Random random(9);
  PaddedMatrix x(1, 1), w(1, n), dy(1, n), expected(1, n), y(1, n), dw(1, n), expected_dw(1, n), dx(1, 1),
      expected_dx(1, 1);
  x.random(random), w.random(random), dy.random(random);
  const auto run = [&](int64_t ldx, int64_t ldn, PaddedMatrix &out, PaddedMatrix &out_dw, PaddedMatrix &out_dx) {
    auto product = args<lf_sgemm_args>();
    product.m = product.k = 1, product.n = n, product.alpha = 1;
    product.a = x.data(), product.lda = ldx, product.b = w.data(), product.ldb = ldn;
    product.c = out.data(), product.ldc = ldn;
    context.sgemm(product);
    auto forward = args<lf_dense_forward_args>();
    forward.m = forward.k = 1, forward.n = n;
    forward.x = x.data(), forward.ldx = ldx, forward.w = w.data(), forward.ldw = ldn;
    PaddedMatrix same(1, n);
    forward.y = same.data(), forward.ldy = ldn;
    context.dense_forward(forward);
    CHECK(differing(same, out) == 0);
    auto pack = args<lf_pack_weights_args>();
    pack.k = 1, pack.n = n, pack.w = w.data(), pack.ldw = ldn;
    const PackedWeights packed = context.pack_weights(pack);
    auto infer = args<lf_dense_infer_args>();
    infer.m = infer.k = 1, infer.n = n, infer.x = x.data(), infer.ldx = ldx, infer.y = same.data(), infer.ldy = ldn;
    same.nan();
    context.dense_infer(infer, packed);
    CHECK(differing(same, out) == 0);
    auto backward = args<lf_dense_backward_args>();
    backward.m = backward.k = 1, backward.n = n;
    backward.x = x.data(), backward.ldx = ldx, backward.w = w.data(), backward.ldw = ldn;
    backward.dy = dy.data(), backward.lddy = ldn;
    backward.dw = out_dw.data(), backward.lddw = ldn, backward.dx = out_dx.data(), backward.lddx = ldx;
    context.dense_backward(backward);
  };
  run(1, n, expected, expected_dw, expected_dx);
  run(any, any, y, dw, dx);
  CHECK(differing(y, expected) == 0);
  CHECK(differing(dw, expected_dw) == 0);
  CHECK(differing(dx, expected_dx) == 0);
}

TEST_CASE("every other operation accepts any stride for a single row") {
  constexpr int64_t n = 37;
  const Context context;
  Random random(10);
  std::vector<float> in(n), dy(n);
  for (float &x : in) x = random.uniform(-2, 2);
  for (float &x : dy) x = random.uniform(-2, 2);
  const std::vector<uint8_t> bytes(n, 7);
  const std::vector<int32_t> labels{3};
  BatchNorm norm(n);
  norm.running_mean[5] = 0.25f;
  const BatchNormView view = norm.view();
  const lf_batch_norm c_view = view.c_struct();
  const PackedWeights packed = context.pack_weights(ConstMatrix(in.data(), 1, n));
  // Returns the results of all operations on one row with this stride.
  const auto results = [&](int64_t stride) {
    std::vector<std::vector<float>> all;
    const auto row = [&] { return Matrix(all.emplace_back(n).data(), 1, n, stride); };
    const ConstMatrix x(in.data(), 1, n, stride), gradient(dy.data(), 1, n, stride), scalar(dy.data(), 1, 1, stride);
    context.gather(ByteMatrix(bytes.data(), 1, n, stride), nullptr, 255, row());
    context.batch_norm_forward(x, view, row());
    std::vector<float> folded_bias(n);
    context.fold_batch_norm(x, nullptr, view, row(), folded_bias);
    all.push_back(folded_bias);
    const Matrix dx = row();
    all.push_back({context.softmax_cross_entropy(x, labels, dx)});
    all.push_back({static_cast<float>(context.top_k_correct(x, labels, 5))});
    context.unpack_weights(packed, row());
    // The transpose of n x 1 weights is one row.
    const PackedWeights transposed = context.pack_weights(transpose(x));
    std::vector<float> column(n);
    context.unpack_weights(transposed, Matrix(column.data(), n, 1));
    all.push_back(column);
    for (int32_t code = 0; code < LF_ACTIVATION_COUNT; ++code) {
      const Activation activation{code, 0.5f};
      context.activation_forward(activation, x, row());
      context.activation_backward(activation, x, gradient, row(), x);
      context.dense_infer(scalar, packed, nullptr, activation, row());
      auto layer = args<lf_dense_forward_args>();
      layer.m = layer.k = 1, layer.n = n, layer.x = dy.data(), layer.ldx = stride, layer.w = in.data();
      layer.ldw = stride, layer.batch_norm = &c_view, layer.activation = code, layer.alpha = 0.5f;
      const Matrix y = row(), z = row();
      layer.y = y.data, layer.ldy = stride, layer.z = z.data, layer.ldz = stride;
      context.dense_forward(layer);
    }
    return all;
  };
  CHECK(results(INT64_MAX) == results(n));
}

TEST_CASE("an empty batch has zero gradients") {
  const Context one = context(1);
  Random random(24);
  Layer layer(0, 5, 4, random, 0);
  layer.with_bias = true;
  PaddedMatrix dy(0, 5);
  Gradients g(layer, 0);
  backward(one, layer, dy, g);
  for (int64_t j = 0; j < 5; ++j) {
    CHECK(g.dbias(0, j) == 0.0f);
    CHECK(g.dw(3, j) == 0.0f);
  }
}

TEST_CASE("the backward pass updates the weights with the bits of an optimizer's step, after dx has been computed") {
  const Context one = context(1), three = context(3);
  Random random(27);
  for (const Shape &s : {Shape{2, 1, 1}, {200, 100, 300}, {33, 17, 65}, {1100, 10, 40}, {2, 300, 784}, {64, 33, 700}})
    for (const bool with_norm : {false, true})
      for (const bool keeps_dw : {false, true})
        for (const Context *context : {&one, &three}) {
          Layer layer(s.m, s.n, s.k, random, 2);
          layer.with_norm = with_norm;
          layer.forward(one, LF_TRAINING);
          PaddedMatrix dy(s.m, s.n);
          dy.random(random);
          Gradients expected(layer, 1), g(layer, 1);
          backward(one, layer, dy, expected);
          PaddedMatrix w = layer.w;
          for (int64_t i = 0; i < s.k; ++i) {
            auto step = args<lf_optimizer_step_args>();
            step.optimizer = LF_SGD, step.n = s.n, step.learning_rate = 0.3f;
            step.w = w.data() + i * w.stride(), step.g = expected.dw.data() + i * expected.dw.stride();
            one.optimizer_step(step);
          }
          GradientView gradients = g.view(layer);
          if (!keeps_dw) gradients.dw = {};
          context->dense_backward_and_update({layer.x, layer.z, layer.y}, layer.view(), dy, gradients, 0.3f);
          CAPTURE(layer);
          CHECK(differing(layer.w, w) == 0);
          CHECK(layer.w.gaps_untouched());
          CHECK(differing(g.dx, expected.dx) == 0);
          if (keeps_dw) CHECK(differing(g.dw, expected.dw) == 0);
        }
}

TEST_CASE("weights that stay packed train with the bits of those that do not, and unpack to them") {
  const Context one = context(1), three = context(3);
  Random random(28);
  for (const Shape &s : {Shape{2, 1, 1},
                         {200, 100, 300},
                         {3, 65, 90},
                         {6, 40, 33},
                         {33, 17, 65},
                         {1100, 10, 40},
                         {64, 33, 700},
                         {20, 1100, 31},
                         {300, 784, 50}})
    for (const bool with_norm : {false, true})
      for (const Context *context : {&one, &three}) {
        if (passed_over()) continue;
        Layer plain(s.m, s.n, s.k, random, 2);
        plain.with_norm = with_norm, plain.with_bias = true;
        Layer layer = plain;
        PackedWeights packed = pack(*context, layer.w, false);
        layer.w.nan(); // no call reads it
        PaddedMatrix dy(s.m, s.n);
        dy.random(random);
        Gradients expected(plain, 1), g(layer, 1);
        CAPTURE(layer);
        for (int step = 0; step < 2; ++step) {
          plain.forward(one, LF_TRAINING);
          backward(one, plain, dy, expected, 0.3f);
          layer.forward(*context, LF_TRAINING, packed.get());
          backward(*context, layer, dy, g, 0.3f, packed.get());
          CHECK(differing(layer.y, plain.y) == 0);
          CHECK(differing(layer.z, plain.z) == 0);
          CHECK(differing(g.dx, expected.dx) == 0);
          CHECK(differing(g.dgamma, expected.dgamma) == 0);
        }
        CHECK(differing(g.dw, Gradients(layer, 1).dw) == 0); // no call writes it
        one.unpack_weights(packed, layer.w);
        CHECK(differing(layer.w, plain.w) == 0);
        CHECK(layer.w.gaps_untouched());
      }
}

namespace {

// The number of rows of a task of dw, as lf_explain states it.
int64_t rows_of_a_task(const Context &context, lf_dense_backward_args a) {
  char text[400];
  REQUIRE(lf_explain(context.get(), LF_OP_DENSE_BACKWARD, &a, text, sizeof text, nullptr) == LF_OK);
  const char *at = std::strstr(text, "tasks of ");
  REQUIRE(at != nullptr);
  return std::strtoll(at + 9, nullptr, 10);
}

} // namespace

TEST_CASE("an update without dw gives the weights of an update with dw, however few rows the last task has") {
  Random random(91);
  for (const int threads : {1, 2}) {
    const Context context = lanefold::test::context(threads);
    for (const int64_t m : {64, 200, 256, 512})
      for (const int64_t n : {10, 128, 300}) {
        if (passed_over()) continue;
        auto a = args<lf_dense_backward_args>();
        a.m = m, a.n = n, a.ldw = a.lddy = a.lddw = n, a.learning_rate = 0.3f;
        a.k = a.ldx = 4000;
        const int64_t rows = rows_of_a_task(context, a);
        for (int64_t rest = 0; rest <= 16; ++rest) {
          a.k = a.ldx = rows + rest;
          PaddedMatrix x(m, a.k), dy(m, n), w(a.k, n), dw(a.k, n), updated(a.k, n), alone(a.k, n);
          x.random(random), dy.random(random), w.random(random);
          a.x = x.data(), a.dy = dy.data(), a.w = w.data();
          a.dw = dw.data(), a.updated_w = updated.data();
          context.dense_backward(a);
          a.dw = nullptr, a.updated_w = alone.data();
          context.dense_backward(a);
          CAPTURE(threads);
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(a.k);
          CHECK(differing(alone, updated) == 0);
          a.updated_w = nullptr;
        }
      }
  }
}
