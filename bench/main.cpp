// lanefold-bench, which is `lanefold bench`: reads the command line, runs the measurements and prints their results.
#include "scaling/scaling.hpp"
#include "session/compare.hpp"
#include "session/record.hpp"

#include "cli/atomic_file.hpp"
#include "cli/completion.hpp"
#include "cli/interrupt.hpp"
#include "cli/python.hpp"
#include "cli/terminal.hpp"
#include "cli/words.hpp"
#include "method/clock.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <regex>

extern const char lanefold_report[]; // the concatenated report/*.py

namespace lanefold::bench {
namespace {

constexpr int error_exit_code = 2;

struct CommandLine {
  Options options;
  std::string output = ".";
  std::optional<std::string> threads;
  bool quick = false, full = false, report = true, list = false;
  std::vector<std::string> peers;
};

// A line on the terminal that shows the current case.
class Status {
public:
  void show(const std::string &text) {
    if (!terminal_.interactive) return;
    std::fprintf(stderr, "\r%s\033[K", text.substr(0, static_cast<size_t>(std::max(terminal_.width - 1, 1))).c_str());
    shown_ = true;
  }
  void clear() {
    if (shown_) std::fprintf(stderr, "\r\033[K");
    shown_ = false;
  }

private:
  cli::Terminal terminal_ = cli::terminal(stderr);
  bool shown_ = false;
};

// Parses "1,2".  The default is one thread and one per core, but at most two for gates.
std::vector<int> threads_of(const std::optional<std::string> &text, Extent extent) {
  const int default_max = extent == Extent::gates ? std::min(2, cores()) : cores();
  if (!text) return default_max > 1 ? std::vector<int>{1, default_max} : std::vector<int>{1};
  const int cpus = static_cast<int>(usable_cpus().size());
  std::vector<int> threads;
  for (size_t begin = 0; begin <= text->size();) {
    const size_t end = std::min(text->find(',', begin), text->size());
    const std::string word = text->substr(begin, end - begin);
    begin = end + 1;
    if (word.empty() || word.size() > 4 || word.find_first_not_of("0123456789") != std::string::npos ||
        std::stoi(word) < 1)
      throw UsageError("--threads: '" + word + "' is not a number; expected positive integers, such as 1,2");
    if (std::stoi(word) > cpus)
      throw UsageError("--threads: " + word + " is too large; this process may use only " + std::to_string(cpus) +
                       " CPUs");
    threads.push_back(std::stoi(word));
  }
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  return threads;
}

std::vector<std::string> isas_of(const std::vector<std::string> &named, Extent extent) {
  std::vector<std::string> isas;
  for (const std::string &isa : named) {
    check_isa(isa);
    if (std::find(isas.begin(), isas.end(), isa) == isas.end()) isas.push_back(isa);
  }
  if (!isas.empty()) return isas;
  isas = {best_isa()};
  if (extent == Extent::quick) return isas;
  for (const std::string &isa : usable_plugins())
    if (isa != isas.front() && (isa != "portable" || extent == Extent::full)) isas.push_back(isa);
  return isas;
}

size_t count_cases(const Options &o) {
  size_t cases = 0;
  for (const std::string &isa : o.isas)
    for (const int threads : o.threads) cases += select_cases(list_for(o, isa, threads), o, isa, threads).size();
  return cases;
}

void complete_options(CommandLine &line) {
  Options &o = line.options;
  if (line.full) o.extent = Extent::full;
  o.isas = isas_of(o.isas, o.extent);
  o.threads = threads_of(line.threads, o.extent);
  o.peers_required = !line.peers.empty() && line.peers != std::vector<std::string>{"none"};
  for (const std::string &name : line.peers) {
    if (name == "none" && line.peers.size() == 1) break;
    if (cli::code_of(peer_names(), name) < 0) throw UsageError("--peers: " + cli::unknown_word(name, peer_names()));
    o.peers.push_back(name);
  }
  if (line.peers.empty()) o.peers = peer_names();
  if (!o.onnxruntime.empty() && !std::filesystem::exists(o.onnxruntime))
    throw UsageError("--onnxruntime: the file " + o.onnxruntime + " does not exist");
  try {
    const std::regex checked(o.filter);
  } catch (const std::regex_error &) {
    throw UsageError("the filter '" + o.filter + "' is not a valid regular expression");
  }
  if (count_cases(o) > 0) return;
  Options full = o;
  full.extent = Extent::full;
  throw UsageError("no benchmark matches the filter '" + o.filter + "'; " +
                   (o.extent == Extent::quick && count_cases(full) > 0
                        ? "add --full, which has benchmarks that match"
                        : "`lanefold bench --list --full` prints all names"));
}

int list(const CommandLine &line) {
  for (const std::string &isa : line.options.isas)
    for (const int threads : line.options.threads)
      for (const Case &bench_case : select_cases(list_for(line.options, isa, threads), line.options, isa, threads)) {
        std::printf("%s/isa:%s%s%s%s\n", bench_case.operation.c_str(), isa.c_str(), bench_case.sizes.empty() ? "" : "/",
                    bench_case.sizes.c_str(), suffix(threads).c_str());
        for (const Ratio &ratio : bench_case.ratios) std::printf("  %s/isa:%s\n", ratio.name.c_str(), isa.c_str());
      }
  return 0;
}

// Throws if a peer that the user named is missing.
void check_peers(const Options &options, const Json &event) {
  if (!options.peers_required || !event.contains("missing")) return;
  for (const Json &peer : event["missing"])
    throw UsageError("--peers: " + peer["name"].get<std::string>() +
                     " is missing: " + peer["reason"].get<std::string>());
}

void print_warnings(const Record &record) {
  for (const Json &warning : record.own()["warnings"])
    std::fprintf(stderr, "warning: %s\n", warning.get<std::string>().c_str());
}

void print_missing(const Json &event) {
  for (const Json &peer : event["missing"])
    std::fprintf(stderr, "peer %s is missing: %s\n", peer["name"].get<std::string>().c_str(),
                 peer["reason"].get<std::string>().c_str());
}

std::string status_of(const Json &event) {
  return std::to_string(event["number"].get<int>()) + " of " + std::to_string(event["of"].get<int>()) + "  " +
         event["begins"].get<std::string>();
}

// How far the results of this run can be trusted.
Json trust(const Record &record) {
  int samples = 0, noisy = 0, discarded = 0, cases = 0, converged = 0;
  for (const Json &bench_case : record.cases()) {
    samples += bench_case["samples"].get<int>(), noisy += bench_case["noisy"].get<int>();
    discarded += bench_case["discarded"].get<int>();
    ++cases, converged += bench_case["converged"].get<bool>();
  }
  return {{"cases", cases}, {"converged", converged}, {"samples", samples}, {"noisy", noisy}, {"discarded", discarded}};
}

void print_failures(const Record &record) {
  for (const Json &failure : record.own()["failures"])
    std::fprintf(stderr, "lanefold bench: %s: %s\n", failure["failed"].get<std::string>().c_str(),
                 failure["reason"].get<std::string>().c_str());
}

void print_summary(const Record &record) {
  int ok = 0, all = 0;
  for (const Json &ratio : record.ratios()) {
    std::printf("%s\n", line_of(ratio).c_str());
    if (!ratio.contains("verdict")) continue;
    ++all, ok += ratio["verdict"] == "ok";
  }
  const Json counts = trust(record);
  const int samples = counts["samples"].get<int>(), discarded = counts["discarded"].get<int>();
  const int noisy = counts["noisy"].get<int>();
  std::printf("\n%d of %d gates ok; %d of %d cases converged within 2%%\n"
              "%d of %d timing samples were noisy: %d were discarded, %d had to be kept\n",
              ok, all, counts["converged"].get<int>(), counts["cases"].get<int>(), discarded + noisy,
              discarded + samples, discarded, noisy);
}

int run(CommandLine &line) {
  const Clock::time_point begin = Clock::now();
  complete_options(line);
  if (line.list) return list(line);
  std::error_code ignored;
  std::filesystem::create_directories(line.output, ignored); // a failure shows when the files are checked
  const std::string json = (std::filesystem::path(line.output) / "results.json").string();
  const std::string html = (std::filesystem::path(line.output) / "report.html").string();
  for (const std::string &path : {json, html}) {
    try {
      cli::check_replaceable(path);
    } catch (const std::system_error &error) {
      throw UsageError(path + ": cannot write the file: " + error.code().message());
    }
  }
  if (line.report) cli::run_python(lanefold_report, {"check"});
  Record record(line.options, line.full ? "lanefold bench --full" : "lanefold bench --quick");
  print_warnings(record);
  cli::watch_interrupts();
  Status status;
  Clock::time_point saved = Clock::now();
  bool complete = measure_in_processes(line.options, [&](const Json &event) {
    check_peers(line.options, event);
    if (event.contains("missing")) status.clear(), print_missing(event);
    if (event.contains("begins")) return status.show(status_of(event));
    record.add(event);
    if (seconds_since(saved) < 5) return;
    try {
      record.save(json);
    } catch (const std::runtime_error &) {
      // The next save may succeed; the last one reports an error.
    }
    saved = Clock::now();
  });
  status.clear();
  // Scaling describes the whole machine, so a filtered run leaves it out.  With portable it would take minutes.
  if (complete && line.options.filter.empty() && line.options.isas.front() != "portable") {
    status.show("times of single tasks, to simulate scaling");
    const Json scaling = simulate_in_process(line.options);
    if (scaling.contains("failed")) record.add(scaling);
    else record.set("scaling", scaling);
    status.clear();
    complete = !cli::interrupted();
  }
  record.set("interrupted", !complete);
  record.set("trust", trust(record));
  record.set("seconds", seconds_since(begin));
  print_summary(record);
  print_failures(record);
  record.save(json);
  std::printf("%s: all results\n", json.c_str());
  std::fflush(stdout);
  if (!complete) {
    std::fprintf(stderr, "interrupted; the results so far are kept\n");
    return cli::interrupted_exit_code;
  }
  if (line.report) {
    cli::run_python(lanefold_report, {"bench", json, html});
    std::printf("%s: the report\n", html.c_str());
  }
  return record.failures() > 0 ? 1 : 0;
}

int gates(CommandLine &line) {
  line.options.extent = Extent::gates;
  complete_options(line);
  if (line.list) return list(line);
  Record record(line.options, "lanefold bench gates");
  cli::watch_interrupts();
  const bool complete = measure_in_processes(line.options, [&](const Json &event) {
    check_peers(line.options, event);
    record.add(event);
    const auto print = [](const Json &ratio) {
      std::printf("%s%s\n", ratio.contains("verdict") ? "" : "# ", line_of(ratio).c_str());
    };
    if (event.contains("missing"))
      for (const Json &peer : event["missing"])
        std::printf("# isa:%s peer %s is missing: %s\n", event["isa"].get<std::string>().c_str(),
                    peer["name"].get<std::string>().c_str(), peer["reason"].get<std::string>().c_str());
    if (event.contains("case")) {
      std::printf("# %s:", event["case"].get<std::string>().c_str());
      for (const Json &variant : event["variants"])
        std::printf(" %s %.4g us", variant["label"].get<std::string>().c_str(),
                    1e6 * variant["seconds"][0].get<double>());
      std::printf("\n");
      for (const Json &ratio : event["ratios"]) print(ratio);
    }
    if (event.contains("ratio")) print(event["ratio"]);
    std::fflush(stdout);
  });
  print_failures(record);
  if (!complete) return cli::interrupted_exit_code;
  if (record.failures() > 0) return 1;
  if (record.gates() == 0)
    throw UsageError("no gate matches the filter '" + line.options.filter +
                     "' (gates against peers need an installed peer)");
  return 0;
}

// Each microkernel alone: name, multiply-adds per second, share of the peak, and its interval.
int kernels(CommandLine &line) {
  line.options.extent = Extent::kernels;
  line.threads = "1", line.peers = {"none"};
  complete_options(line);
  if (line.list) return list(line);
  Record record(line.options, "lanefold bench kernels");
  cli::watch_interrupts();
  const bool complete = measure_in_processes(line.options, [&](const Json &event) {
    record.add(event);
    if (!event.contains("case")) return;
    const Json &microkernel = event["variants"][0], &share = event["ratios"][0];
    const double seconds = microkernel["seconds"][0], flops = microkernel["flops"];
    std::printf("%-80s %7.2f G/s  %.3f of the peak  %.3f..%.3f\n", microkernel["name"].get<std::string>().c_str(),
                flops / 2 / seconds * 1e-9, share["value"].get<double>(), share["low"].get<double>(),
                share["high"].get<double>());
    std::fflush(stdout);
  });
  print_failures(record);
  if (!complete) return cli::interrupted_exit_code;
  return record.failures() > 0 ? 1 : 0;
}

void add_isa(CLI::App &app, CommandLine &line) {
  app.add_option("--isa", line.options.isas,
                 "an instruction set; repeat it for several (default: the best one; with --full, gates, kernels: all)")
      ->allow_extra_args(false);
}

void add_list(CLI::App &app, CommandLine &line) {
  app.add_flag("--list", line.list, "print the names of the benchmarks and measure nothing");
}

void add_options(CLI::App &app, CommandLine &line) {
  add_isa(app, line);
  app.add_option("--threads", line.threads, "numbers of threads, such as 1,2 (default: one, and one per core)");
  app.add_option(
         "--peers", line.peers,
         "some of openblas, blis, onednn, eigen, pytorch, onnxruntime; or none (default: all that are installed)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--onnxruntime", line.options.onnxruntime, "path of libonnxruntime.so.1")
      ->envname("LANEFOLD_ONNXRUNTIME");
  add_list(app, line);
}

using Verb = std::function<int()>;

void add_run(CLI::App &app, CommandLine &line) {
  auto *extent = app.add_option_group("extent");
  extent->add_flag("--quick", line.quick, "measure the most important benchmarks in two minutes (the default)");
  extent->add_flag("--full", line.full, "measure everything on all instruction sets, in an hour");
  extent->require_option(0, 1);
  app.add_option("--filter", line.options.filter,
                 "measure only names that match this regular expression, such as gemm/nn or m:200");
  app.add_option("-o,--output", line.output, "folder for results.json and report.html; created if it does not exist")
      ->capture_default_str();
  app.add_flag("!--no-report", line.report, "write results.json alone, which needs no Python");
  add_options(app, line);
}

void add_gates(CLI::App &app, CommandLine &line, Verb &verb) {
  CLI::App *gates_verb = app.add_subcommand(
      "gates", "check the promised speed; prints a line for each gate: name value target ok|short interval");
  gates_verb->add_option("filter", line.options.filter,
                         "check only names that match this regular expression, such as gemm/nn or isa:avx2");
  add_options(*gates_verb, line);
  gates_verb->callback([&] { verb = [&] { return gates(line); }; });
}

void add_kernels(CLI::App &app, CommandLine &line, Verb &verb) {
  CLI::App *kernels_verb = app.add_subcommand(
      "kernels",
      "time each microkernel alone; prints a line for each: name, multiply-adds per second, share of the peak");
  kernels_verb->add_option("filter", line.options.filter,
                           "time only names that match this regular expression, such as packing or rows:6/");
  add_isa(*kernels_verb, line);
  add_list(*kernels_verb, line);
  kernels_verb->callback([&] { verb = [&] { return kernels(line); }; });
}

void add_compare(CLI::App &app, Verb &verb) {
  struct Files {
    std::string before, after, filter;
    double agree = 0;
  };
  const auto files = std::make_shared<Files>();
  CLI::App *compare_verb =
      app.add_subcommand("compare", "compare two results.json: ratios of times, and whether each difference is real");
  compare_verb->add_option("before", files->before, "results.json, or a JSON file of Google Benchmark")->required();
  compare_verb->add_option("after", files->after, "such a file of a later run")->required();
  compare_verb->add_option("--filter", files->filter, "compare only names that match this regular expression");
  compare_verb->add_option("--agree", files->agree, "percent; exit code 1 unless 95% of the ratios agree within it")
      ->check(CLI::PositiveNumber);
  compare_verb->callback([&, files] {
    verb = [files] { return compare_files(files->before, files->after, files->filter, files->agree); };
  });
}

void add_report(CLI::App &app, Verb &verb) {
  const auto json = std::make_shared<std::string>();
  CLI::App *report = app.add_subcommand("report", "draw report.html beside an existing results.json");
  report->add_option("results", *json, "results.json")->required()->check(CLI::ExistingFile);
  report->callback([&, json] {
    verb = [json] {
      const std::string html = (std::filesystem::path(*json).parent_path() / "report.html").string();
      cli::run_python(lanefold_report, {"bench", *json, html});
      std::printf("%s: the report\n", html.c_str());
      return 0;
    };
  });
}

// Prints completions for the shell.  `lanefold complete` calls this.
void complete(const CLI::App &app, const std::vector<std::string> &words) {
  const std::string last = words.empty() ? "" : words.back();
  std::vector<std::string> offered = cli::verb_names(app);
  if (words.size() > 1 && cli::code_of(offered, words[0]) >= 0) {
    offered = cli::completions(app, words);
  } else if (last.starts_with("-")) {
    offered = cli::option_names(app);
  }
  for (const std::string &word : offered)
    if (word.starts_with(last)) std::printf("%s\n", word.c_str());
}

int explain(const CLI::App &app, const CLI::ParseError &error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  std::fprintf(stderr, "lanefold bench: %s\n", error.what());
  if (error.get_name() != "ValidationError") std::fprintf(stderr, "\n%s", app.help().c_str());
  return error_exit_code;
}

// Other verbs ignore the options of a run, so refuse these before a verb.
void check_verb_first(const CLI::App &app, const CommandLine &line) {
  if (app.get_subcommands().empty()) return;
  const auto refuse = [](const std::string &option) {
    throw UsageError(option + " comes before the verb, which does not have this option");
  };
  if (line.quick || line.full) refuse(line.full ? "--full" : "--quick");
  for (const CLI::Option *option : app.get_options())
    if (option->count() > 0) refuse(option->get_name());
}

} // namespace
} // namespace lanefold::bench

int main(int argc, char **argv) {
  using namespace lanefold::bench;
  CLI::App app("Measures Lanefold, and compares it with other libraries and the limits of this machine.",
               "lanefold bench");
  CommandLine line;
  Verb verb = [&] { return run(line); };
  add_run(app, line);
  add_gates(app, line, verb);
  add_kernels(app, line, verb);
  add_compare(app, verb);
  add_report(app, verb);
  add_scaling(app, verb);
  app.footer("Examples:\n"
             "  lanefold bench -o results\n"
             "  lanefold bench --full --isa avx2 --threads 1,2 -o results\n"
             "  lanefold bench gates gemm/nn\n"
             "  lanefold bench compare before/results.json after/results.json");
  if (argc > 2 && std::string(argv[1]) == "complete" && std::string(argv[2]) == "--")
    return complete(app, {argv + 3, argv + argc}), 0;
  try {
    app.parse(argc, argv);
    check_verb_first(app, line);
    const int code = verb();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw std::runtime_error("cannot write standard output");
    return code;
  } catch (const CLI::ParseError &error) {
    return explain(app, error);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "lanefold bench: %s\n", error.what());
    return error_exit_code;
  }
}
