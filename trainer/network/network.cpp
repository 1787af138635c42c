// Parameters: making, drawing, folding and hashing them.
#include "trainer/network/network.hpp"

#include "trainer/data/digest.hpp"

namespace lanefold::trainer {

Network::Network(const Description &d) : description(d) {
  for (size_t i = 0; i < d.layers.size(); ++i) {
    Layer layer{d.inputs(i), d.layers[i].units, {}, {}, {}, {}, {}, {}};
    const auto n = static_cast<size_t>(layer.n);
    layer.w.resize(static_cast<size_t>(layer.k) * n);
    if (d.layers[i].batch_norm) {
      layer.gamma.assign(n, 1.0f);
      layer.beta.assign(n, 0.0f);
      layer.running_mean.assign(n, 0.0f);
      layer.running_var.assign(n, 1.0f);
    } else {
      layer.bias.assign(n, 0.0f);
    }
    layers.push_back(std::move(layer));
  }
}

void Network::visit(const Visit &visit) {
  for (size_t i = 0; i < layers.size(); ++i) {
    Layer &layer = layers[i];
    const std::string prefix = "layers." + std::to_string(i) + ".";
    visit(prefix + "w", {layer.k, layer.n}, layer.w);
    if (!layer.bias.empty()) visit(prefix + "bias", {layer.n}, layer.bias);
    if (layer.gamma.empty()) continue;
    visit(prefix + "gamma", {layer.n}, layer.gamma);
    visit(prefix + "beta", {layer.n}, layer.beta);
    visit(prefix + "running_mean", {layer.n}, layer.running_mean);
    visit(prefix + "running_var", {layer.n}, layer.running_var);
  }
}

lf_batch_norm Network::batch_norm(size_t i, float *mean, float *inv_std) {
  Layer &layer = layers[i];
  auto bn = args<lf_batch_norm>();
  bn.eps = description.layers[i].bn_eps;
  bn.momentum = description.layers[i].bn_momentum;
  bn.gamma = layer.gamma.data();
  bn.beta = layer.beta.data();
  bn.running_mean = layer.running_mean.data();
  bn.running_var = layer.running_var.data();
  bn.mean = mean;
  bn.inv_std = inv_std;
  return bn;
}

void initialize(Network &network, uint64_t seed, double gain) {
  for (size_t i = 0; i < network.layers.size(); ++i) {
    Layer &layer = network.layers[i];
    Stream random(seed, Purpose::weights, static_cast<uint32_t>(i));
    draw(network.description.layers[i].init, layer.k, layer.n, random, layer.w, gain);
  }
}

Network fold(const Context &context, Network &network) {
  Description description = network.description;
  for (LayerDescription &layer : description.layers) layer.batch_norm = false;
  Network folded(description);
  for (size_t i = 0; i < network.layers.size(); ++i) {
    Layer &from = network.layers[i], &to = folded.layers[i];
    if (!network.description.layers[i].batch_norm) {
      to = from;
      continue;
    }
    const lf_batch_norm bn = network.batch_norm(i);
    auto a = args<lf_fold_batch_norm_args>();
    a.k = from.k, a.n = from.n;
    a.w = from.w.data(), a.ldw = from.n;
    a.batch_norm = &bn;
    a.folded_w = to.w.data(), a.ldfolded_w = to.n, a.folded_bias = to.bias.data();
    context.fold_batch_norm(a);
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
