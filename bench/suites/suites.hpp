// The one list of what is measured: the cases, the variants of each, and the targets of their ratios.
#pragma once

#include "../method/case.hpp"
#include "../products.hpp"
#include "../reference.hpp"

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

  // "gemm/nn/isa:avx512/m:1/n:300/k:784/threads:1"
  std::string name(const std::string &operation, const std::string &sizes) const {
    return operation + "/isa:" + isa + (sizes.empty() ? "" : "/" + sizes) + "/threads:" + std::to_string(threads);
  }
};

std::shared_ptr<const Context> make_context(const std::string &isa, int threads);

// What a run measures: the most important cases, all of them, those that have a target, the microkernels, or cases that
// are small enough to count their instructions one by one.
enum class Extent { quick, full, gates, kernels, costs };

struct Case {
  std::string operation, sizes; // parts of its name, which is that of its first variant
  Extent extent;                // quick: part of quick and full runs; full: of full runs; others: only of these
  std::vector<Ratio> ratios;
  // Makes all variants, once for each placement of memory.
  std::function<CaseInstance(const Setting &)> make;
  bool cold = false;
  int placements = 4;                             // 1 if the memory is too large to have it four times
  double time_weight = 1;                         // share of the time, relative to an ordinary case
  std::vector<std::string> other_operations = {}; // of its other variants
  bool with_peers = false;
};

// A number that combines the ratios of many cases.
struct Summary {
  std::string name;
  enum Kind { geometric_mean, share_at_least } kind;
  std::vector<std::string> of; // names of ratios; the summary needs all of them
  double threshold;            // for share_at_least
  Sense sense;
  double target;
  double minimum = 0; // smaller ratios count as this
};

struct List {
  std::vector<Case> cases;
  std::vector<Summary> summaries;
};

// Everything that is timed with one instruction set and number of threads, except for the microkernels.
List list_of(const std::string &isa, int threads);
List list_of_microkernels(const std::string &isa);
// Small cases of every operation, on one thread.  Some of them are also in list_of().
List list_of_costs();

// Each of these adds one family to the list.
void add_limits(List &list);
void add_products(List &list, int threads);
void add_layers(List &list, int threads);
void add_activations(List &list, int threads);
void add_norms(List &list, int threads);
void add_networks(List &list, int threads);
void add_batches(List &list);
void add_calls(List &list, const std::string &isa);
void add_determinism(List &list);
void add_trainer(List &list, int threads);

// Each of these adds one family to the list of costs.
void add_product_costs(List &list);
void add_layer_costs(List &list);
void add_activation_costs(List &list);
void add_norm_costs(List &list);
void add_network_costs(List &list);
void add_update_costs(List &list);

// 200 matrix products.  The logarithms of their sizes are uniform over those of 1 to 512.
std::vector<Product> random_products();

std::string suffix(int threads);         // "/threads:1"
std::string sizes(int64_t m, int64_t n); // "m:200/n:300"
std::string sizes(const Shape &shape);   // "m:200/n:300/k:784"
std::string brief(const Shape &shape);   // "200x300x784"
inline double multiply_adds(const Shape &s) { return static_cast<double>(s.m * s.n * s.k); }

inline constexpr const char *activation_names[LF_ACTIVATION_COUNT] = {"identity", "relu", "leaky-relu", "elu",
                                                                      "selu",     "tanh", "logistic"}; // by code

// The layers of 784-300-100-10 at batch 200.
inline constexpr Shape reference_layers[] = {{200, 300, 784}, {200, 100, 300}, {200, 10, 100}};

// The verification of a result that is written to these arrays.
Verification verification(std::vector<Floats *> outputs, std::function<std::string()> mismatch);

// Builds the variants of a case.
class CaseBuilder {
public:
  CaseBuilder(const Setting &setting, std::shared_ptr<void> memory);
  // Adds a variant of Lanefold, or a limit.
  void add(const std::string &label, const std::string &operation, const std::string &sizes, Work work,
           std::function<void()> run, Verification verification = {});
  // Adds the variant of a peer, unless the peer lacks the operation.
  void add_peer(const Peer &peer, const std::string &operation, const std::string &sizes, Work work, Operation run,
                Verification verification, const std::string &group = "peers");
  void add_peak();                // "peak": fused multiply-adds on one thread
  void add_copies(int64_t count); // the group "copies": copies of `count` floats, with plain and with streaming stores
  void add_read(int64_t count);   // "read": reads `count` floats
  CaseInstance take() { return std::move(instance_); }

private:
  const Setting &setting_;
  CaseInstance instance_;
};

} // namespace lanefold::bench
