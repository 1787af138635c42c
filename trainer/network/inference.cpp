// A folded network takes one call of the library.  Other networks take one for each layer.
#include "trainer/network/inference.hpp"

#include <algorithm>

namespace lanefold::trainer {

Inference::Inference(const Context &context, Network &network) : context_(context), features_(network.features()) {
  if (network.input_norm) input_norm_ = &*network.input_norm;
  if (network.description.batch_norm()) {
    network_ = &network;
    for (const DenseLayer &layer : network.layers) widths_.push_back(layer.outputs);
  } else {
    packed_ = context.make_network(std::vector<InferenceLayer>(network.layers.begin(), network.layers.end()));
    widths_ = {network.outputs()};
  }
  outputs_.resize(widths_.size());
}

Inference::Inference(const Context &context, InferenceNetwork network, int64_t features, int64_t outputs)
    : context_(context), packed_(std::move(network)), features_(features), widths_{outputs}, outputs_(1) {}

const float *Inference::outputs_of(const float *x, int64_t m) {
  ConstMatrix input(x, m, features_);
  if (input_norm_ != nullptr) {
    standardized_.resize(std::max(standardized_.size(), static_cast<size_t>(m * features_)));
    const Matrix y(standardized_.data(), m, features_);
    context_.batch_norm_forward(input, input_norm_->view(), y);
    input = y;
  }
  for (size_t i = 0; i < widths_.size(); ++i) {
    outputs_[i].resize(std::max(outputs_[i].size(), static_cast<size_t>(m * widths_[i])));
    const Matrix y(outputs_[i].data(), m, widths_[i]);
    if (packed_) context_.network_infer(input, *packed_, y);
    else context_.dense_forward(input, network_->layers[i], y);
    input = y;
  }
  return input.data;
}

Evaluation evaluate(const Context &context, Network &network, const Samples &images, int64_t k) {
  Inference inference(context, network);
  return evaluate(context, inference, images, k);
}

Evaluation evaluate(const Context &context, Inference &inference, const Samples &images, int64_t k) {
  const int64_t n = inference.outputs();
  Batch batch;
  Evaluation result;
  result.confusion.resize(static_cast<size_t>(n * n));
  int64_t right = 0, among_k = 0;
  for (int64_t first = 0; first < images.count(); first += evaluation_rows) {
    const int64_t rows = std::min(evaluation_rows, images.count() - first);
    gather(context, images, nullptr, first, rows, batch);
    const float *logits = inference.outputs_of(batch.x.data(), rows);
    const std::vector<int32_t> &labels = batch.labels;
    const ConstMatrix y(logits, rows, n);
    right += context.top_k_correct(y, labels);
    if (k > 1) among_k += context.top_k_correct(y, labels, k);
    result.loss += context.softmax_cross_entropy(y, labels) * static_cast<double>(rows);
    for (int64_t i = 0; i < rows; ++i)
      if (const int32_t predicted = largest(logits + i * n, n); predicted >= 0)
        ++result.confusion[static_cast<size_t>(labels[static_cast<size_t>(i)] * n + predicted)];
  }
  const auto count = static_cast<double>(images.count());
  result.loss /= count;
  result.accuracy = static_cast<double>(right) / count;
  result.top_k_accuracy = static_cast<double>(k > 1 ? among_k : right) / count;
  return result;
}

int32_t largest(const float *logits, int64_t n) {
  int64_t best = -1;
  for (int64_t j = 0; j < n; ++j)
    if (logits[j] == logits[j] && (best < 0 || logits[j] > logits[best])) best = j;
  return static_cast<int32_t>(best);
}

} // namespace lanefold::trainer
