// Makes stages from expressions, and layers from stages.
#include "model/onnx/stages.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::model::onnx {

namespace {

std::vector<float> floats_of(const Coefficient &coefficient, int64_t n) {
  std::vector<float> floats(static_cast<size_t>(n));
  for (size_t i = 0; i < floats.size(); ++i) floats[i] = static_cast<float>(at(coefficient, i));
  return floats;
}

std::vector<double> numbers_of(const Coefficient &coefficient, int64_t n) {
  std::vector<double> values;
  for (int64_t j = 0; j < n; ++j) values.push_back(at(coefficient, static_cast<size_t>(j)));
  return values;
}

bool is_near(const Coefficient &a, const Coefficient &b) {
  constexpr double tolerance = 1e-6; // relative: the rounding of constants such as sqrt(2)
  for (size_t i = 0; i < common_size(a, b); ++i)
    if (!(std::abs(at(a, i) - at(b, i)) <= tolerance * std::abs(at(a, i)))) return false;
  return true;
}

// Whether both compute the same, up to the rounding of the constants that an activation is spelled with.
bool is_same(const Stage &a, const Stage &b) {
  return a.kind == b.kind && a.from == b.from && is_near(a.line.scale, b.line.scale) &&
         is_near(a.line.shift, b.line.shift) && a.layer.activation == b.layer.activation &&
         a.layer.alpha == b.layer.alpha;
}

// Appends stages to the last layer, as long as they come in the order of a layer: product, bias, normalization,
// activation.
class Assembly {
public:
  void add(const Stage &stage) {
    switch (stage.kind) {
    case StageKind::input: break;
    case StageKind::product: layers_.push_back(stage.layer); break;
    case StageKind::norm: norm_of(stage) = *stage.layer.norm; break;
    case StageKind::line: add_line(stage); break;
    case StageKind::activation:
      if (layers_.empty() || layers_.back().activation != LF_IDENTITY) open(stage);
      layers_.back().activation = stage.layer.activation, layers_.back().alpha = stage.layer.alpha;
    }
  }

  std::vector<Layer> finish(const Stage &input) {
    if (layers_.empty()) open(input);
    for (size_t i = 0; i < layers_.size(); ++i)
      if (layers_[i].name.empty()) layers_[i].name = "layers." + std::to_string(i);
    return std::move(layers_);
  }

private:
  void open(const Stage &stage) {
    Layer layer;
    layer.k = layer.n = stage.n;
    layer.name = stage.layer.name;
    layers_.push_back(std::move(layer));
  }

  // The normalization of the last layer, or of a new one if that has a normalization or an activation.
  Norm &norm_of(const Stage &stage) {
    if (layers_.empty() || layers_.back().norm || layers_.back().activation != LF_IDENTITY) open(stage);
    return layers_.back().norm.emplace();
  }

  void add_line(const Stage &stage) {
    const auto &[scale, shift] = stage.line;
    const bool takes_bias = !layers_.empty() && layers_.back().has_product() && layers_.back().bias.empty() &&
                            !layers_.back().norm && layers_.back().activation == LF_IDENTITY;
    if (takes_bias && scale == Coefficient{1}) layers_.back().bias = Tensor({stage.n}, floats_of(shift, stage.n));
    else norm_of(stage) = affine(numbers_of(scale, stage.n), numbers_of(shift, stage.n));
  }

  std::vector<Layer> layers_;
};

} // namespace

int Stages::add(Stage stage) {
  constexpr size_t most = 10000; // A thousand layers need fewer.
  if (stages_.size() == most)
    throw ModelError("applies more than " + std::to_string(most) + " operations to its rows", LF_UNSUPPORTED);
  stages_.push_back(std::move(stage));
  return static_cast<int>(stages_.size()) - 1;
}

int Stages::find_or_add(Stage stage) {
  constexpr size_t most = 100; // A longer search would make reading a hostile file slow.
  for (size_t i = 0; i < std::min(most, stages_.size()); ++i) {
    const size_t candidate = stages_.size() - 1 - i;
    if (is_same(stages_[candidate], stage)) return static_cast<int>(candidate);
  }
  if (stage.kind == StageKind::line) budget_.take(4 * static_cast<uint64_t>(stage.n));
  return add(std::move(stage));
}

std::optional<Expression> Stages::resolve(const Expression &expression) {
  const std::optional<Elementwise> found = recognize(expression);
  if (!found) return std::nullopt;
  if (found->activation == LF_IDENTITY) return expression;
  Stage stage;
  stage.kind = StageKind::activation;
  stage.n = (*this)[expression.stage].n;
  stage.from = *flush([&] {
    Expression before = output_of(expression.stage);
    before.p = line(found->before.scale, found->before.shift);
    return before;
  }());
  stage.layer.activation = found->activation, stage.layer.alpha = found->alpha;
  Expression result = output_of(find_or_add(std::move(stage)));
  result.p = line(found->after.scale, found->after.shift);
  return result;
}

std::optional<int> Stages::flush(const Expression &expression) {
  const std::optional<Expression> resolved = resolve(expression);
  if (!resolved) return std::nullopt;
  if (resolved->p.is_identity()) return resolved->stage;
  Stage stage;
  stage.kind = StageKind::line;
  stage.from = resolved->stage;
  stage.n = (*this)[resolved->stage].n;
  stage.line = {resolved->p.terms[1], resolved->p.terms[0]};
  return find_or_add(std::move(stage));
}

std::vector<Layer> Stages::layers(int last) const {
  std::vector<int> path;
  for (int stage = last; stage >= 0; stage = (*this)[stage].from) path.push_back(stage);
  Assembly assembly;
  for (size_t i = path.size(); i-- > 0;) assembly.add((*this)[path[i]]);
  return assembly.finish((*this)[path.back()]);
}

} // namespace lanefold::model::onnx
