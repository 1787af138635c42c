// Folded networks are one call, others one for each layer.
#include "inference.hpp"

#include <algorithm>

namespace lanefold::trainer {

Inference::Inference(const Context &context, Network &network)
    : context_(context), network_(network), outputs_(network.layers.size()) {
  if (network.description.batch_norm) return;
  std::vector<lf_network_layer> layers;
  for (const Layer &layer : network.layers) {
    auto &a = layers.emplace_back(args<lf_network_layer>());
    a.n = layer.n, a.k = layer.k;
    a.w = layer.w.data(), a.ldw = layer.n, a.bias = layer.bias.data();
    a.activation = network.description.activation_of(static_cast<int64_t>(layers.size()) - 1);
    a.alpha = network.description.alpha;
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
  const Description &description = network_.description;
  for (size_t i = 0; i < network_.layers.size(); ++i) {
    Layer &layer = network_.layers[i];
    const lf_batch_norm bn = network_.batch_norm(layer);
    auto a = args<lf_dense_forward_args>();
    a.m = m, a.n = layer.n, a.k = layer.k;
    a.x = x, a.ldx = layer.k, a.w = layer.w.data(), a.ldw = layer.n;
    a.batch_norm = &bn;
    a.activation = description.activation_of(static_cast<int64_t>(i)), a.alpha = description.alpha;
    a.y = output(i), a.ldy = layer.n;
    context_.dense_forward(a);
    x = a.y;
  }
  return x;
}

int64_t hits(const Context &context, const float *logits, int64_t m, int64_t n, const int32_t *labels) {
  int64_t count = 0;
  auto a = args<lf_top_k_hits_args>();
  a.m = m, a.n = n, a.k = 1;
  a.x = logits, a.ldx = n, a.labels = labels, a.hits = &count;
  context.top_k_hits(a);
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

Evaluation evaluate(const Context &context, Network &network, const Images &images) {
  constexpr int64_t most_rows = 500;
  Inference inference(context, network);
  Batch batch;
  Evaluation result;
  int64_t right = 0;
  for (int64_t first = 0; first < images.count(); first += most_rows) {
    const int64_t rows = std::min(most_rows, images.count() - first);
    gather(images, nullptr, first, rows, batch);
    const float *logits = inference.logits(batch.x.data(), rows);
    right += hits(context, logits, rows, network.outputs(), batch.labels.data());
    result.loss += cross_entropy(context, logits, rows, network.outputs(), batch.labels.data(), nullptr) *
                   static_cast<double>(rows);
  }
  result.loss /= static_cast<double>(images.count());
  result.accuracy = static_cast<double>(right) / static_cast<double>(images.count());
  return result;
}

int32_t largest(const float *logits, int64_t n) {
  return static_cast<int32_t>(std::max_element(logits, logits + n) - logits);
}

} // namespace lanefold::trainer
