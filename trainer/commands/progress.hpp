// The progress line of training: rewritten in place on a terminal, absent elsewhere; then one line an epoch.
#pragma once

#include "../train.hpp"

namespace lanefold::trainer {

// Throws if training diverged.
void check_finite(const Epoch &figures);

class Progress {
public:
  explicit Progress(int64_t epochs);

  void step(int64_t epoch, int64_t step, int64_t steps); // on standard error
  void epoch(const Epoch &figures);                      // on standard output
  void clear();                                          // the unfinished line goes

private:
  int64_t epochs_, percent_ = -1;
  bool terminal_;
};

} // namespace lanefold::trainer
