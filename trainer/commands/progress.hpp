// How training is watched: a line that is rewritten in place where standard error is a terminal, one line an epoch
// everywhere, a sparkline of the loss, and a log of JSON lines.
#pragma once

#include "../train.hpp"
#include "terminal.hpp"

#include <chrono>
#include <fstream>

namespace lanefold::trainer {

// Throws if training diverged.
void check_finite(const Epoch &figures);

class Progress {
public:
  // Lines of epochs go to `lines`, the line in place to standard error; of a quiet one, neither.
  Progress(int64_t epochs, std::FILE *lines, bool quiet = false);

  void step(const StepFigures &figures);
  void epoch(const Epoch &figures);
  void clear(); // the line in place goes

  // Of the loss, from part to part of an epoch: "2.31 ▇▃▂▁▁ 0.04"; "" before there is one.
  std::string losses(bool unicode) const;

private:
  using Clock = std::chrono::steady_clock;

  std::string line(const StepFigures &figures, double seconds) const;

  int64_t epochs_;
  std::FILE *lines_;
  bool quiet_;
  Terminal terminal_;
  Clock::time_point start_ = Clock::now(), shown_{};
  int64_t done_ = 0, samples_ = 0; // steps and samples since the start
  double loss_ = 0;                // sums of the part of an epoch that is under way
  int64_t part_hits_ = 0, part_samples_ = 0;
  std::vector<double> parts_;
  size_t last_length_ = 0;
};

// What one epoch's steps are summed up in, in log and sparkline.
inline constexpr int64_t parts_per_epoch = 10;
// The last step of a part?
bool ends_part(const StepFigures &figures);

// JSON lines: "start", then "step" for each part of an epoch with means over it, "epoch", and "done" or "interrupted".
class Log {
public:
  Log() = default;
  // Throws std::runtime_error if the file cannot be written.  append: goes on behind what is there.
  Log(const std::string &path, bool append);

  void write(const Json &line); // says once on standard error if it fails
  void step(const StepFigures &figures);
  void epoch(const Epoch &figures);

private:
  std::string path_;
  std::ofstream file_;
  double loss_ = 0;
  int64_t hits_ = 0, samples_ = 0;
};

Json describe(const Epoch &figures); // the line of an epoch, as the log and --json have it

} // namespace lanefold::trainer
