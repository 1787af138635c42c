// lanefold.hpp, compiled as C++17: its calls give the bits of the C calls, views that do not fit each other are
// refused, and layers and networks own their memory.
#include <doctest/doctest.h>

#include <lanefold/lanefold.hpp>

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace lanefold;
using Floats = std::vector<float>;

constexpr int64_t m = 7, n = 5, k = 3;

// The same numbers for the same seed, between -1 and 1.
Floats numbers(int64_t count, unsigned seed) {
  Floats values;
  uint32_t state = seed * 2654435761u + 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    values.push_back(static_cast<float>(state >> 8) * 0x1p-23f - 1);
  }
  return values;
}

bool same_bits(const Floats &one, const Floats &other) {
  return one.size() == other.size() &&
         (one.empty() || std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0);
}

// The message of the Error that a call throws; "" if it throws none.
template <class Run> std::string error_of(const Run &run, lf_status status = LF_INVALID_ARGUMENT) {
  try {
    run();
  } catch (const Error &error) {
    CHECK(error.status == status);
    return error.what();
  }
  return "";
}

DenseLayer some_layer(int64_t inputs, int64_t outputs, Activation activation, bool with_batch_norm, unsigned seed) {
  DenseLayer layer(inputs, outputs, activation, with_batch_norm);
  layer.w = numbers(inputs * outputs, seed);
  if (!with_batch_norm) {
    layer.bias = numbers(outputs, seed + 1);
    return layer;
  }
  layer.batch_norm->gamma = numbers(outputs, seed + 2), layer.batch_norm->beta = numbers(outputs, seed + 3);
  layer.batch_norm->running_mean = numbers(outputs, seed + 4);
  for (float &variance : layer.batch_norm->running_var) variance = 1.5f;
  return layer;
}

} // namespace

TEST_CASE("a view tells rows from strides, and a constant one can be made of a mutable one") {
  Floats values = numbers(20, 1);
  const Matrix whole(values.data(), 4, 5), part(values.data() + 1, 4, 3, 5);
  CHECK(whole.stride == 5);
  CHECK(&part(2, 1) == values.data() + 12);
  const ConstMatrix rows = part.row_range(1, 2);
  CHECK(rows.data == values.data() + 6);
  CHECK(rows.rows == 2);
  CHECK(rows.columns == 3);
  CHECK(rows.stride == 5);
  CHECK(Matrix().data == nullptr);
  static_assert(std::is_convertible_v<Matrix, ConstMatrix>);
  static_assert(!std::is_convertible_v<ConstMatrix, Matrix>);
  static_assert(!std::is_convertible_v<ByteMatrix, ConstMatrix>);
}

TEST_CASE("sgemm takes sizes, strides and transposes from its views") {
  const Context context(1);
  const Floats a = numbers(m * (k + 1), 1), b = numbers(n * k, 2);
  Floats c = numbers(m * n, 3), expected = c;
  auto call = args<lf_sgemm_args>();
  call.flags = LF_TRANSPOSE_B, call.m = m, call.n = n, call.k = k, call.alpha = 0.5f, call.beta = 2;
  call.a = a.data(), call.lda = k + 1, call.b = b.data(), call.ldb = k, call.c = expected.data(), call.ldc = n;
  context.sgemm(call);
  context.sgemm(ConstMatrix(a.data(), m, k, k + 1), transpose({b.data(), n, k}), {c.data(), m, n}, 0.5f, 2);
  CHECK(same_bits(c, expected));

  const Floats at = numbers(k * m, 4);
  call.flags = LF_TRANSPOSE_A | LF_TRANSPOSE_B, call.alpha = 1, call.beta = 0, call.a = at.data(), call.lda = m;
  context.sgemm(call);
  context.sgemm(transpose({at.data(), k, m}), transpose({b.data(), n, k}), {c.data(), m, n});
  CHECK(same_bits(c, expected));
}

