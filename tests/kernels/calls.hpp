// Calls of every operation with random sizes, values and options.  The test of the same bits makes them on all plugins.
#pragma once

#include "support/matrix.hpp"

#include <functional>
#include <string>

namespace lanefold::test {

// A size from 1 to 256, uniform over the orders of magnitude, or one beside a multiple of a tile's or a vector's size.
int64_t some_size(Random &random);

struct Call {
  std::string text;                        // the operation and its options
  std::vector<PaddedMatrix> reads, writes; // writes holds the arrays as they are before the call
  std::function<void(const Context &, const std::vector<PaddedMatrix> &reads, std::vector<PaddedMatrix> &writes)> run;

  // The arrays that the call writes, after it.
  std::vector<PaddedMatrix> made(const Context &context) const {
    std::vector<PaddedMatrix> results = writes;
    run(context, reads, results);
    return results;
  }
  // The same call with its arrays at other strides and alignments.
  Call elsewhere(Random &random) const;
};

// A call of a random operation.
Call some_call(Random &random);

} // namespace lanefold::test
