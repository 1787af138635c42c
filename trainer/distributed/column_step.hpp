// The step of a training whose layers are divided among ranks by columns: each rank has all rows of a batch, and some
// units of each layer.  So no sum over the rows crosses a rank.  In a step, ranks exchange outputs and dz, but no weights.
// It gives the bits of one rank.
#pragma once

#include "trainer/distributed/division.hpp"
#include "trainer/training/step.hpp"

namespace lanefold::trainer {

class ColumnStep : public Step {
public:
  // Keeps references.
  ColumnStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size,
             Objective objective, Ranks &ranks);

  Result run(const Batch &batch, int64_t batch_rows, bool stops) override;
  void assemble() override;

private:
  // A part of the parameters, with its optimizer state and the memory of a step.
  struct Parameters {
    Network network;
  };
  class Part : public Parameters, public Step {
  public:
    Part(const Context &context, Network part, const Optimizer &optimizer, int64_t rows)
        : Parameters{std::move(part)}, Step(context, network, optimizer, rows, {}, true) {}
    Result run(const Batch &, int64_t, bool) override { throw std::logic_error("a part takes no step"); }
    using Step::buffers_, Step::matrix, Step::state_, Step::update, Step::update_vectors;
  };

  // The units of a layer that this rank has.
  Share units(size_t layer) const { return share_of(network_.layers[layer].outputs, ranks_.count(), ranks_.rank()); }
  // Calls visit(array of the network, array of this rank's units, rows) for the parameters, statistics and optimizer state
  // of a layer.
  template <class Visit> void for_arrays(size_t layer, const Visit &visit);
  // Takes this rank's parts from the network and the optimizer state.
  void cut();
  // Gives each rank the parts of the others.
  void exchange_parameters();
  // Throws std::runtime_error, which names a rank, if two ranks have computed different weights.
  void compare();
  Result take(const Batch &batch, int64_t batch_rows, bool stops);
  void forward(size_t layer, ConstMatrix x);
  // Replaces dy of this rank's units of a layer by dz.
  void make_dz(size_t layer, int64_t m);
  // Gives each rank the columns of the others: mine has rows x units, and all has rows x n.  If flag is not NULL, it
  // becomes true when that of any rank is.
  void exchange(const float *mine, float *all, int64_t rows, int64_t n, bool *flag = nullptr);

  Ranks &ranks_;
  Part columns_;              // this rank's units of each layer
  Part rows_;                 // of each layer but the first: the rows of w for this rank's units of the layer below
  std::vector<LazyFloats> h_; // of each layer: the input of the activation, if its derivative needs it
  std::vector<float> sums_, sent_;
  std::vector<std::vector<float>> received_; // from each rank
  bool is_cut_ = false;                      // the parts are newer than the network
};

} // namespace lanefold::trainer
