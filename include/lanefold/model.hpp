// Networks in files, for C++17: owners of models, and errors that are thrown.  model.h has the contract of each call.
#ifndef LANEFOLD_MODEL_HPP
#define LANEFOLD_MODEL_HPP

#include <lanefold/lanefold.hpp>
#include <lanefold/model.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#if defined(__cpp_exceptions)
namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// What a model has beside its layers.
struct MakeOptions {
  int32_t output = LF_OUTPUT_VALUES;      ///< LF_OUTPUT_SOFTMAX, for example.
  std::vector<std::string> feature_names; ///< One for each feature; empty: none.
  std::vector<std::string> class_names;   ///< One for each output, or two with one logistic output; empty: none.
  const BatchNorm *input_norm = nullptr;  ///< A normalization of the features before the first layer; NULL: none.
  const BatchNorm *output_norm = nullptr; ///< A normalization of the outputs after the last layer; NULL: none.
};

/// How a file is opened.
struct OpenOptions {
  uint32_t flags = 0;                 ///< LF_SKIP_FOREIGN_TENSORS
  int32_t format = LF_FORMAT_GUESSED; ///< LF_FORMAT_ONNX, for example.
  std::string network;                ///< The description of the network as JSON; "": the file has one.
};

/// How a file is written.
struct SaveOptions {
  int32_t format = LF_FORMAT_GUESSED; ///< LF_FORMAT_STATE_DICT, for example.
  lf_context *folds_on = nullptr;     ///< The context that folds batch normalization first; NULL: nothing is folded.
};

/// A network as a file holds it.
class Model {
public:
  /// A layer of the model, which points into it.
  struct Layer {
    lf_network_layer layer;                  ///< The weights, the bias and the activation.
    std::optional<lf_batch_norm> batch_norm; ///< The normalization; layer.batch_norm does not point to it.

    /// A copy that training can update, with the weights as k x n.  Throws Error if the layer has no product.
    [[nodiscard]] DenseLayer trainable() const;
  };

  /// Opens a file.  Throws Error.
  static Model open(const std::string &path, const OpenOptions &options = {}) {
    return open(path.c_str(), nullptr, 0, options);
  }
  /// Reads the content of a file, which must stay unchanged while the model exists.  Throws Error.
  static Model open(const void *data, uint64_t size, const OpenOptions &options = {}) {
    return open(nullptr, data, size, options);
  }
  /// Makes a model from layers, which it copies.  Throws Error.
  static Model of(const std::vector<DenseLayer> &layers, const MakeOptions &options = {});

  /// What the model is.  The pointers are valid until the model is changed or destroyed.
  [[nodiscard]] lf_model_info info() const {
    auto result = args<lf_model_info>();
    need(lf_model_get_info(get(), &result), "lf_model_get_info");
    return result;
  }
  /// A description of the whole model, as JSON.
  [[nodiscard]] std::string describe() const {
    uint64_t needed = 0;
    need(lf_model_describe(get(), nullptr, 0, &needed), "lf_model_describe");
    std::string text(needed, '\0');
    need(lf_model_describe(get(), text.data(), text.size(), nullptr), "lf_model_describe");
    text.pop_back();
    return text;
  }
  /// Layer `index`, from 0.
  [[nodiscard]] Layer layer(int64_t index) const {
    Layer result{args<lf_network_layer>(), {}};
    auto norm = args<lf_batch_norm>();
    need(lf_model_get_layer(get(), index, &result.layer, &norm), "lf_model_get_layer");
    if (result.layer.batch_norm != nullptr) result.batch_norm = norm, result.layer.batch_norm = nullptr;
    return result;
  }
  /// The text that is stored under a key, if there is one.
  [[nodiscard]] std::optional<std::string> text(const std::string &key) const {
    const char *found = lf_model_get_text(get(), key.c_str());
    return found == nullptr ? std::nullopt : std::optional<std::string>(found);
  }
  /// The values of a named tensor, if there is one.
  [[nodiscard]] std::optional<std::vector<float>> tensor(const std::string &name) const {
    auto found = args<lf_model_tensor>();
    if (lf_model_get_tensor(get(), name.c_str(), &found) != LF_OK) return std::nullopt;
    return std::vector<float>(found.values, found.values + found.rows * found.columns);
  }

