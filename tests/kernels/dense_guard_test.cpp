// Training with every array next to an inaccessible page: the forward pass with z and y, the backward pass with all
// outputs, and weights that stay packed.  The values are those of the same calls on plain arrays.
#include "support/dense.hpp"
#include "support/guarded.hpp"

using namespace lanefold;
using namespace lanefold::test;

namespace {

constexpr int64_t ms[] = {1, 2, 5, 7, 8, 9, 13, 16, 17, 33, 70, 256, 257, 512, 513};
constexpr int64_t ns[] = {1, 3, 8, 10, 16, 17, 32, 33, 48, 63, 64, 65, 100, 130};
constexpr int64_t ks[] = {1, 2, 7, 16, 17, 64, 100, 129, 600, 1024, 1100};

void copy(const PaddedMatrix &from, Guarded &to) {
  to.fill([&](int64_t i, int64_t j) { return from(i, j); });
}

// The arrays of a layer and of its gradients, all guarded on the same side.
struct Fenced {
  Guarded x, w, bias, gamma, beta, running_mean, running_var, mean, inv_std, z, y, dy, dw, dx, dbias, dgamma, dbeta,
      updated;

  Fenced(const Layer &l, const PaddedMatrix &gradient, int64_t gap, Side side)
      : x(l.x.rows(), l.x.columns(), l.x.columns() + gap, side),
        w(l.w.rows(), l.w.columns(), l.w.columns() + gap, side), bias(row(l, side)), gamma(row(l, side)),
        beta(row(l, side)), running_mean(row(l, side)), running_var(row(l, side)), mean(row(l, side)),
        inv_std(row(l, side)), z(result(l, gap, side)), y(result(l, gap, side)), dy(result(l, gap, side)),
        dw(w.rows(), w.columns(), w.stride(), side), dx(x.rows(), x.columns(), x.stride(), side), dbias(row(l, side)),
        dgamma(row(l, side)), dbeta(row(l, side)), updated(w.rows(), w.columns(), w.stride(), side) {
    copy(l.x, x), copy(l.w, w), copy(l.bias, bias), copy(l.gamma, gamma), copy(l.beta, beta);
    copy(l.running_mean, running_mean), copy(l.running_var, running_var), copy(gradient, dy);
  }

  bool gaps_untouched() const {
    bool all = true;
    for (const Guarded *g : {&x, &w, &bias, &gamma, &beta, &running_mean, &running_var, &mean, &inv_std, &z, &y, &dy,
                             &dw, &dx, &dbias, &dgamma, &dbeta, &updated})
      all = all && g->gaps_untouched();
    return all;
  }

private:
  static Guarded row(const Layer &l, Side side) { return {1, l.w.columns(), l.w.columns(), side}; }
  static Guarded result(const Layer &l, int64_t gap, Side side) {
    return {l.x.rows(), l.w.columns(), l.w.columns() + gap, side};
  }
};

template <size_t Count> int64_t pick(Random &random, const int64_t (&sizes)[Count]) {
  return sizes[random.below(Count)];
}

} // namespace

