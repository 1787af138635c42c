// The learning rate of each step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::trainer {

struct Schedule {
  std::string kind = "constant"; // or "step", "cosine"
  int64_t warm_up = 0;           // steps over which the rate grows evenly, to its full size at the last of them
  int64_t step_every = 5;        // epochs, for "step"
  float step_factor = 0.1f;      // for "step"

  // What the rate is multiplied by at step `step` of `steps`, from 0, each epoch having `epoch_steps`:
  //   warm-up   (step + 1) / warm_up                                 while step < warm_up; then
  //   constant  1
  //   step      step_factor^(step / (step_every * epoch_steps))      rounded down
  //   cosine    (1 + cos(pi (step - warm_up) / (steps - warm_up))) / 2
  double factor(int64_t step, int64_t steps, int64_t epoch_steps) const;
};

const std::vector<std::string> &schedule_names();

} // namespace lanefold::trainer
