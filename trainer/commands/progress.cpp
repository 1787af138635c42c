// One line, rewritten whenever another percent of the epoch is done.
#include "progress.hpp"

#include <cstdio>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace lanefold::trainer {

void check_finite(const Epoch &figures) {
  if (!figures.finite)
    throw std::runtime_error("the loss of epoch " + std::to_string(figures.epoch) +
                             " is not a number: training diverged, and is not saved; try a smaller --learning-rate");
}

Progress::Progress(int64_t epochs) : epochs_(epochs), terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::step(int64_t epoch, int64_t step, int64_t steps) {
  const int64_t percent = 100 * step / steps;
  if (!terminal_ || percent == percent_) return;
  percent_ = percent;
  std::fprintf(stderr, "\repoch %3lld of %lld  %3lld%%", static_cast<long long>(epoch), static_cast<long long>(epochs_),
               static_cast<long long>(percent));
}

void Progress::epoch(const Epoch &e) {
  clear();
  std::printf("epoch %3lld of %lld   loss %.4f   train %6.2f%%   test %6.2f%%   %.2f s\n",
              static_cast<long long>(e.epoch), static_cast<long long>(epochs_), e.loss, 100 * e.train_accuracy,
              100 * e.test_accuracy, e.seconds);
  std::fflush(stdout);
}

void Progress::clear() {
  if (terminal_ && percent_ >= 0) std::fprintf(stderr, "\r%*s\r", 40, "");
  percent_ = -1;
}

} // namespace lanefold::trainer
