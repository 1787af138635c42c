// What batch normalization and activations cost beside the product they belong to: one layer, forward in training,
// backward, and in inference; as calls of their own, fused into the product's call, and folded into its weights.
#include "suites.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::bench {
namespace {

// What comes behind the product.
struct Extra {
  bool batch_norm;
  int32_t activation;
};

std::string name_of(const Extra &extra) {
  const std::string activation = extra.activation == LF_IDENTITY ? "" : activation_names[extra.activation];
  if (!extra.batch_norm) return activation;
  return activation.empty() ? "bn" : "bn_" + activation;
}

// One layer's memory, and the calls on it.
struct Layer {
  Layer(const Shape &shape, const Extra &what, std::shared_ptr<const Context> with)
      : s(shape), extra(what), context(std::move(with)), x(random_floats(s.m * s.k, 1)),
        w(random_floats(s.k * s.n, 2, -range(), range())), dy(random_floats(s.m * s.n, 7)), z(count(s.m * s.n)), y(z),
        bare(z), dw(w.size()), dx(x.size()), dz(what.batch_norm || what.activation != LF_IDENTITY ? z : Floats()),
        gamma(random_floats(s.n, 3, 0.5f, 1.5f)), beta(random_floats(s.n, 4)), running_mean(random_floats(s.n, 5)),
        running_var(random_floats(s.n, 6, 1, 2)), mean(gamma.size()), inv_std(mean), dgamma(mean), dbeta(mean) {
    norm.eps = 1e-3f, norm.momentum = 1; // the running statistics stay, for all runs to be alike
    norm.gamma = gamma.data(), norm.beta = beta.data();
    norm.running_mean = running_mean.data(), norm.running_var = running_var.data();
    norm.mean = mean.data(), norm.inv_std = inv_std.data();
  }
  Layer(const Layer &) = delete;

  static size_t count(int64_t n) { return static_cast<size_t>(n); }
  float range() const { return std::sqrt(6 / static_cast<float>(s.k)); } // He et al. 2015
  float alpha() const { return extra.activation == LF_LEAKY_RELU ? 0.01f : 1.0f; }
  Work work(double products) const {
    return {2 * products * product_of(s), 4 * products * static_cast<double>(s.m * s.k + s.k * s.n + s.m * s.n),
            static_cast<double>(s.m * s.n)};
  }

