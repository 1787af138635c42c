// The writer of ONNX files: a Gemm, a BatchNormalization and the nodes of the activation for each layer, from the input
// "x" to the output "y".
#include "model/onnx/onnx.hpp"
#include "model/onnx/outputs.hpp"
#include "model/onnx/texts.hpp"

#include <protozero/pbf_writer.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lanefold::model::onnx {

namespace {

constexpr int64_t ir_version = 8, opset = 15;
constexpr uint64_t most_bytes = (uint64_t{1} << 31) - (1 << 24);    // Protobuf's limit is 2 GiB.
constexpr int32_t float_type = 1;                                   // TensorProto.DataType
constexpr int32_t attribute_type_float = 1, attribute_type_int = 2; // AttributeProto.AttributeType

struct NodeText {
  std::string operation, name;
  std::vector<std::string> inputs;
  std::string output;
  std::vector<std::pair<std::string, float>> reals;
  std::vector<std::pair<std::string, int64_t>> integers;
};

struct Initializer {
  std::string name;
  std::vector<int64_t> shape;
  Tensor values;
};

// The nodes and constants of the graph, in the order of computation.
class Graph {
public:
  explicit Graph(const Model &model) {
    for (size_t i = 0; i < model.layers.size(); ++i) add_layer(model.layers[i], i);
    if (model.output == LF_OUTPUT_SOFTMAX) apply("Softmax", "softmax", {value_}).integers = {{"axis", -1}};
    if (model.output == LF_OUTPUT_LOG_SOFTMAX) apply("LogSoftmax", "log_softmax", {value_}).integers = {{"axis", -1}};
    if (nodes_.empty()) apply("Identity", "identity", {value_});
    nodes_.back().output = "y";
  }

  const std::vector<NodeText> &nodes() const { return nodes_; }
  const std::vector<Initializer> &initializers() const { return initializers_; }

private:
  // A node whose output becomes the current value.
  NodeText &apply(const std::string &operation, const std::string &name, std::vector<std::string> inputs) {
    nodes_.push_back({operation, name, std::move(inputs), name + ".y", {}, {}});
    value_ = nodes_.back().output;
    return nodes_.back();
  }

  std::string store(const std::string &name, std::vector<int64_t> shape, const Tensor &values) {
    initializers_.push_back({name, std::move(shape), values});
    return name;
  }

  // A single number, which several layers may use.
  std::string number(const std::string &name, double value) {
    for (const Initializer &initializer : initializers_)
      if (initializer.name == name) return name;
    return store(name, {}, Tensor({1}, {static_cast<float>(value)}));
  }

  void add_layer(const Layer &layer, size_t index) {
    const std::string name = "layers." + std::to_string(index);
    if (layer.has_product()) {
      const auto shape = layer.transposed ? std::vector{layer.n, layer.k} : std::vector{layer.k, layer.n};
      std::vector<std::string> inputs{value_, store(name + ".w", shape, layer.w)};
      if (!layer.bias.empty()) inputs.push_back(store(name + ".bias", {layer.n}, layer.bias));
      apply("Gemm", name, std::move(inputs)).integers = {{"transB", layer.transposed ? 1 : 0}};
    } else if (!layer.bias.empty()) {
      apply("Add", name, {value_, store(name + ".bias", {layer.n}, layer.bias)});
    }
    if (layer.norm) add_norm(layer, norm_name(index));
    add_activation(layer, name + ".activation");
  }

  // Whether a layer normalizes inputs as affine() does, with a mean: others lose digits there in a BatchNormalization, and
  // a Sub in front keeps them.
  static bool is_far_from_zero(const Layer &layer) {
    if (layer.has_product() || layer.activation != LF_IDENTITY || 1.0f + layer.norm->eps != 1.0f) return false;
    const auto all = [](const Tensor &tensor, auto &&holds) {
      const std::vector<float> values = tensor.read();
      return std::all_of(values.begin(), values.end(), holds);
    };
    return all(layer.norm->var, [](float v) { return v == 1; }) &&
           !all(layer.norm->mean, [](float v) { return v == 0; }) &&
           all(layer.norm->gamma, [](float v) { return std::abs(v) > 1e-20f; });
  }

  void add_norm(const Layer &layer, const std::string &name) {
    const Norm &norm = *layer.norm;
    const int64_t n = layer.n;
    if (is_far_from_zero(layer)) {
      apply("Sub", name + ".centre", {value_, store(name + ".mean", {n}, norm.mean)});
      apply("Mul", name + ".scale", {value_, store(name + ".gamma", {n}, norm.gamma)});
      apply("Add", name, {value_, store(name + ".beta", {n}, norm.beta)});
      return;
    }
    apply("BatchNormalization", name,
          {value_, store(name + ".gamma", {n}, norm.gamma), store(name + ".beta", {n}, norm.beta),
           store(name + ".mean", {n}, norm.mean), store(name + ".var", {n}, norm.var)})
        .reals = {{"epsilon", norm.eps}, {"momentum", norm.momentum}};
  }

