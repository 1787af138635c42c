// What exporters compute from shapes and constants: mostly the target of a Reshape that keeps the number of rows.
#include "model/onnx/importer.hpp"

#include <algorithm>

namespace lanefold::model::onnx {

Value Importer::shape_of(const Node &node) {
  std::vector<int64_t> sizes;
  if (is_constant(node, 0)) {
    sizes = constant(node, 0).shape;
  } else {
    sizes = any_stream(node, 0).shape;
    if (sizes[0] < 0) sizes[0] = symbolic_batch;
  }
  const auto rank = static_cast<int64_t>(sizes.size());
  const auto bound = [rank](int64_t axis) { return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank); };
  const int64_t start = bound(node.integer("start", 0)), end = std::max(start, bound(node.integer("end", rank)));
  sizes = {sizes.begin() + start, sizes.begin() + end};
  const int64_t count = end - start;
  return array_of({count}, std::move(sizes));
}

Value Importer::gather(const Node &node) {
  const Array &array = constant(node, 0), &chosen = constant(node, 1);
  if (node.integer("axis", 0) != 0 || array.shape.empty()) refuse(node, "does not gather along the first axis");
  std::vector<int64_t> indices = chosen.integers(), shape = chosen.shape;
  for (int64_t &index : indices) {
    index = axis_of(index, static_cast<size_t>(array.shape[0]));
    if (index < 0) refuse(node, "has an index that its input does not have", LF_INVALID_ARGUMENT);
  }
  shape.insert(shape.end(), array.shape.begin() + 1, array.shape.end());
  if (count_of(shape) < 0) refuse(node, "makes too many elements");
  budget_.take(static_cast<uint64_t>(count_of(shape)));
  return gathered(array, indices, std::move(shape));
}

// Of a constant, along its first axis.
Value Importer::slice(const Node &node) {
  const Array &array = constant(node, 0);
  const auto numbers = [&](size_t input, std::string_view name, int64_t otherwise) {
    const Attribute *attribute = node.find(name);
    std::vector<int64_t> found = attribute                   ? attribute->integers()
                                 : node.input(input).empty() ? std::vector{otherwise}
                                                             : integers(node, input);
    if (found.size() != 1) refuse(node, "slices along several axes; expected the first one");
    return found[0];
  };
  int64_t start = numbers(1, "starts", 0), end = numbers(2, "ends", std::numeric_limits<int64_t>::max());
  const int64_t axis = numbers(3, "axes", 0), step = numbers(4, "steps", 1);
  if (array.shape.empty() || axis_of(axis, array.shape.size()) != 0 || step < 1)
    refuse(node, "does not slice forward along the first axis");
  const int64_t count = array.shape[0];
  start = std::clamp<int64_t>(start < 0 ? start + count : start, 0, count);
  end = std::clamp<int64_t>(end < 0 ? end + count : end, 0, count);
  std::vector<int64_t> indices, shape = array.shape;
  for (int64_t i = start; i < end; i += std::min(step, count)) indices.push_back(i);
  shape[0] = static_cast<int64_t>(indices.size());
  budget_.take(static_cast<uint64_t>(count_of(shape)));
  return gathered(array, indices, std::move(shape));
}

Value Importer::concat(const Node &node) {
  if (node.inputs.empty()) refuse(node, "has no input", LF_INVALID_ARGUMENT);
  if (!is_constant(node, 0)) return concat_classes(node);
  std::vector<Array> arrays;
  for (size_t i = 0; i < node.inputs.size(); ++i) arrays.push_back(constant(node, i));
  const std::vector<int64_t> &first = arrays[0].shape;
  const int64_t axis = axis_of(node.integer("axis", 1), first.size());
  if (axis < 0) refuse(node, "has an axis that its input does not have", LF_INVALID_ARGUMENT);
  for (const Array &array : arrays) {
    std::vector<int64_t> shape = array.shape;
    if (shape.size() == first.size()) shape[static_cast<size_t>(axis)] = first[static_cast<size_t>(axis)];
    if (shape != first || array.element != arrays[0].element)
      refuse(node, "has inputs of different shapes or types", LF_INVALID_ARGUMENT);
  }
  std::vector<int64_t> joined = first;
  joined[static_cast<size_t>(axis)] = 0;
  for (const Array &array : arrays) joined[static_cast<size_t>(axis)] += array.shape[static_cast<size_t>(axis)];
  if (count_of(joined) < 0) refuse(node, "makes too many elements");
  budget_.take(static_cast<uint64_t>(count_of(joined)));
  return concatenated(arrays, static_cast<size_t>(axis));
}

// scikit-learn's ending for two classes: 1 - p and p side by side, where p is the output of a logistic function.
Value Importer::concat_classes(const Node &node) {
  const std::string expected = "; expected constants, or 1 - p and p for the output p of one Sigmoid";
  if (node.inputs.size() != 2) refuse(node, "joins several values that depend on the rows" + expected);
  const Stream &first = stream(node, 0), &second = stream(node, 1);
  const int64_t axis = axis_of(node.integer("axis", 1), first.shape.size());
  const bool is_pair = first.shape == second.shape && features_of(first.shape) == 1 && axis >= 1 &&
                       first.value.stage == second.value.stage;
  const std::optional<Expression> both = is_pair ? sum(first.value, second.value) : std::nullopt;
  const std::optional<Elementwise> found = recognize(second.value);
  if (!both || both->q.degree() >= 0 || both->p != onnx::constant({1}) || !found || found->activation != LF_LOGISTIC ||
      !found->after.is_identity())
    refuse(node, "joins values that depend on the rows" + expected);
  Stream result = derived(node, second, second.value);
  result.has_two_classes = true;
  return result;
}

} // namespace lanefold::model::onnx
