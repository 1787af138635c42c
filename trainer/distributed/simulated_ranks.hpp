// Ranks of a cluster that is simulated: each has a clock, which its tasks and messages move on.  They run one after the
// other in one thread, so there may be more of them than this machine has cores, and
// the result is always the same.
#pragma once

#include "trainer/distributed/ranks.hpp"

#include <array>
#include <functional>
#include <memory>

namespace lanefold::trainer {

class Simulation;

// The ranks, and what a message between two of them costs.  Each rank sends one message at a time, and receives one.
struct Cluster {
  int ranks = 1;
  double latency = 0;     // seconds until its first byte arrives
  double bandwidth = 1e9; // bytes per second
  double overhead = 0;    // seconds that it takes the CPU of either side
  double copying = 0;     // seconds that each byte takes the CPU of either side
};

// Where the time of a rank went.
struct RankTime {
  double seconds = 0, tasks = 0, messages = 0;
  std::array<double, channels> waits{}; // for each channel
};

class SimulatedRanks : public Ranks {
public:
  SimulatedRanks(int rank, Simulation &simulation);

  Transfer send(int to, Channel channel, const void *bytes, size_t size) override;
  Transfer receive(int from, Channel channel, void *bytes, size_t size) override;
  bool is_done(Transfer transfer) override;
  void wait(Transfer transfer) override;

  // Work that is not a task.
  void spend(double seconds) { time_.seconds += seconds, time_.tasks += seconds; }
  // Idles until its clock is there.
  void sleep_until(double seconds);
  // Since the beginning.
  const RankTime &time() const { return time_; }

private:
  friend class Simulation;
  bool begins(const StepTask &task) override;
  void spend_on_message(double size);

  Simulation &simulation_;
  RankTime time_;
};

// The seconds of a task on a rank.
using TaskSeconds = std::function<double(int rank, const StepTask &task)>;

// Runs the program on each rank of the cluster.  Messages have no content, and tasks are not done.  Throws
// std::logic_error if ranks wait for each other for ever, and what the program throws.
void simulate(const Cluster &cluster, const TaskSeconds &task_seconds,
              const std::function<void(SimulatedRanks &)> &program);

} // namespace lanefold::trainer
