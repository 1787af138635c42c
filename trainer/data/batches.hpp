// Batches.  Pixels stay bytes in memory and become floats between 0 and 1 when a batch is made.
#pragma once

#include "trainer/data/dataset.hpp"

#include <lanefold/lanefold.hpp>

namespace lanefold::trainer {

struct Batch {
  std::vector<float> x;        // rows x features
  std::vector<int32_t> labels; // rows; empty for a regression
  std::vector<float> targets;  // rows x outputs of a regression
  int64_t rows = 0;
  std::vector<uint32_t> chosen; // memory of gather()
};

// Makes a batch of the samples order[first], ..., order[first + rows - 1].  If order is NULL, sample i stands for
// order[i].  Throws DataError if a file cannot be read any more.
void gather(const Context &context, const Samples &samples, const uint32_t *order, int64_t first, int64_t rows,
            Batch &batch);

} // namespace lanefold::trainer