TEST_CASE("training touches nothing beyond its arrays and its packed weights, whatever it updates") {
  const Context one = context(1), three = context(3);
  Random random(71);
  for (int round = 0; round < 300; ++round) {
    if (passed_over()) continue;
    const Context &context = random.below(3) ? one : three;
    const int64_t gap = random.below(2) * random.between(1, 9);
    Layer layer(pick(random, ms), pick(random, ns), pick(random, ks), random, 0);
    layer.with_bias = random.below(2), layer.with_norm = layer.x.rows() > 1 && random.below(4) != 0;
    layer.activation = static_cast<int32_t>(random.below(LF_ACTIVATION_COUNT));
    PaddedMatrix dy(layer.y.rows(), layer.y.columns());
    dy.random(random);
    const Side side = random.below(2) ? Side::begins : Side::ends;
    Fenced f(layer, dy, gap, side);
    lf_batch_norm bn = layer.bn;
    bn.gamma = f.gamma.data(), bn.beta = f.beta.data();
    bn.running_mean = f.running_mean.data(), bn.running_var = f.running_var.data();
    bn.mean = f.mean.data(), bn.inv_std = f.inv_std.data();
    CAPTURE(layer);
    CAPTURE(gap);
    const bool lives_packed = random.below(2), updates = lives_packed || random.below(2);
    const bool keeps_dw = !updates || random.below(2);
    const FaultNote note("round", round, layer, "gap", gap, side == Side::ends ? "ends" : "begins",
                         &context == &one ? "1 thread" : "3 threads", lives_packed ? "packed" : "rows",
                         updates ? "updates" : "", keeps_dw ? "dw" : "");
    std::unique_ptr<PackedWeights> packed;
    if (lives_packed) {
      auto a = args<lf_pack_weights_args>();
      a.n = f.w.columns(), a.k = f.w.rows(), a.w = f.w.data(), a.ldw = f.w.stride();
      packed = std::make_unique<PackedWeights>(context.pack_weights(a));
    }
    auto forward = args<lf_dense_forward_args>();
    forward.flags = LF_TRAINING;
    forward.m = f.x.rows(), forward.n = f.w.columns(), forward.k = f.x.columns();
    forward.x = f.x.data(), forward.ldx = f.x.stride(), forward.w = f.w.data(), forward.ldw = f.w.stride();
    forward.bias = layer.with_bias ? f.bias.data() : nullptr;
    forward.batch_norm = layer.with_norm ? &bn : nullptr;
    forward.activation = layer.activation, forward.alpha = layer.alpha;
    forward.z = f.z.data(), forward.ldz = f.z.stride(), forward.y = f.y.data(), forward.ldy = f.y.stride();
    forward.packed = packed ? packed->get() : nullptr;
    context.dense_forward(forward);

    auto backward = args<lf_dense_backward_args>();
    backward.m = forward.m, backward.n = forward.n, backward.k = forward.k;
    backward.x = f.x.data(), backward.ldx = f.x.stride(), backward.w = f.w.data(), backward.ldw = f.w.stride();
    backward.batch_norm = forward.batch_norm;
    backward.activation = layer.activation, backward.alpha = layer.alpha;
    backward.z = f.z.data(), backward.ldz = f.z.stride(), backward.y = f.y.data(), backward.ldy = f.y.stride();
    backward.dy = f.dy.data(), backward.lddy = f.dy.stride();
    if (keeps_dw) backward.dw = f.dw.data(), backward.lddw = f.dw.stride();
    if (updates) backward.learning_rate = 0.25f;
    if (updates && !lives_packed) backward.updated_w = f.w.data();
    if (lives_packed) backward.flags = LF_UPDATE_PACKED, backward.packed = packed->get();
    backward.dx = f.dx.data(), backward.lddx = f.dx.stride();
    backward.dbias = layer.with_bias ? f.dbias.data() : nullptr;
    if (layer.with_norm) backward.dgamma = f.dgamma.data(), backward.dbeta = f.dbeta.data();
    context.dense_backward(backward);
    if (lives_packed) {
      auto a = args<lf_unpack_weights_args>();
      a.n = forward.n, a.k = forward.k, a.w = f.updated.data(), a.ldw = f.updated.stride();
      context.unpack_weights(a, *packed);
    }

    // The same step on plain arrays.  The call keeps the gradient, and the test updates the weights.
    layer.forward(one, LF_TRAINING);
    Gradients g(layer, 0);
    test::backward(one, layer, dy, g);
    CHECK(differing(f.y, layer.y) == 0);
    CHECK(differing(f.z, layer.z) == 0);
    if (layer.with_norm) {
      CHECK(differing(f.mean, layer.mean) == 0);
      CHECK(differing(f.inv_std, layer.inv_std) == 0);
      CHECK(differing(f.running_mean, layer.running_mean) == 0);
      CHECK(differing(f.running_var, layer.running_var) == 0);
    }
    CHECK(differing(f.dx, g.dx) == 0);
    if (keeps_dw) CHECK(differing(f.dw, g.dw) == 0);
    if (updates) {
      PaddedMatrix after = layer.w;
      after.fill([&](int64_t i, int64_t j) { return std::fma(-0.25f, g.dw(i, j), layer.w(i, j)); });
      CHECK(differing(lives_packed ? f.updated : f.w, after) == 0);
    }
    if (layer.with_bias) CHECK(differing(f.dbias, g.dbias) == 0);
    if (layer.with_norm) CHECK(differing(f.dgamma, g.dgamma) == 0);
    if (layer.with_norm) CHECK(differing(f.dbeta, g.dbeta) == 0);
    CHECK(f.gaps_untouched());
  }
}

TEST_CASE("a network touches nothing beyond its batch and its result") {
  const Context one = context(1), three = context(3);
  Random random(72);
  for (int round = 0; round < 60; ++round) {
    const Context &context = round % 2 ? one : three;
    const int64_t widths[] = {pick(random, ks), pick(random, ns), pick(random, ns)};
    std::vector<PaddedMatrix> w, bias;
    std::vector<InferenceLayer> layers;
    for (int i = 0; i < 2; ++i) {
      w.emplace_back(widths[i], widths[i + 1]).random(random);
      bias.emplace_back(1, widths[i + 1]).random(random);
    }
    for (int i = 0; i < 2; ++i) layers.push_back({w[i], bias[i].vector(), {LF_ELU, 1}});
    const InferenceNetwork network = context.make_network(layers);
    const int64_t m = pick(random, ms);
    const Side side = random.below(2) ? Side::begins : Side::ends;
    Guarded x(m, widths[0], widths[0] + random.below(5), side), y(m, widths[2], widths[2] + random.below(5), side);
    x.random(random);
    const FaultNote note("network", widths[0], widths[1], widths[2], "batch", m);
    context.network_infer(x, network, y);
    PaddedMatrix plain_x(m, widths[0]), plain_y(m, widths[2]);
    plain_x.fill([&](int64_t i, int64_t j) { return x(i, j); });
    one.network_infer(plain_x, network, plain_y);
    CHECK(differing(y, plain_y) == 0);
    CHECK(y.gaps_untouched());
  }
}
