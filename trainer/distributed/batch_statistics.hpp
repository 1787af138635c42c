// Sums over the rows of a batch that is divided among ranks: the statistics of a normalization, and the gradients of its
// parameters.  Sums run in blocks of rows.  Where a block lies on several ranks, its sum goes from rank to rank.  Ranks
// sum whole blocks at the same time.
#pragma once

#include "trainer/distributed/division.hpp"

#include <lanefold/lanefold.hpp>

namespace lanefold::trainer {

// What a step adds up over the whole batch.
struct BatchTotals {
  float loss = 0;
  int32_t stops = 0; // a rank wants to stop
  int64_t correct = 0;
};

class BatchStatistics {
public:
  // Keeps references.
  BatchStatistics(const Context &context, Ranks &ranks, const Link &link)
      : context_(context), ranks_(ranks), link_(link) {}

  // All ranks call these together.  x and dy have this rank's rows, and are those of a layer.

  // Takes the statistics of a batch, and updates the running ones.
  void take(const Division &division, size_t layer, ConstMatrix x, BatchNorm &norm);

  // The sums of a layer's columns.
  struct Columns {
    ConstMatrix dy;
    ConstMatrix x;                   // with norm: its input
    const BatchNorm *norm = nullptr; // or NULL
    std::vector<float> &dbeta;       // receives the sum of dy
    std::vector<float> &dgamma;      // with norm: receives the sum of dy xhat
    BatchTotals *totals = nullptr;   // or NULL; in: this rank's totals, out: those of all ranks
    ConstVector losses = {};         // with totals: of this rank's rows
  };
  void sum(const Division &division, size_t layer, const Columns &columns);

private:
  // Rows of this rank, which lie in one block unless they are whole blocks.
  struct Section {
    Share rows;       // of this rank
    bool ends = true; // the block ends here
  };
  // What this rank shares with the ranks before it and after it, and what lies between.
  struct Sections {
    Section head, whole, tail;
  };
  static Sections sections_of(const Division &division);

  void take_moments(const Division &division, size_t layer, ConstMatrix x);
  void merge(const Division &division, size_t layer, BatchNorm &norm, int64_t n);
  void sum_block(const Division &division, const Section &section, const Columns &columns, int64_t block,
                 std::vector<float> &carry);
  void add_blocks(const Division &division, size_t layer, int64_t width, BatchTotals &totals);
  void receive(int from, float *values, int64_t count);
  void send(int to, const float *values, int64_t count); // values must stay until sends_.wait()

  const Context &context_;
  Ranks &ranks_;
  const Link link_;
  Transfers sends_{ranks_};
  std::vector<float> moments_, merged_, results_, sums_, carry_, tail_, all_; // memory for the calls
};

} // namespace lanefold::trainer
