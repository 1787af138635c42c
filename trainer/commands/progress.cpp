// Lines for people, and lines for programs.
#include "progress.hpp"

#include <cmath>
#include <filesystem>
#include <iterator>
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

// A process that was killed may have left half a line.
void cut_unfinished_line(const std::string &path) {
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const size_t end = text.rfind('\n') + 1; // 0 where there is none
  if (std::filesystem::is_regular_file(path, error) && end < text.size())
    std::filesystem::resize_file(path, end, error);
}

} // namespace

void check_finite(const Epoch &figures) {
  if (!figures.finite)
    throw std::runtime_error("the loss of epoch " + std::to_string(figures.epoch) +
                             " is not a number: training diverged, and is not saved; try a smaller --learning-rate");
}

bool ends_part(const StepFigures &f) {
  return f.step * parts_per_epoch / f.steps != (f.step - 1) * parts_per_epoch / f.steps;
}

Progress::Progress(int64_t epochs, std::FILE *lines, bool quiet)
    : epochs_(epochs), lines_(lines), quiet_(quiet), terminal_(terminal(stderr)) {}

void Progress::step(const StepFigures &f) {
  ++done_;
  samples_ += f.samples;
  loss_ += static_cast<double>(f.loss) * static_cast<double>(f.samples);
  part_hits_ += f.hits;
  part_samples_ += f.samples;
  const auto now = Clock::now();
  if (!quiet_ && terminal_.interactive && (f.step == f.steps || now - shown_ > std::chrono::milliseconds(100))) {
    shown_ = now;
    terminal_.width = terminal(stderr).width; // it may have been changed
    const std::string text = line(f, std::chrono::duration<double>(now - start_).count());
    std::fprintf(stderr, "\r%s\033[K", text.c_str());
    std::fflush(stderr);
    last_length_ = text.size();
  }
  if (!ends_part(f)) return;
  parts_.push_back(loss_ / static_cast<double>(part_samples_));
  loss_ = 0, part_hits_ = 0, part_samples_ = 0;
}

// Cut to the terminal's width: a longer one could not be rewritten.
std::string Progress::line(const StepFigures &f, double seconds) const {
  const double left =
      seconds / static_cast<double>(done_) * static_cast<double>((epochs_ - f.epoch) * f.steps + f.steps - f.step);
  const auto part = static_cast<double>(part_samples_);
  char text[256];
  std::snprintf(text, sizeof text, "  step %*lld/%lld  loss %.4f  accuracy %.2f%%  %s samples/s  %s left",
                static_cast<int>(std::to_string(f.steps).size()), wide(f.step), wide(f.steps), loss_ / part,
                100 * static_cast<double>(part_hits_) / part, rate_of(static_cast<double>(samples_) / seconds).c_str(),
                duration(left).c_str());
  const std::string head = "epoch " + std::to_string(f.epoch) + "/" + std::to_string(epochs_) + " ";
  const int room = terminal_.width - 1, bar_width = 12;
  const double share = static_cast<double>(f.step) / static_cast<double>(f.steps);
  if (static_cast<int>(head.size() + std::string(text).size()) + bar_width > room)
    return (head + text).substr(0, static_cast<size_t>(std::max(room, 1)));
  const std::string filled = bar(share, bar_width, terminal_.unicode);
  return head + (terminal_.colour ? "\033[36m" + filled + "\033[0m" : filled) + text;
}

void Progress::epoch(const Epoch &e) {
  clear();
  if (quiet_) return;
  std::fprintf(lines_, "epoch %3lld of %lld   loss %.4f   train %6.2f%%   test %6.2f%%   %.2f s\n", wide(e.epoch),
               wide(epochs_), e.loss, 100 * e.train_accuracy, 100 * e.test_accuracy, e.seconds);
  std::fflush(lines_);
}

void Progress::clear() {
  if (last_length_ > 0) std::fprintf(stderr, "\r\033[K");
  last_length_ = 0;
}

std::string Progress::losses(bool unicode) const {
  if (parts_.empty()) return "";
  return text_of("%.3g", parts_.front()) + " " + sparkline(parts_, unicode) + " " + text_of("%.3g", parts_.back());
}

Log::Log(const std::string &path, bool append) : path_(path) {
  if (append) cut_unfinished_line(path);
  file_.open(path, append ? std::ios::app : std::ios::trunc);
  if (!file_) throw std::runtime_error(path + ": the log cannot be written");
}

void Log::write(const Json &line) {
  if (!file_.is_open()) return;
  file_ << line.dump() << std::endl;
  if (file_) return;
  std::fprintf(stderr, "lanefold: %s: the log cannot be written any more\n", path_.c_str());
  file_.close();
}

void Log::step(const StepFigures &f) {
  loss_ += static_cast<double>(f.loss) * static_cast<double>(f.samples);
  hits_ += f.hits;
  samples_ += f.samples;
  if (!ends_part(f)) return;
  write({{"event", "step"},
         {"epoch", f.epoch},
         {"step", f.step},
         {"steps", f.steps},
         {"loss", loss_ / static_cast<double>(samples_)},
         {"accuracy", static_cast<double>(hits_) / static_cast<double>(samples_)},
         {"learning_rate", shortest(f.learning_rate)}});
  loss_ = 0, hits_ = 0, samples_ = 0;
}

void Log::epoch(const Epoch &figures) { write(describe(figures)); }

Json describe(const Epoch &e) {
  return {{"event", "epoch"},         {"epoch", e.epoch},
          {"loss", e.loss},           {"train_accuracy", e.train_accuracy},
          {"test_loss", e.test_loss}, {"test_accuracy", e.test_accuracy},
          {"seconds", e.seconds}};
}

} // namespace lanefold::trainer
