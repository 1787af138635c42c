// Calls of every operation with random shapes, values and options: what the tests of the same bits make on all plugins.
#pragma once

#include "support/matrix.hpp"

#include <functional>
#include <string>

namespace lanefold::test {

// Even over the orders of magnitude of 1 to 256, or beside a multiple of a tile's or a vector's size.
int64_t some_size(Random &random);

struct Call {
  std::string text;                        // the operation and its options
  std::vector<PaddedMatrix> reads, writes; // writes: as they are before the call
  std::function<void(const Context &, const std::vector<PaddedMatrix> &reads, std::vector<PaddedMatrix> &writes)> run;

  // What comes of the writes.
  std::vector<PaddedMatrix> made(const Context &context) const {
    std::vector<PaddedMatrix> results = writes;
    run(context, reads, results);
    return results;
  }
  // The same at other strides and alignments.
  Call elsewhere(Random &random) const;
};

// One of all operations.
Call some_call(Random &random);

} // namespace lanefold::test
