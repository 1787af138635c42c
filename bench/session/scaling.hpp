// Simulated scaling: how the tasks that the library makes for 1 to 128 cores would run there, from the time of each task
// on one core.
#pragma once

#include "cli/command.hpp"
#include "session.hpp"

#include <vector>

namespace lanefold::bench {

// One call of parallel_for: the seconds of its tasks, in order.
using Phase = std::vector<double>;

struct TaskTimes {
  std::vector<Phase> phases;
  double serial = 0; // seconds outside of the phases
  double bytes = 0;  // of the operands
};

struct MachineModel {
  double wake_seconds;     // added to a phase for each doubling of its cores
  double l2_bandwidth;     // bytes per second of one core
  double l3_bandwidth;     // bytes per second of one core
  double memory_bandwidth; // bytes per second of all cores together
  double shared_cache;     // bytes that L3 holds
};

// The simulated time of an operation on some number of cores, and its parts.
struct Point {
  int cores;
  double seconds, work, imbalance, overhead, transfer, serial, bandwidth;
};
Point simulate(const TaskTimes &times, const MachineModel &machine, int cores);

// Measures the tasks of some operations in a child process and simulates them.  Returns {} if interrupted.
Json simulate_in_process(const Options &options);

void print_scaling(const Json &scaling);

cli::Command scaling_command(); // the verb `scaling`

} // namespace lanefold::bench