  void add_activation(const Layer &layer, const std::string &name) {
    switch (layer.activation) {
    case LF_IDENTITY: return;
    case LF_RELU: apply("Relu", name, {value_}); return;
    case LF_LEAKY_RELU: apply("LeakyRelu", name, {value_}).reals = {{"alpha", layer.alpha}}; return;
    case LF_ELU: apply("Elu", name, {value_}).reals = {{"alpha", layer.alpha}}; return;
    case LF_SELU: apply("Selu", name, {value_}); return;
    case LF_TANH: apply("Tanh", name, {value_}); return;
    case LF_LOGISTIC: apply("Sigmoid", name, {value_}); return;
    case LF_RELU6: apply("Clip", name, {value_, number("zero", 0), number("six", 6)}); return;
    case LF_SOFTPLUS: apply("Softplus", name, {value_}); return;
    case LF_HARD_SIGMOID: apply("HardSigmoid", name, {value_}).reals = {{"alpha", layer.alpha}, {"beta", 0.5f}}; return;
    case LF_HARD_SWISH: apply("HardSwish", name, {value_}); return;
    case LF_SILU: {
      const std::string x = value_;
      apply("Sigmoid", name + ".sigmoid", {x});
      apply("Mul", name, {x, value_});
      return;
    }
    case LF_GELU:
    case LF_GELU_TANH: add_gelu(layer.activation == LF_GELU, name); return;
    default:
      throw ModelError(layer.name +
                           " has an activation that ONNX files cannot hold: " + std::to_string(layer.activation),
                       LF_UNSUPPORTED);
    }
  }

  // x / 2 * (1 + erf(x / sqrt(2))), or the form with tanh.  Opset 15 has no Gelu.
  void add_gelu(bool is_exact, const std::string &name) {
    const std::string x = value_;
    if (is_exact) {
      apply("Div", name + ".argument", {x, number("sqrt_2", std::numbers::sqrt2)});
      apply("Erf", name + ".erf", {value_});
    } else {
      apply("Mul", name + ".square", {x, x});
      apply("Mul", name + ".cube", {value_, x});
      apply("Mul", name + ".cubic", {value_, number("gelu_cubic", 0.044715)});
      apply("Add", name + ".sum", {x, value_});
      apply("Mul", name + ".argument", {value_, number("sqrt_2_over_pi", std::sqrt(2 / std::numbers::pi))});
      apply("Tanh", name + ".tanh", {value_});
    }
    apply("Add", name + ".gate", {value_, number("one", 1)});
    apply("Mul", name + ".product", {x, value_});
    apply("Mul", name, {value_, number("half", 0.5)});
  }

  std::string value_ = "x";
  std::vector<NodeText> nodes_;
  std::vector<Initializer> initializers_;
};

void write_node(protozero::pbf_writer &graph, const NodeText &text) {
  protozero::pbf_writer node(graph, 1);
  for (const std::string &input : text.inputs) node.add_string(1, input);
  node.add_string(2, text.output);
  node.add_string(3, text.name);
  node.add_string(4, text.operation);
  for (const auto &[name, value] : text.reals) {
    protozero::pbf_writer attribute(node, 5);
    attribute.add_string(1, name);
    attribute.add_float(2, value);
    attribute.add_enum(20, attribute_type_float);
  }
  for (const auto &[name, value] : text.integers) {
    protozero::pbf_writer attribute(node, 5);
    attribute.add_string(1, name);
    attribute.add_int64(3, value);
    attribute.add_enum(20, attribute_type_int);
  }
}

void write_initializer(protozero::pbf_writer &graph, const Initializer &initializer) {
  const Tensor &values = initializer.values;
  const std::vector<float> converted = values.in_place() ? std::vector<float>() : values.read();
  const float *floats = values.in_place() ? values.in_place() : converted.data();
  protozero::pbf_writer tensor(graph, 5);
  if (!initializer.shape.empty()) tensor.add_packed_int64(1, initializer.shape.begin(), initializer.shape.end());
  tensor.add_int32(2, float_type);
  tensor.add_string(8, initializer.name);
  tensor.add_bytes(9, reinterpret_cast<const char *>(floats), static_cast<size_t>(values.count()) * sizeof(float));
}

// A matrix of floats with an open number of rows.
void write_value(protozero::pbf_writer &graph, uint32_t field, const std::string &name, int64_t columns) {
  protozero::pbf_writer info(graph, field);
  info.add_string(1, name);
  protozero::pbf_writer type(info, 2), tensor(type, 1);
  tensor.add_enum(1, float_type);
  protozero::pbf_writer shape(tensor, 2);
  protozero::pbf_writer(shape, 1).add_string(2, "N");
  protozero::pbf_writer(shape, 1).add_int64(1, columns);
}

} // namespace

} // namespace lanefold::model::onnx

namespace lanefold::model {

std::string write_onnx(const Model &model) {
  const onnx::Graph graph(model);
  uint64_t size = 0;
  for (const onnx::Initializer &initializer : graph.initializers())
    size += static_cast<uint64_t>(initializer.values.count()) * sizeof(float);
  if (size > onnx::most_bytes)
    throw ModelError("has weights of " + std::to_string(size) + " bytes; an ONNX file holds at most 2 GiB",
                     LF_UNSUPPORTED);
  std::string bytes;
  bytes.reserve(size + (size_t{1} << 16));
  protozero::pbf_writer file(bytes);
  file.add_int64(1, onnx::ir_version);
  file.add_string(2, "lanefold");
  file.add_string(3, std::to_string(LF_VERSION_MAJOR) + "." + std::to_string(LF_VERSION_MINOR) + "." +
                         std::to_string(LF_VERSION_PATCH));
  {
    protozero::pbf_writer set(file, 8);
    set.add_string(1, "");
    set.add_int64(2, onnx::opset);
  }
  for (const auto &[key, value] : onnx::texts_of(model)) {
    protozero::pbf_writer entry(file, 14);
    entry.add_string(1, key);
    entry.add_string(2, value);
  }
  protozero::pbf_writer body(file, 7);
  body.add_string(2, "lanefold");
  for (const onnx::NodeText &node : graph.nodes()) onnx::write_node(body, node);
  for (const onnx::Initializer &initializer : graph.initializers()) onnx::write_initializer(body, initializer);
  onnx::write_value(body, 11, "x", model.features);
  onnx::write_value(body, 12, "y", model.outputs());
  body.commit();
  return bytes;
}

} // namespace lanefold::model
