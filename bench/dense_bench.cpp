// Dense layers with BN and ELU: forward in training as a bare product, as three calls and as one; backward as one; and
// inference with BN folded into packed weights.
#include "reference.hpp"
#include "suites.hpp"

#include <cmath>

namespace lanefold::bench {
namespace {

enum class How { bare, unfused, fused };

// One layer's buffers and parameters, and the calls on it.
struct Layer {
  Layer(const Shape &shape, const Context &with)
      : context(with), m(shape.m), n(shape.n), k(shape.k), x(random_floats(m * k, 1)),
        w(random_floats(k * n, 2, -range(), range())), gamma(random_floats(n, 3, 0.5f, 1.5f)),
        beta(random_floats(n, 4)), running_mean(random_floats(n, 5)), running_var(random_floats(n, 6, 1, 2)),
        mean(gamma.size()), inv_std(mean), z(static_cast<size_t>(m * n)), y(z) {
    norm.eps = 1e-3f, norm.momentum = 0.9f;
    norm.gamma = gamma.data(), norm.beta = beta.data();
    norm.running_mean = running_mean.data(), norm.running_var = running_var.data();
    norm.mean = mean.data(), norm.inv_std = inv_std.data();
  }
  Layer(const Layer &) = delete;

  float range() const { return std::sqrt(6 / static_cast<float>(k)); } // He et al. 2015
  double product_flops() const { return 2.0 * static_cast<double>(m * n * k); }

  void bare() {
    auto a = args<lf_sgemm_args>();
    a.m = m, a.n = n, a.k = k, a.alpha = 1;
    a.a = x.data(), a.lda = k, a.b = w.data(), a.ldb = n, a.c = z.data(), a.ldc = n;
    context.sgemm(a);
  }
  void unfused() {
    bare();
    auto b = args<lf_batch_norm_forward_args>();
    b.flags = LF_TRAINING;
    b.m = m, b.n = n, b.batch_norm = &norm;
    b.x = z.data(), b.ldx = n, b.y = y.data(), b.ldy = n;
    context.batch_norm_forward(b);
    auto c = args<lf_activation_forward_args>();
    c.m = m, c.n = n, c.activation = LF_ELU, c.alpha = 1;
    c.x = c.y = y.data(), c.ldx = c.ldy = n;
    context.activation_forward(c);
  }
  void fused() {
    auto a = args<lf_dense_forward_args>();
    a.flags = LF_TRAINING;
    a.m = m, a.n = n, a.k = k;
    a.x = x.data(), a.ldx = k, a.w = w.data(), a.ldw = n;
    a.batch_norm = &norm, a.activation = LF_ELU, a.alpha = 1;
    a.z = z.data(), a.ldz = n, a.y = y.data(), a.ldy = n;
    context.dense_forward(a);
  }

  Norm reference() const {
    return {norm.eps, widened(gamma), widened(beta), widened(running_mean), widened(running_var)};
  }
  Doubles expected_z() const { return product(widened(x), false, widened(w), false, m, n, k); }
  Doubles expected_y(bool training) const {
    Doubles y = reference().forward(expected_z(), training);
    for (double &value : y) value = activate(LF_ELU, 1, value);
    return y;
  }

