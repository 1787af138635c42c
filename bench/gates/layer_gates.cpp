// What batch normalization and the activation cost beside the products they belong to, in training and folded.
#include "buffer.hpp"
#include "gates.hpp"
#include "onnxruntime.hpp"

#include "../limits.hpp"
#include "../network.hpp"

#include <cmath>

namespace lanefold::bench {
namespace {

constexpr double seconds = 0.15; // for each runner of a race

std::string shape_name(const Shape &s) {
  return std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
}

// One dense layer with BN and ELU, and the bare products that it consists of.
class Layer {
public:
  Layer(const Context &context, const Shape &shape)
      : context_(context), s_(shape), x_(random_floats(s_.m * s_.k, 1, 0, 1)), w_(random_floats(s_.k * s_.n, 2)),
        dy_(random_floats(s_.m * s_.n, 3)), z_(s_.m * s_.n), y_(s_.m * s_.n), dw_(s_.k * s_.n), dx_(s_.m * s_.k),
        ones_(static_cast<size_t>(s_.n), 1.0f), zeros_(ones_.size()), mean_(zeros_), running_mean_(zeros_),
        running_var_(ones_), inv_std_(zeros_), dgamma_(zeros_), dbeta_(zeros_) {
    norm_.eps = 1e-3f, norm_.momentum = 0.9f;
    norm_.gamma = ones_.data(), norm_.beta = zeros_.data();
    norm_.running_mean = running_mean_.data(), norm_.running_var = running_var_.data();
    norm_.mean = mean_.data(), norm_.inv_std = inv_std_.data();
  }

  void forward() {
    auto a = args<lf_dense_forward_args>();
    a.flags = LF_TRAINING;
    a.m = s_.m, a.n = s_.n, a.k = s_.k;
    a.x = x_.data(), a.ldx = s_.k, a.w = w_.data(), a.ldw = s_.n;
    a.batch_norm = &norm_, a.activation = LF_ELU, a.alpha = 1;
    a.z = z_.data(), a.ldz = s_.n, a.y = y_.data(), a.ldy = s_.n;
    context_.dense_forward(a);
  }
  void bare_forward() { multiply(0, s_.m, s_.n, s_.k, x_, s_.k, w_, s_.n, z_); }

  void backward() {
    auto a = args<lf_dense_backward_args>();
    a.m = s_.m, a.n = s_.n, a.k = s_.k;
    a.x = x_.data(), a.ldx = s_.k, a.w = w_.data(), a.ldw = s_.n;
    a.batch_norm = &norm_, a.activation = LF_ELU, a.alpha = 1;
    a.z = z_.data(), a.ldz = s_.n, a.y = y_.data(), a.ldy = s_.n;
    a.dy = dy_.data(), a.lddy = s_.n, a.dw = dw_.data(), a.lddw = s_.n, a.dx = dx_.data(), a.lddx = s_.k;
    a.dgamma = dgamma_.data(), a.dbeta = dbeta_.data();
    context_.dense_backward(a);
  }
  void bare_backward() {
    multiply(LF_TRANSPOSE_A, s_.k, s_.n, s_.m, x_, s_.k, dy_, s_.n, dw_);
    multiply(LF_TRANSPOSE_B, s_.m, s_.k, s_.n, dy_, s_.n, w_, s_.n, dx_);
  }

  void pack() {
    auto pack = args<lf_pack_weights_args>();
    pack.n = s_.n, pack.k = s_.k, pack.w = w_.data(), pack.ldw = s_.n;
    packed_ = std::make_unique<PackedWeights>(context_.pack_weights(pack));
  }
  void infer(int32_t activation) {
    auto a = args<lf_dense_infer_args>();
    a.m = s_.m, a.n = s_.n, a.k = s_.k;
    a.x = x_.data(), a.ldx = s_.k, a.bias = activation == LF_IDENTITY ? nullptr : zeros_.data();
    a.activation = activation, a.alpha = 1, a.y = y_.data(), a.ldy = s_.n;
    context_.dense_infer(a, *packed_);
  }

private:
  void multiply(uint32_t flags, int64_t m, int64_t n, int64_t k, Buffer &a, int64_t lda, Buffer &b, int64_t ldb,
                Buffer &c) {
    auto g = args<lf_sgemm_args>();
    g.flags = flags, g.m = m, g.n = n, g.k = k, g.alpha = 1;
    g.a = a.data(), g.lda = lda, g.b = b.data(), g.ldb = ldb, g.c = c.data(), g.ldc = n;
    context_.sgemm(g);
  }

