// Lines for people.
#include "trainer/training/progress.hpp"

#include "cli/chart.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace lanefold::trainer {
namespace {

long long wide(int64_t n) { return n; }

std::string text_of(const char *format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string rate_of(double samples) {
  return samples >= 1e6   ? text_of("%.2fM", samples / 1e6)
         : samples >= 1e4 ? text_of("%.0fk", samples / 1e3)
                          : text_of("%.0f", samples);
}

std::string duration(double seconds) {
  const auto s = static_cast<int64_t>(std::ceil(seconds));
  if (s < 60) return std::to_string(s) + " s";
  if (s < 3600) return std::to_string(s / 60) + " min " + std::to_string(s % 60) + " s";
  return std::to_string(s / 3600) + " h " + std::to_string(s / 60 % 60) + " min";
}

} // namespace

void check_finite(const Epoch &figures) {
  if (!figures.finite)
    throw std::runtime_error("training diverged: the loss of epoch " + std::to_string(figures.epoch) +
                             " is not a finite number; nothing is saved; try a smaller --learning-rate");
}

Progress::Progress(int64_t epochs, std::FILE *lines, bool quiet)
    : epochs_(epochs), lines_(lines), quiet_(quiet), status_(quiet) {}

void Progress::step(const StepFigures &f) {
  ++steps_;
  samples_ += f.samples;
  tenth_.add(f);
  const auto now = Clock::now();
  if (status_.visible() && (f.step == f.steps || now - shown_ > std::chrono::milliseconds(100))) {
    shown_ = now;
    status_.show_coloured(line(f, std::chrono::duration<double>(now - start_).count()));
  }
  if (!tenth_.ends_with(f)) return;
  losses_.push_back(tenth_.mean_loss());
  tenth_ = {};
}

// Cuts the line to the terminal's width, because a longer one cannot be rewritten.
std::string Progress::line(const StepFigures &f, double seconds) const {
  const cli::Terminal terminal = status_.terminal();
  const double left =
      seconds / static_cast<double>(steps_) * static_cast<double>((epochs_ - f.epoch) * f.steps + f.steps - f.step);
  const std::string accuracy =
      f.task == Task::classification ? text_of("  accuracy %.2f%%", 100 * tenth_.accuracy()) : "";
  char text[256];
  std::snprintf(text, sizeof text, "  step %*lld/%lld  loss %.4f%s  %s samples/s  %s left",
                static_cast<int>(std::to_string(f.steps).size()), wide(f.step), wide(f.steps), tenth_.mean_loss(),
                accuracy.c_str(), rate_of(static_cast<double>(samples_) / seconds).c_str(), duration(left).c_str());
  const std::string head = "epoch " + std::to_string(f.epoch) + "/" + std::to_string(epochs_) + " ";
  const int room = terminal.width - 1, bar_width = 12;
  const double share = static_cast<double>(f.step) / static_cast<double>(f.steps);
  if (static_cast<int>(head.size() + std::string(text).size()) + bar_width > room)
    return (head + text).substr(0, static_cast<size_t>(std::max(room, 1)));
  const std::string filled = cli::bar(share, bar_width, terminal.unicode);
  return head + (terminal.colour ? "\033[36m" + filled + "\033[0m" : filled) + text;
}

void Progress::epoch(const Epoch &e) {
  clear();
  if (quiet_) return;
  if (e.task == Task::regression)
    std::fprintf(lines_, "epoch %3lld of %lld   loss %.4f   test loss %.4f   test R2 %.4f   %.2f s\n", wide(e.epoch),
                 wide(epochs_), e.loss, e.test_loss, e.test_r2, e.seconds);
  else
    std::fprintf(lines_, "epoch %3lld of %lld   loss %.4f   train %6.2f%%   test %6.2f%%   %.2f s\n", wide(e.epoch),
                 wide(epochs_), e.loss, 100 * e.train_accuracy, 100 * e.test_accuracy, e.seconds);
  std::fflush(lines_);
}

std::string Progress::losses(bool unicode) const {
  if (losses_.empty()) return "";
  return text_of("%.3g", losses_.front()) + " " + cli::sparkline(losses_, unicode) + " " +
         text_of("%.3g", losses_.back());
}

} // namespace lanefold::trainer
