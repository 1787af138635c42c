// Sums, products and powers of values, and the clips.
#include "model/onnx/importer.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::model::onnx {

namespace {

double computed(char operation, double a, double b, bool is_floating) {
  switch (operation) {
  case 'A': return a + b;
  case 'S': return a - b;
  case 'M': return a * b;
  default: return is_floating ? a / b : std::trunc(a / b);
  }
}

Expression scaled(const Expression &expression, Coefficient factor) {
  Expression by = output_of(expression.stage);
  by.p = constant(std::move(factor));
  return *product(by, expression);
}

} // namespace

// The input as an expression of the stage that `over` has.
Expression Importer::operand(const Node &node, size_t input, const Stream &over) {
  if (!is_constant(node, input)) {
    const Stream &found = stream(node, input);
    if (found.shape != over.shape) refuse(node, "combines values of different shapes");
    return found.value;
  }
  Expression value = output_of(over.value.stage);
  value.p = onnx::constant(spread(node, constant(node, input), over));
  return value;
}

// The sum or the product.  Where a and b have no common stage, they may be functions of a stage that has not been made
// yet.
Expression Importer::combined(const Node &node, const Expression &a, const Expression &b) {
  const auto combine = [&](const Expression &x, const Expression &y) {
    if (x.stage != y.stage) return std::optional<Expression>();
    return node.operation == "Mul" ? product(x, y) : sum(x, y);
  };
  std::optional<Expression> result = combine(a, b);
  if (result) return *result;
  const std::optional<Expression> first = stages_.resolve(a), second = stages_.resolve(b);
  if (first) result = combine(*first, b);
  if (!result && second) result = combine(a, *second);
  if (!result && first && second) result = combine(*first, *second);
  if (!result)
    refuse(node,
           "combines two values that depend on the rows in different ways, which is none of Lanefold's activations; "
           "expected a chain of layers, without branches");
  return *result;
}

Value Importer::arithmetic(const Node &node) {
  if (node.inputs.size() != 2) refuse(node, "has " + std::to_string(node.inputs.size()) + " inputs; expected 2");
  const bool is_first_constant = is_constant(node, 0), is_second_constant = is_constant(node, 1);
  if (is_first_constant && is_second_constant) return folded(node, constant(node, 0), constant(node, 1));
  const size_t main = is_first_constant ? 1 : 0;
  const Stream &x = stream(node, main);
  if (node.operation == "Add" && (is_first_constant || is_second_constant))
    return with_constant(node, x, constant(node, 1 - main), 1);
  const Expression a = operand(node, 0, x);
  Expression b = operand(node, 1, x);
  if (node.operation == "Sub") b = scaled(b, {-1});
  if (node.operation == "Div") {
    if (!is_second_constant) refuse(node, "divides by a value that depends on the rows; expected a constant");
    const Coefficient inverse = quotient({1}, b.p.terms[0]);
    for (const double value : inverse)
      if (!std::isfinite(value)) refuse(node, "divides by 0", LF_INVALID_ARGUMENT);
    return derived(node, x, scaled(a, inverse));
  }
  return derived(node, x, combined(node, a, b));
}

// From left to right.
Value Importer::sum_of_inputs(const Node &node) {
  if (node.inputs.empty()) refuse(node, "has no input", LF_INVALID_ARGUMENT);
  const auto input = [&](size_t i) -> Value {
    if (is_constant(node, i)) return constant(node, i);
    return stream(node, i);
  };
  Value total = input(0);
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Value next = input(i);
    const auto *a = std::get_if<Array>(&total), *b = std::get_if<Array>(&next);
    if (a && b) {
      total = folded(node, *a, *b);
    } else if (a || b) {
      total = with_constant(node, std::get<Stream>(a ? next : total), a ? *a : *b, 1);
    } else {
      const Stream &x = std::get<Stream>(total), &y = std::get<Stream>(next);
      if (x.shape != y.shape) refuse(node, "combines values of different shapes");
      total = derived(node, x, combined(node, x.value, y.value));
    }
    if (const auto *sum = std::get_if<Stream>(&total)) budget_.take(sum->value.numbers());
  }
  return total;
}