  /// Stores a text under a key.  Throws Error.
  void set_text(const std::string &key, const std::string &value) {
    need(lf_model_set_text(model_.get(), key.c_str(), value.c_str()), "lf_model_set_text");
  }
  /// Stores a copy of a tensor of one or two dimensions.  Throws Error.
  void set_tensor(const std::string &name, const std::vector<int64_t> &shape, const std::vector<float> &values) {
    auto tensor = args<lf_model_tensor>();
    tensor.name = name.c_str(), tensor.rank = static_cast<int32_t>(shape.size()), tensor.values = values.data();
    tensor.rows = shape.empty() ? 0 : shape[0], tensor.columns = shape.size() > 1 ? shape[1] : 1;
    if (!shape.empty() && static_cast<int64_t>(values.size()) != tensor.rows * tensor.columns)
      throw Error(LF_INVALID_ARGUMENT,
                  name + ": the shape needs another number of values than " + std::to_string(values.size()));
    need(lf_model_set_tensor(model_.get(), &tensor), "lf_model_set_tensor");
  }

  /// Makes a network for inference.  flags: LF_LOGITS.  Throws Error.
  [[nodiscard]] InferenceNetwork make_network(lf_context *context, uint32_t flags = 0) const {
    Message message;
    auto call = message.in<lf_model_network_args>();
    call.flags = flags;
    lf_network *network = nullptr;
    message.check(lf_model_create_network(context, get(), &call, &network));
    return InferenceNetwork(network);
  }
  /// Writes the model.  The file is replaced as a whole.  Throws Error.
  void save(const std::string &path, const SaveOptions &options = {}) const {
    Message message;
    auto call = message.in<lf_model_save_args>();
    call.path = path.c_str(), call.format = options.format;
    call.flags = options.folds_on != nullptr ? LF_FOLDED : 0;
    message.check(lf_model_save(options.folds_on, get(), &call));
  }

  /// The C object.
  [[nodiscard]] const lf_model *get() const noexcept { return model_.get(); }

private:
  struct Destroy {
    void operator()(lf_model *model) const { lf_model_destroy(model); }
  };
  // Where a call leaves the message of an error.
  class Message {
  public:
    template <class Args> Args in() {
      auto call = args<Args>();
      call.message = text_, call.message_size = sizeof text_;
      return call;
    }
    void check(lf_status status) const {
      if (status != LF_OK) throw Error(status, text_[0] != 0 ? text_ : lf_status_name(status));
    }

  private:
    char text_[1024] = "";
  };

  explicit Model(lf_model *model) : model_(model) {}

  // Whether nobody has resized the arrays of a layer, or its sizes.
  static bool has_whole_arrays(const DenseLayer &layer) {
    const auto n = static_cast<size_t>(layer.outputs);
    if (layer.inputs < 0 || layer.outputs < 0 || layer.w.size() != detail::count_of(layer.inputs, layer.outputs))
      return false;
    if (!layer.bias.empty() && layer.bias.size() != n) return false;
    return !layer.batch_norm || has_whole_arrays(*layer.batch_norm, n);
  }
  static bool has_whole_arrays(const BatchNorm &norm, size_t n) {
    return norm.gamma.size() == n && norm.beta.size() == n && norm.running_mean.size() == n &&
           norm.running_var.size() == n;
  }
  static std::vector<const char *> pointers(const std::vector<std::string> &texts) {
    std::vector<const char *> made;
    for (const std::string &text : texts) made.push_back(text.c_str());
    return made;
  }

  static void need(lf_status status, const char *call) {
    if (status != LF_OK) throw Error(status, std::string(call) + ": " + lf_status_name(status));
  }
  static Model open(const char *path, const void *data, uint64_t size, const OpenOptions &options) {
    Message message;
    auto call = message.in<lf_model_open_args>();
    call.flags = options.flags, call.path = path, call.data = data, call.size = size, call.format = options.format;
    call.network = options.network.empty() ? nullptr : options.network.c_str();
    lf_model *model = nullptr;
    message.check(lf_model_open(&call, &model));
    return Model(model);
  }

  std::unique_ptr<lf_model, Destroy> model_;
};

