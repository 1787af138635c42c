// What batch normalization (BN) and activations cost in a dense layer, relative to its matrix product alone.  The passes
// are forward in training, backward, and inference.  The variants are separate calls (unfused), one fused call, and BN
// folded into packed weights.
#include "cases.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::bench {
namespace {

// What follows the matrix product.
struct Extra {
  bool batch_norm;
  int32_t activation;
};

// The memory of one layer, and the calls on it.
struct Layer {
  Layer(const Shape &shape, const Extra &what, std::shared_ptr<const Context> with, Memory memory)
      : s(shape), extra(what), context(std::move(with)), x(memory.random(s.m * s.k, 1)),
        w(memory.random(s.k * s.n, 2, -range(), range())), dy(memory.random(s.m * s.n, 7)), z(memory.floats(s.m * s.n)),
        y(z), product_only(z), dw(memory.floats(s.k * s.n)), dx(memory.floats(s.m * s.k)),
        dz(what.batch_norm || what.activation != LF_IDENTITY ? z : Floats()), gamma(memory.random(s.n, 3, 0.5f, 1.5f)),
        beta(memory.random(s.n, 4)), running_mean(memory.random(s.n, 5)), running_var(memory.random(s.n, 6, 1, 2)),
        mean(memory.floats(s.n)), inv_std(mean), dgamma(mean), dbeta(mean), bias(mean) {
    norm.eps = 1e-3f, norm.momentum = 1; // keeps the running statistics, so that all calls do the same
    norm.gamma = gamma.data(), norm.beta = beta.data();
    norm.running_mean = running_mean.data(), norm.running_var = running_var.data();
    norm.mean = mean.data(), norm.inv_std = inv_std.data();
  }
  Layer(const Layer &) = delete;

