// Products against the best of the installed peers, and against the limits of the machine.
#include "buffer.hpp"
#include "gates.hpp"

#include "../limits.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace lanefold::bench {
namespace {

constexpr double seconds = 0.08, seconds_random = 0.008; // for each runner of a race

double flops(const Product &p) { return 2.0 * static_cast<double>(p.shape.m * p.shape.n * p.shape.k); }

class Contest {
public:
  Contest(const Product &p, const Context &context)
      : product(p), context_(context), a_(random_floats(p.shape.m * p.shape.k, 1)),
        b_(random_floats(p.shape.k * p.shape.n, 2)), c_(Floats(static_cast<size_t>(p.shape.m * p.shape.n))) {
    const auto [m, n, k] = p.shape;
    args_.flags = p.flags;
    args_.m = m, args_.n = n, args_.k = k, args_.alpha = 1;
    args_.a = a_.data(), args_.lda = p.flags & LF_TRANSPOSE_A ? m : k;
    args_.b = b_.data(), args_.ldb = p.flags & LF_TRANSPOSE_B ? k : n;
    args_.c = c_.data(), args_.ldc = n;
  }

  Runner lanefold() {
    return {"lanefold", [this] { context_.sgemm(args_); }};
  }
  Runner peer(const Peer &peer) {
    return {peer.name, [this, &peer] { peer.sgemm(product, a_.data(), b_.data(), c_.data()); }};
  }
  Runner packed() {
    auto pack = args<lf_pack_weights_args>();
    pack.flags = product.flags;
    pack.n = product.shape.n, pack.k = product.shape.k;
    pack.w = args_.b, pack.ldw = args_.ldb;
    weights_ = std::make_unique<PackedWeights>(context_.pack_weights(pack));
    infer_.m = args_.m, infer_.n = args_.n, infer_.k = args_.k;
    infer_.x = args_.a, infer_.ldx = args_.lda;
    infer_.y = args_.c, infer_.ldy = args_.ldc;
    return {"packed", [this] { context_.dense_infer(infer_, *weights_); }};
  }

  // Throws unless the runner's result is the product.
  void verify(const Runner &runner) {
    const auto [m, n, k] = product.shape;
    if (expected_.empty())
      expected_ = bench::product(Doubles(a_.data(), a_.data() + m * k), product.flags & LF_TRANSPOSE_A,
                                 Doubles(b_.data(), b_.data() + k * n), product.flags & LF_TRANSPOSE_B, m, n, k);
    std::fill(c_.data(), c_.data() + m * n, NAN);
    runner.run();
    const std::string fault = compare("c", Floats(c_.data(), c_.data() + m * n), expected_, k + 1);
    if (!fault.empty()) throw std::runtime_error(runner.name + " on " + name_of(product) + ": " + fault);
  }

