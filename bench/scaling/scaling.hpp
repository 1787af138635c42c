// Scaling on paper: how the library's own cuts of the work would run on 1 to 128 cores, from the times of their tasks
// on one.
#pragma once

#include "../session/session.hpp"

#include <functional>
#include <vector>

namespace CLI {
class App;
}

namespace lanefold::bench {

// One call of parallel_for: the seconds of its tasks, in their order.
using Phase = std::vector<double>;

struct TaskTimes {
  std::vector<Phase> phases;
  double serial = 0; // seconds outside of them
  double bytes = 0;  // that its operands have
};

struct Costs {
  double wake;              // seconds that a phase takes longer for each doubling of its cores
  double near, far, memory; // bytes per second and core: second-level cache, third, and memory of the whole machine
  double shared_cache;      // bytes that the third level holds
};

// What a run takes on so many cores, and of what that consists.
struct Point {
  int cores;
  double seconds, work, imbalance, overhead, transfer, serial, bandwidth;
};
Point simulate(const TaskTimes &work, const Costs &costs, int cores);

// Measures the tasks of some operations and simulates them, in a process of its own; {} if there was nothing to do.
Json scaling_apart(const Options &options);

void print_scaling(const Json &scaling);

void add_scaling(CLI::App &app, std::function<int()> &verb);

} // namespace lanefold::bench
