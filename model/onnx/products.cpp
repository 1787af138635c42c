// Dense layers, and normalizations with statistics: Gemm, MatMul, BatchNormalization, and Scaler of ai.onnx.ml.
#include "model/onnx/importer.hpp"

namespace lanefold::model::onnx {

// x * w as a stage of its own.  x may have more than two dimensions, if those between the first and the last are 1.
Stream Importer::multiplied(const Node &node, const Stream &x, const Array &w, bool transposed) {
  const bool is_vector = w.shape.size() == 1; // MatMul: the result has no column axis
  if (w.texts || w.symbolic || w.count() == 0 || (w.shape.size() != 2 && !is_vector))
    refuse(node, "the weights are " + text_of(w.shape) + "; expected a matrix");
  const int64_t rows = w.shape[0], columns = is_vector ? 1 : w.shape[1];
  const int64_t k = transposed ? columns : rows, n = transposed ? rows : columns;
  if (x.shape.size() < 2 || x.shape.back() != k || features_of(x.shape) != k)
    refuse(node,
           "the weights are for " + std::to_string(k) + " inputs, but its input is rows of " +
               text_of({x.shape.begin() + 1, x.shape.end()}),
           LF_INVALID_ARGUMENT);
  Stage stage;
  stage.kind = StageKind::product;
  stage.from = flushed(node, x);
  stage.n = n;
  stage.layer.name = readable(node.name);
  stage.layer.k = k, stage.layer.n = n;
  stage.layer.transposed = transposed != w.transposed;
  stage.layer.w = tensor(w, stage.layer.transposed ? std::vector{n, k} : std::vector{k, n});
  budget_.take(static_cast<uint64_t>(w.count()));
  Stream result = derived(node, x, output_of(stages_.add(std::move(stage))));
  if (is_vector) result.shape.pop_back();
  else result.shape.back() = n;
  return result;
}

// x + factor * array.  An array of the right size becomes the bias of a product, and stays where it lies.  A number without
// a shape does not: it may be part of a hard swish.
Stream Importer::with_constant(const Node &node, const Stream &x, const Array &array, double factor) {
  Stream result = derived(node, x, x.value);
  const Stage &last = stages_[x.value.stage];
  const Coefficient values = spread(node, array, x);
  if (factor == 1 && array.count() == last.n && !array.shape.empty() && last.kind == StageKind::product &&
      last.layer.bias.empty() && x.value.is_polynomial() && x.value.p.is_identity()) {
    Stage with_bias = last;
    with_bias.layer.bias = tensor(array.transposed ? plain(array) : array, {last.n});
    result.value = output_of(stages_.add(std::move(with_bias)));
    return result;
  }
  Expression shift;
  shift.stage = x.value.stage;
  shift.p = onnx::constant(product(values, Coefficient{factor}));
  result.value = *sum(x.value, shift);
  return result;
}

Value Importer::gemm(const Node &node) {
  if (node.integer("transA", 0) != 0) refuse(node, "transposes the rows; expected transA = 0");
  const float alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  const Stream &x = stream(node, 0);
  if (x.shape.size() != 2) refuse(node, "its input is not a matrix", LF_INVALID_ARGUMENT);
  const Array &w = constant(node, 1);
  if (w.shape.size() != 2)
    refuse(node, "the weights are " + text_of(w.shape) + "; expected a matrix", LF_INVALID_ARGUMENT);
  Stream y = multiplied(node, x, w, node.integer("transB", 0) != 0);
  if (alpha != 1) {
    Expression factor = y.value;
    factor.p = onnx::constant(coefficient({alpha}));
    y.value = *product(factor, y.value);
  }
  if (node.input(2).empty()) return y;
  return with_constant(node, y, constant(node, 2), beta);
}

Value Importer::matmul(const Node &node) {
  if (is_constant(node, 0))
    refuse(node, "has its weights on the left; expected rows on the left and weights on the right");
  return multiplied(node, stream(node, 0), constant(node, 1), false);
}

// One number for each feature, of an input with one number for each channel.
Tensor Importer::channels(const Node &node, size_t input, const Stream &x) {
  const Array &array = constant(node, input);
  const int64_t count = x.shape[1], n = features_of(x.shape);
  if (array.symbolic || array.shape.size() != 1 || array.count() != count)
    refuse(node,
           "the input " + in_quotes(node.input(input)) + " is " + text_of(array.shape) + "; expected " +
               std::to_string(count) + " numbers",
           LF_INVALID_ARGUMENT);
  budget_.take(static_cast<uint64_t>(n));
  if (n == count) return tensor(array, {n});
  std::vector<float> values;
  for (const float value : array.tensor().read()) values.insert(values.end(), static_cast<size_t>(n / count), value);
  return Tensor({n}, std::move(values));
}

// Between 0 and 1, as Lanefold's training needs it.
float Importer::momentum_of(const Node &node) {
  const float given = node.real("momentum", 0.9f);
  if (given >= 0 && given <= 1) return given;
  const bool is_high = given > 1;
  notes_.push_back("The momentum " + std::to_string(given) + " becomes " + (is_high ? "1" : "0") + " in " +
                   place_of(node) + ", because inference does not read it, and training needs 0 to 1.");
  return is_high ? 1 : 0;
}

Value Importer::batch_normalization(const Node &node) {
  if (node.integer("training_mode", 0) != 0) refuse(node, "is in training mode; export the network for inference");
  for (size_t i = 1; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty()) refuse(node, "has outputs for training; export the network for inference");
  if (node.integer("spatial", 1) == 0) refuse(node, "has spatial = 0; expected 1");
  const Stream &x = stream(node, 0);
  if (x.shape.size() < 2) refuse(node, "its input has no columns", LF_INVALID_ARGUMENT);
  Norm norm;
  norm.eps = node.real("epsilon", 1e-5f);
  if (norm.eps == 0) norm.eps = 1e-30f; // Lanefold's eps is above 0; this one vanishes beside usual variances.
  norm.momentum = momentum_of(node);
  norm.unbiased = unbiased_.contains(node.name);
  norm.gamma = channels(node, 1, x), norm.beta = channels(node, 2, x);
  norm.mean = channels(node, 3, x), norm.var = channels(node, 4, x);
  Stage stage;
  stage.kind = StageKind::norm;
  stage.from = flushed(node, x);
  stage.n = features_of(x.shape);
  stage.layer.name = readable(node.name);
  stage.layer.norm = std::move(norm);
  return derived(node, x, output_of(stages_.add(std::move(stage))));
}

// (x - offset) * scale, also of integers
Value Importer::scaler(const Node &node) {
  const Stream &x = any_stream(node, 0);
  if (x.output != 0 || x.has_two_classes) return stream(node, 0);
  const auto numbers = [&](std::string_view name, double otherwise) {
    const Attribute *attribute = node.find(name);
    const std::vector<float> values = attribute ? attribute->reals() : std::vector<float>();
    if (values.empty()) return coefficient({otherwise});
    if (values.size() != 1 && static_cast<int64_t>(values.size()) != features_of(x.shape))
      refuse(node,
             "has " + std::to_string(values.size()) + " numbers in " + std::string(name) + " for rows of " +
                 std::to_string(features_of(x.shape)),
             LF_INVALID_ARGUMENT);
    return coefficient({values.begin(), values.end()});
  };
  const Coefficient offset = numbers("offset", 0), scale = numbers("scale", 1);
  Expression shift = output_of(x.value.stage), factor = shift;
  shift.p = onnx::constant(product(offset, Coefficient{-1})), factor.p = onnx::constant(scale);
  return derived(node, x, *product(factor, *sum(x.value, shift)));
}

} // namespace lanefold::model::onnx
