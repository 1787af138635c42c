// The cost of determinism: matrix products with one chain of multiply-adds for each element, relative to kernels that
// may sum in any order (bench/plugins/determinism/any_order.cpp).  The shapes are those of the other gates.
#include "cases.hpp"

#include "../timing/machine.hpp"

#include <cmath>

namespace lanefold::bench {
namespace {

struct DeterminismOperands {
  DeterminismOperands(const Product &p, Memory memory)
      : a(memory.random(p.shape.m * p.shape.k, 1)), b(memory.random(p.shape.k * p.shape.n, 2)),
        c(memory.floats(p.shape.m * p.shape.n)), any_order_c(c) {
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
  const std::string name = "any-order-" + isa, folder = module_folder("plugins/determinism");
  options.isa = name.c_str(), options.plugin_path = folder.c_str(), options.threads = 1;
  return std::make_shared<const Context>(options);
}

void make_determinism(CaseBuilder &builder, const Product &product) {
  const auto operands = builder.keep<DeterminismOperands>(product, builder.memory);
  builder.add("one_chain", [=, context = builder.setting.context] { context->sgemm(operands->one_chain); },
              {{&operands->c}, {}, [=] { return operands->mismatch(operands->c); }});
  builder.add("any_order",
              [=, context = any_order_context(builder.setting.isa)] { context->sgemm(operands->any_order); },
              {{&operands->any_order_c}, {}, [=] { return operands->mismatch(operands->any_order_c); }});
}

Case determinism_case(const Product &product, const std::string &set, double time_weight) {
  Case bench_case;
  for (const char *form : {"one_chain", "any_order"}) {
    Fields fields;
    fields.family = "determinism", fields.op = "gemm", fields.form = form, fields.set = set;
    fields.transpose = transposes[product.flags];
    bench_case.variants.push_back({form, shaped(fields, product.shape), {2 * multiply_adds(product.shape), 0, 0}, ""});
  }
  bench_case.extent = Extent::gates;
  bench_case.ratios = {{"over-any-order", Ratio::times, "one_chain", "any_order"}};
  bench_case.make = [=](CaseBuilder &builder) { make_determinism(builder, product); };
  bench_case.time_weight = time_weight;
  return bench_case;
}

// The geometric mean over the cases of this set.
Summary determinism_summary(const std::string &name, const std::string &set) {
  Fields fields;
  fields.family = "determinism", fields.op = "gemm", fields.set = name;
  const auto combines = [=](const Case &bench_case) {
    return bench_case.fields().family == "determinism" && bench_case.fields().set == set;
  };
  return {Summary::geometric_mean, "over-any-order", fields, combines, 0, Sense::at_most, 1.03, 1};
}

} // namespace

void add_determinism(List &list) {
  if (!has_module_folder("plugins/determinism")) return; // an installed program has no such plugins
  constexpr Product one_sample[] = {{{1, 100, 300}, nn}, {{1, 10, 100}, nn}};
  for (const Product &product : products) list.cases.push_back(determinism_case(product, "", 0.3));
  for (const Product &product : one_sample) list.cases.push_back(determinism_case(product, "", 0.3));
  for (const Product &product : random_products()) list.cases.push_back(determinism_case(product, "random", 0.05));
  list.summaries.push_back(determinism_summary("geometric-mean", ""));
  list.summaries.push_back(determinism_summary("random-mean", "random"));
}

} // namespace lanefold::bench
