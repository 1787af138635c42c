// Each layer is one call forward and one backward; each array of parameters one call of the optimizer, but that plain
// descent of the weights is part of the backward call.
#include "trainer/training/training_step.hpp"

#include "trainer/network/inference.hpp"

namespace lanefold::trainer {

TrainingStep::TrainingStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size)
    : context_(context), network_(network), optimizer_(optimizer), buffers_(network.layers.size()),
      state_(4 * network.layers.size()) {
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const Layer &layer = network.layers[i];
    Buffers &b = buffers_[i];
    const auto n = static_cast<size_t>(layer.n);
    for (auto *matrix : {&b.z, &b.y, &b.dy}) matrix->resize(static_cast<size_t>(batch_size) * n);
    for (auto *vector : {&b.mean, &b.inv_std, &b.dbias, &b.dgamma, &b.dbeta}) vector->resize(n);
    if (!descends()) b.dw.resize(layer.w.size());
    const std::vector<float> *arrays[] = {&layer.w, &layer.bias, &layer.gamma, &layer.beta};
    for (size_t j = 0; j < 4; ++j) {
      State &state = state_[4 * i + j];
      if (optimizer.kind != LF_SGD) state.m.resize(arrays[j]->size());
      if (optimizer.kind == LF_ADAM) state.v.resize(arrays[j]->size());
    }
  }
}

TrainingStep::Result TrainingStep::run(const float *x, const int32_t *labels, int64_t m) {
  const int64_t n = network_.outputs();
  const auto input = [&](size_t layer) { return layer == 0 ? x : buffers_[layer - 1].y.data(); };
  const size_t layers = buffers_.size();
  for (size_t i = 0; i < layers; ++i) forward(i, input(i), m);
  const float *logits = buffers_.back().y.data();
  Result result{};
  result.correct = correct_predictions(context_, logits, m, n, labels, 1);
  result.loss = cross_entropy(context_, logits, m, n, labels, buffers_.back().dy.data());
  for (size_t i = layers; i-- > 0;) backward(i, input(i), i == 0 ? nullptr : buffers_[i - 1].dy.data(), m);
  ++steps_;
  for (size_t i = 0; i < layers; ++i) {
    Layer &layer = network_.layers[i];
    Buffers &b = buffers_[i];
    State *state = state_.data() + 4 * i;
    if (!descends()) update(layer.w, b.dw, state[0], optimizer_.weight_decay);
    if (!layer.bias.empty()) update(layer.bias, b.dbias, state[1], 0);
    if (layer.gamma.empty()) continue;
    update(layer.gamma, b.dgamma, state[2], 0);
    update(layer.beta, b.dbeta, state[3], 0);
  }
  return result;
}

void TrainingStep::visit(const Network::Visit &visit) {
  auto state = state_.begin();
  for (size_t i = 0; i < buffers_.size(); ++i)
    for (const char *array : {"w", "bias", "gamma", "beta"}) {
      const std::string name = "layers." + std::to_string(i) + "." + array;
      const auto offer = [&](const char *kind, std::vector<float> &values) {
        if (values.empty()) return;
        const Layer &layer = network_.layers[i];
        const bool matrix = array == std::string_view("w");
        visit(name + kind, matrix ? std::vector<int64_t>{layer.k, layer.n} : std::vector<int64_t>{layer.n}, values);
      };
      offer(".m", state->m);
      offer(".v", state->v);
      ++state;
    }
}

void TrainingStep::forward(size_t i, const float *x, int64_t m) {
  Layer &layer = network_.layers[i];
  const LayerDescription &description = network_.description.layers[i];
  Buffers &b = buffers_[i];
  lf_batch_norm bn{};
  auto a = args<lf_dense_forward_args>();
  a.flags = LF_TRAINING;
  a.m = m, a.n = layer.n, a.k = layer.k;
  a.x = x, a.ldx = layer.k, a.w = layer.w.data(), a.ldw = layer.n;
  if (description.batch_norm) {
    bn = network_.batch_norm(i, b.mean.data(), b.inv_std.data());
    a.batch_norm = &bn;
    a.z = b.z.data(), a.ldz = layer.n;
  } else {
    a.bias = layer.bias.data();
  }
  a.activation = description.activation, a.alpha = description.alpha;
  a.y = b.y.data(), a.ldy = layer.n;
  context_.dense_forward(a);
}

void TrainingStep::backward(size_t i, const float *x, float *dx, int64_t m) {
  Layer &layer = network_.layers[i];
  const LayerDescription &description = network_.description.layers[i];
  Buffers &b = buffers_[i];
  lf_batch_norm bn{};
  auto a = args<lf_dense_backward_args>();
  a.m = m, a.n = layer.n, a.k = layer.k;
  a.x = x, a.ldx = layer.k, a.w = layer.w.data(), a.ldw = layer.n;
  if (description.batch_norm) {
    bn = network_.batch_norm(i, b.mean.data(), b.inv_std.data());
    a.batch_norm = &bn;
    a.z = b.z.data(), a.ldz = layer.n;
    a.dgamma = b.dgamma.data(), a.dbeta = b.dbeta.data();
  } else {
    a.dbias = b.dbias.data();
  }
  a.activation = description.activation, a.alpha = description.alpha;
  a.y = b.y.data(), a.ldy = layer.n, a.dy = b.dy.data(), a.lddy = layer.n;
  if (descends()) a.updated_w = layer.w.data(), a.learning_rate = optimizer_.learning_rate;
  else a.dw = b.dw.data(), a.lddw = layer.n;
  a.dx = dx, a.lddx = layer.k;
  context_.dense_backward(a);
}

void TrainingStep::update(std::vector<float> &parameters, const std::vector<float> &gradient, State &state,
                          float weight_decay) {
  auto a = args<lf_optimizer_step_args>();
  a.optimizer = optimizer_.kind, a.weight_decay = weight_decay;
  a.n = static_cast<int64_t>(parameters.size());
  a.w = parameters.data(), a.g = gradient.data();
  a.m = state.m.empty() ? nullptr : state.m.data();
  a.v = state.v.empty() ? nullptr : state.v.data();
  a.learning_rate = optimizer_.learning_rate, a.momentum = optimizer_.momentum;
  a.beta2 = optimizer_.beta2, a.eps = optimizer_.eps, a.step = steps_;
  context_.optimizer_step(a);
}

} // namespace lanefold::trainer