  float range() const { return std::sqrt(6 / static_cast<float>(s.k)); } // He et al. 2015
  float alpha() const { return alpha_of(extra.activation); }
  bool derives_from_input() const { return LF_DERIVES_FROM_INPUT(extra.activation); }
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
    call.z = training && (extra.batch_norm || derives_from_input()) ? z.data() : nullptr, call.ldz = s.n;
    call.y = y.data(), call.ldy = s.n;
    context->dense_forward(call);
  }
  void backward_fused() {
    auto call = args<lf_dense_backward_args>();
    call.m = s.m, call.n = s.n, call.k = s.k;
    call.x = x.data(), call.ldx = s.k, call.w = w.data(), call.ldw = s.n;
    call.batch_norm = extra.batch_norm ? &norm : nullptr, call.activation = extra.activation, call.alpha = alpha();
    call.z = extra.batch_norm || derives_from_input() ? z.data() : nullptr, call.ldz = s.n;
    call.y = y.data(), call.ldy = s.n;
    call.dy = dy.data(), call.lddy = s.n, call.dw = dw.data(), call.lddw = s.n, call.dx = dx.data(), call.lddx = s.k;
    if (extra.batch_norm) call.dgamma = dgamma.data(), call.dbeta = dbeta.data();
    context->dense_backward(call);
  }
  void backward_products(const Floats &gradient) {
    multiply(LF_TRANSPOSE_A, {s.k, s.n, s.m}, x, s.k, gradient, s.n, dw);
    multiply(LF_TRANSPOSE_B, {s.m, s.k, s.n}, gradient, s.n, w, s.n, dx);
  }
  void backward_unfused() {
    auto activation = args<lf_activation_backward_args>();
    activation.m = s.m, activation.n = s.n, activation.activation = extra.activation, activation.alpha = alpha();
    if (derives_from_input()) activation.x = z.data(), activation.ldx = s.n; // no layer here has BN before such a one
    else activation.y = y.data(), activation.ldy = s.n;
    activation.dy = dy.data(), activation.lddy = s.n;
    activation.dx = dz.data(), activation.lddx = s.n;
    context->activation_backward(activation);
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
  void infer(const PackedWeights &weights, bool with_extra, Floats &to) {
    auto call = args<lf_dense_infer_args>();
    call.m = s.m, call.n = s.n, call.k = s.k, call.x = x.data(), call.ldx = s.k;
    call.bias = with_extra ? bias.data() : nullptr;
    call.activation = with_extra ? extra.activation : LF_IDENTITY, call.alpha = alpha();
    call.y = to.data(), call.ldy = s.n;
    context->dense_infer(call, weights);
  }

  Norm reference() const {
    return {norm.eps, widened(gamma), widened(beta), widened(running_mean), widened(running_var)};
  }
  // Verifies evenly spaced rows, because the whole product in double takes too long for large layers.
  std::string mismatch_of_product(const Floats &values) const {
    const int64_t step = std::max<int64_t>(1, s.m * s.n * s.k / 200'000'000);
    Floats found;
    Doubles rows;
    for (int64_t i = 0; i < s.m; i += step) {
      rows.insert(rows.end(), x.begin() + i * s.k, x.begin() + (i + 1) * s.k);
      found.insert(found.end(), values.begin() + i * s.n, values.begin() + (i + 1) * s.n);
    }
    const auto m = static_cast<int64_t>(rows.size()) / s.k;
    return find_mismatch("z", found, product(rows, false, widened(w), false, m, s.n, s.k), s.k + 1);
  }
  // BN and activation of the matrix product `from`.
  Doubles with_extra(const Doubles &from, bool training) const {
    Doubles all = extra.batch_norm ? reference().forward(from, training) : from;
    for (double &value : all) value = activate(extra.activation, alpha(), value);
    return all;
  }
  // product_only is verified on its own, and the product has the same bits in every variant.
  std::string mismatch_forward(bool training) const {
    return find_mismatch("y", y, with_extra(widened(product_only), training), s.k + s.m + 8);
  }
  std::string mismatch_folded() const {
    Doubles from = widened(product_only);
    if (!extra.batch_norm)
      for (size_t i = 0; i < from.size(); ++i) from[i] += bias[i % bias.size()];
    return find_mismatch("y", y, with_extra(from, false), s.k + 8);
  }
  std::string mismatch_backward() const {
    const int64_t terms = 2 * s.m + s.n + 8;
    Doubles dt = widened(dy), expected_dgamma, expected_dbeta;
    const Floats &from = derives_from_input() ? z : y;
    for (size_t i = 0; i < dt.size(); ++i) dt[i] *= derivative(extra.activation, alpha(), from[i]);
    if (extra.batch_norm) {
      Norm of = reference();
      of.forward(widened(z), true);
      dt = of.backward(widened(z), Doubles(dt), expected_dgamma, expected_dbeta);
      std::string mismatch = find_mismatch("dgamma", dgamma, expected_dgamma, terms);
      if (mismatch.empty()) mismatch = find_mismatch("dbeta", dbeta, expected_dbeta, terms);
      if (!mismatch.empty()) return mismatch;
    }
    return mismatch_of_gradients(dt);
  }
  // Verifies dw and dx against dt, the gradient of the matrix product.
  std::string mismatch_of_gradients(const Doubles &dt) const {
    const int64_t terms = 2 * s.m + s.n + 8;
    const std::string mismatch = find_mismatch("dw", dw, product(widened(x), true, dt, false, s.k, s.n, s.m), terms);
    return mismatch.empty() ? find_mismatch("dx", dx, product(dt, false, widened(w), true, s.m, s.k, s.n), terms)
                            : mismatch;
  }

  Shape s;
  Extra extra;
  std::shared_ptr<const Context> context;
  Floats x, w, dy, z, y, product_only, dw, dx, dz, gamma, beta, running_mean, running_var, mean, inv_std, dgamma, dbeta,
      bias;
  lf_batch_norm norm = args<lf_batch_norm>();
  PackedWeights packed{nullptr}, plain_packed{nullptr};
};

void make_backward(CaseBuilder &builder, const std::shared_ptr<Layer> &layer) {
  const Verification verify{
      {&layer->dw, &layer->dx, &layer->dgamma, &layer->dbeta}, {}, [=] { return layer->mismatch_backward(); }};
  builder.add("alone", [=] { layer->backward_products(layer->dy); },
              {{&layer->dw, &layer->dx}, {}, [=] { return layer->mismatch_of_gradients(widened(layer->dy)); }});
  if (builder.of.has("unfused"))
    builder.add(
        "unfused", [=] { layer->backward_unfused(); }, verify);
  builder.add(
      "fused", [=] { layer->backward_fused(); }, verify);
}

void make_forward(CaseBuilder &builder, const std::shared_ptr<Layer> &layer, bool training) {
  const Shape s = layer->s;
  const Verification verify_product{
      {&layer->product_only}, {}, [=] { return layer->mismatch_of_product(layer->product_only); }};
  const Verification verify{{&layer->y}, {}, [=] { return layer->mismatch_forward(training); }};
  builder.add(
      "alone", [=] { layer->multiply(0, s, layer->x, s.k, layer->w, s.n, layer->product_only); }, verify_product);
  if (builder.of.has("unfused"))
    builder.add(
        "unfused", [=] { layer->unfused(training); }, verify);
  builder.add(
      "fused", [=] { layer->fused(training); }, verify);
  if (training) return;
  builder.add(
      "packed", [=] { layer->infer(layer->plain_packed, false, layer->product_only); }, verify_product);
  builder.add("folded", [=] { layer->infer(layer->packed, true, layer->y); },
              {{&layer->y}, {}, [=] { return layer->mismatch_folded(); }});
}

// The variants of a layer: the first one names the case.
std::vector<Variant> layer_variants(const Shape &s, const Extra &extra, const std::string &pass, bool with_unfused) {
  const double products = pass == "backward" ? 2 : 1;
  const Work work{2 * products * multiply_adds(s),
                  4 * products * static_cast<double>(s.m * s.k + s.k * s.n + s.m * s.n),
                  static_cast<double>(s.m * s.n)};
  const auto variant = [&](const char *form, bool alone) {
    Fields fields;
    fields.family = "dense", fields.op = alone ? "gemm" : "dense", fields.pass = pass, fields.form = form;
    if (!alone) fields.bn = extra.batch_norm, fields.activation = activation_names[extra.activation];
    return Variant{form, shaped(fields, s), work, ""};
  };
  std::vector<Variant> variants = {variant("fused", false), variant("alone", true)};
  if (with_unfused) variants.push_back(variant("unfused", false));
  if (pass != "inference") return variants;
  variants.push_back(variant("folded", false));
  variants.push_back(variant("packed", true));
  return variants;
}

// A target for what BN and the activation cost.
struct Gate {
  std::string form;
  double target;
};

Case layer_case(const Shape &shape, const Extra &extra, const std::string &pass, Extent extent, const Gate &gate = {},
                bool with_unfused = true) {
  Case bench_case;
  bench_case.variants = layer_variants(shape, extra, pass, with_unfused);
  bench_case.extent = extent;
  for (const char *form : {"unfused", "fused", "folded"})
    if (bench_case.has(form))
      bench_case.ratios.push_back({"over-alone", Ratio::times, form, form == std::string("folded") ? "packed" : "alone",
                                   form == gate.form ? Sense::at_most : Sense::none, gate.target});
  bench_case.make = [=](CaseBuilder &builder) {
    // What is prepared leaves no scratch memory in the context of the calls that are measured.
    const auto layer = builder.keep<Layer>(shape, extra, make_context(builder.setting.isa, 1), builder.memory);
    if (pass == "backward") {
      layer->fused(true);
      if (!extra.batch_norm) layer->unfused(true); // writes z as well
    } else if (pass == "inference") layer->pack();
    layer->context = builder.setting.context;
    if (pass == "backward") make_backward(builder, layer);
    else make_forward(builder, layer, pass == "training");
  };
  return bench_case;
}

constexpr Extra extras[] = {
    {false, LF_RELU},         {false, LF_LEAKY_RELU}, {false, LF_ELU},        {false, LF_SELU},
    {false, LF_TANH},         {false, LF_LOGISTIC},   {false, LF_RELU6},      {false, LF_SOFTPLUS},
    {false, LF_HARD_SIGMOID}, {false, LF_SILU},       {false, LF_HARD_SWISH}, {false, LF_GELU},
    {false, LF_GELU_TANH},    {true, LF_IDENTITY},    {true, LF_RELU},        {true, LF_ELU}};
constexpr Extra bn_elu_layer{true, LF_ELU};
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
      const bool gated = is(extra, bn_elu_layer);
      const bool quick = shape.k == 784 && (threads == 1 || gated) && extra.activation <= last_in_quick_runs;
      const Extent extent = quick ? Extent::quick : Extent::full;
      list.cases.push_back(layer_case(shape, extra, "training", extent, gated ? Gate{"fused", forward} : Gate{}));
      list.cases.push_back(
          layer_case(shape, extra, "inference", extent, gated && shape.k == 784 ? Gate{"folded", 1.02} : Gate{}));
      const bool plain = extra.activation == LF_IDENTITY || extra.activation == LF_RELU || extra.activation == LF_ELU;
      if (plain)
        list.cases.push_back(layer_case(shape, extra, "backward", gated ? extent : Extent::full,
                                        gated ? Gate{"fused", backward} : Gate{}));
    }
  for (const int64_t m : {1, 16, 1000})
    list.cases.push_back(layer_case({m, 300, 784}, bn_elu_layer, "inference",
                                    threads == 1 && m < 1000 ? Extent::quick : Extent::full, {"folded", 1.02}));
  for (const int64_t m : {4096, 65536})
    list.cases.push_back(layer_case({m, 300, 784}, bn_elu_layer, "training", Extent::full, {"fused", 1.06}, false));
}

void add_layer_costs(List &list, const Shape &shape) {
  for (const Extra &extra : extras)
    for (const char *pass : {"training", "backward", "inference"})
      list.cases.push_back(layer_case(shape, extra, pass, Extent::costs));
}

} // namespace lanefold::bench
