// Each line is flushed immediately, so that `lanefold plot` sees it.
#include "trainer/training/log.hpp"

#include <cstdio>
#include <filesystem>
#include <iterator>
#include <stdexcept>

namespace lanefold::trainer {
namespace {

// A process that was killed can leave half a line at the end.
void cut_unfinished_line(const std::string &path) {
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const size_t end = text.rfind('\n') + 1; // 0 if there is no newline
  if (std::filesystem::is_regular_file(path, error) && end < text.size())
    std::filesystem::resize_file(path, end, error);
}

} // namespace

Log::Log(const std::string &path, bool append) : path_(path) {
  if (append) cut_unfinished_line(path);
  file_.open(path, append ? std::ios::app : std::ios::trunc);
  if (!file_) throw std::runtime_error(path + ": the log cannot be written");
}

void Log::write(const cli::Json &line) {
  if (!file_.is_open()) return;
  file_ << line.dump() << std::endl;
  if (file_) return;
  std::fprintf(stderr, "lanefold: %s: the log cannot be written any more\n", path_.c_str());
  file_.close();
}

void Log::step(const StepFigures &f) {
  tenth_.add(f);
  if (!tenth_.ends_with(f)) return;
  cli::Json line = {
      {"event", "step"}, {"epoch", f.epoch}, {"step", f.step}, {"steps", f.steps}, {"loss", tenth_.mean_loss()}};
  if (f.task == Task::classification) line["accuracy"] = tenth_.accuracy();
  line["learning_rate"] = cli::shortest(f.learning_rate);
  write(line);
  tenth_ = {};
}

void Log::epoch(const Epoch &figures) { write(describe(figures)); }

cli::Json describe(const Epoch &e) {
  if (e.task == Task::regression)
    return {{"event", "epoch"},         {"epoch", e.epoch},     {"loss", e.loss},
            {"test_loss", e.test_loss}, {"test_r2", e.test_r2}, {"seconds", e.seconds}};
  return {{"event", "epoch"},         {"epoch", e.epoch},
          {"loss", e.loss},           {"train_accuracy", e.train_accuracy},
          {"test_loss", e.test_loss}, {"test_accuracy", e.test_accuracy},
          {"seconds", e.seconds}};
}

} // namespace lanefold::trainer
