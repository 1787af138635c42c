// How a program watches a training: JSON lines.
#pragma once

#include "cli/json.hpp"
#include "trainer/training/training.hpp"

#include <fstream>

namespace lanefold::trainer {

// Writes "start" or "resume", then "step" for each tenth of an epoch with means over it, "epoch", and "done" or
// "interrupted".  A log without a path writes nothing.
class Log {
public:
  Log() = default;
  // Throws std::runtime_error if the file cannot be written.  append: keeps the lines that the file has.
  Log(const std::string &path, bool append);

  // If the file cannot be written any more, says so once on standard error.
  void write(const cli::Json &line);
  void step(const StepFigures &figures);
  void epoch(const Epoch &figures);

private:
  std::string path_;
  std::ofstream file_;
  Tenth tenth_;
};

cli::Json describe(const Epoch &figures); // the line of an epoch, in the log and with --json

} // namespace lanefold::trainer
