// Folded networks are one call, others one for each layer.
#include "trainer/network/inference.hpp"

#include <algorithm>

namespace lanefold::trainer {

Inference::Inference(const Context &context, Network &network)
    : context_(context), network_(network), outputs_(network.layers.size()) {
  if (network.description.batch_norm()) return;
  std::vector<lf_network_layer> layers;
  for (const Layer &layer : network.layers) {
    auto &a = layers.emplace_back(args<lf_network_layer>());
    a.n = layer.n, a.k = layer.k;
    a.w = layer.w.data(), a.ldw = layer.n, a.bias = layer.bias.data();
    const LayerDescription &description = network.description.layers[layers.size() - 1];
    a.activation = description.activation, a.alpha = description.alpha;
  }
  auto a = args<lf_network_args>();
  a.count = static_cast<int64_t>(layers.size()), a.layers = layers.data();
  packed_ = context.make_network(a);
}

const float *Inference::logits(const float *x, int64_t m) {
  const auto output = [&](size_t i) {
    std::vector<float> &y = outputs_[i];
    y.resize(std::max(y.size(), static_cast<size_t>(m * network_.layers[i].n)));
    return y.data();
  };
  if (packed_) {
    const size_t last = network_.layers.size() - 1;
    auto a = args<lf_network_infer_args>();
    a.m = m, a.x = x, a.ldx = network_.layers[0].k;
    a.y = output(last), a.ldy = network_.outputs();
    context_.network_infer(a, *packed_);
    return a.y;
  }
  for (size_t i = 0; i < network_.layers.size(); ++i) {
    Layer &layer = network_.layers[i];
    const LayerDescription &description = network_.description.layers[i];
    lf_batch_norm bn{};
    auto a = args<lf_dense_forward_args>();
    a.m = m, a.n = layer.n, a.k = layer.k;
    a.x = x, a.ldx = layer.k, a.w = layer.w.data(), a.ldw = layer.n;
    if (description.batch_norm) {
      bn = network_.batch_norm(i);
      a.batch_norm = &bn;
    } else {
      a.bias = layer.bias.data();
    }
    a.activation = description.activation, a.alpha = description.alpha;
    a.y = output(i), a.ldy = layer.n;
    context_.dense_forward(a);
    x = a.y;
  }
  return x;
}

int64_t correct_predictions(const Context &context, const float *logits, int64_t m, int64_t n, const int32_t *labels, int64_t k) {
  int64_t count = 0;
  auto a = args<lf_top_k_correct_args>();
  a.m = m, a.n = n, a.k = k;
  a.x = logits, a.ldx = n, a.labels = labels, a.correct = &count;
  context.top_k_correct(a);
  return count;
}

float cross_entropy(const Context &context, const float *logits, int64_t m, int64_t n, const int32_t *labels,
                    float *dx) {
  float loss = 0;
  auto a = args<lf_softmax_cross_entropy_args>();
  a.m = m, a.n = n;
  a.x = logits, a.ldx = n, a.labels = labels, a.loss = &loss;
  a.dx = dx, a.lddx = n;
  context.softmax_cross_entropy(a);
  return loss;
}

Evaluation evaluate(const Context &context, Network &network, const Images &images, int64_t k) {
  const int64_t n = network.outputs();
  Inference inference(context, network);
  Batch batch;
  Evaluation result;
  result.confusion.resize(static_cast<size_t>(classes * n));
  int64_t right = 0, among_k = 0;
  for (int64_t first = 0; first < images.count(); first += evaluation_rows) {
    const int64_t rows = std::min(evaluation_rows, images.count() - first);
    gather(context, images, nullptr, first, rows, batch);
    const float *logits = inference.logits(batch.x.data(), rows);
    const int32_t *labels = batch.labels.data();
    right += correct_predictions(context, logits, rows, n, labels, 1);
    if (k > 1) among_k += correct_predictions(context, logits, rows, n, labels, k);
    result.loss += cross_entropy(context, logits, rows, n, labels, nullptr) * static_cast<double>(rows);
    for (int64_t i = 0; i < rows; ++i)
      ++result.confusion[static_cast<size_t>(labels[i] * n + largest(logits + i * n, n))];
  }
  const auto count = static_cast<double>(images.count());
  result.loss /= count;
  result.accuracy = static_cast<double>(right) / count;
  result.top_k_accuracy = static_cast<double>(k > 1 ? among_k : right) / count;
  return result;
}

int32_t largest(const float *logits, int64_t n) {
  return static_cast<int32_t>(std::max_element(logits, logits + n) - logits);
}

} // namespace lanefold::trainer
