// What the tasks of a divided step take on this machine: one rank does them without the others.
#pragma once

#include "trainer/distributed/division.hpp"

#include <array>

namespace lanefold::trainer {

// Seconds for each unit of the size of a task.
class TaskCosts {
public:
  explicit TaskCosts(size_t layers) : seconds_(layers) {}
  double &of(const StepTask &task) { return seconds_[task.layer][task.kind]; }
  double seconds(const StepTask &task) const {
    return seconds_[task.layer][task.kind] * static_cast<double>(task.size);
  }

private:
  std::vector<std::array<double, task_kinds>> seconds_; // for each layer
};

// Times the tasks of a rank, with random rows.  The messages of other ranks are left out.  The tasks depend on the link,
// because the panels do.
TaskCosts rehearse(const Context &context, const Network &network, const Division &division, const Link &link,
                   int repetitions);

// The lower quartile of the times of a step of one process, in seconds.
double seconds_of_step(const Context &context, const Network &network, int64_t batch_rows, int repetitions);

// The same for a step that these ranks divide.  A step lasts until all ranks have ended it.  All ranks call this
// together, and get the time of the first rank.
double seconds_of_step(const Context &context, const Network &network, int64_t batch_rows, int repetitions,
                       Ranks &ranks, const Link &link);

} // namespace lanefold::trainer
