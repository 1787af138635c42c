// Makes, draws, folds and hashes parameters.
#include "trainer/network/network.hpp"

#include "trainer/data/digest.hpp"

namespace lanefold::trainer {

Network::Network(const Description &d) : description(d) {
  for (size_t i = 0; i < d.layers.size(); ++i) {
    const LayerDescription &from = d.layers[i];
    DenseLayer &layer =
        layers.emplace_back(d.inputs(i), from.units, Activation{from.activation, from.alpha}, from.batch_norm);
    if (layer.batch_norm) layer.batch_norm->eps = from.bn_eps, layer.batch_norm->momentum = from.bn_momentum;
  }
}

std::string Network::prefix(size_t layer) const {
  return "layers." + std::to_string(layer + input_norm.has_value()) + ".";
}

void Network::visit(const Visit &visit) {
  for (size_t i = 0; i < layers.size(); ++i) {
    DenseLayer &layer = layers[i];
    const std::string prefix = this->prefix(i);
    visit(prefix + "w", {layer.inputs, layer.outputs}, layer.w);
    if (!layer.bias.empty()) visit(prefix + "bias", {layer.outputs}, layer.bias);
    if (!layer.batch_norm) continue;
    visit(prefix + "gamma", {layer.outputs}, layer.batch_norm->gamma);
    visit(prefix + "beta", {layer.outputs}, layer.batch_norm->beta);
    visit(prefix + "running_mean", {layer.outputs}, layer.batch_norm->running_mean);
    visit(prefix + "running_var", {layer.outputs}, layer.batch_norm->running_var);
  }
}

void initialize(Network &network, uint64_t seed, double gain) {
  for (size_t i = 0; i < network.layers.size(); ++i) {
    DenseLayer &layer = network.layers[i];
    Stream random(seed, Purpose::weights, static_cast<uint32_t>(i));
    draw(network.description.layers[i].init, layer.inputs, layer.outputs, random, layer.w, gain);
  }
}

Network fold(const Context &context, Network &network) {
  Description description = network.description;
  for (LayerDescription &layer : description.layers) layer.batch_norm = false;
  Network folded(description);
  folded.input_norm = network.input_norm, folded.output_norm = network.output_norm;
  for (size_t i = 0; i < network.layers.size(); ++i) try {
      folded.layers[i] = context.fold(network.layers[i]);
    } catch (const Error &error) {
      const std::string message = error.what();
      const size_t function = message.starts_with("lf_") ? message.find(": ") : std::string::npos;
      throw Error(error.status, "layer " + std::to_string(i) + ": " +
                                    (function == std::string::npos ? message : message.substr(function + 2)));
    }
  return folded;
}

std::string sha256(Network &network) {
  Sha256 hash;
  network.visit(
      [&](const std::string &, const std::vector<int64_t> &, std::vector<float> &values) { hash.add(values); });
  return hash.hex();
}

} // namespace lanefold::trainer
