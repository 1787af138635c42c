// The cost of determinism: matrix products with one chain of multiply-adds for each element, relative to kernels that
// may sum in any order (bench/determinism_cost/any_order.cpp).  The shapes are those of the other gates.
#include "suites.hpp"

#include "../method/machine.hpp"

#include <cmath>

namespace lanefold::bench {
namespace {

struct DeterminismOperands {
  explicit DeterminismOperands(const Product &p)
      : a(random_floats(p.shape.m * p.shape.k, 1)), b(random_floats(p.shape.k * p.shape.n, 2)),
        c(static_cast<size_t>(p.shape.m * p.shape.n)), any_order_c(c) {
    const auto [m, n, k] = p.shape;
    one_chain.flags = p.flags, one_chain.m = m, one_chain.n = n, one_chain.k = k, one_chain.alpha = 1;
    one_chain.a = a.data(), one_chain.lda = p.flags & LF_TRANSPOSE_A ? m : k;
    one_chain.b = b.data(), one_chain.ldb = p.flags & LF_TRANSPOSE_B ? k : n;
    one_chain.c = c.data(), one_chain.ldc = n;
    any_order = one_chain;
    any_order.c = any_order_c.data();
  }
  std::string mismatch(const Floats &values) const {
    const bool ta = one_chain.flags & LF_TRANSPOSE_A, tb = one_chain.flags & LF_TRANSPOSE_B;
    return find_mismatch("c", values, product(widened(a), ta, widened(b), tb, one_chain.m, one_chain.n, one_chain.k),
                         one_chain.k + 1);
  }

  Floats a, b, c, any_order_c;
  lf_sgemm_args one_chain = args<lf_sgemm_args>(), any_order = args<lf_sgemm_args>();
};

std::shared_ptr<const Context> any_order_context(const std::string &isa) {
  auto options = args<lf_context_options>();
  const std::string name = "any-order-" + isa, folder = module_folder("determinism_cost");
  options.isa = name.c_str(), options.plugin_path = folder.c_str(), options.threads = 1;
  return std::make_shared<const Context>(options);
}

CaseInstance make(const Setting &setting, const Product &product) {
  static const std::shared_ptr<const Context> other = any_order_context(setting.isa);
  const auto operands = std::make_shared<DeterminismOperands>(product);
  CaseBuilder builder(setting, operands);
  const Work work{2 * multiply_adds(product.shape), 0, 0};
  const std::string size = sizes(product.shape), which = transposes[product.flags];
  builder.add(
      "one-chain", "determinism/one_chain_" + which, size, work,
      [=, context = setting.context] { context->sgemm(operands->one_chain); },
      verification({&operands->c}, [=] { return operands->mismatch(operands->c); }));
  builder.add(
      "any-order", "determinism/any_order_" + which, size, work, [=] { other->sgemm(operands->any_order); },
      verification({&operands->any_order_c}, [=] { return operands->mismatch(operands->any_order_c); }));
  return builder.take();
}

void add(List &list, const Product &product, const std::string &name, double time_weight, Summary &mean) {
  Case bench_case{std::string("determinism/one_chain_") + transposes[product.flags],
                  sizes(product.shape),
                  Extent::gates,
                  {{name, Ratio::times, "one-chain", "any-order"}},
                  [=](const Setting &setting) { return make(setting, product); }};
  bench_case.time_weight = time_weight, bench_case.placements = 1;
  list.cases.push_back(bench_case);
  mean.of.push_back(name);
}

} // namespace

void add_determinism(List &list) {
  if (!has_module_folder("determinism_cost")) return; // an installed program has no such plugins
  constexpr Product one_sample[] = {{{1, 100, 300}, nn}, {{1, 10, 100}, nn}};
  Summary all{"determinism/geometric-mean", Summary::geometric_mean, {}, 0, Sense::at_most, 1.03, 1}, random = all;
  for (const Product &product : products) add(list, product, "determinism/" + name_of(product), 0.3, all);
  for (const Product &product : one_sample) add(list, product, "determinism/" + name_of(product), 0.3, all);
  random.name = "determinism/random";
  for (const Product &product : random_products())
    add(list, product, "determinism/random/" + name_of(product), 0.05, random);
  list.summaries.push_back(all);
  list.summaries.push_back(random);
}

} // namespace lanefold::bench
