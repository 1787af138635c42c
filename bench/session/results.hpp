// The results of a run as JSON: what Lanefold's report and comparison read, and the rows of Google Benchmark's format for
// other tools.
#pragma once

#include "../cases/cases.hpp"
#include "../timing/case_run.hpp"

#include <string>

namespace lanefold::bench {

// The format of the part that only Lanefold reads, which it names.
inline constexpr const char *results_format = "lanefold-bench-3";

// {"name", fields, "value", "low", "high", "numerator", "denominator"}, and with a target also "sense", "target" and
// "verdict".
Json ratio_of(const std::string &quantity, const Fields &subject, const Interval &interval, Sense sense, double target);

// {"name", fields, "rounds", "samples", "discarded", "shared_core", "variants": [{"name", "label", fields, "seconds":
// [value, low, high], "flops"...}], "ratios", "benchmarks"}
Json result_of(const Case &bench_case, const CaseResult &result);

// The "context" of Google Benchmark's format, which describes the machine.
Json benchmark_context();

// Reads results of `lanefold bench` or of Google Benchmark.  What a comparison reads has the right types, and times and
// ratios are positive.  Throws std::runtime_error, whose message names the file and the field.
Json read_results(const std::string &path);

} // namespace lanefold::bench