  void multiply(uint32_t flags, const Shape &of, const Floats &a, int64_t lda, const Floats &b, int64_t ldb,
                Floats &c) {
    auto call = args<lf_sgemm_args>();
    call.flags = flags, call.m = of.m, call.n = of.n, call.k = of.k, call.alpha = 1;
    call.a = a.data(), call.lda = lda, call.b = b.data(), call.ldb = ldb, call.c = c.data(), call.ldc = of.n;
    context->sgemm(call);
  }
  void normalize(bool training, const Floats &from) {
    auto call = args<lf_batch_norm_forward_args>();
    call.flags = training ? LF_TRAINING : 0;
    call.m = s.m, call.n = s.n, call.batch_norm = &norm;
    call.x = from.data(), call.ldx = s.n, call.y = y.data(), call.ldy = s.n;
    context->batch_norm_forward(call);
  }
  void activate_from(const Floats &from) {
    auto call = args<lf_activation_forward_args>();
    call.m = s.m, call.n = s.n, call.activation = extra.activation, call.alpha = alpha();
    call.x = from.data(), call.ldx = s.n, call.y = y.data(), call.ldy = s.n;
    context->activation_forward(call);
  }
  void unfused(bool training) {
    multiply(0, s, x, s.k, w, s.n, z);
    if (extra.batch_norm) normalize(training, z);
    if (extra.activation != LF_IDENTITY) activate_from(extra.batch_norm ? y : z);
  }
  void fused(bool training) {
    auto call = args<lf_dense_forward_args>();
    call.flags = training ? LF_TRAINING : 0;
    call.m = s.m, call.n = s.n, call.k = s.k;
    call.x = x.data(), call.ldx = s.k, call.w = w.data(), call.ldw = s.n;
    call.batch_norm = extra.batch_norm ? &norm : nullptr, call.activation = extra.activation, call.alpha = alpha();
    call.z = training && extra.batch_norm ? z.data() : nullptr, call.ldz = s.n;
    call.y = y.data(), call.ldy = s.n;
    context->dense_forward(call);
  }
  void backward_fused() {
    auto call = args<lf_dense_backward_args>();
    call.m = s.m, call.n = s.n, call.k = s.k;
    call.x = x.data(), call.ldx = s.k, call.w = w.data(), call.ldw = s.n;
    call.batch_norm = extra.batch_norm ? &norm : nullptr, call.activation = extra.activation, call.alpha = alpha();
    call.z = extra.batch_norm ? z.data() : nullptr, call.ldz = s.n, call.y = y.data(), call.ldy = s.n;
    call.dy = dy.data(), call.lddy = s.n, call.dw = dw.data(), call.lddw = s.n, call.dx = dx.data(), call.lddx = s.k;
    if (extra.batch_norm) call.dgamma = dgamma.data(), call.dbeta = dbeta.data();
    context->dense_backward(call);
  }
  void backward_products(const Floats &gradient) {
    multiply(LF_TRANSPOSE_A, {s.k, s.n, s.m}, x, s.k, gradient, s.n, dw);
    multiply(LF_TRANSPOSE_B, {s.m, s.k, s.n}, gradient, s.n, w, s.n, dx);
  }
  void backward_unfused() {
    auto slope = args<lf_activation_backward_args>();
    slope.m = s.m, slope.n = s.n, slope.activation = extra.activation, slope.alpha = alpha();
    slope.y = y.data(), slope.ldy = s.n, slope.dy = dy.data(), slope.lddy = s.n, slope.dx = dz.data(), slope.lddx = s.n;
    context->activation_backward(slope);
    if (extra.batch_norm) {
      auto call = args<lf_batch_norm_backward_args>();
      call.m = s.m, call.n = s.n, call.batch_norm = &norm;
      call.x = z.data(), call.ldx = s.n, call.dy = call.dx = dz.data(), call.lddy = call.lddx = s.n;
      call.dgamma = dgamma.data(), call.dbeta = dbeta.data();
      context->batch_norm_backward(call);
    }
    backward_products(dz);
  }
  void pack() {
    Floats folded = w;
    bias = beta;
    if (extra.batch_norm) {
      auto fold = args<lf_fold_batch_norm_args>();
      fold.k = s.k, fold.n = s.n, fold.batch_norm = &norm, fold.w = w.data(), fold.ldw = s.n;
      fold.folded_w = folded.data(), fold.ldfolded_w = s.n, fold.folded_bias = bias.data();
      context->fold_batch_norm(fold);
    }
    const auto packing = [&](const Floats &from) {
      auto call = args<lf_pack_weights_args>();
      call.n = s.n, call.k = s.k, call.w = from.data(), call.ldw = s.n;
      return context->pack_weights(call);
    };
    packed = packing(folded), plain_packed = packing(w);
  }
  void infer(const PackedWeights &weights, bool whole, Floats &to) {
    auto call = args<lf_dense_infer_args>();
    call.m = s.m, call.n = s.n, call.k = s.k, call.x = x.data(), call.ldx = s.k;
    call.bias = whole ? bias.data() : nullptr;
    call.activation = whole ? extra.activation : LF_IDENTITY, call.alpha = alpha();
    call.y = to.data(), call.ldy = s.n;
    context->dense_infer(call, weights);
  }

