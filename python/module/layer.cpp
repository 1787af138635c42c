// Reads activations and normalizations.
#include "layer.hpp"

#include <algorithm>

namespace lanefold::python {
namespace {

float usual_alpha(int32_t code) { return code == LF_LEAKY_RELU ? 0.01f : code == LF_HARD_SIGMOID ? 1.0f / 6 : 1.0f; }

} // namespace

py::object attribute_of(const char *call, const std::string &owner, const py::handle &object, const char *attribute,
                        const char *expected) {
  auto value = py::reinterpret_steal<py::object>(PyObject_GetAttrString(object.ptr(), attribute));
  if (value) return value;
  refuse_type(call, owner, object.ptr(), std::string(expected) + ", which has the attribute " + attribute);
}

// In the order of their codes.
const char *const activation_words[] = {"identity", "relu",       "leaky-relu", "elu",       "selu",
                                        "tanh",     "logistic",   "relu6",      "softplus",  "hard-sigmoid",
                                        "silu",     "hard-swish", "gelu",       "gelu-tanh", nullptr};

Activation activation_of(const Arguments &given, size_t word, size_t alpha) {
  const int32_t code = given.word(word, activation_words, LF_IDENTITY);
  return {code, static_cast<float>(given.number(alpha, static_cast<double>(usual_alpha(code))))};
}

Activation activation_of(const char *call, const std::string &layer, const py::handle &object) {
  const py::object word = attribute_of(call, layer, object, "activation", "a lanefold.DenseLayer");
  const int32_t code = word_from(call, (layer + ".activation").c_str(), word.ptr(), activation_words);
  const py::object alpha = attribute_of(call, layer, object, "alpha", "a lanefold.DenseLayer");
  return {code, alpha.is_none() ? usual_alpha(code)
                                : static_cast<float>(number_from(call, (layer + ".alpha").c_str(), alpha.ptr()))};
}

void need_several_rows(const char *call, int64_t rows) {
  if (rows == 1)
    refuse_value(call, "x has one row; batch normalization needs at least two, because one sample has no variance");
}

py::list layer_list(const char *call, const py::object &layers) {
  constexpr const char *expected = "a list of at least one lanefold.DenseLayer";
  if (PySequence_Check(layers.ptr()) == 0) refuse_type(call, "layers", layers.ptr(), expected);
  const auto list = py::reinterpret_steal<py::list>(PySequence_List(layers.ptr()));
  if (!list) throw py::error_already_set();
  if (list.empty()) refuse_value(call, std::string("layers is empty; expected ") + expected);
  return list;
}

BatchNorm::BatchNorm(const char *call, const std::string &name, PyObject *object, int64_t n, Use use)
    : call_(call), name_(name), object_(object), n_(n), norm_(args<lf_batch_norm>()) {
  const auto one_of = [use](std::initializer_list<Use> uses) {
    return std::find(uses.begin(), uses.end(), use) != uses.end();
  };
  const bool updates = one_of({Use::train, Use::merge, Use::everything}),
             has_running = updates || one_of({Use::infer, Use::fold}),
             has_batch = updates || one_of({Use::of_batch, Use::backward, Use::backward_from_input, Use::sums}),
             has_scale = !one_of({Use::merge, Use::sums}), has_shift = has_scale && use != Use::backward;
  const auto attribute = [&](const char *of) { return attribute_of(call, name, object_, of, "a lanefold.BatchNorm"); };
  const auto number = [&](const char *of) {
    return static_cast<float>(number_from(call, (name + "." + of).c_str(), attribute(of).ptr()));
  };
  norm_.eps = number("eps"), norm_.momentum = number("momentum");
  constexpr const char *unbiased = "unbiased_running_var";
  if (flag_from(call, (name + "." + unbiased).c_str(), attribute(unbiased).ptr()))
    norm_.flags = LF_UNBIASED_RUNNING_VAR;
  const Access updated = updates ? Access::write : Access::read,
               trained = use == Use::everything ? Access::write : Access::read;
  if (has_scale) norm_.gamma = array("gamma", trained);
  if (has_shift) norm_.beta = array("beta", trained);
  if (has_running) {
    norm_.running_mean = array("running_mean", updated);
    norm_.running_var = array("running_var", updated);
  }
  if (has_batch) {
    norm_.mean = array("mean", updated);
    norm_.inv_std = array("inv_std", updated);
  }
}

float *BatchNorm::array(const char *attribute, Access access) {
  arrays_.push_back(attribute_of(call_, name_, object_, attribute, "a lanefold.BatchNorm"));
  names_.push_back(name_ + "." + attribute);
  memories_.emplace_back(call_, names_.back().c_str(), arrays_.back().ptr(), float32, access);
  return static_cast<float *>(vector(memories_.back(), n_));
}

} // namespace lanefold::python
