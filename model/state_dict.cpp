// Finds the modules of a state_dict by the names and shapes of their tensors.
#include "model/state_dict.hpp"

#include "model/own_format.hpp"

#include <lanefold/model.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace lanefold::model {
namespace {

constexpr size_t most_compared = 1000; // modules, with each of them

// A module is named by what comes before the last dot: "fc1.weight" is the weight of the module fc1.
struct Modules {
  std::vector<std::string> linear, norm; // in natural order
};

// "fc2" comes before "fc10".
bool natural_less(const std::string &a, const std::string &b) {
  size_t i = 0, j = 0;
  const auto digit = [](const std::string &text, size_t at) {
    return at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0;
  };
  while (i < a.size() && j < b.size()) {
    if (!digit(a, i) || !digit(b, j)) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    const auto number = [&digit](const std::string &text, size_t &at) {
      while (at < text.size() && text[at] == '0') ++at;
      const size_t begin = at;
      while (digit(text, at)) ++at;
      return text.substr(begin, at - begin);
    };
    const std::string left = number(a, i), right = number(b, j);
    if (left.size() != right.size()) return left.size() < right.size();
    if (left != right) return left < right;
  }
  return a.size() - i < b.size() - j;
}

std::string without_numbers(std::string name) {
  std::erase_if(name, [](unsigned char c) { return std::isdigit(c) != 0; });
  return name;
}

std::string module_of(const std::string &tensor) {
  const size_t dot = tensor.rfind('.');
  return dot == std::string::npos ? "" : tensor.substr(0, dot);
}
std::string in_module(const std::string &module, const char *tensor) {
  return module.empty() ? tensor : module + "." + tensor;
}

Modules find_modules(const TensorFile &file) {
  Modules modules;
  for (const auto &[name, tensor] : file.tensors) {
    const std::string module = module_of(name);
    if (name == in_module(module, "weight") && tensor.shape().size() == 2) modules.linear.push_back(module);
    if (name == in_module(module, "running_mean")) modules.norm.push_back(module);
  }
  std::sort(modules.linear.begin(), modules.linear.end(), natural_less);
  std::sort(modules.norm.begin(), modules.norm.end(), natural_less);
  return modules;
}

std::string list_of(const std::vector<std::string> &words) {
  std::string text;
  for (const std::string &word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "none" : text;
}

class Reader {
public:
  Reader(const TensorFile &file, const NetworkForm &form) : file_(file), form_(form) {
    const Modules all = find_modules(file);
    linear_ = unnamed(all.linear, &LayerForm::linear), norm_ = unnamed(all.norm, &LayerForm::norm);
    all_ = all;
  }

  Model read() {
    Model model;
    model.format = LF_FORMAT_STATE_DICT, model.producer = "pytorch";
    model.output = form_.output, model.feature_names = form_.feature_names, model.class_names = form_.class_names;
    for (size_t i = 0; i < form_.layers.size(); ++i) {
      model.layers.push_back(take(form_.layers[i], i == 0 ? 0 : model.layers.back().n, i));
      if (i > 0) continue;
      model.features = model.layers[0].k;
      if (form_.features != 0 && form_.features != model.features)
        throw ModelError(model.layers[0].name + " has " + std::to_string(model.features) +
                         " inputs, but the description of the network has " + std::to_string(form_.features) +
                         " features");
    }
    if (next_linear_ < linear_.size())
      throw ModelError("has " + std::to_string(all_.linear.size()) + " linear modules (" + list_of(all_.linear) +
                       "), but the description of the network has " + std::to_string(form_.layers.size()) + " layers");
    note_order(model);
    return model;
  }

  const std::map<std::string, Tensor> &used() const { return used_; }

private:
  const Tensor *find(const std::string &name) {
    const auto at = file_.tensors.find(name);
    if (at == file_.tensors.end()) return nullptr;
    used_.insert(*at);
    return &at->second;
  }
  Tensor need(const std::string &name, int64_t n) {
    const Tensor *tensor = find(name);
    if (tensor == nullptr) throw ModelError("lacks the tensor " + name);
    need_floats(name, *tensor);
    if (tensor->shape() != std::vector<int64_t>{n})
      throw ModelError(name + " has the shape " + text_of(tensor->shape()) + "; expected " + std::to_string(n));
    return *tensor;
  }

  // The modules that no layer names.
  std::vector<std::string> unnamed(const std::vector<std::string> &all, std::string LayerForm::*name) const {
    std::vector<std::string> left;
    for (const std::string &module : all)
      if (std::none_of(form_.layers.begin(), form_.layers.end(),
                       [&](const LayerForm &layer) { return layer.*name == module; }))
        left.push_back(module);
    need_order(left);
    return left;
  }

  // A file does not tell the order of its modules.  Numbers in their names do, and so do shapes that differ.
  void need_order(const std::vector<std::string> &modules) const {
    const auto shape_of = [this](const std::string &module) {
      const auto weight = file_.tensors.find(in_module(module, "weight"));
      return weight == file_.tensors.end() ? file_.tensors.at(in_module(module, "running_mean")).shape()
                                           : weight->second.shape();
    };
    for (size_t i = 0; i < modules.size(); ++i)
      for (size_t j = i + 1; j < modules.size() && j < i + most_compared; ++j)
        if (shape_of(modules[i]) == shape_of(modules[j]) && without_numbers(modules[i]) != without_numbers(modules[j]))
          throw ModelError("has the modules \"" + modules[i] + "\" and \"" + modules[j] +
                           "\" of the same shape, and does not tell their order; name them in the description of the "
                           "network, with \"linear\" and \"norm\"");
  }

  // The module that the description names, or the next one of its kind.
  std::string choose(const std::string &named, const std::vector<std::string> &left, size_t &next,
                     const std::vector<std::string> &all, const char *kind, size_t layer) {
    if (!named.empty() && !taken_.insert(named).second)
      throw ModelError("layer " + std::to_string(layer) + " of the description names the module \"" + named +
                       "\", which another layer has");
    if (!named.empty()) return named;
    if (next == left.size())
      throw ModelError(std::string("has no ") + kind + " module for layer " + std::to_string(layer) +
                       " of the description; it has: " + list_of(all));
    return left[next++];
  }

  // The order of names without a common pattern is a guess, of which the user should know.
  void note_order(Model &model) const {
    if (std::all_of(linear_.begin(), linear_.end(), [this](const std::string &name) {
          return without_numbers(name) == without_numbers(linear_.front());
        }))
      return;
    std::string order;
    for (const Layer &layer : model.layers)
      if (layer.has_product()) order += (order.empty() ? "" : ", ") + layer.name;
    model.notes.push_back("The linear modules follow each other in this order: " + order + ".");
  }

  Layer take(const LayerForm &form, int64_t inputs, size_t index) {
    Layer layer;
    layer.activation = form.activation, layer.alpha = form.alpha;
    if (!form.has_weights) {
      layer.name = "layers." + std::to_string(index);
      layer.k = layer.n = form.units;
      if (inputs > 0 && inputs != layer.n)
        throw ModelError("layer " + std::to_string(index) + " of the description has no weights and " +
                         std::to_string(layer.n) + " units; expected " + std::to_string(inputs) +
                         ", as many as before it");
      if (form.batch_norm) layer.norm = take_norm(form, layer.n, index);
      return layer;
    }
    layer.name = choose(form.linear, linear_, next_linear_, all_.linear, "linear", index);
    if (const auto unknown = file_.unknown.find(in_module(layer.name, "weight")); unknown != file_.unknown.end())
      throw ModelError(unknown->first + " has the type " + unknown->second + "; expected F16, BF16, F32 or F64");
    const Tensor *w = find(in_module(layer.name, "weight"));
    if (w == nullptr || w->shape().size() != 2)
      throw ModelError("has no linear module \"" + layer.name + "\"; it has: " + list_of(all_.linear));
    layer.w = *w, layer.transposed = true;
    layer.n = w->shape()[0], layer.k = w->shape()[1];
    need_floats(in_module(layer.name, "weight"), *w);
    if (layer.n != form.units)
      throw ModelError(in_module(layer.name, "weight") + " is " + text_of(w->shape()) + ", but layer " +
                       std::to_string(index) + " of the description has " + std::to_string(form.units) +
                       " units; if the modules are in another order, name them there with \"linear\" and \"norm\"");
    if (find(in_module(layer.name, "bias")) != nullptr) layer.bias = need(in_module(layer.name, "bias"), layer.n);
    if (form.batch_norm) layer.norm = take_norm(form, layer.n, index);
    return layer;
  }

  Norm take_norm(const LayerForm &form, int64_t n, size_t index) {
    const std::string module = choose(form.norm, norm_, next_norm_, all_.norm, "batch normalization", index);
    Norm norm;
    norm.eps = form.eps, norm.momentum = form.momentum, norm.unbiased = true;
    norm.mean = need(in_module(module, "running_mean"), n), norm.var = need(in_module(module, "running_var"), n);
    const bool has_scale = find(in_module(module, "weight")) != nullptr; // not with affine=False
    const auto filled = [n](float value) { return Tensor({n}, std::vector<float>(static_cast<size_t>(n), value)); };
    norm.gamma = has_scale ? need(in_module(module, "weight"), n) : filled(1);
    norm.beta = has_scale ? need(in_module(module, "bias"), n) : filled(0);
    find(in_module(module, "num_batches_tracked")); // counts steps, which a network does not need
    return norm;
  }

  const TensorFile &file_;
  const NetworkForm &form_;
  Modules all_;
  std::vector<std::string> linear_, norm_; // those that no layer names
  size_t next_linear_ = 0, next_norm_ = 0;
  std::set<std::string> taken_; // by name
  std::map<std::string, Tensor> used_;
};

} // namespace

LayerForm usual_of_pytorch() {
  LayerForm form;
  form.eps = 1e-5f;
  return form;
}

Model read_state_dict(const TensorFile &file, const NetworkForm &form, bool skips_foreign) {
  Reader reader(file, form);
  Model model = reader.read();
  handle_foreign(file, reader.used(), skips_foreign, model);
  if (const auto data = file.metadata.find(LF_DATA_TEXT); data != file.metadata.end()) model.texts.insert(*data);
  std::map<std::string, Tensor> floats;
  for (const auto &[name, tensor] : reader.used())
    if (!name.ends_with("num_batches_tracked")) floats.emplace(name, tensor);
  note_conversions(floats, model);
  if (floats.size() != reader.used().size())
    model.notes.push_back("num_batches_tracked was left out, because it only counts training steps.");
  return model;
}

TensorsToWrite write_state_dict(const Model &model, std::vector<Tensor> &kept) {
  std::vector<std::pair<std::string, const Tensor *>> tensors;
  kept.reserve(model.layers.size());
  int64_t module = 0;
  for (const Layer &layer : model.layers) {
    const auto name = [&module](const char *tensor) { return std::to_string(module) + "." + tensor; };
    if (layer.has_product()) {
      const Tensor *w = &layer.w;
      if (!layer.transposed) {
        kept.push_back(Tensor({layer.n, layer.k}, transposed(layer.w.read(), layer.k, layer.n)));
        w = &kept.back();
      }
      tensors.emplace_back(name("weight"), w);
      if (!layer.bias.empty()) tensors.emplace_back(name("bias"), &layer.bias);
      ++module;
    }
    if (layer.norm) {
      tensors.emplace_back(name("weight"), &layer.norm->gamma);
      tensors.emplace_back(name("bias"), &layer.norm->beta);
      tensors.emplace_back(name("running_mean"), &layer.norm->mean);
      tensors.emplace_back(name("running_var"), &layer.norm->var);
      ++module;
    }
    if (layer.activation != LF_IDENTITY) ++module;
  }
  std::map<std::string, std::string> metadata = {{"format", "pt"}, {description_key, describe_network(model)}};
  if (const auto data = model.texts.find(LF_DATA_TEXT); data != model.texts.end()) metadata.insert(*data);
  return write_safetensors(metadata, tensors);
}

} // namespace lanefold::model
