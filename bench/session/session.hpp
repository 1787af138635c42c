// One run of the benchmarks: the choice of cases, and the processes that measure them.
#pragma once

#include "../method/results.hpp"
#include "../suites/suites.hpp"

#include <functional>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold::bench {

struct Options {
  Extent extent = Extent::quick;
  std::string filter; // a regular expression that the name of a case or of one of its ratios has to match
  std::vector<std::string> isas;
  std::vector<int> threads;
  std::vector<std::string> peers;
  bool peers_required = false; // the user named the peers, so a missing one is an error
  std::string onnxruntime;
  double seconds = 110; // for the measurements of a quick run
};

using Emit = std::function<void(const Json &)>;

// The command line asks for something that is not possible.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The filter of a command line.  Throws UsageError if it is not a regular expression.
std::regex pattern_of(const std::string &filter);

// The list for this run.
List list_for(const Options &options, const std::string &isa, int threads);

// The cases of the list that the options select, by the name of a case ("gemm/nn/isa:avx512/m:1/...") or of a ratio.
std::vector<Case> select_cases(const List &list, const Options &options, const std::string &isa, int threads);

// Measures in this process, which from then on can use only this instruction set and number of threads.  Emits each
// result as soon as it is known: {"case"...}, {"ratio"...}, {"peers"...}, {"failed"...}.
void measure(const Options &options, const std::string &isa, int threads, double seconds, const Emit &emit);

// Runs `work` in a child process and forwards what the child emits to `emit`.  If the child throws or dies, this emits
// {"failed": `what` or the case that ran, "reason"}.
void run_in_process(const std::string &what, const std::function<void(const Emit &)> &work, const Emit &emit);

// The plugin that $LANEFOLD_ISA names, or else the best one for this CPU.
std::string best_isa();
// Throws UsageError unless the plugin of this name can run on this CPU.
void check_isa(const std::string &name);

// Runs measure() in a child process for each instruction set and number of threads, one after the other.  Returns false
// if interrupted.  Results that a child emitted before it died are kept.
bool measure_in_processes(const Options &options, const Emit &emit);

} // namespace lanefold::bench
