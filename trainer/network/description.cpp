// Defaults, layers, and their JSON.
#include "trainer/network/description.hpp"

#include "cli/words.hpp"

#include <algorithm>

namespace lanefold::trainer {
namespace {

// What an object says replaces what `layer` had.  batch_norm stays a word: "hidden" is for the caller to understand.
void read_layer(cli::Fields &fields, LayerDescription &layer, std::string &batch_norm, bool defaults) {
  static const std::vector<std::string> on_off = {"on", "off"};
  if (fields.has("activation")) {
    layer.activation = cli::code_of(activation_names(), fields.word("activation", activation_names()));
    layer.alpha = activation_of(layer.activation).usual_alpha;
  }
  if (fields.has("alpha")) layer.alpha = fields.number("alpha", 0, 1e6);
  if (fields.has("batch_norm")) batch_norm = fields.word("batch_norm", defaults ? switch_names() : on_off);
  if (fields.has("bn_momentum")) layer.bn_momentum = fields.number("bn_momentum", 0, 1);
  if (fields.has("bn_eps")) layer.bn_eps = fields.number("bn_eps", 1e-30, 1e6);
  if (fields.has("init")) layer.init = usual(fields.word("init", initializer_names()));
  if (fields.has("fan")) layer.init.fan = fields.word("fan", fan_names());
}

} // namespace

const std::vector<std::string> &switch_names() {
  static const std::vector<std::string> names = {"on", "off", "hidden"};
  return names;
}

bool Description::batch_norm() const {
  return std::any_of(layers.begin(), layers.end(), [](const LayerDescription &layer) { return layer.batch_norm; });
}

std::string Description::shape() const {
  constexpr size_t most_shown = 12;
  if (layers.size() > most_shown)
    return std::to_string(features) + "-...-" + std::to_string(outputs()) + " (" + std::to_string(layers.size()) +
           " layers)";
  std::string text = std::to_string(features);
  for (const LayerDescription &layer : layers) text.append("-").append(std::to_string(layer.units));
  return text;
}

Description plain(int64_t features, const std::vector<int64_t> &hidden, int64_t outputs, const LayerDescription &layer,
                  const std::string &batch_norm) {
  Description d{features, {}};
  d.layers.assign(hidden.size() + 1, layer);
  for (size_t i = 0; i < hidden.size(); ++i) d.layers[i].units = hidden[i];
  for (LayerDescription &each : d.layers) each.batch_norm = batch_norm != "off";
  LayerDescription &last = d.layers.back();
  last.units = outputs;
  last.activation = LF_IDENTITY, last.alpha = 1.0f;
  last.batch_norm = batch_norm == "on";
  return d;
}

Description reference_network(int64_t features) { return plain(features, {300, 100}, 10); }

cli::Json describe(const Description &d) {
  cli::Json layers = cli::Json::array();
  for (const LayerDescription &layer : d.layers)
    layers.push_back({{"units", layer.units},
                      {"activation", activation_names()[static_cast<size_t>(layer.activation)]},
                      {"alpha", cli::shortest(layer.alpha)},
                      {"batch_norm", layer.batch_norm ? "on" : "off"},
                      {"bn_momentum", cli::shortest(layer.bn_momentum)},
                      {"bn_eps", cli::shortest(layer.bn_eps)},
                      {"init", layer.init.name},
                      {"fan", layer.init.fan}});
  return {{"features", d.features}, {"layers", layers}};
}

Description read_description(const cli::Json &json, const std::string &what) {
  Description d;
  cli::Fields fields(json, what);
  if (fields.has("features")) d.features = fields.whole("features", 1, most_units);
  LayerDescription defaults;
  std::string usual_norm = "on";
  if (fields.has("defaults")) {
    cli::Fields object(fields.at("defaults"), what + ": \"defaults\"");
    read_layer(object, defaults, usual_norm, true);
    object.end();
  }
  const cli::Json &layers = fields.at("layers");
  fields.end();
  if (!layers.is_array() || layers.empty() || layers.size() > most_layers)
    fields.fail("has \"layers\" that are no array of 1 to " + std::to_string(most_layers));
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    cli::Fields object(layers[i], what + ": layer " + std::to_string(i));
    LayerDescription layer = defaults;
    if (last) layer.activation = LF_IDENTITY, layer.alpha = 1.0f;
    std::string norm = usual_norm == "hidden" ? (last ? "off" : "on") : usual_norm;
    layer.units = object.whole("units", 1, most_units);
    read_layer(object, layer, norm, false);
    object.end();
    layer.batch_norm = norm == "on";
    d.layers.push_back(layer);
  }
  return d;
}

} // namespace lanefold::trainer
