// lanefold study: measures common claims about BN and ELU, and writes study.json, study.html and tables.
#include "trainer/study/study.hpp"
#include "cli/atomic_file.hpp"
#include "cli/interrupt.hpp"
#include "cli/python.hpp"
#include "cli/status_line.hpp"
#include "trainer/commands/commands.hpp"
#include "trainer/commands/shared_options.hpp"
#include "trainer/study/charts.hpp"

#include <chrono>
#include <filesystem>
#include <memory>

namespace lanefold::trainer {
namespace {

struct StudyOptions {
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
    {"signals_in_training", "the same during training", study::signals_in_training},
    {"learning", "accuracy by epoch, shallow and deep", study::learning},
    {"sensitivity", "learning rates and initial scales", study::sensitivity},
    {"costs", "what steps and predictions cost", study::costs},
};

// On a terminal, what is being done follows the title, in place.  Elsewhere there are titles alone.
class Notes {
public:
  explicit Notes(bool quiet) : quiet_(quiet), status_(quiet) {}
  void title(const std::string &text) {
    title_ = text;
    if (status_.visible()) status_.show(title_);
    else if (!quiet_) std::fprintf(stderr, "%s\n", title_.c_str());
  }
  void note(const std::string &text) { status_.show(title_ + ": " + text); }
  void end() {
    status_.clear();
    if (status_.visible()) std::fprintf(stderr, "%s\n", title_.c_str());
  }

private:
  bool quiet_;
  cli::StatusLine status_;
  std::string title_;
};

std::string join(const std::string &folder, const char *name) {
  return (std::filesystem::path(folder) / name).string();
}

void write(const std::string &path, const std::string &text) {
  try {
    cli::replace_file(path, {text});
  } catch (const std::system_error &error) {
    throw cli::UsageError(path + ": cannot be written: " + error.code().message());
  }
}

void check_writable_file(const std::string &path) {
  try {
    cli::check_replaceable(path);
  } catch (const std::system_error &error) {
    throw cli::UsageError(path + ": cannot be written: " + error.code().message());
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

const std::vector<cli::Json> &cases(const cli::Json &report, const char *study) {
  return report.at(study).at("cases").elements();
}

void print_signals(const cli::Json &report) {
  std::printf("\nThrough 20 layers before training: outputs, gradients\n%-20s", "");
  for (const study::Subject &s : study::subjects()) std::printf(" %-18s", s.activation.c_str());
  std::string init;
  for (const cli::Json &one : cases(report, "signals_at_start")) {
    if (one.at("init") != init) std::printf("\n%-20s", (init = one.at("init").text()).c_str());
    std::printf(" %-18s", (one.at("outputs").text() + ", " + one.at("gradients").text()).c_str());
  }
  std::printf("\n");
}

void print_learning(const cli::Json &report) {
  std::printf("\nTest accuracy after %lld epochs at learning rate 0.01\n%-12s %10s %10s %10s %10s\n",
              static_cast<long long>(report.at("learning").at("epochs").whole()), "", "2 hidden", "+BN", "10 hidden",
              "+BN");
  for (const study::Subject &s : study::subjects()) {
    std::string row;
    for (const cli::Json &one : cases(report, "learning")) {
      if (one.at("activation") != s.activation) continue;
      char cell[16];
      std::snprintf(cell, sizeof cell, " %9.2f%%", 100 * one.at("test_accuracy").elements().back().number());
      row += cell;
    }
    if (!row.empty()) std::printf("%-12s%s\n", s.activation.c_str(), row.c_str());
  }
}

void print_sweep(const std::vector<cli::Json> &sweep, const char *key, const char *title) {
  std::printf("\n%-22s %12s %12s\n", title, "without BN", "with BN");
  for (const cli::Json &one : sweep) {
    if (one.at("batch_norm").boolean()) continue;
    std::printf("%-22g", one.at(key).number());
    for (const bool batch_norm : {false, true})
      for (const cli::Json &other : sweep) {
        if (other.at(key) != one.at(key) || other.at("batch_norm") != batch_norm) continue;
        if (other.at("diverged").boolean()) std::printf(" %12s", "diverged");
        else std::printf(" %11.2f%%", 100 * other.at("test_accuracy").number());
      }
    std::printf("\n");
  }
}

void print_sensitivity(const cli::Json &report) {
  const cli::Json &study = report.at("sensitivity");
  print_sweep(study.at("learning_rates").elements(), "learning_rate", "learning rate");
  print_sweep(study.at("gains").elements(), "gain", "initial weights times");
}

void print_costs(const cli::Json &report) {
  std::printf("\nPer step of 200 and per prediction, %lld threads\n%-10s %12s %14s %14s %14s\n",
              static_cast<long long>(report.at("costs").at("threads").whole()), "", "step, us", "unfused, ns",
              "folded, ns", "one, us");
  for (const cli::Json &one : cases(report, "costs"))
    std::printf("%-10s %12.0f %14.0f %14.0f %14.1f\n", one.at("network").text().c_str(),
                one.at("step_microseconds").number(), one.at("prediction_unfused_nanoseconds").number(),
                one.at("prediction_folded_nanoseconds").number(),
                one.at("single_prediction_folded_microseconds").number());
}

void print_claims(const cli::Json &report) {
  std::printf("\nCommon claims about BN and ELU, on %s\n", report.at("data").text().c_str());
  for (const cli::Json &claim : report.at("claims").elements())
    std::printf("%-15s%s\n%15s%s\n", claim.at("verdict").text().c_str(), claim.at("claim").text().c_str(), "",
                claim.at("measured").text().c_str());
}

cli::Json measure(const StudyOptions &o) {
  const Context context = make_context(o.context);
  const Dataset data = load_images(o.data);
  if (data.train.count() < 1000) throw cli::UsageError(data.name + ": the study needs at least 1000 training images");
  Notes notes(o.quiet);
  if (!o.quiet)
    std::fprintf(stderr, "studying %s: plugin %s, %d threads; this takes minutes\n", data.name.c_str(),
                 context.isa().c_str(), context.threads());
  cli::watch_interrupts();
  const study::Setting setting{
      context, data, o.seed, o.epochs, cli::interrupted, [&](const std::string &text) { notes.note(text); }};
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
  const cli::Json found = study::claims(report);
  cli::Json claims = cli::Json::array();
  for (cli::Json claim : found.elements()) {
    const bool random = claim.at("study") == "signals_at_start" || claim.at("study") == "costs";
    claim["data"] = random ? cli::Json("random samples") : report.at("data");
    claims.push_back(claim);
  }
  report["claims"] = claims;
  return report;
}

int run_study(const StudyOptions &o) {
  if (!o.charts.empty()) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(o.charts, error)) throw cli::UsageError(o.charts + ": no such file");
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

cli::Command study_command() {
  const auto o = std::make_shared<StudyOptions>();
  cli::Command command{.name = "study",
                       .description = "Measure which common claims about BN and ELU hold, and write a report.",
                       .examples = "Examples:\n"
                                   "  lanefold study --data mnist -o report\n"
                                   "  lanefold study --charts report/study.json",
                       .run = [o](const cli::Command &) { return run_study(*o); }};
  command.options = {data_option(o->data),
                     {.names = "-o,--output",
                      .value = "FOLDER",
                      .target = &o->output,
                      .range = cli::not_empty(),
                      .help = "The folder for study.json and study.html. It is created if it does not exist.",
                      .fallback = "the current folder"},
                     {.names = "--charts",
                      .value = "FILE",
                      .target = &o->charts,
                      .range = cli::not_empty(),
                      .help = "Measure nothing, and draw study.html beside this study.json.",
                      .fallback = "none"},
                     {.names = "--epochs",
                      .value = "K",
                      .target = &o->epochs,
                      .range = cli::whole(1, 1000),
                      .help = "The number of epochs of each training of the third study."},
                     {.names = "--seed",
                      .value = "K",
                      .target = &o->seed,
                      .range = cli::whole(0, INT64_MAX),
                      .help = "The seed of the weights, of the order of the samples, and of random samples."},
                     {.names = "--quiet", .target = &o->quiet, .help = "Show no progress on standard error."}};
  add_context_options(command.options, o->context);
  return command;
}

} // namespace lanefold::trainer
