// lanefold-bench, which is `lanefold bench`: reads the command line, runs the measurements and prints their results.
#include "command_line.hpp"
#include "cost/cost.hpp"
#include "cost/counter.hpp"
#include "session/agree.hpp"
#include "session/compare.hpp"
#include "session/google.hpp"
#include "session/page.hpp"
#include "session/record.hpp"
#include "session/scaling.hpp"

#include "cli/atomic_file.hpp"
#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/python.hpp"
#include "cli/status_line.hpp"
#include "cli/words.hpp"
#include "timing/clock.hpp"
#include "timing/machine.hpp"
#include "trainer/distributed/job.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

extern const std::string_view lanefold_report; // the Python package report/

namespace lanefold::bench {
namespace {

int list(const CommandLine &line) {
  for (const std::string &isa : line.options.isas)
    for (const int threads : line.options.threads)
      for (const Case &bench_case : cases_for(line.options, isa, threads)) {
        if (line.json) {
          Json object = {{"name", bench_case.name()}};
          add_fields(object, bench_case.fields());
          std::printf("%s\n", object.dump().c_str());
          continue;
        }
        std::printf("%s\n", bench_case.name().c_str());
        for (const Ratio &ratio : bench_case.ratios) std::printf("  %s\n", bench_case.name(ratio).c_str());
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
  char text[80];
  std::snprintf(text, sizeof text, "%.0f of %.0f s, %d gates undecided  ", event["seconds"].get<double>(),
                event["of"].get<double>(), event["undecided"].get<int>());
  return text + event["begins"].get<std::string>();
}

void print_failures(const Json &failures) {
  for (const Json &failure : failures)
    std::fprintf(stderr, "lanefold bench: %s: %s\n", failure["failed"].get<std::string>().c_str(),
                 failure["reason"].get<std::string>().c_str());
}

void print_results(const Record &record, bool verbose) {
  if (verbose)
    for (const Json &ratio : record.ratios()) std::printf("%s\n", line_of(ratio).c_str());
  for (const std::string &text : page_of(record)) std::printf("%s\n", text.c_str());
}

// Counts what BN and each activation add to a layer, where instructions can be counted.  Returns false if interrupted.
bool add_costs(Record &record, const Options &options, cli::StatusLine &status) {
  if (!why_no_counts().empty()) return true;
  Options counted = options;
  counted.extent = Extent::costs, counted.isas = {options.isas.front()};
  Shape layer = reference_layers[options.extent == Extent::full ? 0 : 1];
  if (options.extent != Extent::full) layer.m = 50; // of the smaller layer; some virtual machines take 30 us for a step
  counted.shapes = {layer};
  counted.filter.where = Where("family=dense");
  Json costs = Json::array();
  const bool complete = count_in_processes(counted, [&](const Json &event) {
    if (event.contains("begins")) status.show("counting " + event["begins"].get<std::string>());
    else if (event.contains("failed")) record.add(event);
    else if (event.contains("cost")) costs.push_back(event["cost"]);
  });
  status.clear();
  record.set("costs", costs);
  return complete;
}

// Returns false if interrupted.
bool add_scaling(Record &record, const Options &options, cli::StatusLine &status) {
  status.show("times of single tasks, to simulate scaling");
  const Json scaling = simulate_in_process(options);
  if (scaling.contains("failed")) record.add(scaling);
  else record.set("scaling", scaling);
  status.clear();
  return !cli::interrupted();
}

int run(CommandLine &line) {
  const Clock::time_point begin = Clock::now();
  complete_options(line);
  if (line.list) return list(line);
  if (line.json) throw UsageError("--json: is valid only with --list");
  if (!line.google.empty())
    return run_google_benchmark(line.options, line.google,
                                [&](const Json &event) { check_peers(line.options, event); });
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
  if (!line.no_report) cli::run_python(lanefold_report, {"check"});
  Record record(line.options, line.full ? "lanefold bench --full" : "lanefold bench --quick");
  print_warnings(record);
  cli::watch_interrupts();
  cli::StatusLine status;
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
  // What follows describes the whole library and machine, so a filtered run leaves it out.  With portable it would take
  // minutes.
  const bool is_whole = line.options.filter.pattern.empty() && line.where.empty();
  if (complete && is_whole && line.options.isas.front() != "portable") {
    complete = add_costs(record, line.options, status);
    if (complete) complete = add_scaling(record, line.options, status);
  }
  record.set("interrupted", !complete);
  record.set("seconds", seconds_since(begin));
  print_results(record, line.verbose);
  print_failures(record.own()["failures"]);
  record.save(json);
  std::printf("%s: all results\n", json.c_str());
  std::fflush(stdout);
  if (!complete) {
    std::fprintf(stderr, "interrupted; the results so far are kept\n");
    return cli::interrupted_exit_code;
  }
  if (!line.no_report) {
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
  cli::StatusLine status;
  const bool complete = measure_in_processes(line.options, [&](const Json &event) {
    check_peers(line.options, event);
    if (event.contains("begins")) return status.show(status_of(event));
    record.add(event);
    if (!event.contains("missing")) return;
    status.clear();
    for (const Json &peer : event["missing"])
      std::printf("# isa:%s peer %s is missing: %s\n", event["isa"].get<std::string>().c_str(),
                  peer["name"].get<std::string>().c_str(), peer["reason"].get<std::string>().c_str());
  });
  status.clear();
  print_failures(record.own()["failures"]);
  if (!complete) return cli::interrupted_exit_code;
  if (record.failures() > 0) return 1;
  int gates = 0;
  for (const Json &ratio : record.ratios()) {
    const bool is_gate = ratio.contains("verdict");
    if (is_gate || line.verbose) std::printf("%s%s\n", is_gate ? "" : "# ", line_of(ratio).c_str());
    gates += is_gate;
  }
  if (gates == 0)
    throw UsageError("no gate matches " + described(line.options.filter) +
                     " (gates against peers need an installed peer)");
  return 0;
}

// Prints a line for each microkernel: name, multiply-adds per second, share of the peak and its interval.
int kernels(CommandLine &line) {
  line.options.extent = Extent::kernels;
  line.threads = "1", line.peers = {"none"};
  complete_options(line);
  if (line.list) return list(line);
  Record record(line.options, "lanefold bench kernels");
  cli::watch_interrupts();
  cli::StatusLine status;
  const bool complete = measure_in_processes(line.options, [&](const Json &event) {
    if (event.contains("begins")) status.show(status_of(event));
    else record.add(event);
  });
  status.clear();
  const Json cases = record.cases(), ratios = record.ratios(); // each case has one ratio
  for (size_t i = 0; i < cases.size(); ++i) {
    const Json &microkernel = cases[i]["variants"][0], &share = ratios[i];
    const double seconds = microkernel["seconds"][0], flops = microkernel["flops"];
    std::printf("%-80s %7.2f G/s  %.3f of the peak  %.3f..%.3f\n", microkernel["name"].get<std::string>().c_str(),
                flops / 2 / seconds * 1e-9, share["value"].get<double>(), share["low"].get<double>(),
                share["high"].get<double>());
  }
  print_failures(record.own()["failures"]);
  if (!complete) return cli::interrupted_exit_code;
  return record.failures() > 0 ? 1 : 0;
}

// What the counts depend on.
Json program() {
  const Json all = environment();
  Json program;
  for (const char *key : {"lanefold", "revision", "compiler", "flags"}) program[key] = all[key];
  return program;
}

// Prints what a warm call of each operation costs, counted and not timed.
int cost(CommandLine &line) {
  line.options.extent = Extent::costs;
  line.threads = "1", line.peers = {"none"};
  complete_options(line);
  if (line.list) return list(line);
  Json all = {{"format", "lanefold-bench-cost-2"}, {"program", program()}, {"costs", Json::array()}};
  Json failures = Json::array();
  std::string isa; // of the heading
  cli::watch_interrupts();
  cli::StatusLine status;
  const bool complete = count_in_processes(line.options, [&](const Json &event) {
    if (event.contains("begins")) return status.show(event["begins"]);
    status.clear();
    if (event.contains("failed")) failures.push_back(event);
    if (!event.contains("cost")) return;
    const Json &counted = event["cost"];
    all["costs"].push_back(counted);
    if (line.json) return;
    if (const std::string own = counted["isa"]; own != isa) print_cost_heading(isa = own);
    print_cost(counted);
    std::fflush(stdout);
  });
  status.clear();
  all["failures"] = failures;
  if (line.json && complete) std::printf("%s\n", all.dump(2).c_str());
  print_failures(failures);
  if (!complete) return cli::interrupted_exit_code;
  return failures.empty() ? 0 : 1;
}

cli::Command gates_command(CommandLine &line) {
  return {.name = "gates",
          .description = "Check the promised speed, and print a line for each gate: name, value, target, "
                         "holds|fails|undecided, interval.",
          .options = gates_options(line),
          .run = [&line](const cli::Command &) { return gates(line); }};
}

cli::Command kernels_command(CommandLine &line) {
  return {.name = "kernels",
          .description =
              "Time each microkernel alone, and print a line for each: name, multiply-adds per second, share "
              "of the peak.",
          .options = kernels_options(line),
          .run = [&line](const cli::Command &) { return kernels(line); }};
}

cli::Command cost_command(CommandLine &line) {
  return {.name = "cost",
          .description = "Count what one warm call of each operation costs: instructions by kind, floating-point "
                         "operations, bytes and cache lines.",
          .options = cost_options(line),
          .run = [&line](const cli::Command &) { return cost(line); }};
}

cli::Command compare_command() {
  struct Files {
    std::string before, after, filter, where;
  };
  const auto files = std::make_shared<Files>();
  return {.name = "compare",
          .description = "Compare two results.json: ratios of times, and whether each difference is real.",
          .options = {{.names = "before",
                       .value = "FILE",
                       .target = &files->before,
                       .help = "A results.json, or a JSON file of Google Benchmark.",
                       .need = cli::Option::required},
                      {.names = "after",
                       .value = "FILE",
                       .target = &files->after,
                       .help = "Such a file of a later run.",
                       .need = cli::Option::required},
                      {.names = "--filter",
                       .value = "REGEX",
                       .target = &files->filter,
                       .help = "Compare only names that match this regular expression."},
                      where_option(files->where)},
          .run = [files](const cli::Command &) {
            compare_files(files->before, files->after, {Where(files->where), files->filter});
            return 0;
          }};
}

cli::Command agree_command() {
  const auto files = std::make_shared<std::vector<std::string>>();
  return {.name = "agree",
          .description = "Say whether the intervals and verdicts of several runs agree.",
          .options = {{.names = "results",
                       .value = "FILE",
                       .target = files.get(),
                       .help = "Two or more results.json of the same command on one machine.",
                       .need = cli::Option::required,
                       .repeated = cli::Option::all}},
          .run = [files](const cli::Command &) { return report_agreement(*files, stdout); }};
}

cli::Command report_command() {
  const auto json = std::make_shared<std::string>();
  return {.name = "report",
          .description = "Draw report.html beside an existing results.json.",
          .options = {{.names = "results",
                       .value = "FILE",
                       .target = json.get(),
                       .help = "The results.json.",
                       .need = cli::Option::required}},
          .run = [json](const cli::Command &) {
            std::error_code error;
            if (!std::filesystem::exists(*json, error)) throw UsageError(*json + ": no such file");
            const std::string html = (std::filesystem::path(*json).parent_path() / "report.html").string();
            cli::run_python(lanefold_report, {"bench", *json, html});
            std::printf("%s: the report\n", html.c_str());
            return 0;
          }};
}

} // namespace
} // namespace lanefold::bench

int main(int argc, char **argv) {
  using namespace lanefold;
  trainer::silence_other_ranks();
  bench::CommandLine line;
  // Google Benchmark reads its own options.
  char **const end = std::stable_partition(
      argv, argv + argc, [](const char *word) { return !std::string_view(word).starts_with("--benchmark_"); });
  line.google.assign(end, argv + argc);
  argc = static_cast<int>(end - argv);
  argv[argc] = nullptr;
  cli::Command program{.name = "lanefold bench",
                       .description =
                           "Measures Lanefold, and compares it with other libraries and the limits of this machine.",
                       .examples = "Examples:\n"
                                   "  lanefold bench -o results\n"
                                   "  lanefold bench --full --isa avx2 --threads 1,2 -o results\n"
                                   "  lanefold bench --where 'op=dense n>=100 bn=true'\n"
                                   "  lanefold bench gates gemm/nn\n"
                                   "  lanefold bench --benchmark_filter=gemm/nn --benchmark_format=json\n"
                                   "  lanefold bench compare before/results.json after/results.json",
                       .options = bench::run_options(line),
                       .run = [&line](const cli::Command &) { return bench::run(line); }};
  program.verbs = {bench::gates_command(line), bench::kernels_command(line),  bench::cost_command(line),
                   bench::compare_command(),   bench::agree_command(),        bench::report_command(),
                   bench::scaling_command(),   cli::complete_command(program)};
  for (const cli::Command &verb : program.verbs)
    if (!line.google.empty() && std::find(argv, argv + argc, verb.name) != argv + argc) {
      std::fprintf(stderr, "lanefold bench: %s: is an option of `lanefold bench` and not of its verbs\n",
                   line.google.front().c_str());
      return 2;
    }
  const auto run = [&] { return cli::run_command_line(program, argc, argv); };
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto has = [&](const char *word) { return std::find(words.begin(), words.end(), word) != words.end(); };
  if (has("scaling") && has("--ranks")) return trainer::run_job("lanefold bench scaling --ranks", program, run);
  return trainer::launch().rank == 0 ? run() : 0; // once for all ranks
}
