// Counts what one call costs, by running it step by step.
#pragma once

#include "counts.hpp"

#include <functional>
#include <string>
#include <vector>

namespace lanefold::bench {

// Why this program cannot count, in one sentence; "" if it can.
std::string why_no_counts();

// An instruction of Lanefold or its plugin that ran.
struct Executed {
  std::string file;
  uint64_t address; // in the file
  int64_t runs;
};

// The instructions that the last counted call executed, by ascending address.
std::vector<Executed> executed();

// Whether blocks and loops run without a stop at each instruction.  If not, counting takes up to a hundred times as long.
void let_blocks_run(bool wanted);

// Runs the call once and counts the instructions of Lanefold and its plugins on this thread.  Those of this program are
// not counted.  The plugin must be open, so the same call must have run before.  Throws std::runtime_error if the call
// would take minutes to count, or has an instruction whose cost is not known.  One thread at a time may count.
Counts count_call(const std::function<void()> &call);

} // namespace lanefold::bench
