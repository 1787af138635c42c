// The learning rate of each step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::trainer {

struct Schedule {
#define SCHEDULE_FIELD(type, member, initial, ...) type member = initial;
#include "trainer/option_table.inc"
#undef SCHEDULE_FIELD

  // The factor of the learning rate in step `step` of `steps`, from 0, where each epoch has `epoch_steps`:
  //   warm-up   (step + 1) / warm_up                                 while step < warm_up; then
  //   constant  1
  //   step      step_factor^(step / (step_every * epoch_steps))      the exponent rounded down
  //   cosine    (1 + cos(pi (step - warm_up) / (steps - warm_up))) / 2
  double factor(int64_t step, int64_t steps, int64_t epoch_steps) const;
};

const std::vector<std::string> &schedule_names();
std::vector<std::vector<std::string>> schedule_table(); // for the manual: name, factor

} // namespace lanefold::trainer
