// The tensors of a network by their names, "layers.0.w" and so on.
#include "model/own_format.hpp"

#include "cli/json.hpp"
#include "model/description.hpp"

#include <lanefold/model.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace lanefold::model {
namespace {

constexpr const char *format = "lanefold-3";

const std::string &metadata_of(const TensorFile &file, const std::string &key) {
  const auto at = file.metadata.find(key);
  if (at == file.metadata.end()) throw ModelError("has no \"" + key + "\" in its metadata");
  return at->second;
}

// Takes tensors by name and shape.
class Taker {
public:
  explicit Taker(const TensorFile &file) : file_(file) {}

  Tensor take(const std::string &name, const std::vector<int64_t> &shape) {
    if (const auto unknown = file_.unknown.find(name); unknown != file_.unknown.end())
      throw ModelError(name + " has the type " + unknown->second + "; expected F16, BF16, F32 or F64");
    const auto at = file_.tensors.find(name);
    if (at == file_.tensors.end()) throw ModelError("lacks the tensor " + name);
    need_floats(name, at->second);
    if (at->second.shape() != shape)
      throw ModelError(name + " is " + text_of(at->second.shape()) + "; the description of the network needs " +
                       text_of(shape));
    used.insert(*at);
    return at->second;
  }

  std::map<std::string, Tensor> used;

private:
  const TensorFile &file_;
};

Layer take_layer(Taker &taker, const LayerForm &form, int64_t inputs, size_t index) {
  Layer layer;
  layer.name = "layers." + std::to_string(index);
  layer.k = inputs, layer.n = form.units;
  layer.activation = form.activation, layer.alpha = form.alpha;
  const std::vector<int64_t> vector = {layer.n};
  if (form.has_weights) layer.w = taker.take(layer.name + ".w", {layer.k, layer.n});
  if (form.has_bias()) layer.bias = taker.take(layer.name + ".bias", vector);
  if (!form.batch_norm) return layer;
  Norm &norm = layer.norm.emplace();
  norm.eps = form.eps, norm.momentum = form.momentum, norm.unbiased = form.unbiased;
  norm.gamma = taker.take(layer.name + ".gamma", vector), norm.beta = taker.take(layer.name + ".beta", vector);
  norm.mean = taker.take(layer.name + ".running_mean", vector);
  norm.var = taker.take(layer.name + ".running_var", vector);
  return layer;
}

// A description that somebody stored must be that of the layers, or nobody could read the file.
void check_description(const std::string &text, const Model &model) {
  const NetworkForm form = read_network_form(text);
  bool fits =
      form.features == model.features && form.layers.size() == model.layers.size() && form.output == model.output;
  for (size_t i = 0; fits && i < form.layers.size(); ++i) {
    const LayerForm &said = form.layers[i];
    const Layer &layer = model.layers[i];
    fits = said.units == layer.n && said.has_weights == layer.has_product() && said.has_bias() != layer.bias.empty() &&
           said.activation == layer.activation && said.alpha == layer.alpha &&
           said.batch_norm == layer.norm.has_value();
    if (fits && layer.norm)
      fits =
          said.eps == layer.norm->eps && said.momentum == layer.norm->momentum && said.unbiased == layer.norm->unbiased;
  }
  if (!fits) throw ModelError("the text \"network\" describes other layers than the model has");
}

// The state of an optimizer for a parameter is stored as PARAMETER.m and PARAMETER.v.
template <class Names> bool is_state(const std::string &name, const Names &parameters) {
  return name.size() > 2 && (name.ends_with(".m") || name.ends_with(".v")) &&
         parameters.contains(name.substr(0, name.size() - 2));
}

// Which tensors a file has besides the network and the state of an optimizer: a JSON array of names.
constexpr const char *extra_key = "tensors";

std::set<std::string> extra_names(const TensorFile &file) {
  std::set<std::string> names;
  const auto at = file.metadata.find(extra_key);
  if (at == file.metadata.end()) return names;
  try {
    const cli::Json list = cli::parse_strictly(at->second, "the list of tensors");
    for (const cli::Json &name : list.elements()) names.insert(name.text());
  } catch (const cli::JsonError &problem) {
    throw ModelError(problem.what());
  }
  return names;
}

} // namespace

bool is_reserved_name(const std::string &name) {
  constexpr const char *ends[] = {".w", ".bias", ".gamma", ".beta", ".running_mean", ".running_var"};
  return name.empty() || name == "__metadata__" ||
         (name.starts_with("layers.") &&
          std::any_of(std::begin(ends), std::end(ends), [&](const char *end) { return name.ends_with(end); }));
}

bool is_own_format(const TensorFile &file) {
  const auto at = file.metadata.find("format");
  return at != file.metadata.end() && at->second.starts_with("lanefold-");
}

void need_floats(const std::string &name, const Tensor &tensor) {
  if (!is_floating(tensor.element()))
    throw ModelError(name + " has the type " + name_of(tensor.element()) + "; expected F16, BF16, F32 or F64");
}

