// A layer without a product computes s x + t, then its activation.  Without an activation it is folded into the product
// after it: (s x + t) W + b = x (diag(s) W) + (t W + b).  After a product without an activation it is folded into that.
#include "model/network.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace lanefold::model {
namespace {

// s (x - mean) + t, in double.
struct Affine {
  std::vector<double> s, mean, t;

  double shift(size_t j) const { return t[j] - mean[j] * s[j]; }
};

Affine affine_of(const Norm &norm) {
  Affine made;
  const std::vector<double> gamma = norm.gamma.read_doubles(), beta = norm.beta.read_doubles(),
                            mean = norm.mean.read_doubles(), var = norm.var.read_doubles();
  for (size_t j = 0; j < gamma.size(); ++j) {
    made.s.push_back(gamma[j] / std::sqrt(var[j] + static_cast<double>(norm.eps)));
    made.mean.push_back(mean[j]), made.t.push_back(beta[j]);
  }
  return made;
}

// Whether floats hold the numbers, and folding loses no more than a digit: s x and s mean are subtracted from each other,
// and both are larger than their difference, which is about as large as gamma.
bool is_foldable(const Affine &affine, const Norm &norm) {
  constexpr double most_centre = 4; // standard deviations
  const std::vector<double> gamma = norm.gamma.read_doubles();
  for (size_t j = 0; j < affine.s.size(); ++j) {
    if (!std::isfinite(static_cast<float>(affine.s[j])) || !std::isfinite(static_cast<float>(affine.shift(j))))
      return false;
    if (std::abs(affine.mean[j] * affine.s[j]) > most_centre * std::max(1.0, std::abs(gamma[j]))) return false;
  }
  return true;
}

// One normalization that does what two do; without a value, floats cannot hold it.
std::optional<Norm> composed(const Norm &first, const Norm &second) {
  const Affine a = affine_of(first), b = affine_of(second);
  std::vector<double> scale, shift;
  for (size_t j = 0; j < a.s.size(); ++j) {
    scale.push_back(a.s[j] * b.s[j]);
    shift.push_back((a.shift(j) - b.mean[j]) * b.s[j] + b.t[j]);
    if (!std::isfinite(static_cast<float>(scale.back())) || !std::isfinite(static_cast<float>(shift.back()))) return {};
  }
  return affine(scale, shift);
}

// A layer while join() builds it: what precedes its product, and its normalization, which may be composed of several.
struct Step {
  const Layer *product = nullptr; // NULL: no product
  int64_t n = 0;
  std::optional<Affine> before; // folded into the product
  std::optional<Norm> norm;
  int32_t activation = LF_IDENTITY;
  float alpha = 1;
};

bool is_elementwise_without_activation(const Step &step) {
  return step.product == nullptr && step.activation == LF_IDENTITY;
}

// Joins neighbours: two normalizations become one, and one before a product goes into it.
std::vector<Step> join(const Model &model) {
  std::vector<Step> steps;
  for (const Layer &layer : model.layers) {
    Step step{layer.has_product() ? &layer : nullptr, layer.n, {}, layer.norm, layer.activation, layer.alpha};
    if (!steps.empty() && step.product == nullptr && steps.back().activation == LF_IDENTITY) {
      Step &last = steps.back();
      const std::optional<Norm> joined = last.norm && step.norm ? composed(*last.norm, *step.norm)
                                         : last.norm            ? last.norm
                                                                : step.norm;
      if (last.norm && !joined) {
        steps.push_back(step);
        continue;
      }
      last.norm = joined, last.activation = step.activation, last.alpha = step.alpha;
      continue;
    }
    if (step.product != nullptr && !steps.empty() && is_elementwise_without_activation(steps.back())) {
      const std::optional<Norm> norm = steps.back().norm;
      if (norm) step.before = affine_of(*norm);
      if (!norm || is_foldable(*step.before, *norm)) steps.pop_back();
      else step.before.reset();
    }
    steps.push_back(step);
  }
  return steps;
}

// The weights as k x n floats of their own.
std::vector<float> own_weights(const Layer &layer) {
  return layer.transposed ? transposed(layer.w.read(), layer.n, layer.k) : layer.w.read();
}

void fold_before(const Affine &before, const Layer &layer, PreparedLayer &made) {
  std::vector<double> bias(static_cast<size_t>(layer.n));
  if (!layer.bias.empty()) bias = layer.bias.read_doubles();
  for (int64_t p = 0; p < layer.k; ++p) {
    const double s = before.s[static_cast<size_t>(p)], t = before.shift(static_cast<size_t>(p));
    float *row = made.w.data() + p * layer.n;
    for (int64_t j = 0; j < layer.n; ++j) {
      bias[static_cast<size_t>(j)] += t * static_cast<double>(row[j]);
      row[j] = static_cast<float>(s * static_cast<double>(row[j]));
    }
  }
  made.bias.assign(bias.begin(), bias.end());
}

void point_to_norm(const Norm &from, PreparedLayer &made) {
  const int64_t n = from.gamma.count();
  made.norm_values.resize(static_cast<size_t>(4 * n));
  float *values = made.norm_values.data();
  from.gamma.read(values), from.beta.read(values + n), from.mean.read(values + 2 * n), from.var.read(values + 3 * n);
  made.norm = {};
  made.norm.struct_size = sizeof made.norm;
  made.norm.eps = from.eps, made.norm.momentum = from.momentum;
  made.norm.gamma = values, made.norm.beta = values + n;
  made.norm.running_mean = values + 2 * n, made.norm.running_var = values + 3 * n;
  made.layer.batch_norm = &made.norm;
}

// Folds the normalization into w and bias, the first k rows of which are there.  With k = 0 it only tells whether no
// column would lose too many bits, because that follows from the normalization and the bias alone.
bool fold_norm(lf_context *context, const Norm &norm, int64_t k, PreparedLayer &made) {
  const int64_t n = made.layer.n;
  PreparedLayer with_norm;
  with_norm.layer = made.layer;
  point_to_norm(norm, with_norm);
  std::vector<float> bias(static_cast<size_t>(n));
  lf_fold_batch_norm_args args{};
  args.struct_size = sizeof args;
  args.n = n, args.k = k, args.w = made.w.data(), args.ldw = n, args.batch_norm = &with_norm.norm;
  args.bias = made.bias.empty() ? nullptr : made.bias.data();
  args.folded_w = made.w.data(), args.ldfolded_w = n, args.folded_bias = bias.data();
  const lf_status status = lf_fold_batch_norm(context, &args);
  if (status == LF_INVALID_ARGUMENT) return false;
  if (status != LF_OK) throw ModelError(lf_last_error(context), status);
  if (k > 0) made.bias = std::move(bias);
  return true;
}

PreparedLayer elementwise(const Step &step) {
  PreparedLayer made{};
  made.layer.struct_size = sizeof made.layer;
  made.layer.flags = LF_ELEMENTWISE;
  made.layer.n = made.layer.k = step.n;
  made.layer.activation = step.activation, made.layer.alpha = step.alpha;
  if (step.norm) point_to_norm(*step.norm, made);
  return made;
}

void add_product(std::vector<PreparedLayer> &all, const Step &step, lf_context *context, Folding folding) {
  const Layer &from = *step.product;
  PreparedLayer made{};
  made.layer.struct_size = sizeof made.layer;
  made.layer.n = from.n, made.layer.k = from.k;
  made.layer.activation = step.activation, made.layer.alpha = step.alpha;
  if (!from.bias.empty()) made.bias = from.bias.read();
  // A copy of the weights is folded as it is; without one, folding later needs less memory.
  const bool is_copied = step.before || from.w.in_place() == nullptr;
  const bool folds_here = step.norm && (folding == Folding::here || is_copied);
  const float *in_place = is_copied || folds_here ? nullptr : from.w.in_place();
  if (in_place == nullptr) made.w = own_weights(from);
  if (step.before) fold_before(*step.before, from, made);
  const bool is_foldable = step.norm && fold_norm(context, *step.norm, folds_here ? from.k : 0, made);
  if (is_foldable && !folds_here) point_to_norm(*step.norm, made);
  const bool keeps_norm = step.norm && !is_foldable;
  if (keeps_norm) made.layer.activation = LF_IDENTITY, made.layer.alpha = 1;
  made.layer.flags = in_place != nullptr && from.transposed ? LF_TRANSPOSE_B : 0;
  made.layer.w = in_place != nullptr ? in_place : made.w.data();
  made.layer.ldw = in_place != nullptr && from.transposed ? from.k : from.n;
  made.layer.bias = made.bias.empty() ? nullptr : made.bias.data();
  all.push_back(std::move(made));
  if (keeps_norm) all.push_back(elementwise({nullptr, step.n, {}, step.norm, step.activation, step.alpha}));
}

} // namespace

