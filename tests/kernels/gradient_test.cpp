// Central differences, in double, of whole small networks confirm every gradient for each activation, with batch
// normalization and without.  They confirm the gradient of each loss, too.
#include "support/reference.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

constexpr int64_t batch = 9, sizes[] = {6, 7, 4};
constexpr float eps = 1e-3f;

// Two dense layers, the second without an activation, under softmax cross-entropy.
struct Net {
  PaddedMatrix x{batch, sizes[0]};
  PaddedMatrix w[2] = {PaddedMatrix(sizes[0], sizes[1]), PaddedMatrix(sizes[1], sizes[2])};
  PaddedMatrix bias[2] = {PaddedMatrix(1, sizes[1]), PaddedMatrix(1, sizes[2])};
  PaddedMatrix gamma[2] = {PaddedMatrix(1, sizes[1]), PaddedMatrix(1, sizes[2])};
  PaddedMatrix beta[2] = {PaddedMatrix(1, sizes[1]), PaddedMatrix(1, sizes[2])};
  std::vector<int32_t> labels;
  bool with_norm;
  int32_t activation;
  float alpha = 0.8f;

  Net(bool norm, int32_t code, Random &random) : with_norm(norm), activation(code) {
    x.random(random);
    for (int layer = 0; layer < 2; ++layer) {
      w[layer].random(random);
      bias[layer].random(random);
      gamma[layer].random(random, 0.5f, 1.5f);
      beta[layer].random(random);
    }
    for (int64_t i = 0; i < batch; ++i) labels.push_back(static_cast<int32_t>(random.below(sizes[2])));
  }
};

// The loss in double, with `step` added to one element of one parameter.
double loss(const Net &net, const PaddedMatrix *parameter = nullptr, int64_t row = 0, int64_t column = 0,
            double step = 0) {
  const auto value = [&](const PaddedMatrix &m) {
    Doubles d(m);
    if (&m == parameter) d(row, column) += step;
    return d;
  };
  Doubles y = value(net.x);
  for (int layer = 0; layer < 2; ++layer) {
    Doubles z = product(y, value(net.w[layer]));
    if (net.with_norm) z = normalized(z, value(net.gamma[layer]), value(net.beta[layer]), eps);
    else {
      const Doubles bias = value(net.bias[layer]);
      for (int64_t i = 0; i < z.rows; ++i)
        for (int64_t j = 0; j < z.columns; ++j) z(i, j) += bias(0, j);
    }
    y = z;
    if (layer == 0)
      for (double &v : y.values) v = activate(net.activation, net.alpha, v);
  }
  return cross_entropy(y, net.labels);
}

double largest_of(const PaddedMatrix &gradient) {
  double largest = 0;
  for (int64_t i = 0; i < gradient.rows(); ++i)
    for (int64_t j = 0; j < gradient.columns(); ++j) largest = std::max<double>(largest, std::fabs(gradient(i, j)));
  return largest;
}

// Compares a gradient with central differences.  `scale` is the largest gradient of the network.
void check_gradient(const Net &net, const PaddedMatrix &parameter, const PaddedMatrix &gradient, double scale,
                    const std::string &name) {
  for (int64_t i = 0; i < gradient.rows(); ++i)
    for (int64_t j = 0; j < gradient.columns(); ++j) {
      constexpr double h = 1e-6;
      const double exact = (loss(net, &parameter, i, j, h) - loss(net, &parameter, i, j, -h)) / (2 * h);
      CAPTURE(name);
      CAPTURE(i);
      CAPTURE(j);
      // The error is relative to the element, or to a hundredth of the largest gradient where the element is nearly 0.
      // A shift before batch normalization, for example, has no gradient at all.
      CHECK(std::fabs(gradient(i, j) - exact) <= 1e-3 * std::max(std::fabs(exact), 0.01 * scale));
    }
}

} // namespace

