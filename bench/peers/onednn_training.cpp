// All gradients are linear in that of the loss, so this multiplies it by minus the learning rate.  The update is then a
// sum, which oneDNN has as a primitive.
#include "onednn_training.hpp"

#include "kernels.hpp"

#include <lanefold/activation.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace lanefold::bench::onednn {
namespace {

struct Layer {
  int64_t n, k;
  int32_t activation;
  Array x, w, z, y, dy, dw;                         // z: the matrix product, if BN follows
  Array bias, dbias;                                // without BN
  Array gamma, beta, dgamma, dbeta, mean, variance; // with BN
  Floats running_mean, running_variance;
};

class Composition : public TrainingStep {
public:
  Composition(std::shared_ptr<const Engine> engine, const TrainingProblem &problem, Weights weights)
      : engine_(std::move(engine)), batch_norm_(problem.batch_norm), eps_(problem.eps),
        learning_rate_(problem.learning_rate), m_(problem.m), labels_(problem.labels), weights_(weights) {
    Array x = engine_->array(engine_->rows(m_, problem.layers.front().k), problem.x);
    std::vector<std::vector<Call>> backward;
    for (const Dense &dense : problem.layers) {
      Layer layer{dense.n, dense.k, dense.activation, x, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
      backward.push_back(add(layer, dense, layers_.empty() ? Array{} : layers_.back().dy));
      x = layer.y;
      layers_.push_back(std::move(layer));
    }
    for (auto calls = backward.rbegin(); calls != backward.rend(); ++calls)
      backward_.insert(backward_.end(), calls->begin(), calls->end());
  }

  float run() override {
    engine_->run(forward_);
    const float loss = cross_entropy();
    engine_->run(backward_);
    constexpr float momentum = 0.9f;
    for (Layer &layer : layers_)
      for (size_t i = 0; i < layer.running_mean.size(); ++i) {
        layer.running_mean[i] = momentum * layer.running_mean[i] + (1 - momentum) * layer.mean.data[i];
        layer.running_variance[i] = momentum * layer.running_variance[i] + (1 - momentum) * layer.variance.data[i];
      }
    return loss;
  }

private:
  Array zeros(int64_t n) const { return engine_->array(engine_->vector(n)); }
  void add_forward(std::vector<Call> calls) { forward_.insert(forward_.end(), calls.begin(), calls.end()); }

  // Makes the arrays and the forward calls of a layer.  Returns its backward calls, which end with the update.
  std::vector<Call> add(Layer &layer, const Dense &dense, const Array &dx) {
    const Layout to = engine_->rows(m_, layer.n), columns = engine_->vector(layer.n);
    const Layout biases = batch_norm_ ? Layout{} : columns;
    const Layout given = engine_->columns(layer.n, layer.k);
    const Layout wanted = layout_of(*engine_, layer.n, layer.k, weights_);
    layer.y = engine_->array(to), layer.dy = engine_->array(to);
    layer.z = batch_norm_ ? engine_->array(to) : layer.y;
    const Primitive product = engine_->inner_product(Pass::training, layer.x.layout, wanted, biases, to,
                                                     batch_norm_ ? LF_IDENTITY : layer.activation);
    layer.w = engine_->array(engine_->chosen(product, weights_layout));
    engine_->run({reordered(engine_->array(given, dense.w.data()), layer.w)});
    if (!batch_norm_) {
      layer.bias = zeros(layer.n), layer.dbias = zeros(layer.n);
      std::copy(dense.bias.begin(), dense.bias.end(), layer.bias.data);
    }
    add_forward({engine_->call(product, {{src, layer.x}, {weights, layer.w}, {bias, layer.bias}, {dst, layer.z}})});

    std::vector<Call> backward;
    const Primitive activation =
        layer.activation == LF_IDENTITY ? Primitive{} : engine_->activation(Pass::training, layer.activation, to);
    if (activation.primitive)
      backward.push_back(engine_->call(engine_->activation_gradient(layer.activation, to, activation),
                                       {{dst, layer.y}, {diff_dst, layer.dy}, {diff_src, layer.dy}}));
    if (batch_norm_) backward.push_back(add_norm(layer));
    if (batch_norm_ && activation.primitive) add_forward({engine_->call(activation, {{src, layer.y}, {dst, layer.y}})});
    add_products(backward, layer, wanted, product, dx);
    return backward;
  }

  // Adds the forward call of BN and returns its backward call.
  Call add_norm(Layer &layer) {
    for (Array *array : {&layer.gamma, &layer.beta, &layer.dgamma, &layer.dbeta, &layer.mean, &layer.variance})
      *array = zeros(layer.n);
    std::fill_n(layer.gamma.data, layer.n, 1.0f);
    layer.running_mean.assign(static_cast<size_t>(layer.n), 0);
    layer.running_variance.assign(static_cast<size_t>(layer.n), 1);
    const Layout pixels = engine_->images(m_, layer.n, Images::one);
    const Array z = engine_->array(pixels, layer.z.data), y = engine_->array(pixels, layer.y.data);
    const Array dy = engine_->array(pixels, layer.dy.data);
    const Primitive norm = engine_->batch_norm(Pass::training, pixels, eps_);
    add_forward({engine_->call(norm, {{src, z},
                                      {mean, layer.mean},
                                      {variance, layer.variance},
                                      {scale, layer.gamma},
                                      {shift, layer.beta},
                                      {dst, y}})});
    return engine_->call(engine_->batch_norm_gradient(pixels, eps_, norm),
                         {{src, z},
                          {mean, layer.mean},
                          {variance, layer.variance},
                          {scale, layer.gamma},
                          {shift, engine_->read_by_gradient(layer.beta)},
                          {diff_dst, dy},
                          {diff_src, dy},
                          {diff_scale, layer.dgamma},
                          {diff_shift, layer.dbeta}});
  }

  // Adds dw, then dx from the weights before the update, then the update.
  void add_products(std::vector<Call> &backward, Layer &layer, const Layout &wanted, const Primitive &forward,
                    const Array &dx) const {
    const Primitive by_weights = engine_->inner_product_weights(
        layer.x.layout, wanted, batch_norm_ ? Layout{} : engine_->vector(layer.n), layer.dy.layout, forward);
    layer.dw = engine_->array(engine_->chosen(by_weights, diff_weights_layout));
    backward.push_back(engine_->call(
        by_weights, {{src, layer.x}, {diff_dst, layer.dy}, {diff_weights, layer.dw}, {diff_bias, layer.dbias}}));
    if (dx.memory) {
      const Primitive by_data = engine_->inner_product_data(dx.layout, wanted, layer.dy.layout, forward);
      const Array w = in_layout(engine_->chosen(by_data, weights_layout), layer.w, backward);
      backward.push_back(engine_->call(by_data, {{diff_dst, layer.dy}, {weights, w}, {diff_src, dx}}));
    }
    const Array dw = in_layout(layer.w.layout, layer.dw, backward);
    for (const auto &[values, steps] : {std::pair{layer.w, dw}, std::pair{layer.bias, layer.dbias},
                                        std::pair{layer.gamma, layer.dgamma}, std::pair{layer.beta, layer.dbeta}})
      if (values.memory) backward.push_back(add_in_place(values, steps));
  }

  // values += steps.  Both have the same layout, so this adds them as flat vectors, which oneDNN does faster than blocks.
  Call add_in_place(const Array &values, const Array &steps) const {
    const Layout flat = engine_->vector(engine_->size(values.layout));
    const Array to = engine_->array(flat, values.data);
    return engine_->call(engine_->sum(flat), {{src, to}, {src_1, engine_->array(flat, steps.data)}, {dst, to}});
  }

  Call reordered(const Array &from, const Array &to) const {
    return engine_->call(engine_->reorder(from.layout, to.layout), {{src, from}, {dst, to}});
  }

  // The array in this layout: the array itself if it has the layout, else a copy that the calls refresh each time.
  Array in_layout(const Layout &layout, const Array &array, std::vector<Call> &calls) const {
    if (engine_->same(layout, array.layout)) return array;
    const Array copy = engine_->array(layout);
    calls.push_back(reordered(array, copy));
    return copy;
  }

  // Returns the mean loss of the batch and writes dy of the last layer.
  float cross_entropy() {
    const Layer &last = layers_.back();
    const int64_t n = last.n;
    const float share = learning_rate_ / static_cast<float>(m_);
    float loss = 0;
    for (int64_t i = 0; i < m_; ++i) {
      const float *row = last.y.data + i * n;
      float *gradient = last.dy.data + i * n, sum = 0;
      const float largest = *std::max_element(row, row + n);
      for (int64_t j = 0; j < n; ++j) sum += gradient[j] = std::exp(row[j] - largest);
      for (int64_t j = 0; j < n; ++j) gradient[j] *= -share / sum;
      gradient[labels_[i]] += share;
      loss += std::log(sum) + largest - row[labels_[i]];
    }
    return loss / static_cast<float>(m_);
  }

  const std::shared_ptr<const Engine> engine_;
  const bool batch_norm_;
  const float eps_, learning_rate_;
  const int64_t m_;
  const int32_t *const labels_;
  const Weights weights_;
  std::vector<Layer> layers_;
  std::vector<Call> forward_, backward_;
};

} // namespace

Layout layout_of(const Engine &engine, int64_t n, int64_t k, Weights weights) {
  return weights == Weights::as_given     ? engine.columns(n, k)
         : weights == Weights::transposed ? engine.rows(n, k)
                                          : engine.any(n, k);
}

std::shared_ptr<TrainingStep> make_training_step(const std::shared_ptr<const Engine> &engine,
                                                 const TrainingProblem &problem, Weights weights) {
  return std::make_shared<Composition>(engine, problem, weights);
}

} // namespace lanefold::bench::onednn
