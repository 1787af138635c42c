// Names, and the list from its parts.
#include "suites.hpp"

namespace lanefold::bench {

std::shared_ptr<const Context> make_context(const std::string &isa, int threads) {
  auto options = args<lf_context_options>();
  options.isa = isa.c_str();
  options.threads = threads;
  return std::make_shared<const Context>(options);
}

std::string suffix(int threads) { return "/threads:" + std::to_string(threads); }
std::string sizes(int64_t m, int64_t n) { return "m:" + std::to_string(m) + "/n:" + std::to_string(n); }
std::string sizes(const Shape &shape) { return sizes(shape.m, shape.n) + "/k:" + std::to_string(shape.k); }
std::string brief(const Shape &shape) {
  return std::to_string(shape.m) + "x" + std::to_string(shape.n) + "x" + std::to_string(shape.k);
}

namespace {

// What is promised is promised for one thread and for two.
void forget_targets(List &list) {
  for (Race &race : list.races)
    for (Ratio &ratio : race.ratios) ratio.sense = Sense::none;
  for (Summary &summary : list.summaries) summary.sense = Sense::none;
}

} // namespace

List list_of(const std::string &isa, int threads) {
  List list;
  if (threads == 1) add_limits(list);
  add_products(list, threads);
  add_layers(list, threads);
  add_activations(list, threads);
  add_norms(list, threads);
  add_networks(list, threads);
  if (threads == 1) add_batches(list);
  if (threads == 1 && isa != "portable") add_price(list);
  add_trainer(list, threads);
  if (threads > 2) forget_targets(list);
  return list;
}

} // namespace lanefold::bench
