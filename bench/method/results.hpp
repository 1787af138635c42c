// The results of a run as JSON: the rows of Google Benchmark, and what only Lanefold's report and comparison read.
#pragma once

#include "case.hpp"
#include "machine.hpp"

#include <map>
#include <string>

namespace lanefold::bench {

// Rows of Google Benchmark's JSON for each variant: one for each sample, then its median and the ends of its interval.
// A variant may be part of several cases; only the first case writes its rows.  `owners` maps the names of variants to
// these cases and is updated.
Json rows_of(const CaseResult &result, const std::string &case_name, int threads,
             std::map<std::string, std::string> &owners);

// {"name", "value", "low", "high", "numerator", "denominator"}, and with a target also "sense", "target", "verdict".
Json ratio_of(const MeasuredRatio &measured, const std::string &isa);
Json ratio_of(const std::string &name, const Interval &interval, Sense sense, double target);

// {"variants": [{"name", "label", "seconds": [median, low, high], "flops"...}], "samples", "noisy", "discarded",
// "converged"}.
Json result_json(const CaseResult &result);

// The "context" of Google Benchmark's JSON, which describes the machine.
Json benchmark_context();

// The format of the part that only Lanefold reads, which it names.
inline constexpr const char *results_format = "lanefold-bench-2";

// Bytes of a name.  std::regex calls itself for each of them, and the stack is finite.
inline constexpr size_t longest_name = 500;

// Reads results of `lanefold bench` or of Google Benchmark.  What a comparison reads has the right types, and times and
// ratios are positive.  Throws std::runtime_error, whose message names the file and the field.
Json read_results(const std::string &path);

} // namespace lanefold::bench