TEST_CASE("views that do not fit each other are refused before the call, and named") {
  const Context context(1);
  Floats values = numbers(100, 1);
  const Floats before = values;
  const Matrix a(values.data(), 2, 3), b(values.data() + 10, 3, 4), c(values.data() + 30, 2, 4);
  const auto refused = [&](const Operand &x, const Operand &y, Matrix z) {
    return error_of([&] { context.sgemm(x, y, z); });
  };
  CHECK(refused(a, b, c) == "");
  CHECK(refused(a, transpose(b), c) == "columns of a and rows of b differ: 3 and 4");
  CHECK(refused(a, b, c.row_range(0, 1)) == "rows of a and c differ: 2 and 1");
  CHECK(refused(a, b, {c.data, 2, 3, 4}) == "columns of b and c differ: 4 and 3");
  DenseLayer layer(3, 4);
  CHECK(error_of([&] { context.dense_forward(b, layer, c); }) == "columns of x and rows of w differ: 4 and 3");
  CHECK(error_of([&] { context.dense_forward(a.row_range(0, 1), layer, c); }) == "rows of x and y differ: 1 and 2");
  CHECK(error_of([&] { context.activation_forward({LF_RELU}, a, c); }) == "columns of x and y differ: 3 and 4");
  // What the library itself refuses keeps its message.
  CHECK(error_of([&] {
          context.activation_forward({LF_ELU, -1}, a, a);
        }) == "lf_activation_forward: alpha is -1, but must be at least 0 and finite");
  values.resize(before.size());
}

TEST_CASE("a dense layer gives the bits of the C calls, in inference and in training") {
  const Context context(1);
  const Floats x = numbers(m * k, 1), dy = numbers(m * n, 2);
  for (const bool with_batch_norm : {false, true}) {
    CAPTURE(with_batch_norm);
    DenseLayer layer = some_layer(k, n, {LF_ELU, 0.5f}, with_batch_norm, 10), twin = layer;
    for (const uint32_t flags : {uint32_t{0}, LF_TRAINING}) {
      Floats y(m * n), z(m * n), expected_y(m * n), expected_z(m * n);
      lf_batch_norm norm{};
      if (with_batch_norm) norm = twin.batch_norm->view().c_struct();
      auto call = args<lf_dense_forward_args>();
      call.flags = flags, call.m = m, call.n = n, call.k = k, call.x = x.data(), call.ldx = k;
      call.w = twin.w.data(), call.ldw = n, call.bias = with_batch_norm ? nullptr : twin.bias.data();
      call.batch_norm = with_batch_norm ? &norm : nullptr, call.activation = LF_ELU, call.alpha = 0.5f;
      call.z = expected_z.data(), call.ldz = n, call.y = expected_y.data(), call.ldy = n;
      context.dense_forward(call);
      context.dense_forward({x.data(), m, k}, layer, {y.data(), m, n}, {z.data(), m, n}, flags);
      CHECK(same_bits(y, expected_y));
      CHECK(same_bits(z, expected_z));
      if (!flags) {
        const DenseLayer &constant = layer;
        Floats again(m * n);
        context.dense_forward({x.data(), m, k}, constant, {again.data(), m, n});
        CHECK(same_bits(again, y));
        continue;
      }
      if (with_batch_norm) CHECK(same_bits(layer.batch_norm->running_var, twin.batch_norm->running_var));

      DenseGradients gradients(layer), wanted(twin);
      Floats dx(m * k), wanted_dx(m * k);
      auto back = args<lf_dense_backward_args>();
      back.m = m, back.n = n, back.k = k, back.x = x.data(), back.ldx = k, back.w = twin.w.data(), back.ldw = n;
      back.batch_norm = call.batch_norm, back.activation = LF_ELU, back.alpha = 0.5f;
      back.z = z.data(), back.ldz = n, back.y = y.data(), back.ldy = n, back.dy = dy.data(), back.lddy = n;
      back.dw = wanted.dw.data(), back.lddw = n, back.dx = wanted_dx.data(), back.lddx = k;
      if (with_batch_norm) back.dgamma = wanted.dgamma.data(), back.dbeta = wanted.dbeta.data();
      else back.dbias = wanted.dbias.data();
      context.dense_backward(back);
      const ForwardPass forward{{x.data(), m, k}, {z.data(), m, n}, {y.data(), m, n}};
      context.dense_backward(forward, layer, {dy.data(), m, n}, gradients.view({dx.data(), m, k}));
      CHECK(same_bits(gradients.dw, wanted.dw));
      CHECK(same_bits(gradients.dbias, wanted.dbias));
      CHECK(same_bits(gradients.dgamma, wanted.dgamma));
      CHECK(same_bits(gradients.dbeta, wanted.dbeta));
      CHECK(same_bits(dx, wanted_dx));

      // Plain SGD in the same call, on w and on packed weights.
      PackedWeights packed = context.pack_weights(Operand(layer.weights()));
      LayerView in_panels = layer.view();
      in_panels.packed = packed.get();
      context.dense_backward_and_update(forward, in_panels, {dy.data(), m, n}, gradients, 0.25f);
      context.dense_backward_and_update(forward, layer, {dy.data(), m, n}, gradients, 0.25f);
      Floats unpacked(k * n);
      context.unpack_weights(packed, {unpacked.data(), k, n});
      CHECK(same_bits(unpacked, layer.w));
      CHECK(!same_bits(layer.w, twin.w));
      CHECK(layer.w[0] == std::fma(-0.25f, gradients.dw[0], twin.w[0]));
    }
  }
}

