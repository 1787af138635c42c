// The step of a training whose batches are divided among ranks.  It gives the bits of one rank: each sum over the rows of
// a batch is one chain, which the ranks carry on in their order.
#pragma once

#include "trainer/distributed/batch_statistics.hpp"
#include "trainer/training/step.hpp"

#include <deque>

namespace lanefold::trainer {

class DividedStep : public Step {
public:
  // Keeps references.  link: that of the ranks, and the same on all.
  DividedStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size,
              Objective objective, Ranks &ranks, const Link &link);

  Share rows(int64_t batch_rows) const override { return share_of(batch_rows, ranks_.count(), ranks_.rank()); }
  Result run(const Batch &mine, int64_t batch_rows, bool stops) override;

private:
  Result take(const Batch &mine, int64_t batch_rows, bool stops);
  // A range of elements of a layer's dw, in one slice and one panel.  The owner sends its result to the other ranks.
  struct Piece {
    size_t layer, begin, end;
    int owner;
  };
  // Rows of the dw of a layer, whose chains travel together.
  struct Panel {
    size_t layer;
    int64_t first_row, rows;
    std::vector<Piece> pieces;
  };

  void forward(size_t layer, ConstMatrix x, const Division &division);
  // Replaces dy by dz.
  void make_dz(size_t layer, const Division &division, BatchTotals *totals);
  void exchange_gradients(ConstMatrix features, const Division &division);
  void add_to_gradients(ConstMatrix features, const Division &division);
  void divide_gradients(int64_t unit);
  float *values_of(const Panel &panel);
  size_t bytes_of(const Panel &panel) const;
  void send(int to, const Piece &piece);
  // Sends an own piece to all ranks that do not have it.
  void hand_on(const Piece &piece);
  void update(const Piece &piece);
  // Begins to receive the results of a panel.
  void expect(const Panel &panel);
  // Takes results that have arrived, hands on those that it owns, and updates the parameters.
  void take_results(bool waits);

  Ranks &ranks_;
  BatchStatistics statistics_;
  std::vector<LazyFloats> h_; // of each layer: the input of the activation, if its derivative needs it
  std::vector<float> losses_; // of this rank's rows
  std::vector<Panel> panels_; // in the order in which their chains run
  struct Arriving {
    const Piece *piece;
    Ranks::Transfer transfer;
  };
  std::deque<Arriving> mine_, others_; // pieces that this rank owns, and those of others
  Transfers sends_{ranks_};
  int last_ = 0; // the rank on which the chains of this step end
};

} // namespace lanefold::trainer
