// Sums over the rows of a batch that is divided among ranks: the statistics of a normalization, and the gradients of its
// parameters.  What a block of rows has summed so far goes from rank to rank.
#pragma once

#include "trainer/distributed/division.hpp"

#include <lanefold/lanefold.hpp>

namespace lanefold::trainer {

// What a step says about the whole batch.
struct BatchTotals {
  float losses[2] = {}; // as lf_column_sums() leaves them: after the last rank, the first one is their sum
  int32_t stops = 0;    // a rank wants to stop
  int32_t reserved = 0;
  int64_t correct = 0;
};

class BatchStatistics {
public:
  // Keeps references.
  BatchStatistics(const Context &context, Ranks &ranks) : context_(context), ranks_(ranks) {}

  // All ranks call these together.  x and dy have this rank's rows.

  // Takes the statistics of a batch, and updates the running ones.
  void take(const Division &division, ConstMatrix x, BatchNorm &norm);
  // dbeta is the sum of dy and, with a normalization of x, dgamma that of dy xhat.  Without one, dgamma is not written.
  // Adds to *totals, unless it is NULL, what the ranks before have, this rank's losses included.
  void sum(const Division &division, ConstMatrix dy, ConstMatrix x, const BatchNorm *norm, std::vector<float> &dbeta,
           std::vector<float> &dgamma, BatchTotals *totals = nullptr, ConstVector losses = {});

private:
  void take_moments(const Division &division, ConstMatrix x);
  void merge(const Division &division, BatchNorm &norm, int64_t n);
  void receive(int from, float *values, int64_t count);
  void send(int to, const float *values, int64_t count); // values must stay until sends_.wait()

  const Context &context_;
  Ranks &ranks_;
  Transfers sends_{ranks_};
  std::vector<float> moments_, merged_, results_, sums_; // memory for the calls
};

} // namespace lanefold::trainer
