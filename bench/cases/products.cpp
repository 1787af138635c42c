// Matrix products, plain and with packed weights, compared with peers and with the limits of the machine.
#include "cases.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace lanefold::bench {
namespace {

// Lanefold's own variants.
enum Variants { plain_only, with_packed };

struct ProductOperands {
  ProductOperands(const Product &of, Memory memory)
      : product(of), a(memory.random(of.shape.m * of.shape.k, 1)), b(memory.random(of.shape.k * of.shape.n, 2)),
        c(memory.floats(of.shape.m * of.shape.n)), packed_c(c), peer_c(c) {}
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
  lf_dense_infer_args packed_call(const Context &context) {
    auto pack = args<lf_pack_weights_args>();
    pack.flags = product.flags, pack.n = product.shape.n, pack.k = product.shape.k;
    pack.w = b.data(), pack.ldw = call().ldb;
    packed = context.pack_weights(pack);
    auto infer = args<lf_dense_infer_args>();
    infer.m = product.shape.m, infer.n = product.shape.n, infer.k = product.shape.k;
    infer.x = a.data(), infer.ldx = infer.k, infer.y = packed_c.data(), infer.ldy = infer.n;
    return infer;
  }

  Product product;
  Floats a, b, c, packed_c, peer_c;
  PackedWeights packed{nullptr};
};

// The reference result, computed once for all instances and variants.
using Expected = std::shared_ptr<Doubles>;

Verification verify_product(const std::shared_ptr<ProductOperands> &o, Floats &c, const Expected &expected) {
  return {{&c}, {}, [=, &c] {
            const auto [m, n, k] = o->product.shape;
            if (expected->empty())
              *expected = product(widened(o->a), o->product.flags & LF_TRANSPOSE_A, widened(o->b),
                                  o->product.flags & LF_TRANSPOSE_B, m, n, k);
            return find_mismatch("c", c, *expected, k + 1);
          }};
}

// The limits that a product is compared with, as a bit set.
enum Limits { no_limit = 0, peak = 1, reads = 2 };

void make_product(CaseBuilder &builder, const Product &product, int limits, const Expected &expected) {
  const auto o = builder.keep<ProductOperands>(product, builder.memory);
  const auto context = builder.setting.context;
  const bool packs = builder.of.variants.size() > 1, is_cold = builder.of.fields().cold;
  builder.add(
      "lanefold", [=, call = o->call()] { context->sgemm(call); }, verify_product(o, o->c, expected));
  if (packs)
    builder.add(
        "packed", [=, call = o->packed_call(*context)] { context->dense_infer(call, o->packed); },
        verify_product(o, o->packed_c, expected));
  for (const auto &peer : builder.setting.peers) {
    if (!builder.of.with_peers) break;
    const auto add = [&](const char *label, const Operation &run) {
      // evict_caches() does not reach the caches of another process.
      if (!is_cold || !run.time_calls) builder.add_peer(*peer, label, run, verify_product(o, o->peer_c, expected));
    };
    add("lanefold", peer->product(product, o->a.data(), o->b.data(), o->peer_c.data()));
    if (packs && product.flags == nn)
      add("packed", peer->packed_product(product.shape, o->a.data(), o->b.data(), o->peer_c.data()));
  }
  if (limits & peak) builder.add_peak();
  if (limits & reads) builder.add_read(product.shape.n * product.shape.k / 128 * 128);
}

bool same(const Shape &a, const Shape &b) { return a.m == b.m && a.n == b.n && a.k == b.k; }

template <size_t count> bool is_among(const Shape (&shapes)[count], const Product &product) {
  return std::any_of(std::begin(shapes), std::end(shapes), [&](const Shape &s) { return same(s, product.shape); });
}

// A quick run has time for these.
bool is_quick(const Product &product, int threads) {
  constexpr Shape one_thread[] = {{200, 300, 784}, {200, 100, 300}, {784, 300, 200}, {200, 300, 100},
                                  {1, 300, 784},   {16, 16, 16},    {256, 256, 256}, {4096, 64, 64}};
  constexpr Shape several_threads[] = {{200, 300, 784}, {256, 256, 256}};
  return threads == 1 ? is_among(one_thread, product) : is_among(several_threads, product);
}

// These have a target for their share of the peak.
bool is_large(const Product &product) {
  constexpr Shape large[] = {{200, 300, 784}, {784, 300, 200}, {200, 200, 200},   {256, 256, 256},
                             {333, 777, 555}, {512, 512, 512}, {1024, 1024, 1024}};
  return is_among(large, product);
}

Case product_case(const Product &product, Extent extent, Variants variants, int limits, std::vector<Ratio> ratios) {
  const auto [m, n, k] = product.shape;
  const Work work{2 * multiply_adds(product.shape), 4 * static_cast<double>(m * k + k * n + m * n),
                  static_cast<double>(m * n)};
  Fields fields;
  fields.family = fields.op = "gemm", fields.transpose = transposes[product.flags];
  fields = shaped(fields, product.shape);
  Case bench_case;
  bench_case.variants = {{"lanefold", fields, work, ""}};
  if (variants == with_packed) {
    fields.form = "packed";
    bench_case.variants.push_back({"packed", fields, work, ""});
  }
  bench_case.extent = extent;
  bench_case.ratios = std::move(ratios);
  bench_case.make = [=, expected = std::make_shared<Doubles>()](CaseBuilder &builder) {
    make_product(builder, product, limits, expected);
  };
  return bench_case;
}

const Ratio against_peers{"against-peers", Ratio::times, "peers", "lanefold"};

// Whether a case compares this set of products with peers.
std::function<bool(const Case &)> of_set(const std::string &set, bool with_target) {
  return [=](const Case &bench_case) {
    const Fields &fields = bench_case.fields();
    return fields.family == "gemm" && fields.set == set && !fields.cold &&
           std::any_of(bench_case.ratios.begin(), bench_case.ratios.end(), [&](const Ratio &ratio) {
             return ratio.quantity == against_peers.quantity && (ratio.sense != Sense::none) == with_target;
           });
  };
}

Summary summary_of(Summary::Kind kind, const std::string &set, std::function<bool(const Case &)> combines) {
  Fields fields;
  fields.family = fields.op = "gemm", fields.set = set;
  return {kind, against_peers.quantity, fields, std::move(combines), 0, Sense::at_least, 0};
}

void add_listed(List &list, int threads) {
  for (const Product &product : products) {
    const bool one = threads == 1, packs = !(product.flags & LF_TRANSPOSE_A);
    const Sense for_large = one && is_large(product) ? Sense::at_least : Sense::none;
    Ratio against = against_peers;
    against.sense = Sense::at_least, against.target = 0.98;
    std::vector<Ratio> ratios = {against, {"of-peak", Ratio::flops_share, "lanefold", "peak", for_large, 0.95}};
    if (packs) ratios.push_back({"of-peak", Ratio::flops_share, "packed", "peak", for_large, 0.97});
    if (product.flags == nn) ratios.push_back({"against-peers", Ratio::times, "packed-peers", "packed"});
    // One sample reads all weights once, so reading them is the limit.
    const bool reads_weights = product.shape.m == 1 && one;
    if (reads_weights) ratios.push_back({"of-read", Ratio::bytes_share, "packed", "read", Sense::at_least, 0.85});
    Case bench_case = product_case(product, is_quick(product, threads) ? Extent::quick : Extent::full,
                                   packs ? with_packed : plain_only, reads_weights ? peak | reads : peak, ratios);
    bench_case.with_peers = true;
    list.cases.push_back(bench_case);
  }
  Summary mean = summary_of(Summary::geometric_mean, "geometric-mean", of_set("", true));
  mean.target = threads == 1 ? 1.05 : 1.15;
  list.summaries.push_back(mean);
}

// Further products that have a target for their share of the peak.
void add_large(List &list) {
  constexpr Product large[] = {{{200, 200, 200}, nn},
                               {{256, 256, 256}, nt},
                               {{333, 777, 555}, nn},
                               {{512, 512, 512}, nn},
                               {{1024, 1024, 1024}, nt}};
  for (const Product &product : large)
    list.cases.push_back(product_case(product, Extent::full, with_packed, peak,
                                      {{"of-peak", Ratio::flops_share, "lanefold", "peak", Sense::at_least, 0.95},
                                       {"of-peak", Ratio::flops_share, "packed", "peak", Sense::at_least, 0.97}}));
}

void add_random(List &list) {
  for (const Product &product : random_products()) {
    Case bench_case = product_case(product, Extent::gates, plain_only, no_limit, {against_peers});
    bench_case.variants.front().fields.set = "random";
    bench_case.time_weight = 0.05, bench_case.with_peers = true;
    list.cases.push_back(bench_case);
  }
  Summary fast = summary_of(Summary::share_at_least, "share", of_set("random", false));
  fast.threshold = 0.98, fast.target = 0.9;
  list.summaries.push_back(fast);
}

// One sample with cold caches: the cost of the first prediction after a pause.
void add_cold(List &list) {
  Case bench_case = product_case({{1, 300, 784}, nn}, Extent::full, with_packed, no_limit, {against_peers});
  for (Variant &variant : bench_case.variants) variant.fields.cold = true;
  bench_case.with_peers = true;
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

void add_product_costs(List &list, const Product &product) {
  list.cases.push_back(
      product_case(product, Extent::costs, product.flags & LF_TRANSPOSE_A ? plain_only : with_packed, no_limit, {}));
}

} // namespace lanefold::bench
