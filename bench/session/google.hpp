// The same benchmarks under Google Benchmark's own command line, console and JSON.
#pragma once

#include "session.hpp"

namespace lanefold::bench {

// Registers the selected cases under the names of their variants, for the first instruction set and number of threads
// of the options.  Then runs Google Benchmark with these words, such as --benchmark_filter=gemm.  Returns the exit
// code.
// emit: gets what setting_for() emits about peers.  Throws UsageError if nothing is selected.
int run_google_benchmark(const Options &options, std::vector<std::string> words, const Emit &emit);

} // namespace lanefold::bench
