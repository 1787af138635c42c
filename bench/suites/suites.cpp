// The whole list, and what its families share: names and the builder of variants.
#include "suites.hpp"

#include <algorithm>
#include <cmath>

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

Verification verification(std::vector<Floats *> outputs, std::function<std::string()> mismatch) {
  return {[=] {
            for (Floats *output : outputs) std::fill(output->begin(), output->end(), NAN);
          },
          std::move(mismatch)};
}

CaseBuilder::CaseBuilder(const Setting &setting, std::shared_ptr<void> memory) : setting_(setting) {
  instance_.memory = std::move(memory);
}

void CaseBuilder::add(const std::string &label, const std::string &operation, const std::string &sizes, Work work,
                      std::function<void()> run, Verification verification) {
  instance_.variants.push_back(
      {label, setting_.name(operation, sizes), work, {std::move(run), {}}, std::move(verification), ""});
}

void CaseBuilder::add_peer(const Peer &peer, const std::string &operation, const std::string &sizes, Work work,
                           Operation run, Verification verification, const std::string &group) {
  if (!run) return;
  instance_.variants.push_back({group + ":" + peer.name(), setting_.name(operation, sizes) + "/peer:" + peer.name(),
                                work, std::move(run), std::move(verification), group});
}

namespace {

// The targets hold for one thread and for two.
void remove_targets(List &list) {
  for (Case &bench_case : list.cases)
    for (Ratio &ratio : bench_case.ratios) ratio.sense = Sense::none;
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
  if (threads == 1) add_calls(list, isa);
  if (threads == 1 && isa != "portable") add_determinism(list);
  add_trainer(list, threads);
  if (threads > 2) remove_targets(list);
  return list;
}

List list_of_costs() {
  List list;
  add_product_costs(list);
  add_layer_costs(list);
  add_activation_costs(list);
  add_norm_costs(list);
  add_update_costs(list);
  add_network_costs(list);
  return list;
}

} // namespace lanefold::bench
