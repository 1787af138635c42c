// Matrix products, plain and with packed weights, compared with peers and with the limits of the machine.
#include "suites.hpp"

#include <cmath>
#include <random>

namespace lanefold::bench {
namespace {

struct ProductOperands {
  explicit ProductOperands(const Product &of)
      : product(of), a(random_floats(of.shape.m * of.shape.k, 1)), b(random_floats(of.shape.k * of.shape.n, 2)),
        c(static_cast<size_t>(of.shape.m * of.shape.n)), packed_c(c), peer_c(c) {}
  lf_sgemm_args call() {
    const auto [m, n, k] = product.shape;
    auto all = args<lf_sgemm_args>();
    all.flags = product.flags;
    all.m = m, all.n = n, all.k = k, all.alpha = 1;
    all.a = a.data(), all.lda = product.flags & LF_TRANSPOSE_A ? m : k;
    all.b = b.data(), all.ldb = product.flags & LF_TRANSPOSE_B ? k : n;
    all.c = c.data(), all.ldc = n;
    return all;
  }
  Work work() const {
    const auto [m, n, k] = product.shape;
    return {2 * multiply_adds(product.shape), 4 * static_cast<double>(m * k + k * n + m * n),
            static_cast<double>(m * n)};
  }

  Product product;
  Floats a, b, c, packed_c, peer_c;
  PackedWeights packed{nullptr};
};

// The reference result, computed once for all placements and variants.
using Expected = std::shared_ptr<Doubles>;

Verification verify_product(const std::shared_ptr<ProductOperands> &o, Floats &c, const Expected &expected) {
  return verification({&c}, [=, &c] {
    const auto [m, n, k] = o->product.shape;
    if (expected->empty())
      *expected = product(widened(o->a), o->product.flags & LF_TRANSPOSE_A, widened(o->b),
                          o->product.flags & LF_TRANSPOSE_B, m, n, k);
    return find_mismatch("c", c, *expected, k + 1);
  });
}

// The variants beside the plain product, as a bit set.
enum Variants { packed = 1, with_peers = 2, peak = 4, reads = 8 };

CaseInstance make_product(const Setting &setting, const Product &product, int include, const Expected &expected) {
  const auto o = std::make_shared<ProductOperands>(product);
  CaseBuilder builder(setting, o);
  const std::string op = std::string("gemm/") + transposes[product.flags], size = sizes(product.shape);
  builder.add(
      "lanefold", op, size, o->work(), [o, call = o->call(), context = setting.context] { context->sgemm(call); },
      verify_product(o, o->c, expected));
  if (include & packed) {
    auto pack = args<lf_pack_weights_args>();
    pack.flags = product.flags, pack.n = product.shape.n, pack.k = product.shape.k;
    pack.w = o->b.data(), pack.ldw = o->call().ldb;
    o->packed = setting.context->pack_weights(pack);
    auto infer = args<lf_dense_infer_args>();
    infer.m = product.shape.m, infer.n = product.shape.n, infer.k = product.shape.k;
    infer.x = o->a.data(), infer.ldx = infer.k, infer.y = o->packed_c.data(), infer.ldy = infer.n;
    builder.add(
        "packed", std::string("gemm/packed_") + transposes[product.flags], size, o->work(),
        [=, context = setting.context] { context->dense_infer(infer, o->packed); },
        verify_product(o, o->packed_c, expected));
  }
  if (include & with_peers)
    for (const auto &peer : setting.peers) {
      builder.add_peer(*peer, op, size, o->work(), peer->product(product, o->a.data(), o->b.data(), o->peer_c.data()),
                       verify_product(o, o->peer_c, expected));
      if (include & packed && product.flags == nn)
        builder.add_peer(*peer, "gemm/packed_nn", size, o->work(),
                         peer->packed_product(product.shape, o->a.data(), o->b.data(), o->peer_c.data()),
                         verify_product(o, o->peer_c, expected), "packed-peers");
    }
  if (include & peak) builder.add_peak();
  if (include & reads) builder.add_read(product.shape.n * product.shape.k / 128 * 128);
  return builder.take();
}

bool same(const Shape &a, const Shape &b) { return a.m == b.m && a.n == b.n && a.k == b.k; }

// A quick run has time for these.
bool is_quick(const Product &product, int threads) {
  constexpr Shape one_thread[] = {{200, 300, 784}, {200, 100, 300}, {784, 300, 200}, {200, 300, 100},
                                  {1, 300, 784},   {16, 16, 16},    {256, 256, 256}, {4096, 64, 64}};
  constexpr Shape several_threads[] = {{200, 300, 784}, {256, 256, 256}};
  const auto among = [&](auto &shapes) {
    return std::any_of(std::begin(shapes), std::end(shapes), [&](const Shape &s) { return same(s, product.shape); });
  };
  return threads == 1 ? among(one_thread) : among(several_threads);
}

// These have a target for their share of the peak.
bool is_large(const Product &product) {
  constexpr Shape large[] = {{200, 300, 784}, {784, 300, 200}, {200, 200, 200},   {256, 256, 256},
                             {333, 777, 555}, {512, 512, 512}, {1024, 1024, 1024}};
  return std::any_of(std::begin(large), std::end(large), [&](const Shape &s) { return same(s, product.shape); });
}

Case case_of(const Product &product, Extent extent, int include, std::vector<Ratio> ratios) {
  const auto expected = std::make_shared<Doubles>();
  return {std::string("gemm/") + transposes[product.flags],
          sizes(product.shape),
          extent,
          std::move(ratios),
          [=](const Setting &setting) { return make_product(setting, product, include, expected); },
          false,
          4,
          1,
          {std::string("gemm/packed_") + transposes[product.flags]},
          (include & with_peers) != 0};
}

void add_listed(List &list, int threads) {
  Summary mean{"gemm/geometric-mean" + suffix(threads),
               Summary::geometric_mean,
               {},
               0,
               Sense::at_least,
               threads == 1 ? 1.05 : 1.15};
  for (const Product &product : products) {
    const std::string brief_name = name_of(product) + suffix(threads), name = "gemm/" + brief_name;
    std::vector<Ratio> ratios{{name, Ratio::times, "peers", "lanefold", Sense::at_least, 0.98}};
    mean.of.push_back(name);
    const bool one = threads == 1, large = one && is_large(product), packs = !(product.flags & LF_TRANSPOSE_A);
    int include = with_peers | peak | (packs ? packed : 0);
    const auto share = [&](const std::string &kind, const char *label, bool has_target, double target) {
      ratios.push_back({"gemm/" + kind + "/" + brief_name, Ratio::flops_share, label, "peak",
                        has_target ? Sense::at_least : Sense::none, target});
    };
    share("peak", "lanefold", large, 0.95);
    if (packs) share("packed-peak", "packed", large, 0.97);
    if (product.flags == nn) ratios.push_back({"gemm/packed/" + brief_name, Ratio::times, "packed-peers", "packed"});
    if (product.shape.m == 1 && one) {
      include |= reads; // one sample reads all weights once, so reading them is the limit
      ratios.push_back(
          {"gemm/packed-m1/" + brief(product.shape), Ratio::bytes_share, "packed", "read", Sense::at_least, 0.85});
    }
    list.cases.push_back(case_of(product, is_quick(product, threads) ? Extent::quick : Extent::full, include, ratios));
  }
  list.summaries.push_back(mean);
}

// Further products that have a target for their share of the peak.
void add_large(List &list) {
  constexpr Product large[] = {{{200, 200, 200}, nn},
                               {{256, 256, 256}, nt},
                               {{333, 777, 555}, nn},
                               {{512, 512, 512}, nn},
                               {{1024, 1024, 1024}, nt}};
  for (const Product &product : large) {
    const std::string name = name_of(product) + suffix(1);
    list.cases.push_back(
        case_of(product, Extent::full, packed | peak,
                {{"gemm/peak/" + name, Ratio::flops_share, "lanefold", "peak", Sense::at_least, 0.95},
                 {"gemm/packed-peak/" + name, Ratio::flops_share, "packed", "peak", Sense::at_least, 0.97}}));
  }
}

void add_random(List &list) {
  Summary fast{"gemm/random" + suffix(1), Summary::share_at_least, {}, 0.98, Sense::at_least, 0.9};
  for (const Product &product : random_products()) {
    const std::string name = "gemm/random/" + name_of(product) + suffix(1);
    Case bench_case = case_of(product, Extent::gates, with_peers, {{name, Ratio::times, "peers", "lanefold"}});
    bench_case.time_weight = 0.05, bench_case.placements = 1;
    list.cases.push_back(bench_case);
    fast.of.push_back(name);
  }
  list.summaries.push_back(fast);
}

// One sample with cold caches: the cost of the first prediction after a pause.
void add_cold(List &list) {
  constexpr Shape shape{1, 300, 784};
  const auto expected = std::make_shared<Doubles>();
  Case bench_case{"gemm/nn_cold",
                  sizes(shape),
                  Extent::full,
                  {{"gemm/cold/nn/1x300x784" + suffix(1), Ratio::times, "peers", "lanefold"}},
                  [=](const Setting &setting) {
                    CaseInstance instance = make_product(setting, {shape, nn}, packed | with_peers, expected);
                    // evict_caches() does not reach the caches of another process.
                    std::erase_if(instance.variants,
                                  [](const Variant &variant) { return variant.operation.seconds != nullptr; });
                    for (Variant &variant : instance.variants) variant.name.insert(variant.name.find("/isa:"), "_cold");
                    return instance;
                  }};
  bench_case.cold = true;
  list.cases.push_back(bench_case);
}

} // namespace

std::vector<Product> random_products() {
  constexpr int shapes = 200;
  std::mt19937 random(1);
  const auto draw = [&] { return static_cast<int64_t>(std::exp2(9.0 * static_cast<double>(random()) * 0x1p-32)); };
  std::vector<Product> all;
  for (int i = 0; i < shapes; ++i) {
    const int64_t m = draw(), n = draw(), k = draw();
    all.push_back({{m, n, k}, static_cast<uint32_t>(i % 4)});
  }
  return all;
}

void add_products(List &list, int threads) {
  add_listed(list, threads);
  if (threads > 1) return;
  add_large(list);
  add_cold(list);
  add_random(list);
}

// A few register tiles, their edges, every transpose, and the product of one sample.
void add_product_costs(List &list) {
  constexpr Product small[] = {{{16, 16, 16}, nn}, {{64, 64, 64}, nn}, {{32, 32, 32}, tn}, {{32, 32, 32}, nt},
                               {{32, 32, 32}, tt}, {{33, 47, 29}, nn}, {{1, 100, 300}, nn}};
  for (const Product &product : small)
    list.cases.push_back(case_of(product, Extent::costs, product.flags & LF_TRANSPOSE_A ? 0 : packed, {}));
}

} // namespace lanefold::bench
