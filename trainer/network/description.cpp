// Defaults, layers, and their JSON.
#include "trainer/network/description.hpp"

#include "trainer/fields.hpp"

#include <algorithm>

namespace lanefold::trainer {
void read_layer(cli::ObjectReader &object, LayerDescription &layer) {
  for (const Entry &entry : entries(layer)) {
    if (entry.key == "units" || !object.has(entry.key)) continue;
    read(object, entry);
    if (entry.key == "activation") layer.alpha = activation_of(layer.activation).usual_alpha;
    if (entry.key == "init") layer.init = usual(layer.init.name);
  }
}

const std::vector<std::string> &batch_norm_words() {
  static const std::vector<std::string> words = {"on", "off", "hidden"};
  return words;
}

const std::vector<std::string> &on_off() {
  static const std::vector<std::string> words = {"on", "off"};
  return words;
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
  last.activation = LF_IDENTITY, last.alpha = activation_of(LF_IDENTITY).usual_alpha;
  last.batch_norm = batch_norm == "on";
  return d;
}

Description reference_network(int64_t features) { return plain(features, {300, 100}, 10); }

cli::Json describe(const Description &d) {
  cli::Json layers = cli::Json::array();
  for (LayerDescription layer : d.layers) {
    cli::Json object = cli::Json::object();
    write(object, entries(layer));
    layers.push_back(object);
  }
  return {{"features", d.features}, {"layers", layers}};
}

Description read_description(const cli::Json &json, const std::string &what) {
  Description d;
  cli::ObjectReader object(json, what);
  if (object.has("features")) d.features = object.whole("features", 1, most_units);
  LayerDescription defaults;
  std::string batch_norm = "on";
  if (object.has("defaults")) {
    cli::Json values = object.at("defaults");
    cli::ObjectReader reader(values, what + ": \"defaults\"");
    if (reader.has("batch_norm")) batch_norm = reader.word("batch_norm", batch_norm_words());
    if (batch_norm == "hidden") values["batch_norm"] = "on"; // the layers below decide
    read_layer(reader, defaults);
    reader.end();
  }
  const cli::Json &layers = object.at("layers");
  object.end();
  if (!layers.is_array() || layers.size() == 0 || layers.size() > most_layers)
    object.fail("has \"layers\" that are not an array of 1 to " + std::to_string(most_layers));
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    cli::ObjectReader reader(layers.elements()[i], what + ": layer " + std::to_string(i));
    LayerDescription layer = defaults;
    if (last) layer.activation = LF_IDENTITY, layer.alpha = activation_of(LF_IDENTITY).usual_alpha;
    if (last && batch_norm == "hidden") layer.batch_norm = false;
    layer.units = reader.whole("units", 1, most_units);
    read_layer(reader, layer);
    reader.end();
    d.layers.push_back(layer);
  }
  return d;
}

} // namespace lanefold::trainer