  const Context &context_;
  const Shape s_;
  Buffer x_, w_, dy_, z_, y_, dw_, dx_;
  Floats ones_, zeros_, mean_, running_mean_, running_var_, inv_std_, dgamma_, dbeta_;
  lf_batch_norm norm_ = args<lf_batch_norm>();
  std::unique_ptr<PackedWeights> packed_;
};

// The time of one over that of the other, at most the target.
void ratio_gate(Gates &gates, const std::string &name, const Runner &runner, const Runner &bare, int threads,
                double target) {
  const std::vector<double> times = race({runner, bare}, seconds, threads);
  gates.note("%s us: %s %.2f %s %.2f", name.c_str(), runner.name.c_str(), times[0] * 1e6, bare.name.c_str(),
             times[1] * 1e6);
  gates.at_most(name, times[0] / times[1], target);
}

void dense_gates(Gates &gates, const Context &context, int threads) {
  const std::string suffix = "/threads:" + std::to_string(threads);
  struct Training {
    Shape shape;
    double target;
  };
  constexpr Training forward[] = {
      {{200, 300, 784}, 1.05}, {{200, 100, 300}, 1.12}, {{4096, 300, 784}, 1.06}, {{65536, 300, 784}, 1.06}};
  for (const auto &[shape, target] : forward) {
    const std::string name = "dense/forward-over-gemm/" + shape_name(shape) + suffix;
    if (!gates.wanted(name)) continue;
    Layer layer(context, shape);
    ratio_gate(gates, name, {"fused", [&] { layer.forward(); }}, {"gemm", [&] { layer.bare_forward(); }}, threads,
               target);
  }
  for (const Shape &shape : {reference_layers[0], reference_layers[1]}) {
    const std::string name = "dense/backward-over-gemms/" + shape_name(shape) + suffix;
    if (!gates.wanted(name)) continue;
    Layer layer(context, shape);
    layer.forward();
    ratio_gate(gates, name, {"fused", [&] { layer.backward(); }}, {"gemms", [&] { layer.bare_backward(); }}, threads,
               1.08);
  }
  for (const int64_t m : {1, 16, 200, 1000}) {
    const Shape shape{m, 300, 784};
    const std::string name = "dense/folded-over-packed/" + shape_name(shape) + suffix;
    if (!gates.wanted(name)) continue;
    Layer layer(context, shape);
    layer.pack();
    ratio_gate(gates, name, {"folded", [&] { layer.infer(LF_ELU); }}, {"packed", [&] { layer.infer(LF_IDENTITY); }},
               threads, 1.02);
  }
}

// The peak rate of fused multiply-adds, as a runner, and what a run of it counts.
struct Peak {
  explicit Peak(const std::string &isa) : loop(fma_loop(isa)) {}
  Runner runner() {
    return {"peak", [this] { benchmark::DoNotOptimize(sum = loop.run(steps, 0.5f, 1.0f)); }};
  }
  double flops() const { return 2.0 * static_cast<double>(steps * loop.lanes); }

