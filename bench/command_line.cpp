// Where an option is not given, the choice depends on the extent of the run and on what --where may select.
#include "command_line.hpp"

#include "timing/machine.hpp"

#include "cli/words.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>

namespace lanefold::bench {

// ------------------------------------------------------------------------------------------------------- completing

namespace {

constexpr int64_t most_elements = int64_t{1} << 24; // of a matrix whose calls are counted

// Parses "200x300x784".
Shape shape_of(const std::string &text) {
  Shape shape{};
  int end = 0;
  const int read =
      std::sscanf(text.c_str(), "%5" SCNd64 "x%5" SCNd64 "x%5" SCNd64 "%n", &shape.m, &shape.n, &shape.k, &end);
  if (read != 3 || static_cast<size_t>(end) != text.size() || std::min({shape.m, shape.n, shape.k}) < 1)
    throw UsageError("--shape: '" + text + "' is not a shape; expected rows x outputs x inputs, such as 200x300x784");
  if (std::max({shape.m * shape.n, shape.n * shape.k, shape.m * shape.k}) > most_elements)
    throw UsageError("--shape: a matrix of " + text + " has more than " + std::to_string(most_elements) + " elements");
  return shape;
}

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
      throw UsageError("--threads: '" + word + "' is not a number of threads; expected positive integers, such as 1,2");
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

void complete_peers(CommandLine &line) {
  Options &o = line.options;
  o.peers_required = !line.peers.empty() && line.peers != std::vector<std::string>{"none"};
  for (const std::string &name : line.peers) {
    if (name == "none" && line.peers.size() == 1) break;
    if (cli::code_of(peer_names(), name) < 0) throw UsageError("--peers: " + cli::unknown_word(name, peer_names()));
    o.peers.push_back(name);
  }
  if (line.peers.empty()) o.peers = peer_names();
  std::error_code error;
  if (!o.onnxruntime.empty() && !std::filesystem::exists(o.onnxruntime, error))
    throw UsageError("--onnxruntime: the file " + o.onnxruntime + " does not exist");
}

} // namespace

// "'gemm/nn'", "'gemm/nn' and --where 'm=1'" or "--where 'm=1'".
std::string described(const Filter &filter) {
  const std::string where = filter.where.text().empty() ? "" : "--where '" + filter.where.text() + "'";
  if (filter.pattern.empty()) return where;
  return "the filter '" + filter.pattern + "'" + (where.empty() ? "" : " and " + where);
}

void complete_options(CommandLine &line) {
  Options &o = line.options;
  for (const std::string &text : line.shapes) o.shapes.push_back(shape_of(text));
  if (line.full) o.extent = Extent::full;
  o.filter.where = Where(line.where);
  o.isas = isas_of(o.isas, o);
  o.threads = threads_of(line.threads, o);
  if (!line.google.empty() && line.threads && o.threads.size() > 1)
    throw UsageError("--threads: Google Benchmark's options take one number of threads");
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

// ---------------------------------------------------------------------------------------------------------- options

namespace {

cli::Option isa_option(CommandLine &line) {
  return {.names = "--isa",
          .value = "NAME",
          .target = &line.options.isas,
          .help = "Measure this instruction set. Repeat the option for several.",
          .fallback = "the best one; all with --full; all but portable with gates, kernels and cost",
          .repeated = cli::Option::all};
}

cli::Option verbose_option(CommandLine &line) {
  return {.names = "--verbose", .target = &line.verbose, .help = "Print every ratio, those without a target too."};
}

cli::Option list_option(CommandLine &line) {
  return {.names = "--list", .target = &line.list, .help = "Print the names of the benchmarks and measure nothing."};
}

cli::Option filter_word(CommandLine &line, const std::string &help) {
  return {.names = "filter", .value = "REGEX", .target = &line.options.filter.pattern, .help = help};
}

// The options that `gates` shares with a run.
std::vector<cli::Option> shared_options(CommandLine &line) {
  Options &o = line.options;
  return {isa_option(line),
          {.names = "--threads",
           .value = "K[,K]...",
           .target = &line.threads,
           .help = "Numbers of threads, such as 1,2.",
           .fallback = "one thread, and as many as there are cores; for gates at most two"},
          {.names = "--peers",
           .value = "NAME[,NAME]...",
           .target = &line.peers,
           .help = "Some of openblas, blis, onednn, libxsmm, eigen, numpy, pytorch and onnxruntime, or none.",
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
          list_option(line),
          {.names = "--json", .target = &line.json, .help = "With --list: print a JSON object for each case."}};
}

} // namespace

cli::Option where_option(std::string &where) {
  return {.names = "--where",
          .value = "CONDITIONS",
          .target = &where,
          .help =
              "Select by fields, such as 'op=dense n>=100 isa=avx2,avx512' or 'peer=onednn'. All conditions have to "
              "hold for one variant."};
}

std::vector<cli::Option> run_options(CommandLine &line) {
  std::vector<cli::Option> options = {
      {.names = "--quick",
       .target = &line.quick,
       .help = "Measure the most important benchmarks in two minutes. This is the default."},
      {.names = "--full",
       .target = &line.full,
       .help = "Measure everything on all instruction sets, in an hour or more.",
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

std::vector<cli::Option> gates_options(CommandLine &line) {
  std::vector<cli::Option> options = shared_options(line);
  options.push_back(filter_word(line, "Check only names that match this regular expression, such as gemm/nn."));
  return options;
}

std::vector<cli::Option> kernels_options(CommandLine &line) {
  return {isa_option(line), where_option(line.where), list_option(line),
          filter_word(line, "Time only names that match this regular expression, such as packing or m:6/.")};
}

std::vector<cli::Option> cost_options(CommandLine &line) {
  return {isa_option(line),
          where_option(line.where),
          list_option(line),
          {.names = "--json", .target = &line.json, .help = "Print one JSON object."},
          {.names = "--code",
           .target = &line.options.with_code,
           .help = "Add each instruction to the JSON object: its file, its address in the file, and how often it ran."},
          {.names = "--shape",
           .value = "MxNxK",
           .target = &line.shapes,
           .help = "Count products, dense layers and batch normalization of this shape: rows, outputs and inputs. "
                   "Repeat the option for several.",
           .fallback = "small shapes of every operation",
           .repeated = cli::Option::all},
          filter_word(line, "Count only names that match this regular expression, such as gemm or m:64/.")};
}

} // namespace lanefold::bench