  Norm reference() const {
    return {norm.eps, widened(gamma), widened(beta), widened(running_mean), widened(running_var)};
  }
  // Of rows evenly over the batch: the whole product in double takes too long for large ones.
  std::string fault_of_product(const Floats &values) const {
    const int64_t step = std::max<int64_t>(1, s.m * s.n * s.k / 200'000'000);
    Floats found;
    Doubles rows;
    for (int64_t i = 0; i < s.m; i += step) {
      rows.insert(rows.end(), x.begin() + i * s.k, x.begin() + (i + 1) * s.k);
      found.insert(found.end(), values.begin() + i * s.n, values.begin() + (i + 1) * s.n);
    }
    const auto m = static_cast<int64_t>(rows.size()) / s.k;
    return compare("z", found, product(rows, false, widened(w), false, m, s.n, s.k), s.k + 1);
  }
  // What belongs behind the product `from`.
  Doubles behind(const Doubles &from, bool training) const {
    Doubles all = extra.batch_norm ? reference().forward(from, training) : from;
    for (double &value : all) value = activate(extra.activation, alpha(), value);
    return all;
  }
  // z was checked with the product alone: the same bits here.
  std::string fault_forward(bool training) const {
    return compare("y", y, behind(widened(bare), training), s.k + s.m + 8);
  }
  std::string fault_folded() const {
    Doubles from = widened(bare);
    if (!extra.batch_norm)
      for (size_t i = 0; i < from.size(); ++i) from[i] += bias[i % bias.size()];
    return compare("y", y, behind(from, false), s.k + 8);
  }
  std::string fault_backward() const {
    const int64_t terms = 2 * s.m + s.n + 8;
    Doubles dt = widened(dy), expected_dgamma, expected_dbeta;
    for (size_t i = 0; i < dt.size(); ++i) dt[i] *= slope(extra.activation, alpha(), y[i]);
    if (extra.batch_norm) {
      Norm of = reference();
      of.forward(widened(z), true);
      dt = of.backward(widened(z), Doubles(dt), expected_dgamma, expected_dbeta);
      std::string fault = compare("dgamma", dgamma, expected_dgamma, terms);
      if (fault.empty()) fault = compare("dbeta", dbeta, expected_dbeta, terms);
      if (!fault.empty()) return fault;
    }
    return fault_of_gradients(dt);
  }
  // dw and dx from the gradient of the product.
  std::string fault_of_gradients(const Doubles &dt) const {
    const int64_t terms = 2 * s.m + s.n + 8;
    const std::string fault = compare("dw", dw, product(widened(x), true, dt, false, s.k, s.n, s.m), terms);
    return fault.empty() ? compare("dx", dx, product(dt, false, widened(w), true, s.m, s.k, s.n), terms) : fault;
  }

  Shape s;
  Extra extra;
  std::shared_ptr<const Context> context;
  Floats x, w, dy, z, y, bare, dw, dx, dz, gamma, beta, running_mean, running_var, mean, inv_std, dgamma, dbeta, bias;
  lf_batch_norm norm = args<lf_batch_norm>();
  PackedWeights packed{nullptr}, plain_packed{nullptr};
};

enum class Way { training, backward, inference };
constexpr const char *way_names[] = {"forward", "backward", "infer"};

Field make_layer(const Setting &setting, const Shape &shape, const Extra &extra, Way way, bool with_unfused) {
  const auto layer = std::make_shared<Layer>(shape, extra, setting.context);
  Entrants entrants(setting, layer);
  const std::string size = sizes(shape), base = std::string("dense/") + way_names[static_cast<int>(way)] + "_";
  const std::string name = "_" + name_of(extra);
  if (way == Way::backward) {
    layer->fused(true);
    if (!extra.batch_norm) layer->unfused(true); // the product, for the slopes
    const Check check_backward =
        check({&layer->dw, &layer->dx, &layer->dgamma, &layer->dbeta}, [=] { return layer->fault_backward(); });
    entrants.add(
        "gemms", base + "bare", size, layer->work(2), [=] { layer->backward_products(layer->dy); },
        check({&layer->dw, &layer->dx}, [=] { return layer->fault_of_gradients(widened(layer->dy)); }));
    if (with_unfused)
      entrants.add(
          "unfused", base + "unfused" + name, size, layer->work(2), [=] { layer->backward_unfused(); }, check_backward);
    entrants.add(
        "fused", base + "fused" + name, size, layer->work(2), [=] { layer->backward_fused(); }, check_backward);
    return entrants.take();
  }
  const bool training = way == Way::training;
  const Check check_bare = check({&layer->bare}, [=] { return layer->fault_of_product(layer->bare); });
  entrants.add(
      "gemm", base + "bare", size, layer->work(1),
      [=] { layer->multiply(0, shape, layer->x, shape.k, layer->w, shape.n, layer->bare); }, check_bare);
  const Check check_forward = check({&layer->y}, [=] { return layer->fault_forward(training); });
  if (with_unfused)
    entrants.add(
        "unfused", base + "unfused" + name, size, layer->work(1), [=] { layer->unfused(training); }, check_forward);
  entrants.add(
      "fused", base + "fused" + name, size, layer->work(1), [=] { layer->fused(training); }, check_forward);
  if (training) return entrants.take();
  layer->pack();
  entrants.add(
      "packed", base + "packed", size, layer->work(1), [=] { layer->infer(layer->plain_packed, false, layer->bare); },
      check_bare);
  entrants.add(
      "folded", base + "folded" + name, size, layer->work(1), [=] { layer->infer(layer->packed, true, layer->y); },
      check({&layer->y}, [=] { return layer->fault_folded(); }));
  return entrants.take();
}

// A gate that stands for one of the costs.
struct Gate {
  std::string name, over, under;
  double target;
};

void add(List &list, int threads, const Shape &shape, const Extra &extra, Way way, Part part,
         const std::vector<Gate> &gates = {}, bool with_costs = true) {
  const std::string tail = "/" + name_of(extra) + "/" + brief(shape) + suffix(threads);
  std::vector<Ratio> ratios;
  const auto cost = [&](const char *how, const char *label, const char *alone) {
    ratios.push_back({std::string("cost/") +
                          (way == Way::training   ? "training/"
                           : way == Way::backward ? "backward/"
                                                  : "inference/") +
                          how + tail,
                      Ratio::times, label, alone});
  };
  const char *alone = way == Way::backward ? "gemms" : "gemm";
  if (with_costs) {
    cost("unfused", "unfused", alone);
    cost("fused", "fused", alone);
    if (way == Way::inference) cost("folded", "folded", "packed");
  }
  for (const Gate &gate : gates)
    ratios.push_back({gate.name + "/" + brief(shape) + suffix(threads), Ratio::times, gate.over, gate.under,
                      Sense::at_most, gate.target});
  Race race{std::string("dense/") + way_names[static_cast<int>(way)] + "_" + name_of(extra), sizes(shape), part, ratios,
            [=](const Setting &setting) { return make_layer(setting, shape, extra, way, with_costs); }};
  if (shape.m > 5000) race.placements = 1;
  for (const char *how : {"unfused_", "fused_", "folded_"})
    race.others.push_back(std::string("dense/") + way_names[static_cast<int>(way)] + "_" + how + name_of(extra));
  list.races.push_back(race);
}

constexpr Extra extras[] = {{false, LF_RELU},    {false, LF_LEAKY_RELU}, {false, LF_ELU},
                            {false, LF_SELU},    {false, LF_TANH},       {false, LF_LOGISTIC},
                            {true, LF_IDENTITY}, {true, LF_RELU},        {true, LF_ELU}};
constexpr Extra bn_elu{true, LF_ELU};
bool is(const Extra &a, const Extra &b) { return a.batch_norm == b.batch_norm && a.activation == b.activation; }

} // namespace

