// The price of one chain: products against kernels that may cut k into several chains or sum along it
// (bench/price/unchained.cpp), on the shapes of the other gates.
#include "suites.hpp"

#include "../method/machine.hpp"

#include <cmath>

namespace lanefold::bench {
namespace {

struct Operands {
  explicit Operands(const Product &p)
      : a(random_floats(p.shape.m * p.shape.k, 1)), b(random_floats(p.shape.k * p.shape.n, 2)),
        c(static_cast<size_t>(p.shape.m * p.shape.n)), unchained_c(c) {
    const auto [m, n, k] = p.shape;
    chained.flags = p.flags, chained.m = m, chained.n = n, chained.k = k, chained.alpha = 1;
    chained.a = a.data(), chained.lda = p.flags & LF_TRANSPOSE_A ? m : k;
    chained.b = b.data(), chained.ldb = p.flags & LF_TRANSPOSE_B ? k : n;
    chained.c = c.data(), chained.ldc = n;
    unchained = chained;
    unchained.c = unchained_c.data();
  }
  std::string fault(const Floats &values) const {
    const bool ta = chained.flags & LF_TRANSPOSE_A, tb = chained.flags & LF_TRANSPOSE_B;
    return compare("c", values, product(widened(a), ta, widened(b), tb, chained.m, chained.n, chained.k),
                   chained.k + 1);
  }

  Floats a, b, c, unchained_c;
  lf_sgemm_args chained = args<lf_sgemm_args>(), unchained = args<lf_sgemm_args>();
};

std::shared_ptr<const Context> unchained_context(const std::string &isa) {
  auto options = args<lf_context_options>();
  const std::string name = "unchained-" + isa, folder = module_folder("price");
  options.isa = name.c_str(), options.plugin_path = folder.c_str(), options.threads = 1;
  return std::make_shared<const Context>(options);
}

Field make(const Setting &setting, const Product &product) {
  static const std::shared_ptr<const Context> other = unchained_context(setting.isa);
  const auto operands = std::make_shared<Operands>(product);
  Entrants entrants(setting, operands);
  const Work work{2 * product_of(product.shape), 0, 0};
  const std::string size = sizes(product.shape), which = transposes[product.flags];
  entrants.add(
      "chain", "price/chain_" + which, size, work,
      [=, context = setting.context] { context->sgemm(operands->chained); },
      check({&operands->c}, [=] { return operands->fault(operands->c); }));
  entrants.add(
      "unchained", "price/unchained_" + which, size, work, [=] { other->sgemm(operands->unchained); },
      check({&operands->unchained_c}, [=] { return operands->fault(operands->unchained_c); }));
  return entrants.take();
}

void add(List &list, const Product &product, const std::string &name, double patience, Summary &mean) {
  Race race{std::string("price/chain_") + transposes[product.flags],
            sizes(product.shape),
            Part::gates,
            {{name, Ratio::times, "chain", "unchained"}},
            [=](const Setting &setting) { return make(setting, product); }};
  race.patience = patience, race.placements = 1;
  list.races.push_back(race);
  mean.of.push_back(name);
}

} // namespace

void add_price(List &list) {
  constexpr Product one_sample[] = {{{1, 100, 300}, nn}, {{1, 10, 100}, nn}};
  Summary all{"price/products", Summary::geometric_mean, {}, 0, Sense::at_most, 1.03, 1}, random = all;
  for (const Product &product : products) add(list, product, "price/" + name_of(product), 0.3, all);
  for (const Product &product : one_sample) add(list, product, "price/" + name_of(product), 0.3, all);
  random.name = "price/random";
  for (const Product &product : random_products()) add(list, product, "price/random/" + name_of(product), 0.05, random);
  list.summaries.push_back(all);
  list.summaries.push_back(random);
}

} // namespace lanefold::bench
