// What batch normalization and ELU cost: times of the reference network with and without each, unfused, fused, folded.
#pragma once

#include <lanefold/lanefold.hpp>

#include <string>
#include <vector>

namespace lanefold::trainer {

// Seconds a sample, medians over interleaved rounds.
struct Costs {
  std::string network; // "dense", "+ELU", "+BN", "+BN+ELU"
  double training_unfused, training_fused, inference_unfused, inference_fused, inference_folded;
};

std::vector<Costs> measure_costs(const Context &context, int64_t batch_size);

} // namespace lanefold::trainer
