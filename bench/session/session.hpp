// One run of the benchmarks: the choice of cases, and the processes that measure them.
#pragma once

#include "../cases/cases.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace lanefold::bench {

struct Options {
  Extent extent = Extent::quick;
  Filter filter;
  std::vector<std::string> isas;
  std::vector<int> threads;
  std::vector<std::string> peers;
  bool peers_required = false; // the user named the peers, so a missing one is an error
  std::string onnxruntime;
  std::vector<Shape> shapes; // whose costs are counted; none: small shapes of every operation
  bool with_code = false;    // costs also have each instruction that ran
};

using Emit = std::function<void(const Json &)>;

// The list for this run.
List list_for(const Options &options, const std::string &isa, int threads);

// The cases of the list that the options select.
std::vector<Case> cases_for(const Options &options, const std::string &isa, int threads);

// Opens the peers that are there.  From then on this process can use only this instruction set and number of threads.
// Emits {"isa", "threads", "peers": [{"name", "version", "how"}], "missing": [{"name", "reason"}]}.
Setting setting_for(const Options &options, const std::string &isa, int threads, const std::string &folder,
                    const Emit &emit);

// Measures in this process for about so many seconds.  Emits results from time to time and at the end: {"case": ...},
// {"ratio": ...} of a summary, {"failed", "reason"}; and {"begins", "seconds", "of", "undecided"} before each round.
void measure(const Options &options, Setting setting, double seconds, const Emit &emit);

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
