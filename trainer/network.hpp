// A network of dense layers, batch normalization and one activation: its description and its parameters.
#pragma once

#include <lanefold/lanefold.hpp>

#include <functional>
#include <string>
#include <vector>

namespace lanefold::trainer {

struct Description {
  std::vector<int64_t> sizes = {784, 300, 100, 10}; // features, then the width of each layer
  int32_t activation = LF_ELU;                      // of the hidden layers; the last one has none
  float alpha = 1.0f;
  bool batch_norm = true; // before the activation, on every layer; without it layers have a bias
  float eps = 1e-3f, momentum = 0.9f;

  int64_t layers() const { return static_cast<int64_t>(sizes.size()) - 1; }
  int32_t activation_of(int64_t layer) const { return layer + 1 < layers() ? activation : LF_IDENTITY; }
};

// alpha where none is given: 0.01 for leaky ReLU, else 1.
float default_alpha(int32_t activation);

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

  int64_t features() const { return description.sizes.front(); }
  int64_t outputs() const { return description.sizes.back(); }

  // Visits each array as ("layers.0.w", shape, values), in a fixed order.
  using Visit = std::function<void(const std::string &, const std::vector<int64_t> &, std::vector<float> &)>;
  void visit(const Visit &visit);

  // The normalization of a layer; the caller's mean and inv_std, if it wants them.
  lf_batch_norm batch_norm(Layer &layer, float *mean = nullptr, float *inv_std = nullptr) const;
};

// Draws the weights (He et al. 2015, Glorot and Bengio 2010):
//   he-normal  stddev sqrt(2 / k)          xavier-normal  stddev sqrt(2 / (k + n))
//   he-uniform limit sqrt(6 / k)           xavier-uniform limit sqrt(6 / (k + n))
void initialize(Network &network, const std::string &initializer, uint64_t seed);

// The same function without normalization: it is folded into weights and biases.
Network fold(const Context &context, Network &network);

// SHA-256 of all parameters in order, as little-endian floats, in hexadecimal.
std::string sha256(Network &network);

} // namespace lanefold::trainer
