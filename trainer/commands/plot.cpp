// lanefold plot: curves of a log that `lanefold train --log` wrote, in the terminal or as a picture.
#include "cli/python.hpp"
#include "trainer/study/charts.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "cli/terminal.hpp"

#include "cli/strict_json.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

namespace lanefold::trainer {
namespace {

struct Options {
  std::string log, output;
  int width = 0, height = 12;
};

struct Curves {
  std::map<double, double> step_loss, epoch_loss, test_loss, train_accuracy, test_accuracy; // by epoch
};

double number(const cli::Json &line, const char *key) {
  const cli::Json &value = line.at(key);
  return value.is_null() ? NAN : value.get<double>(); // what is not a number is null in JSON
}

// Where a training was resumed, lines come again: the last ones count.
void take(const cli::Json &line, Curves &curves) {
  const std::string event = line.at("event").get<std::string>();
  if (event == "step")
    curves.step_loss[number(line, "epoch") - 1 + number(line, "step") / number(line, "steps")] = number(line, "loss");
  if (event != "epoch") return;
  const double epoch = number(line, "epoch");
  curves.epoch_loss[epoch] = number(line, "loss");
  curves.test_loss[epoch] = number(line, "test_loss");
  curves.train_accuracy[epoch] = 100 * number(line, "train_accuracy");
  curves.test_accuracy[epoch] = 100 * number(line, "test_accuracy");
}

Curves read_log(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw UsageError(path + ": no such file");
  std::ifstream file(path);
  if (!std::filesystem::is_regular_file(path, error) || !file) throw UsageError(path + ": cannot be read");
  Curves curves;
  int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (file.eof()) break; // a line that is being written, or was cut off
    try {
      take(cli::Json::parse(line), curves);
    } catch (const cli::Json::exception &) {
      throw UsageError(path + ": line " + std::to_string(number) + " is none of a log of `lanefold train --log`");
    }
  }
  if (curves.step_loss.empty() && curves.epoch_loss.empty()) throw UsageError(path + ": holds no step or epoch yet");
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
    throw UsageError(path + ": a picture's name ends in .svg, .png or .pdf");
}

int run(const Options &o) {
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
  if (curves.test_accuracy.empty()) return 0;
  std::fputs(("\n" + cli::chart("accuracy by epoch, %",
                           {curve("training", curves.train_accuracy), curve("test", curves.test_accuracy)}, t.unicode,
                           t.colour, width, o.height))
                 .c_str(),
             stdout);
  return 0;
}

} // namespace

void add_plot(CLI::App &app, Run &run_verb) {
  CLI::App *verb = app.add_subcommand("plot", "curves of a training's log, in the terminal or as a picture");
  const auto o = std::make_shared<Options>();
  verb->add_option("log", o->log, "JSON lines that `lanefold train --log` wrote")->required();
  verb->add_option("-o,--output", o->output, "picture to write (.svg, .png, .pdf): needs Python with matplotlib")
      ->check(not_empty());
  verb->add_option("--width", o->width, "characters; default: as the terminal has, at most 100")
      ->check(whole_number_between(30, 1000));
  verb->add_option("--height", o->height, "lines of a chart")
      ->check(whole_number_between(2, 200))
      ->capture_default_str();
  verb->footer("Examples:\n"
               "  lanefold train --data mnist --log log.jsonl\n"
               "  lanefold plot log.jsonl\n"
               "  lanefold plot log.jsonl -o curves.svg");
  verb->callback([=, &run_verb] { run_verb = [=] { return run(*o); }; });
}

} // namespace lanefold::trainer
