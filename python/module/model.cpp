// Networks in files.  lanefold/models.py has the class that users see.
#include "classes.hpp"
#include "families.hpp"
#include "network.hpp"

#include <lanefold/model.h>

namespace lanefold::python {
namespace {

class Model {
public:
  Model(lf_model *model, py::object content) : content_(std::move(content)), model_(model, lf_model_destroy) {}
  const std::shared_ptr<lf_model> &model() const { return model_; }

private:
  py::object content_; // the bytes that the model points into; released after the model
  std::shared_ptr<lf_model> model_;
};

constexpr const char *const output_words[] = {"values", "softmax", "log-softmax", nullptr};
constexpr const char *const format_words[] = {"safetensors", "state-dict", "onnx", nullptr};

// LF_FORMAT_SAFETENSORS and so on; LF_FORMAT_GUESSED if it was not given.
int32_t format_of(const Arguments &given, size_t i) {
  return given.is_given(i) ? given.word(i, format_words, 0) + LF_FORMAT_SAFETENSORS : LF_FORMAT_GUESSED;
}

// Calls the library without the GIL.  Its message goes into the exception.
template <class Args, class Body> void run_named(const char *call, Args args, const Body &body) {
  char message[2048] = "";
  args.struct_size = sizeof args, args.message = message, args.message_size = sizeof message;
  lf_status status;
  {
    const WithoutGil released;
    status = body(&args);
  }
  if (status != LF_OK) refuse_status(status, call, message);
}

py::object open_model(const Arguments &given) {
  enum { path_, content_, network_, skip_foreign_, format_ };
  const std::string path = given.path(path_), network = given.text(network_);
  py::object content = given.object(content_);
  lf_model_open_args args{};
  args.path = path.empty() ? nullptr : path.c_str();
  args.network = network.empty() ? nullptr : network.c_str();
  args.format = format_of(given, format_);
  if (given.flag(skip_foreign_)) args.flags = LF_SKIP_FOREIGN_TENSORS;
  if (!content.is_none()) {
    if (PyBytes_Check(content.ptr()) == 0) refuse_type("Model.from_bytes", "content", content.ptr(), "bytes");
    args.data = PyBytes_AS_STRING(content.ptr()), args.size = static_cast<uint64_t>(PyBytes_GET_SIZE(content.ptr()));
  }
  lf_model *model = nullptr;
  run_named(content.is_none() ? "Model.open" : "Model.from_bytes", args,
            [&](lf_model_open_args *a) { return lf_model_open(a, &model); });
  return py::cast(new Model(model, std::move(content)), py::return_value_policy::take_ownership);
}

// Strings that the library reads; None: no strings.
class Texts {
public:
  Texts(const char *call, const char *name, const py::object &given) {
    if (given.is_none()) return;
    const auto list = py::reinterpret_steal<py::list>(PySequence_List(given.ptr()));
    if (!list || PyUnicode_Check(given.ptr()) != 0) refuse_type(call, name, given.ptr(), "a list of strings");
    for (const py::handle item : list) texts_.emplace_back(text_from(call, name, item.ptr()));
    for (const std::string &text : texts_) pointers_.push_back(text.c_str());
  }
  const char *const *get() const { return pointers_.empty() ? nullptr : pointers_.data(); }
  int64_t count() const { return static_cast<int64_t>(pointers_.size()); }

private:
  std::deque<std::string> texts_;
  std::vector<const char *> pointers_;
};

py::object make_model(const Arguments &given) {
  enum { layers_, output_, feature_names_, class_names_ };
  LayerList layers("Model", given.object(layers_));
  layers.args.output = given.word(output_, output_words, LF_OUTPUT_VALUES);
  const Texts features("Model", "feature_names", given.object(feature_names_));
  const Texts classes("Model", "class_names", given.object(class_names_));
  if (features.count() != 0 && features.count() != layers.inputs())
    refuse_value("Model", "feature_names has the length " + std::to_string(features.count()) +
                              "; expected a name for each of the " + std::to_string(layers.inputs()) + " features");
  lf_model_create_args args{};
  args.network = &layers.args;
  args.feature_names = features.get(), args.class_names = classes.get(), args.classes = classes.count();
  lf_model *model = nullptr;
  run_named("Model", args, [&](lf_model_create_args *a) { return lf_model_create(a, &model); });
  return py::cast(new Model(model, py::none()), py::return_value_policy::take_ownership);
}

const Model &model_object(const Arguments &given) { return py::cast<const Model &>(py::handle(given.self())); }

lf_model_info info_of(const lf_model *model) {
  auto info = args<lf_model_info>();
  lf_model_get_info(model, &info);
  return info;
}

py::object describe_model(const Arguments &given) {
  const lf_model *model = model_object(given).model().get();
  uint64_t needed = 0;
  lf_status status = lf_model_describe(model, nullptr, 0, &needed);
  std::string text(needed, '\0');
  if (status == LF_OK) status = lf_model_describe(model, text.data(), text.size(), nullptr);
  if (status != LF_OK) refuse_status(status, given.call(), lf_status_name(status));
  text.pop_back();
  return string_of(text);
}

py::object copy_of(const float *values, int64_t n) {
  auto array = new_array(n);
  std::memcpy(array.mutable_data(), values, static_cast<size_t>(n) * sizeof(float));
  return array;
}

// The weights as k x n.
py::object weights_of(const lf_network_layer &layer) {
  py::object array = new_array(layer.k, layer.n);
  float *w = elements(array);
  const bool is_transposed = (layer.flags & LF_TRANSPOSE_B) != 0;
  for (int64_t p = 0; p < layer.k; ++p)
    for (int64_t j = 0; j < layer.n; ++j)
      w[p * layer.n + j] = layer.w[is_transposed ? j * layer.ldw + p : p * layer.ldw + j];
  return array;
}

// (inputs, outputs, activation, alpha, w, bias, norm); norm is (eps, momentum, is unbiased, its four arrays).
py::object get_layer(const Arguments &given) {
  const lf_model *model = model_object(given).model().get();
  auto layer = args<lf_network_layer>();
  auto norm = args<lf_batch_norm>();
  const lf_status status = lf_model_get_layer(model, given.whole(0, 0), &layer, &norm);
  if (status != LF_OK) refuse_status(status, given.call(), lf_status_name(status));
  py::object normalization = py::none();
  if (layer.batch_norm != nullptr)
    normalization = py::make_tuple(norm.eps, norm.momentum, (norm.flags & LF_UNBIASED_RUNNING_VAR) != 0,
                                   copy_of(norm.gamma, layer.n), copy_of(norm.beta, layer.n),
                                   copy_of(norm.running_mean, layer.n), copy_of(norm.running_var, layer.n));
  return py::make_tuple(layer.k, layer.n, activation_words[layer.activation], layer.alpha,
                        layer.w == nullptr ? py::none() : weights_of(layer),
                        layer.bias == nullptr ? py::none() : copy_of(layer.bias, layer.n), normalization);
}

py::object make_network_of(const Arguments &given) {
  enum { logits_, operations_, context_ };
  const Call call(given, context_);
  const std::shared_ptr<lf_model> model = model_object(given).model();
  const lf_model_info info = info_of(model.get());
  lf_model_network_args args{};
  if (given.flag(logits_)) args.flags = LF_LOGITS;
  lf_network *network = nullptr;
  run_named("Model.network", args, [&](lf_model_network_args *a) {
    return lf_model_create_network(call.context(), model.get(), a, &network);
  });
  auto *made = new Network(std::shared_ptr<lf_network>(network, lf_network_destroy), info.features, info.outputs,
                           given.number(operations_, 1e9));
  return py::cast(made, py::return_value_policy::take_ownership);
}

py::object save_model(const Arguments &given) {
  enum { path_, format_, folded_, context_ };
  const Call call(given, context_);
  const std::shared_ptr<lf_model> model = model_object(given).model();
  const std::string path = given.path(path_);
  lf_model_save_args args{};
  args.path = path.c_str(), args.format = format_of(given, format_);
  if (given.flag(folded_)) args.flags = LF_FOLDED;
  run_named("Model.save", args, [&](lf_model_save_args *a) { return lf_model_save(call.context(), model.get(), a); });
  return py::none();
}

} // namespace

void define_model(py::module_ &module) {
  py::class_<Model> type(module, "_Model", py::is_final());
  define_no_constructor(type);
  Function<open_model>::define(module, "_open_model(path=None, content=None, network=None, skip_foreign=False, "
                                       "format=None)\n--\n\nReads a file, or its content.");
  Function<make_model>::define(module, "_make_model(layers, output='values', feature_names=None, "
                                       "class_names=None)\n--\n\nMakes a model of layers.");
  Function<describe_model>::define(type, "describe($self)\n--\n\nReturns the description, as JSON.");
  Function<get_layer>::define(type, "layer($self, index)\n--\n\nReturns copies of what layer `index` holds.");
  Function<make_network_of>::define(
      type, "network($self, logits=False, operations=None, context=None)\n--\n\nMakes a network.");
  Function<save_model>::define(type,
                               "save($self, path, format=None, folded=False, context=None)\n--\n\nWrites a file.");
}

} // namespace lanefold::python
