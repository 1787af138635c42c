// The whole list, and what its families share: how a case is found and how its instances are made.
#include "cases.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace lanefold::bench {

std::shared_ptr<const Context> make_context(const std::string &isa, int threads) {
  auto options = args<lf_context_options>();
  options.isa = isa.c_str();
  options.threads = threads;
  return std::make_shared<const Context>(options);
}

Fields shaped(Fields fields, const Shape &shape) {
  fields.m = shape.m, fields.n = shape.n, fields.k = shape.k;
  return fields;
}

// ------------------------------------------------------------------------------------------------------------ cases

namespace {

const Variant *find(const std::vector<Variant> &variants, const std::string &label) {
  const auto found = std::find_if(variants.begin(), variants.end(), [&](const Variant &v) { return v.label == label; });
  return found == variants.end() ? nullptr : &*found;
}

} // namespace

bool Case::has(const std::string &label) const { return find(variants, label) != nullptr; }

const Variant &Case::variant(const std::string &label) const {
  const Variant *found = find(variants, label);
  if (found == nullptr) throw std::logic_error(name() + " has no variant " + label);
  return *found;
}

Variant Case::of_peer(const Variant &variant, const std::string &peer) const {
  Variant other = variant;
  other.group = (variant.label == variants.front().label ? "" : variant.label + "-") + "peers";
  other.label = other.group + ":" + peer;
  other.fields.peer = peer;
  return other;
}

const Fields &Case::subject(const Ratio &ratio) const {
  for (const std::string &label : {ratio.numerator, ratio.denominator})
    if (const Variant *own = find(variants, label)) return own->fields;
  throw std::logic_error(name() + " compares none of its own variants");
}

void CaseBuilder::add(const std::string &label, std::function<void()> run, Verification verification) {
  instance_.variants.push_back({of.variant(label), {std::move(run), {}}, std::move(verification)});
}

void CaseBuilder::add_peer(const Peer &peer, const std::string &label, Operation run, Verification verification) {
  if (run)
    instance_.variants.push_back({of.of_peer(of.variant(label), peer.name()), std::move(run), std::move(verification)});
}

CaseInstance make_instance(const Setting &setting, const Case &of, Memory memory) {
  CaseBuilder builder(setting, of, memory);
  of.make(builder);
  return builder.take();
}

// ------------------------------------------------------------------------------------------------------------ lists

namespace {

// The targets hold for one thread and for two.
void remove_targets(List &list) {
  for (Case &bench_case : list.cases)
    for (Ratio &ratio : bench_case.ratios) ratio.sense = Sense::none;
  for (Summary &summary : list.summaries) summary.sense = Sense::none;
}

// All cases of a list have the conditions of its process.
List complete(List list, const std::string &isa, int threads) {
  for (Case &bench_case : list.cases)
    for (Variant &variant : bench_case.variants) variant.fields.isa = isa, variant.fields.threads = threads;
  for (Summary &summary : list.summaries) summary.fields.isa = isa, summary.fields.threads = threads;
  return list;
}

} // namespace

List list_of(const std::string &isa, int threads) {
  List list;
  if (threads == 1) add_limits(list);
  add_products(list, threads);
  add_layers(list, threads);
  add_activations(list, threads);
  add_norms(list, threads);
  if (threads == 1) add_parts(list);
  add_networks(list, threads);
  if (threads == 1) add_updates(list);
  if (threads == 1) add_batches(list);
  if (threads == 1) add_calls(list, isa);
  if (threads == 1 && isa != "portable") add_determinism(list);
  add_trainer(list, threads);
  if (threads > 2) remove_targets(list);
  return complete(std::move(list), isa, threads);
}

List list_of_costs(const std::string &isa, const std::vector<Shape> &shapes) {
  List list;
  for (const Shape &shape : shapes) {
    for (const uint32_t flags : {nn, tn, nt, tt}) add_product_costs(list, {shape, flags});
    add_layer_costs(list, shape);
    add_norm_costs(list, shape.m, shape.n);
  }
  if (!shapes.empty()) return complete(std::move(list), isa, 1);
  // A few register tiles, their edges, every transpose, and the product of one sample.
  constexpr Product small[] = {{{16, 16, 16}, nn}, {{64, 64, 64}, nn}, {{32, 32, 32}, tn}, {{32, 32, 32}, nt},
                               {{32, 32, 32}, tt}, {{33, 47, 29}, nn}, {{1, 100, 300}, nn}};
  for (const Product &product : small) add_product_costs(list, product);
  add_layer_costs(list, {16, 48, 64});
  add_activation_costs(list);
  add_norm_costs(list, 32, 48);
  add_update_costs(list);
  add_network_costs(list);
  return complete(std::move(list), isa, 1);
}

// -------------------------------------------------------------------------------------------------------- selection

namespace {

bool has_gate(const Case &bench_case) {
  return std::any_of(bench_case.ratios.begin(), bench_case.ratios.end(),
                     [](const Ratio &ratio) { return ratio.sense != Sense::none; });
}

bool is_included(const Case &bench_case, Extent extent) {
  switch (extent) {
  case Extent::quick: return bench_case.extent == Extent::quick;
  case Extent::full: return bench_case.extent != Extent::gates;
  case Extent::kernels:
  case Extent::costs: return true;
  default: return bench_case.extent == Extent::gates || has_gate(bench_case);
  }
}

// A case learns only when it runs which peers are present, so this tries all possible peers.
bool matches(const Case &bench_case, const Where &where, const std::regex &pattern) {
  const auto found = [&](const Fields &fields, const std::string &name) {
    return where.holds(fields) && std::regex_search(name, pattern);
  };
  for (const Variant &variant : bench_case.variants) {
    if (found(variant.fields, variant.name())) return true;
    for (const std::string &peer : peer_names())
      if (bench_case.with_peers) {
        const Variant other = bench_case.of_peer(variant, peer);
        if (found(other.fields, other.name())) return true;
      }
  }
  return std::any_of(bench_case.ratios.begin(), bench_case.ratios.end(),
                     [&](const Ratio &ratio) { return found(bench_case.subject(ratio), bench_case.name(ratio)); });
}

} // namespace

std::vector<Case> select_cases(const List &list, Extent extent, const Filter &filter) {
  const std::regex pattern = filter.regex();
  std::vector<const Summary *> wanted;
  for (const Summary &summary : list.summaries)
    if (extent == Extent::gates && filter.where.holds(summary.fields) && std::regex_search(summary.name(), pattern))
      wanted.push_back(&summary);
  std::vector<Case> cases;
  for (const Case &bench_case : list.cases) {
    const bool is_needed = std::any_of(wanted.begin(), wanted.end(),
                                       [&](const Summary *summary) { return summary->combines(bench_case); });
    if (is_needed || (is_included(bench_case, extent) && matches(bench_case, filter.where, pattern)))
      cases.push_back(bench_case);
  }
  return cases;
}

} // namespace lanefold::bench
