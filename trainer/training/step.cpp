// Each array of parameters takes one call of the optimizer.
#include "trainer/training/step.hpp"

#include "trainer/network/inference.hpp"

#include <utility>

namespace lanefold::trainer {

bool needs_z(const DenseLayer &layer) { return layer.batch_norm || LF_DERIVES_FROM_INPUT(layer.activation.code); }

Step::Step(const Context &context, Network &network, const Optimizer &optimizer, int64_t rows, Objective objective,
           bool keeps_dw)
    : context_(context), network_(network), optimizer_(optimizer), objective_(std::move(objective)),
      buffers_(network.layers.size()), state_(4 * network.layers.size()) {
  if (!objective_.class_weights.empty()) weights_.resize(static_cast<size_t>(rows));
  if (objective_.kind == Objective::binary) targets_.resize(static_cast<size_t>(rows));
  if (network.input_norm) standardized_.resize(static_cast<size_t>(rows * network.features()));
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const DenseLayer &layer = network.layers[i];
    Buffers &b = buffers_[i];
    const auto n = static_cast<size_t>(layer.outputs);
    for (auto *matrix : {&b.z, &b.y, &b.dy}) matrix->resize(static_cast<size_t>(rows) * n);
    if (has_dropout(i)) b.after_dropout.resize(b.y.size());
    for (auto *vector : {&b.dbias, &b.dgamma, &b.dbeta}) vector->resize(n);
    if (keeps_dw) b.dw.resize(layer.w.size());
    const size_t norm = layer.batch_norm ? n : 0;
    const size_t sizes[] = {layer.w.size(), layer.bias.size(), norm, norm};
    for (size_t j = 0; j < 4; ++j) {
      State &state = state_[4 * i + j];
      if (optimizer.kind != LF_SGD) state.m.resize(sizes[j]);
      if (optimizer.kind == LF_ADAM) state.v.resize(sizes[j]);
    }
  }
}

ConstMatrix Step::features_of(const float *x, int64_t rows) {
  const ConstMatrix given(x, rows, network_.features());
  if (!network_.input_norm) return given;
  const Matrix standardized(standardized_.data(), rows, network_.features());
  context_.batch_norm_forward(given, std::as_const(*network_.input_norm).view(), standardized);
  return standardized;
}

ConstMatrix Step::input_of(size_t layer, ConstMatrix features) {
  if (layer == 0) return features;
  Buffers &before = buffers_[layer - 1];
  return matrix(has_dropout(layer - 1) ? before.after_dropout : before.y, layer - 1, features.rows);
}

// Each layer and step has its own random numbers, so the backward pass drops what the forward pass did.
void Step::apply_dropout(size_t layer, ConstMatrix x, Matrix y, int64_t first_row) const {
  const auto layers = static_cast<int64_t>(buffers_.size());
  const auto stream = static_cast<uint64_t>(steps_ * layers + static_cast<int64_t>(layer));
  context_.dropout({objective_.dropout, objective_.dropout_seed, stream, first_row}, x, y);
}

Step::Result Step::loss_of(Matrix outputs, const int32_t *labels, const float *targets, int64_t batch_rows,
                           Vector losses) {
  const auto m = static_cast<size_t>(outputs.rows);
  const Matrix gradient(buffers_.back().dy.data(), outputs.rows, outputs.columns);
  ConstVector weights;
  if (!weights_.empty()) {
    for (size_t i = 0; i < m; ++i) weights_[i] = objective_.class_weights[static_cast<size_t>(labels[i])];
    weights = {weights_.data(), outputs.rows};
  }
  Result result{};
  switch (objective_.kind) {
  case Objective::multiclass:
    result.correct = context_.top_k_correct(outputs, {labels, outputs.rows});
    result.loss =
        context_.softmax_cross_entropy(outputs, {labels, outputs.rows}, gradient, weights, losses, batch_rows);
    break;
  case Objective::binary:
    for (size_t i = 0; i < m; ++i) {
      const float logit = outputs.data[i];
      targets_[i] = static_cast<float>(labels[i]);
      result.correct += labels[i] == 1 ? logit > 0 : logit <= 0;
    }
    result.loss = context_.elementwise_loss({LF_LOGISTIC_CROSS_ENTROPY}, outputs, {targets_.data(), outputs.rows, 1},
                                            gradient, weights, losses, batch_rows);
    break;
  case Objective::regression:
    result.loss = context_.elementwise_loss(objective_.loss, outputs, {targets, outputs.rows, outputs.columns},
                                            gradient, {}, losses, batch_rows);
    break;
  }
  return result;
}

void Step::visit(const Network::Visit &visit) {
  auto state = state_.begin();
  for (size_t i = 0; i < buffers_.size(); ++i)
    for (const char *array : {"w", "bias", "gamma", "beta"}) {
      const std::string name = network_.prefix(i) + array;
      const auto offer = [&](const char *kind, std::vector<float> &values) {
        if (values.empty()) return;
        const DenseLayer &layer = network_.layers[i];
        const bool is_matrix = array == std::string_view("w");
        visit(name + kind,
              is_matrix ? std::vector<int64_t>{layer.inputs, layer.outputs} : std::vector<int64_t>{layer.outputs},
              values);
      };
      offer(".m", state->m);
      offer(".v", state->v);
      ++state;
    }
}

void Step::update(size_t layer, size_t array, std::vector<float> &parameters, const float *gradient, size_t first,
                  size_t end) {
  const UpdateRule rule{optimizer_.kind,     optimizer_.learning_rate, array == 0 ? optimizer_.weight_decay : 0,
                        optimizer_.momentum, optimizer_.beta2,         optimizer_.eps};
  State &state = state_[4 * layer + array];
  const auto count = static_cast<int64_t>(end - first);
  const auto part = [&](std::vector<float> &values) {
    return values.empty() ? Vector() : Vector(values.data() + first, count);
  };
  context_.optimizer_step(rule, part(parameters), {gradient + first, count}, part(state.m), part(state.v), steps_);
}

void Step::update_vectors(size_t layer) {
  DenseLayer &l = network_.layers[layer];
  Buffers &b = buffers_[layer];
  if (!l.bias.empty()) update(layer, 1, l.bias, b.dbias.data(), 0, l.bias.size());
  if (!l.batch_norm) return;
  update(layer, 2, l.batch_norm->gamma, b.dgamma.data(), 0, b.dgamma.size());
  update(layer, 3, l.batch_norm->beta, b.dbeta.data(), 0, b.dbeta.size());
}

} // namespace lanefold::trainer
