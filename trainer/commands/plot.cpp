// lanefold plot: curves of a log that `lanefold train --log` wrote, in the terminal or as a picture.
#include "cli/python.hpp"
#include "cli/terminal.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/study/charts.hpp"

#include "cli/chart.hpp"
#include "cli/json.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

namespace lanefold::trainer {
namespace {

struct PlotOptions {
  std::string log, output;
  int32_t width = 0, height = 12;
};

struct Curves {
  std::map<double, double> step_loss, epoch_loss, test_loss, train_accuracy, test_accuracy, test_r2; // by epoch
};

double number(const cli::Json &line, const char *key) { return line.at(key).number(); }

// A resumed training may write lines again.  The last ones count.
void take(const cli::Json &line, Curves &curves) {
  const std::string event = line.at("event").text();
  if (event == "step")
    curves.step_loss[number(line, "epoch") - 1 + number(line, "step") / number(line, "steps")] = number(line, "loss");
  if (event != "epoch") return;
  const double epoch = number(line, "epoch");
  curves.epoch_loss[epoch] = number(line, "loss");
  curves.test_loss[epoch] = number(line, "test_loss");
  if (line.find("test_r2") != nullptr) {
    curves.test_r2[epoch] = number(line, "test_r2");
    return;
  }
  curves.train_accuracy[epoch] = 100 * number(line, "train_accuracy");
  curves.test_accuracy[epoch] = 100 * number(line, "test_accuracy");
}

Curves read_log(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw cli::UsageError(path + ": no such file");
  std::ifstream file(path);
  if (!std::filesystem::is_regular_file(path, error) || !file) throw cli::UsageError(path + ": cannot be read");
  Curves curves;
  int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (file.eof()) break; // a line that is being written, or was cut off
    try {
      take(cli::parse_strictly(line, "the line"), curves);
    } catch (const cli::JsonError &) {
      throw cli::UsageError(path + ": line " + std::to_string(number) +
                            " is not a line of a log that `lanefold train --log` wrote");
    }
  }
  if (curves.step_loss.empty() && curves.epoch_loss.empty())
    throw cli::UsageError(path + ": holds no step or epoch yet");
  return curves;
}

cli::Curve curve(const std::string &name, const std::map<double, double> &points) {
  cli::Curve result{name, {}, {}};
  for (const auto &[x, y] : points) result.x.push_back(x), result.y.push_back(y);
  return result;
}

void check_output(const std::string &path) {
  const std::string kind = std::filesystem::path(path).extension().string();
  if (kind != ".svg" && kind != ".png" && kind != ".pdf")
    throw cli::UsageError(path + ": the name of a picture must end in .svg, .png or .pdf");
}

int run_plot(const PlotOptions &o) {
  if (!o.output.empty()) check_output(o.output);
  const Curves curves = read_log(o.log);
  if (!o.output.empty()) {
    draw_charts({"curves", o.log, o.output});
    return 0;
  }
  const cli::Terminal t = cli::terminal(stdout);
  const int width = o.width > 0 ? o.width : std::min(t.width, 100);
  const auto &training = curves.step_loss.empty() ? curves.epoch_loss : curves.step_loss;
  std::vector<cli::Curve> losses = {curve("training", training)};
  if (!curves.test_loss.empty()) losses.push_back(curve("test", curves.test_loss));
  std::fputs(cli::chart("loss by epoch", losses, t.unicode, t.colour, width, o.height).c_str(), stdout);
  if (!curves.test_r2.empty())
    std::fputs(("\n" + cli::chart("R2 by epoch", {curve("test", curves.test_r2)}, t.unicode, t.colour, width, o.height))
                   .c_str(),
               stdout);
  if (curves.test_accuracy.empty()) return 0;
  std::fputs(("\n" + cli::chart("accuracy by epoch, %",
                                {curve("training", curves.train_accuracy), curve("test", curves.test_accuracy)},
                                t.unicode, t.colour, width, o.height))
                 .c_str(),
             stdout);
  return 0;
}

} // namespace

cli::Command plot_command() {
  const auto o = std::make_shared<PlotOptions>();
  cli::Command command{.name = "plot",
                       .description = "Draw the curves of a training log, in the terminal or as a picture.",
                       .examples = "Examples:\n"
                                   "  lanefold train --data mnist --log log.jsonl\n"
                                   "  lanefold plot log.jsonl\n"
                                   "  lanefold plot log.jsonl -o curves.svg",
                       .run = [o](const cli::Command &) { return run_plot(*o); }};
  command.options = {{.names = "log",
                      .value = "FILE",
                      .target = &o->log,
                      .help = "JSON lines that `lanefold train --log` wrote.",
                      .need = cli::Option::required},
                     {.names = "-o,--output",
                      .value = "FILE",
                      .target = &o->output,
                      .range = cli::not_empty(),
                      .help = "A picture to write, in place of the charts in the terminal: .svg, .png or .pdf.",
                      .fallback = "none",
                      .manual = "It needs Python 3 with matplotlib."},
                     {.names = "--width",
                      .value = "K",
                      .target = &o->width,
                      .range = cli::whole(30, 1000),
                      .help = "The number of characters on a line.",
                      .fallback = "that of the terminal, but at most 100"},
                     {.names = "--height",
                      .value = "K",
                      .target = &o->height,
                      .range = cli::whole(2, 200),
                      .help = "The number of lines of a chart."}};
  return command;
}

} // namespace lanefold::trainer
