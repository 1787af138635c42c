// The C entry points: every exception becomes a status and a message.
#include "model/api.hpp"

#include "cli/atomic_file.hpp"
#include "model/description.hpp"
#include "model/network.hpp"
#include "model/onnx/onnx.hpp"
#include "model/own_format.hpp"
#include "model/state_dict.hpp"

#include <lanefold/model.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <system_error>

using namespace lanefold::model;

struct lf_model {
  Model model;
  std::vector<const char *> feature_names, class_names, notes; // point into the model

  explicit lf_model(Model given) : model(std::move(given)) {
    for (const auto &[from, to] : {std::pair(&model.feature_names, &feature_names),
                                   std::pair(&model.class_names, &class_names), std::pair(&model.notes, &notes)})
      for (const std::string &text : *from) to->push_back(text.c_str());
  }
};

namespace {

constexpr int64_t most_size = int64_t{1} << 47;

void need(bool good, const std::string &message) {
  if (!good) throw ModelError(message);
}

Model read(const lf_model_open_args &args) {
  Content content;
  if (args.path != nullptr) content = open_content(args.path);
  else content.data = static_cast<const std::byte *>(args.data), content.size = args.size;
  if (content.size == 0) throw ModelError("is empty");
  const bool skips = (args.flags & LF_SKIP_FOREIGN_TENSORS) != 0;
  const bool is_onnx =
      args.format == LF_FORMAT_ONNX || (args.format == LF_FORMAT_GUESSED && !looks_like_safetensors(content));
  if (is_onnx) {
    need(args.network == nullptr,
         "is an ONNX file, which describes its network; no other description goes with it (network, or --network)");
    return read_onnx(content.data, content.size, content.owner, content.folder);
  }
  TensorFile file = read_safetensors(content);
  if (is_own_format(file)) {
    need(args.network == nullptr, "is a file of Lanefold, which describes its network; no other description goes with "
                                  "it (network, or --network)");
    return read_own_format(file, skips);
  }
  const auto described = file.metadata.find(description_key);
  if (args.network == nullptr && described == file.metadata.end())
    throw ModelError(
        "has tensors, but no description of the network; give one as JSON in the argument network, or as a "
        "file with --network");
  const std::string network = args.network != nullptr ? args.network : described->second;
  return read_state_dict(file, read_network_form(network, usual_of_pytorch()), skips);
}

Tensor copy_of(const float *values, int64_t n) { return {{n}, std::vector<float>(values, values + n)}; }

Tensor copy_of(const float *values, int64_t rows, int64_t columns, int64_t stride) {
  std::vector<float> copy;
  copy.reserve(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i) copy.insert(copy.end(), values + i * stride, values + i * stride + columns);
  return {{rows, columns}, std::move(copy)};
}

void check_format(int32_t format) {
  need(format >= LF_FORMAT_GUESSED && format <= LF_FORMAT_ONNX,
       "format is " + std::to_string(format) + "; expected 0 to " + std::to_string(LF_FORMAT_ONNX));
}

Layer layer_of(const lf_network_layer &from, size_t index) {
  Layer layer;
  layer.name = "layers." + std::to_string(index);
  layer.k = from.k, layer.n = from.n;
  need(from.k > 0 && from.n > 0 && from.k <= most_size / from.n, layer.name + " has k = " + std::to_string(from.k) +
                                                                     " and n = " + std::to_string(from.n) +
                                                                     "; expected at least 1 each");
  layer.activation = from.activation, layer.alpha = from.alpha;
  layer.transposed = (from.flags & LF_TRANSPOSE_B) != 0;
  const bool elementwise = (from.flags & LF_ELEMENTWISE) != 0;
  need((from.flags & ~(LF_TRANSPOSE_B | LF_ELEMENTWISE)) == 0,
       layer.name + ": flags has bits that this call does not know");
  need(!elementwise || from.bias == nullptr, layer.name + ": bias is given; expected NULL with LF_ELEMENTWISE");
  need(elementwise || from.w != nullptr, layer.name + ": w is NULL; expected weights, or LF_ELEMENTWISE");
  need(!elementwise || from.w == nullptr, layer.name + ": w is given; expected NULL with LF_ELEMENTWISE");
  if (!elementwise) {
    const int64_t rows = layer.transposed ? from.n : from.k, columns = layer.transposed ? from.k : from.n;
    need(rows == 1 || from.ldw >= columns,
         layer.name + ": ldw is " + std::to_string(from.ldw) + "; expected at least " + std::to_string(columns));
    layer.w = copy_of(from.w, rows, columns, from.ldw);
  }
  if (from.bias != nullptr) layer.bias = copy_of(from.bias, from.n);
  if (from.batch_norm == nullptr) return layer;
  const lf_batch_norm &given = *from.batch_norm;
  need(given.struct_size >= sizeof given, layer.name + ": batch_norm.struct_size is too small");
  need((given.flags & ~LF_UNBIASED_RUNNING_VAR) == 0,
       layer.name + ": batch_norm.flags has bits that this call does not know");
  Norm &norm = layer.norm.emplace();
  norm.eps = given.eps, norm.momentum = given.momentum, norm.unbiased = (given.flags & LF_UNBIASED_RUNNING_VAR) != 0;
  const float *arrays[] = {given.gamma, given.beta, given.running_mean, given.running_var};
  constexpr const char *names[] = {"gamma", "beta", "running_mean", "running_var"};
  for (size_t i = 0; i < 4; ++i) need(arrays[i] != nullptr, layer.name + ": batch_norm." + names[i] + " is NULL");
  norm.gamma = copy_of(arrays[0], from.n), norm.beta = copy_of(arrays[1], from.n);
  norm.mean = copy_of(arrays[2], from.n), norm.var = copy_of(arrays[3], from.n);
  return layer;
}

std::vector<std::string> names_of(const char *const *names, int64_t count, const char *what) {
  std::vector<std::string> result;
  if (names == nullptr) return result;
  for (int64_t i = 0; i < count; ++i) {
    need(names[i] != nullptr, std::string(what) + "[" + std::to_string(i) + "] is NULL");
    result.emplace_back(names[i]);
  }
  return result;
}

int32_t format_of_name(const std::string &path) {
  if (path.ends_with(".onnx")) return LF_FORMAT_ONNX;
  if (path.ends_with(".safetensors")) return LF_FORMAT_SAFETENSORS;
  throw ModelError(
      "the name ends neither in .safetensors nor in .onnx, so the format is unknown; give the format (--format)");
}

void write(const Model &model, const std::string &path, int32_t format) {
  std::vector<Tensor> kept;
  std::string onnx;
  TensorsToWrite tensors;
  std::vector<std::string_view> parts;
  if (format == LF_FORMAT_ONNX) {
    onnx = write_onnx(model);
    parts = {onnx};
  } else {
    tensors = format == LF_FORMAT_STATE_DICT ? write_state_dict(model, kept) : write_own_format(model, kept);
    parts = {tensors.head};
    parts.insert(parts.end(), tensors.values.begin(), tensors.values.end());
  }
  try {
    lanefold::cli::replace_file(path, parts);
  } catch (const std::system_error &error) {
    throw ModelError("cannot be written: " + error.code().message());
  }
}

} // namespace

