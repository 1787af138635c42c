// scikit-learn's graphs have two outputs: labels, which ArgMax chooses, and probabilities, which ZipMap may put into
// dictionaries.  Others have one, or more.
#include "model/onnx/outputs.hpp"

#include <algorithm>

namespace lanefold::model::onnx {

namespace {

constexpr size_t most_name = 1000; // bytes

bool is_one_of(std::string_view operation, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), operation) != names.end();
}

class Outputs {
public:
  explicit Outputs(const File &file) {
    for (const Node &node : file.nodes)
      for (const std::string_view output : node.outputs) makers_[output] = &node;
  }

  // The node that makes the value, before operations that only change its type or its shape.
  const Node *maker_of(std::string_view value) const {
    for (;;) {
      const auto found = makers_.find(value);
      if (found == makers_.end()) return nullptr;
      const Node &node = *found->second;
      if (!is_one_of(node.operation, {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}) ||
          node.input(0).empty())
        return &node;
      value = node.input(0);
    }
  }

private:
  std::unordered_map<std::string_view, const Node *> makers_;
};

// Whether the output holds labels: integers, strings, or what a node makes that chooses.  Where and TopK choose labels
// only if they do not make floats.
bool has_labels(const ValueInfo &output, const Node *maker) {
  constexpr int32_t string_type = 8; // TensorProto.DataType
  const bool has_other_type = element_of(output.type) >= 0 && !is_floating_type(output.type);
  if (has_other_type || output.type == string_type) return true;
  if (!maker) return false;
  if (is_one_of(maker->operation, {"Where", "TopK"})) return !is_floating_type(output.type);
  return is_one_of(maker->operation, {"ArgMax", "ArrayFeatureExtractor", "LabelEncoder", "Binarizer", "Greater",
                                      "GreaterOrEqual", "Less", "LessOrEqual"});
}

std::vector<std::string> names_of(const Array &array) {
  std::vector<std::string> names;
  if (array.texts)
    for (const std::string_view text : *array.texts) names.push_back(readable(text, most_name));
  else if (!is_floating(array.element))
    for (const int64_t number : array.integers()) names.push_back(std::to_string(number));
  return names;
}

std::vector<std::string> zipmap_names(const Node &zipmap) {
  std::vector<std::string> names;
  if (const Attribute *texts = zipmap.find("classlabels_strings"))
    for (const std::string_view text : texts->texts()) names.push_back(readable(text, most_name));
  if (const Attribute *numbers = zipmap.find("classlabels_int64s"))
    for (const int64_t number : numbers->integers()) names.push_back(std::to_string(number));
  return names;
}

} // namespace

Ending find_ending(const File &file) {
  const Outputs outputs(file);
  Ending ending;
  std::string_view behind_labels; // what ArgMax reads, for a graph that has labels only
  constexpr size_t most_outputs = 1000;
  if (file.outputs.size() > most_outputs)
    throw ModelError("has " + std::to_string(file.outputs.size()) + " outputs; expected at most " +
                         std::to_string(most_outputs),
                     LF_UNSUPPORTED);
  for (const ValueInfo &output : file.outputs) {
    const Node *maker = outputs.maker_of(output.name);
    std::string_view value = output.name;
    if (maker && maker->operation == "ZipMap") {
      ending.class_names = zipmap_names(*maker);
      value = maker->input(0);
    } else if (has_labels(output, maker)) {
      if (maker && maker->operation == "ArrayFeatureExtractor") {
        const auto classes = file.initializers.find(maker->input(0));
        if (classes != file.initializers.end() && ending.class_names.empty())
          ending.class_names = names_of(classes->second);
        maker = outputs.maker_of(maker->input(1));
      } else if (maker && maker->operation == "LabelEncoder") {
        maker = outputs.maker_of(maker->input(0));
      }
      Label label{output.name, {}, 0};
      if (maker && maker->operation == "ArgMax")
        behind_labels = label.value = maker->input(0), label.axis = maker->integer("axis", 0);
      ending.labels.push_back(label);
      continue;
    }
    const bool is_column = maker && maker->operation == "Slice" && maker->input(0) == behind_labels;
    if (is_column) value = behind_labels; // scikit-learn's converter can make an output for each class.
    if (ending.value.empty()) ending.value = value;
    else if (ending.value != value)
      ending.notes.push_back("The output " + in_quotes(output.name) + " of the graph is left out.");
  }
  if (ending.value.empty()) ending.value = behind_labels;
  if (ending.value.empty()) {
    const std::string_view label = file.outputs.front().name;
    const Node *maker = outputs.maker_of(label);
    throw ModelError("the output " + in_quotes(label) + " is a label" +
                         (maker ? ", chosen by " + place_of(*maker) : std::string()) +
                         "; expected the values of a network",
                     LF_UNSUPPORTED);
  }
  return ending;
}

} // namespace lanefold::model::onnx