  static constexpr int64_t steps = 2000;
  const FmaLoop loop;
  float sum = 0;
};

// One sample of the folded network: the time of this library over that of ONNX Runtime.
void onnxruntime_gate(Gates &gates, const std::string &name, Network &network) {
  Floats theirs(Network::classes);
  const auto other = onnxruntime_network(network.folded_layers(), network.samples(), 1, theirs);
  if (!other) return gates.note("peer onnxruntime is not installed");
  const std::vector<double> times = race({{"lanefold", [&] { network.infer(1); }}, {"onnxruntime", other}}, seconds);
  const Floats ours = network.logits(1);
  float difference = 0;
  for (size_t i = 0; i < ours.size(); ++i) difference = std::max(difference, std::fabs(ours[i] - theirs[i]));
  gates.note("%s us: lanefold %.2f onnxruntime %.2f, logits differ by at most %.1e", name.c_str(), times[0] * 1e6,
             times[1] * 1e6, static_cast<double>(difference));
  gates.at_most(name, times[0] / times[1], 0.5);
}

void network_gates(Gates &gates, const Context &context, int threads) {
  const std::string suffix = "/threads:" + std::to_string(threads);
  Peak peak(gates.isa());
  Network network(context, {true, LF_ELU}), plain(context, {false, LF_RELU});
  network.step();
  network.fold();
  // Of the peak of as many threads.
  const auto share_gate = [&](const std::string &name, const Runner &runner, double products, double target) {
    const std::vector<double> times = race({runner, peak.runner()}, seconds, threads);
    const double most = threads * peak.flops() / times[1];
    gates.note("%s: %.1f us, peak %.1f GFLOP/s a thread", name.c_str(), times[0] * 1e6, peak.flops() / times[1] * 1e-9);
    gates.at_least(name, 2 * products / times[0] / most, target);
  };
  if (const std::string name = "network/folded-us/m:1" + suffix; gates.wanted(name) && threads == 1)
    gates.at_most(name, 1e6 * race({{"network", [&] { network.infer(1); }}}, seconds, threads)[0], 13);
  if (const std::string name = "network/folded-over-onnxruntime/m:1" + suffix; gates.wanted(name) && threads == 1)
    onnxruntime_gate(gates, name, network);
  if (const std::string name = "network/folded-over-peak/m:200" + suffix; gates.wanted(name))
    share_gate(name, {"network", [&] { network.infer(Network::batch); }},
               network.products() * static_cast<double>(Network::batch), 0.93);
  if (const std::string name = "step/bn_elu_sgd-over-peak" + suffix; gates.wanted(name))
    share_gate(name, {"step", [&] { network.step(); }}, network.step_products(), threads == 1 ? 0.88 : 0.82);
  if (const std::string name = "step/bn_elu_sgd-over-relu_sgd" + suffix; gates.wanted(name))
    ratio_gate(gates, name, {"bn_elu", [&] { network.step(); }}, {"relu", [&] { plain.step(); }}, threads, 1.04);
}

void activation_gates(Gates &gates, const Context &context) {
  const auto apply = [&](int32_t activation, Buffer &x, Buffer &y, int64_t n) {
    auto a = args<lf_activation_forward_args>();
    a.m = 1, a.n = n, a.activation = activation, a.alpha = 1;
    a.x = x.data(), a.ldx = n, a.y = y.data(), a.ldy = n;
    context.activation_forward(a);
  };
  const std::string each = "activation/elu-ns/n:4096", relu = "activation/elu-over-relu/n:4096";
  if (gates.wanted(each) || gates.wanted(relu)) {
    constexpr int64_t n = 4096;
    Buffer x(random_floats(n, 1)), y(n);
    const std::vector<double> times =
        race({{"elu", [&] { apply(LF_ELU, x, y, n); }}, {"relu", [&] { apply(LF_RELU, x, y, n); }}}, seconds);
    if (gates.wanted(each)) gates.at_most(each, times[0] / n * 1e9, 0.42);
    if (gates.wanted(relu)) gates.at_most(relu, times[0] / times[1], 1.6);
  }
  const std::string copy = "activation/elu-over-copy/n:33554432";
  if (gates.wanted(copy)) {
    constexpr int64_t n = 32 << 20; // 128 MB: beyond every cache
    Buffer x(random_floats(n, 1)), y(n);
    const std::vector<double> times =
        race({{"elu", [&] { apply(LF_ELU, x, y, n); }}, {"copy", [&] { std::copy(x.data(), x.data() + n, y.data()); }}},
             seconds);
    gates.note("%s ms: elu %.2f copy %.2f", copy.c_str(), times[0] * 1e3, times[1] * 1e3);
    gates.at_least(copy, times[1] / times[0], 0.95);
  }
}

} // namespace

void layer_gates(Gates &gates) {
  for (const int threads : {1, 2}) {
    const auto context = make_context(gates.isa(), threads);
    dense_gates(gates, *context, threads);
    network_gates(gates, *context, threads);
    if (threads == 1) activation_gates(gates, *context);
  }
}

} // namespace lanefold::bench
