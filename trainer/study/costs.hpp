// What batch normalization and activations cost: times of the reference network with and without each, unfused, fused
// and folded.
#pragma once

#include <lanefold/lanefold.hpp>

#include <functional>
#include <string>
#include <vector>

namespace lanefold::trainer {

struct CostCase {
  std::string network; // "dense", "+ELU", "+BN", "+BN+ELU", ...
  bool batch_norm;
  int32_t activation; // of the hidden layers
};

// Lower quartiles of the times in interleaved rounds.
struct Costs {
  CostCase of;
  double training_unfused, training_fused;                     // forward passes, seconds a sample
  double inference_unfused, inference_fused, inference_folded; // seconds a sample
  double step;                                                 // a whole training step, seconds
  double single;                                               // one sample, folded, seconds
};

// stop() is called between rounds.  If it returns true, the times so far are the result.
std::vector<Costs> measure_costs(const Context &context, int64_t batch_size, const std::vector<CostCase> &cases,
                                 const std::function<bool()> &stop = {});

} // namespace lanefold::trainer
