// Each layer takes one forward call and one backward call of the library.  Each array of parameters takes one call of
// the optimizer, except that plain SGD updates the weights within the backward call.
#include "trainer/training/training_step.hpp"

#include "trainer/network/inference.hpp"

#include <utility>

namespace lanefold::trainer {
namespace {

// Whether the backward pass needs x w + bias.
bool needs_z(const DenseLayer &layer) { return layer.batch_norm || LF_DERIVES_FROM_INPUT(layer.activation.code); }

} // namespace

TrainingStep::TrainingStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size,
                           Objective objective)
    : context_(context), network_(network), optimizer_(optimizer), objective_(std::move(objective)),
      buffers_(network.layers.size()), state_(4 * network.layers.size()) {
  if (!objective_.class_weights.empty()) weights_.resize(static_cast<size_t>(batch_size));
  if (objective_.kind == Objective::binary) targets_.resize(static_cast<size_t>(batch_size));
  if (network.input_norm) standardized_.resize(static_cast<size_t>(batch_size * network.features()));
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const DenseLayer &layer = network.layers[i];
    Buffers &b = buffers_[i];
    const auto n = static_cast<size_t>(layer.outputs);
    for (auto *matrix : {&b.z, &b.y, &b.dy}) matrix->resize(static_cast<size_t>(batch_size) * n);
    if (has_dropout(i)) b.after_dropout.resize(b.y.size());
    for (auto *vector : {&b.dbias, &b.dgamma, &b.dbeta}) vector->resize(n);
    if (!updates_in_backward()) b.dw.resize(layer.w.size());
    const size_t norm = layer.batch_norm ? n : 0;
    const size_t sizes[] = {layer.w.size(), layer.bias.size(), norm, norm};
    for (size_t j = 0; j < 4; ++j) {
      State &state = state_[4 * i + j];
      if (optimizer.kind != LF_SGD) state.m.resize(sizes[j]);
      if (optimizer.kind == LF_ADAM) state.v.resize(sizes[j]);
    }
  }
}

TrainingStep::Result TrainingStep::run(const float *x, const int32_t *labels, int64_t m, const float *targets) {
  if (network_.input_norm) {
    const Matrix standardized(standardized_.data(), m, network_.features());
    context_.batch_norm_forward({x, m, network_.features()}, std::as_const(*network_.input_norm).view(), standardized);
    x = standardized.data;
  }
  const size_t layers = buffers_.size();
  const auto matrix = [&](std::vector<float> &values, size_t layer) {
    return Matrix(values.data(), m, network_.layers[layer].outputs);
  };
  const auto input = [&](size_t layer) -> ConstMatrix {
    if (layer == 0) return {x, m, network_.features()};
    Buffers &before = buffers_[layer - 1];
    return matrix(has_dropout(layer - 1) ? before.after_dropout : before.y, layer - 1);
  };
  for (size_t i = 0; i < layers; ++i) {
    forward(i, input(i));
    if (has_dropout(i)) apply_dropout(i, matrix(buffers_[i].y, i), matrix(buffers_[i].after_dropout, i));
  }
  const Result result = loss_of(matrix(buffers_.back().y, layers - 1), labels, targets);
  for (size_t i = layers; i-- > 0;) {
    const Matrix dx = i == 0 ? Matrix() : matrix(buffers_[i - 1].dy, i - 1);
    backward(i, input(i), dx);
    if (i > 0 && has_dropout(i - 1)) apply_dropout(i - 1, dx, dx);
  }
  ++steps_;
  for (size_t i = 0; i < layers; ++i) {
    DenseLayer &layer = network_.layers[i];
    Buffers &b = buffers_[i];
    State *state = state_.data() + 4 * i;
    if (!updates_in_backward()) update(layer.w, b.dw, state[0], optimizer_.weight_decay);
    if (!layer.bias.empty()) update(layer.bias, b.dbias, state[1], 0);
    if (!layer.batch_norm) continue;
    update(layer.batch_norm->gamma, b.dgamma, state[2], 0);
    update(layer.batch_norm->beta, b.dbeta, state[3], 0);
  }
  return result;
}

