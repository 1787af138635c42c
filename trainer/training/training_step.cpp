// Each layer takes one forward call and one backward call of the library.  Plain SGD updates the weights within the
// backward call.
#include "trainer/training/training_step.hpp"

#include <utility>

namespace lanefold::trainer {

TrainingStep::TrainingStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size,
                           Objective objective)
    : Step(context, network, optimizer, batch_size, std::move(objective), !updates_in_backward(optimizer)) {}

Step::Result TrainingStep::run(const Batch &batch, int64_t, bool stops) {
  Result result = run(batch);
  result.stops = stops;
  return result;
}

Step::Result TrainingStep::run(const float *x, const int32_t *labels, int64_t m, const float *targets) {
  const ConstMatrix features = features_of(x, m);
  const size_t layers = buffers_.size();
  for (size_t i = 0; i < layers; ++i) {
    forward(i, input_of(i, features));
    if (has_dropout(i)) apply_dropout(i, matrix(buffers_[i].y, i, m), matrix(buffers_[i].after_dropout, i, m), 0);
  }
  const Result result = loss_of(matrix(buffers_.back().y, layers - 1, m), labels, targets, m);
  for (size_t i = layers; i-- > 0;) {
    const Matrix dx = i == 0 ? Matrix() : matrix(buffers_[i - 1].dy, i - 1, m);
    backward(i, input_of(i, features), dx);
    if (i > 0 && has_dropout(i - 1)) apply_dropout(i - 1, dx, dx, 0);
  }
  ++steps_;
  for (size_t i = 0; i < layers; ++i) {
    std::vector<float> &w = network_.layers[i].w;
    if (!updates_in_backward()) update(i, 0, w, buffers_[i].dw.data(), 0, w.size());
    update_vectors(i);
  }
  return result;
}

void TrainingStep::forward(size_t i, ConstMatrix x) {
  DenseLayer &layer = network_.layers[i];
  Buffers &b = buffers_[i];
  context_.dense_forward(x, layer.view(), matrix(b.y, i, x.rows), needs_z(layer) ? matrix(b.z, i, x.rows) : Matrix(),
                         LF_TRAINING);
}

void TrainingStep::backward(size_t i, ConstMatrix x, Matrix dx) {
  DenseLayer &layer = network_.layers[i];
  Buffers &b = buffers_[i];
  GradientView gradients;
  gradients.dx = dx;
  if (layer.batch_norm) gradients.dgamma = b.dgamma, gradients.dbeta = b.dbeta;
  else gradients.dbias = b.dbias;
  const ForwardPass forward{x, needs_z(layer) ? matrix(b.z, i, x.rows) : Matrix(), matrix(b.y, i, x.rows)};
  if (updates_in_backward()) {
    context_.dense_backward_and_update(forward, layer, matrix(b.dy, i, x.rows), gradients, optimizer_.learning_rate);
  } else {
    gradients.dw = {b.dw.data(), layer.inputs, layer.outputs};
    context_.dense_backward(forward, layer, matrix(b.dy, i, x.rows), gradients);
  }
}

} // namespace lanefold::trainer