inline DenseLayer Model::Layer::trainable() const {
  if ((layer.flags & LF_ELEMENTWISE) != 0) throw Error(LF_UNSUPPORTED, "a layer without a product cannot be trained");
  const int64_t k = layer.k, n = layer.n;
  DenseLayer made(k, n, {layer.activation, layer.alpha}, batch_norm.has_value());
  const bool is_transposed = (layer.flags & LF_TRANSPOSE_B) != 0;
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = 0; j < n; ++j)
      made.w[static_cast<size_t>(p * n + j)] = layer.w[is_transposed ? j * layer.ldw + p : p * layer.ldw + j];
  if (layer.bias != nullptr) made.bias.assign(layer.bias, layer.bias + n);
  else if (!batch_norm) made.bias.assign(static_cast<size_t>(n), 0.0f);
  if (!batch_norm) return made;
  BatchNorm &norm = *made.batch_norm;
  norm.eps = batch_norm->eps, norm.momentum = batch_norm->momentum, norm.flags = batch_norm->flags;
  norm.gamma.assign(batch_norm->gamma, batch_norm->gamma + n), norm.beta.assign(batch_norm->beta, batch_norm->beta + n);
  norm.running_mean.assign(batch_norm->running_mean, batch_norm->running_mean + n);
  norm.running_var.assign(batch_norm->running_var, batch_norm->running_var + n);
  return made;
}

inline Model Model::of(const std::vector<DenseLayer> &from, const MakeOptions &options) {
  const size_t before = options.input_norm != nullptr ? 1 : 0, after = options.output_norm != nullptr ? 1 : 0;
  std::vector<lf_network_layer> all(before + from.size() + after, args<lf_network_layer>());
  std::vector<lf_batch_norm> all_norms(all.size());
  const auto add_norm = [&](size_t at, const BatchNorm &norm, int64_t n, const char *wrong) {
    if (!has_whole_arrays(norm, static_cast<size_t>(n))) throw Error(LF_INVALID_ARGUMENT, wrong);
    all_norms[at] = detail::c_struct_of(norm.view());
    all[at].flags = LF_ELEMENTWISE, all[at].k = all[at].n = n;
    all[at].alpha = 1, all[at].batch_norm = &all_norms[at];
  };
  if (options.input_norm != nullptr)
    add_norm(0, *options.input_norm, from.empty() ? 0 : from.front().inputs,
             "input_norm has an array of another size than the features");
  if (options.output_norm != nullptr)
    add_norm(all.size() - 1, *options.output_norm, from.empty() ? 0 : from.back().outputs,
             "output_norm has an array of another size than the outputs");
  lf_network_layer *const layers = all.data() + before;
  lf_batch_norm *const norms = all_norms.data() + before;
  for (size_t i = 0; i < from.size(); ++i) {
    const DenseLayer &layer = from[i];
    if (!has_whole_arrays(layer))
      throw Error(LF_INVALID_ARGUMENT, "layers." + std::to_string(i) + " has an array of another size than its layer");
    layers[i].k = layer.inputs, layers[i].n = layer.outputs, layers[i].w = layer.w.data();
    layers[i].ldw = layer.outputs, layers[i].bias = layer.bias.empty() ? nullptr : layer.bias.data();
    layers[i].activation = layer.activation.code, layers[i].alpha = layer.activation.alpha;
    if (!layer.batch_norm) continue;
    norms[i] = detail::c_struct_of(layer.batch_norm->view()), layers[i].batch_norm = &norms[i];
  }
  auto network = args<lf_network_args>();
  network.count = static_cast<int64_t>(all.size()), network.layers = all.data();
  network.output = options.output;
  const std::vector<const char *> features = pointers(options.feature_names), classes = pointers(options.class_names);
  if (!features.empty() && static_cast<int64_t>(features.size()) != (from.empty() ? 0 : from.front().inputs))
    throw Error(LF_INVALID_ARGUMENT,
                "feature_names has " + std::to_string(features.size()) + " names; expected one for each feature");
  Message message;
  auto call = message.in<lf_model_create_args>();
  call.network = &network;
  call.feature_names = features.empty() ? nullptr : features.data();
  call.class_names = classes.empty() ? nullptr : classes.data(), call.classes = static_cast<int64_t>(classes.size());
  lf_model *model = nullptr;
  message.check(lf_model_create(&call, &model));
  return Model(model);
}

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold
#endif

#endif