TEST_CASE("batch normalization, its folding and activations take views") {
  const Context context(1);
  const Floats x = numbers(m * n, 1), dy = numbers(m * n, 2);
  DenseLayer layer = some_layer(k, n, {}, true, 20);
  BatchNorm &norm = *layer.batch_norm;
  Floats y(m * n), dx(m * n), dgamma(n), dbeta(n);
  context.batch_norm_forward({x.data(), m, n}, norm.view(), {y.data(), m, n}, LF_TRAINING);
  for (int64_t j = 0; j < n; ++j) {
    double mean = 0;
    for (int64_t i = 0; i < m; ++i) mean += static_cast<double>(x[static_cast<size_t>(i * n + j)]) / m;
    CHECK(norm.mean[static_cast<size_t>(j)] == doctest::Approx(mean).epsilon(1e-5));
  }
  context.batch_norm_backward({x.data(), m, n}, norm.view(), {dy.data(), m, n}, {dx.data(), m, n}, dgamma, dbeta);
  double sum = 0;
  for (int64_t i = 0; i < m; ++i) sum += static_cast<double>(dy[static_cast<size_t>(i * n)]);
  CHECK(dbeta[0] == doctest::Approx(sum).epsilon(1e-5));

  const Floats inputs = numbers(m * k, 3);
  const DenseLayer folded = context.fold(layer);
  CHECK(!folded.batch_norm);
  Floats normalized(m * n), plain(m * n);
  context.dense_forward({inputs.data(), m, k}, std::as_const(layer), {normalized.data(), m, n});
  context.dense_forward({inputs.data(), m, k}, folded, {plain.data(), m, n});
  for (size_t i = 0; i < plain.size(); ++i)
    CHECK(static_cast<double>(plain[i]) == doctest::Approx(normalized[i]).epsilon(1e-4));

  context.activation_forward({LF_RELU}, {x.data(), m, n}, {y.data(), m, n});
  context.activation_backward({LF_RELU}, {y.data(), m, n}, {dy.data(), m, n}, {dx.data(), m, n});
  for (size_t i = 0; i < x.size(); ++i) {
    CHECK(y[i] == (x[i] > 0 ? x[i] : 0));
    CHECK(dx[i] == (x[i] > 0 ? dy[i] : 0));
  }
}

TEST_CASE("loss, correct predictions and gathered bytes are returned") {
  const Context context(1);
  const Floats x = {1, 3, 2, /**/ 5, 4, 6};
  const int32_t labels[] = {1, 0};
  CHECK(context.top_k_correct({x.data(), 2, 3}, labels) == 1);
  CHECK(context.top_k_correct({x.data(), 2, 3}, labels, 2) == 2);
  Floats dx(6);
  const float loss = context.softmax_cross_entropy({x.data(), 2, 3}, labels, {dx.data(), 2, 3});
  CHECK(loss == context.softmax_cross_entropy({x.data(), 2, 3}, labels));
  CHECK(loss ==
        doctest::Approx((std::log(1 + std::exp(-1) + std::exp(-2)) + std::log(1 + std::exp(1) + std::exp(-1))) / 2));
  CHECK(dx[1] < 0);
  const float weights[] = {2, 0};
  const float weighted = context.softmax_cross_entropy({x.data(), 2, 3}, labels, {dx.data(), 2, 3}, weights);
  CHECK(weighted == doctest::Approx(std::log(1 + std::exp(-1) + std::exp(-2))));
  CHECK(dx[3] == 0);
  const uint8_t bytes[] = {0, 51, 102, 153, 204, 255};
  const uint32_t rows[] = {2, 0};
  Floats y(4);
  context.gather({bytes, 3, 2}, rows, 255, {y.data(), 2, 2});
  CHECK(y == Floats{0.8f, 1, 0, 0.2f});
}