void add_layers(List &list, int threads) {
  struct Target {
    Shape shape;
    double forward, backward;
  };
  constexpr Target layers[] = {{{200, 300, 784}, 1.05, 1.08}, {{200, 100, 300}, 1.12, 1.08}};
  for (const auto &[shape, forward, backward] : layers)
    for (const Extra &extra : extras) {
      const bool gated = is(extra, bn_elu);
      const bool quick = shape.k == 784 && (threads == 1 || gated);
      const Part part = quick ? Part::quick : Part::full;
      using Gates = std::vector<Gate>;
      add(list, threads, shape, extra, Way::training, part,
          gated ? Gates{{"dense/forward-over-gemm", "fused", "gemm", forward}} : Gates{});
      add(list, threads, shape, extra, Way::inference, part,
          gated && shape.k == 784 ? Gates{{"dense/folded-over-packed", "folded", "packed", 1.02}} : Gates{});
      const bool plain = extra.activation == LF_IDENTITY || extra.activation == LF_RELU || extra.activation == LF_ELU;
      if (plain)
        add(list, threads, shape, extra, Way::backward, gated ? part : Part::full,
            gated ? Gates{{"dense/backward-over-gemms", "fused", "gemms", backward}} : Gates{});
    }
  for (const int64_t m : {1, 16, 1000})
    add(list, threads, {m, 300, 784}, bn_elu, Way::inference, threads == 1 && m < 1000 ? Part::quick : Part::full,
        {{"dense/folded-over-packed", "folded", "packed", 1.02}});
  for (const int64_t m : {4096, 65536})
    add(list, threads, {m, 300, 784}, bn_elu, Way::training, Part::full,
        {{"dense/forward-over-gemm", "fused", "gemm", 1.06}}, false);
}

} // namespace lanefold::bench
