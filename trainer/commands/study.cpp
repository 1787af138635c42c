// lanefold study: the claims of the notes, measured; study.json, study.html, and a table.
#include "trainer/study/study.hpp"
#include "cli/atomic_file.hpp"
#include "cli/python.hpp"
#include "trainer/study/charts.hpp"
#include "trainer/commands/commands.hpp"
#include "cli/interrupt.hpp"
#include "trainer/commands/shared_options.hpp"
#include "cli/terminal.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <filesystem>
#include <memory>

namespace lanefold::trainer {
namespace {

struct Options {
  ContextOptions context;
  std::string data, output = ".", charts;
  uint64_t seed = 1;
  int64_t epochs = 8;
  bool quiet = false;
};

struct Part {
  const char *key, *title;
  cli::Json (*measure)(const study::Setting &);
};
constexpr Part parts[] = {
    {"signals_at_start", "signals and gradients through 20 layers", study::signals_at_start},
    {"signals_in_training", "the same while training goes on", study::signals_in_training},
    {"learning", "accuracy by epoch, shallow and deep", study::learning},
    {"sensitivity", "learning rates and initial scales", study::sensitivity},
    {"costs", "what steps and predictions cost", study::costs},
};

// On a terminal what is being done follows the title, in place; elsewhere titles alone.
class Notes {
public:
  explicit Notes(bool quiet) : quiet_(quiet), terminal_(cli::terminal(stderr)) {}
  void title(const std::string &text) {
    title_ = text;
    if (!quiet_) std::fprintf(stderr, terminal_.interactive ? "%s" : "%s\n", title_.c_str());
  }
  void note(const std::string &text) const {
    if (quiet_ || !terminal_.interactive) return;
    const std::string line = title_ + ": " + text;
    std::fprintf(stderr, "\r%s\033[K", line.substr(0, static_cast<size_t>(std::max(terminal_.width - 1, 1))).c_str());
  }
  void end() const {
    if (!quiet_ && terminal_.interactive) std::fprintf(stderr, "\r%s\033[K\n", title_.c_str());
  }

private:
  bool quiet_;
  cli::Terminal terminal_;
  std::string title_;
};

std::string join(const std::string &folder, const char *name) {
  return (std::filesystem::path(folder) / name).string();
}

void write(const std::string &path, const std::string &text) {
  try {
    cli::replace_file(path, {text});
  } catch (const std::system_error &error) {
    throw UsageError(path + ": cannot be written: " + error.code().message());
  }
}

void check_writable_file(const std::string &path) {
  try {
    cli::check_replaceable(path);
  } catch (const std::system_error &error) {
    throw UsageError(path + ": cannot be written: " + error.code().message());
  }
}

void draw_report(const std::string &json, const std::string &html) {
  try {
    draw_charts({"study", json, html});
    std::printf("%s: the report, with charts\n", html.c_str());
  } catch (const cli::NoMatplotlib &problem) {
    std::fprintf(stderr, "lanefold: %s; then: lanefold study --charts %s\n", problem.what(), json.c_str());
  }
}

void print_signals(const cli::Json &report) {
  std::printf("\nThrough 20 layers before training: outputs, gradients\n%-20s", "");
  for (const study::Subject &s : study::subjects()) std::printf(" %-18s", s.activation.c_str());
  std::string init;
  for (const cli::Json &one : report["signals_at_start"]["cases"]) {
    if (one["init"] != init) std::printf("\n%-20s", (init = one["init"].get<std::string>()).c_str());
    const std::string cell = one["outputs"].get<std::string>() + ", " + one["gradients"].get<std::string>();
    std::printf(" %-18s", cell.c_str());
  }
  std::printf("\n");
}

void print_learning(const cli::Json &report) {
  std::printf("\nTest accuracy after %lld epochs at learning rate 0.01\n%-12s %10s %10s %10s %10s\n",
              static_cast<long long>(report["learning"]["epochs"].get<int64_t>()), "", "2 hidden", "+BN", "10 hidden",
              "+BN");
  for (const study::Subject &s : study::subjects()) {
    std::string row;
    for (const cli::Json &one : report["learning"]["cases"]) {
      if (one["activation"] != s.activation) continue;
      char cell[16];
      std::snprintf(cell, sizeof cell, " %9.2f%%", 100 * one["test_accuracy"].back().get<double>());
      row += cell;
    }
    if (!row.empty()) std::printf("%-12s%s\n", s.activation.c_str(), row.c_str());
  }
}

void print_sensitivity(const cli::Json &report) {
  for (const auto &[list, key, what] : {std::tuple{"learning_rates", "learning_rate", "learning rate"},
                                        std::tuple{"gains", "gain", "initial weights times"}}) {
    std::printf("\n%-22s %12s %12s\n", what, "without BN", "with BN");
    const cli::Json &sweep = report["sensitivity"][list];
    for (const cli::Json &one : sweep) {
      if (one["batch_norm"].get<bool>()) continue;
      std::printf("%-22g", one[key].get<double>());
      for (const bool batch_norm : {false, true})
        for (const cli::Json &other : sweep) {
          if (other[key] != one[key] || other["batch_norm"] != batch_norm) continue;
          if (other["diverged"].get<bool>()) std::printf(" %12s", "diverged");
          else std::printf(" %11.2f%%", 100 * other["test_accuracy"].get<double>());
        }
      std::printf("\n");
    }
  }
}

void print_costs(const cli::Json &report) {
  std::printf("\nPer step of 200 and per prediction, %d threads\n%-10s %12s %14s %14s %14s\n",
              report["costs"]["threads"].get<int>(), "", "step, us", "unfused, ns", "folded, ns", "one, us");
  for (const cli::Json &one : report["costs"]["cases"])
    std::printf("%-10s %12.0f %14.0f %14.0f %14.1f\n", one["network"].get<std::string>().c_str(),
                one["step_microseconds"].get<double>(), one["prediction_unfused_nanoseconds"].get<double>(),
                one["prediction_folded_nanoseconds"].get<double>(),
                one["single_prediction_folded_microseconds"].get<double>());
}

void print_claims(const cli::Json &report) {
  std::printf("\nThe claims of the notes, on %s\n", report["data"].get<std::string>().c_str());
  for (const cli::Json &claim : report["claims"])
    std::printf("%-15s%s\n%15s%s\n", claim["verdict"].get<std::string>().c_str(),
                claim["claim"].get<std::string>().c_str(), "", claim["measured"].get<std::string>().c_str());
}

cli::Json measure(const Options &o) {
  const Context context = make_context(o.context);
  const Dataset data = load(o.data);
  if (data.train.count() < 1000) throw UsageError(data.name + ": the study needs at least 1000 training images");
  Notes notes(o.quiet);
  if (!o.quiet)
    std::fprintf(stderr, "studying %s: plugin %s, %d threads; this takes minutes\n", data.name.c_str(),
                 context.isa().c_str(), context.threads());
  cli::watch_interrupts();
  const study::Setting setting{context,  data,        o.seed,
                               o.epochs, interrupted, [&](const std::string &text) { notes.note(text); }};
  const auto start = std::chrono::steady_clock::now();
  cli::Json report = {{"format", "lanefold-study-1"}, {"data", data.name},
                 {"cpu", describe_cpu()},        {"plugin", context.isa()},
                 {"threads", context.threads()}, {"seed", o.seed}};
  int number = 0;
  for (const Part &part : parts) {
    notes.title(std::to_string(++number) + " of " + std::to_string(std::size(parts)) + "  " + part.title);
    report[part.key] = part.measure(setting);
    notes.end();
  }
  report["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  cli::Json claims = study::claims(report);
  for (cli::Json &claim : claims)
    claim["data"] =
        claim["study"] == "signals_at_start" || claim["study"] == "costs" ? cli::Json("random samples") : report["data"];
  report["claims"] = claims;
  return report;
}

int run(const Options &o) {
  if (!o.charts.empty()) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(o.charts, error)) throw UsageError(o.charts + ": no such file");
    draw_charts({"study", o.charts, std::filesystem::path(o.charts).replace_extension(".html").string()});
    return 0;
  }
  std::error_code error;
  std::filesystem::create_directories(o.output, error); // where that fails, the files cannot be written
  const std::string json = join(o.output, "study.json"), html = join(o.output, "study.html");
  check_writable_file(json);
  check_writable_file(html);
  cli::Json report;
  try {
    report = measure(o);
  } catch (const study::Interrupted &) {
    std::fprintf(stderr, "\ninterrupted; nothing was written\n");
    return cli::interrupted_exit_code;
  }
  write(json, report.dump(1) + "\n");
  print_signals(report);
  print_learning(report);
  print_sensitivity(report);
  print_costs(report);
  print_claims(report);
  std::printf("\n%s: all figures\n", json.c_str());
  std::fflush(stdout);
  draw_report(json, html);
  return 0;
}

} // namespace

void add_study(CLI::App &app, Run &run_verb) {
  CLI::App *verb = app.add_subcommand("study", "the claims about vanishing gradients, measured: a report");
  const auto o = std::make_shared<Options>();
  add_data_option(*verb, o->data);
  verb->add_option("-o,--output", o->output, "folder for study.json and study.html, made if it is not there")
      ->check(not_empty())
      ->capture_default_str();
  verb->add_option("--charts", o->charts, "only draw study.html beside this study.json, which is there")
      ->check(not_empty());
  verb->add_option("--epochs", o->epochs, "of each training of the third study")
      ->check(whole_number_between(1, 1000))
      ->capture_default_str();
  verb->add_option("--seed", o->seed, "of weights, shuffling and random samples")
      ->check(whole_number_between(0, INT64_MAX))
      ->capture_default_str();
  verb->add_flag("--quiet", o->quiet, "no progress on standard error");
  add_context_options(*verb, o->context);
  verb->footer("Examples:\n"
               "  lanefold study --data mnist -o report\n"
               "  lanefold study --charts report/study.json");
  verb->callback([=, &run_verb] { run_verb = [=] { return run(*o); }; });
}

} // namespace lanefold::trainer
