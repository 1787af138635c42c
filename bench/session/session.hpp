// One run of the benchmarks: which races, in which processes, and what becomes of their results.
#pragma once

#include "../method/results.hpp"
#include "../suites/suites.hpp"

#include <functional>
#include <string>
#include <vector>

namespace lanefold::bench {

enum class Extent { quick, full, gates };

struct Options {
  Extent extent = Extent::quick;
  std::string filter; // a regular expression for names of races and ratios
  std::vector<std::string> isas;
  std::vector<int> threads;
  std::vector<std::string> peers;
  bool peers_asked = false; // by name: then each has to be there
  std::string onnxruntime;
  double seconds = 110; // of a quick run, without start and report
};

using Emit = std::function<void(const Json &)>;

// What is wrong with the user's wishes.
class Refused : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The races of the list that options choose.  By name: "gemm/nn/isa:avx512/m:1/..." or a ratio's.
std::vector<Race> chosen(const List &list, const Options &options, const std::string &isa, int threads);

// Measures in this process, which is given to one instruction set and number of threads for good.  Each finding goes to
// `found` as soon as it is there: {"race"...}, {"ratio"...}, {"peers"...}, {"failed"...}.
void measure(const Options &options, const std::string &isa, int threads, double seconds, const Emit &found);

// Runs `work` in a process of its own; what it emits is found here.  An error, or the process's violent end, is found
// as {"failed": what or the race that ran, "why"}.
void in_child(const std::string &what, const std::function<void(const Emit &)> &work, const Emit &found);

// The plugin that $LANEFOLD_ISA names, or the best one that can run here.
std::string best_isa();
// Throws Refused unless the plugin of this name can run here.
void check_isa(const std::string &name);

// measure() in processes of their own, one for each instruction set and number of threads, one after the other.
// Answers false if interrupted.  What a process found before it died is found all the same.
bool measure_apart(const Options &options, const Emit &found);

} // namespace lanefold::bench
