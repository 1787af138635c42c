// The command line of `lanefold bench`: what its verbs share.
#pragma once

#include "session/session.hpp"

#include "cli/command.hpp"

#include <optional>
#include <string>
#include <vector>

namespace lanefold::bench {

struct CommandLine {
  Options options;
  std::string output = ".";
  std::optional<std::string> threads;
  std::string where;
  bool quick = false, full = false, no_report = false, list = false, json = false, verbose = false;
  std::vector<std::string> peers, shapes;
  std::vector<std::string> google; // the options of Google Benchmark
};

// Completes the options from the words of the command line.  Throws UsageError if they select nothing or contradict this
// machine.
void complete_options(CommandLine &line);

// "the filter 'gemm/nn' and --where 'm=1'".
std::string described(const Filter &filter);

// The options of a run, and those of the verbs that take fewer.
std::vector<cli::Option> run_options(CommandLine &line);
std::vector<cli::Option> gates_options(CommandLine &line);
std::vector<cli::Option> kernels_options(CommandLine &line);
std::vector<cli::Option> cost_options(CommandLine &line);
cli::Option where_option(std::string &where);

} // namespace lanefold::bench