lf_status lf_model_open(const lf_model_open_args *given, lf_model **model) {
  if (model != nullptr) *model = nullptr;
  return answer(given, "lf_model_open", [model](const lf_model_open_args &args) {
    need(model != nullptr, "model is NULL");
    check_flags(args.flags, LF_SKIP_FOREIGN_TENSORS);
    need(args.reserved == 0, "reserved is not 0");
    need(args.path != nullptr || args.data != nullptr, "path and data are both NULL; expected one of them");
    check_format(args.format);
    in_file(args.path, [&] {
      Model read_model = read(args);
      check(read_model);
      *model = new lf_model(std::move(read_model));
    });
  });
}

void lf_model_destroy(lf_model *model) { delete model; }

lf_status lf_model_get_info(const lf_model *model, lf_model_info *info) {
  if (model == nullptr || info == nullptr) return LF_INVALID_ARGUMENT;
  const Model &of = model->model;
  const uint32_t size = info->struct_size;
  const auto names = [](const std::vector<const char *> &list) { return list.empty() ? nullptr : list.data(); };
  const lf_model_info all = {size,
                             of.format,
                             of.features,
                             of.outputs(),
                             static_cast<int64_t>(of.layers.size()),
                             of.output,
                             0,
                             of.producer.c_str(),
                             names(model->feature_names),
                             names(model->class_names),
                             static_cast<int64_t>(model->class_names.size()),
                             names(model->notes),
                             static_cast<int64_t>(model->notes.size())};
  if (size < 8) return LF_INVALID_ARGUMENT;
  std::memcpy(info, &all, std::min<size_t>(size, sizeof all));
  return LF_OK;
}

