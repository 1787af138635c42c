// The reader of ONNX files: from a graph to a Model.
#include "model/onnx/external.hpp"
#include "model/onnx/importer.hpp"
#include "model/onnx/onnx.hpp"

#include <lanefold/model.h>

#include <algorithm>
#include <unordered_set>

namespace lanefold::model::onnx {

namespace {

constexpr int64_t oldest_opset = 7, newest_opset = 21;
constexpr std::string_view machine_learning = "ai.onnx.ml";

// The nodes that the value depends on, in the order of the file.
std::vector<const Node *> needed_for(const File &file, std::string_view value) {
  std::unordered_set<std::string_view> names{value};
  std::vector<const Node *> needed;
  for (size_t i = file.nodes.size(); i-- > 0;) {
    const Node &node = file.nodes[i];
    const bool is_needed = std::any_of(node.outputs.begin(), node.outputs.end(), [&](std::string_view output) {
      return !output.empty() && names.contains(output);
    });
    if (!is_needed) continue;
    needed.push_back(&node);
    names.insert(node.inputs.begin(), node.inputs.end());
  }
  std::reverse(needed.begin(), needed.end());
  return needed;
}

// The features of an input that leaves them open, from the first weights or statistics; -1: none of them tells.
int64_t features_before(const File &file, const std::vector<const Node *> &needed) {
  for (const Node *node : needed) {
    const auto second = file.initializers.find(node->input(1));
    const std::vector<int64_t> shape =
        second == file.initializers.end() ? std::vector<int64_t>() : second->second.shape;
    if (node->operation == "MatMul" && !shape.empty()) return shape[0];
    if (node->operation == "Gemm" && shape.size() == 2) return shape[node->integer("transB", 0) != 0 ? 1 : 0];
    if (node->operation == "BatchNormalization" && shape.size() == 1) return shape[0];
    if (node->operation == "Scaler" && node->find("offset"))
      return static_cast<int64_t>(node->find("offset")->reals().size());
  }
  return -1;
}

std::string text_of_input(const ValueInfo &input) {
  std::string text;
  for (const int64_t size : input.shape) text += (text.empty() ? "" : ", ") + (size < 0 ? "N" : std::to_string(size));
  return "[" + text + "]";
}

} // namespace

struct Importer::Operation {
  std::string_view name, domain;
  int64_t since; // the first opset that has it
  Handler handler;
};

const Importer::Operation Importer::table[] = {
    {"Gemm", "", 7, &Importer::gemm},
    {"MatMul", "", 7, &Importer::matmul},
    {"BatchNormalization", "", 7, &Importer::batch_normalization},
    {"Add", "", 7, &Importer::arithmetic},
    {"Sub", "", 7, &Importer::arithmetic},
    {"Mul", "", 7, &Importer::arithmetic},
    {"Div", "", 7, &Importer::arithmetic},
    {"Sum", "", 7, &Importer::sum_of_inputs},
    {"Neg", "", 7, &Importer::negation},
    {"Pow", "", 7, &Importer::power},
    {"Sqrt", "", 7, &Importer::fold_function},
    {"Reciprocal", "", 7, &Importer::fold_function},
    {"Relu", "", 7, &Importer::function},
    {"LeakyRelu", "", 7, &Importer::function},
    {"PRelu", "", 7, &Importer::prelu},
    {"Elu", "", 7, &Importer::function},
    {"Celu", "", 12, &Importer::celu},
    {"Selu", "", 7, &Importer::function},
    {"Tanh", "", 7, &Importer::function},
    {"Sigmoid", "", 7, &Importer::function},
    {"Softplus", "", 7, &Importer::function},
    {"Erf", "", 9, &Importer::function},
    {"Gelu", "", 20, &Importer::gelu},
    {"HardSigmoid", "", 7, &Importer::function},
    {"HardSwish", "", 14, &Importer::hard_swish},
    {"Clip", "", 7, &Importer::clip},
    {"Max", "", 8, &Importer::extremum},
    {"Min", "", 8, &Importer::extremum},
    {"Softmax", "", 7, &Importer::softmax},
    {"LogSoftmax", "", 7, &Importer::softmax},
    {"Log", "", 7, &Importer::logarithm},
    {"Identity", "", 7, &Importer::identity},
    {"Dropout", "", 7, &Importer::dropout},
    {"Cast", "", 7, &Importer::cast},
    {"Flatten", "", 7, &Importer::flatten},
    {"Reshape", "", 7, &Importer::reshape},
    {"Squeeze", "", 7, &Importer::squeeze},
    {"Unsqueeze", "", 7, &Importer::unsqueeze},
    {"Transpose", "", 7, &Importer::transpose},
    {"Constant", "", 7, &Importer::constant_node},
    {"Shape", "", 7, &Importer::shape_of},
    {"Gather", "", 7, &Importer::gather},
    {"Slice", "", 7, &Importer::slice},
    {"Concat", "", 7, &Importer::concat},
    {"Scaler", machine_learning, 1, &Importer::scaler},
};

std::string Importer::operations() {
  std::string names;
  for (const Operation &operation : table) names += (names.empty() ? "" : ", ") + std::string(operation.name);
  return names;
}

const Importer::Operation *Importer::find_operation(const Node &node) {
  for (const Operation &operation : table)
    if (operation.name == node.operation && operation.domain == node.domain) return &operation;
  return nullptr;
}

Importer::Importer(const File &file, uint64_t bytes)
    : file_(file), unbiased_(unbiased_norms(file)), budget_(2 * bytes + (uint64_t{1} << 20)),
      most_features_(static_cast<int64_t>(std::max<uint64_t>(bytes, 1 << 16))) {}

void Importer::add_input(const ValueInfo &input, const std::vector<const Node *> &needed) {
  const std::string place = "the input " + in_quotes(input.name);
  if (element_of(input.type) < 0) throw ModelError(place + " does not hold numbers", LF_UNSUPPORTED);
  Stream stream;
  stream.is_integer = !is_floating_type(input.type);
  stream.shape = input.has_shape ? input.shape : std::vector<int64_t>{-1, -1};
  if (stream.shape.size() == 2 && stream.shape[1] < 0) stream.shape[1] = features_before(file_, needed);
  const int64_t features = stream.shape.size() < 2 ? -1 : features_of(stream.shape);
  if (features < 1)
    throw ModelError(place + " has the shape " + text_of_input(input) +
                         "; expected [N, features], with a number of features",
                     LF_UNSUPPORTED);
  if (features > most_features_)
    throw ModelError(place + " has " + std::to_string(features) +
                     " features; this file is too small to have weights for them");
  Stage stage;
  stage.n = features;
  stream.value = output_of(stages_.add(std::move(stage)));
  if (is_half_type(input.type)) notes_.push_back(half_note);
  values_.emplace(input.name, std::move(stream));
}

void Importer::visit(const Node &node) {
  for (const Attribute &attribute : node.attributes)
    if (attribute.has_graph()) refuse(node, "holds a graph, which Lanefold does not read");
  const Operation *operation = find_operation(node);
  if (!operation) refuse(node, "is not supported; Lanefold reads " + operations());
  if (node.domain.empty() && operation->since > opset_)
    refuse(node, "is not part of opset " + std::to_string(opset_), LF_INVALID_ARGUMENT);
  Value value = (this->*operation->handler)(node);
  if (const auto *stream = std::get_if<Stream>(&value)) budget_.take(stream->value.numbers());
  for (const std::string_view output : node.outputs) {
    if (!output.empty()) values_.insert_or_assign(output, std::move(value));
    value = Unknown{};
  }
}

// Whether the label is the largest value of each row.  The shape of a value that the network does not need is unknown;
// it is a matrix in nearly all graphs.
bool Importer::is_largest(const Label &label) const {
  if (label.value.empty()) return false;
  const auto found = values_.find(label.value);
  const auto *stream = found == values_.end() ? nullptr : std::get_if<Stream>(&found->second);
  if (!stream) return label.axis == 1 || label.axis == -1;
  const int64_t axis = axis_of(label.axis, stream->shape.size());
  return axis >= 1 && stream->shape[static_cast<size_t>(axis)] == features_of(stream->shape);
}

Model Importer::finish(std::string_view name, std::vector<std::string> class_names) {
  const auto found = values_.find(name);
  const auto *stream = found == values_.end() ? nullptr : std::get_if<Stream>(&found->second);
  if (!stream) throw ModelError("the output " + in_quotes(name) + " does not depend on the input", LF_UNSUPPORTED);
  static const Node none;
  Model model;
  model.format = LF_FORMAT_ONNX;
  model.producer = file_.producer;
  model.output = stream->output;
  model.layers = stages_.layers(flushed(stream->node ? *stream->node : none, *stream));
  model.features = model.layers.front().k;
  if (stream->has_two_classes && class_names.empty()) class_names = {"0", "1"};
  model.class_names = std::move(class_names);
  return model;
}

Model Importer::run() {
  const auto opset = file_.opsets.find("");
  opset_ = opset == file_.opsets.end() ? (file_.opsets.empty() ? 1 : newest_opset) : opset->second;
  if (opset_ < oldest_opset || opset_ > newest_opset)
    throw ModelError("uses opset " + std::to_string(opset_) + "; Lanefold reads opsets " +
                         std::to_string(oldest_opset) + " to " + std::to_string(newest_opset),
                     LF_UNSUPPORTED);
  Ending ending = find_ending(file_);
  const std::vector<const Node *> needed = needed_for(file_, ending.value);
  std::unordered_set<std::string_view> used{ending.value};
  for (const Node *node : needed) used.insert(node->inputs.begin(), node->inputs.end());
  for (const ValueInfo &input : file_.inputs) {
    if (!used.contains(input.name)) continue;
    if (!values_.empty())
      throw ModelError("has a second input, " + in_quotes(input.name) + "; expected one input for all features",
                       LF_UNSUPPORTED);
    add_input(input, needed);
  }
  for (const auto &[name, array] : file_.initializers)
    if (used.contains(name)) values_.emplace(name, array);
  for (const Node *node : needed) visit(*node);
  Model model = finish(ending.value, std::move(ending.class_names));
  model.notes = std::move(ending.notes);
  for (const Label &label : ending.labels)
    if (!is_largest(label))
      model.notes.push_back("The output " + in_quotes(label.output) +
                            " of the graph is left out, because it chooses labels in another way than by the largest "
                            "value.");
  std::sort(notes_.begin(), notes_.end());
  notes_.erase(std::unique(notes_.begin(), notes_.end()), notes_.end());
  model.notes.insert(model.notes.end(), notes_.begin(), notes_.end());
  read_texts(file_, model);
  return model;
}

} // namespace lanefold::model::onnx

namespace lanefold::model {

Model read_onnx(const std::byte *data, uint64_t size, std::shared_ptr<const void> owner, const std::string &folder) {
  try {
    onnx::ExternalData external(folder);
    const onnx::File file = onnx::parse(data, size, owner, external);
    Model model = onnx::Importer(file, size + external.size()).run();
    check(model);
    return model;
  } catch (const protozero::exception &error) {
    onnx::throw_damaged(error.what());
  }
}

} // namespace lanefold::model
