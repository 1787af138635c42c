// What a network is: its layers, each with what it does.  Defaults are set once, and a layer says what it changes.
#pragma once

#include "trainer/network/activations.hpp"
#include "trainer/network/initializer.hpp"
#include "cli/strict_json.hpp"

#include <lanefold/lanefold.hpp>

#include <string>
#include <vector>

namespace lanefold::trainer {

struct LayerDescription {
  int64_t units = 0;
  int32_t activation = LF_ELU;
  float alpha = 1.0f;
  bool batch_norm = true; // before the activation; without it the layer has a bias
  float bn_momentum = 0.9f, bn_eps = 1e-3f;
  Initializer init;
};

struct Description {
  int64_t features = 0;
  std::vector<LayerDescription> layers;

  int64_t outputs() const { return layers.back().units; }
  int64_t inputs(size_t layer) const { return layer == 0 ? features : layers[layer - 1].units; }
  bool batch_norm() const;   // on any layer
  std::string shape() const; // "784-300-100-10"
};

const std::vector<std::string> &switch_names(); // of batch normalization: on, off, hidden

// Layers that are all alike, but that the last one, of the logits, has no activation, and with "hidden" no batch
// normalization; batch_norm is "on", "off" or "hidden" and decides over that of `layer`.
Description plain(int64_t features, const std::vector<int64_t> &hidden, int64_t outputs,
                  const LayerDescription &layer = {}, const std::string &batch_norm = "on");

// The reference network: 784-300-100-10, batch normalization on all layers, ELU, He initialization.
Description reference_network(int64_t features = 784);

// As JSON, whole: {"features": 784, "layers": [{"units": 300, "activation": "elu", ...}, ...]}.
cli::Json describe(const Description &description);

// The same, or shorter: "defaults" say once what layers may leave out; "features" may be missing (0).  Words and
// numbers are those of the options: units, activation, alpha, batch_norm ("on", "off"; in the defaults "hidden" too),
// bn_momentum, bn_eps, init, fan.  The last layer has no activation unless it names one.  An object that names an
// activation without alpha, or an initializer without fan, means the usual one.  Throws JsonError.
Description read_description(const cli::Json &json, const std::string &what);

inline constexpr int64_t most_layers = 1000, most_units = 1 << 24;

} // namespace lanefold::trainer
