// Trains a network of two dense layers to tell whether a point lies inside a circle.  Then it uses the network for
// inference: the batch normalization is folded into the weights, and the weights are packed.
// Compile it against an installed Lanefold: c++ -std=c++17 training.cpp $(pkg-config --cflags --libs lanefold)
#include <lanefold/lanefold.hpp>

#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

namespace {

constexpr int64_t samples = 512, hidden = 32, classes = 2;

// Points in [-1, 1] x [-1, 1]; the label is 1 inside a circle that covers half of the square.
struct Points {
  std::vector<float> x;
  std::vector<int32_t> labels;

  explicit Points(unsigned seed) {
    std::mt19937 bits(seed);
    for (int64_t i = 0; i < samples; ++i) {
      for (int j = 0; j < 2; ++j) x.push_back(static_cast<float>(bits()) * 0x1p-31f - 1);
      labels.push_back(std::hypot(x[x.size() - 2], x.back()) < 0.8f);
    }
  }
  lanefold::ConstMatrix view() const { return {x.data(), samples, 2}; }
};

} // namespace

int main() try {
  const lanefold::Context context;
  const Points points(1), others(2);
  std::vector<float> z(samples * hidden), y(z.size()), dy(z.size()), logits(samples * classes), dlogits(logits.size());
  const lanefold::Matrix z_view{z.data(), samples, hidden}, y_view{y.data(), samples, hidden};
  const lanefold::Matrix dy_view{dy.data(), samples, hidden}, logits_view{logits.data(), samples, classes};
  const lanefold::Matrix dlogits_view{dlogits.data(), samples, classes};

  lanefold::NetworkBuilder network(2);
  network.normalized(hidden, {LF_ELU, 1}).dense(classes);
  lanefold::DenseLayer &first = network.layers()[0], &second = network.layers()[1];
  std::mt19937 bits(3);
  for (lanefold::DenseLayer *layer : {&first, &second})
    for (float &w : layer->w) w = static_cast<float>(bits()) * 0x1p-31f - 1;
  lanefold::DenseGradients first_gradients(first), second_gradients(second);

  const lanefold::UpdateRule sgd{LF_SGD, 0.5f};
  float loss = 0;
  for (int step = 0; step < 300; ++step) {
    context.dense_forward(points.view(), first, y_view, z_view, LF_TRAINING);
    context.dense_forward(y_view, second, logits_view);
    loss = context.softmax_cross_entropy(logits_view, points.labels, dlogits_view);
    context.dense_backward({y_view, {}, logits_view}, second, dlogits_view, second_gradients.view(dy_view));
    context.dense_backward({points.view(), z_view, y_view}, first, dy_view, first_gradients);
    context.optimizer_step(sgd, first.w, first_gradients.dw);
    context.optimizer_step(sgd, first.batch_norm->gamma, first_gradients.dgamma);
    context.optimizer_step(sgd, first.batch_norm->beta, first_gradients.dbeta);
    context.optimizer_step(sgd, second.w, second_gradients.dw);
    context.optimizer_step(sgd, second.bias, second_gradients.dbias);
  }

  const lanefold::InferenceNetwork folded = network.build(context);
  context.network_infer(others.view(), folded, logits_view);
  const int64_t correct = context.top_k_correct(logits_view, others.labels);
  std::printf("%s: loss %g, %d of %d new points are right\n", context.isa().c_str(), static_cast<double>(loss),
              static_cast<int>(correct), static_cast<int>(samples));
  return correct > samples * 9 / 10 ? 0 : 1;
} catch (const lanefold::Error &error) {
  std::fprintf(stderr, "training: %s\n", error.what());
  return 1;
}