  const Context &context;
  int64_t m, n, k;
  Floats x, w, gamma, beta, running_mean, running_var, mean, inv_std, z, y;
  lf_batch_norm norm = args<lf_batch_norm>();
};

class Forward : public Case {
public:
  Forward(const Context &context, const Shape &shape, How how) : layer_(shape, context), how_(how) {
    flops = layer_.product_flops();
  }
  void run() override {
    if (how_ == How::bare) layer_.bare();
    else if (how_ == How::unfused) layer_.unfused();
    else layer_.fused();
  }
  std::string fault() const override {
    std::string fault = compare("z", layer_.z, layer_.expected_z(), layer_.k + 1);
    // The chain over k, the one over m in the statistics, and the functions after them.
    if (fault.empty() && how_ != How::bare)
      fault = compare("y", layer_.y, layer_.expected_y(true), layer_.k + layer_.m + 8);
    return fault;
  }

private:
  Layer layer_;
  How how_;
};

class Backward : public Case {
public:
  Backward(const Context &context, const Shape &shape)
      : layer_(shape, context), dy_(random_floats(shape.m * shape.n, 7)), dw_(layer_.w.size()), dx_(layer_.x.size()),
        dgamma_(layer_.gamma.size()), dbeta_(dgamma_) {
    layer_.fused();
    const int64_t n = layer_.n, k = layer_.k;
    args_.m = layer_.m, args_.n = n, args_.k = k;
    args_.x = layer_.x.data(), args_.ldx = k, args_.w = layer_.w.data(), args_.ldw = n;
    args_.batch_norm = &layer_.norm, args_.activation = LF_ELU, args_.alpha = 1;
    args_.z = layer_.z.data(), args_.ldz = n, args_.y = layer_.y.data(), args_.ldy = n;
    args_.dy = dy_.data(), args_.lddy = n, args_.dw = dw_.data(), args_.lddw = n;
    args_.dx = dx_.data(), args_.lddx = k, args_.dgamma = dgamma_.data(), args_.dbeta = dbeta_.data();
    flops = 2 * layer_.product_flops();
  }
  void run() override { layer_.context.dense_backward(args_); }
  // From the z and y that the forward call left: their own errors are the forward case's.
  std::string fault() const override {
    const int64_t m = layer_.m, n = layer_.n, k = layer_.k, terms = 2 * m + n + 8;
    Norm norm = layer_.reference();
    const Doubles z = widened(layer_.z);
    norm.forward(z, true);
    Doubles dt = widened(dy_), dgamma, dbeta;
    for (size_t i = 0; i < dt.size(); ++i) dt[i] *= slope(LF_ELU, 1, layer_.y[i]);
    const Doubles dz = norm.backward(z, dt, dgamma, dbeta);
    std::string fault = compare("dw", dw_, product(widened(layer_.x), true, dz, false, k, n, m), terms);
    if (fault.empty()) fault = compare("dx", dx_, product(dz, false, widened(layer_.w), true, m, k, n), terms);
    if (fault.empty()) fault = compare("dgamma", dgamma_, dgamma, terms);
    return fault.empty() ? compare("dbeta", dbeta_, dbeta, terms) : fault;
  }

private:
  Layer layer_;
  Floats dy_, dw_, dx_, dgamma_, dbeta_;
  lf_dense_backward_args args_ = args<lf_dense_backward_args>();
};

class Folded : public Case {
public:
  Folded(const Context &context, const Shape &shape)
      : layer_(shape, context), bias_(layer_.gamma.size()), packed_(pack()) {
    args_.m = layer_.m, args_.n = layer_.n, args_.k = layer_.k;
    args_.x = layer_.x.data(), args_.ldx = layer_.k, args_.bias = bias_.data();
    args_.activation = LF_ELU, args_.alpha = 1;
    args_.y = layer_.y.data(), args_.ldy = layer_.n;
    flops = layer_.product_flops();
  }
  void run() override { layer_.context.dense_infer(args_, packed_); }
  std::string fault() const override { return compare("y", layer_.y, layer_.expected_y(false), layer_.k + 8); }

private:
  PackedWeights pack() {
    Floats w(layer_.w.size());
    auto fold = args<lf_fold_batch_norm_args>();
    fold.k = layer_.k, fold.n = layer_.n, fold.batch_norm = &layer_.norm;
    fold.w = layer_.w.data(), fold.ldw = layer_.n, fold.folded_w = w.data(), fold.ldf = layer_.n;
    fold.folded_bias = bias_.data();
    layer_.context.fold_batch_norm(fold);
    auto pack = args<lf_pack_weights_args>();
    pack.n = layer_.n, pack.k = layer_.k, pack.w = w.data(), pack.ldw = layer_.n;
    return layer_.context.pack_weights(pack);
  }

  Layer layer_;
  Floats bias_;
  PackedWeights packed_;
  lf_dense_infer_args args_ = args<lf_dense_infer_args>();
};

} // namespace

void add_dense(const std::vector<Subject> &subjects) {
  for (const Shape &shape : reference_layers) {
    for (const auto &[name, how] : {std::pair{"bare", How::bare}, {"unfused", How::unfused}, {"fused", How::fused}})
      for (const Subject &subject : subjects)
        add_case<Forward>(std::string("dense/forward_") + name, subject, sizes(shape), shape, how);
    for (const Subject &subject : subjects) add_case<Backward>("dense/backward", subject, sizes(shape), shape);
    for (const int64_t batch : {1, 16, 200, 1000})
      for (const Subject &subject : subjects) {
        const Shape samples{batch, shape.n, shape.k};
        add_case<Folded>("dense/infer_folded", subject, sizes(samples), samples);
      }
  }
}

} // namespace lanefold::bench