Array Importer::folded(const Node &node, const Array &a, const Array &b) {
  if (a.symbolic || b.symbolic) refuse(node, "computes with the number of rows");
  std::vector<int64_t> shape(std::max(a.shape.size(), b.shape.size()), 1);
  for (const Array *array : {&a, &b})
    for (size_t i = 0; i < array->shape.size(); ++i) {
      int64_t &size = shape[i + shape.size() - array->shape.size()];
      if (size == 1) size = array->shape[i];
    }
  const int64_t count = count_of(shape);
  if (count < 0) refuse(node, "combines constants of different shapes", LF_INVALID_ARGUMENT);
  budget_.take(static_cast<uint64_t>(count));
  const std::vector<double> x = broadcast(a.doubles(), a.shape, shape), y = broadcast(b.doubles(), b.shape, shape);
  if (x.size() != y.size()) refuse(node, "combines constants of different shapes", LF_INVALID_ARGUMENT);
  const bool floating = is_floating(a.element);
  std::vector<double> result(x.size());
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = computed(node.operation == "Sum" ? 'A' : node.operation[0], x[i], y[i], floating);
  if (floating) return array_of(std::move(shape), std::move(result));
  return array_of(shape, array_of(shape, std::move(result)).integers());
}

// Of a constant: Sqrt, Reciprocal and Neg
Value Importer::fold_function(const Node &node) {
  const Array &array = constant(node, 0);
  if (array.symbolic) refuse(node, "computes with the number of rows");
  budget_.take(static_cast<uint64_t>(array.count()));
  std::vector<double> values = array.doubles();
  for (double &value : values)
    value = node.operation == "Sqrt" ? std::sqrt(value) : node.operation == "Neg" ? -value : 1 / value;
  return array_of(array.shape, std::move(values));
}

Value Importer::negation(const Node &node) {
  if (is_constant(node, 0)) return fold_function(node);
  const Stream &x = stream(node, 0);
  return derived(node, x, scaled(x.value, {-1}));
}

Value Importer::power(const Node &node) {
  const Stream &x = stream(node, 0);
  const double exponent = single(node, 1);
  if (exponent != 1 && exponent != 2 && exponent != 3)
    refuse(node, "has the exponent " + std::to_string(exponent) + "; expected 1, 2 or 3");
  const Expression base = exponent == 1 ? x.value : polynomial(node, x);
  std::optional<Expression> result = base;
  for (int i = 1; result && i < static_cast<int>(exponent); ++i) result = product(*result, base);
  if (!result) refuse(node, "makes a power above 3, which is part of none of Lanefold's activations");
  return derived(node, x, *result);
}

Stream Importer::clipped(const Node &node, const Stream &x, double low, double high) {
  constexpr double most = 3.4e38; // Exporters write the largest float for no bound.
  if (low <= -most) low = -HUGE_VAL;
  if (high >= most) high = HUGE_VAL;
  if (!(low < high)) refuse(node, "has the bounds " + std::to_string(low) + " and " + std::to_string(high));
  if (std::isinf(low) && std::isinf(high)) return derived(node, x, x.value);
  return derived(node, x, apply(Function::clip, low, high, polynomial(node, x)));
}

Value Importer::clip(const Node &node) {
  const Stream &x = stream(node, 0);
  if (opset_ < 11) return clipped(node, x, node.real("min", -HUGE_VALF), node.real("max", HUGE_VALF));
  return clipped(node, x, node.input(1).empty() ? -HUGE_VAL : single(node, 1),
                 node.input(2).empty() ? HUGE_VAL : single(node, 2));
}

// Max and Min of the rows and a number
Value Importer::extremum(const Node &node) {
  if (node.inputs.size() != 2) refuse(node, "has " + std::to_string(node.inputs.size()) + " inputs; expected 2");
  const size_t main = is_constant(node, 0) ? 1 : 0;
  const Stream &x = stream(node, main);
  const double bound = single(node, 1 - main);
  return node.operation == "Max" ? clipped(node, x, bound, HUGE_VAL) : clipped(node, x, -HUGE_VAL, bound);
}

} // namespace lanefold::model::onnx
