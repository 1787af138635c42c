// The same benchmarks under Google Benchmark's own command line, console and JSON.
#pragma once

#include "session.hpp"

namespace lanefold::bench {

// Registers the selected cases for the first instruction set and number of threads of the options, under the names of
// their variants, and runs Google Benchmark with these words, such as --benchmark_filter=gemm.  Returns the exit code.
int run_google_benchmark(const Options &options, std::vector<std::string> words);

} // namespace lanefold::bench
