// How the importer gets the inputs of a node in the form that its operation needs.
#include "model/onnx/importer.hpp"

#include <algorithm>

namespace lanefold::model::onnx {

int64_t features_of(const std::vector<int64_t> &shape) { return count_of({shape.begin() + 1, shape.end()}); }

const Value &Importer::value_of(const Node &node, size_t input) const {
  const std::string_view name = node.input(input);
  if (name.empty()) refuse(node, "input " + std::to_string(input) + " is missing", LF_INVALID_ARGUMENT);
  const auto found = values_.find(name);
  if (found == values_.end()) refuse(node, "the input " + in_quotes(name) + " is none that Lanefold reads");
  if (std::holds_alternative<Unknown>(found->second))
    refuse(node, "the input " + in_quotes(name) + " is an output that Lanefold does not compute");
  return found->second;
}

bool Importer::is_constant(const Node &node, size_t input) const {
  return std::holds_alternative<Array>(value_of(node, input));
}

const Stream &Importer::any_stream(const Node &node, size_t input) const {
  const auto *found = std::get_if<Stream>(&value_of(node, input));
  if (!found)
    refuse(node, "the input " + in_quotes(node.input(input)) + " is constant; expected one that depends on the rows");
  return *found;
}

const Stream &Importer::stream(const Node &node, size_t input) const {
  const Stream &found = any_stream(node, input);
  if (found.output != 0 || found.has_two_classes)
    refuse(node, "follows " + place_of(*found.node) + "; expected only nodes that choose a class there");
  if (found.is_integer) refuse(node, "computes with integers; expected a Cast to float before it");
  return found;
}

const Array &Importer::constant(const Node &node, size_t input) const {
  const auto *found = std::get_if<Array>(&value_of(node, input));
  if (!found) refuse(node, "the input " + in_quotes(node.input(input)) + " depends on the rows; expected a constant");
  if (found->texts) refuse(node, "the input " + in_quotes(node.input(input)) + " holds strings; expected numbers");
  return *found;
}

double Importer::single(const Node &node, size_t input) const {
  const Array &array = constant(node, input);
  if (array.symbolic)
    refuse(node, "the input " + in_quotes(node.input(input)) + " depends on the number of rows; expected a constant");
  if (array.count() != 1)
    refuse(node,
           "the input " + in_quotes(node.input(input)) + " is " + text_of(array.shape) + "; expected a single number");
  return array.doubles().front();
}

std::vector<int64_t> Importer::integers(const Node &node, size_t input) {
  const Array &array = constant(node, input);
  budget_.take(static_cast<uint64_t>(array.count()));
  return array.integers();
}

std::vector<int64_t> Importer::axes(const Node &node, size_t input) {
  if (const Attribute *attribute = node.find("axes")) return attribute->integers();
  return node.input(input).empty() ? std::vector<int64_t>() : integers(node, input);
}

const Tensor &Importer::tensor(const Array &array, std::vector<int64_t> shape) {
  const auto key = std::pair(array.bytes, shape);
  const auto found = tensors_.find(key);
  if (found != tensors_.end() && found->second.element() == array.element) return found->second;
  Tensor made(array.element, std::move(shape), array.bytes, array.owner);
  if (array.element != Element::f32) {
    notes_.push_back("Tensors of the type " + std::string(name_of(array.element)) + " are converted to 32-bit floats" +
                     (made.is_rounded() ? ", which rounds values." : "."));
  }
  return tensors_.insert_or_assign(key, std::move(made)).first->second;
}

Stream Importer::derived(const Node &node, const Stream &from, Expression value) const {
  Stream result;
  result.value = std::move(value);
  result.shape = from.shape;
  result.node = &node;
  return result;
}

// Before a function of a value that is not a polynomial, that value becomes the output of a stage.
Expression Importer::polynomial(const Node &node, const Stream &from) {
  if (from.value.is_polynomial()) return from.value;
  const std::optional<Expression> resolved = stages_.resolve(from.value);
  if (!resolved)
    refuse(from.node ? *from.node : node, "computes a function of its input that is none of Lanefold's activations");
  return *resolved;
}

int Importer::flushed(const Node &node, const Stream &stream) {
  const std::optional<int> stage = stages_.flush(stream.value);
  if (!stage)
    refuse(stream.node ? *stream.node : node,
           "computes a function of its input that is none of Lanefold's activations");
  return *stage;
}

Coefficient Importer::spread(const Node &node, const Array &array, const Stream &over) {
  if (array.symbolic) refuse(node, "computes with the number of rows, which is open; expected constants");
  budget_.take(static_cast<uint64_t>(array.count()));
  const std::vector<double> values = array.doubles();
  const auto rank = static_cast<int64_t>(array.shape.size());
  std::vector<int64_t> shape = over.shape;
  shape[0] = 1; // A constant must be the same for all rows.
  if (rank <= static_cast<int64_t>(shape.size()) && values.size() == 1) return coefficient(values);
  budget_.take(static_cast<uint64_t>(features_of(over.shape)));
  const std::vector<double> all = values.empty() ? values : broadcast(values, array.shape, shape);
  if (all.empty())
    refuse(node, "has a constant of the shape " + text_of(array.shape) + " for rows of " +
                     text_of({over.shape.begin() + 1, over.shape.end()}) +
                     "; expected a number for each, or one for all");
  return coefficient(all);
}

} // namespace lanefold::model::onnx