std::vector<PreparedLayer> prepare(const Model &model, lf_context *context, Folding folding) {
  std::vector<PreparedLayer> all;
  for (const Step &step : join(model)) {
    if (step.product != nullptr) add_product(all, step, context, folding);
    else all.push_back(elementwise(step));
  }
  for (PreparedLayer &made : all) // moving a layer moves its norm
    if (made.layer.batch_norm != nullptr) made.layer.batch_norm = &made.norm;
  return all;
}

Model folded(const Model &model, lf_context *context) {
  Model result = model;
  result.layers.clear();
  std::erase_if(result.texts, [](const auto &text) { return text.first != LF_DATA_TEXT; });
  result.tensors.clear();
  for (PreparedLayer &from : prepare(model, context, Folding::here)) {
    Layer layer;
    layer.name = "layers." + std::to_string(result.layers.size());
    layer.k = from.layer.k, layer.n = from.layer.n;
    layer.activation = from.layer.activation, layer.alpha = from.layer.alpha;
    if (from.layer.w != nullptr) {
      layer.transposed = (from.layer.flags & LF_TRANSPOSE_B) != 0;
      const auto count = static_cast<size_t>(layer.k * layer.n);
      std::vector<float> w =
          from.w.empty() ? std::vector<float>(from.layer.w, from.layer.w + count) : std::move(from.w);
      layer.w =
          Tensor(layer.transposed ? std::vector<int64_t>{layer.n, layer.k} : std::vector<int64_t>{layer.k, layer.n},
                 std::move(w));
    }
    if (!from.bias.empty()) layer.bias = Tensor({layer.n}, std::move(from.bias));
    if (from.layer.batch_norm != nullptr) {
      Norm &norm = layer.norm.emplace();
      norm.eps = from.norm.eps, norm.momentum = from.norm.momentum;
      const auto copy = [&](const float *values) {
        return Tensor({layer.n}, std::vector<float>(values, values + layer.n));
      };
      norm.gamma = copy(from.norm.gamma), norm.beta = copy(from.norm.beta);
      norm.mean = copy(from.norm.running_mean), norm.var = copy(from.norm.running_var);
    }
    result.layers.push_back(std::move(layer));
  }
  return result;
}

} // namespace lanefold::model