lf_status lf_model_describe(const lf_model *model, char *text, uint64_t size, uint64_t *needed) {
  if (model == nullptr || (text == nullptr && size > 0)) return LF_INVALID_ARGUMENT;
  return without_exceptions([&] {
    const std::string all = describe_model(model->model);
    put_text(all, text, size);
    if (needed != nullptr) *needed = all.size() + 1;
  });
}

lf_status lf_model_get_layer(const lf_model *model, int64_t index, lf_network_layer *layer, lf_batch_norm *batch_norm) {
  if (model == nullptr || layer == nullptr || batch_norm == nullptr || index < 0 ||
      index >= static_cast<int64_t>(model->model.layers.size()) || layer->struct_size < sizeof *layer ||
      batch_norm->struct_size < sizeof *batch_norm)
    return LF_INVALID_ARGUMENT;
  return without_exceptions([&] {
    const Layer &from = model->model.layers[static_cast<size_t>(index)];
    const uint32_t size = layer->struct_size, norm_size = batch_norm->struct_size;
    lf_network_layer made{};
    made.struct_size = size;
    made.n = from.n, made.k = from.k, made.activation = from.activation, made.alpha = from.alpha;
    if (!from.has_product()) made.flags = LF_ELEMENTWISE;
    if (from.has_product()) {
      made.flags = from.transposed ? LF_TRANSPOSE_B : 0;
      made.w = from.w.floats(), made.ldw = from.transposed ? from.k : from.n;
    }
    if (!from.bias.empty()) made.bias = from.bias.floats();
    if (from.norm) {
      lf_batch_norm norm{};
      norm.struct_size = norm_size;
      norm.flags = from.norm->unbiased ? LF_UNBIASED_RUNNING_VAR : 0;
      norm.eps = from.norm->eps, norm.momentum = from.norm->momentum;
      norm.gamma = from.norm->gamma.floats(), norm.beta = from.norm->beta.floats();
      norm.running_mean = const_cast<float *>(from.norm->mean.floats());
      norm.running_var = const_cast<float *>(from.norm->var.floats());
      *batch_norm = norm;
      made.batch_norm = batch_norm;
    }
    *layer = made;
  });
}

lf_status lf_model_get_tensor(const lf_model *model, const char *name, lf_model_tensor *tensor) {
  if (model == nullptr || name == nullptr || tensor == nullptr || tensor->struct_size < sizeof *tensor)
    return LF_INVALID_ARGUMENT;
  return without_exceptions([&] {
    const auto at = model->model.tensors.find(name);
    need(at != model->model.tensors.end(), "no such tensor");
    const std::vector<int64_t> &shape = at->second.shape();
    need(shape.size() == 1 || shape.size() == 2, "rank");
    *tensor = {tensor->struct_size,
               static_cast<int32_t>(shape.size()),
               at->first.c_str(),
               shape[0],
               shape.size() == 2 ? shape[1] : 1,
               at->second.floats()};
  });
}

const char *lf_model_get_text(const lf_model *model, const char *key) {
  if (model == nullptr || key == nullptr) return nullptr;
  const auto at = std::find_if(model->model.texts.begin(), model->model.texts.end(),
                               [key](const auto &entry) { return entry.first == key; });
  return at == model->model.texts.end() ? nullptr : at->second.c_str();
}

lf_status lf_model_create_network(lf_context *context, const lf_model *model, const lf_model_network_args *given,
                                  lf_network **network) {
  if (network != nullptr) *network = nullptr;
  return answer(given, "lf_model_create_network", [=](const lf_model_network_args &args) {
    need(context != nullptr, "context is NULL");
    need(model != nullptr, "model is NULL");
    need(network != nullptr, "network is NULL");
    check_flags(args.flags, LF_LOGITS);
    const std::vector<PreparedLayer> prepared = prepare(model->model, context, Folding::later);
    std::vector<lf_network_layer> layers;
    for (const PreparedLayer &each : prepared) layers.push_back(each.layer);
    lf_network_args create{};
    create.struct_size = sizeof create;
    create.count = static_cast<int64_t>(layers.size()), create.layers = layers.data();
    create.output = (args.flags & LF_LOGITS) != 0 ? LF_OUTPUT_VALUES : model->model.output;
    if (const lf_status status = lf_network_create(context, &create, network); status != LF_OK)
      throw ModelError(lf_last_error(context), status);
  });
}