TEST_CASE("elementwise losses return the mean and write the gradient, with the bits of the C call") {
  const Context context(1);
  const Floats x = {1, 3, 2, /**/ 5, 4, 6}, targets = {1, 2, 4, /**/ 5, 5, 5};
  Floats dx(6), by_struct(6);
  const float weights[] = {1, 3};
  CHECK(context.elementwise_loss({}, {x.data(), 2, 3}, {targets.data(), 2, 3}, {dx.data(), 2, 3}) ==
        doctest::Approx(7.0 / 6));
  CHECK(dx[1] == doctest::Approx(2.0 / 6));
  CHECK(context.elementwise_loss({LF_ABSOLUTE_ERROR}, {x.data(), 2, 3}, {targets.data(), 2, 3}, {}, weights) ==
        doctest::Approx(9.0 / 6));
  const float loss = context.elementwise_loss({LF_HUBER_ERROR, 1.5f}, {x.data(), 2, 3}, {targets.data(), 2, 3},
                                              {dx.data(), 2, 3}, weights);
  CHECK(loss == doctest::Approx((0.5 + 1.5 * (2 - 0.75) + 3 * (0.5 + 0.5)) / 6));
  float same = 0;
  auto call = args<lf_elementwise_loss_args>();
  call.function = LF_HUBER_ERROR, call.delta = 1.5f, call.m = 2, call.n = 3, call.x = x.data(), call.ldx = 3;
  call.targets = targets.data(), call.ldtargets = 3, call.weights = weights, call.loss = &same;
  call.dx = by_struct.data(), call.lddx = 3;
  context.elementwise_loss(call);
  CHECK(loss == same);
  CHECK(dx == by_struct);
}

TEST_CASE("dropout keeps or drops each element, with the bits of the C call, in place or not") {
  const Context context(1);
  Floats x(200, 1.5f), y(200), by_struct(200);
  const Dropout dropout{0.25f, 7, 1, 3};
  context.dropout(dropout, {x.data(), 2, 100}, {y.data(), 2, 100});
  int dropped = 0;
  for (const float value : y) {
    CHECK((value == 0 || value == 2));
    dropped += value == 0;
  }
  CHECK(dropped > 25);
  CHECK(dropped < 80);
  auto call = args<lf_dropout_args>();
  call.m = 2, call.n = 100, call.x = x.data(), call.ldx = 100, call.y = by_struct.data(), call.ldy = 100;
  call.rate = 0.25f, call.seed = 7, call.stream = 1, call.first_row = 3;
  context.dropout(call);
  CHECK(y == by_struct);
  context.dropout(dropout, {x.data(), 2, 100}, {x.data(), 2, 100});
  CHECK(x == y);
}

