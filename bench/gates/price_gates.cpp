// The price of one chain: products against kernels that may cut k into several chains or sum along it
// (bench/price/unchained.cpp), on the shapes of the other gates.
#include "buffer.hpp"
#include "gates.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

namespace lanefold::bench {
namespace {

constexpr double seconds = 0.05, seconds_random = 0.005; // for each runner of a race

struct Contest {
  Buffer a, b, c, unchained_c;
  lf_sgemm_args chained = args<lf_sgemm_args>(), unchained = args<lf_sgemm_args>();

  explicit Contest(const Product &p)
      : a(random_floats(p.shape.m * p.shape.k, 1)), b(random_floats(p.shape.k * p.shape.n, 2)),
        c(Floats(static_cast<size_t>(p.shape.m * p.shape.n))),
        unchained_c(Floats(static_cast<size_t>(p.shape.m * p.shape.n))) {
    const auto [m, n, k] = p.shape;
    chained.flags = p.flags, chained.m = m, chained.n = n, chained.k = k, chained.alpha = 1;
    chained.a = a.data(), chained.lda = p.flags & LF_TRANSPOSE_A ? m : k;
    chained.b = b.data(), chained.ldb = p.flags & LF_TRANSPOSE_B ? k : n;
    chained.c = c.data(), chained.ldc = n;
    unchained = chained;
    unchained.c = unchained_c.data();
  }
};

// How much longer the chain takes: 1 where nothing could be won, also where the other kernels pass the shape on, which
// shows in equal bits.
double price(Gates &gates, const Context &ours, const Context &other, const Product &product, double effort) {
  Contest contest(product);
  ours.sgemm(contest.chained);
  other.sgemm(contest.unchained);
  const auto [m, n, k] = product.shape;
  double worst = 0;
  for (int64_t i = 0; i < m * n; ++i)
    worst = std::max(worst, std::fabs(static_cast<double>(contest.c.data()[i]) - contest.unchained_c.data()[i]));
  if (!(worst < 1e-6 * static_cast<double>(k) + 1e-5))
    throw std::runtime_error("unchained kernels are wrong on " + name_of(product));
  if (worst == 0) return 1;
  const std::vector<double> times =
      race({{"chain", [&] { ours.sgemm(contest.chained); }}, {"unchained", [&] { other.sgemm(contest.unchained); }}},
           effort);
  gates.note("price %s: chain %.3f us, unchained %.3f us, ratio %.3f", name_of(product).c_str(), times[0] * 1e6,
             times[1] * 1e6, times[0] / times[1]);
  return std::max(1.0, times[0] / times[1]);
}

} // namespace

void price_gates(Gates &gates) {
  const std::string name = "price/products", random_name = "price/random";
  if (!gates.wanted(name) && !gates.wanted(random_name)) return;
  const auto ours = make_context(gates.isa(), 1);
  auto options = args<lf_context_options>();
  const std::string isa = "unchained-" + gates.isa();
  options.isa = isa.c_str(), options.plugin_path = LANEFOLD_PRICE_FOLDER, options.threads = 1;
  const Context other(options);
  constexpr Product one_sample[] = {{{1, 100, 300}, nn}, {{1, 10, 100}, nn}};
  if (gates.wanted(name)) {
    double logs = 0;
    int count = 0;
    const auto add = [&](const Product &product) {
      logs += std::log(price(gates, *ours, other, product, seconds));
      ++count;
    };
    for (const Product &product : products) add(product);
    for (const Product &product : one_sample) add(product);
    gates.at_most(name, std::exp(logs / count), 1.03);
  }
  if (!gates.wanted(random_name)) return;
  constexpr int shapes = 200;
  std::mt19937 random(1);
  const auto draw = [&] { return static_cast<int64_t>(std::exp2(9.0 * static_cast<double>(random()) * 0x1p-32)); };
  double logs = 0;
  int dearer = 0;
  for (int i = 0; i < shapes; ++i) {
    const int64_t m = draw(), n = draw(), k = draw();
    const double ratio = price(gates, *ours, other, {{m, n, k}, static_cast<uint32_t>(i % 4)}, seconds_random);
    logs += std::log(ratio);
    dearer += ratio > 1.03;
  }
  gates.note("price/random: %d of %d shapes are more than 3%% dearer", dearer, shapes);
  gates.at_most(random_name, std::exp(logs / shapes), 1.03);
}

} // namespace lanefold::bench
