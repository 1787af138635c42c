// The parameters of a network of dense layers, batch normalization and activations.
#pragma once

#include "trainer/network/description.hpp"

#include <functional>

namespace lanefold::trainer {

struct Layer {
  int64_t k, n;
  std::vector<float> w;                                      // k x n
  std::vector<float> bias;                                   // n; empty under batch normalization
  std::vector<float> gamma, beta, running_mean, running_var; // n; empty without it
};

struct Network {
  Description description;
  std::vector<Layer> layers;

  // gamma, running_var 1; beta, bias, running_mean and weights 0.
  explicit Network(const Description &description);

  int64_t features() const { return description.features; }
  int64_t outputs() const { return description.outputs(); }

  // Visits each array as ("layers.0.w", shape, values), in a fixed order.
  using Visit = std::function<void(const std::string &, const std::vector<int64_t> &, std::vector<float> &)>;
  void visit(const Visit &visit);

  // The normalization of a layer, which has one; the caller's mean and inv_std, if it wants them.
  lf_batch_norm batch_norm(size_t layer, float *mean = nullptr, float *inv_std = nullptr);
};

// Draws the weights of each layer as its description says, multiplied by `gain`.
void initialize(Network &network, uint64_t seed, double gain = 1.0);

// The same function without normalization: it is folded into weights and biases.
Network fold(const Context &context, Network &network);

// SHA-256 of all parameters in order, as little-endian floats, in hexadecimal.
std::string sha256(Network &network);

} // namespace lanefold::trainer
