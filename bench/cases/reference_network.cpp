// The forward pass in double, and conversions.
#include "reference_network.hpp"

#include <lanefold/optimizer.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace lanefold::bench {
namespace {

trainer::Description description_of(Kind kind) {
  trainer::Description description = trainer::reference_network(ReferenceNetwork::features);
  for (trainer::LayerDescription &layer : description.layers) {
    layer.batch_norm = kind.batch_norm;
    if (&layer != &description.layers.back()) layer.activation = kind.activation;
  }
  return description;
}

// A copy of the initial network, which is made once for each kind.
trainer::Network network_of(Kind kind) {
  static std::map<std::pair<bool, int32_t>, trainer::Network> known;
  const auto [at, is_new] = known.try_emplace({kind.batch_norm, kind.activation}, description_of(kind));
  if (is_new) trainer::initialize(at->second, 1);
  return at->second;
}

trainer::Optimizer sgd() {
  trainer::Optimizer optimizer;
  optimizer.kind = LF_SGD, optimizer.learning_rate = ReferenceNetwork::learning_rate, optimizer.weight_decay = 0;
  return optimizer;
}

trainer::Batch samples() {
  using Of = ReferenceNetwork;
  trainer::Batch batch;
  const Floats x = random_floats(Of::batch * Of::features, 1, 0, 1);
  batch.x.assign(x.begin(), x.end()), batch.rows = Of::batch;
  for (int64_t i = 0; i < Of::batch; ++i) batch.labels.push_back(static_cast<int32_t>(i * 7 % Of::classes));
  return batch;
}

Floats floats(const std::vector<float> &values) { return Floats(values.begin(), values.end()); }

} // namespace

ReferenceNetwork::ReferenceNetwork(const Context &context, Kind kind)
    : network(network_of(kind)), training(context, network, sgd(), batch), batch_of_samples(samples()) {}

Floats ReferenceNetwork::state() {
  Floats all = {result.loss};
  network.visit([&](const std::string &, const std::vector<int64_t> &, const std::vector<float> &values) {
    all.insert(all.end(), values.begin(), values.end());
  });
  return all;
}

Doubles ReferenceNetwork::expected_logits(int64_t count, bool is_training) const {
  const std::vector<float> &input = batch_of_samples.x;
  Doubles x(input.begin(), input.begin() + count * features);
  for (const DenseLayer &layer : network.layers) {
    Doubles t = product(x, false, widened(layer.w), false, count, layer.outputs, layer.inputs);
    if (!layer.bias.empty())
      for (size_t i = 0; i < t.size(); ++i) t[i] += layer.bias[i % layer.bias.size()];
    if (layer.batch_norm) {
      const BatchNorm &from = *layer.batch_norm;
      Norm norm{from.eps, widened(from.gamma), widened(from.beta), widened(from.running_mean),
                widened(from.running_var)};
      t = norm.forward(t, is_training);
    }
    for (double &value : t) value = activate(layer.activation.code, layer.activation.alpha, value);
    x = t;
  }
  return x;
}

double ReferenceNetwork::expected_loss() const {
  const Doubles logits = expected_logits(batch, true);
  double loss = 0;
  for (size_t i = 0; i < batch; ++i) {
    const double *row = &logits[i * classes], largest = *std::max_element(row, row + classes);
    double sum = 0;
    for (int64_t j = 0; j < classes; ++j) sum += std::exp(row[j] - largest);
    loss += (std::log(sum) + largest - row[batch_of_samples.labels[i]]) / static_cast<double>(batch);
  }
  return loss;
}

std::vector<Dense> dense_layers(const trainer::Network &network) {
  std::vector<Dense> all;
  for (const DenseLayer &from : network.layers) {
    Floats bias = floats(from.bias);
    bias.resize(static_cast<size_t>(from.outputs)); // a layer with BN has none
    all.push_back({from.outputs, from.inputs, from.activation.code, floats(from.w), std::move(bias)});
  }
  return all;
}

TrainingProblem ReferenceNetwork::problem() const {
  const DenseLayer &first = network.layers.front();
  return {first.batch_norm.has_value(),
          first.batch_norm ? first.batch_norm->eps : 1e-3f,
          learning_rate,
          dense_layers(network),
          batch,
          batch_of_samples.x.data(),
          batch_of_samples.labels.data()};
}

} // namespace lanefold::bench
