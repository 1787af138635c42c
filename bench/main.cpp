// lanefold-bench, which is `lanefold bench`: reads the command line and prints what a session finds.
#include "scaling/scaling.hpp"
#include "session/compare.hpp"
#include "session/record.hpp"

#include "cli/atomic_file.hpp"
#include "cli/python.hpp"
#include "cli/completion.hpp"
#include "cli/interrupt.hpp"
#include "cli/terminal.hpp"
#include "method/clock.hpp"
#include "cli/words.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <regex>

extern const char lanefold_report[]; // report/*.py, one after the other

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

// What is being done, in place on a terminal.
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

// "1,2" as numbers; without any: one, and as many as there are cores (gates: at most two).
std::vector<int> threads_of(const std::optional<std::string> &text, Extent extent) {
  const int most = extent == Extent::gates ? std::min(2, cores()) : cores();
  if (!text) return most > 1 ? std::vector<int>{1, most} : std::vector<int>{1};
  const int all = static_cast<int>(usable_cpus().size());
  std::vector<int> threads;
  for (size_t begin = 0; begin <= text->size();) {
    const size_t end = std::min(text->find(',', begin), text->size());
    const std::string word = text->substr(begin, end - begin);
    begin = end + 1;
    if (word.empty() || word.size() > 4 || word.find_first_not_of("0123456789") != std::string::npos ||
        std::stoi(word) < 1)
      throw Refused("--threads: '" + word + "' is no number of threads, such as 1,2");
    if (std::stoi(word) > all)
      throw Refused("--threads: this process may use " + std::to_string(all) + " CPUs, not " + word);
    threads.push_back(std::stoi(word));
  }
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  return threads;
}