TEST_CASE("statistics, sums and losses of two parts have the bits of the C calls on the whole batch") {
  const Context context(1);
  const Floats x = numbers(m * n, 4), dy = numbers(m * n, 5);
  BatchNorm whole(n), norm(n);
  whole.momentum = norm.momentum = 0.75f;
  auto view = lanefold::args<lf_batch_norm>();
  view.eps = whole.eps, view.momentum = whole.momentum, view.gamma = whole.gamma.data(), view.beta = whole.beta.data();
  view.running_mean = whole.running_mean.data(), view.running_var = whole.running_var.data();
  view.mean = whole.mean.data(), view.inv_std = whole.inv_std.data();
  Floats y(m * n), same_y(m * n), dx(m * n), same_dx(m * n), dgamma(n), dbeta(n);
  auto forward = args<lf_batch_norm_forward_args>();
  forward.flags = LF_TRAINING, forward.m = m, forward.n = n, forward.batch_norm = &view;
  forward.x = x.data(), forward.ldx = n, forward.y = y.data(), forward.ldy = n;
  forward.activation = LF_ELU, forward.alpha = 0.5f;
  context.batch_norm_forward(forward);
  auto backward = args<lf_batch_norm_backward_args>();
  backward.m = m, backward.n = n, backward.x = x.data(), backward.ldx = n, backward.dy = dy.data(), backward.lddy = n;
  backward.dx = dx.data(), backward.lddx = n, backward.batch_norm = &view;
  backward.dgamma = dgamma.data(), backward.dbeta = dbeta.data();
  context.batch_norm_backward(backward);

  Floats moments(3 * n), merged(3 * n), sums(4 * n), losses(m), total(2);
  const std::pair<int64_t, int64_t> parts[] = {{0, 3}, {3, m}};
  const auto rows = [](auto &of, std::pair<int64_t, int64_t> part) {
    return MatrixView<std::remove_reference_t<decltype(of[0])>>{of.data() + part.first * n, part.second - part.first,
                                                                n};
  };
  for (const bool is_second : {false, true})
    for (const auto &part : parts) context.batch_norm_moments({part.first, m}, rows(x, part), moments, is_second);
  const BatchNormView statistics(norm);
  context.batch_norm_merge(0, m, moments, merged, &statistics);
  for (const auto &part : parts) {
    context.batch_norm_forward(rows(x, part), statistics, rows(same_y, part), LF_BATCH_STATISTICS, {LF_ELU, 0.5f});
    context.column_sums({part.first, m}, rows(dy, part), sums, rows(x, part), statistics);
  }
  CHECK(same_bits(norm.mean, whole.mean));
  CHECK(same_bits(norm.inv_std, whole.inv_std));
  CHECK(same_bits(norm.running_mean, whole.running_mean));
  CHECK(same_bits(norm.running_var, whole.running_var));
  CHECK(same_bits(same_y, y));
  CHECK(same_bits(Floats(sums.begin(), sums.begin() + n), dbeta));
  CHECK(same_bits(Floats(sums.begin() + 2 * n, sums.begin() + 3 * n), dgamma));
  const Floats given_dgamma = dgamma;
  for (const auto &part : parts)
    context.batch_norm_backward(rows(x, part), statistics, rows(dy, part), rows(same_dx, part), dgamma, dbeta, m);
  CHECK(same_bits(same_dx, dx));
  CHECK(same_bits(dgamma, given_dgamma));

  const std::vector<int32_t> labels = {0, 1, 2, 3, 4, 0, 1};
  const float loss = context.softmax_cross_entropy({x.data(), m, n}, labels, {dx.data(), m, n});
  for (const auto &[begin, end] : parts) {
    const Vector here(losses.data() + begin, end - begin);
    context.softmax_cross_entropy(rows(x, {begin, end}), {labels.data() + begin, end - begin},
                                  rows(same_dx, {begin, end}), {}, here, m);
    context.column_sums({begin, m}, {here.data, here.size, 1}, total);
  }
  CHECK(total[0] / static_cast<float>(m) == loss);
  CHECK(same_bits(same_dx, dx));
}

TEST_CASE("a part of a batch states its batch, and its arrays have the sizes of its blocks") {
  const Context context(1);
  CHECK(Part{0, 600}.blocks(256) == 1);
  CHECK(Part{0, 600}.blocks(257) == 2);
  CHECK(Part{255, 600}.blocks(2) == 2);
  CHECK(Part{256, 600}.blocks(256) == 1);
  CHECK(Part{300, 600}.blocks(0) == 0);
  Floats x(2 * n), moments(3 * n), more(6 * n), some(4);
  BatchNorm norm(n);
  const Matrix matrix(x.data(), 2, n);
  CHECK(error_of([&] {
          context.batch_norm_moments({0, 2}, matrix, more);
        }) == "elements of moments and of the moments of all blocks differ: 30 and 15");
  context.batch_norm_moments({255, 257}, matrix, more);
  CHECK(error_of([&] { context.batch_norm_merge(0, 2, moments, some); }) ==
        "elements of merged and 3 times the columns differ: 4 and 3");
  CHECK(error_of([&] { context.batch_norm_merge(0, 2, some, moments); }).find("elements of moments") == 0);
  CHECK(error_of([&] { context.column_sums({0, 2}, matrix, some); }).find("elements of sums and of all sums") == 0);
  // The rows of the batch decide nothing but the size of the batch: 0 is not the whole batch, and never overwrites.
  Floats dgamma = numbers(n, 1), dbeta = numbers(n, 2), before = dgamma;
  const BatchNormView view(norm);
  CHECK(error_of([&] {
          context.batch_norm_backward(matrix, view, matrix, matrix, dgamma, dbeta, 0);
        }).find("batch_rows is 0") != std::string::npos);
  CHECK(same_bits(dgamma, before));
}