lf_status lf_model_create(const lf_model_create_args *given, lf_model **model) {
  if (model != nullptr) *model = nullptr;
  return answer(given, "lf_model_create", [model](const lf_model_create_args &args) {
    need(model != nullptr, "model is NULL");
    check_flags(args.flags, 0);
    need(args.network != nullptr && args.network->layers != nullptr && args.network->count > 0,
         "network has no layers");
    need(args.network->struct_size >= sizeof(lf_network_args), "network.struct_size is too small");
    need(args.network->flags == 0, "network.flags has bits that this call does not know");
    need(args.network->output >= 0 && args.network->output < LF_OUTPUT_COUNT,
         "network.output is " + std::to_string(args.network->output) + "; expected 0 to " +
             std::to_string(LF_OUTPUT_COUNT - 1));
    Model made;
    made.format = LF_FORMAT_SAFETENSORS, made.producer = "lanefold";
    for (int64_t i = 0; i < args.network->count; ++i) {
      const lf_network_layer &layer = args.network->layers[i];
      need(layer.struct_size == sizeof(lf_network_layer), "a layer's struct_size is not that of this library");
      made.layers.push_back(layer_of(layer, static_cast<size_t>(i)));
    }
    made.features = made.layers.front().k, made.output = args.network->output;
    made.feature_names = names_of(args.feature_names, made.features, "feature_names");
    const int64_t outputs = made.layers.back().n;
    need(args.class_names == nullptr || args.classes == outputs || (args.classes == 2 && outputs == 1),
         "has " + std::to_string(args.classes) + " names of classes, but " + std::to_string(outputs) + " outputs");
    made.class_names = names_of(args.class_names, args.classes, "class_names");
    check(made);
    *model = new lf_model(std::move(made));
  });
}

lf_status lf_model_set_text(lf_model *model, const char *key, const char *text) {
  if (model == nullptr || key == nullptr || text == nullptr || std::strcmp(key, "format") == 0 ||
      std::strcmp(key, "numeric_version") == 0 || std::strcmp(key, "tensors") == 0)
    return LF_INVALID_ARGUMENT;
  return without_exceptions([&] { model->model.texts[key] = text; });
}

lf_status lf_model_set_tensor(lf_model *model, const lf_model_tensor *tensor) {
  if (model == nullptr || tensor == nullptr || tensor->struct_size < sizeof *tensor || tensor->name == nullptr ||
      tensor->rank < 1 || tensor->rank > 2 || is_reserved_name(tensor->name))
    return LF_INVALID_ARGUMENT;
  return without_exceptions([&] {
    std::vector<int64_t> shape = {tensor->rows};
    if (tensor->rank == 2) shape.push_back(tensor->columns);
    const int64_t count = count_of(shape);
    need(count >= 0 && (count == 0 || tensor->values != nullptr), "values");
    model->model.tensors.insert_or_assign(
        tensor->name, Tensor(std::move(shape), std::vector<float>(tensor->values, tensor->values + count)));
  });
}

lf_status lf_model_save(lf_context *context, const lf_model *model, const lf_model_save_args *given) {
  return answer(given, "lf_model_save", [=](const lf_model_save_args &args) {
    need(model != nullptr, "model is NULL");
    need(args.path != nullptr, "path is NULL");
    check_flags(args.flags, LF_FOLDED);
    need(args.reserved == 0, "reserved is not 0");
    const bool folds = (args.flags & LF_FOLDED) != 0;
    need(!folds || context != nullptr, "context is NULL, but LF_FOLDED needs it");
    check_format(args.format);
    in_file(args.path, [&] {
      const int32_t format = args.format == LF_FORMAT_GUESSED ? format_of_name(args.path) : args.format;
      write(folds ? folded(model->model, context) : model->model, args.path, format);
    });
  });
}
