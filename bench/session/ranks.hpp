// Simulated scaling of a training on ranks, from what its tasks and its messages take on this machine.
#pragma once

#include "session.hpp"

#include "trainer/network/description.hpp"

#include <string>
#include <vector>

namespace lanefold::bench {

// A training that is simulated.
struct RankedModel {
  std::string name;
  trainer::Description description;
  std::vector<int64_t> batches;
  int64_t most_rows;             // of a rank that are rehearsed; more take proportionally longer
  std::vector<int64_t> measured; // batches whose step is also measured
};
std::vector<RankedModel> ranked_models();

// Simulates steps on 1, 2, 4, ... most_ranks ranks.  If this process is a rank of a job, all ranks call it together, and
// on two ranks it also measures.  Emits, on the first rank: {"messages"} if they were measured; {"measured", "batch",
// "ranks", "simulated_seconds", "seconds"} for steps, where "measured" is the name of the model; {"model", "batch",
// "ranks", "rows", "seconds", ...} for each simulated step.
void simulate_ranks(const std::string &isa, const std::vector<RankedModel> &models, int most_ranks, const Emit &emit);

// Does so for ranked_models() and up to 256 ranks, and prints it.
void print_scaling_of_ranks(const std::string &isa);

} // namespace lanefold::bench
