// Batches.  Pixels stay bytes in memory and become floats between 0 and 1 when a batch is made.
#pragma once

#include "trainer/data/dataset.hpp"

#include <lanefold/lanefold.hpp>

namespace lanefold::trainer {

struct Batch {
  std::vector<float> x;        // rows x features
  std::vector<int32_t> labels; // rows
  int64_t rows = 0;
};

// Makes a batch of the images order[first], ..., order[first + rows - 1].  If order is NULL, image i stands for
// order[i].
void gather(const Context &context, const Images &images, const uint32_t *order, int64_t first, int64_t rows,
            Batch &batch);

} // namespace lanefold::trainer
