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

  const lf_batch_norm *norm() {
    bn.gamma = gamma.data(), bn.beta = beta.data();
    bn.running_mean = running_mean.data(), bn.running_var = running_var.data();
    bn.mean = mean.data(), bn.inv_std = inv_std.data();
    return &bn;
  }

  void forward(const Context &context, uint32_t flags, const lf_packed_weights *packed = nullptr) {
    auto a = args<lf_dense_forward_args>();
    a.flags = flags;
    a.m = x.rows(), a.n = w.columns(), a.k = x.columns();
    a.x = x.data(), a.ldx = x.stride(), a.w = w.data(), a.ldw = w.stride();
    a.bias = with_bias ? bias.data() : nullptr;
    a.batch_norm = with_norm ? norm() : nullptr;
    a.activation = activation, a.alpha = alpha;
    a.z = z.data(), a.ldz = z.stride(), a.y = y.data(), a.ldy = y.stride();
    a.packed = packed;
    context.dense_forward(a);
  }

  // The forward pass without normalization, on packed w.
  void infer(const Context &context, const PackedWeights &packed) {
    auto a = args<lf_dense_infer_args>();
    a.m = x.rows(), a.n = w.columns(), a.k = x.columns();
    a.x = x.data(), a.ldx = x.stride();
    a.bias = with_bias ? bias.data() : nullptr;
    a.activation = activation, a.alpha = alpha;
    a.y = y.data(), a.ldy = y.stride();
    context.dense_infer(a, packed);
  }
};

inline std::ostream &operator<<(std::ostream &out, const Layer &layer) {
  return out << "m " << layer.x.rows() << ", n " << layer.w.columns() << ", k " << layer.x.columns() << ", activation "
             << layer.activation << (layer.with_bias ? ", bias" : "");
}

// w: k x n, or n x k where it holds the transpose.
inline PackedWeights pack(const Context &context, const PaddedMatrix &w, bool transposed) {
  auto a = args<lf_pack_weights_args>();
  a.flags = transposed ? LF_TRANSPOSE_B : 0;
  a.n = transposed ? w.rows() : w.columns(), a.k = transposed ? w.columns() : w.rows();
  a.w = w.data(), a.ldw = w.stride();
  return context.pack_weights(a);
}

struct Gradients {
  PaddedMatrix dw, dbias, dx, dgamma, dbeta;
  Gradients(const Layer &layer, int64_t gap)
      : dw(layer.w.rows(), layer.w.columns(), gap), dbias(1, layer.w.columns()),
        dx(layer.x.rows(), layer.x.columns(), gap), dgamma(1, layer.w.columns()), dbeta(1, layer.w.columns()) {
    for (PaddedMatrix *m : {&dw, &dbias, &dx, &dgamma, &dbeta}) m->nan();
  }
};

// rate: unless 0, w descends with it in place of dw, or the packed weights do.
inline void backward(const Context &context, Layer &layer, const PaddedMatrix &dy, Gradients &g, float rate = 0,
                     lf_packed_weights *packed = nullptr) {
  auto a = args<lf_dense_backward_args>();
  a.m = layer.x.rows(), a.n = layer.w.columns(), a.k = layer.x.columns();
  a.x = layer.x.data(), a.ldx = layer.x.stride(), a.w = layer.w.data(), a.ldw = layer.w.stride();
  a.batch_norm = layer.with_norm ? layer.norm() : nullptr;
  a.activation = layer.activation, a.alpha = layer.alpha;
  a.z = layer.z.data(), a.ldz = layer.z.stride(), a.y = layer.y.data(), a.ldy = layer.y.stride();
  a.dy = dy.data(), a.lddy = dy.stride();
  a.packed = packed, a.learning_rate = rate;
  if (packed != nullptr) a.flags = LF_UPDATE_PACKED;
  else if (rate > 0) a.updated_w = layer.w.data();
  else a.dw = g.dw.data(), a.lddw = g.dw.stride();
  a.dbias = layer.with_bias ? g.dbias.data() : nullptr;
  a.dx = g.dx.data(), a.lddx = g.dx.stride();
  if (layer.with_norm) a.dgamma = g.dgamma.data(), a.dbeta = g.dbeta.data();
  context.dense_backward(a);
}

} // namespace lanefold::test
