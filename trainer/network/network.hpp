// The parameters of a network of dense layers, batch normalization and activations.
#pragma once

#include "trainer/network/description.hpp"

#include <lanefold/lanefold.hpp>

#include <functional>
#include <optional>

namespace lanefold::trainer {

struct Network {
  Description description;
  std::vector<DenseLayer> layers;
  // Training leaves both alone.
  std::optional<BatchNorm> input_norm = {};  // standardizes the features before the first layer
  std::optional<BatchNorm> output_norm = {}; // turns the outputs of a regression into the units of the targets

  // gamma and running_var begin as 1, all other parameters as 0.
  explicit Network(const Description &description);
  // Layers that fit the description, except that one with batch normalization may have a bias.
  Network(Description of, std::vector<DenseLayer> given) : description(std::move(of)), layers(std::move(given)) {}

  int64_t features() const { return description.features; }
  int64_t outputs() const { return description.outputs(); }

  // What the names of a layer's arrays begin with, such as "layers.0.".
  std::string prefix(size_t layer) const;
  // Calls `visit` for each array that training changes, with its name ("layers.0.w", or "layers.1.w" behind an
  // input_norm), shape and values, in a fixed order.
  using Visit = std::function<void(const std::string &, const std::vector<int64_t> &, std::vector<float> &)>;
  void visit(const Visit &visit);
};

// Draws the weights of each layer as its description says, and multiplies them by `gain`.
void initialize(Network &network, uint64_t seed, double gain = 1.0);

// Returns a network that computes the same function with batch normalization folded into weights and biases.
Network fold(const Context &context, Network &network);

// The SHA-256 of all parameters in order, as little-endian floats, in hexadecimal.
std::string sha256(Network &network);

} // namespace lanefold::trainer
