// The description of a network as JSON: what Lanefold's own files and the network files of the command hold.
#pragma once

#include "model/model.hpp"

#include <optional>
#include <string>
#include <vector>

namespace lanefold::model {

struct ActivationWord {
  const char *name;
  int32_t code;
  float usual_alpha; // where none is given
  bool has_alpha;
};
// In the order of their codes.
const std::vector<ActivationWord> &activation_words();

// A layer of the description, without its values.
struct LayerForm {
  int64_t units = 0;
  bool has_weights = true, batch_norm = true, unbiased = false;
  std::optional<bool> bias; // without a value: a layer with weights has one unless it has batch normalization
  int32_t activation = LF_ELU;
  float alpha = 1, eps = 1e-3f, momentum = 0.9f;
  std::string linear, norm; // the names of its modules in a state_dict; "": the next one

  bool has_bias() const { return has_weights && bias.value_or(!batch_norm); }
};

struct NetworkForm {
  int64_t features = 0; // 0: not said
  std::vector<LayerForm> layers;
  int32_t output = LF_OUTPUT_VALUES;
  std::vector<std::string> feature_names, class_names;
};

// Reads {"features": 784, "layers": [{"units": 300, "activation": "elu", ...}, ...]}, or a shorter form: "defaults" holds
// what layers leave out, and the last layer has no activation unless it names one.  usual: what holds where neither says
// anything.  Throws ModelError.
NetworkForm read_network_form(const std::string &json, const LayerForm &usual = {});

// The same as text, in full.
std::string describe_network(const Model &model);
// What people and programs want to know about a model, as JSON.
std::string describe_model(const Model &model);

} // namespace lanefold::model
