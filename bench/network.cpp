// The calls of a training step and of folded inference, and the same forward pass in double.
#include "network.hpp"

#include "suites/suites.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::bench {

Network::Network(const Context &context, Kind kind)
    : context_(context), kind_(kind), x_(random_floats(batch * inputs, 1, 0, 1)), labels_(batch) {
  for (size_t i = 0; i < labels_.size(); ++i) labels_[i] = static_cast<int32_t>(i * 7 % classes);
  for (const Shape &shape : reference_layers) {
    Layer &layer = layers_.emplace_back();
    layer.n = shape.n, layer.k = shape.k;
    layer.activation = shape.n == classes ? LF_IDENTITY : kind.activation;
    const float range = std::sqrt(6 / static_cast<float>(shape.k)); // He et al. 2015
    const Floats w = random_floats(shape.n * shape.k, static_cast<uint32_t>(shape.k), -range, range);
    auto pack = args<lf_pack_weights_args>();
    pack.n = layer.n, pack.k = layer.k, pack.w = w.data(), pack.ldw = layer.n;
    layer.packed = std::make_unique<PackedWeights>(context.pack_weights(pack));
    const Floats zeros(static_cast<size_t>(shape.n)), ones(zeros.size(), 1.0f);
    layer.bias = layer.beta = layer.running_mean = layer.mean = layer.dbias = layer.dgamma = layer.dbeta = zeros;
    layer.gamma = layer.running_var = layer.inv_std = ones;
    layer.z = layer.y = layer.dy = Floats(static_cast<size_t>(batch * shape.n));
  }
  for (Layer &layer : layers_) {
    layer.norm = args<lf_batch_norm>();
    layer.norm.eps = 1e-3f, layer.norm.momentum = 0.9f;
    layer.norm.gamma = layer.gamma.data(), layer.norm.beta = layer.beta.data();
    layer.norm.running_mean = layer.running_mean.data(), layer.norm.running_var = layer.running_var.data();
    layer.norm.mean = layer.mean.data(), layer.norm.inv_std = layer.inv_std.data();
  }
}

void Network::forward(Layer &layer, const float *x) {
  const bool bn = kind_.batch_norm;
  auto a = args<lf_dense_forward_args>();
  a.flags = LF_TRAINING;
  a.m = batch, a.n = layer.n, a.k = layer.k;
  a.x = x, a.ldx = layer.k, a.packed = layer.packed->get();
  a.bias = bn ? nullptr : layer.bias.data(), a.batch_norm = bn ? &layer.norm : nullptr;
  a.activation = layer.activation, a.alpha = 1;
  a.z = bn ? layer.z.data() : nullptr, a.ldz = layer.n, a.y = layer.y.data(), a.ldy = layer.n;
  context_.dense_forward(a);
}

void Network::backward(Layer &layer, const float *x, float *dx) {
  const bool bn = kind_.batch_norm;
  auto a = args<lf_dense_backward_args>();
  a.m = batch, a.n = layer.n, a.k = layer.k;
  a.flags = LF_UPDATE_PACKED;
  a.x = x, a.ldx = layer.k, a.packed = layer.packed->get();
  a.batch_norm = bn ? &layer.norm : nullptr, a.activation = layer.activation, a.alpha = 1;
  a.z = bn ? layer.z.data() : nullptr, a.ldz = layer.n, a.y = layer.y.data(), a.ldy = layer.n;
  a.dy = layer.dy.data(), a.lddy = layer.n, a.learning_rate = learning_rate;
  a.dbias = bn ? nullptr : layer.dbias.data(), a.dx = dx, a.lddx = layer.k;
  a.dgamma = bn ? layer.dgamma.data() : nullptr, a.dbeta = bn ? layer.dbeta.data() : nullptr;
  context_.dense_backward(a);
}

void Network::update(Floats &values, const Floats &gradient) {
  auto a = args<lf_optimizer_step_args>();
  a.optimizer = LF_SGD, a.learning_rate = learning_rate;
  a.n = static_cast<int64_t>(values.size()), a.w = values.data(), a.g = gradient.data();
  context_.optimizer_step(a);
}

void Network::step() {
  const auto input = [&](size_t i) { return i == 0 ? x_.data() : layers_[i - 1].y.data(); };
  for (size_t i = 0; i < layers_.size(); ++i) forward(layers_[i], input(i));
  auto a = args<lf_softmax_cross_entropy_args>();
  a.m = batch, a.n = classes, a.labels = labels_.data(), a.loss = &loss_;
  a.x = layers_.back().y.data(), a.ldx = classes, a.dx = layers_.back().dy.data(), a.lddx = classes;
  context_.softmax_cross_entropy(a);
  for (size_t i = layers_.size(); i-- > 0;) backward(layers_[i], input(i), i == 0 ? nullptr : layers_[i - 1].dy.data());
  for (Layer &layer : layers_) {
    if (kind_.batch_norm) update(layer.gamma, layer.dgamma);
    update(kind_.batch_norm ? layer.beta : layer.bias, kind_.batch_norm ? layer.dbeta : layer.dbias);
  }
}