  const Product product;

private:
  const Context &context_;
  Buffer a_, b_, c_;
  Doubles expected_;
  lf_sgemm_args args_ = args<lf_sgemm_args>();
  lf_dense_infer_args infer_ = args<lf_dense_infer_args>();
  std::unique_ptr<PackedWeights> weights_;
};

// Lanefold's speed over the best peer's.
double against_peers(Gates &gates, const Context &context, const Product &product, const std::string &name,
                     double effort, int threads) {
  Contest contest(product, context);
  std::vector<Runner> runners{contest.lanefold()};
  for (const Peer &peer : gates.peers()) runners.push_back(contest.peer(peer));
  for (const Runner &runner : runners) contest.verify(runner);
  const std::vector<double> times = race(runners, effort, threads);
  std::string figures;
  for (size_t i = 0; i < runners.size(); ++i) {
    char text[64];
    std::snprintf(text, sizeof text, " %s %.1f", runners[i].name.c_str(), flops(product) / times[i] * 1e-9);
    figures += text;
  }
  const double ratio = *std::min_element(times.begin() + 1, times.end()) / times[0];
  gates.note("%s GFLOP/s:%s ratio %.3f", name.c_str(), figures.c_str(), ratio);
  return ratio;
}

void anchor_gates(Gates &gates, int threads) {
  const auto context = make_context(gates.isa(), threads);
  for (const Peer &peer : gates.peers()) peer.set_threads(threads);
  const std::string suffix = "/threads:" + std::to_string(threads);
  double logs = 0;
  size_t count = 0;
  for (const Product &product : products) {
    const std::string name = "gemm/" + name_of(product) + suffix;
    if (!gates.wanted(name)) continue;
    const double ratio = against_peers(gates, *context, product, name, seconds, threads);
    gates.at_least(name, ratio, 0.98);
    logs += std::log(ratio);
    ++count;
  }
  if (count == std::size(products))
    gates.at_least("gemm/geometric-mean" + suffix, std::exp(logs / static_cast<double>(count)),
                   threads == 1 ? 1.05 : 1.15);
}

void random_gate(Gates &gates) {
  const std::string name = "gemm/random/threads:1";
  if (!gates.wanted(name)) return;
  const auto context = make_context(gates.isa(), 1);
  for (const Peer &peer : gates.peers()) peer.set_threads(1);
  constexpr int shapes = 200;
  std::mt19937 random(1);
  const auto draw = [&] { return static_cast<int64_t>(std::exp2(9.0 * static_cast<double>(random()) * 0x1p-32)); };
  int won = 0;
  for (int i = 0; i < shapes; ++i) {
    const int64_t m = draw(), n = draw(), k = draw();
    const Product product{{m, n, k}, static_cast<uint32_t>(i % 4)};
    won += against_peers(gates, *context, product, "gemm/random/" + name_of(product), seconds_random, 1) >= 0.98;
  }
  gates.at_least(name, static_cast<double>(won) / shapes, 0.9);
}

// Shares of the peak rate of fused multiply-adds.
void peak_gates(Gates &gates) {
  const FmaLoop loop = fma_loop(gates.isa());
  constexpr int64_t steps = 2000;
  float sum = 0;
  const Runner peak{"peak", [&] { benchmark::DoNotOptimize(sum = loop.run(steps, 0.5f, 1.0f)); }};
  const auto context = make_context(gates.isa(), 1);
  constexpr Product large[] = {{{200, 300, 784}, nn},    {{784, 300, 200}, tn},   {{200, 200, 200}, nn},
                               {{256, 256, 256}, nn},    {{256, 256, 256}, nt},   {{333, 777, 555}, nn},
                               {{333, 777, 555}, nt},    {{333, 777, 555}, tt},   {{512, 512, 512}, nn},
                               {{1024, 1024, 1024}, nn}, {{1024, 1024, 1024}, nt}};
  for (const Product &product : large) {
    const std::string plain = "gemm/peak/" + name_of(product), packed = "gemm/packed-peak/" + name_of(product);
    const bool packs = !(product.flags & LF_TRANSPOSE_A) && gates.wanted(packed);
    if (!packs && !gates.wanted(plain)) continue;
    Contest contest(product, *context);
    std::vector<Runner> runners{peak, contest.lanefold()};
    if (packs) runners.push_back(contest.packed());
    for (size_t i = 1; i < runners.size(); ++i) contest.verify(runners[i]);
    const std::vector<double> times = race(runners, seconds);
    const double most = 2.0 * static_cast<double>(steps * loop.lanes) / times[0];
    gates.note("%s peak %.1f GFLOP/s", plain.c_str(), most * 1e-9);
    if (gates.wanted(plain)) gates.at_least(plain, flops(product) / times[1] / most, 0.95);
    if (packs) gates.at_least(packed, flops(product) / times[2] / most, 0.97);
  }
}

// One sample: as fast as the weights can be read where they lie.
void one_sample_gate(Gates &gates) {
  const std::string name = "gemm/packed-m1/1x300x784";
  if (!gates.wanted(name)) return;
  const auto context = make_context(gates.isa(), 1);
  Contest contest({{1, 300, 784}, nn}, *context);
  const Runner packed = contest.packed();
  contest.verify(packed);
  const ReadLoop read = read_loop(gates.isa());
  constexpr int64_t floats = 300 * 784 / 128 * 128;
  Buffer weights(random_floats(floats, 3));
  int32_t mix = 0;
  const Runner reading{"read", [&] { benchmark::DoNotOptimize(mix = read(weights.data(), floats)); }};
  const std::vector<double> times = race({reading, packed}, seconds);
  const double limit = floats * 4.0 / times[0];
  gates.note("%s reads %.1f GB/s, %.1f GFLOP/s", name.c_str(), limit * 1e-9, flops(contest.product) / times[1] * 1e-9);
  gates.at_least(name, 300 * 784 * 4.0 / times[1] / limit, 0.85);
}

} // namespace

void gemm_gates(Gates &gates) {
  peak_gates(gates);
  one_sample_gate(gates);
  if (gates.peers().empty()) return;
  anchor_gates(gates, 1);
  anchor_gates(gates, 2);
  random_gate(gates);
}

} // namespace lanefold::bench
