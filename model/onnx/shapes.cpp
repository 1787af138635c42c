// Nodes that pass a value on: in another type, or in another shape.  A value that depends on the rows keeps them: its
// first axis stays the first, and its features stay in their order.
#include "model/onnx/importer.hpp"

#include <algorithm>

namespace lanefold::model::onnx {

namespace {

// The sizes in the order of the axes.
std::vector<int64_t> permuted(const std::vector<int64_t> &shape, const std::vector<int64_t> &axes) {
  std::vector<int64_t> result;
  for (const int64_t axis : axes) result.push_back(shape[static_cast<size_t>(axis)]);
  return result;
}

bool is_permutation_of(const std::vector<int64_t> &axes, size_t rank) {
  std::vector<bool> seen(rank, false);
  for (const int64_t axis : axes) {
    if (axis < 0 || axis >= static_cast<int64_t>(rank) || seen[static_cast<size_t>(axis)]) return false;
    seen[static_cast<size_t>(axis)] = true;
  }
  return axes.size() == rank;
}

// Whether the axes that are longer than 1 keep their order, so that no element moves.
bool keeps_order(const std::vector<int64_t> &shape, const std::vector<int64_t> &axes) {
  int64_t last = -1;
  for (const int64_t axis : axes)
    if (shape[static_cast<size_t>(axis)] != 1) {
      if (axis < last) return false;
      last = axis;
    }
  return true;
}

// A constant's target of Reshape, with 0 and -1 replaced; empty if it does not fit.
std::vector<int64_t> target_of(const std::vector<int64_t> &from, std::vector<int64_t> target, bool copies_zero) {
  int64_t *open = nullptr;
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 0 && copies_zero && i < from.size()) target[i] = from[i];
    if (target[i] == -1 && !open) open = &target[i], *open = 1;
  }
  const int64_t count = count_of(from), others = count_of(target);
  if (open && others > 0) *open = count / others;
  return count_of(target) == count ? target : std::vector<int64_t>{-1};
}

// Whether a Cast of integers to this type keeps every integer that data hold, or makes it floating-point.
bool keeps_integers(int64_t to) {
  constexpr int64_t type_int32 = 6, type_int64 = 7; // TensorProto.DataType
  return to == type_int32 || to == type_int64 || is_floating_type(to);
}

// "UINT8", as ONNX writes the type; for integers and BOOL.
std::string onnx_name(Element element) {
  const std::string name = name_of(element);
  return element == Element::boolean ? name : (name[0] == 'U' ? "UINT" : "INT") + name.substr(1);
}

// As a Cast to BOOL makes them.
std::vector<int64_t> truths(const std::vector<double> &values) {
  std::vector<int64_t> result;
  for (const double value : values) result.push_back(value != 0);
  return result;
}

} // namespace

Value Importer::constant_node(const Node &node) {
  if (const Attribute *value = node.find("value")) return parse_tensor(value->tensor(), file_.owner, nullptr, nullptr);
  if (const Attribute *value = node.find("value_float")) return array_of({}, std::vector<double>{value->real()});
  if (const Attribute *value = node.find("value_int")) return array_of({}, std::vector{value->integer()});
  if (const Attribute *value = node.find("value_floats")) {
    const std::vector<float> reals = value->reals();
    return array_of({static_cast<int64_t>(reals.size())}, std::vector<double>(reals.begin(), reals.end()));
  }
  if (const Attribute *value = node.find("value_ints")) {
    std::vector<int64_t> integers = value->integers();
    const auto count = static_cast<int64_t>(integers.size());
    return array_of({count}, std::move(integers));
  }
  refuse(node, "has no dense value of numbers");
}

Value Importer::identity(const Node &node) { return value_of(node, 0); }

Value Importer::dropout(const Node &node) {
  if (!node.input(2).empty() && single(node, 2) != 0)
    refuse(node, "is in training mode; export the network for inference");
  return value_of(node, 0);
}

Value Importer::cast(const Node &node) {
  const int64_t to = node.integer("to", 0);
  if (element_of(to) < 0) refuse(node, "makes elements of type " + std::to_string(to) + "; expected numbers");
  const auto element = static_cast<Element>(element_of(to));
  if (is_constant(node, 0)) {
    const Array &array = constant(node, 0);
    const bool to_truth = element == Element::boolean && array.element != Element::boolean;
    if (is_floating_type(to) == is_floating(array.element) && !to_truth) return array;
    if (array.symbolic) refuse(node, "computes with the number of rows");
    budget_.take(static_cast<uint64_t>(array.count()));
    if (to_truth) return array_of(array.shape, truths(array.doubles()));
    if (is_floating_type(to)) return array_of(array.shape, array.doubles());
    return array_of(array.shape, array.integers());
  }
  Stream result = any_stream(node, 0);
  if (!is_floating_type(to) && !result.is_integer) refuse(node, "makes integers of values; expected float");
  if (!keeps_integers(to))
    refuse(node, "makes elements of the type " + onnx_name(element) +
                     ", which changes values; expected INT32, INT64 or a floating-point type");
  if (is_floating_type(to)) result.is_integer = false;
  if (is_half_type(to)) notes_.push_back(half_note);
  return result;
}

Stream Importer::reshaped_stream(const Node &node, const Stream &x, std::vector<int64_t> shape) const {
  if (shape.empty() || features_of(shape) != features_of(x.shape))
    refuse(node, "changes the number of rows; expected that it keeps the first axis");
  Stream result = x;
  result.shape = std::move(shape);
  result.shape[0] = x.shape[0];
  return result;
}