TEST_CASE("a network builder owns its layers, and builds what they compute one after the other") {
  const Context context(1);
  const Floats x = numbers(m * k, 1);
  NetworkBuilder builder(k);
  builder.normalized(6, {LF_ELU, 1}).dense(n, {LF_TANH});
  REQUIRE(builder.layers().size() == 2);
  CHECK(builder.layers()[1].inputs == 6);
  builder.layers()[0] = some_layer(k, 6, {LF_ELU, 1}, true, 30);
  builder.layers()[1] = some_layer(6, n, {LF_TANH}, false, 40);
  Floats y(m * n), between(m * 6), expected(m * n), packed_y(m * n);
  const InferenceNetwork network = [&] {
    NetworkBuilder moved = std::move(builder); // its arrays move along
    builder = moved;
    return moved.build(context);
  }();
  context.network_infer({x.data(), m, k}, network, {y.data(), m, n});
  const DenseLayer first = context.fold(builder.layers()[0]), &second = builder.layers()[1];
  context.dense_forward({x.data(), m, k}, first, {between.data(), m, 6});
  context.dense_forward({between.data(), m, 6}, second, {expected.data(), m, n});
  CHECK(same_bits(y, expected));
  const PackedWeights packed = context.pack_weights(Operand(second.weights()));
  context.dense_infer({between.data(), m, 6}, packed, second.bias, second.activation, {packed_y.data(), m, n});
  CHECK(same_bits(packed_y, expected));
  CHECK(error_of([&] { (void)NetworkBuilder(3).dense(4).append(DenseLayer(5, 2)).build(context); }) ==
        "layer 1: inputs is 5; expected 4, the outputs of the layer before");
  CHECK(error_of([&] { (void)NetworkBuilder(3).append(DenseLayer(5, 2)).build(context); }) ==
        "layer 0: inputs is 5; expected 3, the inputs of the network");
  CHECK(error_of([&] { DenseLayer(-1, 2); }) == "a size is -1 x 2; expected 0 to 2^47 elements");
  CHECK(error_of([&] { DenseLayer(int64_t{1} << 40, int64_t{1} << 30); }) ==
        "a size is 1099511627776 x 1073741824; expected 0 to 2^47 elements");
  // Vectors that somebody has resized are not read.
  DenseLayer resized = second;
  resized.w.pop_back();
  CHECK(error_of([&] { (void)context.make_network({resized}); }) ==
        "lf_network_create, layer 0: w is NULL, but has 6 x 5 elements");
  resized.w.resize(2), resized.outputs = 3, resized.inputs = 6148914691236517206; // 3 * inputs is 2^64 + 2
  CHECK(resized.weights().data == nullptr);
  CHECK(std::as_const(resized).view().w.data == nullptr);
  resized = second, resized.bias.pop_back();
  CHECK(error_of([&] {
          (void)context.make_network({second, resized});
        }) == "layer 1: elements of bias and columns of w differ: 4 and 5");
  DenseLayer normalized = builder.layers()[0];
  normalized.batch_norm->running_mean.pop_back();
  CHECK(error_of([&] { (void)context.make_network({normalized}); }) ==
        "layer 0: elements of running_mean and columns differ: 5 and 6");
  // Numbers of layers that cannot be, and sizes that somebody has changed, are errors too.
  const InferenceLayer one_layer = second;
  CHECK(error_of([&] { (void)context.make_network(VectorView<const InferenceLayer>(&one_layer, -1)); }) ==
        "lf_network_create: count is -1, but must be at least 1");
  CHECK(error_of([&] { (void)context.make_network(VectorView<const InferenceLayer>(nullptr, 3)); }) ==
        "lf_network_create: layers is NULL");
  normalized.inputs = -1;
  CHECK(context.nothrow().fold(normalized).status() == LF_INVALID_ARGUMENT);
  PackedWeights weights = context.pack_weights(Operand(second.weights()));
  LayerView with_packed = builder.layers()[1].view();
  with_packed.packed = weights.get();
  CHECK(error_of(
            [&] {
              (void)context.make_network({builder.layers()[0], with_packed});
            },
            LF_UNSUPPORTED) == "layer 1 has packed weights; unpack them first");
}
