// The one table of what is measured: the cases, the variants of each, and the targets of their ratios.
#pragma once

#include "../products.hpp"
#include "../reference.hpp"
#include "../timing/case.hpp"
#include "where.hpp"

#include <lanefold/lanefold.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::bench {

// The conditions of one process.  All its measurements have this instruction set and this number of threads.
struct Setting {
  std::string isa;
  int threads;
  std::shared_ptr<const Context> context;
  std::vector<std::unique_ptr<Peer>> peers;
  std::string folder; // for temporary files; "" if there is none
};

std::shared_ptr<const Context> make_context(const std::string &isa, int threads);

// What a run measures: the most important cases, all of them, those that have a target, the microkernels, or what a
// call costs, counted.
enum class Extent { quick, full, gates, kernels, costs };

class CaseBuilder;

struct Case {
  std::vector<Variant> variants; // Lanefold's own, without peers and limits; the first one names the case
  Extent extent = Extent::full;  // quick: part of quick and full runs; full: of full runs; others: only of these
  std::vector<Ratio> ratios;
  std::function<void(CaseBuilder &)> make; // makes all variants
  bool with_peers = false;
  double time_weight = 1; // share of the time, relative to an ordinary case

  const Fields &fields() const { return variants.front().fields; }
  std::string name() const { return name_of(fields()); }
  const Variant &variant(const std::string &label) const; // it exists
  bool has(const std::string &label) const;
  // What a peer does instead of one of the variants.  Its group is "peers" for the first variant, and "LABEL-peers" for
  // the others.
  Variant of_peer(const Variant &variant, const std::string &peer) const;
  // The fields of a ratio are those of its subject: the numerator, unless it is a peer or a limit.
  const Fields &subject(const Ratio &ratio) const;
  std::string name(const Ratio &ratio) const { return ratio.quantity + "/" + name_of(subject(ratio)); }
};

// A number that combines a ratio of many cases.
struct Summary {
  enum Kind { geometric_mean, share_at_least } kind;
  std::string quantity;
  Fields fields; // of the summary; its set names it
  std::function<bool(const Case &)> combines;
  double threshold; // for share_at_least
  Sense sense;
  double target;
  double minimum = 0; // smaller ratios count as this

  std::string name() const { return quantity + "/" + name_of(fields); }
};

struct List {
  std::vector<Case> cases;
  std::vector<Summary> summaries;
};

// Everything that is timed with one instruction set and number of threads, except for the microkernels.
List list_of(const std::string &isa, int threads);
List list_of_microkernels(const std::string &isa);
// On one thread: products, layers and normalizations of these shapes, or else small cases of every operation.
List list_of_costs(const std::string &isa, const std::vector<Shape> &shapes);

// The cases of a list that a run of this extent has and that the filter selects, by the fields and names of their
// variants and by the names of their ratios.  The ratios that a summary needs come with it.
std::vector<Case> select_cases(const List &list, Extent extent, const Filter &filter);

// Each of these adds one family to the list.
void add_limits(List &list);
void add_products(List &list, int threads);
void add_layers(List &list, int threads);
void add_activations(List &list, int threads);
void add_norms(List &list, int threads);
void add_parts(List &list);
void add_networks(List &list, int threads);
void add_updates(List &list);
void add_batches(List &list);
void add_calls(List &list, const std::string &isa);
void add_determinism(List &list);
void add_trainer(List &list, int threads);

// Each of these adds to the list of costs.
void add_product_costs(List &list, const Product &product);
void add_layer_costs(List &list, const Shape &shape);
void add_activation_costs(List &list);
void add_norm_costs(List &list, int64_t m, int64_t n);
void add_network_costs(List &list);
void add_update_costs(List &list);

// 200 matrix products.  The logarithms of their sizes are uniform over those of 1 to 512.
std::vector<Product> random_products();

inline double multiply_adds(const Shape &s) { return static_cast<double>(s.m * s.n * s.k); }
Fields shaped(Fields fields, const Shape &shape); // with m, n and k

inline constexpr const char *activation_names[LF_ACTIVATION_COUNT] = {
    "",      "relu",     "leaky-relu",   "elu",  "selu",       "tanh", "logistic",
    "relu6", "softplus", "hard-sigmoid", "silu", "hard-swish", "gelu", "gelu-tanh"}; // by code

// Quick runs time the activations up to this one, by code.  Exact costs have all of them.
inline constexpr int32_t last_in_quick_runs = LF_LOGISTIC;

// The alpha that activations have here.
inline float alpha_of(int32_t activation) {
  return activation == LF_LEAKY_RELU ? 0.01f : activation == LF_HARD_SIGMOID ? 1.0f / 6 : 1.0f;
}

// The layers of 784-300-100-10 at batch 200.
inline constexpr Shape reference_layers[] = {{200, 300, 784}, {200, 100, 300}, {200, 10, 100}};

// Makes an instance of a case.
class CaseBuilder {
public:
  CaseBuilder(const Setting &conditions, const Case &from, Memory place)
      : setting(conditions), of(from), memory(place) {}

  const Setting &setting;
  const Case &of;
  const Memory memory;

  // Makes operands that live as long as the instance.
  template <class T, class... Arguments> std::shared_ptr<T> keep(Arguments &&...arguments) {
    auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    instance_.operands =
        std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>>(std::move(instance_.operands), made);
    return made;
  }
  // Adds one of the case's own variants.
  void add(const std::string &label, std::function<void()> run, Verification verification = {});
  // Adds what a peer does instead of one of the case's own variants, unless the peer lacks it.
  void add_peer(const Peer &peer, const std::string &label, Operation run, Verification verification);
  void add_peak();                // "peak": fused multiply-adds on one thread
  void add_copies(int64_t count); // the group "copies": copies of `count` floats, with plain and with streaming stores
  void add_read(int64_t count);   // "read": reads `count` floats
  CaseInstance take() { return std::move(instance_); }

private:
  void add_limit(Variant variant, VariantInstance rest); // rest: its operation and verification

  CaseInstance instance_;
};

// An instance of the case on this placement.
CaseInstance make_instance(const Setting &setting, const Case &of, Memory memory);

} // namespace lanefold::bench