Floats Network::weights(const Layer &layer) const {
  Floats w(static_cast<size_t>(layer.n * layer.k));
  auto a = args<lf_unpack_weights_args>();
  a.n = layer.n, a.k = layer.k, a.w = w.data(), a.ldw = layer.n;
  context_.unpack_weights(a, *layer.packed);
  return w;
}

Floats Network::state() const {
  Floats all = {loss_};
  for (const Layer &layer : layers_) {
    const Floats w = weights(layer);
    for (const Floats *part : {&w, &layer.bias, &layer.gamma, &layer.beta, &layer.running_mean, &layer.running_var})
      all.insert(all.end(), part->begin(), part->end());
  }
  return all;
}

Doubles Network::expected_logits(int64_t samples, bool training) const {
  Doubles x(x_.begin(), x_.begin() + samples * inputs);
  for (const Layer &layer : layers_) {
    Doubles t = product(x, false, widened(weights(layer)), false, samples, layer.n, layer.k);
    for (size_t i = 0; i < t.size(); ++i) t[i] += layer.bias[i % layer.bias.size()];
    Norm norm = {layer.norm.eps, widened(layer.gamma), widened(layer.beta), widened(layer.running_mean),
                 widened(layer.running_var)};
    if (kind_.batch_norm) t = norm.forward(t, training);
    for (double &value : t) value = activate(layer.activation, 1, value);
    x = t;
  }
  return x;
}

double Network::expected_loss() const {
  const Doubles logits = expected_logits(batch, true);
  double loss = 0;
  for (size_t i = 0; i < labels_.size(); ++i) {
    const double *row = &logits[i * classes], largest = *std::max_element(row, row + classes);
    double sum = 0;
    for (int64_t j = 0; j < classes; ++j) sum += std::exp(row[j] - largest);
    loss += (std::log(sum) + largest - row[labels_[i]]) / static_cast<double>(batch);
  }
  return loss;
}

std::vector<Dense> Network::folded_layers() const {
  std::vector<Dense> all;
  for (const Layer &from : layers_) {
    Dense &to = all.emplace_back(Dense{from.n, from.k, from.activation, weights(from), from.bias});
    if (!kind_.batch_norm) continue;
    const Floats w = to.w, bias = to.bias;
    auto a = args<lf_fold_batch_norm_args>();
    a.n = from.n, a.k = from.k, a.w = w.data(), a.ldw = from.n, a.bias = bias.data(), a.batch_norm = &from.norm;
    a.folded_w = to.w.data(), a.ldfolded_w = from.n, a.folded_bias = to.bias.data();
    context_.fold_batch_norm(a);
  }
  return all;
}

TrainingProblem Network::problem() const {
  TrainingProblem all{kind_.batch_norm, layers_[0].norm.eps, learning_rate, {}, batch, x_.data(), labels_.data()};
  for (const Layer &layer : layers_)
    all.layers.push_back({layer.n, layer.k, layer.activation, weights(layer), layer.bias});
  return all;
}

void Network::fold() {
  std::vector<lf_network_layer> layers;
  std::vector<Floats> unpacked;
  for (const Layer &from : layers_) {
    unpacked.push_back(weights(from));
    auto &to = layers.emplace_back(args<lf_network_layer>());
    to.n = from.n, to.k = from.k, to.w = unpacked.back().data(), to.ldw = from.n;
    to.bias = from.bias.data(), to.batch_norm = kind_.batch_norm ? &from.norm : nullptr;
    to.activation = from.activation, to.alpha = 1;
  }
  auto network = args<lf_network_args>();
  network.count = static_cast<int64_t>(layers.size()), network.layers = layers.data();
  folded_ = std::make_unique<InferenceNetwork>(context_.make_network(network));
}

void Network::infer(int64_t samples) {
  auto a = args<lf_network_infer_args>();
  a.m = samples, a.x = x_.data(), a.ldx = inputs;
  a.y = layers_.back().y.data(), a.ldy = classes;
  context_.network_infer(a, *folded_);
}

Floats Network::logits(int64_t samples) const {
  const Floats &y = layers_.back().y;
  return Floats(y.begin(), y.begin() + samples * classes);
}

void Network::clear_logits() { std::fill(layers_.back().y.begin(), layers_.back().y.end(), NAN); }

double Network::multiply_adds() const {
  double sum = 0;
  for (const Layer &layer : layers_) sum += static_cast<double>(layer.n * layer.k);
  return sum;
}

double Network::bytes(int64_t samples) const {
  double floats = multiply_adds() + static_cast<double>(samples * inputs);
  for (const Layer &layer : layers_) floats += static_cast<double>(samples * layer.n);
  return 4 * floats;
}

// Forward and dw of all layers, and dx of all but the first.
double Network::step_multiply_adds() const {
  return static_cast<double>(batch) * (3 * multiply_adds() - static_cast<double>(layers_[0].n * layers_[0].k));
}

} // namespace lanefold::bench