std::vector<std::string> isas_of(const std::vector<std::string> &asked, Extent extent) {
  std::vector<std::string> isas;
  for (const std::string &isa : asked) {
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

size_t count_races(const Options &o) {
  size_t races = 0;
  for (const std::string &isa : o.isas)
    for (const int threads : o.threads) races += chosen(list_of(isa, threads), o, isa, threads).size();
  return races;
}

void settle(CommandLine &line) {
  Options &o = line.options;
  if (line.full) o.extent = Extent::full;
  o.isas = isas_of(o.isas, o.extent);
  o.threads = threads_of(line.threads, o.extent);
  o.peers_asked = !line.peers.empty() && line.peers != std::vector<std::string>{"none"};
  for (const std::string &name : line.peers) {
    if (name == "none" && line.peers.size() == 1) break;
    if (cli::code_of(peer_names(), name) < 0)
      throw Refused("--peers: " + cli::unknown_word(name, peer_names()));
    o.peers.push_back(name);
  }
  if (line.peers.empty()) o.peers = peer_names();
  if (!o.onnxruntime.empty() && !std::filesystem::exists(o.onnxruntime))
    throw Refused("--onnxruntime: " + o.onnxruntime + ": no such file");
  try {
    const std::regex checked(o.filter);
  } catch (const std::regex_error &) {
    throw Refused("'" + o.filter + "' is no regular expression");
  }
  if (count_races(o) > 0) return;
  Options full = o;
  full.extent = Extent::full;
  throw Refused("nothing that is measured matches '" + o.filter + "'" +
                (o.extent == Extent::quick && count_races(full) > 0
                     ? "; with --full there is"
                     : "; `lanefold bench --list --full` has all names"));
}

int list(const CommandLine &line) {
  for (const std::string &isa : line.options.isas)
    for (const int threads : line.options.threads)
      for (const Race &race : chosen(list_of(isa, threads), line.options, isa, threads)) {
        std::printf("%s/isa:%s%s%s%s\n", race.operation.c_str(), isa.c_str(), race.sizes.empty() ? "" : "/",
                    race.sizes.c_str(), suffix(threads).c_str());
        for (const Ratio &ratio : race.ratios) std::printf("  %s/isa:%s\n", ratio.name.c_str(), isa.c_str());
      }
  return 0;
}

// Throws where a peer that was asked for by name is missing.
void check_peers(const Options &options, const Json &finding) {
  if (!options.peers_asked || !finding.contains("missing")) return;
  for (const Json &peer : finding["missing"])
    throw Refused("--peers: " + peer["name"].get<std::string>() + " is missing: " + peer["why"].get<std::string>());
}

void print_doubts(const Record &record) {
  for (const Json &doubt : record.own()["doubts"])
    std::fprintf(stderr, "warning: %s\n", doubt.get<std::string>().c_str());
}

void print_missing(const Json &finding) {
  for (const Json &peer : finding["missing"])
    std::fprintf(stderr, "%s: missing: %s\n", peer["name"].get<std::string>().c_str(),
                 peer["why"].get<std::string>().c_str());
}

std::string status_of(const Json &finding) {
  return std::to_string(finding["number"].get<int>()) + " of " + std::to_string(finding["of"].get<int>()) + "  " +
         finding["begins"].get<std::string>();
}

// How far the figures of this run can be trusted.
Json trust(const Record &record) {
  int batches = 0, spoiled = 0, disturbed = 0, races = 0, settled = 0;
  for (const Json &race : record.races()) {
    batches += race["batches"].get<int>(), spoiled += race["spoiled"].get<int>();
    disturbed += race["disturbed"].get<int>();
    ++races, settled += race["settled"].get<bool>();
  }
  return {{"races", races}, {"settled", settled}, {"batches", batches}, {"spoiled", spoiled}, {"disturbed", disturbed}};
}

void print_failures(const Record &record) {
  for (const Json &failure : record.own()["failures"])
    std::fprintf(stderr, "lanefold bench: %s: %s\n", failure["failed"].get<std::string>().c_str(),
                 failure["why"].get<std::string>().c_str());
}

void print_summary(const Record &record) {
  int ok = 0, all = 0;
  for (const Json &ratio : record.ratios()) {
    std::printf("%s\n", line_of(ratio).c_str());
    if (!ratio.contains("verdict")) continue;
    ++all, ok += ratio["verdict"] == "ok";
  }
  const Json trusted = trust(record);
  const int batches = trusted["batches"].get<int>(), spoiled = trusted["spoiled"].get<int>();
  std::printf("\n%d of %d gates ok; %d of %d races settled within 2%%\n"
              "%d of %d batches were disturbed: %d of them were left out, %d had to count\n",
              ok, all, trusted["settled"].get<int>(), trusted["races"].get<int>(),
              spoiled + trusted["disturbed"].get<int>(), spoiled + batches, spoiled, trusted["disturbed"].get<int>());
}

int run(CommandLine &line) {
  const Clock::time_point begin = Clock::now();
  settle(line);
  if (line.list) return list(line);
  std::error_code ignored;
  std::filesystem::create_directories(line.output, ignored); // where that fails, the files cannot be written
  const std::string json = (std::filesystem::path(line.output) / "results.json").string();
  const std::string html = (std::filesystem::path(line.output) / "report.html").string();
  for (const std::string &path : {json, html}) {
    try {
      cli::check_replaceable(path);
    } catch (const std::system_error &error) {
      throw Refused(path + ": cannot be written: " + error.code().message());
    }
  }
  if (line.report) cli::run_python(lanefold_report, {"check"});
  Record record(line.options, line.full ? "lanefold bench --full" : "lanefold bench --quick");
  print_doubts(record);
  cli::watch_interrupts();
  Status status;
  Clock::time_point saved = Clock::now();
  bool whole = measure_apart(line.options, [&](const Json &finding) {
    check_peers(line.options, finding);
    if (finding.contains("missing")) status.clear(), print_missing(finding);
    if (finding.contains("begins")) return status.show(status_of(finding));
    record.add(finding);
    if (seconds_since(saved) < 5) return;
    try {
      record.save(json);
    } catch (const std::runtime_error &) {
      // There will be another time; the last one tells.
    }
    saved = Clock::now();
  });
  status.clear();
  // Of the whole machine, so not for a part of the list; portable takes minutes.
  if (whole && line.options.filter.empty() && line.options.isas.front() != "portable") {
    status.show("tasks alone, for scaling on paper");
    const Json scaling = scaling_apart(line.options);
    if (scaling.contains("failed")) record.add(scaling);
    else record.set("scaling", scaling);
    status.clear();
    whole = !cli::interrupted();
  }
  record.set("interrupted", !whole);
  record.set("trust", trust(record));
  record.set("seconds", seconds_since(begin));
  print_summary(record);
  print_failures(record);
  record.save(json);
  std::printf("%s: all figures\n", json.c_str());
  std::fflush(stdout);
  if (!whole) {
    std::fprintf(stderr, "interrupted; what was measured so far is kept\n");
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
  settle(line);
  if (line.list) return list(line);
  Record record(line.options, "lanefold bench gates");
  cli::watch_interrupts();
  const bool whole = measure_apart(line.options, [&](const Json &finding) {
    check_peers(line.options, finding);
    record.add(finding);
    const auto print = [](const Json &ratio) {
      std::printf("%s%s\n", ratio.contains("verdict") ? "" : "# ", line_of(ratio).c_str());
    };
    if (finding.contains("missing"))
      for (const Json &peer : finding["missing"])
        std::printf("# isa:%s peer %s is missing: %s\n", finding["isa"].get<std::string>().c_str(),
                    peer["name"].get<std::string>().c_str(), peer["why"].get<std::string>().c_str());
    if (finding.contains("race")) {
      std::printf("# %s:", finding["race"].get<std::string>().c_str());
      for (const Json &lane : finding["lanes"])
        std::printf(" %s %.4g us", lane["label"].get<std::string>().c_str(), 1e6 * lane["seconds"][0].get<double>());
      std::printf("\n");
      for (const Json &ratio : finding["ratios"]) print(ratio);
    }
    if (finding.contains("ratio")) print(finding["ratio"]);
    std::fflush(stdout);
  });
  print_failures(record);
  if (!whole) return cli::interrupted_exit_code;
  if (record.failures() > 0) return 1;
  if (record.gates() == 0)
    throw Refused("no gate matches '" + line.options.filter +
                  "' (with no peer installed there are none against peers)");
  return 0;
}

void add_options(CLI::App &app, CommandLine &line) {
  Options &o = line.options;
  app.add_option("--isa", o.isas,
                 "an instruction set, several times for several (without: the best; --full, gates: all)")
      ->allow_extra_args(false);
  app.add_option("--threads", line.threads, "numbers of threads, such as 1,2 (without: one and all)");
  app.add_option("--peers", line.peers,
                 "of openblas, blis, onednn, eigen, pytorch, onnxruntime; or none (without: all that are there)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--onnxruntime", o.onnxruntime, "the library of ONNX Runtime, libonnxruntime.so.1")
      ->envname("LANEFOLD_ONNXRUNTIME");
  app.add_flag("--list", line.list, "only list the names of what would be measured");
}

using Verb = std::function<int()>;

void add_run(CLI::App &app, CommandLine &line) {
  auto *extent = app.add_option_group("extent");
  extent->add_flag("--quick", line.quick, "the most important figures, in two minutes (the default)");
  extent->add_flag("--full", line.full, "everything, on all instruction sets: an hour");
  extent->require_option(0, 1);
  app.add_option("--filter", line.options.filter, "a regular expression for names, such as gemm/nn or m:200");
  app.add_option("-o,--output", line.output, "folder for results.json and report.html, made if it is not there")
      ->capture_default_str();
  app.add_flag("!--no-report", line.report, "results.json alone, which needs no Python");
  add_options(app, line);
}

void add_gates(CLI::App &app, CommandLine &line, Verb &verb) {
  CLI::App *gates_verb = app.add_subcommand(
      "gates", "what is promised of speed: one line for each gate, name value target ok|short interval");
  gates_verb->add_option("filter", line.options.filter, "a regular expression for names, such as gemm/nn or isa:avx2");
  add_options(*gates_verb, line);
  gates_verb->callback([&] { verb = [&] { return gates(line); }; });
}

void add_compare(CLI::App &app, Verb &verb) {
  struct Files {
    std::string before, after, filter;
    double agree = 0;
  };
  const auto files = std::make_shared<Files>();
  CLI::App *compare_verb =
      app.add_subcommand("compare", "two results.json: ratios of times, and whether a difference is real");
  compare_verb->add_option("before", files->before, "results.json, or JSON of Google Benchmark")->required();
  compare_verb->add_option("after", files->after, "the same, later")->required();
  compare_verb->add_option("--filter", files->filter, "a regular expression for names");
  compare_verb
      ->add_option("--agree", files->agree,
                   "percent: exit code 1 unless 95% of the figures of both are that near to each other")
      ->check(CLI::PositiveNumber);
  compare_verb->callback(
      [&, files] { verb = [files] { return compare(files->before, files->after, files->filter, files->agree); }; });
}

void add_report(CLI::App &app, Verb &verb) {
  const auto json = std::make_shared<std::string>();
  CLI::App *report = app.add_subcommand("report", "only draw report.html beside this results.json, which is there");
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

// For the shell, by way of `lanefold complete`.
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

// Options of the run itself mean nothing to other verbs.
void check_verb_first(const CLI::App &app, const CommandLine &line) {
  if (app.get_subcommands().empty()) return;
  const auto refuse = [](const std::string &option) {
    throw Refused(option + " stands before the verb, which does not know it");
  };
  if (line.quick || line.full) refuse(line.full ? "--full" : "--quick");
  for (const CLI::Option *option : app.get_options())
    if (option->count() > 0) refuse(option->get_name());
}

} // namespace
} // namespace lanefold::bench

int main(int argc, char **argv) {
  using namespace lanefold::bench;
  CLI::App app("Measures Lanefold beside other libraries and the limits of this machine.", "lanefold bench");
  CommandLine line;
  Verb verb = [&] { return run(line); };
  add_run(app, line);
  add_gates(app, line, verb);
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
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw std::runtime_error("standard output cannot be written");
    return code;
  } catch (const CLI::ParseError &error) {
    return explain(app, error);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "lanefold bench: %s\n", error.what());
    return error_exit_code;
  }
}
