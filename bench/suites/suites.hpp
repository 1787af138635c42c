// The one list of what is measured: problems, who enters for each, and what their ratios should be.
#pragma once

#include "../method/race.hpp"
#include "../products.hpp"
#include "../reference.hpp"

#include <lanefold/lanefold.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::bench {

// Where a process measures: everything in it has this instruction set and this number of threads.
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

enum class Part {
  quick, // in every run
  full,  // in full ones and in gates
  gates  // in gates alone
};

struct Race {
  std::string operation, sizes; // of the name, as its first entrant has it
  Part part;
  std::vector<Ratio> ratios;
  // A race is made once for each placement of memory.
  std::function<Field(const Setting &)> make;
  bool cold = false;
  int placements = 4;                   // 1 where memory is too large to have it four times
  double patience = 1;                  // times the seconds that a race may take
  std::vector<std::string> others = {}; // operations of its other entrants
  bool with_peers = false;
};

// A figure from the ratios of many races.
struct Summary {
  std::string name;
  enum Kind { geometric_mean, share_at_least } kind;
  std::vector<std::string> of; // names of ratios: all of them have to be there
  double threshold;            // of share_at_least
  Sense sense;
  double target;
  double least = 0; // values below count as this
};

struct List {
  std::vector<Race> races;
  std::vector<Summary> summaries;
};

// All that is measured with one instruction set and number of threads.
List list_of(const std::string &isa, int threads);

// Its parts; each adds to the list.
void add_limits(List &list);
void add_products(List &list, int threads);
void add_layers(List &list, int threads);
void add_activations(List &list, int threads);
void add_norms(List &list, int threads);
void add_networks(List &list, int threads);
void add_batches(List &list);
void add_price(List &list);
void add_trainer(List &list, int threads);

// 200 products with sizes spread evenly over the logarithms of 1 to 512.
std::vector<Product> random_products();

std::string suffix(int threads);         // "/threads:1"
std::string sizes(int64_t m, int64_t n); // "m:200/n:300"
std::string sizes(const Shape &shape);   // "m:200/n:300/k:784"
std::string brief(const Shape &shape);   // "200x300x784"
inline double product_of(const Shape &s) { return static_cast<double>(s.m * s.n * s.k); }

inline constexpr const char *activation_names[LF_ACTIVATION_COUNT] = {"identity", "relu", "leaky_relu", "elu",
                                                                      "selu",     "tanh", "logistic"}; // by code

// The layers of 784-300-100-10 at batch 200.
inline constexpr Shape reference_layers[] = {{200, 300, 784}, {200, 100, 300}, {200, 10, 100}};

// Of a result that is written to these arrays.
inline Check check(std::vector<Floats *> outputs, std::function<std::string()> fault) {
  return {[=] {
            for (Floats *output : outputs) std::fill(output->begin(), output->end(), NAN);
          },
          std::move(fault)};
}

// Collects the entrants of a race.
class Entrants {
public:
  explicit Entrants(const Setting &setting, std::shared_ptr<void> memory) : setting_(setting) {
    field_.memory = std::move(memory);
  }
  // Of Lanefold, or a limit.
  void add(const std::string &label, const std::string &operation, const std::string &sizes, Work work,
           std::function<void()> run, Check check = {}) {
    field_.entrants.push_back(
        {label, setting_.name(operation, sizes), work, {std::move(run), {}}, std::move(check), ""});
  }
  // Nothing, where the peer does not have the operation.  group: "peers", unless peers do it in several ways.
  void add_peer(const Peer &peer, const std::string &operation, const std::string &sizes, Work work, Operation run,
                Check check, const std::string &group = "peers") {
    if (!run) return;
    field_.entrants.push_back({group + ":" + peer.name(), setting_.name(operation, sizes) + "/peer:" + peer.name(),
                               work, std::move(run), std::move(check), group});
  }
  // The last one added stands for another group.
  void regroup(const std::string &group) { field_.entrants.back().group = group; }
  void add_peak(); // "peak": fused multiply-adds on one thread
  // "copies": of so many floats, in two ways.
  void add_copies(int64_t floats);
  // "read": of so many floats.
  void add_read(int64_t floats);
  Field take() { return std::move(field_); }

private:
  const Setting &setting_;
  Field field_;
};

} // namespace lanefold::bench