// Each layer and step has its own random numbers, so the backward pass drops what the forward pass did.
void TrainingStep::apply_dropout(size_t i, ConstMatrix x, Matrix y) const {
  const auto layers = static_cast<int64_t>(buffers_.size());
  const auto stream = static_cast<uint64_t>(steps_ * layers + static_cast<int64_t>(i));
  context_.dropout({objective_.dropout, objective_.dropout_seed, stream, 0}, x, y);
}

// The loss of a batch, and its gradient with respect to the outputs.
TrainingStep::Result TrainingStep::loss_of(Matrix outputs, const int32_t *labels, const float *targets) {
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
    result.loss = context_.softmax_cross_entropy(outputs, {labels, outputs.rows}, gradient, weights);
    break;
  case Objective::binary:
    for (size_t i = 0; i < m; ++i) {
      const float logit = outputs.data[i];
      targets_[i] = static_cast<float>(labels[i]);
      result.correct += labels[i] == 1 ? logit > 0 : logit <= 0;
    }
    result.loss = context_.elementwise_loss({LF_LOGISTIC_CROSS_ENTROPY}, outputs, {targets_.data(), outputs.rows, 1},
                                            gradient, weights);
    break;
  case Objective::regression:
    result.loss =
        context_.elementwise_loss(objective_.loss, outputs, {targets, outputs.rows, outputs.columns}, gradient);
    break;
  }
  return result;
}

void TrainingStep::visit(const Network::Visit &visit) {
  auto state = state_.begin();
  for (size_t i = 0; i < buffers_.size(); ++i)
    for (const char *array : {"w", "bias", "gamma", "beta"}) {
      const std::string name = network_.prefix(i) + array;
      const auto offer = [&](const char *kind, std::vector<float> &values) {
        if (values.empty()) return;
        const DenseLayer &layer = network_.layers[i];
        const bool matrix = array == std::string_view("w");
        visit(name + kind,
              matrix ? std::vector<int64_t>{layer.inputs, layer.outputs} : std::vector<int64_t>{layer.outputs}, values);
      };
      offer(".m", state->m);
      offer(".v", state->v);
      ++state;
    }
}

void TrainingStep::forward(size_t i, ConstMatrix x) {
  DenseLayer &layer = network_.layers[i];
  Buffers &b = buffers_[i];
  const Matrix y(b.y.data(), x.rows, layer.outputs), z(b.z.data(), x.rows, layer.outputs);
  context_.dense_forward(x, layer.view(), y, needs_z(layer) ? z : Matrix(), LF_TRAINING);
}

void TrainingStep::backward(size_t i, ConstMatrix x, Matrix dx) {
  DenseLayer &layer = network_.layers[i];
  Buffers &b = buffers_[i];
  const auto matrix = [&](std::vector<float> &values) { return Matrix(values.data(), x.rows, layer.outputs); };
  GradientView gradients;
  gradients.dx = dx;
  if (layer.batch_norm) gradients.dgamma = b.dgamma, gradients.dbeta = b.dbeta;
  else gradients.dbias = b.dbias;
  const ForwardPass forward{x, needs_z(layer) ? matrix(b.z) : Matrix(), matrix(b.y)};
  if (updates_in_backward()) {
    context_.dense_backward_and_update(forward, layer, matrix(b.dy), gradients, optimizer_.learning_rate);
  } else {
    gradients.dw = {b.dw.data(), layer.inputs, layer.outputs};
    context_.dense_backward(forward, layer, matrix(b.dy), gradients);
  }
}

void TrainingStep::update(std::vector<float> &parameters, const std::vector<float> &gradient, State &state,
                          float weight_decay) {
  const UpdateRule rule{optimizer_.kind,     optimizer_.learning_rate, weight_decay,
                        optimizer_.momentum, optimizer_.beta2,         optimizer_.eps};
  context_.optimizer_step(rule, parameters, gradient, state.m, state.v, steps_);
}

} // namespace lanefold::trainer
