// Activations that are nodes of their own, and the softmax at the end.
#include "model/onnx/importer.hpp"
#include "model/onnx/outputs.hpp"

#include <cmath>
#include <numbers>

namespace lanefold::model::onnx {

namespace {

Expression constant_of(int stage, double value) {
  Expression expression = output_of(stage);
  expression.p = constant(coefficient({value}));
  return expression;
}

// factor * x * (one + f), or nothing if that is not an Expression.
std::optional<Expression> gated(const Expression &x, const Expression &f, double factor, double one) {
  const std::optional<Expression> half = product(constant_of(x.stage, factor), x);
  return product(*half, *sum(constant_of(x.stage, one), f));
}

// factor * (x + 0.044715 x^3)
std::optional<Expression> cubic(const Expression &x, double factor) {
  const std::optional<Expression> square = product(x, x);
  const std::optional<Expression> cube = square ? product(*square, x) : std::nullopt;
  if (!cube) return std::nullopt;
  return product(constant_of(x.stage, factor), *sum(x, *product(constant_of(x.stage, 0.044715), *cube)));
}

} // namespace

Value Importer::function(const Node &node) {
  if (is_constant(node, 0)) refuse(node, "has a constant input; expected one that depends on the rows");
  const Stream &x = stream(node, 0);
  const std::string_view name = node.operation;
  double alpha = 0, beta = 0;
  Function function = Function::none;
  if (name == "Relu") function = Function::relu;
  else if (name == "LeakyRelu") function = Function::leaky_relu, alpha = node.real("alpha", 0.01f);
  else if (name == "Elu") function = Function::elu, alpha = node.real("alpha", 1);
  else if (name == "Tanh") function = Function::tanh;
  else if (name == "Sigmoid") function = Function::logistic;
  else if (name == "Softplus") function = Function::softplus;
  else if (name == "Erf") function = Function::erf;
  else if (name == "HardSigmoid") {
    function = Function::hard_sigmoid, alpha = node.real("alpha", 0.2f), beta = node.real("beta", 0.5f);
    if (!(alpha > 0) || !std::isfinite(beta))
      refuse(node,
             "has an alpha that is not above 0, or a beta that is not finite; expected finite numbers, alpha above 0");
  } else {
    function = Function::selu;
    const float given = node.real("alpha", 1.67326319f), factor = node.real("gamma", 1.05070102f);
    if (std::abs(given - 1.67326319f) > 1e-5f || std::abs(factor - 1.05070102f) > 1e-5f)
      refuse(node, "has other constants than SELU; expected alpha 1.67326 and gamma 1.05070");
  }
  if (!(alpha >= 0) || !std::isfinite(alpha))
    refuse(node, "has alpha " + std::to_string(alpha) + "; expected a finite number, at least 0");
  return derived(node, x, apply(function, alpha, beta, polynomial(node, x)));
}

Value Importer::gelu(const Node &node) {
  const Stream &x = stream(node, 0);
  const Expression u = polynomial(node, x);
  const Attribute *approximate = node.find("approximate");
  const std::string_view form = approximate ? approximate->text() : "none";
  if (form != "none" && form != "tanh")
    refuse(node, "has the approximation " + in_quotes(form) + "; expected \"none\" or \"tanh\"");
  std::optional<Expression> inner = product(constant_of(u.stage, 1 / std::numbers::sqrt2), u);
  if (form == "tanh") inner = cubic(u, std::sqrt(2 / std::numbers::pi));
  std::optional<Expression> result;
  if (inner) result = gated(u, apply(form == "tanh" ? Function::tanh : Function::erf, 0, 0, *inner), 0.5, 1);
  if (!result) refuse(node, "is applied to a power of its input");
  return derived(node, x, *result);
}

Value Importer::hard_swish(const Node &node) {
  const Stream &x = stream(node, 0);
  const Expression u = polynomial(node, x);
  const std::optional<Expression> result = gated(u, apply(Function::hard_sigmoid, 1.0 / 6, 0.5, u), 1, 0);
  if (!result) refuse(node, "is applied to a power of its input");
  return derived(node, x, *result);
}

// alpha * elu(x / alpha)
Value Importer::celu(const Node &node) {
  const Stream &x = stream(node, 0);
  const float alpha = node.real("alpha", 1);
  if (!(alpha > 0) || !std::isfinite(alpha))
    refuse(node, "has alpha " + std::to_string(alpha) + "; expected a finite number above 0");
  const Expression u = polynomial(node, x);
  const Expression inner = *product(constant_of(u.stage, 1 / static_cast<double>(alpha)), u);
  return derived(node, x, *product(constant_of(u.stage, alpha), apply(Function::elu, 1, 0, inner)));
}

Value Importer::prelu(const Node &node) {
  const Stream &x = stream(node, 0);
  const Coefficient alphas = spread(node, constant(node, 1), x);
  if (alphas.size() > 1) refuse(node, "has a number for each feature; expected one for all");
  const double alpha = at(alphas, 0);
  if (!(alpha >= 0) || !std::isfinite(alpha))
    refuse(node, "has the factor " + std::to_string(alpha) + "; expected a finite number, at least 0");
  return derived(node, x, apply(Function::leaky_relu, alpha, 0, polynomial(node, x)));
}

// Softmax and LogSoftmax.  Before opset 13 they work on all axes from `axis` on.
Value Importer::softmax(const Node &node) {
  const Stream &x = stream(node, 0);
  const int64_t axis = axis_of(node.integer("axis", opset_ < 13 ? 1 : -1), x.shape.size());
  if (axis < 0) refuse(node, "has an axis that its input does not have", LF_INVALID_ARGUMENT);
  const auto first = x.shape.begin() + axis;
  const int64_t extent = axis == 0 ? 0 : count_of({first, opset_ < 13 ? x.shape.end() : first + 1});
  if (extent != features_of(x.shape)) refuse(node, "does not work on whole rows; expected the last axis");
  Stream result = derived(node, x, x.value);
  result.output = node.operation == "Softmax" ? LF_OUTPUT_SOFTMAX : LF_OUTPUT_LOG_SOFTMAX;
  return result;
}

Value Importer::logarithm(const Node &node) {
  const Stream &x = any_stream(node, 0);
  if (x.output != LF_OUTPUT_SOFTMAX) refuse(node, "is only supported after Softmax");
  Stream result = derived(node, x, x.value);
  result.output = LF_OUTPUT_LOG_SOFTMAX;
  return result;
}

} // namespace lanefold::model::onnx