void note_conversions(const std::map<std::string, Tensor> &used, Model &model) {
  std::map<Element, int64_t> counts;
  std::map<Element, bool> rounded;
  for (const auto &[name, tensor] : used)
    if (tensor.element() != Element::f32) {
      ++counts[tensor.element()];
      rounded[tensor.element()] |= tensor.is_rounded();
    }
  for (const auto &[element, count] : counts)
    model.notes.push_back(std::to_string(count) + (count == 1 ? " tensor was" : " tensors were") + " converted from " +
                          name_of(element) + " to F32" +
                          (rounded[element] ? ", rounded to nearest." : ", which is exact."));
}

void handle_foreign(const TensorFile &file, const std::map<std::string, Tensor> &used, bool skips_foreign,
                    Model &model) {
  std::vector<std::string> foreign;
  for (const auto &[name, tensor] : file.tensors)
    if (!used.contains(name) && !model.tensors.contains(name)) foreign.push_back(name);
  for (const auto &[name, type] : file.unknown) foreign.push_back(name);
  if (foreign.empty()) return;
  std::string list;
  constexpr size_t most_named = 8;
  for (size_t i = 0; i < foreign.size() && i < most_named; ++i) list += (i == 0 ? "" : ", ") + foreign[i];
  if (foreign.size() > most_named) list += " and " + std::to_string(foreign.size() - most_named) + " more";
  if (!skips_foreign)
    throw ModelError("holds tensors that the network does not have: " + list +
                     "; LF_SKIP_FOREIGN_TENSORS (--skip-foreign) skips them");
  model.notes.push_back("The network does not use these tensors, so they were skipped: " + list + ".");
}

Model read_own_format(TensorFile &file, bool skips_foreign) {
  if (metadata_of(file, "format") != format)
    throw ModelError("is not a checkpoint that this version reads: it has the format \"" + metadata_of(file, "format") +
                     "\"; expected \"" + format + "\"");
  metadata_of(file, "numeric_version");
  const NetworkForm form = read_network_form(metadata_of(file, "network"));
  if (form.features == 0) throw ModelError("the description of the network has no \"features\"");
  Model model;
  model.format = LF_FORMAT_SAFETENSORS, model.producer = "lanefold";
  model.features = form.features, model.output = form.output;
  model.feature_names = form.feature_names, model.class_names = form.class_names;
  Taker taker(file);
  int64_t inputs = model.features;
  for (size_t i = 0; i < form.layers.size(); ++i) {
    model.layers.push_back(take_layer(taker, form.layers[i], inputs, i));
    inputs = form.layers[i].units;
  }
  model.texts = file.metadata;
  const std::set<std::string> extra = extra_names(file);
  model.texts.erase(extra_key);
  for (const auto &[name, tensor] : file.tensors)
    if (!taker.used.contains(name) &&
        (extra.contains(name) || (model.texts.contains("training") && is_state(name, taker.used)))) {
      need_floats(name, tensor);
      model.tensors.emplace(name, tensor);
    }
  handle_foreign(file, taker.used, skips_foreign, model);
  note_conversions(taker.used, model);
  return model;
}

TensorsToWrite write_own_format(const Model &model, std::vector<Tensor> &kept) {
  std::map<std::string, std::string> metadata = model.texts;
  metadata["format"] = format;
  metadata.try_emplace("numeric_version", "1");
  if (metadata.contains("network")) check_description(metadata["network"], model);
  else metadata["network"] = describe_network(model);
  std::vector<std::pair<std::string, const Tensor *>> tensors;
  kept.reserve(model.layers.size());
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const Layer &layer = model.layers[i];
    const std::string prefix = "layers." + std::to_string(i) + ".";
    if (layer.has_product()) {
      const Tensor *w = &layer.w;
      if (layer.transposed) {
        kept.push_back(Tensor({layer.k, layer.n}, transposed(layer.w.read(), layer.n, layer.k)));
        w = &kept.back();
      }
      tensors.emplace_back(prefix + "w", w);
    }
    if (!layer.bias.empty()) tensors.emplace_back(prefix + "bias", &layer.bias);
    if (!layer.norm) continue;
    tensors.emplace_back(prefix + "gamma", &layer.norm->gamma);
    tensors.emplace_back(prefix + "beta", &layer.norm->beta);
    tensors.emplace_back(prefix + "running_mean", &layer.norm->mean);
    tensors.emplace_back(prefix + "running_var", &layer.norm->var);
  }
  std::set<std::string> parameters;
  for (const auto &[name, tensor] : tensors) parameters.insert(name);
  cli::Json extra = cli::Json::array();
  for (const auto &[name, tensor] : model.tensors)
    if (!metadata.contains("training") || !is_state(name, parameters)) extra.push_back(name);
  if (extra.size() > 0) metadata[extra_key] = extra.dump();
  for (const auto &[name, tensor] : model.tensors) tensors.emplace_back(name, &tensor);
  return write_safetensors(metadata, tensors);
}

} // namespace lanefold::model
