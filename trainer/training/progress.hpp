// How a person watches a training: a line that is rewritten in place on a terminal, one line for each epoch, and a
// sparkline of the loss.
#pragma once

#include "cli/status_line.hpp"
#include "trainer/training/training.hpp"

#include <chrono>
#include <cstdio>

namespace lanefold::trainer {

// Throws std::runtime_error if the loss of the epoch is not a finite number.
void check_finite(const Epoch &figures);

class Progress {
public:
  // The line of an epoch goes to `lines`, the line in place to standard error.  A quiet one writes neither.
  Progress(int64_t epochs, std::FILE *lines, bool quiet = false);

  void step(const StepFigures &figures);
  void epoch(const Epoch &figures);
  void clear() { status_.clear(); }

  // The loss of each tenth of an epoch: "2.31 ▇▃▂▁▁ 0.04"; "" before the first.
  std::string losses(bool unicode) const;

private:
  using Clock = std::chrono::steady_clock;

  std::string line(const StepFigures &figures, double seconds) const;

  int64_t epochs_;
  std::FILE *lines_;
  bool quiet_;
  cli::StatusLine status_;
  Clock::time_point start_ = Clock::now(), shown_{};
  int64_t steps_ = 0, samples_ = 0; // since the start
  Tenth tenth_;                     // of the epoch, under way
  std::vector<double> losses_;      // one for each tenth that has ended
};

} // namespace lanefold::trainer
