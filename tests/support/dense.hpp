// What the tests of dense layers share: a layer with all its arrays, its gradients, and the calls on them.
#pragma once

#include "matrix.hpp"

#include <ostream>

namespace lanefold::test {

struct Layer {
  PaddedMatrix x, w, bias, gamma, beta, running_mean, running_var, mean, inv_std, z, y;
  lf_batch_norm bn = args<lf_batch_norm>();
  bool with_bias = false, with_norm = false;
  int32_t activation = LF_ELU;
  float alpha = 1.0f;

  Layer(int64_t m, int64_t n, int64_t k, Random &random, int64_t gap)
      : x(m, k, gap), w(k, n, gap, 3), bias(1, n), gamma(1, n), beta(1, n), running_mean(1, n), running_var(1, n),
        mean(1, n), inv_std(1, n), z(m, n, gap, 5), y(m, n, 2 * gap) {
    x.random(random, -1, 2);
    w.random(random);
    bias.random(random);
    gamma.random(random, 0.5f, 1.5f);
    beta.random(random);
    running_mean.random(random);
    running_var.random(random, 0.5f, 2.0f);
    mean.nan();
    inv_std.nan();
    z.nan();
    y.nan();
    bn.eps = 1e-3f, bn.momentum = 0.9f;
  }

  const lf_batch_norm &norm() {
    bn.gamma = gamma.data(), bn.beta = beta.data();
    bn.running_mean = running_mean.data(), bn.running_var = running_var.data();
    bn.mean = mean.data(), bn.inv_std = inv_std.data();
    return bn;
  }

  BatchNormView norm_view() { return {norm(), w.columns()}; }
  VectorView<float> optional_bias() { return with_bias ? bias.vector() : VectorView<float>(); }

  LayerView view(lf_packed_weights *packed = nullptr) {
    LayerView layer{w, optional_bias(), {}, {activation, alpha}, packed};
    if (with_norm) layer.batch_norm = norm_view();
    return layer;
  }

  void forward(const Context &context, uint32_t flags, lf_packed_weights *packed = nullptr) {
    context.dense_forward(x, view(packed), y, z, flags);
  }

  // The forward pass without normalization, on packed weights.
  void infer(const Context &context, const PackedWeights &packed) {
    context.dense_infer(x, packed, optional_bias(), {activation, alpha}, y);
  }
};

inline std::ostream &operator<<(std::ostream &out, const Layer &layer) {
  return out << "m " << layer.x.rows() << ", n " << layer.w.columns() << ", k " << layer.x.columns() << ", activation "
             << layer.activation << (layer.with_bias ? ", bias" : "");
}

// w is k x n, or n x k if it holds the transpose.
inline PackedWeights pack(const Context &context, const PaddedMatrix &w, bool transposed) {
  return context.pack_weights({w, transposed});
}

struct Gradients {
  PaddedMatrix dw, dbias, dx, dgamma, dbeta;
  Gradients(const Layer &layer, int64_t gap)
      : dw(layer.w.rows(), layer.w.columns(), gap), dbias(1, layer.w.columns()),
        dx(layer.x.rows(), layer.x.columns(), gap), dgamma(1, layer.w.columns()), dbeta(1, layer.w.columns()) {
    for (PaddedMatrix *m : {&dw, &dbias, &dx, &dgamma, &dbeta}) m->nan();
  }

  // The gradients that the layer has.
  GradientView view(const Layer &layer) {
    const auto wanted = [](PaddedMatrix &place, bool is) { return is ? place.vector() : VectorView<float>(); };
    return {dw, wanted(dbias, layer.with_bias), wanted(dgamma, layer.with_norm), wanted(dbeta, layer.with_norm), dx};
  }
};

// The backward pass.  A rate other than 0 updates w, or the packed weights, and dw is not written.
inline void backward(const Context &context, Layer &layer, const PaddedMatrix &dy, Gradients &g, float rate = 0,
                     lf_packed_weights *packed = nullptr) {
  const ForwardPass pass{layer.x, layer.z, layer.y};
  GradientView gradients = g.view(layer);
  if (rate == 0) return context.dense_backward(pass, layer.view(), dy, gradients);
  gradients.dw = {};
  context.dense_backward_and_update(pass, layer.view(packed), dy, gradients, rate);
}

} // namespace lanefold::test