TEST_CASE("every gradient of a small network agrees with central differences") {
  const Context one = context(1);
  Random random(31);
  for (int32_t code = 0; code < LF_ACTIVATION_COUNT; ++code)
    for (const bool with_norm : {false, true}) {
      CAPTURE(activation_name(code));
      CAPTURE(with_norm);
      Net net(with_norm, code, random);
      PaddedMatrix z[2] = {PaddedMatrix(batch, sizes[1]), PaddedMatrix(batch, sizes[2])}, y[2] = {z[0], z[1]},
                   dy[2] = {z[0], z[1]};
      PaddedMatrix mean[2] = {net.bias[0], net.bias[1]}, inv_std[2] = {net.bias[0], net.bias[1]};
      PaddedMatrix dw[2] = {net.w[0], net.w[1]}, dbias[2] = {net.bias[0], net.bias[1]},
                   dgamma[2] = {net.bias[0], net.bias[1]}, dbeta[2] = {net.bias[0], net.bias[1]};
      PaddedMatrix dx = net.x;
      LayerView views[2];
      const PaddedMatrix *input[2] = {&net.x, &y[0]};
      for (int layer = 0; layer < 2; ++layer) {
        auto bn = args<lf_batch_norm>();
        bn.eps = eps, bn.gamma = net.gamma[layer].data(), bn.beta = net.beta[layer].data();
        bn.mean = mean[layer].data(), bn.inv_std = inv_std[layer].data();
        views[layer] = {net.w[layer], nullptr, {}, {layer == 0 ? code : LF_IDENTITY, net.alpha}};
        if (with_norm) views[layer].batch_norm = BatchNormView(bn, net.w[layer].columns());
        else views[layer].bias = net.bias[layer].vector();
        one.dense_forward(*input[layer], views[layer], y[layer], z[layer], LF_TRAINING);
      }
      const float value = one.softmax_cross_entropy(y[1], net.labels, dy[1]);
      CHECK(value == doctest::Approx(loss(net)).epsilon(1e-5));
      for (int layer = 1; layer >= 0; --layer) {
        GradientView gradients{dw[layer], nullptr, nullptr, nullptr, layer == 0 ? dx : dy[0]};
        if (with_norm) gradients.dgamma = dgamma[layer].vector(), gradients.dbeta = dbeta[layer].vector();
        else gradients.dbias = dbias[layer].vector();
        one.dense_backward({*input[layer], z[layer], y[layer]}, views[layer], dy[layer], gradients);
      }
      const double scale = std::max({largest_of(dw[0]), largest_of(dw[1]), largest_of(dx)});
      check_gradient(net, net.x, dx, scale, "dx");
      for (int layer = 0; layer < 2; ++layer) {
        check_gradient(net, net.w[layer], dw[layer], scale, "dw");
        if (with_norm) {
          check_gradient(net, net.gamma[layer], dgamma[layer], scale, "dgamma");
          check_gradient(net, net.beta[layer], dbeta[layer], scale, "dbeta");
        } else {
          check_gradient(net, net.bias[layer], dbias[layer], scale, "dbias");
        }
      }
    }
}

TEST_CASE("the gradient of each loss agrees with central differences, with weights and without") {
  const Context one = context(1);
  Random random(37);
  constexpr int64_t m = 5, n = 19;
  constexpr double h = 1e-6;
  for (const bool weighted : {false, true}) {
    std::vector<float> weights;
    for (int64_t i = 0; weighted && i < m; ++i) weights.push_back(random.uniform(0, 2));
    PaddedMatrix x(m, n), targets(m, n), dx(m, n);
    x.random(random, -3, 3), targets.random(random, 0, 1);
    for (int32_t code = 0; code < LF_LOSS_COUNT; ++code) {
      const Loss loss{code, 0.7f};
      one.elementwise_loss(loss, x, targets, dx, weights);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          const double t = targets(i, j), weight = weighted ? weights[static_cast<size_t>(i)] : 1;
          const double exact = weight * (loss_of(loss, x(i, j) + h, t) - loss_of(loss, x(i, j) - h, t)) / (2 * h);
          CAPTURE(loss_name(code));
          CHECK(std::fabs(dx(i, j) * (m * n) - exact) <= 1e-5);
        }
    }
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < m; ++i) labels.push_back(static_cast<int32_t>(random.below(n)));
    one.softmax_cross_entropy(x, labels, dx, weights);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        const auto moved = [&](double step) {
          Doubles at(x);
          at(i, j) += step;
          return cross_entropy(at, labels, weights);
        };
        CHECK(std::fabs(dx(i, j) - (moved(h) - moved(-h)) / (2 * h)) <= 1e-6);
      }
  }
}
