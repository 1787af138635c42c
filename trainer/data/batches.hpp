// Batches: pixels, which stay bytes in memory, become floats between 0 and 1.
#pragma once

#include "trainer/data/dataset.hpp"

#include <lanefold/lanefold.hpp>

namespace lanefold::trainer {

struct Batch {
  std::vector<float> x;        // rows x features
  std::vector<int32_t> labels; // rows
  int64_t rows = 0;
};

// Images order[first..first+rows-1] of the set, or first.. in order where order is NULL.
void gather(const Context &context, const Images &images, const uint32_t *order, int64_t first, int64_t rows,
            Batch &batch);

} // namespace lanefold::trainer
