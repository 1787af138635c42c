// Reads and writes the keys of layers and networks.
#include "model/description.hpp"

#include "cli/object_reader.hpp"

#include <algorithm>

namespace lanefold::model {
namespace {

const std::vector<std::string> on_off = {"on", "off"}, outputs = {"values", "softmax", "log-softmax"};

std::vector<std::string> names_of_activations() {
  std::vector<std::string> names;
  for (const ActivationWord &word : activation_words()) names.emplace_back(word.name);
  return names;
}

bool read_switch(cli::ObjectReader &object, const char *key) { return object.word(key, on_off) == "on"; }

// Keys that the object has replace those of `layer`.
void read_layer(cli::ObjectReader &object, LayerForm &layer) {
  if (object.has("activation")) {
    const std::string word = object.word("activation", names_of_activations());
    for (const ActivationWord &each : activation_words())
      if (word == each.name) layer.activation = each.code, layer.alpha = each.usual_alpha;
  }
  if (object.has("alpha")) layer.alpha = object.number("alpha", cli::number(0, 1e6));
  if (object.has("batch_norm")) layer.batch_norm = read_switch(object, "batch_norm");
  if (object.has("bn_momentum")) layer.momentum = object.number("bn_momentum", cli::number(0, 1));
  if (object.has("bn_eps")) layer.eps = object.number("bn_eps", cli::number(1e-30, 1e6));
  if (object.has("bn_unbiased")) layer.unbiased = read_switch(object, "bn_unbiased");
  if (object.has("bias")) layer.bias = read_switch(object, "bias");
  // How the first weights of a training are drawn says nothing about a network that has its weights.
  object.has("init"), object.has("fan");
}

std::vector<std::string> read_names(cli::ObjectReader &object, const char *key) {
  std::vector<std::string> names;
  if (!object.has(key)) return names;
  const cli::Json &array = object.at(key);
  if (!array.is_array()) object.fail(std::string("has a \"") + key + "\" that is not an array");
  for (const cli::Json &name : array.elements()) {
    if (!name.is_text()) object.fail(std::string("has a \"") + key + "\" that does not hold strings alone");
    names.push_back(name.text());
  }
  return names;
}

// The defaults, and what they say of the batch normalization of the whole network: on, off or hidden.
std::string read_defaults(cli::ObjectReader &object, LayerForm &layer) {
  if (!object.has("defaults")) return "";
  cli::Json values = object.at("defaults");
  cli::ObjectReader reader(values, "the description of the network: \"defaults\"");
  std::string word;
  if (reader.has("batch_norm")) word = reader.word("batch_norm", {"on", "off", "hidden"});
  if (word == "hidden") values["batch_norm"] = "on"; // the layers below decide
  read_layer(reader, layer);
  reader.end();
  return word;
}

NetworkForm read_form(const cli::Json &json, const LayerForm &usual) {
  constexpr const char *what = "the description of the network";
  NetworkForm form;
  cli::ObjectReader object(json, what);
  if (object.has("features")) form.features = object.whole("features", 1, most_units);
  LayerForm defaults = usual;
  const std::string batch_norm = read_defaults(object, defaults);
  if (object.has("output"))
    form.output = static_cast<int32_t>(std::find(outputs.begin(), outputs.end(), object.word("output", outputs)) -
                                       outputs.begin());
  form.feature_names = read_names(object, "feature_names"), form.class_names = read_names(object, "class_names");
  const cli::Json &layers = object.at("layers");
  object.end();
  if (!layers.is_array() || layers.size() == 0 || layers.size() > most_layers)
    object.fail("has \"layers\" that are not an array of 1 to " + std::to_string(most_layers));
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    cli::ObjectReader reader(layers.elements()[i], std::string(what) + ": layer " + std::to_string(i));
    LayerForm layer = defaults;
    if (last) layer.activation = LF_IDENTITY, layer.alpha = 1;
    if (last && batch_norm == "hidden") layer.batch_norm = false;
    layer.units = reader.whole("units", 1, most_units);
    read_layer(reader, layer);
    if (reader.has("weights")) layer.has_weights = read_switch(reader, "weights");
    if (reader.has("linear")) layer.linear = reader.text("linear");
    if (reader.has("norm")) layer.norm = reader.text("norm");
    reader.end();
    form.layers.push_back(layer);
  }
  return form;
}

cli::Json layer_json(const Layer &layer) {
  const ActivationWord &word = activation_words()[static_cast<size_t>(layer.activation)];
  cli::Json json = {{"units", layer.n},
                    {"activation", word.name},
                    {"alpha", cli::shortest(layer.alpha)},
                    {"batch_norm", layer.norm ? "on" : "off"}};
  if (layer.norm) {
    json["bn_momentum"] = cli::shortest(layer.norm->momentum);
    json["bn_eps"] = cli::shortest(layer.norm->eps);
    if (layer.norm->unbiased) json["bn_unbiased"] = "on";
  }
  if (!layer.has_product()) json["weights"] = "off";
  else if (layer.bias.empty() != layer.norm.has_value()) json["bias"] = layer.bias.empty() ? "off" : "on";
  return json;
}

cli::Json network_json(const Model &model) {
  cli::Json layers = cli::Json::array();
  for (const Layer &layer : model.layers) layers.push_back(layer_json(layer));
  cli::Json json = {{"features", model.features}, {"layers", layers}};
  if (model.output != LF_OUTPUT_VALUES) json["output"] = outputs[static_cast<size_t>(model.output)];
  if (!model.feature_names.empty()) json["feature_names"] = model.feature_names;
  if (!model.class_names.empty()) json["class_names"] = model.class_names;
  return json;
}

} // namespace