Value Importer::transpose(const Node &node) {
  const bool is_array = is_constant(node, 0);
  const std::vector<int64_t> &shape = is_array ? constant(node, 0).shape : any_stream(node, 0).shape;
  std::vector<int64_t> axes;
  if (const Attribute *order = node.find("perm")) axes = order->integers();
  else
    for (size_t i = shape.size(); i-- > 0;) axes.push_back(static_cast<int64_t>(i));
  if (!is_permutation_of(axes, shape.size()))
    refuse(node, "has a perm that does not fit its input", LF_INVALID_ARGUMENT);
  if (!is_array) {
    const Stream &x = any_stream(node, 0);
    if (axes.empty() || axes[0] != 0 || !keeps_order({x.shape.begin() + 1, x.shape.end()}, [&] {
          std::vector<int64_t> others(axes.begin() + 1, axes.end());
          for (int64_t &axis : others) --axis;
          return others;
        }()))
      refuse(node, "changes the order of the features");
    return reshaped_stream(node, x, permuted(x.shape, axes));
  }
  const Array &array = constant(node, 0);
  if (!array.transposed && keeps_order(shape, axes)) return array.reshaped(permuted(shape, axes));
  if (shape.size() != 2) refuse(node, "has a constant of " + text_of(shape) + " elements; expected a matrix");
  if (axes[0] == 0) return array;
  Array result = array;
  result.transposed = !array.transposed;
  std::swap(result.shape[0], result.shape[1]);
  return result;
}

Value Importer::flatten(const Node &node) {
  const int64_t given = node.integer("axis", 1);
  if (is_constant(node, 0)) refuse(node, "is not computed on constants");
  const Stream &x = any_stream(node, 0);
  const auto rank = static_cast<int64_t>(x.shape.size()), axis = given < 0 ? given + rank : given;
  if (axis < 1 || axis > rank || count_of({x.shape.begin() + 1, x.shape.begin() + axis}) != 1)
    refuse(node, "has the axis " + std::to_string(given) + ", which changes the number of rows; expected 1");
  return reshaped_stream(node, x, {x.shape[0], features_of(x.shape)});
}

Value Importer::reshape(const Node &node) {
  std::vector<int64_t> target = integers(node, 1);
  const bool copies_zero = node.integer("allowzero", 0) == 0;
  if (is_constant(node, 0)) {
    const Array &array = constant(node, 0);
    target = target_of(array.shape, std::move(target), copies_zero);
    if (count_of(target) < 0) refuse(node, "has a shape that does not fit its input", LF_INVALID_ARGUMENT);
    if (array.transposed) budget_.take(static_cast<uint64_t>(array.count()));
    return array.reshaped(std::move(target));
  }
  const Stream &x = any_stream(node, 0);
  if (target.empty()) refuse(node, "changes the number of rows; expected that it keeps the first axis");
  const int64_t rows = target[0];
  std::vector<int64_t> from(x.shape.begin() + 1, x.shape.end());
  const bool keeps_rows = (rows == 0 && copies_zero) || rows == symbolic_batch || rows == -1 || rows == x.shape[0];
  const bool has_other_open = std::find(target.begin() + 1, target.end(), -1) != target.end();
  target = target_of(from, {target.begin() + 1, target.end()}, copies_zero);
  if (!keeps_rows || (rows == -1 && has_other_open) || count_of(target) < 0)
    refuse(node, "changes the number of rows, or has a shape that does not fit its input, rows of " + text_of(from));
  target.insert(target.begin(), x.shape[0]);
  return reshaped_stream(node, x, std::move(target));
}

Value Importer::squeeze(const Node &node) {
  const bool is_array = is_constant(node, 0);
  std::vector<int64_t> shape = is_array ? constant(node, 0).shape : any_stream(node, 0).shape;
  const std::vector<int64_t> given = axes(node, 1);
  std::vector<bool> removed(shape.size(), false);
  for (size_t i = 0; i < shape.size(); ++i) removed[i] = given.empty() && shape[i] == 1;
  for (const int64_t each : given) {
    const int64_t axis = axis_of(each, shape.size());
    if (axis < 0 || shape[static_cast<size_t>(axis)] != 1)
      refuse(node, "removes an axis that is not 1 long", LF_INVALID_ARGUMENT);
    removed[static_cast<size_t>(axis)] = true;
  }
  if (!is_array && removed[0]) refuse(node, "removes the axis of the rows");
  std::vector<int64_t> kept;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!removed[i]) kept.push_back(shape[i]);
  if (is_array) return constant(node, 0).reshaped(std::move(kept));
  return reshaped_stream(node, any_stream(node, 0), std::move(kept));
}

Value Importer::unsqueeze(const Node &node) {
  const bool is_array = is_constant(node, 0);
  const std::vector<int64_t> shape = is_array ? constant(node, 0).shape : any_stream(node, 0).shape;
  const std::vector<int64_t> given = axes(node, 1);
  const size_t rank = shape.size() + given.size();
  if (rank > 64) refuse(node, "makes " + std::to_string(rank) + " axes; expected at most 64");
  std::vector<bool> is_new(rank, false);
  for (const int64_t each : given) {
    const int64_t axis = axis_of(each, rank);
    if (axis < 0 || is_new[static_cast<size_t>(axis)]) refuse(node, "has impossible axes", LF_INVALID_ARGUMENT);
    is_new[static_cast<size_t>(axis)] = true;
  }
  if (!is_array && is_new[0]) refuse(node, "adds an axis before the rows");
  std::vector<int64_t> result;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) result.push_back(is_new[i] ? 1 : shape[next++]);
  if (is_array) return constant(node, 0).reshaped(std::move(result));
  return reshaped_stream(node, any_stream(node, 0), std::move(result));
}

} // namespace lanefold::model::onnx
