// lanefold-bench, which is `lanefold bench`: reads the command line, runs the measurements and prints their results.
#include "cost/cost.hpp"
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

struct CommandLine {
  Options options;
  std::string output = ".";
  std::optional<std::string> threads;
  std::string where;
  bool quick = false, full = false, no_report = false, list = false, json = false, verbose = false;
  std::vector<std::string> peers;
  std::vector<std::string> google; // the options of Google Benchmark
};

// Parses "1,2".
std::vector<int> parse_threads(const std::string &text) {
  const int cpus = static_cast<int>(usable_cpus().size());
  std::vector<int> threads;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
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

// Without --threads: one thread and one per core, but at most two for gates; or any number that --where may select.
std::vector<int> threads_of(const std::optional<std::string> &text, const Options &options) {
  if (text) return parse_threads(*text);
  std::vector<int> threads = {1};
  if (options.filter.where.mentions("threads")) {
    for (int count = 2; count <= static_cast<int>(usable_cpus().size()); ++count) threads.push_back(count);
    return threads;
  }
  const int most = options.extent == Extent::gates ? std::min(2, cores()) : cores();
  if (most > 1) threads.push_back(most);
  return threads;
}

// Without --isa: the best one, and with large extents the others too; or any one that --where may select.
std::vector<std::string> isas_of(const std::vector<std::string> &named, const Options &options) {
  std::vector<std::string> isas;
  for (const std::string &isa : named) {
    check_isa(isa);
    if (std::find(isas.begin(), isas.end(), isa) == isas.end()) isas.push_back(isa);
  }
  if (!isas.empty()) return isas;
  isas = {best_isa()};
  const bool may_select = options.filter.where.mentions("isa");
  if (options.extent == Extent::quick && !may_select) return isas;
  for (const std::string &isa : usable_plugins())
    if (isa != isas.front() && (isa != "portable" || options.extent == Extent::full || may_select)) isas.push_back(isa);
  return isas;
}

// Leaves out what the filter does not select.
void drop_unselected(Options &options) {
  const auto selects = [&](const std::string &isa, int threads) { return !cases_for(options, isa, threads).empty(); };
  const Options all = options;
  std::erase_if(options.isas, [&](const std::string &isa) {
    return std::none_of(all.threads.begin(), all.threads.end(), [&](int threads) { return selects(isa, threads); });
  });
  std::erase_if(options.threads, [&](int threads) {
    return std::none_of(all.isas.begin(), all.isas.end(), [&](const auto &isa) { return selects(isa, threads); });
  });
}

// "'gemm/nn'", "'gemm/nn' and --where 'm=1'" or "--where 'm=1'".
std::string described(const Filter &filter) {
  const std::string where = filter.where.text().empty() ? "" : "--where '" + filter.where.text() + "'";
  if (filter.pattern.empty()) return where;
  return "the filter '" + filter.pattern + "'" + (where.empty() ? "" : " and " + where);
}

void complete_peers(CommandLine &line) {
  Options &o = line.options;
  o.peers_required = !line.peers.empty() && line.peers != std::vector<std::string>{"none"};
  for (const std::string &name : line.peers) {
    if (name == "none" && line.peers.size() == 1) break;
    if (cli::code_of(peer_names(), name) < 0) throw UsageError("--peers: " + cli::unknown_word(name, peer_names()));
    o.peers.push_back(name);
  }
  if (line.peers.empty()) o.peers = peer_names();
  if (!o.onnxruntime.empty() && !std::filesystem::exists(o.onnxruntime))
    throw UsageError("--onnxruntime: the file " + o.onnxruntime + " does not exist");
}

void complete_options(CommandLine &line) {
  Options &o = line.options;
  if (line.full) o.extent = Extent::full;
  o.filter.where = Where(line.where);
  o.isas = isas_of(o.isas, o);
  o.threads = threads_of(line.threads, o);
  complete_peers(line);
  Options full = o;
  full.extent = Extent::full;
  drop_unselected(o);
  if (!o.isas.empty()) return;
  drop_unselected(full);
  const char *lister = o.extent == Extent::gates     ? "gates --list"
                       : o.extent == Extent::kernels ? "kernels --list"
                       : o.extent == Extent::costs   ? "cost --list"
                                                     : "--list --full";
  throw UsageError("no benchmark matches " + described(o.filter) + "; " +
                   (o.extent == Extent::quick && !full.isas.empty()
                        ? "add --full, which has benchmarks that match"
                        : std::string("`lanefold bench ") + lister + "` prints all names"));
}

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

int run(CommandLine &line) {
  const Clock::time_point begin = Clock::now();
  complete_options(line);
  if (line.list) return list(line);
  if (!line.google.empty()) return run_google_benchmark(line.options, line.google);
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
  // Scaling describes the whole machine, so a filtered run leaves it out.  With portable it would take minutes.
  if (complete && line.options.filter.pattern.empty() && line.where.empty() &&
      line.options.isas.front() != "portable") {
    status.show("times of single tasks, to simulate scaling");
    const Json scaling = simulate_in_process(line.options);
    if (scaling.contains("failed")) record.add(scaling);
    else record.set("scaling", scaling);
    status.clear();
    complete = !cli::interrupted();
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
  const bool complete = measure_in_processes(line.options, [&](const Json &event) {
    check_peers(line.options, event);
    record.add(event);
    if (event.contains("missing"))
      for (const Json &peer : event["missing"])
        std::printf("# isa:%s peer %s is missing: %s\n", event["isa"].get<std::string>().c_str(),
                    peer["name"].get<std::string>().c_str(), peer["reason"].get<std::string>().c_str());
    std::fflush(stdout);
  });
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
  const bool complete = measure_in_processes(line.options, [&](const Json &event) {
    record.add(event);
    if (!event.contains("case")) return;
    const Json &microkernel = event["case"]["variants"][0], &share = event["case"]["ratios"][0];
    const double seconds = microkernel["seconds"][0], flops = microkernel["flops"];
    std::printf("%-80s %7.2f G/s  %.3f of the peak  %.3f..%.3f\n", microkernel["name"].get<std::string>().c_str(),
                flops / 2 / seconds * 1e-9, share["value"].get<double>(), share["low"].get<double>(),
                share["high"].get<double>());
    std::fflush(stdout);
  });
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
    if (isa != counted["isa"]) print_cost_heading(isa = counted["isa"]);
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

cli::Option isa_option(CommandLine &line) {
  return {.names = "--isa",
          .value = "NAME",
          .target = &line.options.isas,
          .help = "Measure this instruction set. Repeat the option for several.",
          .fallback = "the best one; with --full, gates, kernels and cost, all",
          .repeated = cli::Option::all};
}

cli::Option where_option(std::string &where) {
  return {.names = "--where",
          .value = "CONDITIONS",
          .target = &where,
          .help =
              "Select by fields, such as 'op=dense n>=100 isa=avx2,avx512' or 'peer=onednn'. All conditions have to "
              "hold for one variant."};
}

cli::Option verbose_option(CommandLine &line) {
  return {.names = "--verbose", .target = &line.verbose, .help = "Print every ratio, those without a target too."};
}

cli::Option list_option(CommandLine &line) {
  return {.names = "--list", .target = &line.list, .help = "Print the names of the benchmarks and measure nothing."};
}

// The options that `gates` shares with a run.
std::vector<cli::Option> shared_options(CommandLine &line) {
  Options &o = line.options;
  return {isa_option(line),
          {.names = "--threads",
           .value = "K[,K]...",
           .target = &line.threads,
           .help = "Numbers of threads, such as 1,2.",
           .fallback = "one, and one for each core"},
          {.names = "--peers",
           .value = "NAME[,NAME]...",
           .target = &line.peers,
           .help = "Some of openblas, blis, onednn, eigen, numpy, pytorch and onnxruntime, or none.",
           .fallback = "all that are installed",
           .repeated = cli::Option::commas},
          {.names = "--onnxruntime",
           .value = "FILE",
           .target = &o.onnxruntime,
           .help = "The path of libonnxruntime.so.1.",
           .fallback = "$LANEFOLD_ONNXRUNTIME, else where the system has it",
           .environment = "LANEFOLD_ONNXRUNTIME"},
          where_option(line.where),
          verbose_option(line),
          list_option(line)};
}

std::vector<cli::Option> run_options(CommandLine &line) {
  std::vector<cli::Option> options = {
      {.names = "--quick",
       .target = &line.quick,
       .help = "Measure the most important benchmarks in two minutes. This is the default."},
      {.names = "--full",
       .target = &line.full,
       .help = "Measure everything on all instruction sets, in an hour.",
       .excludes = "--quick"},
      {.names = "--filter",
       .value = "REGEX",
       .target = &line.options.filter.pattern,
       .help = "Measure only names that match this regular expression, such as gemm/nn or m:200."},
      {.names = "-o,--output",
       .value = "FOLDER",
       .target = &line.output,
       .help = "The folder for results.json and report.html. It is created if it does not exist.",
       .fallback = "the current folder"},
      {.names = "--no-report", .target = &line.no_report, .help = "Write results.json alone, which needs no Python."}};
  for (const cli::Option &option : shared_options(line)) options.push_back(option);
  return options;
}

cli::Command gates_command(CommandLine &line) {
  cli::Command command{.name = "gates",
                       .description = "Check the promised speed, and print a line for each gate: name, value, target, "
                                      "holds|fails|undecided, interval.",
                       .options = shared_options(line),
                       .run = [&line](const cli::Command &) { return gates(line); }};
  command.options.push_back({.names = "filter",
                             .value = "REGEX",
                             .target = &line.options.filter.pattern,
                             .help = "Check only names that match this regular expression, such as gemm/nn."});
  return command;
}

cli::Command kernels_command(CommandLine &line) {
  return {.name = "kernels",
          .description =
              "Time each microkernel alone, and print a line for each: name, multiply-adds per second, share "
              "of the peak.",
          .options = {isa_option(line),
                      where_option(line.where),
                      list_option(line),
                      {.names = "filter",
                       .value = "REGEX",
                       .target = &line.options.filter.pattern,
                       .help = "Time only names that match this regular expression, such as packing or rows:6/."}},
          .run = [&line](const cli::Command &) { return kernels(line); }};
}

cli::Command cost_command(CommandLine &line) {
  return {.name = "cost",
          .description = "Count what one warm call of each operation costs: instructions by kind, floating-point "
                         "operations, bytes and cache lines.",
          .options = {isa_option(line),
                      where_option(line.where),
                      list_option(line),
                      {.names = "--json", .target = &line.json, .help = "Print one JSON object."},
                      {.names = "filter",
                       .value = "REGEX",
                       .target = &line.options.filter.pattern,
                       .help = "Count only names that match this regular expression, such as gemm or m:64/."}},
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
            if (!std::filesystem::exists(*json)) throw UsageError(*json + ": no such file");
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
  bench::CommandLine line;
  // Google Benchmark reads its own options.
  char **const end = std::stable_partition(
      argv, argv + argc, [](const char *word) { return !std::string_view(word).starts_with("--benchmark_"); });
  line.google.assign(end, argv + argc);
  argc = static_cast<int>(end - argv);
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
  return cli::run_command_line(program, argc, argv);
}