const std::vector<ActivationWord> &activation_words() {
  static const std::vector<ActivationWord> words = {{"identity", LF_IDENTITY, 1, false},
                                                    {"relu", LF_RELU, 1, false},
                                                    {"leaky-relu", LF_LEAKY_RELU, 0.01f, true},
                                                    {"elu", LF_ELU, 1, true},
                                                    {"selu", LF_SELU, 1, false},
                                                    {"tanh", LF_TANH, 1, false},
                                                    {"logistic", LF_LOGISTIC, 1, false},
                                                    {"relu6", LF_RELU6, 1, false},
                                                    {"softplus", LF_SOFTPLUS, 1, false},
                                                    {"hard-sigmoid", LF_HARD_SIGMOID, 1.0f / 6, true},
                                                    {"silu", LF_SILU, 1, false},
                                                    {"hard-swish", LF_HARD_SWISH, 1, false},
                                                    {"gelu", LF_GELU, 1, false},
                                                    {"gelu-tanh", LF_GELU_TANH, 1, false}};
  return words;
}

NetworkForm read_network_form(const std::string &json, const LayerForm &usual) {
  try {
    return read_form(cli::parse_strictly(json, "the description of the network"), usual);
  } catch (const cli::JsonError &problem) {
    throw ModelError(problem.what());
  }
}

std::string describe_network(const Model &model) { return network_json(model).dump(); }

std::string describe_model(const Model &model) {
  static const char *const formats[] = {"", "safetensors", "state-dict", "onnx"};
  cli::Json json = {{"format", formats[model.format]}, {"producer", model.producer}, {"outputs", model.outputs()}};
  json.update(network_json(model));
  json["output"] = outputs[static_cast<size_t>(model.output)];
  json["notes"] = model.notes;
  for (const auto &[key, name] : {std::pair(LF_DATA_TEXT, "data"), std::pair("training", "training")}) {
    const auto text = model.texts.find(key);
    if (text == model.texts.end()) continue;
    try {
      json[name] = cli::parse_strictly(text->second, name);
    } catch (const cli::JsonError &) {
      json[name] = text->second;
    }
  }
  return json.dump(2);
}

} // namespace lanefold::model
