// What a network is: the number of its features, and its layers.
#pragma once

#include "cli/object_reader.hpp"
#include "trainer/network/activations.hpp"
#include "trainer/network/initializer.hpp"

#include <lanefold/activation.h>

#include <string>
#include <vector>

namespace lanefold::trainer {

inline constexpr int64_t most_layers = 1000, most_units = 1 << 24;

struct LayerDescription {
#define LAYER_FIELD(type, member, initial, ...) type member = initial;
#include "trainer/option_table.inc"
#undef LAYER_FIELD
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

const std::vector<std::string> &batch_norm_words(); // of a whole network: on, off, hidden
const std::vector<std::string> &on_off();           // of a layer

// A network of layers that are all like `layer`, except the last one: it has no activation, and with "hidden" no batch
// normalization.  `batch_norm` is one of batch_norm_words(), and replaces that of `layer`.
Description plain(int64_t features, const std::vector<int64_t> &hidden, int64_t outputs,
                  const LayerDescription &layer = {}, const std::string &batch_norm = "on");

// The reference network: 784-300-100-10, batch normalization on all layers, ELU, He initialization.
Description reference_network(int64_t features = 784);

// As JSON, in full: {"features": 784, "layers": [{"units": 300, "activation": "elu", ...}, ...]}.
cli::Json describe(const Description &description);

// Reads that form, or a shorter one: "defaults" holds what layers leave out, and "features" may be missing (0).
// option_table.inc lists the keys of a layer.  "defaults" holds the same keys without "units", and its "batch_norm" may
// be "hidden".  The last layer has no activation unless it names one.  An object that names an activation without
// alpha, or an initializer without fan, means the usual one.  `what` begins every message.  Throws JsonError.
Description read_description(const cli::Json &json, const std::string &what);

// Reads the keys of a layer, except "units".  Those that the object has replace the fields.  Throws JsonError.
void read_layer(cli::ObjectReader &object, LayerDescription &layer);

} // namespace lanefold::trainer
